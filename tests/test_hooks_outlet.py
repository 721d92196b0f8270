"""One endpoint's deliveries: what each try leads to, when the next one is, and what is signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from web_fixtures import WebBox, web_box

from simcourier.errors import RequestError
from simcourier.hooks import outlet, schedule
from simcourier.hooks.delivery import Verdict, judge, live_secrets
from simcourier.hooks.outlet import LONGEST_PAUSE_S, Desk, Outlet
from simcourier.hooks.post import Outcome
from simcourier.hooks.relay import Relay
from simcourier.outbox import endpoints, hooks
from simcourier.outbox.audit import Audit
from simcourier.outbox.endpoints import Endpoint
from simcourier.outbox.hooks import DeliveryState, Logged
from simcourier.outbox.notices import notify
from simcourier.outbox.schema import audit
from simcourier.outbox.seal import Sealer

TAKEN = Outcome(204, None)
BROKEN = Outcome(500, "status 500")
SILENT = Outcome(None, "no answer within 10 s")
ID = "whk_app"


class Courier:
    """Carries nothing: tells what came of it from a list."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.carried: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def carry(self, _endpoint: Endpoint, event_id: str, _body: bytes, *, keep: bool) -> Outcome:
        assert keep
        self.carried.append(event_id)
        self.meanwhile()
        return self.outcomes.pop(0) if self.outcomes else TAKEN

    def abort(self) -> None:
        raise AssertionError("nobody stops anything here")


class Bench:
    """A box with one endpoint, and its outlet without the thread."""

    def __init__(self, web: WebBox) -> None:
        self.web = web
        self.courier = Courier()
        self.changes = 0
        new = Endpoint(ID, "https://app.example/", None, frozenset(), b"sealed", web.wall_ms())
        web.writer.run(lambda connection: endpoints.add(connection, new))
        self.outlet = self.next_life()

    def next_life(self) -> Outlet:
        """An outlet that knows only what is on disk."""
        desk = Desk(self.web.engine, self.web.writer, Audit(b"k"), self.web.metrics, self.web.wall_ms)
        return Outlet(desk, self.courier, ID, self._changed)  # type: ignore[arg-type] # what an outlet asks of it

    def _changed(self) -> None:
        self.changes += 1

    def ids(self) -> list[str]:
        """The webhook-ids, oldest first."""
        return [logged.event_id for logged in self.log()]

    def retries_are_due(self, count: int = 1) -> list[str]:
        """So many events whose first try failed and whose next one is due; returns their webhook-ids."""
        self.happen(count)
        self.courier.outcomes = [BROKEN] * count
        self.outlet.turn()
        self.courier.carried.clear()
        self.web.now += 10
        return self.ids()

    def happen(self, count: int = 1) -> None:
        for _ in range(count):
            self.web.writer.run(lambda c: notify(c, "modem.down", self.web.wall_ms(), None, {}))
        while Relay(self.web.engine, self.web.writer, self.web.wall_ms).turn():
            pass

    def log(self) -> list[Logged]:
        """Oldest first."""
        with self.web.engine.connect() as connection:
            return hooks.log(connection, 1, None, 100)[::-1]

    def states(self) -> list[str]:
        return [logged.state.value for logged in self.log()]

    def counted(self, result: str) -> float:
        value = self.web.metrics.registry.get_sample_value(
            "simcourier_webhook_deliveries_total", {"result": result}
        )
        return value or 0.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with web_box(tmp_path) as web:
        yield Bench(web)


def test_what_is_taken_is_delivered_and_not_tried_again(bench: Bench) -> None:
    bench.happen(3)
    assert bench.outlet.turn() == LONGEST_PAUSE_S
    assert bench.states() == ["delivered"] * 3
    assert len(set(bench.courier.carried)) == 3
    bench.outlet.turn()
    assert len(bench.courier.carried) == 3
    assert bench.counted("delivered") == 3


