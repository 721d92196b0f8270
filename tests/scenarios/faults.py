"""The rows of the fault matrix: one modem misbehaves beside others that are well, in virtual time.

At `STRIKE_S` the fault begins. The others have just been given something to send, so that the one message that comes
now, the victim, goes to the ill modem. Later a message for the ill modem alone shows that it sends again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from simcourier.modem.facts import (
    Fact,
    FaultSeen,
    ModemChanged,
    ModemState,
    Recovered,
    SubmitEnd,
    SubmitEnded,
)
from simcourier.outbox.message import MessageClass, OnUnknown, Status
from simcourier.virtual.modem import Modem
from simcourier.virtual.scenario import Rule

from .oracle import Accepted, Verdict, judge
from .traffic import token_of
from .world import START_S, World, modem_name, open_world

Values = dict[str, Any]

WELL = 7
"""Modems that nothing is wrong with."""
ILL = "modem-000"
NETWORK = "submit_delay = 2.0\ndelivery_delay = 0.5\nreport_delay = 1.0\n"
STRIKE_S = 50.0
PERIOD_S = 5.0
PROBE_S = 170.0
_END_BEHIND_S = 30.0
TTL_S = 120.0
VICTIM_TTL_S = 180.0
SEND_S = 20.0
"""How long a fault lies in wait for the submit that it strikes."""
_CAN_SEND = frozenset({ModemState.READY, ModemState.SENDING})


@dataclass(frozen=True, slots=True)
class Row:
    """One fault: what the ill modem's settings become, for how long, and when it is well again."""

    name: str
    values: Values
    for_s: float = SEND_S
    """How long the settings hold."""
    strikes_next: str = ""
    """The setting in `values` that is to strike the next submit and no other."""
    well_after_s: float = 0.0
    """From the strike until the modem is well, as far as it lies with it."""
    victim_after_s: float = 0.0
    """When the message comes; before the fault where it is below 0."""
    ill: int = 1
    """Modems that this happens to."""
    backlog: int = 0
    """Messages that the ill modem has sent shortly before, and whose reports are still out."""
    is_idle: bool = False
    """The victim comes to a modem that is ill already: it need not be told of a submit."""
    lasting: Values = field(default_factory=dict)
    """Settings that stay: a port's new name."""
    from_start: str = ""
    """What a scenario says of the ill modem from the start on, as TOML."""
    by_discovery: bool = False
    """The ports are not configured but found. There are none in virtual time."""
    by_usb: bool = False
    """Only what is done to its USB device helps; a pty has none."""
    probe_s: float = PROBE_S
    """When the message comes that shows that it sends again."""
    is_noticed: bool = True
    """False: what the modem does is its good right, and nothing is to be counted."""

    def settings(self, submits: int) -> Values:
        """The values, aimed at the next submit of a modem that has been given so many."""
        if not self.strikes_next:
            return self.values
        return {**self.values, self.strikes_next: {**self.values[self.strikes_next], "nth": submits + 1}}


def _hang(for_s: float, **more: Any) -> Values:
    return {"hang": {"for": for_s, "network": True, "answer": "never", **more}}


def _refused(*codes: str, **more: Any) -> Values:
    return {"error": {"codes": list(codes), **more}}


def _away(phase: str, for_s: float, **more: Any) -> Values:
    return {"unplug": {"phase": phase, "for": for_s, **more}}


def _restart(phase: str, **more: Any) -> Values:
    return {"boot_delay": 3.0, "reboot": {"phase": phase, **more}}


def _stuck(how: str, until: str) -> Values:
    return {"boot_delay": 3.0, "stuck": {"how": how, "until": until}}


_STRANGE = ["\u00ff\u00fe\u0080\u0081", "\u00c0\u0015\u00d0", "^RSSI: 19", "\u00b5\u00e9+C\u00fdMG"]

_TWINS = '[[rule]]\nmodems = "0-1"\nimei = "001017000009996"\n'

