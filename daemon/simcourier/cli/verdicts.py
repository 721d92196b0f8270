"""What a modem's snapshot means to the person who has to make it send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from simcourier.cli.wording import printable, signal_bars
from simcourier.modem.facts import ModemSnapshot, ModemState, ReportRoute
from simcourier.modem.states import CAN_TAKE_JOBS

ALL_WELL = "Can send."
UNKNOWN = "-"
_WEAK_DBM = -105
_NO_ANSWER = frozenset({ModemState.ABSENT, ModemState.OPENING, ModemState.PROBING, ModemState.SILENT})
_NOT_OPEN = frozenset({ModemState.ABSENT, ModemState.OPENING})


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row: what was found on the way from the port to the network, and what follows from it."""

    name: str
    port: str
    usable: bool
    device: str
    sim: str
    network: str
    signal: str
    reports: str
    sentence: str
    answers: bool
    """Does anybody speak AT behind this port?"""


def judge(snapshot: ModemSnapshot) -> Verdict:
    """Judge a modem by how far its bring-up came."""
    past_sim = _is_past_sim(snapshot)
    return Verdict(
        name=snapshot.name,
        port=snapshot.port,
        usable=snapshot.state in CAN_TAKE_JOBS,
        device=_device(snapshot),
        sim=_sim(snapshot),
        network=_network(snapshot) if past_sim else UNKNOWN,
        signal=signal_bars(snapshot.signal_dbm),
        reports=_reports(snapshot) if past_sim else UNKNOWN,
        sentence=printable(_sentence(snapshot)),
        answers=snapshot.state not in _NO_ANSWER,
    )


def _is_past_sim(snapshot: ModemSnapshot) -> bool:
    return snapshot.state in {
        ModemState.READY,
        ModemState.SENDING,
        ModemState.SEARCHING,
        ModemState.BARRED,
    }


def _device(snapshot: ModemSnapshot) -> str:
    if snapshot.state in _NOT_OPEN:
        return "not opened"
    if snapshot.state in _NO_ANSWER:
        return "no answer to AT"
    return " ".join(word for word in (snapshot.manufacturer, snapshot.model) if word) or "answers AT"


def _sim(snapshot: ModemSnapshot) -> str:
    if snapshot.state is ModemState.SIM_MISSING:
        return "missing"
    if snapshot.state is ModemState.SIM_LOCKED:
        return "locked"
    return "ready" if _is_past_sim(snapshot) else UNKNOWN


def _network(snapshot: ModemSnapshot) -> str:
    if snapshot.state is ModemState.BARRED:
        return "denied"
    if snapshot.state is ModemState.SEARCHING:
        return "none yet"
    return ", ".join(word for word in (snapshot.operator, snapshot.registration) if word) or "registered"


def _reports(snapshot: ModemSnapshot) -> str:
    return "none" if snapshot.reports is ReportRoute.NONE else "yes"


def _sentence(snapshot: ModemSnapshot) -> str:
    reason = snapshot.reason
    match snapshot.state:
        case ModemState.READY | ModemState.SENDING:
            worries = _worries(snapshot)
            return f"Can send; but {'; and '.join(worries)}." if worries else ALL_WELL
        case ModemState.ABSENT:
            return f"The port can't be opened: {reason or 'it is not there'}."
        case ModemState.OPENING:
            return "The port does not open: something in its driver hangs; unplug the modem and plug it in again."
        case ModemState.PROBING | ModemState.SILENT:
            return "Nothing answers AT: no modem, not its AT port, or it hangs; try another of its ports."
        case ModemState.SIM_MISSING:
            return _advised(reason or "no SIM card", "put one in, and see that it sits well")
        case ModemState.SIM_LOCKED:
            return _advised(
                reason or "the SIM is locked", "give its PIN with pin_file, or take it off in a phone"
            )
        case ModemState.INITIALISING | ModemState.RESYNC:
            return f"Was still being set up ({reason or 'no reason told'}); check again with a longer --patience."
        case ModemState.SEARCHING:
            return _advised(reason or "no network", "look at antenna and coverage, or wait longer", colons=2)
        case ModemState.BARRED:
            return _advised(reason or "the network denies this SIM", "ask its operator")
        case _:
            assert_never(snapshot.state)


def _worries(snapshot: ModemSnapshot) -> list[str]:
    worries = [snapshot.reason] if snapshot.reason else []
    if snapshot.reports is ReportRoute.NONE:
        worries.append("it takes no delivery reports, so no message will show as delivered")
    if snapshot.signal_dbm is not None and snapshot.signal_dbm <= _WEAK_DBM:
        worries.append("the signal is weak")
    return worries


def _advised(reason: str, advice: str, colons: int = 1) -> str:
    """Return the reason with what can be done; most say that themselves, behind a colon."""
    return f"{_begin(reason)}." if reason.count(": ") >= colons else f"{_begin(reason)}: {advice}."


def _begin(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