def test_a_failure_is_tried_again_after_5_s_5_min_30_min_2_h_and_then_given_up(bench: Bench) -> None:
    bench.happen()
    bench.courier.outcomes = [BROKEN] * 10
    pauses = []
    while bench.states() == ["pending"]:
        pauses.append((bench.log()[0].next_at_ms - bench.web.wall_ms()) / 1000)
        bench.web.now += max(0.0, pauses[-1]) + 0.002  # its milliseconds are whole
        bench.outlet.turn()
    assert len(pauses) == 5
    for pause, least in zip(pauses, [0, 5, 300, 1800, 7200], strict=True):
        assert least - 0.01 <= pause <= least * (1 + schedule.JITTER)
    assert bench.states() == ["failed"]
    assert len(set(bench.courier.carried)) == 1, "the same webhook-id each time"
    assert (bench.log()[0].attempts, bench.log()[0].last_error) == (5, "status 500")
    assert (bench.counted("retried"), bench.counted("failed")) == (4, 1)


def test_it_sleeps_until_the_next_try_is_due(bench: Bench) -> None:
    bench.happen()
    bench.courier.outcomes = [SILENT]
    assert 5 <= bench.outlet.turn() <= 6


def test_one_that_fails_does_not_hold_up_those_behind_it(bench: Bench) -> None:
    bench.happen(3)
    bench.courier.outcomes = [SILENT, TAKEN, BROKEN]
    bench.outlet.turn()
    assert bench.states() == ["pending", "delivered", "pending"]
    assert [logged.last_error for logged in bench.log()] == ["no answer within 10 s", None, "status 500"]
    assert [logged.last_status for logged in bench.log()] == [None, 204, 500]


def test_410_disables_the_endpoint_on_the_record(bench: Bench) -> None:
    bench.happen(3)
    bench.courier.outcomes = [TAKEN, Outcome(410, "status 410")]
    bench.outlet.turn()
    with bench.web.engine.connect() as connection:
        endpoint = endpoints.find(connection, ID)
        entries = connection.execute(select(audit.c.actor, audit.c.action, audit.c.object)).all()
    assert endpoint is not None
    assert endpoint.disabled_reason == "it answered 410 (Gone)"
    assert bench.changes == 1
    assert ("simcourier", "webhook.disable", ID) in [tuple(entry) for entry in entries]
    bench.outlet.turn()
    assert bench.states() == ["delivered", "failed", "dropped"]
    assert len(bench.courier.carried) == 2, "it is told nothing behind its 410"


def test_what_was_dropped_while_it_was_under_way_stays_dropped(bench: Bench) -> None:
    bench.happen()

    def remove() -> None:
        bench.web.writer.run(lambda connection: endpoints.remove(connection, ID))

    bench.courier.meanwhile = remove
    bench.outlet.turn()
    with bench.web.engine.connect() as connection:
        assert hooks.log(connection, 1, None, 10)[0].state is DeliveryState.DROPPED


def test_a_change_of_the_endpoint_ends_the_batch(bench: Bench) -> None:
    bench.happen(3)
    bench.courier.meanwhile = bench.outlet.change
    assert bench.outlet.turn() == 0.0
    assert len(bench.courier.carried) == 1
    bench.courier.meanwhile = lambda: None
    bench.outlet.turn()
    assert bench.states() == ["delivered"] * 3


def test_first_tries_go_before_retries_and_these_follow_in_the_same_batch(bench: Bench) -> None:
    old = bench.retries_are_due()
    bench.happen()
    bench.outlet.turn()
    assert bench.courier.carried == [bench.ids()[1], *old]


def test_a_new_event_waits_for_no_more_than_one_retry(bench: Bench) -> None:
    bench.retries_are_due(3)
    bench.courier.meanwhile = bench.outlet.wake
    bench.outlet.turn()
    assert len(bench.courier.carried) == 1, "the first retry; then it looks for what is new"
    bench.courier.meanwhile = lambda: None
    bench.happen()
    bench.outlet.turn()
    assert bench.ids()[3] in bench.courier.carried[:3]
    assert bench.states() == ["delivered"] * 4


