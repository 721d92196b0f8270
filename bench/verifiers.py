"""What the verify part measures: simcourier with every limit on, and a plain loop without our service."""

from __future__ import annotations

import itertools
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import verifying
from bench.appliance import Daemon, free_port
from bench.context import Place
from bench.figures import percentile
from bench.http import Connection
from bench.processes import Program, ProgramError, wait_until
from bench.verifying import Phones, number
from bench.volley import Script, Shot, Volley

MODEMS = 8
PER_SECOND = 3000
"""More requests than this are not prepared for each second."""
STALL_S = 30.0
_NOT_COUNTED = {"gap", "second"}
"""The gap is off, so that a number may come again; requests a second are counted in memory."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests a second, milliseconds from the POST to the whole answer, and of the server's processor for each."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Started:
    """A verification of a person, and what was answered to its start."""

    person: int
    id: str
    answer: str


class Service(ABC):
    """A program that starts and checks verifications at a port."""

    def __init__(self, place: Place, port: int, key: str, program: Program) -> None:
        self._place = place
        self._port = port
        self._key = key
        self._program = program
        self._people = itertools.count()

    def _fire(self, scripts: Sequence[Script], clients: int, seconds: float) -> tuple[list[Shot], Rate]:
        began_s = self._program.cpu_s()
        volley = Volley(self._port, self._key, scripts, self._place.path("volley"), clients, seconds)
        self._place.keep(volley, volley.program.stop)
        shots = volley.wait(seconds + 60)
        return shots, _rate(shots, self._program.cpu_s() - began_s)

    def start(self, clients: int, seconds: float, most: int | None = None) -> tuple[Rate, list[Started]]:
        """Start verifications, each of another person."""
        count = int(seconds * PER_SECOND) if most is None else most
        people = list(itertools.islice(self._people, count))
        shots, rate = self._fire([[verifying.start(person)] for person in people], clients, seconds)
        _demand(shots, {0: (202, "")})
        started = [Started(people[shot.script], json.loads(shot.answer)["id"], shot.answer) for shot in shots]
        return rate, started

    def check(self, started: list[Started], clients: int, seconds: float) -> Rate:
        """Check a wrong code of each verification, then the right one."""
        codes = self.codes(started)
        scripts = [
            [
                verifying.check(one.id, one.person, verifying.wrong(codes[one.person])),
                verifying.check(one.id, one.person, codes[one.person]),
            ]
            for one in started
        ]
        shots, rate = self._fire(scripts, clients, seconds)
        _demand(shots, {0: (422, "code-incorrect"), 1: (200, "approved")})
        return rate

    @abstractmethod
    def codes(self, started: list[Started]) -> dict[int, str]:
        """The codes by person."""


class Plain(Service):
    """The loop without our service; it tells each code in its answer."""

    def __init__(self, place: Place) -> None:
        port = free_port()
        directory = place.path("plain")
        directory.mkdir()
        command = [sys.executable, "-P", "-m", "bench.peers.plain_program", str(port), directory]
        program = Program("plain loop", command, directory / "plain.log")
        place.keep(program, program.stop)
        super().__init__(place, port, "none", program)
        wait_until(self._is_up, 20, program.tail)

    def _is_up(self) -> bool:
        try:
            with Connection(self._port, self._key) as api:
                return api.request("GET", "/").status == 404
        except OSError:
            return False

    def codes(self, started: list[Started]) -> dict[int, str]:
        """The codes by person."""
        return {one.person: json.loads(one.answer)["code"] for one in started}


class Box(Service):
    """simcourier, all limits on; its codes are read from the virtual phones."""

    def __init__(self, place: Place, storage: Path | None) -> None:
        self._virtual = place.virtual(MODEMS)
        self.daemon: Daemon = place.daemon(
            self._virtual, storage, sending="no_modem_grace = 3600", tables=verifying.WITH_ALL_LIMITS
        )
        self._phones = Phones(place.log(self._virtual))
        self.daemon.start()
        super().__init__(place, self.daemon.port, self.daemon.key, self.daemon.running)

    def codes(self, started: list[Started]) -> dict[int, str]:
        """The codes by person, once all have arrived."""
        self._phones.wait({number(one.person) for one in started}, STALL_S)
        return {one.person: self._phones.codes[number(one.person)] for one in started}

    def deliver(self, started: list[Started]) -> None:
        """Let the modems send all that waits, and then nothing more."""
        self.daemon.pause(paused=False)
        self.codes(started)
        wait_until(self.daemon.is_quiet, STALL_S, "the queue does not become empty", 0.1)
        self.daemon.pause(paused=True)

    def slow_down(self, submit_s: float) -> None:
        """Let each submit take so long from now on."""
        self._virtual.ask(do="set", values={"submit_delay": submit_s})

    def prove_one(self) -> tuple[float, float]:
        """Milliseconds from the POST to the code at the phone, and to its approval, with nobody reading in between."""
        person = next(self._people)
        path, body = verifying.start(person)
        began = self.daemon.api.request("POST", path, body)
        if began.status != 202:
            raise ProgramError(f"a start was answered {began.status}: {began.body.decode()}")
        started = Started(person, began.json()["id"], "")
        self._phones.wait({number(person)}, STALL_S, 0.001)
        path, body = verifying.check(started.id, person, self.codes([started])[person])
        approved = self.daemon.api.request("POST", path, body)
        if approved.status != 200:
            raise ProgramError(f"the right code was answered {approved.status}: {approved.body.decode()}")
        arrived_ns = self._phones.arrived_ns[number(person)]
        return (arrived_ns - began.sent_ns) / 1e6, (approved.read_ns - began.sent_ns) / 1e6

    def demand_counts(self, started: list[Started]) -> None:
        """See for one of them that every scope's windows are bounded and have counted. Raises ProgramError."""
        for whom in ({"to": number(started[-1].person)}, {"scope": "client", "key": self.daemon.client}):
            answer = self.daemon.api.request("POST", "/v1/limits/lookup", whom)
            uses = [use for use in answer.json().get("uses", ()) if use["kind"] == "verifications"]
            counted = [use for use in uses if use["window"] not in _NOT_COUNTED]
            if not counted or any(use["used"] < 1 or use["maximum"] < 1 for use in counted):
                raise ProgramError(f"not every limit was evaluated: {answer.status} {answer.body.decode()}")
        budget = self.daemon.get("/v1/limits")["budget"]
        if not 0 < len(started) <= budget["segments"] < budget["maximum"]:
            raise ProgramError(f"the box's budget was not evaluated: {budget}")


def _demand(shots: list[Shot], wanted: dict[int, tuple[int, str]]) -> None:
    """Each answer is what its step must lead to: status, and a word of the body."""
    for shot in shots:
        status, word = wanted[shot.step]
        if shot.status != status or word not in shot.answer:
            raise ProgramError(f"step {shot.step} was answered {shot.status}: {shot.answer[:300]}")


def _rate(shots: list[Shot], cpu_s: float) -> Rate:
    if not shots:
        raise ProgramError("nothing was answered")
    span_s = (max(shot.read_ns for shot in shots) - min(shot.posted_ns for shot in shots)) / 1e9
    took = [shot.took_ms for shot in shots]
    count = len(shots)
    return Rate(count / span_s, percentile(took, 0.5), percentile(took, 0.99), cpu_s / count * 1000)
