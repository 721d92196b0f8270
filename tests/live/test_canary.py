"""A11: a code goes through every state and fault of a real appliance, and is then in nothing that it leaves behind."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from canary import found
from hooks_receiver import Receiver, receiver

from .appliance import Appliance, Network, appliance, eventually, simcourier
from .canary_hooks import CARELESS, UNGUARDED, put_into

pytestmark = pytest.mark.live
WORD = "Qz7Kp4831902756Wv"
DIGITS = "4831902756"
EXTRA = (
    '[log]\nlevel = "debug"\n[webhooks]\nallowed_targets = ["127.0.0.1"]\n'
    "[sending]\nmax_attempts = 2\nsubmit_patience = 10\n[ticks]\nwipe = 1\nsignal = 1\n"
    '[destinations]\nverifications = ["any"]\n'
    "[limits.verifications]\nnumber_gap = 0\nnumber_10_minutes = 0\nnumber_hour = 0\nnumber_day = 0\n"
)
# Not messages:read_body: with that an application is told its own text for as long as it waits.
SCOPES = ("messages:send", "messages:read", "verifications:start", "verifications:check", "status:read")
FIRST, SECOND = "modem-000", "modem-001"


class Life:
    """One appliance, and everything that it has said so far, by place."""

    def __init__(self, box: Appliance, network: Network, application: Receiver) -> None:
        self.box = box
        self.network = network
        self.application = application
        self.said: dict[str, bytes] = {}
        self.messages: list[str] = []
        self.secrets = [box.key.rpartition("_")[2]]
        self.codes: list[str] = []
        self.client = subprocess.run(
            simcourier(
                "keys",
                "create",
                "application",
                *(f"--scope={scope}" for scope in SCOPES),
                "--config",
                box.config,
            ),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        self.secrets.append(self.client.rpartition("_")[2])

    def hear(self, place: str, said: object) -> None:
        self.said[place] = self.said.get(place, b"") + str(said).encode()

    def send(self, text: str = f"Your code is {WORD}", **fields: object) -> str:
        status, answer = self.post("/v1/messages", {"to": "+447700900001", "text": text, **fields})
        assert status == 202, answer
        self.hear("answers to a send", answer)
        self.messages.append(answer["id"])
        return str(answer["id"])

    def post(self, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """As the application, not as an admin."""
        return self.box.call("POST", path, body, {"Authorization": f"Bearer {self.client}", **headers})

    def until(self, message_id: str, *statuses: str, seconds: float = 60) -> None:
        eventually(lambda: self.box.status_of(message_id) in statuses, seconds)
        self.listen()

    def set(self, modem: str = "all", for_s: float | None = None, **values: object) -> None:
        lasting = {} if for_s is None else {"for": for_s}
        self.network.control(do="set", modem=modem, values=values, **lasting)

    def listen(self) -> None:
        """The traces hold the last lines only, so they are read after each step."""
        for modem in (FIRST, SECOND):
            self.hear("trace", self.box.call("GET", f"/v1/modems/{modem}/trace"))

    def everything(self) -> dict[str, bytes]:
        """Every place in which something may have been left."""
        return (
            self.said
            | self._answers()
            | {f"data/{path.name}": path.read_bytes() for path in self._data().iterdir() if path.is_file()}
            | {
                "log": self.box.log().encode(),
                "webhooks": b"".join(
                    got.raw + json.dumps([got.path, got.headers]).encode() for got in self.application.got
                ),
                "backup": self._backup(),
            }
        )

    def _data(self) -> Path:
        return self.box.directory / "data"

    def _answers(self) -> dict[str, bytes]:
        paths = [f"/v1/messages/{message_id}" for message_id in self.messages]
        paths += [
            "/v1/messages?limit=200",
            "/v1/modems",
            "/v1/status",
            "/metrics",
            "/",
            "/healthz",
            "/readyz",
        ]
        said = {path: self._ask("GET", path, self.client) for path in paths}
        for path in ("/v1/audit?limit=200", "/v1/secrets", "/v1/webhook-endpoints", "/v1/openapi.json"):
            said[path] = self._ask("GET", path, self.box.key)
        for path in ("/v1/privacy/export", "/v1/audit/search", "/v1/messages/search"):
            said[path] = self._ask("POST", path, self.box.key, {"to": "+447700900001"})
        return said

    def _ask(self, method: str, path: str, key: str, body: object = None) -> bytes:
        status, answer = self.box.call(method, path, body, {"Authorization": f"Bearer {key}"})
        assert status == 200, (path, answer)
        return str(answer).encode()

    def _backup(self) -> bytes:
        copy = self.box.directory / "copy.db"
        copy.unlink(missing_ok=True)
        with (
            contextlib.closing(sqlite3.connect(self._data() / "simcourier.db")) as database,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            database.backup(target)
        return copy.read_bytes()


@contextmanager
def life(directory: Path, monkeypatch: pytest.MonkeyPatch, *hooks: str) -> Iterator[Life]:
    monkeypatch.setenv("PYTHONPATH", str(put_into(directory / "hooks", *hooks)))
    with receiver() as application, appliance(directory, 2, extra=EXTRA) as (box, network):
        living = Life(box, network, application)
        status, made = box.call("POST", "/v1/webhook-endpoints", {"url": application.url()})
        assert status == 201, made
        living.secrets.append(made["secret"].removeprefix("whsec_"))
        yield living


# --- the states and faults ---


def deliver(life: Life) -> None:
    for text in (f"Your code is {WORD}", f"Ваш код {WORD}", f"a long one: {WORD} " * 14):
        life.until(life.send(text), "delivered")


def undelivered_and_without_report(life: Life) -> None:
    life.set(report_status=0x41)
    life.until(life.send(), "undelivered")
    life.set(report_status=0, reports=False)
    life.until(life.send(), "sent")
    life.set(reports=True)


def fail(life: Life) -> None:
    life.set(error={"codes": ["CMS 38"]})
    life.until(life.send(ttl=60), "failed")
    life.set(error={"rate": 0.0, "codes": ["CMS 38"]})


def supersede_and_cancel(life: Life) -> None:
    assert life.box.call("POST", f"/v1/modems/{SECOND}/pause")[0] == 200
    old = life.send(modem=SECOND, supersedes="login")
    new = life.send(modem=SECOND, supersedes="login")
    life.until(old, "superseded")
    assert life.box.call("POST", f"/v1/messages/{new}/cancel")[0] == 200
    life.until(new, "canceled")


def expire(life: Life) -> None:
    late = life.send(modem=SECOND)
    life.box.kill()
    with contextlib.closing(sqlite3.connect(life._data() / "simcourier.db")) as database, database:
        # No test waits for minutes: the deadline is moved on disk.
        database.execute(
            "UPDATE messages SET deadline_ms = ? WHERE id = ?", (int(time.time() * 1000) + 200, late)
        )
    life.box.start(ready=False)
    eventually(life.box.is_healthy)
    life.until(late, "expired")
    assert life.box.call("POST", f"/v1/modems/{SECOND}/resume")[0] == 200


def stay_in_doubt(life: Life) -> None:
    eventually(life.box.is_ready)
    life.set(hang={"for": 3, "network": False})
    doubtful = life.send(ttl=60, on_unknown="hold")
    life.until(doubtful, "unknown", seconds=40)
    life.set(hang={"rate": 0.0})
    eventually(lambda: all(life.box.modem(name)["state"] == "ready" for name in (FIRST, SECOND)), 60)


def be_killed_in_the_middle(life: Life) -> None:
    life.set(submit_delay=3.0)
    message_id = life.send()
    eventually(lambda: life.box.status_of(message_id) == "sending")
    life.box.kill()
    life.set(submit_delay=0.0)
    life.box.start()
    life.until(message_id, "delivered")


def refuse(life: Life) -> None:
    """The code in every field where it does not belong, in bad JSON, in headers and in the path."""
    good = {"to": "+447700900001", "text": "x"}
    names = ("to", "class", "ttl", "on_unknown", "modem", "max_segments", WORD)
    for name in names:
        status, answer = life.box.call("POST", "/v1/messages", {**good, name: WORD})
        assert status in {400, 422}, (name, answer)
        life.hear("refusals", answer)
    for path, body in (
        ("/v1/messages", {**good, "text": WORD * 200}),
        ("/v1/messages", [WORD]),
        ("/v1/messages", WORD),
        ("/v1/messages/search", {"to": WORD}),
        ("/v1/privacy/erase", {"to": WORD}),
        ("/v1/audit/search", {"to": WORD}),
    ):
        status, answer = life.box.call("POST", path, body)
        assert status in {400, 413, 422}, (path, answer)
        life.hear("refusals", answer)
    for path in (
        f"/v1/messages/{WORD}",
        f"/v1/messages?status={WORD}",
        f"/{WORD}",
        f"/v1/modems/{WORD}/trace",
    ):
        life.hear("refusals", life.box.call("GET", path))
    for raw, headers in (
        (f'{{"to": "+447700900001", "text": "{WORD}'.encode(), {}),
        (f'{{"text": {WORD}}}'.encode(), {}),
        (WORD.encode(), {"Content-Type": f"text/{WORD}"}),
        (b"{}", {"Authorization": f"Bearer sck_{WORD}_{WORD}"}),
        (b"{}", {"Authorization": "Basic " + base64.b64encode(f"{WORD}:{WORD}".encode()).decode()}),
        (b"{}", {"Host": WORD}),
        (b"{}", {"Idempotency-Key": f"{WORD} ä".encode().decode("latin-1")}),
        (json.dumps(good | {"text": WORD}).encode() + b" " * 20_000, {}),
    ):
        life.hear("refusals", raw_post(life.box, raw, headers))


def raw_post(box: Appliance, content: bytes, headers: dict[str, str]) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", box.port, timeout=10)
    usual = {"Authorization": f"Bearer {box.key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/messages", content, usual | headers)
    answer = connection.getresponse()
    told = f"{answer.status} {answer.headers} {answer.read().decode()}"
    connection.close()
    assert 400 <= answer.status < 500, told
    return told


def repeat(life: Life) -> None:
    """A request that is kept for its Idempotency-Key: neither its body nor the key is."""
    body = {"to": "+447700900001", "text": f"Your code is {WORD}"}
    for _ in range(2):
        status, answer = life.post("/v1/messages", body, **{"Idempotency-Key": WORD})
        assert status == 202
    life.messages.append(answer["id"])
    life.until(answer["id"], "delivered")


def rotate(life: Life) -> None:
    life.hear("rotation", life.box.call("POST", "/v1/secrets/rotate"))
    life.until(life.send(), "delivered")


def verify(life: Life) -> None:
    """Codes that the box makes itself: approved, used up, canceled and sent again; each is a canary of its own."""
    for number, end in enumerate((approve, use_up, cancel, send_again)):
        to = f"+4477009000{number + 10}"
        status, answer = life.post(
            "/v1/verifications",
            {
                "to": to,
                "purpose": "login",
                "code": {"type": ("numeric", "alphanumeric")[number % 2], "length": 10},
            },
        )
        assert status == 202, answer
        life.hear("answers of verifications", answer)
        end(life, str(answer["id"]), code_of(life, to, 1))
        life.hear("answers of verifications", life.box.call("GET", f"/v1/verifications/{answer['id']}"))


def code_of(life: Life, to: str, count: int) -> str:
    submits = eventually(
        lambda: (got := [each for each in life.network.submits() if each["to"] == to])[count - 1 :] and got
    )
    code = re.search(r"\b[0-9A-Z]{10}\b", submits[-1]["text"])
    assert code is not None
    life.codes.append(code[0])
    return code[0]


def check(life: Life, verification: str, code: str) -> int:
    status, answer = life.post(f"/v1/verifications/{verification}/check", {"code": code})
    life.hear("answers of verifications", answer)
    return status


def approve(life: Life, verification: str, code: str) -> None:
    assert check(life, verification, code) == 200
    assert check(life, verification, code) == 410


def use_up(life: Life, verification: str, code: str) -> None:
    wrong = code[:-1] + ("A" if code[-1] != "A" else "C")
    assert {check(life, verification, wrong) for _ in range(4)} == {422}
    assert check(life, verification, wrong) in {410, 422}
    assert check(life, verification, code) in {410, 423, 429}


def cancel(life: Life, verification: str, code: str) -> None:
    assert life.post(f"/v1/verifications/{verification}/cancel")[0] == 200
    assert check(life, verification, code) == 410


def send_again(life: Life, verification: str, code: str) -> None:
    to = "+447700900013"
    status, answer = life.post(f"/v1/verifications/{verification}/resend")
    life.hear("answers of verifications", answer)
    assert status in {200, 202}, answer
    assert check(life, verification, code) == 422
    assert check(life, verification, code_of(life, to, 2)) == 200


def makes_codes(box: Appliance) -> bool:
    return "/v1/verifications" in box.call("GET", "/v1/openapi.json")[1]["paths"]


# --- what it must show ---


def hidden_from(life: Life, places: dict[str, bytes]) -> set[tuple[str, str]]:
    """Where any of the canaries is: the text, its digits, the codes that the box made, the secrets of the API."""
    words = [WORD, DIGITS, *life.codes, *life.secrets]
    return {where for word in words for where in found(word, places)}


def test_a11_the_canary_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with life(tmp_path, monkeypatch, CARELESS) as living:
        for step in (
            deliver,
            undelivered_and_without_report,
            fail,
            supersede_and_cancel,
            expire,
            refuse,
            repeat,
        ):
            step(living)
            assert hidden_from(living, living.everything()) == set(), step.__name__
        if makes_codes(living.box):
            verify(living)
            assert hidden_from(living, living.everything()) == set(), "verify"
            assert living.box.log().count("a code was made") >= len(living.codes) >= 4
        for step in (rotate, be_killed_in_the_middle, stay_in_doubt):
            step(living)
            assert hidden_from(living, living.everything()) == set(), step.__name__
        places = living.everything()
        assert_all_was_heard(living, places)
        assert living.box.stop() == 0
        left = {path.name: path.read_bytes() for path in living._data().iterdir() if path.is_file()}
        assert hidden_from(living, left | {"log": living.box.log().encode()}) == set()


def assert_all_was_heard(living: Life, places: dict[str, bytes]) -> None:
    """Nothing is proven by an empty place."""
    assert b"<PDU " in places["trace"]
    assert b"it failed in a library" in places["log"]
    assert b"a code of digits" in places["log"]
    assert b"simcourier_messages_total" in places["/metrics"]
    assert b"</html>" in places["/"]
    assert b"message.delivered" in places["webhooks"]
    assert b"secrets.rotate" in places["/v1/audit?limit=200"]
    assert places["backup"].startswith(b"SQLite format 3")
    assert {"data/simcourier.db", "data/simcourier.db-wal", "data/simcourier.db-shm"} <= set(places)
    statuses = {living.box.status_of(message_id) for message_id in living.messages}
    assert statuses == {
        "delivered",
        "undelivered",
        "sent",
        "failed",
        "superseded",
        "canceled",
        "expired",
        "unknown",
    }


def test_a11_the_same_search_finds_it_in_a_copy_without_protection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with life(tmp_path, monkeypatch, UNGUARDED, CARELESS) as living:
        deliver(living)
        supersede_and_cancel(living)
        where = found(WORD, living.everything())
    places = {place for place, _ in where}
    assert {"log", "trace", "data/simcourier.db-wal"} <= places
    assert {("trace", "7-bit packed hex"), ("trace", "UCS-2 hex"), ("log", "plain")} <= where
