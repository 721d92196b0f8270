"""What people write to the SIMs: kept once, joined, told without its text, and only then deleted from the card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from inbound_texts import NATIONAL, NUMBER, SENDER, arrive, by_hand, delivers, write
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs
from web_fixtures import WebBox, web_box

from simcourier.config import Inbound, Modem
from simcourier.modem.facts import MessageArrived
from simcourier.outbox import inbound as record
from simcourier.outbox.inbound import InboundKind, NewInbound
from simcourier.outbox.schema import inbound, inbound_parts, inbound_seen, notices

LONG = "This is a long text, and it needs more than one message. " * 6
Json = dict[str, Any]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        box.modem()
        yield box


def listed(web: WebBox, **query: Any) -> list[Json]:
    web.settle()
    answer = web.get("/v1/inbound", web.key("inbound:read"), query_string=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json["items"])


def rows(web: WebBox, table: Any) -> int:
    web.settle()
    with web.engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def told(web: WebBox, type_: str = "message.received") -> list[str]:
    web.settle()
    with web.engine.connect() as connection:
        found = connection.execute(
            select(notices.c.data).where(notices.c.type == type_).order_by(notices.c.seq)
        )
        return list(found.scalars())


def care(web: WebBox) -> None:
    web.writer.call(web.care.tick)
    web.settle()


# --- one message ---


def test_a_text_is_kept_and_then_deleted_from_the_sim(web: WebBox) -> None:
    tokens = write(web, "Hello box €")
    (item,) = listed(web)
    assert (item["from"], item["text"], item["kind"]) == (SENDER, "Hello box €", "text")
    assert (item["parts"], item["missing"], item["modem"]) == (1, 0, "modem-1")
    assert item["id"].startswith("inb_")
    assert item["sent_at"].startswith("2027-01-15T08:")
    assert web.radio.deleted == [("modem-1", token) for token in tokens]


def test_a_message_that_lies_in_no_store_is_not_deleted(web: WebBox) -> None:
    (message,) = delivers("direct")
    web.tell(MessageArrived("modem-1", web.radio.cards["modem-1"].sim, message))
    assert len(listed(web)) == 1
    assert web.radio.deleted == []


def test_a_message_that_could_not_be_deleted_is_not_stored_again(web: WebBox) -> None:
    (message,) = delivers("once")
    tokens = [*arrive(web, message), *arrive(web, message)]
    assert len(listed(web)) == 1
    assert len(told(web)) == 1
    assert [token for _, token in web.radio.deleted] == tokens, "the SIM is asked to delete it again"


def test_the_same_text_written_twice_is_two_messages(web: WebBox) -> None:
    write(web, "ring me")
    write(web, "ring me")
    assert [item["text"] for item in listed(web)] == ["ring me", "ring me"]


def test_the_same_message_on_two_sims_is_two_messages(web: WebBox) -> None:
    web.modem("modem-2")
    (message,) = delivers("to both")
    arrive(web, message)
    arrive(web, message, modem="modem-2")
    assert {item["modem"] for item in listed(web)} == {"modem-1", "modem-2"}


def test_nothing_is_deleted_before_it_is_on_disk(web: WebBox, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = record.add
    full = [True]

    def add(*given: Any) -> int:
        if full:
            raise OperationalError("INSERT", {}, Exception("disk I/O error"))
        return whole(*given)

    monkeypatch.setattr(record, "add", add)
    (token,) = write(web, "wait for the disk")
    assert web.radio.deleted == []
    full.clear()
    web.now += 2
    care(web)
    assert web.radio.deleted == [("modem-1", token)]
    assert [item["text"] for item in listed(web)] == ["wait for the disk"]


def test_octets_that_are_no_text_are_kept_as_hex(web: WebBox) -> None:
    arrive(web, by_hand(NUMBER, "0400FF1B0D", dcs=0x04))
    (item,) = listed(web)
    assert (item["kind"], item["text"]) == ("data", "00FF1B0D")


def test_a_sender_with_a_name_is_shown_by_it(web: WebBox) -> None:
    write(web, "Your parcel", "ACME")
    (item,) = listed(web)
    assert (item["from"], item["kind"]) == ("ACME", "text")


def test_a_national_number_is_the_same_sender_as_the_international_one(web: WebBox) -> None:
    arrive(web, by_hand(NATIONAL, "0141"))
    (item,) = listed(web)
    assert item["from"] == SENDER


def test_nothing_is_readable_on_disk(web: WebBox, tmp_path: Path) -> None:
    write(web, "canary Zq83kx71")
    parts = delivers("canary Zq83kx71 " * 20)
    arrive(web, *parts[:1])
    web.settle()
    octets = b"".join(path.read_bytes() for path in tmp_path.glob("simcourier.db*"))
    for needle in (b"Zq83kx71", "Zq83kx71".encode("utf-16-be"), b"Zq83kx71".hex().encode()):
        assert needle not in octets


def test_loop_tests_are_not_kept(web: WebBox) -> None:
    (token,) = write(web, "loop test 123")
    assert listed(web) == []
    assert web.radio.deleted == [("modem-1", token)]


def test_without_inbound_messages_stay_on_the_sim_and_loop_tests_are_seen(tmp_path: Path) -> None:
    with web_box(tmp_path, inbound=Inbound(enabled=False)) as web:
        web.modem()
        write(web, "leave me there")
        assert (web.radio.deleted, listed(web)) == ([], [])
        (token,) = write(web, "loop test 5")
        assert web.radio.deleted == [("modem-1", token)]


def test_what_comes_in_on_a_sandbox_modem_is_nobodys_word(tmp_path: Path) -> None:
    sandbox = Modem("/dev/modem-1", sandbox=True)
    with web_box(tmp_path, modems=(sandbox,)) as web:
        web.modem()
        (token,) = write(web, "STOP")
        assert (listed(web), web.radio.deleted) == ([], [("modem-1", token)])
        assert web.get("/v1/stops", web.key("admin")).json["items"] == []


# --- long messages ---


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 0, 2, 1, 2)])
def test_parts_in_any_order_and_twice_become_one_message(web: WebBox, order: tuple[int, ...]) -> None:
    parts = delivers(LONG)
    assert len(parts) == 3
    tokens = [token for place in order for token in arrive(web, parts[place])]
    (item,) = listed(web)
    assert (item["text"], item["parts"], item["missing"]) == (LONG, 3, 0)
    assert [token for _, token in web.radio.deleted] == tokens
    assert rows(web, inbound_parts) == 0
    assert len(told(web)) == 1


def test_a_character_cut_by_its_sender_is_whole(web: WebBox) -> None:
    octets = ("x" * 66 + "\U0001f600").encode("utf-16-be")
    for number, piece in enumerate((octets[:134], octets[134:]), 1):
        data = bytes([5, 0, 3, 9, 2, number]) + piece
        arrive(web, by_hand(NUMBER, f"{len(data):02X}{data.hex()}", dcs=0x08, header=True))
    (item,) = listed(web)
    assert item["text"] == "x" * 66 + "\U0001f600"


def test_long_messages_of_two_senders_and_two_sims_are_not_mixed(web: WebBox) -> None:
    web.modem("modem-2")
    mine, other = delivers("a" * 200, reference=7), delivers("b" * 200, "+447700900777", reference=7)
    elsewhere = delivers("c" * 200, reference=7)
    arrive(web, mine[0], other[1])
    arrive(web, elsewhere[0], modem="modem-2")
    arrive(web, mine[1], other[0])
    arrive(web, elsewhere[1], modem="modem-2")
    assert {item["text"] for item in listed(web)} == {"a" * 200, "b" * 200, "c" * 200}
    assert all(item["missing"] == 0 for item in listed(web))


def test_a_part_that_never_comes_is_waited_for_and_then_missed(web: WebBox) -> None:
    parts = delivers(LONG)
    arrive(web, parts[0], parts[2])
    web.now += 14 * 60
    care(web)
    assert listed(web) == []
    web.now += 2 * 60
    care(web)
    (item,) = listed(web)
    assert (item["parts"], item["missing"]) == (3, 1)
    assert item["text"] == LONG[:153] + "[…]" + LONG[306:]
    assert rows(web, inbound_parts) == 0


def test_a_reference_that_is_used_again_begins_another_message(web: WebBox) -> None:
    first, second = delivers("a" * 300, reference=5), delivers("b" * 300, reference=5)
    arrive(web, first[0], second[0], second[1])
    texts = {item["text"]: item["missing"] for item in listed(web)}
    assert texts == {"a" * 153 + "[…]": 1, "b" * 300: 0}


def test_a_part_that_its_network_sent_again_does_not_cut_the_message(web: WebBox) -> None:
    parts = delivers(LONG, reference=9)
    at = parts[1].service_centre_at
    assert at is not None
    again = replace(parts[1], service_centre_at=at + timedelta(seconds=40))
    arrive(web, parts[0], parts[1], again, parts[2])
    assert [(item["text"], item["missing"]) for item in listed(web)] == [(LONG, 0)]
    assert len(web.radio.deleted) == 4


def test_parts_survive_a_restart(tmp_path: Path) -> None:
    parts = delivers(LONG)
    with web_box(tmp_path) as web:
        web.modem()
        arrive(web, parts[1])
    with web_box(tmp_path) as web:
        web.modem()
        arrive(web, parts[0], parts[2])
        (item,) = listed(web)
        assert (item["text"], item["missing"]) == (LONG, 0)


# --- floods ---


def test_of_a_flood_the_newest_are_kept_and_the_rest_is_counted(
    web: WebBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "MOST_OF_SENDER", 5)
    for number in range(12):
        write(web, f"flood {number}")
    write(web, "somebody else", "+447700900777")
    texts = [item["text"] for item in listed(web)]
    assert texts == ["somebody else", *(f"flood {number}" for number in (11, 10, 9, 8, 7))]
    assert len(told(web)) == 6, "nor does a flood fill the log of webhooks"
    assert "simcourier_inbound_dropped_total 7.0" in web.metrics.render().decode()
    assert 'simcourier_inbound_total{kind="text",modem="modem-1"} 13.0' in web.metrics.render().decode()
    assert len(web.radio.deleted) == 13


def test_a_flood_does_not_fill_the_log(web: WebBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "MOST_OF_SENDER", 1)
    with capture_logs() as lines:
        for number in range(9):
            write(web, f"flood {number}")
            care(web)
        web.now += 601
        care(web)
    said = [line["count"] for line in lines if line["event"].startswith("more came in than is kept")]
    assert said == [1, 7]


def test_what_a_sender_wrote_in_other_hours_is_not_looked_through(web: WebBox) -> None:
    write(web, "one")
    web.settle()
    asked: list[int] = []
    with web.engine.begin() as connection:
        row = connection.execute(select(inbound)).mappings().one()
        old = {**row, "received_at_ms": row["received_at_ms"] - 7_200_000}
        more = [{**old, "n": n, "id": f"inb_{n:022}"} for n in range(2, 5_000)]
        connection.execute(inbound.insert(), more)
        raw: Any = connection.connection.dbapi_connection
        raw.set_progress_handler(lambda: asked.append(1), 100)
        assert not record.is_flooding(connection, row["sender_key"], row["received_at_ms"])
        raw.set_progress_handler(None, 0)
    assert len(asked) < 50, "steps of SQLite's machine, in hundreds"


def test_a_sender_has_room_again_an_hour_later(web: WebBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "MOST_OF_SENDER", 2)
    write(web, "one")
    write(web, "two")
    web.now += 3601
    write(web, "three")
    assert len(listed(web)) == 3


def test_ever_new_senders_do_not_fill_the_disk(web: WebBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "MOST", 4)
    for number in range(10):
        write(web, f"text {number}", f"+4477009006{number:02d}")
    assert [item["text"] for item in listed(web)] == [f"text {number}" for number in (9, 8, 7, 6)]


def test_parts_that_never_become_whole_are_bounded(web: WebBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "MOST_PARTS_OF_SENDER", 6)
    for reference in range(20):
        web.now += 1
        arrive(web, delivers(LONG, reference=reference)[0])
    assert rows(web, inbound_parts) == 6
    monkeypatch.setattr(record, "MOST_PARTS", 8)
    for number in range(10):
        web.now += 1
        arrive(web, delivers(LONG, f"+4477009007{number:02d}")[0])
    assert rows(web, inbound_parts) == 8


def test_what_is_too_old_goes(web: WebBox) -> None:
    write(web, "old")
    web.now += 29 * 86_400
    care(web)
    assert len(listed(web)) == 1
    web.now += 2 * 86_400
    care(web)
    assert (listed(web), rows(web, inbound_seen)) == ([], 0)


def test_what_still_lies_in_a_sim_is_remembered_for_as_long(web: WebBox) -> None:
    (message,) = delivers("can't be deleted")
    arrive(web, message)
    for _ in range(4):
        web.now += 20 * 86_400
        arrive(web, message)
        care(web)
    assert listed(web) == []
    assert rows(web, inbound_seen) == 1


def test_digests_are_bounded(web: WebBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "MOST_SEEN", 3)
    for number in range(5):
        web.now += 1
        write(web, f"text {number}")
    web.now += 3600
    care(web)
    assert rows(web, inbound_seen) < 5
    assert len(listed(web)) == 5


# --- told, read, acknowledged ---


def test_applications_are_told_without_text_and_number(web: WebBox) -> None:
    write(web, "the secret word is Zq83kx71")
    (data,) = told(web)
    assert '"from_masked":"+44•••••0666"' in data
    assert '"kind":"text"' in data
    assert "Zq83kx71" not in data
    assert SENDER[-6:] not in data
    assert listed(web)[0]["id"] in data


def test_a_message_is_read_by_its_id(web: WebBox) -> None:
    write(web, "hello")
    (item,) = listed(web)
    key = web.key("inbound:read")
    assert web.get(f"/v1/inbound/{item['id']}", key).json == item
    assert web.get("/v1/inbound/inb_nothing", key).status_code == 404


def test_the_first_who_acknowledges_stays_on_record(web: WebBox) -> None:
    write(web, "hello")
    (item,) = listed(web)
    first, second = web.key("inbound:read"), web.key("inbound:read")
    acked = web.post(f"/v1/inbound/{item['id']}/ack", first).json
    web.now += 5
    again = web.post(f"/v1/inbound/{item['id']}/ack", second).json
    assert acked == again
    assert acked["acked_by"] in first
    assert listed(web, unacked="true") == []
    assert len(listed(web)) == 1
    assert web.post("/v1/inbound/inb_nothing/ack", first).status_code == 404


def test_what_nobody_acknowledged_is_a_queue_the_oldest_first(web: WebBox) -> None:
    for number in range(5):
        write(web, f"text {number}")
    key = web.key("inbound:read")
    seen, cursor = [], None
    while True:
        query = {"limit": 2, "unacked": "true"} | ({} if cursor is None else {"cursor": cursor})
        page = web.get("/v1/inbound", key, query_string=query)
        seen += [item["text"] for item in page.json["items"]]
        cursor = page.json["next_cursor"]
        assert ("Link" in page.headers) is (cursor is not None)
        if cursor is None:
            break
    assert seen == [f"text {number}" for number in range(5)]


def test_the_list_comes_in_pages_the_newest_first(web: WebBox) -> None:
    for number in range(5):
        write(web, f"text {number}")
    key = web.key("inbound:read")
    first = web.get("/v1/inbound", key, query_string={"limit": 3}).json
    rest = web.get("/v1/inbound", key, query_string={"limit": 3, "cursor": first["next_cursor"]}).json
    assert [item["text"] for item in (*first["items"], *rest["items"])] == [
        f"text {n}" for n in (4, 3, 2, 1, 0)
    ]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("scope", ["messages:read", "messages:send", "status:read", "messages:read_body"])
def test_other_scopes_may_not_read_what_came_in(web: WebBox, scope: str) -> None:
    write(web, "private")
    answer = web.get("/v1/inbound", web.key(scope))
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden-scope")
    assert "private" not in answer.text


def test_a_text_whose_key_is_lost_is_null_and_the_others_are_not(web: WebBox) -> None:
    web.settle()
    lost = NewInbound(
        "inb_lost", InboundKind.TEXT, "sim", "modem-1", SENDER, "key", b"\x77" * 40, 1, 0, None, web.wall_ms()
    )
    web.writer.run(lambda c: record.add(c, lost))
    write(web, "readable")
    assert [item["text"] for item in listed(web)] == ["readable", None]


def test_the_page_shows_that_something_came_and_never_what(web: WebBox) -> None:
    write(web, "Zq83kx71 <script>alert(1)</script>")
    write(web, "STOP")
    arrive(web, delivers(LONG)[0])
    web.now += 3600
    care(web)
    page = web.get("/").text
    assert "Last received" in page
    assert "+44•••••0666" in page
    assert "Wants no more messages" in page
    assert "2 of 3 parts missing" in page
    for hidden in ("Zq83kx71", "alert(1)", SENDER[-6:], "This is a long"):
        assert hidden not in page


def test_the_page_says_nothing_of_it_where_nothing_came(web: WebBox) -> None:
    assert "Last received" not in web.get("/").text


def test_searching_by_an_index_and_not_through_the_table(web: WebBox) -> None:
    for number in range(50):
        write(web, f"text {number}")
    with web.engine.connect() as connection:
        plan = connection.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT n FROM inbound WHERE acked_at_ms IS NULL AND n > 3 ORDER BY n LIMIT 51"
            )
        ).all()
        assert "inbound_unread" in str(plan)
        assert connection.execute(select(func.count()).select_from(inbound)).scalar_one() == 50
