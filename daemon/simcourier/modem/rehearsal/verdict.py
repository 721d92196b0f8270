"""What the session makes of a modem, as far as a dialogue shows how that answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from simcourier.modem.facts import ModemState, SubmitEnded
from simcourier.modem.rehearsal.desk import Desk, job
from simcourier.modem.rehearsal.dialogue import Step
from simcourier.modem.rehearsal.scripted import ScriptedModem, given, remembered

_WITHIN_S = 180.0
_JOB = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where bring-up ends, and what comes of a message where it ends well."""

    made: str
    quirks: str
    state: str
    reason: str
    reports: str
    sends: str
    unanswered: tuple[str, ...]


def plain(verdict: Verdict) -> dict[str, object]:
    """The verdict as JSON has it."""
    return asdict(verdict)


def freely(steps: Sequence[Step]) -> Verdict:
    """Bring up a modem that answers each command as it did last in the dialogue, and send a message through it."""
    recorded = any(step.verb == "open" for step in steps)
    modem = ScriptedModem(remembered(steps) if recorded else given(steps))
    desk = Desk(modem)
    desk.plug()
    sends = ""
    if desk.until(lambda: desk.state is ModemState.READY, _WITHIN_S):
        desk.submit(job(_JOB, now=desk.now))
        ended = [fact for fact in desk.facts if isinstance(fact, SubmitEnded)]
        if desk.until(lambda: not desk.session.busy, _WITHIN_S):
            ended = [fact for fact in desk.facts if isinstance(fact, SubmitEnded)]
        sends = f"{ended[-1].end} {ended[-1].reason}".strip() if ended else "no end within three minutes"
    card = desk.session.snapshot()
    return Verdict(
        " ".join(filter(None, (card.manufacturer, card.model, card.revision))),
        card.quirks,
        card.state,
        card.reason,
        card.reports,
        sends,
        tuple(dict.fromkeys(modem.unknown)),
    )
