"""The real program on virtual modems: started, used by the command line and over HTTP, stopped, interrupted."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli_process import ENVIRONMENT, Started, ask, call, free_port, wait_until, write_config

from simcourier.virtual import scenario
from simcourier.virtual.handset import Message
from simcourier.virtual.host import VirtualHost

pytestmark = pytest.mark.live

NUMBER = "+447700900001"
SECONDS = 10.0
"""More than anything here may take; nothing waits so long unless it is broken."""


@dataclass
class Site:
    """Virtual modems, a configuration for them, and what their handsets have shown."""

    host: VirtualHost
    config: Path
    url: str
    texts: list[Message]

    def run(self, **options: Any) -> Started:
        """Start the daemon and wait until it can send."""
        started = Started("run", "--config", self.config, **options)
        wait_until(lambda: ask(f"{self.url}/readyz")[0] == 200, f"a modem; {started.everything}")
        return started

    def call(self, *arguments: object, **options: Any) -> Any:
        return call(*arguments, "--config", self.config, **options)

    def said(self, *arguments: object) -> Any:
        """The JSON that a command writes."""
        ended = self.call(*arguments, "--json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)


@contextmanager
def make_site(directory: Path, modems: int, scenario_text: str = "") -> Iterator[Site]:
    texts: list[Message] = []
    port = free_port()
    with VirtualHost(modems, directory / "modems", scenario.parse(scenario_text), texts.append) as host:
        config = write_config(directory, port, host.ports)
        yield Site(host, config, f"http://127.0.0.1:{port}", texts)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with make_site(tmp_path, 2) as site:
        yield site


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One daemon for the tests that only use it."""
    delays = "submit_delay = 0.02\ndelivery_delay = 0.05\n"
    with make_site(tmp_path_factory.mktemp("box"), 2, delays) as site, site.run() as daemon:
        yield site
        daemon.signal(signal.SIGTERM)
        assert daemon.end(SECONDS) == 0


def test_a_code_posted_with_a_new_key_is_delivered_and_sigterm_ends_cleanly(site: Site) -> None:
    with site.run() as daemon:
        key = site.call("keys", "create", "shop").stdout.strip()
        status, accepted = ask(f"{site.url}/v1/messages", key, {"to": NUMBER, "text": "Your code is 493817"})
        assert status == 202

        def is_delivered() -> bool:
            return bool(ask(f"{site.url}/v1/messages/{accepted['id']}", key)[1]["status"] == "delivered")

        wait_until(is_delivered, "delivery")
        assert [(text.to, text.text) for text in site.texts] == [(NUMBER, "Your code is 493817")]
        daemon.signal(signal.SIGTERM)
        assert daemon.end(SECONDS) == 0, daemon.everything
        assert "Traceback" not in daemon.everything
        assert "493817" not in daemon.everything
        assert daemon.out == [], "logs go to standard error"
    assert not (site.config.parent / "storage" / "local.key").exists()


def test_ctrl_c_ends_cleanly_too(site: Site) -> None:
    with site.run() as daemon:
        daemon.signal(signal.SIGINT)
        assert daemon.end(SECONDS) == 0


def test_ctrl_c_is_not_heard_where_a_script_started_it_in_the_background(site: Site) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    with site.run(preexec_fn=ignore) as daemon:
        daemon.signal(signal.SIGINT)
        assert site.call("send", NUMBER, "still here", "--wait").returncode == 0
        daemon.signal(signal.SIGTERM)
        assert daemon.end(SECONDS) == 0


def test_a_signal_before_everything_is_up_ends_cleanly_too(site: Site) -> None:
    with Started("run", "--config", site.config) as daemon:
        wait_until((site.config.parent / "storage" / "lock").exists, "the first thing it makes")
        daemon.signal(signal.SIGTERM)
        assert daemon.end(SECONDS) == 0, daemon.everything


def test_a_second_daemon_on_the_same_directory_is_told_whose_it_is(running: Site) -> None:
    ended = running.call("run")
    assert ended.returncode == 75
    assert re.search(r"another simcourier \(process \d+\) is using it\n", ended.stderr)
    assert running.said("status")["healthy"], "the first one goes on, and so does its command line"


