"""What the page says: states, times and signal in words that an admin can act on; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from simcourier.outbox.inbound import InboundKind
from simcourier.outbox.message import Status
from simcourier.service import BoxStatus, Glimpse, ModemState, ModemView
from simcourier.service.inbound import InboundGlimpse
from simcourier_web.pages import fleet
from simcourier_web.pages.spans import span, visible

_SLOW_S = 60.0
"""A modem that is coming up, or a message that waits, for longer than this is worth a word."""
_LINES_SHOWN = 5
_NOT_HEARD = frozenset({ModemState.ABSENT, ModemState.OPENING, ModemState.PROBING})
"""In these states operator and signal are those of another time."""


class Tone(StrEnum):
    """How much a line wants to be looked at; each has its colour and its sign."""

    GOOD = "good"
    BUSY = "busy"
    OFF = "off"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The banner: how the box is in one sentence, and what to do about it."""

    tone: Tone
    headline: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModemLine:
    """One modem as the page shows it; `bars` is None where the strength is not known.

    Of its SIM: whose it is and whether at home, what it sent and has left; and what went wrong with it last.
    """

    name: str
    tone: Tone
    state: str
    reason: str
    advice: str
    operator: str
    bars: int | None
    signal: str
    since: str
    sandbox: bool = False
    place: str = ""
    sent: str = ""
    left: str = ""
    mishap: str = ""


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One message as the page shows it."""

    short_id: str
    to_masked: str
    tone: Tone
    state: str
    kind: str
    modem: str
    age: str
    took: str


@dataclass(frozen=True, slots=True)
class InboundLine:
    """One message that came in, as the page shows it."""

    from_masked: str
    tone: Tone
    state: str
    modem: str
    acked: str
    age: str


def took(duration_ms: int) -> str:
    """How long something took: tenths of a second below a minute."""
    if duration_ms < 59_950:
        return f"{duration_ms / 1000:.1f} s"
    minutes, seconds = divmod(round(duration_ms / 1000), 60)
    return f"{minutes} min {seconds} s" if minutes < 60 else span(duration_ms / 1000)


def room(megabytes: int) -> str:
    """Room on a disk: `80 GB`, `950 MB`."""
    return f"{megabytes} MB" if megabytes < 10_000 else f"{megabytes // 1024} GB"


def bars(signal_dbm: int) -> int:
    """Bars from 0 to 4 for a received power."""
    return sum(signal_dbm >= threshold for threshold in (-109, -97, -85, -73))


_STRENGTH = ("no signal", "weak", "fair", "good", "very good")


def _of_state(state: ModemState) -> tuple[Tone, str, str]:
    """Tone, words and advice for a modem's state."""
    match state:
        case ModemState.ABSENT:
            return Tone.BAD, "Not plugged in", "Plug it in, or check cable and USB hub."
        case ModemState.OPENING:
            return Tone.BUSY, "Opening its port", "If this stays, another program may hold the port."
        case ModemState.PROBING:
            return Tone.BUSY, "Looking at it", "If this stays, it may not be a modem."
        case ModemState.SIM_MISSING:
            return Tone.BAD, "No SIM", "Put a SIM card in, or seat it anew."
        case ModemState.SIM_LOCKED:
            return (
                Tone.BAD,
                "SIM is locked",
                "Check its pin_file and restart the modem, or unlock the SIM in a phone.",
            )
        case ModemState.INITIALISING:
            return Tone.BUSY, "Starting", ""
        case ModemState.SEARCHING:
            return Tone.BUSY, "Searching for a network", "If this stays, check the antenna and its place."
        case ModemState.READY:
            return Tone.GOOD, "Ready", ""
        case ModemState.SENDING:
            return Tone.GOOD, "Sending", ""
        case ModemState.RESYNC:
            return Tone.BUSY, "Recovering", ""
        case ModemState.SILENT:
            return Tone.BAD, "Does not answer", "If it stays silent, unplug it and plug it in again."
        case ModemState.BARRED:
            return Tone.BAD, "Refused by the network", "Ask the operator whether this SIM is active and paid."
        case _:
            assert_never(state)


def modem_line(view: ModemView) -> ModemLine:
    """One modem in words."""
    card = view.snapshot
    tone, state, reason, advice = _standing(view)
    if tone is Tone.BUSY and view.for_s > _SLOW_S:
        tone = Tone.BAD
    if view.paused:
        tone, state = Tone.OFF, f"Paused. {state}" if tone is Tone.BAD else "Paused"
    heard = card.state not in _NOT_HEARD
    dbm = card.signal_dbm if heard else None
    strength = None if dbm is None else bars(dbm)
    return ModemLine(
        name=visible(card.name),
        tone=tone,
        state=state,
        reason=visible(reason),
        advice=advice,
        operator=visible(card.operator) if heard else "",
        bars=strength,
        signal=""
        if dbm is None or strength is None
        else f"{_STRENGTH[strength]}, {dbm} dBm".replace("-", "\N{MINUS SIGN}"),
        since=span(view.for_s),
        sandbox=view.sandbox,
        place=fleet.place(view) if heard else "",
        sent=fleet.sent(view.load) if heard else "",
        left=fleet.left(view.load.balance),
        mishap=fleet.mishap(view.mishap),
    )


def _standing(view: ModemView) -> tuple[Tone, str, str, str]:
    """Tone, words, reason and advice: what its SIM lacks is told where the modem lacks nothing."""
    card, load = view.snapshot, view.load
    tone, state, advice = _of_state(card.state)
    if tone is not Tone.GOOD or view.paused:
        return tone, state, card.reason, "" if _says_what_to_do(card.reason) else advice
    if load.held is not None:
        return Tone.WARN, "Held back", *fleet.held(load.held, card.name)
    low = fleet.runs_low(load)
    return (Tone.WARN, state, low, "Top it up.") if low else (tone, state, card.reason, advice)


