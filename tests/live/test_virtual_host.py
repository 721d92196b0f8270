"""Virtual modems on real pseudo terminals: ports, log, control socket, unplug and return, the command itself."""

from __future__ import annotations

import array
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from click.testing import CliRunner
from virtual_desk import PHONE, submit_pdu

from simcourier.cli.virtual import virtual
from simcourier.virtual import host, scenario
from simcourier.virtual.control_socket import ask
from simcourier.virtual.host import VirtualHost
from simcourier.virtual.profiles import PROFILES

pytestmark = pytest.mark.live
PATIENCE_S = 10.0


class Client:
    """A program that has a port open."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)
        self.said = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.fd)

    def type(self, data: bytes) -> None:
        os.write(self.fd, data)

    def until(self, wanted: bytes) -> bytes:
        """Read until `wanted` has come, and return all up to it."""
        end = time.monotonic() + PATIENCE_S
        while wanted not in self.said:
            left = end - time.monotonic()
            assert left > 0, f"{wanted!r} did not come, only {self.said!r}"
            if select.select([self.fd], [], [], left)[0]:
                self.said += os.read(self.fd, 4096)
        before, _, self.said = self.said.partition(wanted)
        return before + wanted

    def ask(self, command: str) -> bytes:
        self.type(command.encode() + b"\r")
        return self.until(b"OK\r\n")

    def send(self, **more: Any) -> bytes:
        command, pdu = submit_pdu(**more)
        self.type(command)
        self.until(b"> ")
        self.type(pdu)
        return self.until(b"OK\r\n")


def eventually(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.005)


def records(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / host.LOG_NAME).read_text("utf-8").splitlines()]


@pytest.fixture
def three(tmp_path: Path) -> Iterator[VirtualHost]:
    with VirtualHost(3, tmp_path / "v") as running:
        yield running


def test_the_ports_exist_when_the_host_is_entered_and_are_gone_after_it(tmp_path: Path) -> None:
    with VirtualHost(2, tmp_path) as running:
        assert [port.is_symlink() and port.exists() for port in running.ports] == [True, True]
        assert [port.name for port in running.ports] == ["modem-000", "modem-001"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [host.LOG_NAME]


def test_a_message_is_in_the_log_when_its_answer_has_come(three: VirtualHost) -> None:
    with Client(three.ports[1]) as client:
        client.ask("ATE0+CNMI=2,1,0,1,0")
        before = time.monotonic_ns()
        client.send()
        after = time.monotonic_ns()
        client.until(b"+CDS: 25\r\n")
    eventually(lambda: len(records(three.directory)) == 1, "one line in the log")
    (record,) = records(three.directory)
    assert before <= record["monotonic_ns"] <= after
    assert (record["modem"], record["mr"], record["to"], record["text"], record["vp"]) == (
        "modem-001",
        0,
        PHONE,
        "Your code is 123456",
        None,
    )


def test_a_second_run_adds_to_the_log(tmp_path: Path) -> None:
    for _ in range(2):
        with VirtualHost(1, tmp_path) as running, Client(running.ports[0]) as client:
            client.send()
    assert len(records(tmp_path)) == 2


def test_texts_are_handed_to_whoever_wants_them(tmp_path: Path) -> None:
    seen: list[str] = []
    with (
        VirtualHost(1, tmp_path, on_text=lambda message: seen.append(message.text)) as running,
        Client(running.ports[0]) as client,
    ):
        client.send(text="Your code is 246802")
        eventually(lambda: seen == ["Your code is 246802"], "the text on the handset")


def test_an_unplugged_port_hangs_up_and_comes_back_under_its_name(three: VirtualHost) -> None:
    port = three.ports[2]
    with Client(port) as client:
        client.ask("ATE0")
        assert ask(three.directory, do="unplug", modem="modem-002", for_s=0.3)["ok"]
        eventually(lambda: _is_hung_up(client.fd), "the hang-up")
        assert not port.is_symlink()
    eventually(port.exists, "the port's return")
    with Client(port) as client:
        assert client.ask("AT") == b"AT\r\r\nOK\r\n"
    with Client(three.ports[0]) as other:
        other.ask("AT")


def _is_hung_up(fd: int) -> bool:
    try:
        return os.read(fd, 1) == b""
    except OSError:
        return True


def test_a_port_comes_back_under_another_name(three: VirtualHost) -> None:
    old, new = three.ports[1], three.directory / "modem-100"
    with Client(old) as client:
        client.ask("ATE0")
        assert ask(three.directory, do="replug", modem=1, port="modem-100")["ok"]
        eventually(lambda: _is_hung_up(client.fd), "the hang-up")
    assert not old.is_symlink()
    with Client(new) as client:
        assert b"00101700000001" in client.ask("ATE0+CGSN")
        client.send()


def test_a_scenario_brings_a_port_back_under_another_name(tmp_path: Path) -> None:
    plan = scenario.parse(
        '[[rule]]\nfrom = 0.2\nuntil = 0.4\nunplugged = true\n[[rule]]\nfrom = 0.4\nport = "ttyNEW"'
    )
    with VirtualHost(1, tmp_path, plan):
        eventually((tmp_path / "ttyNEW").exists, "the port under its new name")
        assert not (tmp_path / "modem-000").is_symlink()
        with Client(tmp_path / "ttyNEW") as client:
            client.ask("AT")


def test_a_hub_dies_and_returns_with_all_its_modems(tmp_path: Path) -> None:
    with VirtualHost(4, tmp_path, scenario.parse('[hubs]\nleft = "0-2"')) as running:
        ask(tmp_path, do="unplug", modem="left", for_s=0.3)
        assert [port.exists() for port in running.ports] == [False, False, False, True]
        eventually(lambda: all(port.exists() for port in running.ports), "the ports' return")


def test_a_modem_understands_only_the_speed_that_the_program_has_set(tmp_path: Path) -> None:
    with (
        VirtualHost(1, tmp_path, scenario.parse("baud = 9600")) as running,
        Client(running.ports[0]) as client,
    ):
        _set_speed(client.fd, termios.B115200)
        client.type(b"AT\r")
        eventually(lambda: _unread(client.fd) > 0, "rubbish")
        rubbish = os.read(client.fd, 4096)
        assert min(rubbish) >= 128
        _set_speed(client.fd, termios.B9600)
        client.ask("AT")


def _set_speed(fd: int, speed: int) -> None:
    attributes = termios.tcgetattr(fd)
    attributes[4] = attributes[5] = speed
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


def test_a_flood_leaves_the_others_alone_and_ends(tmp_path: Path) -> None:
    with (
        VirtualHost(2, tmp_path) as running,
        Client(running.ports[0]) as flooded,
        Client(running.ports[1]) as other,
    ):
        ask(tmp_path, do="set", modem=0, values={"flood": {"rate": 3000, "lines": ["^RSSI: 19"]}}, for_s=1)
        for _ in range(1500):
            flooded.until(b"^RSSI: 19\r\n")
        other.send()
        eventually(lambda: ask(tmp_path, do="modems", modem=0)["ok"], "the control line")
        flooded.ask("AT")


def test_a_report_waits_for_the_port_that_is_away(three: VirtualHost) -> None:
    ask(three.directory, do="set", modem=0, values={"report_delay": 0.05})
    with Client(three.ports[0]) as client:
        client.ask("ATE0+CNMI=2,1,0,1,0")
        client.send()
        ask(three.directory, do="unplug", modem=0)
    eventually(
        lambda: ask(three.directory, do="modems", modem=0)["modems"][0]["held"] == 1,
        "the report kept",
    )
    ask(three.directory, do="replug", modem=0)
    with Client(three.ports[0]) as client:
        client.ask("ATE0+CNMI=2,1,0,1,0")
        client.until(b"+CDS: 25\r\n")


def test_unplug_in_the_middle_of_a_submit(tmp_path: Path) -> None:
    plan = scenario.parse('unplug = { nth = 2, phase = "ctrl-z", network = true, for = 0.2 }')
    with VirtualHost(1, tmp_path, plan) as running:
        with Client(running.ports[0]) as client:
            client.ask("ATE0")
            client.send()
            command, pdu = submit_pdu()
            client.type(command)
            client.until(b"> ")
            client.type(pdu)
            eventually(lambda: _is_hung_up(client.fd), "the hang-up")
        eventually(running.ports[0].exists, "the port's return")
        with Client(running.ports[0]) as client:
            client.ask("ATE0")
            assert b"+CMGS: 2" in client.send()
        eventually(
            lambda: [record["mr"] for record in records(tmp_path)] == [0, 1, 2], "three lines in the log"
        )


def test_a_client_that_reads_nothing_blocks_nobody_and_finds_its_output_later(tmp_path: Path) -> None:
    plan = scenario.parse(
        '[[rule]]\nmodems = 0\nnoise = { rate = 20000, lines = ["^BOOT:20588402,0,0,0,72"] }'
    )
    with (
        VirtualHost(2, tmp_path, plan) as running,
        Client(running.ports[0]) as lazy,
        Client(running.ports[1]) as other,
    ):
        eventually(lambda: _unread(lazy.fd) > 3000, "a full buffer")
        for _ in range(20):
            other.send()
        for _ in range(1000):
            lazy.until(b"^BOOT:20588402,0,0,0,72\r\n")


def _unread(fd: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]


def test_a_host_without_work_uses_next_to_no_processor(tmp_path: Path) -> None:
    with _command(tmp_path, 256) as process:
        eventually((tmp_path / "modem-255").exists, "the last port")
        before = _cpu_ticks(process.pid)
        # A loop that spins would be found running again and again; each question wakes the host just once.
        for _ in range(10):
            assert ask(tmp_path, do="stats")["ok"]
            eventually(lambda: _state(process.pid) == "S", "sleep")
        assert _cpu_ticks(process.pid) - before <= os.sysconf("SC_CLK_TCK") // 2


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_the_control_socket_survives_bad_requests_and_long_paths(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-name-of-a-directory"] * 5)
    with VirtualHost(1, deep):
        assert ask(deep, do="nonsense")["ok"] is False
        assert ask(deep, do="stats")["submits"] == 0


def test_a_program_that_asks_much_and_reads_late_gets_every_answer(three: VirtualHost) -> None:
    with Client(three.ports[0]) as client:
        client.ask("ATE0")
        for number in range(50):
            client.send(text=f"Your code is {number}" + " " * 100)
    with socket.socket(socket.AF_UNIX) as greedy:
        greedy.connect(str(three.directory / "control.sock"))
        greedy.settimeout(PATIENCE_S)
        greedy.sendall(
            json.dumps({"do": "inbox", "number": PHONE}).encode() + b"\n" + b'{"do": "stats"}\n' * 3
        )
        assert ask(three.directory, do="stats")["submits"] == 50
        for _ in range(200):
            greedy.sendall(json.dumps({"do": "inbox", "number": PHONE}).encode() + b"\n")
        with greedy.makefile("rb") as answers:
            replies = [json.loads(answers.readline()) for _ in range(204)]
    assert [len(reply["messages"]) for reply in replies if "messages" in reply] == [50] * 201
    assert [reply["submits"] for reply in replies if "submits" in reply] == [50] * 3


def test_two_hosts_in_one_directory_are_refused(three: VirtualHost) -> None:
    with pytest.raises(scenario.ScenarioError, match="another virtual host is running there"):
        VirtualHost(1, three.directory).open()
    with Client(three.ports[0]) as client:
        client.ask("AT")


def test_the_number_of_modems_has_a_bound(tmp_path: Path) -> None:
    for modems in (0, host.MAX_MODEMS + 1):
        with pytest.raises(scenario.ScenarioError, match="1 to 1000 virtual modems"):
            VirtualHost(modems, tmp_path)


class _command:  # noqa: N801 - reads like a function where it is used
    """The host as a process of its own."""

    def __init__(self, directory: Path, modems: int, *more: str) -> None:
        path = f", Path({more[0]!r})" if more else ""
        code = (
            "from pathlib import Path; from simcourier.virtual.host import run_virtual; "
            f"run_virtual({modems}, Path({str(directory)!r}){path})"
        )
        self.process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)

    def __enter__(self) -> subprocess.Popen[str]:
        return self.process

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_what_there_is_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[[rule]]\nmodems = "modem-007"\ndeaf = true\n', "utf-8")
    with _command(tmp_path / "v", 2, str(plan)) as process:
        eventually((tmp_path / "v/modem-001").exists, "the ports")
        assert ask(tmp_path / "v", do="stats")["ok"]
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
    assert "2 virtual modems, ports" in said
    assert "network.jsonl" in said
    assert "warning: the scenario has a rule for modem-007, which does not exist here" in said
    assert "stopped: 0 submits" in said
    assert sorted(path.name for path in (tmp_path / "v").iterdir()) == [host.LOG_NAME]


def test_a_wrong_scenario_is_told_before_anything_is_made(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("submit_dela = 1\n", "utf-8")
    with pytest.raises(scenario.ScenarioError, match=r"plan\.toml: unknown key submit_dela"):
        host.run_virtual(1, tmp_path / "v", plan)
    with pytest.raises(scenario.ScenarioError, match="profile: no profile acme; there is brovi"):
        host.run_virtual(1, tmp_path / "v", None, "acme")
    assert not (tmp_path / "v").exists()


def test_the_makes_that_the_help_names_exist() -> None:
    said = CliRunner().invoke(virtual, ["--help"]).output
    named = " ".join(said.partition("names none:")[2].partition("...")[0].split()).rstrip(", ")
    assert len(named.split(", ")) > 10
    assert set(named.split(", ")) <= set(PROFILES)


def test_the_makes_of_all_modems_may_be_chosen(tmp_path: Path) -> None:
    plan = host.choose(None, "quectel")
    with VirtualHost(1, tmp_path, plan) as running, Client(running.ports[0]) as client:
        assert b"Quectel" in client.ask("AT+CGMI")
