"""Many clients that ask a real box at the same moment, and the phone that shows them their codes."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from .appliance import Appliance, Network, appliance, eventually

T = TypeVar("T")
SIZE = 16
ANYWHERE = '[destinations]\nverifications = ["any"]\n'
OPEN = (
    f"{ANYWHERE}[limits]\nconversion_block_percent = 0\n[limits.verifications]\n"
    "number_gap = 0\nnumber_10_minutes = 0\nnumber_hour = 0\nnumber_day = 0\nprefix_hour = 0\n"
    "country_hour = 0\nclient_hour = 0\nclient_second = 0\n"
)


class Answer(NamedTuple):
    """Status and body of an answer."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        """The code of a refusal; empty for a success."""
        return str(self.body.get("code", ""))


class Caller:
    """One client with a key and a connection of its own, which is open before it asks."""

    def __init__(self, port: int, key: str) -> None:
        self._key = key
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.connect()

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        content = None if body is None else json.dumps(body)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(
            "POST",
            path,
            content,
            {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json", **given},
        )
        answer = self._connection.getresponse()
        return Answer(answer.status, json.loads(answer.read()))

    def start(self, to: str, **fields: object) -> Answer:
        headers = {name: str(fields.pop(name)) for name in ("Idempotency_Key",) if name in fields}
        return self.post("/v1/verifications", {"to": to, "purpose": "login", **fields}, **headers)

    def check(self, verification: str, code: str) -> Answer:
        return self.post(f"/v1/verifications/{verification}/check", {"code": code})

    def resend(self, verification: str, **headers: str) -> Answer:
        return self.post(f"/v1/verifications/{verification}/resend", **headers)

    def cancel(self, verification: str) -> Answer:
        return self.post(f"/v1/verifications/{verification}/cancel")

    def close(self) -> None:
        self._connection.close()


class Scene:
    """A running box, its network, and as many clients as are wanted."""

    def __init__(self, box: Appliance, network: Network) -> None:
        self.box = box
        self.network = network
        self._pool = ThreadPoolExecutor(64)
        self._callers: list[Caller] = []

    def key(self, name: str) -> str:
        body = {"name": name, "scopes": ["verifications:start", "verifications:check"]}
        status, made = self.box.call("POST", "/v1/keys", body)
        assert status == 201, made
        return str(made["key"])

    def callers(self, count: int, *keys: str) -> list[Caller]:
        """So many clients, with these keys in turn."""
        made = [Caller(self.box.port, keys[number % len(keys)]) for number in range(count)]
        self._callers += made
        return made

    def at_once(self, acts: Iterable[Callable[[], T]]) -> list[T]:
        """All of them at the same moment; the results in their order."""
        waiting = list(acts)
        barrier = threading.Barrier(len(waiting))

        def run(act: Callable[[], T]) -> T:
            barrier.wait(10)
            return act()

        return list(self._pool.map(run, waiting))

    def codes(self, to: str) -> list[str]:
        """The codes that reached this phone."""
        texts = [submit["text"] for submit in self.network.submits() if submit["to"] == to]
        return [found[0] for text in texts if (found := re.search(r"\b[0-9]{6}\b", text))]

    def code(self, to: str, count: int = 1) -> str:
        """The `count`-th code that reached this phone, as soon as it is there."""
        return eventually(lambda: self.codes(to)[count - 1 : count])[0]

    def settled(self, verification: str) -> dict[str, Any]:
        """A verification whose messages have all come to something."""

        def look() -> dict[str, Any] | None:
            status, told = self.box.call("GET", f"/v1/verifications/{verification}")
            assert status == 200, told
            waits = {message["status"] for message in told["messages"]} & {"queued", "sending"}
            return None if waits else dict(told)

        return eventually(look)

    def quiet(self) -> None:
        """Until nothing waits any more: what will be sent has been sent."""

        def is_quiet() -> bool:
            status, page = self.box.call("GET", "/v1/messages?limit=200")
            assert status == 200, page
            return not {item["status"] for item in page["items"]} & {"queued", "sending"}

        assert eventually(is_quiet)

    def close(self) -> None:
        for caller in self._callers:
            caller.close()
        self._pool.shutdown()


@contextmanager
def scene(directory: Path, extra: str = OPEN, modems: int = 2) -> Iterator[Scene]:
    """A box with a thread for each of the clients."""
    with appliance(directory, modems, extra=extra, start=False) as (box, network):
        written = box.config.read_text()
        box.config.write_text(written.replace("[http]\n", f"[http]\nthreads = {SIZE}\n", 1))
        box.start()
        playing = Scene(box, network)
        try:
            yield playing
        finally:
            playing.close()
