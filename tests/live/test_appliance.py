"""The whole appliance as its users meet it: real processes, ptys, HTTP, disk."""

from __future__ import annotations

import random
import re
import sqlite3
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from live.appliance import appliance, eventually, tasks_of

pytestmark = pytest.mark.live


def test_a_code_travels_from_curl_to_the_phone_and_its_report_comes_back(tmp_path: Path) -> None:
    with appliance(tmp_path) as (box, network):
        code = box.send("Your code is 483920")
        message = box.delivered(code)
        assert [event["status"] for event in message["events"]] == ["queued", "sending", "sent", "delivered"]
        inbox = network.control(do="inbox", number="+447700900001")
        assert "Your code is 483920" in str(inbox)
        (submit,) = network.submits()
        assert (submit["to"], submit["text"]) == ("+447700900001", "Your code is 483920")


def test_a_long_text_arrives_whole(tmp_path: Path) -> None:
    text = "Grüße aus dem Rechenzentrum – Ihr Code lautet 483920. 🙂 " * 4
    with appliance(tmp_path) as (box, network):
        message = box.delivered(box.send(text))
        assert message["segments"] > 1
        assert text in str(network.control(do="inbox", number="+447700900001"))


def test_the_stop_lets_the_submit_in_flight_finish(tmp_path: Path) -> None:
    with appliance(tmp_path, 1, "submit_delay = 1.5\n") as (box, network):
        first, second = box.send("first"), box.send("second")
        eventually(lambda: box.status_of(first) == "sending" and len(network.submits()) == 1)
        assert box.stop() == 0
        box.start()
        assert box.delivered(first)["status"] == "delivered"
        box.delivered(second)
        assert not box.was_unknown(first)
        assert network.copies() == {"first": 1, "second": 1}


@pytest.mark.parametrize(("route", "phones"), [("stored", 3), ("direct", 3), ("stored", 1)])
def test_killed_at_any_moment_nothing_is_lost_or_doubled_in_silence(
    tmp_path: Path, route: str, phones: int
) -> None:
    rng = random.Random(7)  # noqa: S311 - reproducible moments, no secret
    modems, kills = 4, 8
    rules = f'submit_delay = [0.01, 0.2]\nreport_route = "{route}"\n'
    accepted: dict[str, str] = {}
    stop = threading.Event()

    with appliance(tmp_path, modems, rules) as (box, network):

        def client(number: int) -> None:
            count = 0
            while not stop.is_set():
                text = f"client {number} message {count}"
                try:
                    accepted[text] = box.send(text, to=f"+44770090000{number % phones}")
                except (OSError, AssertionError, ValueError):
                    stop.wait(0.05)  # the daemon is down: this one was not accepted
                count += 1
                stop.wait(0.03)

        def statuses() -> Counter[str]:
            return Counter(box.status_of(message) for message in accepted.values())

        def is_told() -> bool:
            """Whether nothing is left to wait for: each message has its report, or that was lost with the daemon.

            What a modem hands over without keeping it is gone if nobody is there: one a modem and kill at most. Of
            what stays `unknown` the report fitted another one too.
            """
            found = statuses()
            open_ends = found["unknown"] + (found["sent"] if route == "direct" else 0)
            return found["delivered"] + open_ends == len(accepted) and open_ends <= modems * kills

        with ThreadPoolExecutor(3) as pool:
            for number in range(3):
                pool.submit(client, number)
            for _ in range(kills):
                eventually(box.is_ready)
                stop.wait(rng.uniform(0.05, 0.8))
                box.kill()
                box.start(ready=False)
            stop.set()
        eventually(box.is_ready)
        eventually(is_told, 60, 0.5, statuses)
        copies = network.copies()
        assert len(accepted) > 20
        assert [text for text in accepted if not copies[text]] == []
        doubled = [text for text in accepted if copies[text] > 1]
        assert [text for text in doubled if not box.was_unknown(accepted[text])] == []


def test_sick_modems_beside_a_healthy_one(tmp_path: Path) -> None:
    with appliance(tmp_path, 4) as (box, network):
        network.control(do="set", modem="modem-000", values={"hang": {"nth": 1, "for": 12}})
        network.control(modem="modem-001", fault="no-prompt", **{"for": 12})
        network.control(modem="modem-002", fault="unplug", **{"for": 5})
        messages = [box.send(f"message {index}", ttl=120) for index in range(12)]
        for message in messages:
            box.delivered(message, 60)
        copies = network.copies()
        doubled = [index for index in range(12) if copies[f"message {index}"] > 1]
        assert all(copies[f"message {index}"] >= 1 for index in range(12))
        assert all(box.was_unknown(messages[index]) for index in doubled)
        eventually(lambda: all(box.modem(f"modem-00{index}")["state"] == "ready" for index in range(4)), 30)
        for index in range(4):
            box.delivered(box.send(f"after {index}", modem=f"modem-00{index}"))


def test_a_modem_that_was_deaf_sends_again_soon(tmp_path: Path) -> None:
    with appliance(tmp_path, 1) as (box, network):
        network.control(modem="modem-000", fault="deaf", **{"for": 8})
        message = box.send("after the deafness", ttl=120)
        box.delivered(message, 60)
        assert network.copies()["after the deafness"] == 1


def test_an_expired_code_is_never_sent(tmp_path: Path) -> None:
    with appliance(tmp_path, 1, extra="[ticks]\nsignal = 1\n") as (box, network):
        network.control(modem="modem-000", fault="no-network")
        eventually(lambda: box.modem("modem-000")["state"] == "searching")
        late = box.send("too late", ttl=60)
        # The deadline is moved into the past on disk: no test waits a minute.

        box.kill()
        with sqlite3.connect(tmp_path / "box" / "data" / "simcourier.db") as database:
            database.execute("UPDATE messages SET deadline_ms = ?", (int(time.time() * 1000) + 200,))
        box.start(ready=False)
        eventually(box.is_healthy)
        eventually(lambda: box.status_of(late) == "expired")
        network.control(do="set", modem="modem-000", values={"registration": "home"})
        box.delivered(box.send("in time"))
        assert network.copies() == {"in time": 1}


def test_no_text_or_whole_number_is_in_logs_metrics_page_or_trace(tmp_path: Path) -> None:
    with appliance(tmp_path, 1, extra='[log]\nlevel = "debug"\n') as (box, network):
        network.control(modem="modem-000", fault="refuse", **{"for": 1})
        box.delivered(box.send("canary 9137462"))
        told = box.log()
        for path in (
            "/",
            "/metrics",
            "/v1/modems/modem-000/trace",
            "/v1/modems",
            "/v1/status",
            "/v1/messages",
        ):
            status, body = box.call("GET", path)
            assert status == 200, path
            told += str(body)
        box.stop()
        stored = b"".join(file.read_bytes() for file in (tmp_path / "box" / "data").iterdir())
    packed = "canary 9137462".encode("utf-16-be").hex()
    assert "canary" not in told
    assert "9137462" not in told
    assert packed not in told.lower()
    assert not re.search(r"0021[0-9A-Fa-f]{30}", told)
    assert "447700900001" not in told
    assert b"canary" not in stored


def test_a_box_with_many_modems_has_few_threads(tmp_path: Path) -> None:
    with appliance(tmp_path, 32) as (box, _network):
        eventually(lambda: box.call("GET", "/v1/status")[1]["modems_up"] == 32)
        assert box.process is not None
        assert tasks_of(box.process.pid) <= 12
