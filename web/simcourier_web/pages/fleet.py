"""What the page says of a modem's SIM and faults: what holds it back, what it sent and has left; pure."""

from __future__ import annotations

from simcourier.service import Balance, ModemView
from simcourier.service.loads import Held, Load
from simcourier.service.modems import Mishap
from simcourier_web.pages.spans import span, visible

_ADVICE = {
    "approval": "If it is yours, approve it: simcourier sims approve {modem}.",
    "credit": "Top it up; its balance is asked for again by itself.",
    "loop-test": "Try it in a phone; it is tested again by itself.",
}
_FAULTS = {
    "silent": "did not answer",
    "no-prompt": "took no message",
    "silent-after-pdu": "did not answer to a message",
    "lost-submit": "lost a message",
    "out-of-step": "answered out of step",
    "flood": "talked without end",
    "noise": "made noise",
    "port-lost": "was unplugged",
    "port-stalled": "took no bytes",
    "sim-lost": "lost its SIM",
    "sim-changed": "got another SIM",
    "network-lost": "lost the network",
    "restarted": "started anew by itself",
    "store-full": "had its store full",
    "twin": "has a twin with its IMEI",
    "refused-message": "refused a message",
    "refused-sim": "refused to send, for its SIM",
    "refused-network": "was refused by the network",
    "refused-modem": "refused to send",
}
_REGISTRATIONS = {"home": "home", "roaming": "roaming"}


def held(found: Held, modem: str) -> tuple[str, str]:
    """What holds the SIM in `modem` back, and what to do about it."""
    if found.until_ms is not None:
        return f"{found.why}, for {span(found.for_s)} more", "It goes on by itself."
    return found.why, _ADVICE.get(found.cause or "", "").format(modem=visible(modem))


def sent(load: Load) -> str:
    """Segments of today, or of the span that is bounded: `12 today`, `80 of 100 this month`."""
    used, pace = load.used, load.pace
    for count, bound, when in (
        (used.day, pace.day, "today"),
        (used.month, pace.month, "this month"),
        (used.hour, pace.hour, "this hour"),
    ):
        if bound:
            return f"{count} of {bound} {when}"
    return f"{used.day} today"


def left(balance: Balance | None) -> str:
    """What is left on a SIM: `3.20 EUR left`."""
    return "" if balance is None else visible(f"{balance.amount:.2f} {balance.unit}".rstrip() + " left")


def runs_low(load: Load) -> str:
    """That a SIM runs low, where it does."""
    return (
        f"its SIM runs low: {left(load.balance)}" if load.balance is not None and load.balance.is_low else ""
    )


def place(view: ModemView) -> str:
    """Whose SIM it is, and whether it is at home: `East, roaming`."""
    card = view.snapshot
    said = (view.load.operator, _REGISTRATIONS.get(card.registration, ""))
    return visible(", ".join(word for word in said if word and word != card.operator))


def mishap(found: Mishap | None) -> str:
    """What went wrong last: `did not answer, 5 min ago; well after 3 s`."""
    if found is None:
        return ""
    said = f"{_FAULTS.get(found.fault, found.fault)}, {span(found.ago_s)} ago"
    return said if found.recovered_in_s is None else f"{said}; well after {span(found.recovered_in_s)}"