EVERY_ROW: tuple[Row, ...] = (
    Row("silent before the prompt, for 15 s", {"no_prompt": {"for": 15}}, strikes_next="no_prompt", well_after_s=15),
    Row("silent after Ctrl-Z, for 15 s; the network has it", _hang(15), strikes_next="hang", well_after_s=15),
    Row("silent after Ctrl-Z, for 15 s; the network has it not", _hang(15, network=False), strikes_next="hang",
        well_after_s=15),
    Row("silent after Ctrl-Z for 25 s, then it answers", _hang(25, answer="late"), strikes_next="hang",
        well_after_s=25, is_noticed=False),
    Row("silent after Ctrl-Z, for 90 s", _hang(90), strikes_next="hang", well_after_s=90),
    Row("no prompt; it waits for the PDU all the same", {"no_prompt": {}}, strikes_next="no_prompt"),
    Row("no prompt for 20 s, whatever is asked", {"no_prompt": {}}, for_s=20, well_after_s=20),
    Row("prompt 3 s late", {"late_prompt": {"for": 3}}, strikes_next="late_prompt", well_after_s=3, is_noticed=False),
    Row("prompt 8 s late, later than it is waited for", {"late_prompt": {"for": 8}}, strikes_next="late_prompt",
        well_after_s=8),
    Row("+CMS ERROR of the message (1)", _refused("CMS 1"), strikes_next="error"),
    Row("+CMS ERROR of the SIM (313)", _refused("CMS 313"), strikes_next="error"),
    Row("+CMS ERROR of the network (42)", _refused("CMS 42"), strikes_next="error"),
    Row("+CMS ERROR of the modem (500)", _refused("CMS 500"), strikes_next="error"),
    Row("+CMS ERROR in place of the prompt (302)", _refused("CMS 302", at="prompt"), strikes_next="error"),
    Row("flood: 5000 unsolicited lines a second, for 10 s", {"flood": {"rate": 5000}}, for_s=10, well_after_s=10,
        is_idle=True),
    Row("burst of 40 reports", {"reports_paused": True}, for_s=0.0, backlog=40, is_idle=True, is_noticed=False),
    Row("noise and non-ASCII, 20 lines a second and in each second answer, for 30 s",
        {"noise": {"rate": 20, "in_response": 0.5, "lines": _STRANGE}}, for_s=30, well_after_s=30, is_idle=True),
    Row("unplugged while idle, for 10 s", {"unplugged": True}, for_s=10, well_after_s=10, is_idle=True),
    Row("unplugged before the prompt, for 10 s", _away("prompt", 10), strikes_next="unplug", well_after_s=10),
    Row("unplugged at the prompt, for 10 s", _away("pdu", 10), strikes_next="unplug", well_after_s=10),
    Row("unplugged at Ctrl-Z, for 10 s; the network has it", _away("ctrl-z", 10, network=True), strikes_next="unplug",
        well_after_s=10),
    Row("unplugged at Ctrl-Z, for 10 s; the network has it not", _away("ctrl-z", 10, network=False),
        strikes_next="unplug", well_after_s=10),
    Row("SIM pulled while idle, back after 20 s", {"sim": "missing"}, for_s=20, well_after_s=20, is_idle=True),
    Row("SIM pulled in a submit, back after 20 s", {"sim": "missing"}, for_s=20, well_after_s=20, victim_after_s=-1),
    Row("network lost, for 30 s", {"registration": "searching"}, for_s=30, well_after_s=30, is_idle=True),
    Row("network lost in a submit, for 30 s", {"registration": "searching"}, for_s=30, well_after_s=30,
        victim_after_s=-1),
    Row("restarts before the prompt", _restart("prompt"), strikes_next="reboot", well_after_s=3),
    Row("restarts at Ctrl-Z; the network has it", _restart("ctrl-z", network=True), strikes_next="reboot",
        well_after_s=3),
    Row("restarts at Ctrl-Z; the network has it not", _restart("ctrl-z", network=False), strikes_next="reboot",
        well_after_s=3),
    Row("deaf while idle, for 15 s", {"deaf": True}, for_s=15, well_after_s=15, is_idle=True),
    Row("no prompt until AT+CFUN=1,1", _stuck("no-prompt", "reset"), is_idle=True),
    Row("no prompt until it is authorised anew at USB", _stuck("no-prompt", "replug"), is_idle=True, by_usb=True,
        probe_s=260),
    Row("deaf until it is authorised anew at USB", _stuck("deaf", "replug"), is_idle=True, by_usb=True, probe_s=260),
    Row("deaf until its power is switched", _stuck("deaf", "power"), is_idle=True, by_usb=True, probe_s=350),
    Row("unplugged for 10 s, back under another name", {"unplugged": True}, for_s=10, well_after_s=10,
        lasting={"port": "modem-900"}, by_discovery=True, is_idle=True),
    Row("two sticks with the same IMEI", {"deaf": False}, from_start=_TWINS, is_idle=True),
    Row("a hub with 16 sticks dies, for 10 s", {"unplugged": True}, for_s=10, well_after_s=10, ill=16,
        victim_after_s=-1),
)  # fmt: skip

