"""Ask a modem something and get an answer, or the trouble that there is none."""

from __future__ import annotations

from simcourier.at.engine import Answer, Command, End, Shape
from simcourier.at.parse import sim_is_starting
from simcourier.at.trace import mask
from simcourier.errors import EquipmentError
from simcourier.modem.facts import Fault
from simcourier.modem.modem import Modem
from simcourier.modem.waits import InStep, Pause, Procedure

_SHOWN = 80
SKIPPED = Answer(End.ERROR, "not asked: the modem has no answer to it", [])


class DialogueError(EquipmentError):
    """The dialogue can't go on as it is; the message says what was seen, `fault` as what it counts."""

    def __init__(self, seen: str, fault: Fault = Fault.OUT_OF_STEP) -> None:
        super().__init__(seen)
        self.fault = fault


class NoPromptError(DialogueError):
    """A prompt did not come."""

    def __init__(self, seen: str) -> None:
        super().__init__(seen, Fault.NO_PROMPT)


class SilenceError(DialogueError):
    """The modem said nothing for as long as anybody could wait."""


def ask(
    m: Modem,
    text: str,
    *claims: str,
    shape: Shape = Shape.PLAIN,
    timeout: float | None = None,
    must: bool = False,
) -> Procedure[Answer]:
    """Send a command and return its answer, OK or an error; raise DialogueError on silence.

    A command that a modem leaves unanswered twice although it answers `AT` at once is not sent to it for a while,
    and longer each time: some hang on commands that others have (an E3131 on CLAC). Not for good, since one that
    was only slow for a minute, with its SIM full, say, is to be asked again. `must`: without it there is no sending.
    """
    quirks = m.quirks
    if text in quirks.never or (m.muteness.leaves_out(text, m.now) and not must):
        return SKIPPED
    yield from breathe(m)
    if text in quirks.lone:
        shape = Shape.LONE
    answer: Answer = yield Command(text, claims, timeout or m.timings.command, shape)
    if answer.end is End.SILENCE and shape is Shape.LONE and answer.lines:
        yield InStep()
        answer = Answer(End.OK, "", answer.lines)
    if answer.end is End.SILENCE:
        m.unanswered = text
        raise DialogueError(f"{text}: no answer", Fault.SILENT)
    m.muteness.heard(text)
    return answer


def breathe(m: Modem) -> Procedure[None]:
    """Leave a modem the pause that it wants before the next command."""
    if m.pause:
        yield Pause(m.pause)


def in_short(answer: Answer) -> str:
    """Return a final result code for an admin: some modems put numbers and words of others into it."""
    return mask(answer.final)[:_SHOWN]


def ask_patiently(
    m: Modem, text: str, *claims: str, shape: Shape = Shape.PLAIN, timeout: float | None = None
) -> Procedure[Answer]:
    """Do the same, again and again while the SIM says that it has only just started."""
    answer = yield from ask(m, text, *claims, shape=shape, timeout=timeout)
    tries = 1
    while sim_is_starting(answer.final) and tries < m.timings.sim_start_tries:
        yield Pause(m.timings.sim_start_pause)
        answer = yield from ask(m, text, *claims, shape=shape, timeout=timeout)
        tries += 1
    return answer
