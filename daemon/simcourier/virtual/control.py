"""Change a running virtual host: one JSON object a line on DIR/control.sock, one JSON object back for each.

    {"do": "modems"}                                      who there is: port, card, plugged, deaf, submits, queue
    {"do": "stats"}                                       counters of the network
    {"do": "inbox", "number": "+447700900001"}            what a handset has received
    {"do": "text", "modem": M, "from": "+447700900001", "text": "hello"}    a handset writes to a SIM
                                                          "shuffle": true: its parts in any order; "copies": 2: each
                                                          twice; "lost": [2]: the second never comes
    {"do": "unplug", "modem": M, "for": 5}                without "for" until it is replugged
    {"do": "replug", "modem": M}                          also wakes a modem that hangs: it starts anew
                                                          "port": "modem-100": its port has that name from now on
    {"do": "reboot", "modem": M}                          it starts anew while its port stays
    {"do": "credit", "modem": M, "amount": 5.0}           more money on a prepaid SIM
    {"do": "set", "modem": M, "values": {...}, "for": 15}  any keys of a scenario; without "for" for good
    {"do": "pause-reports", "modem": M, "for": 5}         a `set` of reports_paused
    {"do": "resume-reports", "modem": M}
    {"modem": M, "fault": F, "for": 15}                   a `set` by name: deaf, stuck (deaf until its power
                                                          is cut), unplug, pause-reports, no-prompt, hang
                                                          (silence after Ctrl-Z), no-reports,
                                                          no-network, no-sim, storage-full (submits refused),
                                                          fill-storage (every place taken), refuse, blocked (taken
                                                          and never delivered), denied, roaming, late-prompt,
                                                          reboot (at each Ctrl-Z), flood, noise, damage, receives-not

`control_socket.ask` does it from Python. M is an index, a name, a hub, or "all" (the default). An answer has
"ok": true, or "ok": false and "error" with a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import msgspec

from simcourier.errors import RequestError
from simcourier.virtual.fields import PduError
from simcourier.virtual.modem import Modem
from simcourier.virtual.network import Network
from simcourier.virtual.scenario import Hubs, Rule, ScenarioError, check_values

FAULTS: Mapping[str, dict[str, Any]] = {
    "deaf": {"deaf": True},
    "stuck": {"stuck": {}},
    "unplug": {"unplugged": True},
    "pause-reports": {"reports_paused": True},
    "no-reports": {"reports": False},
    "no-prompt": {"no_prompt": {}},
    "hang": {"hang": {}},
    "no-network": {"registration": "searching"},
    "no-sim": {"sim": "missing"},
    "storage-full": {"error": {"codes": ["CMS 322"]}},
    "fill-storage": {"storage_used": 255},
    "refuse": {"error": {"codes": ["CMS 38"]}},
    "blocked": {"lost_rate": 1.0},
    "denied": {"registration": "denied", "reject_cause": 11},
    "roaming": {"registration": "roaming"},
    "late-prompt": {"late_prompt": {"for": 8.0}},
    "reboot": {"reboot": {}},
    "flood": {"flood": {}},
    "noise": {"noise": {"rate": 5.0, "in_response": 0.5, "lines": ["^RSSI: 19", "\u00ff\u00fe\u0080"]}},
    "damage": {"corrupt": 0.05},
    "receives-not": {"receives": False},
}

Request = dict[str, Any]
Reply = dict[str, Any]


class Control:
    """Carries requests out on modems and network."""

    def __init__(self, modems: list[Modem], network: Network, hubs: Hubs | None = None) -> None:
        self._modems = modems
        self._network = network
        self._hubs = hubs or {}
        # Which parts come in which order is drawn apart from all else: a question changes nothing for others.
        self._rng = Random(0)
        self._commands: dict[str, Callable[[Request, float], Reply]] = {
            "modems": self._list,
            "stats": self._stats,
            "inbox": self._inbox,
            "text": self._text,
            "unplug": self._unplug,
            "replug": self._replug,
            "reboot": self._reboot,
            "credit": self._credit,
            "set": self._set,
            "fault": self._fault,
            "pause-reports": lambda request, now: self._fault({**request, "fault": "pause-reports"}, now),
            "resume-reports": lambda request, now: self._hold(request, {"reports_paused": False}, now),
        }

    @property
    def commands(self) -> list[str]:
        """What may follow "do"."""
        return [name for name in self._commands if name != "fault"]

    def answer(self, line: bytes, now: float) -> bytes:
        """Answer one line with one line."""
        try:
            reply = {"ok": True, **self._carry_out(line, now)}
        except (RequestError, ScenarioError, PduError) as error:
            reply = {"ok": False, "error": str(error)}
        return msgspec.json.encode(reply) + b"\n"

    def _carry_out(self, line: bytes, now: float) -> Reply:
        try:
            request = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise _refusal(f"not a JSON object on one line: {error}") from error
        name = request.get("do", "fault" if "fault" in request else None)
        command = self._commands.get(name) if isinstance(name, str) else None
        if command is None:
            raise _refusal(f"do must be one of {', '.join(self._commands)}")
        return command(request, now)

    def _chosen(self, request: Request) -> list[Modem]:
        wanted = request.get("modem", "all")
        hub = self._hubs.get(wanted, frozenset()) if isinstance(wanted, str) else frozenset()
        chosen = [
            modem
            for modem in self._modems
            if wanted in ("all", modem.name, modem.index) or not hub.isdisjoint((modem.index, modem.name))
        ]
        if not chosen:
            raise _refusal(f"there is no modem {wanted}")
        return chosen

    def _list(self, request: Request, now: float) -> Reply:
        return {
            "modems": [
                {
                    "modem": modem.name,
                    "port": modem.settings.port or modem.name,
                    "profile": modem.settings.profile,
                    "number": modem.sim.number,
                    "sim": modem.sim.iccid,
                    "network": modem.sim.plmn,
                    "balance": modem.sim.balance,
                    "plugged": modem.is_plugged,
                    "deaf": modem.is_deaf,
                    "submits": modem.submits,
                    "held": len(modem.sim.held),
                }
                for modem in self._chosen(request)
            ]
        }

    def _stats(self, request: Request, now: float) -> Reply:
        stats: Reply = msgspec.to_builtins(self._network.stats)
        return stats

    def _inbox(self, request: Request, now: float) -> Reply:
        return {"messages": msgspec.to_builtins(self._network.handsets.inbox(_text(request, "number")))}

    def _text(self, request: Request, now: float) -> Reply:
        sender, text = _text(request, "from"), _text(request, "text")
        copies, lost = request.get("copies", 1), request.get("lost", [])
        if not _is_whole(copies) or not isinstance(lost, list) or not all(map(_is_whole, lost)):
            raise _refusal(
                "copies must be a number of times, lost a list of the parts that never come, from 1"
            )
        shuffle = self._rng if request.get("shuffle") else None
        gone = [number + 1 in lost for number in range(max(lost, default=0))]
        parts = [
            self._network.text(sender, modem.sim, text, now, shuffle=shuffle, copies=copies, lost=gone)
            for modem in self._chosen(request)
        ]
        return {"parts": sum(parts)}

    def _unplug(self, request: Request, now: float) -> Reply:
        for_s = _seconds(request)
        for modem in self._chosen(request):
            modem.unplug(now, for_s)
        return {}

    def _replug(self, request: Request, now: float) -> Reply:
        chosen = self._chosen(request)
        if "port" in request:
            if len(chosen) > 1:
                raise _refusal("one port is one modem's: name it")
            self._hold({**request, "for": None}, {"port": request["port"]}, now)
        for modem in chosen:
            modem.replug(now)
        return {}

    def _reboot(self, request: Request, now: float) -> Reply:
        for modem in self._chosen(request):
            modem.reboot(now)
        return {}

    def _credit(self, request: Request, now: float) -> Reply:
        amount = request.get("amount")
        if isinstance(amount, bool) or not isinstance(amount, int | float):
            raise _refusal("amount must be money, more or (below 0) less")
        for modem in self._chosen(request):
            modem.sim.balance = (modem.sim.balance or 0.0) + amount
        return {}

    def _set(self, request: Request, now: float) -> Reply:
        values = request.get("values")
        if not isinstance(values, dict) or not values:
            raise _refusal("set needs values: an object with keys of a scenario")
        return self._hold(request, values, now)

    def _fault(self, request: Request, now: float) -> Reply:
        values = FAULTS.get(request.get("fault", ""))
        if values is None:
            raise _refusal(f"fault must be one of {', '.join(FAULTS)}")
        return self._hold(request, values, now)

    def _hold(self, request: Request, values: dict[str, Any], now: float) -> Reply:
        check_values(values, "values")
        for_s = _seconds(request)
        for modem in self._chosen(request):
            begin = modem.elapsed_s(now)
            until = math.inf if for_s is None else begin + for_s
            modem.add_rule(Rule(values, from_s=begin, until_s=until), now)
        return {}


def _refusal(detail: str) -> RequestError:
    return RequestError("invalid-request", detail)


def _text(request: Request, key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str):
        raise _refusal(f"{key} is missing, or not a text")
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 255


def _seconds(request: Request) -> float | None:
    value = request.get("for")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value <= 0):
        raise _refusal("for must be seconds, more than 0")
    return value
