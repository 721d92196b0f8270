"""What happened becomes deliveries: each event once, to each endpoint that wants it, and nothing secret in it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inbound_texts import write
from sqlalchemy import delete, select
from web_fixtures import CODE, PHONE, TEXT, WebBox, web_box

import simcourier
from simcourier.config import Webhooks
from simcourier.hooks.events import TOLD
from simcourier.hooks.relay import Relay
from simcourier.outbox import endpoints, hooks, store, verifications
from simcourier.outbox.endpoints import Endpoint, EventType
from simcourier.outbox.hooks import DeliveryState
from simcourier.outbox.message import Status
from simcourier.outbox.notices import notify
from simcourier.outbox.schema import events as history
from simcourier.outbox.schema import notices, relay_cursors, webhook_deliveries
from simcourier.service import budget, conversion


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path, webhooks=Webhooks(max_pending=100)) as box:
        box.modem()
        yield box


def register(web: WebBox, name: str, client: str | None = None, *types: str) -> str:
    new = Endpoint(f"whk_{name}", "https://app.example/", client, frozenset(types), b"sealed", web.wall_ms())
    web.writer.run(lambda connection: endpoints.add(connection, new))
    return new.id


def relay(web: WebBox) -> Relay:
    return Relay(web.engine, web.writer, web.wall_ms)


def pass_on(web: WebBox) -> None:
    while relay(web).turn():
        pass


def told(web: WebBox, endpoint_id: str) -> list[dict[str, Any]]:
    """The bodies for an endpoint, oldest first."""
    pass_on(web)
    with web.engine.connect() as connection:
        endpoint = endpoints.find(connection, endpoint_id)
        assert endpoint is not None
        due = hooks.due(connection, endpoint.n, web.wall_ms(), 10**9, limit=1000)
    return [json.loads(delivery.body) for delivery in due]


def types(bodies: list[dict[str, Any]]) -> list[str]:
    return [body["type"] for body in bodies]


def notice(web: WebBox, type_: str, client: str | None, **data: object) -> None:
    web.writer.run(lambda connection: notify(connection, type_, web.wall_ms(), client, data))


def test_a_message_is_told_of_when_it_is_sent_and_when_it_arrived(web: WebBox) -> None:
    app = register(web, "app")
    key = web.key("messages:send")
    message_id = web.send(key, reference="order 7").json["id"]
    web.reported(web.submitted())
    sent, delivered = told(web, app)
    assert sent["type"] == "message.sent"
    assert sent["data"] == {
        "id": message_id,
        "status": "sent",
        "to_masked": "+44•••••0123",
        "reference": "order 7",
        "client": key.split("_")[1],
        "modem": "modem-1",
        "reason": None,
        "created_at": sent["timestamp"],
    }
    assert (delivered["type"], delivered["data"]["tp_status"]) == ("message.delivered", 0)


def test_no_text_code_or_whole_number_is_in_a_body(web: WebBox) -> None:
    register(web, "app")
    web.send(web.key("messages:send"))
    web.reported(web.submitted())
    pass_on(web)
    with web.engine.connect() as connection:
        written = b"".join(connection.execute(select(webhook_deliveries.c.body)).scalars())
    assert b"message.delivered" in written
    for secret in (CODE, TEXT, PHONE, PHONE[1:], PHONE[3:]):
        assert secret.encode() not in written


def test_a_client_s_endpoint_hears_of_that_client_only(web: WebBox) -> None:
    mine, other = web.key("messages:send"), web.key("messages:send")
    app = register(web, "app", mine.split("_")[1])
    everybody = register(web, "all")
    for key in (mine, other):
        web.send(key)
        web.submitted()
    assert {body["data"]["client"] for body in told(web, app)} == {mine.split("_")[1]}
    assert len(told(web, everybody)) == 2


def test_an_admin_s_notice_is_not_a_client_s_business(web: WebBox) -> None:
    app, everybody = register(web, "app", "some-client"), register(web, "all")
    notice(web, "modem.down", None, modem="modem-1")
    notice(web, "verification.approved", "some-client", id="ver_1")
    assert types(told(web, app)) == ["verification.approved"]
    assert types(told(web, everybody)) == ["modem.down", "verification.approved"]
    assert told(web, app)[0]["data"] == {"id": "ver_1"}


def test_an_endpoint_hears_of_the_types_that_it_asked_for(web: WebBox) -> None:
    app = register(web, "app", None, EventType.MESSAGE_DELIVERED, EventType.MODEM_UP)
    web.send(web.key("messages:send"))
    web.reported(web.submitted())
    notice(web, "modem.down", None)
    notice(web, "modem.up", None)
    assert types(told(web, app)) == ["message.delivered", "modem.up"]


def test_a_message_with_a_callback_is_told_to_that_endpoint_only(web: WebBox) -> None:
    app, everybody = register(web, "app"), register(web, "all")
    message_id = web.send(web.key("messages:send")).json["id"]

    def call_back(connection: Any) -> None:
        connection.exec_driver_sql("UPDATE messages SET callback = ? WHERE id = ?", (app, message_id))

    web.writer.run(call_back)
    web.submitted()
    assert types(told(web, app)) == ["message.sent"]
    assert told(web, everybody) == []


@pytest.mark.parametrize("status", [status for status in Status if status not in TOLD])
def test_moves_that_lead_on_are_not_told(status: Status, web: WebBox) -> None:
    app = register(web, "app")
    web.writer.run(lambda connection: store.add_event(connection, 1, status, web.wall_ms()))
    assert told(web, app) == []


def test_every_event_is_passed_on_once_also_over_a_restart(web: WebBox, tmp_path: Path) -> None:
    app = register(web, "app")
    web.send(web.key("messages:send"))
    web.submitted()
    assert types(told(web, app)) == ["message.sent"]
    web.send(web.key("messages:send"))
    web.submitted()
    assert types(told(web, app)) == ["message.sent", "message.sent"]
    with web.engine.connect() as connection:
        ids = list(connection.execute(select(webhook_deliveries.c.event_id)).scalars())
    assert len(set(ids)) == len(ids) == 2


def test_what_is_told_to_two_endpoints_has_one_id(web: WebBox) -> None:
    register(web, "one")
    register(web, "two")
    notice(web, "modem.down", None)
    pass_on(web)
    with web.engine.connect() as connection:
        rows = connection.execute(select(webhook_deliveries.c.event_id, webhook_deliveries.c.endpoint)).all()
    assert len({row.event_id for row in rows}) == 1
    assert len({row.endpoint for row in rows}) == 2


def test_what_happened_before_the_first_endpoint_is_told_to_nobody(web: WebBox) -> None:
    web.send(web.key("messages:send"))
    web.submitted()
    notice(web, "modem.down", None)
    app = register(web, "app")
    notice(web, "modem.up", None)
    assert types(told(web, app)) == ["modem.up"]


def test_what_happened_while_the_only_endpoint_was_disabled_is_told_to_nobody(web: WebBox) -> None:
    app = register(web, "app")
    web.writer.run(lambda connection: endpoints.disable(connection, app, "it is gone"))
    notice(web, "modem.down", None)
    web.writer.run(lambda connection: endpoints.enable(connection, app))
    notice(web, "modem.up", None)
    assert types(told(web, app)) == ["modem.up"]


def test_what_waits_when_an_endpoint_is_disabled_is_dropped(web: WebBox) -> None:
    app = register(web, "app")
    notice(web, "modem.down", None)
    assert len(told(web, app)) == 1
    web.writer.run(lambda connection: endpoints.disable(connection, app, "it is gone"))
    assert told(web, app) == []
    assert states(web) == ["dropped"]


def states(web: WebBox) -> list[str]:
    with web.engine.connect() as connection:
        column = webhook_deliveries.c.state
        return list(connection.execute(select(column).order_by(webhook_deliveries.c.n)).scalars())


def test_an_endpoint_that_came_meanwhile_is_heard_before_anything_is_written(web: WebBox) -> None:
    one = register(web, "one")
    notice(web, "modem.down", None)
    # Between the relay's look at the endpoints and its writing a second one is registered.
    with web.engine.connect() as connection:
        before = hooks.cursors(connection)
        heard = frozenset(endpoint.n for endpoint in endpoints.enabled(connection))
    two = register(web, "two")
    after = hooks.Cursors(before.messages, before.notices + 1)
    assert not web.writer.run(lambda connection: hooks.pass_on(connection, before, after, heard, []))
    assert types(told(web, one)) == types(told(web, two)) == ["modem.down"]


@pytest.mark.parametrize("rewound", [True, False], ids=["at-once", "by-the-relay"])
def test_a_number_that_sqlite_gives_again_is_told_of_all_the_same(rewound: bool, web: WebBox) -> None:
    app = register(web, "app")
    web.send(web.key("messages:send"))
    web.submitted()
    assert len(told(web, app)) == 1

    def forget(connection: Any) -> None:
        connection.execute(delete(history))
        if rewound:
            hooks.rewind(connection)

    web.writer.run(forget)
    pass_on(web)
    web.send(web.key("messages:send"))
    web.submitted()
    assert len(told(web, app)) == 2


def test_history_of_a_deleted_message_does_not_stop_the_relay(web: WebBox) -> None:
    app = register(web, "app")
    web.writer.run(lambda connection: store.add_event(connection, 4711, Status.SENT, web.wall_ms()))
    notice(web, "modem.down", None)
    assert types(told(web, app)) == ["modem.down"]


def test_of_too_much_that_waits_the_oldest_is_dropped(web: WebBox) -> None:
    register(web, "app")
    for number in range(130):
        notice(web, "modem.down", None, number=number)
    pass_on(web)
    assert web.writer.run(lambda connection: hooks.trim(connection, 1, 100)) == 30
    assert web.writer.run(lambda connection: hooks.trim(connection, 1, 100)) == 0
    assert states(web) == ["dropped"] * 30 + ["pending"] * 100


def test_old_deliveries_and_notices_are_dropped_and_young_ones_stay(web: WebBox) -> None:
    app = register(web, "app")
    notice(web, "modem.down", None)
    pass_on(web)
    web.now += 3600
    notice(web, "modem.up", None)
    pass_on(web)
    assert web.writer.run(lambda connection: hooks.retire(connection, web.wall_ms() - 1000)) > 0
    assert web.writer.run(lambda connection: hooks.retire(connection, web.wall_ms() - 1000)) == 0
    with web.engine.connect() as connection:
        assert list(connection.execute(select(notices.c.type)).scalars()) == ["modem.up"]
        assert list(connection.execute(select(webhook_deliveries.c.type)).scalars()) == ["modem.up"]
    assert types(told(web, app)) == ["modem.up"]
    notice(web, "modem.down", None)
    assert types(told(web, app)) == ["modem.up", "modem.down"]


def cursors(web: WebBox) -> dict[str, int]:
    with web.engine.connect() as connection:
        return {row.name: row.seq for row in connection.execute(select(relay_cursors))}


def test_without_an_endpoint_nothing_is_written(web: WebBox) -> None:
    before = cursors(web)
    web.hooks.wake()
    web.send(web.key("messages:send"))
    web.submitted()
    assert cursors(web) == before
    assert states(web) == []


def test_the_first_endpoint_leaves_the_places_of_others_alone(web: WebBox) -> None:
    web.writer.run(lambda c: c.execute(relay_cursors.insert().values(name="reduced.msg", seq=7)) and None)
    register(web, "app")
    notice(web, "modem.down", None)
    pass_on(web)
    assert cursors(web)["reduced.msg"] == 7


def emitted() -> set[str]:
    """Every type that some call of `notify` in the daemon can have, as its source says; and the moves that are told."""
    found = {type_.value for type_ in TOLD.values()}
    for path in Path(simcourier.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if any(isinstance(call.func, ast.Name) and call.func.id == "notify" for call in calls):
            found |= _written(tree)
    # The guard writes what these two tell it.
    for told_by in (budget, conversion):
        found |= _written(ast.parse(Path(str(told_by.__file__)).read_text()))
    return found


def _written(tree: ast.AST) -> set[str]:
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings
    ]
    return {str(node.value) for node in constants}


def test_every_type_that_can_be_asked_for_is_told_by_somebody() -> None:
    closed = {f"verification.{status}" for status in verifications._TOLD}
    assert set(EventType) <= emitted() | closed


def test_what_comes_in_is_told_by_its_id_and_fetched_by_the_application(web: WebBox) -> None:
    app = register(web, "app", None, "message.received", "recipient.stopped", "recipient.started")
    write(web, f"my password is {CODE}")
    write(web, "STOP")
    write(web, "START")
    received, stop, stopped, start, started = told(web, app)
    assert types([received, stop, start]) == ["message.received"] * 3
    assert types([stopped, started]) == ["recipient.stopped", "recipient.started"]
    assert stopped["data"] == {"to_masked": "+44•••••0666", "by": "sms"}
    assert received["data"] == {
        "id": received["data"]["id"],
        "kind": "text",
        "from_masked": "+44•••••0666",
        "modem": "modem-1",
        "parts": 1,
        "missing": 0,
    }
    fetched = web.get(f"/v1/inbound/{received['data']['id']}", web.key("inbound:read")).json
    assert fetched["text"] == f"my password is {CODE}"


def test_what_comes_in_is_nobodys_own_so_a_clients_endpoint_does_not_hear_of_it(web: WebBox) -> None:
    mine = register(web, "mine", web.key("messages:send").split("_")[1])
    everybody = register(web, "all")
    write(web, "hello")
    assert (types(told(web, mine)), types(told(web, everybody))) == ([], ["message.received"])


def test_a_clock_that_was_set_back_does_not_hold_a_delivery_for_ever(web: WebBox) -> None:
    app = register(web, "app")
    notice(web, "modem.down", None)
    pass_on(web)
    now_ms = web.wall_ms()
    with web.engine.connect() as connection:
        assert hooks.due(connection, 1, now_ms - 1, longest_ms=1000) == []
        assert len(hooks.due(connection, 1, now_ms - 24 * 3600 * 1000, longest_ms=1000)) == 1
    assert states(web) == [DeliveryState.PENDING]
    assert app == "whk_app"
