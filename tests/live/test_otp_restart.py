"""Codes, counts and locks across kills and restarts of a real box; and what a reboot or a set clock ends."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simcourier import app as composition
from simcourier.app import App
from simcourier.config import Config, parse

from .appliance import Network, eventually, free_port
from .crowd import ANYWHERE, OPEN, Answer, Caller, Scene, scene

pytestmark = pytest.mark.live
PHONE = "+447700900123"
HOUR_MS = 3_600_000


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def kill(playing: Scene, key: str) -> Caller:
    """End the box without a word and start it again; gives a client of the new one."""
    playing.box.kill()
    playing.box.start()
    return playing.callers(1, key)[0]


def failures(playing: Scene, to: str = PHONE) -> Any:
    status, told = playing.box.call("POST", "/v1/numbers/activity", {"to": to})
    assert status == 200, told
    return told["consecutive_failures"]


def test_a_code_attempts_and_failures_survive_a_kill(tmp_path: Path) -> None:
    with scene(tmp_path, OPEN, 1) as playing:
        key = playing.key("application")
        (caller,) = playing.callers(1, key)
        verification = caller.start(PHONE, Idempotency_Key="once").body["id"]
        code = playing.code(PHONE)
        for left in (4, 3, 2):
            assert caller.check(verification, wrong(code)).body["attempts_remaining"] == left
            caller = kill(playing, key)
        assert failures(playing) == 3
        again = caller.start(PHONE, Idempotency_Key="once")
        assert (again.status, again.body["id"]) == (202, verification)
        assert caller.check(verification, wrong(code)).body["attempts_remaining"] == 1
        assert caller.check(verification, code).status == 200
        caller = kill(playing, key)
        assert caller.check(verification, code).body["reason"] == "approved"
        assert failures(playing) == 0
        assert playing.codes(PHONE) == [code]


def test_c09_a_delay_survives_a_kill(tmp_path: Path) -> None:
    with scene(tmp_path, OPEN, 1) as playing:
        key = playing.key("application")
        (caller,) = playing.callers(1, key)
        verification = caller.start(PHONE).body["id"]
        code = playing.code(PHONE)
        for _ in range(5):
            assert caller.check(verification, wrong(code)).code == "code-incorrect"
        held = caller.start(PHONE, purpose="other")
        assert held.code == "recipient-locked"
        caller = kill(playing, key)
        still = caller.start(PHONE, purpose="other")
        assert still.code == "recipient-locked"
        assert 0 < still.body["retry_after"] <= held.body["retry_after"] <= 30


def test_c10_a_lock_survives_a_kill_for_every_client_until_an_admin_lifts_it(tmp_path: Path) -> None:
    with scene(tmp_path, f"{OPEN}[verifications]\nfailures_to_lock = 5\n", 1) as playing:
        key, other = playing.key("application"), playing.key("other")
        (caller,) = playing.callers(1, key)
        verification = caller.start(PHONE).body["id"]
        code = playing.code(PHONE)
        for _ in range(5):
            caller.check(verification, wrong(code))
        stranger = kill(playing, other)
        (caller,) = playing.callers(1, key)
        for answer in (caller.start(PHONE), stranger.start(PHONE, binding="elsewhere")):
            assert answer.code == "recipient-locked"
            assert "retry_after" not in answer.body
        assert playing.box.call("POST", "/v1/numbers/unlock", {"to": PHONE}) == (200, {"unlocked": True})
        caller = kill(playing, key)
        fresh = caller.start(PHONE).body["id"]
        assert caller.check(fresh, playing.code(PHONE, 2)).status == 200


def test_c06_no_wrong_code_that_was_answered_is_forgotten_by_kills_at_any_moment(tmp_path: Path) -> None:
    """Clients guess on while the box is killed again and again; answers that were lost may have been counted."""
    answered: dict[str, list[Answer]] = {}
    stop = threading.Event()
    with scene(tmp_path, OPEN, 2) as playing:
        key = playing.key("application")

        def guess(number: int) -> None:
            count = 0
            while not stop.is_set():
                try:
                    caller = Caller(playing.box.port, key)
                    started = caller.start(f"+4477009{number:02d}{count:03d}")
                    count += 1
                    given = answered.setdefault(started.body["id"], [])
                    for _ in range(7):
                        given.append(caller.check(started.body["id"], "no-code"))
                except (OSError, ValueError, KeyError):
                    stop.wait(0.05)  # the daemon is down

        with ThreadPoolExecutor(3) as pool:
            for number in range(3):
                pool.submit(guess, number)
            try:
                for moment in (0.4, 0.2, 0.5, 0.3, 0.6):
                    eventually(playing.box.is_ready)
                    stop.wait(moment)
                    playing.box.kill()
                    playing.box.start(ready=False)
            finally:
                stop.set()
        eventually(playing.box.is_ready)
        assert len(answered) > 10
        for verification, given in answered.items():
            status, told = playing.box.call("GET", f"/v1/verifications/{verification}")
            assert status == 200, "accepted, and not there any more"
            wrong_ones = sum(answer.code == "code-incorrect" for answer in given)
            assert wrong_ones <= told["attempts"] <= min(5, wrong_ones + 1)
            assert not [answer for answer in given if answer.status == 200]


# --- another boot, another time ---


class Started:
    """One start of the composed appliance in this process."""

    def __init__(self, directory: Path, ports: list[Path]) -> None:
        modems = "".join(f'[[modems]]\nport = "{port}"\n' for port in ports)
        text = (
            f'[http]\nlisten = "127.0.0.1:{free_port()}"\n[storage]\ndirectory = "{directory}"\n'
            f"[discovery]\nenabled = false\n{ANYWHERE}{modems}"
        )
        self.config: Config = parse(text.encode(), "test")
        self.app = App(self.config)
        self.app.start()

    def caller(self, key: str) -> Caller:
        return Caller(self.config.http.address[1], key)

    def key(self) -> str:
        scopes = frozenset({"verifications:start", "verifications:check"})
        key, secret = self.app.service.clients.create("application", scopes)
        return f"sck_{key.id}_{secret.reveal()}"


@contextmanager
def running(directory: Path, *ports: Path) -> Iterator[Started]:
    started = Started(directory, list(ports))
    try:
        yield started
    finally:
        started.app.stop()


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    network = Network(tmp_path / "modems", 1)
    yield network
    network.stop()


def left_in_queue(directory: Path) -> tuple[str, str]:
    """A code that waits when the daemon ends; gives its key and verification."""
    with running(directory) as first:
        key = first.key()
        caller = first.caller(key)
        started = caller.start(PHONE, ttl=600)
        assert started.status == 202, started
        caller.close()
    return key, started.body["id"]


def test_c17_a_start_of_the_daemon_alone_closes_nothing(tmp_path: Path, network: Network) -> None:
    key, verification = left_in_queue(tmp_path / "data")
    with running(tmp_path / "data", *network.ports) as second:
        (submit,) = eventually(network.submits)
        code = re.search(r"\b[0-9]{6}\b", submit["text"])
        assert code is not None
        assert second.caller(key).check(verification, code[0]).status == 200


def another_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time since boot began anew, the wall clock is right."""
    mark = composition.clock_mark()
    later = replace(mark, offset_ms=mark.offset_ms + 5 * HOUR_MS)
    monkeypatch.setattr(composition, "clock_mark", lambda: later)


