"""The first command of the README: everything up, a printed line sends a code, the handset shows it, all is gone."""

from __future__ import annotations

import glob
import json
import os
import re
import shlex
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from cli_process import Started, ask, call, free_port, wait_until

from simcourier.cli.demo import DEFAULT_LISTEN, NUMBER, SCENARIO, configuration
from simcourier.config import Limits, parse
from simcourier.virtual import scenario

pytestmark = pytest.mark.live

SECONDS = 15.0

needs_no_modem = pytest.mark.skipif(
    bool(glob.glob("/dev/ttyUSB*") + glob.glob("/dev/ttyACM*")),  # noqa: PTH207 - absolute patterns
    reason="a real port is plugged into this machine: a demo would look at it",
)


def printed_request(line: str) -> tuple[str, str, dict[str, Any] | None]:
    """URL, key and body of a printed curl line, split as a shell would."""
    words = shlex.split(line.removesuffix("; echo"))
    assert words[:2] == ["curl", "-sS"]
    key = next(word.partition("Bearer ")[2] for word in words if word.startswith("Authorization: "))
    body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
    return words[2], key, body


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def begin(*arguments: object, **options: Any) -> Started:
    """Start a demo in a process group of its own, as a shell does, and wait until it has said everything."""
    demo = Started("demo", *arguments, start_new_session=True, **options)
    demo.wait_for_words("Ctrl-C ends it.")
    return demo


