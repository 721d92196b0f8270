"""`/v1/limits` and `/v1/numbers/check`: what an admin sees and changes, and what it does to the next send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Connection
from web_fixtures import WebBox, web_box

from simcourier.errors import RequestError
from simcourier.outbox.message import MessageClass
from simcourier.outbox.schema import audit
from simcourier.service.guard import Kind, Send
from simcourier.service.limits import MOST_RULES
from simcourier.sms.address import parse_recipient

PHONE = "+447700900123"
OTHER = "+447400120001"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        box.modem()
        yield box


@pytest.fixture
def key(web: WebBox) -> str:
    return web.key("admin")


def start(
    web: WebBox, number: str = PHONE, client: str = "shop", kind: Kind = Kind.CODE, segments: int = 1
) -> str:
    """Charge a send as an accept does; returns the code of the refusal."""
    guard = web.service.guard
    to = guard.destination(parse_recipient(number), kind)
    send = Send(to, client, kind, segments, MessageClass.OTP)
    now_ms = web.wall_ms()

    def work(connection: Connection) -> RequestError | str:
        checked = guard.check(connection, send, now_ms)
        if isinstance(checked, RequestError):
            return checked
        guard.charge(connection, checked)
        return ""

    try:
        return web.writer.run(work)
    except RequestError as error:
        return f"{error.code} {error.extra.get('scope')}"


def ask(web: WebBox, admin: str, what: str, expected: int = 200, **body: Any) -> Any:
    method = "PUT" if what == "rules" else "POST"
    answer = web.call(method, f"/v1/limits/{what}", admin, json=body)
    assert answer.status_code == expected, answer.text
    assert PHONE[1:] not in answer.text
    return answer.json


def audited(web: WebBox) -> list[tuple[str, str, str]]:
    with web.engine.connect() as connection:
        rows = connection.execute(
            select(audit).where(audit.c.action.startswith("limit.")).order_by(audit.c.seq)
        )
        return [(row.action, row.object, row.detail) for row in rows]


def test_c22_every_bound_is_listed_as_it_is_configured(web: WebBox, key: str) -> None:
    body = web.get("/v1/limits", key).json
    bounds = {(item["kind"], item["scope"], item["window"]): item["maximum"] for item in body["configured"]}
    assert bounds["verifications", "number", "gap"] == 30
    assert [bounds["verifications", "number", window] for window in ("10-minutes", "hour", "day")] == [
        3,
        5,
        10,
    ]
    assert [bounds["verifications", scope, "hour"] for scope in ("prefix", "country", "client")] == [
        20,
        200,
        600,
    ]
    assert bounds["verifications", "client", "second"] == 20
    assert bounds["messages", "number", "hour"] == bounds[None, "box", "day"] == 0
    assert (body["rules"], body["blocks"]) == ([], [])
    assert body["budget"] == {"day": "2027-01-15", "segments": 0, "maximum": 0}


def test_an_admin_sees_what_a_number_used_with_its_prefix_and_country(web: WebBox, key: str) -> None:
    assert start(web, segments=2) == ""
    uses = ask(web, key, "lookup", to=PHONE)["uses"]
    used = {(use["kind"], use["scope"], use["window"]): use for use in uses}
    assert [used["verifications", scope, "hour"]["used"] for scope in ("number", "prefix", "country")] == [
        1,
        1,
        1,
    ]
    assert used["messages", "number", "hour"]["used"] == 0
    assert used["messages", "prefix", "hour"]["used"] == 0
    assert used["verifications", "number", "gap"]["wait_seconds"] == 30
    assert {use["shown"] for use in uses} == {"+44•••••0123", "+44•••••", "GB"}
    assert web.get("/v1/limits", key).json["budget"]["segments"] == 2


def test_a_number_that_may_not_be_sent_to_can_still_be_looked_up(web: WebBox, key: str) -> None:
    assert {use["scope"] for use in ask(web, key, "lookup", to="+18765550100")["uses"]} == {
        "number",
        "prefix",
        "country",
    }
    assert {use["scope"] for use in ask(web, key, "lookup", to="60123")["uses"]} == {"number", "prefix"}


def test_an_admin_sees_what_a_client_used_by_its_name_or_id(web: WebBox, key: str) -> None:
    made, _ = web.service.clients.create("web-shop", frozenset({"messages:send"}))
    assert start(web, client=made.id) == ""
    for named in ("web-shop", made.id):
        uses = ask(web, key, "lookup", key=named)["uses"]
        assert [(use["shown"], use["used"]) for use in uses] == [("web-shop", 1), ("web-shop", 0)]


def test_the_share_of_confirmed_codes_is_shown(web: WebBox, key: str) -> None:
    for n in range(20):
        assert start(web, f"+44770090{n:04d}") == ""
    web.pass_time(601)
    shares = ask(web, key, "lookup", to=PHONE)["shares"]
    assert [(share["scope"], share["codes"], share["confirmed"]) for share in shares] == [
        ("prefix", 20, 0),
        ("country", 20, 0),
    ]


def test_a_changed_bound_holds_for_the_next_send_and_until_its_time(web: WebBox, key: str) -> None:
    rule = ask(web, key, "rules", scope="number", window="hour", maximum=1, to=PHONE, for_seconds=7200)
    assert (rule["shown"], rule["maximum"], rule["until"]) == ("+44•••••0123", 1, "2027-01-15T10:16:40.000Z")
    assert start(web) == ""
    web.pass_time(600)
    assert start(web) == "rate-limited number"
    assert web.get("/v1/limits", key).json["rules"] == [rule]
    web.pass_time(3000)
    assert start(web) == ""
    web.pass_time(3599)
    assert start(web) == "rate-limited number"
    web.pass_time(1)
    assert start(web) == ""
    assert web.get("/v1/limits", key).json["rules"] == []
    assert start(web, OTHER) == ""


def test_a_bound_for_all_of_a_scope_and_the_gap_are_changed_and_reset(web: WebBox, key: str) -> None:
    gap = {"scope": "number", "window": "gap", "key": "*"}
    ask(web, key, "rules", **gap, maximum=0)
    assert (start(web), start(web)) == ("", "")
    assert ask(web, key, "rules/reset", **gap)["shown"] == "all"
    assert start(web) == "rate-limited number"
    assert ask(web, key, "rules/reset", 404, **gap)["code"] == "not-found"


def test_rules_are_of_one_kind(web: WebBox, key: str) -> None:
    ask(web, key, "rules", kind="messages", scope="country", key="GB", window="hour", maximum=1)
    assert start(web, kind=Kind.TEXT) == ""
    assert start(web, OTHER, kind=Kind.TEXT) == "rate-limited country"
    assert start(web, OTHER) == ""


def test_the_budget_is_changed_as_a_rule_of_the_box(web: WebBox, key: str) -> None:
    rule = ask(web, key, "rules", scope="box", window="day", maximum=3)
    assert (rule["kind"], rule["shown"]) == (None, "box")
    assert start(web, segments=2) == ""
    assert start(web, OTHER, segments=2) == "budget-exhausted box"
    assert web.get("/v1/limits", key).json["budget"] == {"day": "2027-01-15", "segments": 2, "maximum": 3}
    assert ask(web, key, "lift", scope="box") == {
        "scope": "box",
        "key": "day",
        "shown": "box",
        "unblocked": False,
    }
    assert start(web, OTHER, segments=2) == ""


def test_requests_a_second_follow_a_changed_bound(web: WebBox, key: str) -> None:
    ask(web, key, "rules", kind="messages", scope="client", window="second", maximum=1, key="*")
    web.service.guard.pace("shop", Kind.TEXT)
    with pytest.raises(RequestError, match="requests a second"):
        web.service.guard.pace("shop", Kind.TEXT)


def test_lifting_begins_anew_and_takes_a_block_away(web: WebBox, key: str) -> None:
    assert (start(web), start(web)) == ("", "rate-limited number")
    lifted = ask(web, key, "lift", to=PHONE)
    assert (lifted["scope"], lifted["shown"], lifted["unblocked"]) == ("number", "+44•••••0123", False)
    assert start(web) == ""
    ask(web, key, "block", to=PHONE)
    assert start(web) == "destination-not-allowed number"
    assert ask(web, key, "lift", to=PHONE)["unblocked"] is True
    assert start(web) == ""


def test_a_prefix_that_was_blocked_for_its_share_is_listed_and_lifted_by_its_key(
    web: WebBox, key: str
) -> None:
    for n in range(20):
        assert start(web, f"+44770090{n:04d}") == ""
    web.pass_time(601)
    assert start(web) == "destination-not-allowed prefix"
    web.settle()
    (block,) = web.get("/v1/limits", key).json["blocks"]
    assert (block["cause"], block["shown"], block["until"]) == (
        "conversion",
        "+44•••••",
        "2027-01-15T09:26:41.000Z",
    )
    assert ask(web, key, "lift", scope="prefix", key=block["key"])["unblocked"] is True
    assert start(web) == ""


@pytest.mark.parametrize(
    ("whom", "refusal"),
    [
        ({"to": PHONE}, "destination-not-allowed number"),
        ({"to": PHONE, "scope": "prefix"}, "destination-not-allowed prefix"),
        ({"key": "GB"}, "destination-not-allowed country"),
        ({"to": PHONE, "scope": "country"}, "destination-not-allowed country"),
    ],
)
def test_an_admin_blocks_for_a_time_and_unblocks(
    web: WebBox, key: str, whom: dict[str, str], refusal: str
) -> None:
    ask(web, key, "block", **whom, reason="fraud", for_seconds=60)
    assert start(web) == refusal
    web.pass_time(60)
    assert start(web) == ""
    ask(web, key, "block", **whom)
    web.pass_time(40)
    assert start(web) == refusal
    ask(web, key, "unblock", **whom)
    assert start(web) == ""
    assert ask(web, key, "unblock", 404, **whom)["code"] == "not-found"


def test_a_client_is_stopped(web: WebBox, key: str) -> None:
    made, _ = web.service.clients.create("web-shop", frozenset({"messages:send"}))
    ask(web, key, "block", key="web-shop")
    assert start(web, client=made.id) == "rate-limited client"
    assert start(web, client="other") == ""


def test_c21_each_change_is_audited_with_who_did_it_and_without_the_number(web: WebBox, key: str) -> None:
    ask(web, key, "rules", scope="number", window="hour", maximum=9, to=PHONE, for_seconds=60)
    ask(web, key, "rules/reset", scope="number", window="hour", to=PHONE)
    ask(web, key, "block", key="GB", reason="fraud")
    ask(web, key, "unblock", key="GB")
    ask(web, key, "lift", to=PHONE)
    assert audited(web) == [
        ("limit.set", "number +44•••••0123", "verifications.number_hour: 9 (for 60 s)"),
        ("limit.unset", "number +44•••••0123", "verifications.number_hour"),
        ("limit.block", "country GB", "fraud"),
        ("limit.unblock", "country GB", ""),
        ("limit.lift", "number +44•••••0123", "counts"),
    ]
    with web.engine.connect() as connection:
        rows = connection.execute(
            select(audit.c.actor, audit.c.number_key).where(audit.c.action == "limit.lift")
        ).all()
    number_key = web.service.guard.destination(parse_recipient(PHONE), Kind.CODE).number_key
    assert [tuple(row) for row in rows] == [(key.split("_")[1], number_key)]


@pytest.mark.parametrize(
    ("what", "body", "status", "code", "pointer"),
    [
        ("lookup", {}, 422, "policy-violation", "/key"),
        ("lookup", {"to": PHONE, "key": "GB"}, 422, "policy-violation", "/key"),
        ("lookup", {"key": "nobody"}, 404, "not-found", "/key"),
        ("lookup", {"scope": "country", "key": "UK"}, 404, "not-found", "/key"),
        ("lookup", {"scope": "prefix", "key": "GB"}, 404, "not-found", "/key"),
        ("lookup", {"to": "12"}, 422, "invalid-number", "/to"),
        ("lookup", {"to": "+999123456789"}, 422, "invalid-number", "/to"),
        ("lookup", {"to": PHONE, "scope": "client"}, 422, "policy-violation", "/scope"),
        ("lookup", {"to": "60123", "scope": "country"}, 422, "policy-violation", "/scope"),
        ("block", {"scope": "box"}, 422, "policy-violation", "/scope"),
        ("block", {"key": "GB", "for_seconds": 0}, 400, "invalid-request", "/for_seconds"),
        ("block", {"key": "GB", "reason": "a\nb"}, 400, "invalid-request", "/reason"),
        ("lift", {"key": "*", "scope": "number"}, 404, "not-found", "/key"),
        (
            "rules",
            {"scope": "prefix", "window": "day", "maximum": 1, "key": "*"},
            422,
            "policy-violation",
            "/window",
        ),
        ("rules", {"scope": "number", "window": "year", "maximum": 1}, 400, "invalid-request", "/window"),
        ("rules", {"scope": "number", "window": "hour", "maximum": -1}, 400, "invalid-request", "/maximum"),
        ("rules", {"scope": "sim", "window": "hour", "maximum": 1}, 400, "invalid-request", "/scope"),
        ("rules", {"scope": "number", "window": "hour"}, 400, "invalid-request", "/maximum"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(
    web: WebBox, key: str, what: str, body: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    problem = ask(web, key, what, status, **body)
    assert (problem["code"], problem["errors"][0]["pointer"]) == (code, pointer)
    assert audited(web) == []


def test_rules_and_blocks_have_a_bound(web: WebBox, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcourier.service.limits.MOST_RULES", 1)
    assert MOST_RULES == 10_000
    rule = {"scope": "country", "window": "hour", "maximum": 1}
    ask(web, key, "rules", **rule, key="GB")
    ask(web, key, "rules", **rule, key="GB")
    assert ask(web, key, "rules", 422, **rule, key="FR")["code"] == "policy-violation"
    ask(web, key, "block", key="GB")
    assert ask(web, key, "block", 422, key="FR")["code"] == "policy-violation"


def test_only_an_admin_sees_and_changes_limits(web: WebBox) -> None:
    other = web.key("messages:send", "messages:read", "verifications:start", "status:read")
    assert web.get("/v1/limits", other).json["code"] == "forbidden-scope"
    for what in ("lookup", "rules", "rules/reset", "lift", "block", "unblock"):
        assert ask(web, other, what, 403, to=PHONE)["code"] == "forbidden-scope"


def test_what_is_over_is_dropped_by_the_tick(web: WebBox, key: str) -> None:
    for n in range(3):
        assert start(web, f"+44740{n:02d}20001") == ""
    ask(web, key, "block", key="FR", for_seconds=60)
    ask(web, key, "block", key="US")
    web.pass_time(25 * 3600 + 1)
    assert start(web) == ""
    web.service.limits.tick()
    web.settle()
    with web.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT scope FROM limit_windows ORDER BY scope").scalars().all()
        assert connection.exec_driver_sql("SELECT key FROM blocks").scalars().all() == ["US"]
    assert kept == ["box", *(f"verifications.{scope}" for scope in ("client", "country", "number", "prefix"))]


# --- /v1/numbers/check ---


@pytest.mark.parametrize(
    ("to", "answer"),
    [
        (PHONE, (True, "GB", "unknown", True, None)),
        (OTHER, (True, "GB", "mobile", True, None)),
        ("0044 7400 120001", (True, "GB", "mobile", True, None)),
        ("+442079460000", (True, "GB", "fixed", False, "invalid-number")),
        ("+12025550123", (True, "US", "fixed-or-mobile", False, "destination-not-allowed")),
        ("+881612345678", (True, "001", "international", False, "destination-not-allowed")),
        ("60123", (True, None, "short-code", False, "invalid-number")),
        ("+4477009", (False, None, None, False, "invalid-number")),
        ("nobody", (False, None, None, False, "invalid-number")),
    ],
)
def test_a_number_is_judged_without_asking_anybody(
    web: WebBox, to: str, answer: tuple[bool, str | None, str | None, bool, str | None]
) -> None:
    body = web.post("/v1/numbers/check", web.key("verifications:start"), json={"to": to}).json
    assert (body["valid"], body["region"], body["type"], body["allowed"], body["code"]) == answer
    assert (body["reason"] is None) == body["allowed"]


def test_a_number_is_judged_for_messages_when_asked_so(web: WebBox) -> None:
    body = web.post(
        "/v1/numbers/check", web.key("verifications:start"), json={"to": "+12025550123", "kind": "messages"}
    ).json
    assert body["allowed"] is True