def another_boot_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only systemd knows that this is another boot."""
    monkeypatch.setenv("SIMCOURIER_BOOT", "second")


def clock_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = composition.system_ms
    monkeypatch.setattr(composition, "system_ms", lambda: now() - HOUR_MS)


def clock_set_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    now = composition.system_ms
    monkeypatch.setattr(composition, "system_ms", lambda: now() + 120_000)


def same_time_at_each_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    """No battery behind the clock: the wall clock is where it was at the last boot, and so is the mark."""
    now, mark = composition.system_ms, composition.clock_mark()
    monkeypatch.setattr(composition, "system_ms", lambda: now() - 60_000)
    monkeypatch.setattr(composition, "clock_mark", lambda: mark)


@pytest.mark.parametrize(
    "what",
    [another_boot, another_boot_at_the_same_time, clock_set_back, clock_set_forward, same_time_at_each_boot],
)
def test_a27_what_was_pending_before_a_reboot_or_a_set_clock_is_closed_and_its_code_not_sent(
    tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch, what: Any
) -> None:
    monkeypatch.setenv("SIMCOURIER_BOOT", "first")
    key, verification = left_in_queue(tmp_path / "data")
    what(monkeypatch)
    with running(tmp_path / "data", *network.ports) as second:
        caller = second.caller(key)
        closed = caller.check(verification, "000000")
        assert (closed.status, closed.body["reason"]) == (410, "expired")
        # The next code leaves by the modem that would have taken the first one, too.
        fresh = caller.start("+447700900124", ttl=600)
        assert fresh.status == 202
        eventually(network.submits)
        assert [submit["to"] for submit in network.submits()] == ["+447700900124"]
        assert caller.resend(verification).code == "verification-closed"


def test_c07_failures_survive_a_reboot(
    tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path / "data") as first:
        key = first.key()
        caller = first.caller(key)
        verification = caller.start(PHONE, ttl=600).body["id"]
        for _ in range(5):
            assert caller.check(verification, "no-code").code == "code-incorrect"
    another_boot(monkeypatch)
    with running(tmp_path / "data") as second:
        held = second.caller(key).start(PHONE, purpose="other")
        assert (held.status, held.code) == (423, "recipient-locked")