@needs_no_modem
def test_the_printed_lines_send_a_code_and_read_it_back_and_the_handset_shows_it(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with begin("--listen", f"127.0.0.1:{free_port()}", env=environment) as demo:
        assert demo.said("4 of 4 virtual modems can send; no real modem answered.")
        page, send, read, start, check = (line for line in demo.out if line.startswith(("http", "curl")))
        with urllib.request.urlopen(page.strip(), timeout=SECONDS) as response:
            assert b"<!doctype html>" in response.read()
        status, accepted = ask(*printed_request(send.strip()))
        assert status == 202
        wait_until(
            lambda: ask(*printed_request(read.strip()))[1]["items"][0]["status"] == "delivered", "delivery"
        )
        assert ask(*printed_request(read.strip()))[1]["items"][0]["id"] == accepted["id"]
        wait_until(
            lambda: any(re.search(rf"{re.escape(NUMBER)}  Your code is \d+$", line) for line in demo.out),
            "it",
        )
        started: dict[str, Any] = {}

        def starts() -> bool:
            status, answer = ask(*printed_request(start.strip()))
            assert status in {202, 429}, "a message to the same number was sent a moment ago"
            started.update(answer)
            return status == 202

        wait_until(starts, "the pause between two codes to be over")
        code: list[str] = []

        def shown() -> bool:
            found = [re.search(r"  ([0-9]{6}) is your Demo sign-in code", line) for line in demo.out]
            code[:] = [each[1] for each in found if each]
            return bool(code)

        wait_until(shown, "the code of the verification")
        filled = check.strip().replace("/ID/", f"/{started['id']}/").replace('"CODE"', f'"{code[0]}"')
        status, checked = ask(*printed_request(filled))
        assert (status, checked["status"]) == (200, "approved")
        assert demo.said("Limits are loose here")
        usual = Limits().verifications
        assert demo.said(f"one every {usual.number_gap} s and {usual.number_day} a day")
        config = next(line for line in demo.out if " messages --config " in line).split()[-1]
        assert demo.said(f" verify {NUMBER} --config {config}")
        assert call("status", "--config", config).stdout.startswith("ready")
        # As a terminal does: Ctrl-C goes to the whole group, modems included.
        os.killpg(demo.process.pid, signal.SIGINT)
        assert demo.end(SECONDS) == 0, demo.everything
        assert demo.err == [], "a demo that is well says nothing but what was promised"
        assert demo.out[-1] == "Stopped; nothing is left behind.\n"
    assert list(tmp_path.iterdir()) == []


def test_virtual_modems_end_with_a_demo_that_is_killed(tmp_path: Path) -> None:
    with begin("--modems", 1, "--data", tmp_path / "box", "--listen", f"127.0.0.1:{free_port()}") as demo:
        (child,) = children_of(demo.process.pid)
        demo.signal(signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{child}").exists(), "the modems' end")


def test_a_demo_whose_modems_are_killed_says_so_and_ends(tmp_path: Path) -> None:
    with begin("--modems", 1, "--data", tmp_path / "box", "--listen", f"127.0.0.1:{free_port()}") as demo:
        (child,) = children_of(demo.process.pid)
        os.kill(child, signal.SIGKILL)
        assert demo.end(SECONDS) == 1
        assert demo.said("simcourier: the virtual modems ended: ")
        assert "Traceback" not in demo.everything


def test_kept_data_and_key_are_used_again(tmp_path: Path) -> None:
    lines = []
    for _ in range(2):
        with begin("--modems", 1, "--data", tmp_path / "box", "--listen", f"127.0.0.1:{free_port()}") as demo:
            url, key, _ = printed_request(next(line for line in demo.out if "?limit=1" in line).strip())
            lines.append((key, len(ask(url, key)[1]["items"])))
            ask(url.partition("?")[0], key, {"to": NUMBER, "text": "kept"})
            demo.signal(signal.SIGTERM)
            assert demo.end(SECONDS) == 0
            assert demo.out[-1] == f"Stopped; {tmp_path / 'box'} is kept.\n"
    assert lines == [(key, 0), (key, 1)]
    assert (tmp_path / "box" / "demo.key").stat().st_mode & 0o077 == 0


def test_another_port_is_taken_where_the_usual_one_is_in_use_and_said(tmp_path: Path) -> None:
    host, _, port = DEFAULT_LISTEN.rpartition(":")
    with socket.socket() as other:
        try:
            other.bind((host, int(port)))
            other.listen()
        except OSError:
            pass  # somebody else has taken it, which is as good
        with begin("--modems", 1, "--data", tmp_path / "box") as demo:
            assert demo.said(f"Port {port} is taken by another program; using {host}:")
            demo.signal(signal.SIGTERM)
            assert demo.end(SECONDS) == 0


def test_an_address_that_was_asked_for_and_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ended = call(
            "demo", "--modems", 1, "--data", tmp_path, "--listen", f"127.0.0.1:{other.getsockname()[1]}"
        )
    assert ended.returncode == 75
    assert "another program is using this address" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_demo_s_scenario_and_configuration_are_what_they_should_be(tmp_path: Path) -> None:
    assert scenario.parse(SCENARIO).timeline(1, "modem-001").at(0.0)[0].operator == "Faraway"
    odd = tmp_path / 'a "quoted" directory'
    made = parse(configuration(odd, "127.0.0.1:8080", [odd / "modem-000"]).encode(), "demo")
    assert made.storage.path == odd / "storage"
    assert made.modems[0].port == str(odd / "modem-000")
    assert not made.discovery.enabled
    assert made.limits.verifications.number_day == 0
    assert made.limits.verifications.number_gap == 2
    real = parse(configuration(odd, "127.0.0.1:8080", []).encode(), "demo")
    assert real.discovery.enabled
    assert real.limits == Limits(), "on real SIMs the usual limits hold"


def test_a_key_that_an_older_demo_kept_and_that_may_do_too_little_is_replaced(tmp_path: Path) -> None:
    directory = tmp_path / "box"
    with begin("--modems", 1, "--data", directory, "--listen", f"127.0.0.1:{free_port()}") as demo:
        config = directory / "simcourier.toml"
        weak = call("keys", "create", "old", "--scope", "messages:send", "--config", config).stdout
        demo.signal(signal.SIGTERM)
        assert demo.end(SECONDS) == 0
    (directory / "demo.key").write_text(weak)
    with begin("--modems", 1, "--data", directory, "--listen", f"127.0.0.1:{free_port()}") as demo:
        start = next(line for line in demo.out if line.startswith("curl") and "/v1/verifications " in line)
        assert ask(*printed_request(start.strip()))[0] == 202
        demo.signal(signal.SIGTERM)
        assert demo.end(SECONDS) == 0