ROWS = tuple(row for row in EVERY_ROW if not row.by_discovery and not row.from_start)
"""What can be shown without ports."""
ROWS_OF_PORTS = tuple(row for row in EVERY_ROW if not row.by_usb)
"""What can be shown over ptys."""


@dataclass(slots=True)
class Result:
    """What became of one row; times in seconds, infinity where it never came so far."""

    row: Row
    detected_s: float = math.inf
    ended: str = ""
    history: list[Status] = field(default_factory=list)
    copies: int = 0
    back_s: float = math.inf
    went_down: bool = False
    by: str = ""
    """The highest step of the ladder that was taken until it was well, where it was told well again."""
    works_again: bool = False
    seen: list[str] = field(default_factory=list)
    """The faults as the box counts them."""
    waits_s: list[float] = field(default_factory=list)
    """Accept to network, of the messages of the modems that were well."""
    verdict: Verdict = field(default_factory=Verdict)


class _Watch:
    """Notes when the ill modem's fault was noticed, when it went down, and when it was back."""

    def __init__(self, struck_at: float) -> None:
        self.struck_at = struck_at
        self.detected_at = math.inf
        self.down_at = math.inf
        self.up_at = -math.inf
        self.by = ""
        self.faults: list[str] = []
        self._is_up = True

    def __call__(self, now: float, fact: Fact) -> None:
        """Take a fact."""
        if now < self.struck_at or _modem_of(fact) != ILL:
            return
        match fact:
            case FaultSeen():
                self._detected(now)
                if fact.fault not in self.faults:
                    self.faults.append(str(fact.fault))
            case SubmitEnded() if fact.end is not SubmitEnd.SENT:
                self._detected(now)
            case Recovered():
                self.by = str(fact.rung)
            case ModemChanged():
                self._changed(now, fact.snapshot.state in _CAN_SEND)
            case _:
                pass

    def _detected(self, now: float) -> None:
        self.detected_at = min(self.detected_at, now)

    def _changed(self, now: float, is_up: bool) -> None:
        if self._is_up and not is_up:
            self._detected(now)
            self.down_at = min(self.down_at, now)
        elif is_up and not self._is_up:
            self.up_at = now
        self._is_up = is_up


def _modem_of(fact: Fact) -> str:
    return fact.snapshot.name if isinstance(fact, ModemChanged) else fact.modem


class Ward:
    """The world of one row."""

    def __init__(self, world: World, row: Row | None) -> None:
        self._world = world
        self._row = row
        self._ill = row.ill if row else 1
        self.accepted: dict[str, Accepted] = {}
        self.beside: dict[str, float] = {}
        """By token, when a message for a modem that is well was accepted."""
        self.victim = ""
        self.probe = ""

    def post(self, modem: str | None = None, ttl: float = TTL_S) -> str:
        """Accept a message; returns its token."""
        token = token_of(len(self.accepted) + 1)
        to = f"+447700900{len(self.accepted) % 1000:03d}"
        words = f"Your code is {token}"
        at = self._world.now
        id_ = self._world.accept(words, to, ttl=ttl, modem=modem)
        self.accepted[token] = Accepted(
            token, id_, to, MessageClass.OTP, at, at + ttl, 1, OnUnknown.RESEND, modem
        )
        return token

    def plan(self) -> None:
        """Put everything that is to happen on the agenda."""
        world = self._world
        first = STRIKE_S - 0.1 - PERIOD_S * math.floor((STRIKE_S - 10) / PERIOD_S)
        probe_s = self._row.probe_s if self._row else PROBE_S
        for turn in range(int((probe_s - first) / PERIOD_S)):
            world.at(START_S + first + PERIOD_S * turn, self._post_beside)
        if self._row is None:
            return
        for number in range(self._row.backlog):
            world.at(START_S + 4 + number * 0.5, lambda: self.post(ILL))
        world.at(START_S + STRIKE_S, self._strike)
        world.at(START_S + STRIKE_S + self._row.victim_after_s, self._post_victim)
        world.at(START_S + probe_s, self._post_probe)

    def _post_beside(self) -> None:
        for index in range(self._ill, self._ill + WELL):
            self.beside[self.post(modem_name(index))] = self._world.now

    def _post_victim(self) -> None:
        self.victim = self.post(ttl=VICTIM_TTL_S)

    def _post_probe(self) -> None:
        self.probe = self.post(ILL)

    def _strike(self) -> None:
        assert self._row is not None
        for modem in self._world.modems[: self._row.ill]:
            strike(self._row, modem, self._world.now)
            self._world.radio.link(modem.name).settle(self._world.now)