def test_what_is_left_in_the_air_is_waited_for_and_the_second_and_third_ctrl_c_say_so_and_end(
    tmp_path: Path,
) -> None:
    with make_site(tmp_path, 1, 'hang = {answer = "never"}\n') as site:
        with site.run() as daemon:
            site.call("send", NUMBER, "Your code is 493817")
            wait_until(lambda: site.said("status")["in_flight"] == 1, "the submit")
            network = site.config.parent / "modems" / "network.jsonl"
            wait_until(lambda: network.read_text() != "", "the network to have it")
            daemon.signal(signal.SIGINT)
            wait_until(lambda: ask(f"{site.url}/readyz")[0] == 0, "HTTP to be closed")
            daemon.signal(signal.SIGINT)
            daemon.wait_for_words("waiting up to 60 s for 1 submit in flight; once more ends at once")
            daemon.signal(signal.SIGINT)
            assert daemon.end(SECONDS) == 130
            assert daemon.said("on record as unknown at the next start")
        site.host.stop()
        with Started("run", "--config", site.config) as again:
            again.wait_for_words("submits were under way when the daemon ended")
            wait_until(lambda: ask(f"{site.url}/healthz")[0] == 200, "HTTP")
            message = site.said("messages", site.said("messages")["items"][0]["id"])
            assert "unknown" in [event["status"] for event in message["events"]]


