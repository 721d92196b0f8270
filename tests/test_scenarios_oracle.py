"""The oracle of the hours finds what it is there to find: each test breaks one thing in the appliance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from scenarios import hour, oracle, traffic
from scenarios.world import World, open_world

from simcourier.dispatch import dispatcher
from simcourier.dispatch.waiting import WaitingRoom
from simcourier.outbox import duties, recovery, reports, store
from simcourier.outbox.message import Status, Waiting
from simcourier.sms.status import ReportOutcome

MODEMS, SECONDS, MESSAGES = 8, 400.0, 400
FLEETING = """
submit_delay = [1.0, 3.0]
report_delay = 1.0
hang = { rate = 0.05, network = true, for = 20, answer = "never" }
report_status = [0, 0, 0, 0x41]
"""


def _judged(plan: str = FLEETING, before: Callable[[World], None] = lambda _world: None) -> oracle.Verdict:
    with open_world(MODEMS, plan) as world:
        before(world)
        load = traffic.Traffic(world, MESSAGES, SECONDS, MODEMS)
        world.run(SECONDS)
        hour.settle(world)
        return oracle.judge(world.evidence(), load.accepted)


def _must_tell(verdict: oracle.Verdict, words: str) -> None:
    assert any(words in sentence for sentence in verdict.wrong), verdict.summary
    with pytest.raises(AssertionError, match="broken promises"):
        verdict.check()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Breaks the appliance for one test."""
    with monkeypatch.context() as patch:
        yield patch


def test_an_appliance_that_is_whole_keeps_its_promises() -> None:
    verdict = _judged()
    verdict.check()
    assert verdict.copies
    assert verdict.at_network > MESSAGES * 0.9


def test_a_store_that_forgets_a_claim_is_found(broken: pytest.MonkeyPatch) -> None:
    claim = store.claim

    def forgetful(connection: Any, message: Waiting, **values: Any) -> bool:
        return True if message.n % 40 == 0 else claim(connection, message, **values)

    broken.setattr(store, "claim", forgetful)
    _must_tell(_judged(), "the network had it")


def test_a_second_copy_without_unknown_on_record_is_found(broken: pytest.MonkeyPatch) -> None:
    def careless(connection: Any, message: Waiting, now_ms: int, *_: object, **__: object) -> Status | None:
        return store.requeue(connection, message, Status.SENDING, 0, now_ms, "once more")

    broken.setattr(recovery, "doubt", careless)
    _must_tell(_judged(), "nothing in between says so")


def test_a_message_that_is_sent_after_its_deadline_is_found(broken: pytest.MonkeyPatch) -> None:
    insert = store.insert

    def generous(connection: Any, new: Any) -> Waiting:
        waiting = insert(connection, new)
        return replace(waiting, deadline_ms=waiting.deadline_ms + 900_000)

    broken.setattr(store, "insert", generous)
    broken.setattr(duties, "expire", lambda *_: [])
    asleep = FLEETING + "[[rule]]\nfrom = 30\nuntil = 500\nunplugged = true\n"
    _must_tell(_judged(asleep), "after its deadline")


def test_a_queue_that_mislays_a_message_is_found(broken: pytest.MonkeyPatch) -> None:
    enter = WaitingRoom.enter

    def mislaying(room: WaitingRoom, message: Waiting, due_ms: int = 0) -> None:
        if message.n % 50:
            enter(room, message, due_ms)
        else:
            room.depth[message.rank] += 1

    broken.setattr(WaitingRoom, "enter", mislaying)
    _must_tell(_judged(), "expired untried")


def test_a_failed_message_that_was_sent_is_found(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(
        store,
        "sent",
        lambda c, n, _modem, at_ms, *_, **__: store.move(c, n, Status.SENDING, Status.FAILED, at_ms),
    )
    verdict = _judged()
    _must_tell(verdict, "failed without a reason")
    _must_tell(verdict, "it is failed, and the network had it")


def test_a_report_that_is_taken_for_delivered_is_found(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(reports, "outcome", lambda _tp_st: ReportOutcome.DELIVERED)
    broken.setattr(reports, "meaning", lambda _tp_st: "delivered")
    _must_tell(_judged(), "no handset got it")


def test_a_text_that_stays_readable_is_found(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(duties, "wipe", lambda *_: 0)
    broken.setattr(store, "_SENT", store._SENT.values(body=b"a text"))
    _must_tell(_judged(), "can still be read")


def test_a_claim_that_stays_open_is_found(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(dispatcher.Outcomes, "submit_ended", lambda *_: None)
    _must_tell(_judged(), "it is still sending")