def _says_what_to_do(reason: str) -> bool:
    """Whether a modem's own sentence has advice in it, which ours would only repeat."""
    _, _, behind = reason.rpartition(": ")
    return behind.startswith(("ask ", "put ", "try ", "use ", "see "))


def _of_status(status: Status) -> tuple[Tone, str]:
    match status:
        case Status.QUEUED:
            return Tone.BUSY, "Waiting"
        case Status.SENDING:
            return Tone.BUSY, "Sending"
        case Status.SENT:
            return Tone.BUSY, "Sent"
        case Status.DELIVERED:
            return Tone.GOOD, "Delivered"
        case Status.UNDELIVERED:
            return Tone.BAD, "Not delivered"
        case Status.FAILED:
            return Tone.BAD, "Failed"
        case Status.EXPIRED:
            return Tone.BAD, "Expired"
        case Status.SUPERSEDED:
            return Tone.OFF, "Replaced"
        case Status.CANCELED:
            return Tone.OFF, "Canceled"
        case Status.UNKNOWN:
            return Tone.WARN, "Maybe sent"
        case _:
            assert_never(status)


def message_line(glimpse: Glimpse, now_ms: int) -> MessageLine:
    """One message in words."""
    tone, state = _of_status(glimpse.status)
    arrived_ms = glimpse.delivered_after_ms
    return MessageLine(
        short_id=glimpse.short_id,
        to_masked=glimpse.to_masked,
        tone=tone,
        state=state,
        kind=glimpse.message_class,
        modem=visible(glimpse.modem or ""),
        age=span((now_ms - glimpse.created_at_ms) / 1000),
        took="" if arrived_ms is None else took(arrived_ms),
    )


_OF_KIND = {
    InboundKind.TEXT: (Tone.GOOD, "Text"),
    InboundKind.DATA: (Tone.OFF, "Data"),
    InboundKind.STOP: (Tone.WARN, "Wants no more messages"),
    InboundKind.START: (Tone.GOOD, "Wants messages again"),
}


def inbound_line(glimpse: InboundGlimpse, now_ms: int) -> InboundLine:
    """What came in, in words; never its text, which is personal and anybody's."""
    tone, state = _OF_KIND[glimpse.kind]
    if glimpse.missing:
        tone, state = Tone.WARN, f"{state}, {glimpse.missing} of {glimpse.parts} parts missing"
    return InboundLine(
        from_masked=visible(glimpse.from_masked),
        tone=tone,
        state=state,
        modem=visible(glimpse.modem),
        acked="Yes" if glimpse.acked else "Not yet",
        age=span((now_ms - glimpse.received_at_ms) / 1000),
    )


def verdict(box: BoxStatus, modems: list[ModemLine], min_free_mb: int) -> Verdict:
    """How the box is: the gravest thing first."""
    if not box.healthy:
        return Verdict(
            Tone.BAD,
            "The box is stuck: it writes nothing to its disk.",
            ("Restart the service simcourier, then look into its log.",),
        )
    if box.free_mb < min_free_mb:
        return Verdict(
            Tone.BAD,
            "The disk is almost full: no message is accepted.",
            (
                f"{box.free_mb} MB are free, {min_free_mb} MB are needed. Delete something or give it more room.",
            ),
        )
    if not modems:
        return Verdict(
            Tone.BAD,
            "No modem is connected.",
            ("Plug one in, or name its port under [[modems]] in the configuration.",),
        )
    return _of_modems(box, modems)


def _of_modems(box: BoxStatus, modems: list[ModemLine]) -> Verdict:
    lines = (*_of_hubs(box), *_complaints(modems))
    if not box.ready:
        starting = any(modem.tone is Tone.BUSY for modem in modems)
        if starting:
            return Verdict(Tone.WARN, "No modem can send yet.", lines)
        return Verdict(Tone.BAD, "No modem can send.", lines)
    waited_s = 0.0 if box.oldest_queued_ms is None else (box.now_ms - box.oldest_queued_ms) / 1000
    if waited_s > _SLOW_S:
        return Verdict(Tone.WARN, f"Messages wait: the oldest for {span(waited_s)}.", lines)
    able = f"{box.modems_up} of {box.modems} modems can send."
    if box.modems_up < box.modems:
        return Verdict(Tone.WARN, f"Ready, but only {able}" if lines else f"Ready. {able}", lines)
    if lines:
        return Verdict(Tone.WARN, f"Ready. {able}", lines)
    return Verdict(Tone.GOOD, "Ready. The modem can send." if box.modems == 1 else f"Ready. {able}")


def _of_hubs(box: BoxStatus) -> list[str]:
    return [
        f"USB hub {hub} is gone with its {modems} modems. See to its power and its cable."
        for hub, modems in box.dead_hubs.items()
    ]


def _complaints(modems: list[ModemLine]) -> tuple[str, ...]:
    lines = [_complaint(modem) for modem in modems if modem.tone is not Tone.GOOD]
    if len(lines) <= _LINES_SHOWN:
        return tuple(lines)
    return (*lines[:_LINES_SHOWN], f"And {len(lines) - _LINES_SHOWN} more; see below.")


def _complaint(modem: ModemLine) -> str:
    because = f" ({modem.reason})" if modem.reason else ""
    return f"{modem.name}: {modem.state}{because}. {modem.advice}".rstrip()
