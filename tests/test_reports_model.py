"""Whatever the order of submits, reports, wraps, repetitions and restarts: no report settles the wrong message."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dispatch_bench import START_MS, Box
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from simcourier.modem.facts import (
    Job,
    LateAnswer,
    PartSubmitted,
    ReportArrived,
    SubmitEnd,
    SubmitEnded,
)
from simcourier.outbox.message import Status
from simcourier.outbox.schema import messages, parts
from simcourier.sms.report import StatusReport
from simcourier.sms.tpdu import decode_submit

MODEMS = ("a", "b")
PHONES = ("+447700900001", "+447700900002")
WRAP = 4
"""So soon a SIM's TP-MR comes round here; the pauses make it as slow as 256 real submits at least."""
PAUSE_S = 70.0
DELIVERED, TRYING, FAILED = 0x00, 0x30, 0x46


@dataclass
class Copy:
    """What a network really took: the truth that reports are about."""

    modem: str
    tp_mr: int
    phone: str
    at: float
    message: str
    told: tuple[int, ...] = ()


class World:
    """A box, two SIMs, and what the network knows; each step is what may happen next."""

    def __init__(self, directory: Path) -> None:
        self.box = Box(directory)
        self.next_mr = dict.fromkeys(MODEMS, 0)
        self.in_air: dict[str, Job] = {}
        self.given_up: list[tuple[str, Job, Copy]] = []
        self.copies: list[Copy] = []
        self.seen = 0
        self.doubted: set[str] = set()
        self.tokens = 0
        self.plug()

    def plug(self) -> None:
        for name in MODEMS:
            self.box.modem(name)
        self.fly()

    def fly(self) -> None:
        """Take up the jobs that the box gave out."""
        for modem, job in self.box.radio.jobs[self.seen :]:
            self.in_air[modem] = job
        self.seen = len(self.box.radio.jobs)

    def message_of(self, job: Job) -> tuple[str, str]:
        flight = self.box.dispatcher._outcomes.flights[job.number]
        return flight.message.id, decode_submit(job.parts[0].hex).recipient.text

    # --- steps ---

    def accept(self, phone: str) -> None:
        self.box.accept(to=phone, ttl=3600)
        self.fly()

    def take(self, modem: str) -> Copy | None:
        """The network takes what the modem is sending."""
        job = self.in_air.get(modem)
        if job is None:
            return None
        self.box.pass_time(PAUSE_S)
        message, phone = self.message_of(job)
        copy = Copy(modem, self.next_mr[modem], phone, self.box.now, message)
        self.next_mr[modem] = (self.next_mr[modem] + 1) % WRAP
        self.copies.append(copy)
        return copy

    def answer(self, modem: str, *, early: bool) -> None:
        copy = self.take(modem)
        if copy is None:
            return
        if early:
            self.report(copy, DELIVERED)
        job = self.in_air.pop(modem)
        part = PartSubmitted(modem, f"sim-{modem}", job.number, 0, copy.tp_mr)
        self.box.tell(part, SubmitEnded(modem, f"sim-{modem}", job.number, SubmitEnd.SENT, parts_sent=1))
        self.fly()

    def fall_silent(self, modem: str, *, taken: bool) -> None:
        copy = self.take(modem) if taken else None
        job = self.in_air.pop(modem, None)
        if job is None:
            return
        self.doubted.add(self.message_of(job)[0])
        if copy is not None:
            self.given_up.append((modem, job, copy))
        # A modem is given up after its patience, and not at the moment that the network took the message.
        self.box.pass_time(PAUSE_S)
        self.box.tell(SubmitEnded(modem, f"sim-{modem}", job.number, SubmitEnd.IN_DOUBT, "silence"))
        self.fly()

    def answer_late(self, which: int) -> None:
        if self.given_up:
            modem, job, copy = self.given_up.pop(which % len(self.given_up))
            self.box.tell(LateAnswer(modem, f"sim-{modem}", job.number, 0, copy.tp_mr))
            self.fly()

    def report(self, copy: Copy, tp_st: int) -> None:
        if copy.told and copy.told[-1] != TRYING:
            tp_st = copy.told[-1]
        copy.told = (*copy.told, tp_st)
        stamp = datetime.fromtimestamp(int(START_MS / 1000 + copy.at), UTC)
        self.tokens += 1
        self.box.tell(
            ReportArrived(
                copy.modem,
                f"sim-{copy.modem}",
                StatusReport(copy.tp_mr, copy.phone, stamp, stamp, tp_st),
                self.tokens,
            )
        )
        self.fly()

    def restart(self) -> None:
        for job in self.in_air.values():
            self.doubted.add(self.message_of(job)[0])
        self.in_air.clear()
        self.given_up.clear()
        self.box.now += PAUSE_S
        self.box = self.box.crash()
        self.seen = 0
        self.plug()

    # --- what must be so ---

    def check(self) -> None:
        with self.box.engine.connect() as connection:
            rows = connection.execute(
                select(
                    messages.c.id, messages.c.status, parts.c.sim, parts.c.tp_mr, parts.c.tp_st
                ).select_from(messages.outerjoin(parts, parts.c.message == messages.c.n))
            ).all()
        for row in rows:
            mine = [copy for copy in self.copies if copy.message == row.id]
            told = {tp_st for copy in mine for tp_st in copy.told}
            assert row.status != Status.DELIVERED or DELIVERED in told
            assert row.status != Status.UNDELIVERED or FAILED in told
            if row.tp_st is not None:
                assert any(
                    (f"sim-{copy.modem}", copy.tp_mr) == (row.sim, row.tp_mr) and row.tp_st in copy.told
                    for copy in mine
                ), "a report was taken for another message's"

    def check_end(self) -> None:
        """What was never in doubt and reported is settled; every report that was read may be deleted."""
        self.box.pass_time(400)
        self.check()
        for copy in self.copies:
            if copy.message not in self.doubted and DELIVERED in copy.told:
                assert self.box.status(copy.message) is Status.DELIVERED


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_report_settles_the_wrong_message(data: st.DataObject) -> None:
    modem = st.sampled_from(MODEMS)
    step = st.one_of(
        st.tuples(st.just("accept"), st.sampled_from(PHONES)),
        st.tuples(st.just("accept"), st.sampled_from(PHONES)),
        st.tuples(st.just("answer"), modem, st.booleans()),
        st.tuples(st.just("answer"), modem, st.just(False)),
        st.tuples(st.just("silent"), modem, st.booleans()),
        st.tuples(st.just("late"), st.integers(0, 9)),
        st.tuples(st.just("report"), st.integers(0, 99), st.sampled_from((DELIVERED, TRYING, FAILED))),
        st.tuples(st.just("report"), st.integers(0, 99), st.just(DELIVERED)),
        st.tuples(st.just("restart")),
        st.tuples(st.just("wait"), st.floats(0, 2000)),
    )
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        for name, *how in data.draw(st.lists(step, min_size=10, max_size=40)):
            match name:
                case "accept":
                    world.accept(*how)
                case "answer":
                    world.answer(how[0], early=how[1])
                case "silent":
                    world.fall_silent(how[0], taken=how[1])
                case "late":
                    world.answer_late(how[0])
                case "report" if world.copies:
                    world.report(world.copies[how[0] % len(world.copies)], how[1])
                case "restart":
                    world.restart()
                case "wait":
                    world.box.pass_time(how[0])
            world.check()
        world.check_end()
        world.box.close()
