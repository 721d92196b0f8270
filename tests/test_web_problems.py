"""Every error is a problem document with a stable code, and repeats nothing that was sent."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from web_fixtures import CODE, PHONE, TEXT, WebBox, web_box

import simcourier
from simcourier.config import Http
from simcourier.errors import RequestError
from simcourier_web import problems

MEMBERS = {"type", "title", "status", "detail", "instance", "code"}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path, http=Http(max_body_bytes=4096)) as box:
        yield box


def raised_codes() -> set[str]:
    """The codes of every RequestError that is raised in daemon and web."""
    found: set[str] = set()
    for root in (Path(simcourier.__file__).parent, Path(problems.__file__).parent):
        for file in root.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                found |= _code_of(node)
    return found


def _code_of(node: ast.AST) -> set[str]:
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
        return set()
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if isinstance(node.func, ast.Attribute) and node.func.attr == "__init__":
        name = "RequestError" if len(node.args) > 1 else ""
    return {str(node.args[0].value)} if name == "RequestError" else set()


def test_every_code_that_is_raised_has_its_status() -> None:
    codes = raised_codes()
    assert {"not-found", "invalid-number", "too-long", "idempotency-mismatch", "unauthorized"} <= codes
    assert codes - {"invalid-request"} <= set(problems.KINDS)


def test_the_statuses_are_those_of_the_documented_table() -> None:
    documented = {
        "invalid-request": 400,
        "unauthorized": 401,
        "forbidden-scope": 403,
        "not-found": 404,
        "idempotency-conflict": 409,
        "not-cancelable": 409,
        "payload-too-large": 413,
        "unsupported-media-type": 415,
        "invalid-number": 422,
        "text-not-encodable": 422,
        "too-long": 422,
        "idempotency-mismatch": 422,
        "queue-full": 503,
        "no-modem": 503,
        "wait-exceeds-life": 503,
        "storage-unavailable": 503,
    }
    assert {code: problems.KINDS[code].status for code in documented} == documented


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", f"/v1/messages/{PHONE}", 401, "unauthorized"),
        ("GET", "/v1/messages/", 404, "not-found"),
        ("GET", "/v1//messages", 404, "not-found"),
        ("DELETE", "/v1/messages", 405, "method-not-allowed"),
        ("OPTIONS", "/v1/messages", 405, "method-not-allowed"),
        ("POST", "/readyz", 405, "method-not-allowed"),
        ("GET", "/static/../auth.py", 404, "not-found"),
        ("GET", "/readyz", 503, "no-modem"),
    ],
)
def test_an_error_is_a_problem_document(web: WebBox, method: str, path: str, status: int, code: str) -> None:
    answer = web.call(method, path)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    body = answer.json
    assert set(body) - {"retry_after"} == MEMBERS
    assert (body["type"], body["status"], body["code"]) == (f"/problems/{code}", status, code)
    assert body["instance"] == answer.headers["X-Request-Id"]
    assert body["detail"].endswith(".")
    assert PHONE not in answer.text


def test_a_405_names_the_methods(web: WebBox) -> None:
    answer = web.call("PUT", "/v1/messages/msg_x/cancel")
    assert answer.headers["Allow"] == "POST"


def test_every_answer_has_an_id_of_its_own_and_is_kept_by_no_cache(web: WebBox) -> None:
    web.modem()
    answers = [
        web.get(path) for path in ("/", "/live", "/healthz", "/readyz", "/metrics", "/nowhere", "/v1/status")
    ]
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == len(answers)
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert {answer.headers["X-Content-Type-Options"] for answer in answers} == {"nosniff"}


def test_a_fault_of_ours_is_a_500_that_tells_nothing_but_its_id(
    web: WebBox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = web.key("messages:send")

    def broken(*_arguments: object) -> None:
        raise ValueError(f"parameters: {PHONE} {TEXT}")

    monkeypatch.setattr(web.service.messages, "send", broken)
    answer = web.send(key)
    assert (answer.status_code, answer.json["code"]) == (500, "internal-error")
    logged = "".join(capsys.readouterr())
    assert answer.json["instance"] in logged
    assert "in broken" in logged
    for said in (answer.text, logged):
        assert PHONE not in said
        assert CODE not in said


def test_a_code_without_a_status_is_a_fault_of_ours(
    web: WebBox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def invented(*_arguments: object) -> None:
        raise RequestError("no-such-code", "Nobody has decided what this is.")

    monkeypatch.setattr(web.service.modems, "all", invented)
    answer = web.get("/v1/modems", web.key("status:read"))
    assert (answer.status_code, answer.json["code"]) == (500, "internal-error")
    assert "Nobody has decided what this is." in "".join(capsys.readouterr())


def test_waiting_time_is_told_in_body_and_header(web: WebBox) -> None:
    key = web.key("messages:send")
    web.pass_time(61)
    answer = web.send(key)
    assert (answer.status_code, answer.json["code"]) == (503, "no-modem")
    assert answer.json["retry_after"] == int(answer.headers["Retry-After"]) == 10


def test_no_error_holds_the_words_that_some_callers_take_for_success(web: WebBox) -> None:
    key = web.key("messages:send")
    refused = [
        web.send(key, **{'"status":"queued"': 1}),
        web.send(key, reference='"status":"queued"' * 9),
        web.post("/v1/messages", key, data='{"status":"queued"}', content_type="application/json"),
        web.post("/v1/messages", key, data='"status":"queued"', content_type="application/json"),
        web.get('/"status":"queued"', key),
        web.send("sck_none_" + '"status":"queued"'),
    ]
    assert {answer.status_code // 100 for answer in refused} == {4}
    assert not [answer.text for answer in refused if '"status":"queued"' in answer.text]


def test_a_body_of_another_kind_is_refused(web: WebBox) -> None:
    key = web.key("messages:send")
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/xml",
        None,
    ):
        answer = web.post("/v1/messages", key, data=b"{}", content_type=kind)
        assert (answer.status_code, answer.json["code"]) == (415, "unsupported-media-type")
    assert (
        web.post("/v1/messages", key, data=b"{}", content_type="application/json; charset=utf-8").status_code
        == 400
    )


def test_a_body_over_the_limit_is_refused(web: WebBox) -> None:
    key = web.key("messages:send")
    answer = web.send(key, text="x" * 4096)
    assert (answer.status_code, answer.json["code"]) == (413, "payload-too-large")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"to":',
        b"nonsense",
        b'{"to":"+447700900123","text":"x"} more',
        b'{"to":"+447700900123","text":"\xff"}',
        b'{"to":"+447700900123","text":"\\ud800"}',
        b'{"to":"+447700900123","text":"x","ttl":NaN}',
        "{}".encode("utf-16"),
        b'\xef\xbb\xbf{"to":"+447700900123","text":"x"}',
    ],
)
def test_what_is_not_json_is_told_so(web: WebBox, content: bytes) -> None:
    answer = web.post("/v1/messages", web.key("messages:send"), data=content, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid-request")
    assert answer.json["detail"].startswith("The body is not JSON")


@pytest.mark.parametrize(
    "inside", ["%s", '{"to":%s}', '{"text":"x","to":%s}', '{"class":%s}', '{"unknown":%s}']
)
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_refused_and_harms_nothing(
    tmp_path: Path, inside: str, opened: str, closed: str
) -> None:
    with web_box(tmp_path, http=Http(max_body_bytes=1 << 20)) as web:
        key = web.key("messages:send")
        for end in (closed, ""):
            body = inside % (opened * 10_000 + "1" + end * 10_000)
            answer = web.post("/v1/messages", key, data=body, content_type="application/json")
            assert (answer.status_code, answer.json["code"]) == (400, "invalid-request")
        assert web.send(key).status_code == 202