def test_first_tries_and_retries_share_the_time_so_neither_holds_up_the_other_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = bench.retries_are_due(2)
    bench.happen(60)
    now = 0.0

    def take_long() -> None:
        nonlocal now
        # The receiver hangs at the retries only.
        now += 10.0 if bench.courier.carried[-1] in old else 0.4

    monkeypatch.setattr(outlet, "time", SimpleNamespace(monotonic=lambda: now))
    bench.courier.meanwhile = take_long
    while "pending" in bench.states():
        bench.outlet.turn()
    tried = bench.courier.carried
    # Which of them is due first is for the jitter to say.
    first, second = sorted(tried.index(event_id) for event_id in old)
    assert first == 1, "after the first new event"
    assert second - first - 1 == 26, "after as many new ones as fit into 10 s, and one more"


def test_a_batch_is_recorded_in_one_transaction(bench: Bench) -> None:
    bench.happen(20)
    commits = []
    bench.web.writer._on_commit = lambda: commits.append(1)
    bench.outlet.turn()
    assert bench.states() == ["delivered"] * 20
    assert len(commits) == 1


def test_what_the_disk_refused_to_record_is_recorded_later_and_not_told_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.happen(2)

    def full(_connection: object, _tries: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

    with monkeypatch.context() as patched:
        patched.setattr(hooks, "record", full)
        for _ in range(3):
            with pytest.raises(RequestError) as refused:
                bench.outlet.turn()
            assert refused.value.code == "storage-unavailable"
    assert bench.states() == ["pending", "pending"]
    bench.outlet.turn()
    assert bench.states() == ["delivered", "delivered"]
    assert len(bench.courier.carried) == 2
    assert bench.counted("delivered") == 2


def test_what_was_not_recorded_when_the_box_died_is_told_again_under_the_same_ids(bench: Bench) -> None:
    bench.happen(3)

    def die() -> None:
        if len(bench.courier.carried) == 3:
            raise KeyboardInterrupt

    bench.courier.meanwhile = die
    bench.outlet._record = lambda: None  # type: ignore[method-assign] # nothing is written any more
    with pytest.raises(KeyboardInterrupt):
        bench.outlet.turn()
    first = list(bench.courier.carried)
    bench.courier.carried.clear()
    bench.courier.meanwhile = lambda: None
    bench.next_life().turn()
    assert bench.courier.carried == first
    assert bench.states() == ["delivered"] * 3


def test_after_a_stop_nothing_more_is_tried_and_an_interrupted_try_does_not_count(bench: Bench) -> None:
    bench.happen(2)
    bench.courier.outcomes = [SILENT]
    bench.courier.meanwhile = bench.outlet.stop
    bench.outlet.turn()
    assert bench.states() == ["pending", "pending"]
    assert [logged.attempts for logged in bench.log()] == [0, 0]


def test_a_disabled_endpoint_is_left_alone(bench: Bench) -> None:
    bench.happen()
    bench.web.writer.run(lambda connection: endpoints.disable(connection, ID, "it is gone"))
    assert bench.outlet.turn() == LONGEST_PAUSE_S
    assert bench.courier.carried == []


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_only_a_2xx_is_a_success(status: int) -> None:
    assert judge(Outcome(status, None), 0, 0) == Verdict(DeliveryState.DELIVERED)


@pytest.mark.parametrize("status", [None, 300, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
def test_everything_else_is_tried_again(status: int | None) -> None:
    assert judge(Outcome(status, "said"), 0, 1000, chance=0.0) == Verdict(DeliveryState.PENDING, 6000)
    assert judge(Outcome(status, "said"), 4, 1000) == Verdict(DeliveryState.FAILED)


def test_410_is_not_tried_again() -> None:
    assert judge(Outcome(410, "status 410"), 0, 1000) == Verdict(DeliveryState.FAILED)


def test_the_old_secret_signs_too_until_its_time_is_over() -> None:
    sealer = Sealer(b"k" * 32)
    endpoint = Endpoint(
        ID,
        "https://app.example/",
        None,
        frozenset(),
        sealer.seal("whsec_new", ID),
        0,
        old_secret=sealer.seal("whsec_old", ID),
        old_until_ms=5000,
    )
    assert live_secrets(endpoint, sealer, 4999) == ["whsec_new", "whsec_old"]
    assert live_secrets(endpoint, sealer, 5000) == ["whsec_new"]