def test_systemd_hears_when_it_is_up_that_it_lives_and_when_it_stops(site: Site, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(SECONDS)
        environment = {**ENVIRONMENT, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
        with Started("run", "--config", site.config, env=environment) as daemon:
            assert manager.recv(999).startswith(b"READY=1\nSTATUS=")
            assert ask(f"{site.url}/healthz")[0] == 200, "ready means that HTTP is served"
            heard: list[bytes] = []
            wait_until(
                lambda: heard.append(manager.recv(999)) or b"STATUS=2 of 2 modems can send" in heard[-1],
                "the modems in the status",
            )
            began = time.monotonic()
            fed = [manager.recv(999) for _ in range(3)]
            assert all(b"WATCHDOG=1" in line for line in fed)
            assert time.monotonic() - began < SECONDS
            daemon.signal(signal.SIGTERM)
            wait_until(lambda: manager.recv(999).startswith(b"STOPPING=1"), "the stop")
            assert daemon.end(SECONDS) == 0


# --- the commands ---


def test_send_waits_for_delivery_and_tells_the_steps(running: Site) -> None:
    ended = running.call(
        "send", NUMBER, "-", "--wait", "--reference", "order 7", input="Your code is 493817\n"
    )
    assert ended.returncode == 0, ended.stderr
    found = re.fullmatch(
        r"(msg_\S+)  delivered by modem-00[01] \(sending .* s, sent .* s, delivered .* s\)\n", ended.stdout
    )
    assert found, ended.stdout
    shown = running.call("messages", found[1]).stdout
    assert "reference order 7" in shown
    assert [word for word in ("queued", "sending", "sent", "delivered") if word not in shown] == []
    assert "493817" not in shown
    assert "text" not in running.said("messages", found[1])


def test_send_says_in_one_sentence_what_is_wrong_with_a_message(running: Site) -> None:
    for to, text, words in (
        ("+44 call me", "x", "number"),
        (NUMBER, "x" * 2000, "14 segments"),
    ):
        ended = running.call("send", to, text)
        assert ended.returncode == 1
        assert ended.stdout == ""
        assert ended.stderr.count("\n") == 1
        assert words in ended.stderr.lower()
        assert to not in ended.stderr


def test_status_and_modems_tell_how_it_is(running: Site) -> None:
    assert running.call("status").stdout.startswith("ready (simcourier ")
    assert running.said("status")["modems_up"] == 2
    shown = running.call("modems").stdout
    assert all(word in shown for word in ("modem-000", "modem-001", "ready"))
    assert "direct" in running.call("modems", "modem-000").stdout
    assert [modem["id"] for modem in running.said("modems")["items"]] == ["modem-000", "modem-001"]


def test_a_modem_is_paused_resumed_and_restarted(running: Site) -> None:
    def modem(name: str) -> Any:
        return next(one for one in running.said("modems")["items"] if one["id"] == name)

    assert running.call("modems", "pause", "modem-001").returncode == 0
    assert modem("modem-001")["paused"]
    assert "paused" in running.call("modems").stdout
    assert running.call("send", NUMBER, "one", "--modem", "modem-000", "--wait").returncode == 0
    assert running.call("modems", "resume", "modem-001").returncode == 0
    assert not modem("modem-001")["paused"]
    before_s = modem("modem-001")["for_seconds"]
    assert running.call("modems", "restart", "modem-001").returncode == 0
    wait_until(
        lambda: modem("modem-001")["state"] == "ready" and modem("modem-001")["for_seconds"] < before_s, "it"
    )
    ended = running.call("modems", "pause", "nobody")
    assert (ended.returncode, ended.stderr) == (1, "simcourier: There is no modem with this name.\n")


def test_messages_are_listed_newest_first_by_state_and_as_many_as_wanted(running: Site) -> None:
    ids = [running.said("send", NUMBER, f"text {number}", "--wait")["id"] for number in range(3)]
    assert [one["id"] for one in running.said("messages", "--limit", "2")["items"]] == [ids[2], ids[1]]
    assert all(
        one["status"] == "delivered" for one in running.said("messages", "--status", "delivered")["items"]
    )
    assert running.call("messages", "--status", "failed").stdout == "There is no failed message.\n"
    assert running.call("messages", "msg_nobody").stderr == "simcourier: There is no message with this id.\n"


def test_more_messages_than_a_page_holds_are_listed(running: Site) -> None:
    key = running.call("keys", "create", "many").stdout.strip()
    for number in range(205):
        assert ask(f"{running.url}/v1/messages", key, {"to": NUMBER, "text": f"{number}"})[0] == 202
    found = running.said("messages", "--limit", "203")["items"]
    assert len({one["id"] for one in found}) == 203


def test_a_trace_shows_the_dialogue_without_the_code_and_follows_it(running: Site) -> None:
    running.call("send", NUMBER, "Your code is 493817", "--modem", "modem-000", "--wait")
    shown = running.call("trace", "modem-000").stdout
    assert re.search(r"^ +\+\d+\.\d{3}  < AT\+CMGS=\d+$", shown, re.M)
    assert re.search(r"  < <PDU \d+ octets>$", shown, re.M)
    assert running.said("trace", "modem-000")["items"][-1]["seq"] > 0
    with Started("trace", "modem-000", "--follow", "--config", running.config) as follower:
        wait_until(lambda: len(follower.out) > 0, "what was before")
        before = len(follower.out)
        running.call("send", NUMBER, "another", "--modem", "modem-000", "--wait")
        wait_until(lambda: any("CMGS" in line for line in follower.out[before:]), "the new submit")
        follower.signal(signal.SIGINT)
        assert follower.end(SECONDS) == 130
        assert "Traceback" not in follower.everything


def test_what_is_recorded_of_a_modem_can_be_played_and_tells_of_nobody(running: Site, tmp_path: Path) -> None:
    path = tmp_path / "modem-001.txt"
    saved = running.call("trace", "modem-001", "--save", path, "--seconds", "5")
    assert saved.returncode == 0, saved.stderr
    assert f"simcourier replay {path}" in saved.stdout
    text = path.read_text()
    assert text.startswith("# Source: recorded by simcourier")
    assert "Virtual Modem" in text
    for modem in running.said("modems")["items"]:
        assert modem["sim"] not in text
        assert modem["imei"] not in text
    played = call("replay", path)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "It goes as written" in played.stdout
    path.write_text(text.replace("AT+CMGF=0", "AT+CMGF=7"))
    parted = call("replay", path)
    assert parted.returncode == 1
    assert f"{path}:" in parted.stdout
    assert "the session sends AT+CMGF=0" in parted.stdout
    # It serves again, as before.
    assert running.call("send", NUMBER, "after it", "--modem", "modem-001", "--wait").returncode == 0


def test_a_recording_that_can_t_be_written_says_so(running: Site) -> None:
    refused = running.call("trace", "modem-001", "--save", "/proc/none", "--seconds", "5")
    assert refused.returncode == 1
    assert "/proc/none: can't be written" in refused.stderr
    assert running.call("trace", "modem-009", "--save", "x.txt").returncode == 1
    assert running.call("trace", "modem-001", "--save", "x.txt", "--follow").returncode == 2


def test_check_asks_the_daemon_that_has_the_ports(running: Site) -> None:
    ended = running.call("check")
    assert ended.returncode == 0, ended.stderr
    assert "simcourier is running; this is what it says of its modems:" in ended.stdout
    assert "2 of 2 modems can send." in ended.stdout
    assert [modem["usable"] for modem in running.said("check")["modems"]] == [True, True]


def test_a_key_and_a_url_are_enough_for_a_box_elsewhere(running: Site) -> None:
    key = running.call("keys", "create", "watcher", "--scope", "status:read").stdout.strip()
    environment = {**ENVIRONMENT, "SIMCOURIER_KEY": key}
    assert call("status", "--url", running.url, env=environment).stdout.startswith("ready")
    refused = call("send", "--url", running.url, NUMBER, "x", env=environment)
    assert refused.returncode == 1
    assert "messages:send" in refused.stderr
    running.call("keys", "revoke", "watcher")
    wait_until(
        lambda: call("status", "--url", running.url, env=environment).returncode == 1, "the key to be useless"
    )


def test_help_of_a_modem_command_needs_no_box() -> None:
    assert call("modems", "pause", "--help").returncode == 0


# --- check, on its own ---


def test_check_says_of_each_modem_whether_it_can_send(tmp_path: Path) -> None:
    troubles = """
[[rule]]
modems = 1
sim = "missing"
[[rule]]
modems = 2
pin = "1234"
[[rule]]
modems = 3
registration = "denied"
[[rule]]
modems = 4
deaf = true
"""
    with make_site(tmp_path, 5, troubles) as site:
        with site.config.open("a") as file:
            file.write(
                f'[[modems]]\nport = "{tmp_path}/nowhere"\n[[modems]]\nport = "{site.config}"\nname = "paper"\n'
            )
        ended = site.call("check", "--patience", "9")
        assert ended.returncode == 1
        assert "1 of 7 modems can send." in ended.stdout
        said = dict(line.split(": ", 1) for line in ended.stdout.splitlines() if ": " in line)
        for name, words in {
            "modem-001": "No SIM card: put one in",
            "modem-002": "give its PIN with pin_file",
            "modem-003": "ask the operator",
            "modem-004": "Nothing answers AT",
            "nowhere": "The port can't be opened",
            "paper": "The port can't be opened",
        }.items():
            assert words in said[name]
        assert "modem-000" not in said, "there is nothing to say about it"


def test_check_tries_a_pin_and_a_wrong_one_never_again(tmp_path: Path) -> None:
    with make_site(tmp_path, 1, 'pin = "1234"\npin_tries = 3\n') as site:
        pin_file = tmp_path / "pin"
        site.config.write_text(site.config.read_text() + f'pin_file = "{pin_file}"\n')
        for _ in range(2):
            pin_file.write_text("9999\n")
            assert site.call("check", "--patience", "5").returncode == 1
        pin_file.write_text("1234\n")
        # One try was spent on the wrong PIN, not two: where only one is left, even the right one is not risked.
        ended = site.call("check", "--patience", "9")
        assert ended.returncode == 0, ended.stdout


def test_check_without_any_modem_says_so(tmp_path: Path) -> None:
    ended = call("check", "--config", write_config(tmp_path, free_port()))
    assert ended.returncode == 1
    assert "there is no modem" in ended.stderr


# --- virtual ---


def test_virtual_modems_appear_are_logged_and_go(tmp_path: Path) -> None:
    with Started("virtual", "--modems", 3, "--dir", tmp_path / "v") as virtual:
        wait_until((tmp_path / "v" / "modem-002").exists, "the ports")
        assert (tmp_path / "v" / "network.jsonl").exists()
        virtual.signal(signal.SIGTERM)
        assert virtual.end(SECONDS) == 0
    assert not (tmp_path / "v" / "modem-000").is_symlink()


def test_a_scenario_with_a_fault_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("submit_dealy = 1\n")
    ended = call("virtual", "--dir", tmp_path, "--scenario", path)
    assert ended.returncode == 78
    assert ended.stderr.startswith(f"simcourier: {path}: ")
    assert "submit_dealy" in ended.stderr
