"""What people wrote, and that they want no more: told and erased on request, reduced with age, under the newest key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from inbound_texts import SENDER, arrive, delivers, write
from sqlalchemy import func, select
from test_inbound import LONG, listed, rows
from test_stops import problem
from web_fixtures import WebBox, web_box

from simcourier.outbox import inbound as record
from simcourier.outbox import reduction, reseal
from simcourier.outbox.keyring import Ring
from simcourier.outbox.schema import inbound, inbound_parts, notices
from simcourier.outbox.seal import Sealer

OTHER = "+447700900777"
DAY_S = 86_400


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        box.modem()
        yield box


def test_an_export_has_what_came_in_without_its_text_and_the_stop(web: WebBox) -> None:
    write(web, "my secret Zq83kx71")
    write(web, "STOP")
    write(web, "not mine", OTHER)
    told = web.post("/v1/privacy/export", web.key("admin"), json={"to": SENDER})
    assert [item["kind"] for item in told.json["inbound"]] == ["stop", "text"]
    assert [item["reduced"] for item in told.json["inbound"]] == [False, False]
    assert ("stop", "sms") in [(count["kind"], count["value"]) for count in told.json["counters"]]
    assert {mention["event"] for mention in told.json["mentions"]} == {"message.received"}
    assert "Zq83kx71" not in told.text
    assert SENDER[-6:] not in told.text


def test_an_erasure_takes_what_came_in_and_keeps_the_stop(web: WebBox) -> None:
    admin = web.key("admin")
    write(web, "my secret Zq83kx71")
    write(web, "STOP")
    arrive(web, delivers(LONG)[0])
    write(web, "not mine", OTHER)
    erased = web.post("/v1/privacy/erase", admin, json={"to": SENDER}).json
    assert (erased["inbound"], erased["mentions"], erased["still_held"]["stops"]) == (2, 2, 1)
    assert [item["text"] for item in listed(web)] == ["not mine"]
    assert rows(web, inbound_parts) == 0
    refused = web.send(web.key("messages:send"), to=SENDER, **{"class": "bulk"})
    assert problem(refused) == (403, "recipient-stopped")
    with web.engine.connect() as connection:
        left = connection.execute(
            select(notices.c.data).where(notices.c.type == "message.received")
        ).scalars()
        assert len(list(left)) == 1


def test_what_was_erased_is_not_taken_in_again_from_a_sim_that_cannot_delete_it(web: WebBox) -> None:
    (message,) = delivers("my secret")
    arrive(web, message)
    web.post("/v1/privacy/erase", web.key("admin"), json={"to": SENDER})
    arrive(web, message)
    assert listed(web) == []


def test_c14_old_senders_become_a_mask_and_are_still_found_by_their_number(web: WebBox) -> None:
    write(web, "old")
    web.now += 31 * DAY_S
    write(web, "new", OTHER)
    web.service.privacy.tick()
    web.settle()
    web.settle()
    assert [item["from"] for item in listed(web)] == [OTHER, "+44•••••0666"]
    told = web.post("/v1/privacy/export", web.key("admin"), json={"to": SENDER}).json
    assert [item["reduced"] for item in told["inbound"]] == [True]
    with web.engine.connect() as connection:
        assert SENDER[-6:] not in str(
            connection.execute(select(inbound).order_by(inbound.c.n).limit(1)).one()
        )
    assert web.post("/v1/privacy/erase", web.key("admin"), json={"to": SENDER}).json["inbound"] == 1


def test_what_comes_in_behind_messages_that_are_all_gone_is_reduced_as_well(web: WebBox) -> None:
    ever = 2**60
    for _ in range(2):
        write(web, "soon gone")
        with web.engine.begin() as connection:
            assert reduction.reduce_inbound(connection, ever) == 1
            assert connection.execute(select(inbound.c.sender)).scalars().all() != [SENDER]
            assert record.retire(connection, ever) == 1


def test_a_rotation_brings_what_came_in_under_the_new_key_and_the_old_one_goes(web: WebBox) -> None:
    admin = web.key("admin")
    write(web, "sealed with the first key")
    parts = delivers(LONG)
    arrive(web, *parts[:2])
    before = web.get("/v1/secrets", admin).json["items"]
    assert [key["in_use"]["inbound"] for key in before] == [3]
    after = web.post("/v1/secrets/rotate", admin)
    assert after.status_code == 200, after.text
    web.settle()
    old, new = web.get("/v1/secrets", admin).json["items"]
    assert (old["in_use"]["inbound"], new["in_use"]["inbound"]) == (0, 3)
    web.now += 121
    web.service.secrets.tick()
    assert len(web.get("/v1/secrets", admin).json["items"]) == 1
    arrive(web, parts[2])
    assert [item["text"] for item in listed(web)] == [LONG, "sealed with the first key"]


def test_an_old_key_stays_while_anything_that_came_in_is_under_it(web: WebBox) -> None:
    write(web, "sealed with the first key")
    web.settle()
    with web.engine.connect() as connection:
        (first,) = web.service.secrets.all()
        assert reseal.holds_anything(connection, first.id)
        assert not reseal.holds_anything(connection, first.id + 1)
    arrive(web, delivers(LONG)[0])
    web.writer.run(lambda c: c.execute(inbound.delete()))
    with web.engine.connect() as connection:
        assert reseal.holds_anything(connection, first.id), "a part that waits counts too"


def test_resealing_goes_in_batches_and_to_the_end(web: WebBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reseal, "BATCH", 3)
    for number in range(7):
        write(web, f"text {number}")
    web.post("/v1/secrets/rotate", web.key("admin"))
    for _ in range(4):
        web.settle()
    old, new = web.get("/v1/secrets", web.key("admin")).json["items"]
    assert (old["in_use"]["inbound"], new["in_use"]["inbound"]) == (0, 7)


def test_parts_under_a_lost_key_are_missing_and_hold_up_nothing(tmp_path: Path) -> None:
    with web_box(tmp_path) as web:
        web.modem()
        arrive(web, delivers(LONG, reference=3)[0])
        parts = delivers(LONG, reference=4)
        arrive(web, parts[0])
        web.writer.run(
            lambda c: c.execute(
                inbound_parts.update().values(body=Sealer(Ring.raw(b"x" * 32)).seal("lost", "x"))
            )
        )
        arrive(web, parts[1])
        web.now += 16 * 60
        web.writer.call(web.care.tick)
        (item,) = listed(web)
        assert (item["parts"], item["missing"], item["text"]) == (3, 2, f"[…]{LONG[153:306]}[…]")
        assert rows(web, inbound_parts) == 0
        with web.engine.connect() as connection:
            assert connection.execute(select(func.count()).select_from(inbound)).scalar_one() == 1
            assert record.overdue(connection, web.wall_ms()) == []