def strike(row: Row, modem: Modem, now: float) -> None:
    """Let the fault begin."""
    begin = modem.elapsed_s(now)
    values = row.settings(modem.submits)
    modem.add_rule(Rule(values, from_s=begin, until_s=begin + row.for_s), now)


def live(row: Row | None) -> Result:
    """Let one row happen; None: nothing does, to compare with."""
    scenario = NETWORK
    if row is not None and row.backlog:
        scenario += f"[[rule]]\nmodems = 0\nuntil = {STRIKE_S}\nreports_paused = true\n"
        scenario += f"[[rule]]\nmodems = 0\nuntil = {STRIKE_S}\nsubmit_delay = 0.2\n"
    ill = row.ill if row else 1
    with open_world(ill + WELL, scenario) as world:
        watch = _Watch(START_S + STRIKE_S)
        world.onlookers.append(watch)
        ward = Ward(world, row)
        ward.plan()
        end_s = (row.probe_s if row else PROBE_S) + _END_BEHIND_S
        world.run(end_s + TTL_S + 2 * world.config.ticks.wipe + 60)
        return _result(world, ward, watch, row)


def _result(world: World, ward: Ward, watch: _Watch, row: Row | None) -> Result:
    network: dict[str, list[float]] = {}
    for record in world.network.records:
        network.setdefault(record.text[-7:], []).append(record.monotonic_ns / 1e9)
    result = Result(
        row or Row("nothing", {}), verdict=judge(world.evidence(), ward.accepted), seen=watch.faults
    )
    result.waits_s = [network[token][0] - at for token, at in ward.beside.items() if token in network]
    if row is None:
        return result
    events = _history(world, ward.accepted[ward.victim].id)
    struck_at = watch.struck_at
    if not row.is_idle:
        struck_at = max(struck_at, *(at for at, status in events[:2] if status in _BEFORE_STRIKE))
    result.history = [status for _, status in events]
    result.ended = ended(result.history)
    result.copies = len(network.get(ward.victim, ()))
    result.works_again = ward.probe in network
    result.detected_s = watch.detected_at - struck_at
    result.went_down = watch.down_at < math.inf
    result.by = watch.by
    if result.went_down:
        result.back_s = max(0.0, watch.up_at - (struck_at + row.well_after_s))
    return result


_BEFORE_STRIKE = frozenset({Status.QUEUED, Status.SENDING})


def _history(world: World, message_id: str) -> list[tuple[float, Status]]:
    query = (
        "SELECT e.at_ms, e.status FROM message_events e JOIN messages m ON m.n = e.message "
        "WHERE m.id = :id ORDER BY e.seq"
    )
    wall = world.wall_ms() / 1000 - world.now
    return [(at_ms / 1000 - wall, Status(status)) for at_ms, status in world.rows(query, id=message_id)]


def ended(history: list[Status]) -> str:
    """How a message ended, with what is to be said about the way there."""
    words = str(history[-1])
    tries, doubts = history.count(Status.SENDING), history[:-1].count(Status.UNKNOWN)
    if doubts:
        words += ", `unknown` on record" + (f" {doubts} times" if doubts > 1 else "")
    if tries > 1:
        words += f", {tries} tries"
    return words
