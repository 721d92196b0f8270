"""Other people's programs on the virtual modem: an independent check of the pretence."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gsmmodem import GsmModem
from gsmmodem.modem import StatusReport
from radio_watch import Watch
from virtual_desk import PHONE

from simcourier.modem.facts import ReportArrived, SubmitEnd
from simcourier.radio import PortSpec
from simcourier.virtual import scenario
from simcourier.virtual.control_socket import ask
from simcourier.virtual.host import VirtualHost
from simcourier.virtual.profiles import PROFILES

pytestmark = pytest.mark.live
PATIENCE_S = 15.0
STORED, DIRECT = "2,1,0,2", "2,1,0,1,0"
LONG = "A long text for the handset to join. " * 6


@pytest.fixture
def running(tmp_path: Path) -> Iterator[VirtualHost]:
    plan = scenario.parse(
        'submit_delay = 0.02\nreport_delay = 0.1\nussd_delay = 0.2\nussd = { "*100#" = "Balance 10.00" }'
    )
    with VirtualHost(2, tmp_path / "v", plan) as host:
        yield host


def _texts(running: VirtualHost, number: str = PHONE) -> list[str]:
    return [message["text"] for message in ask(running.directory, do="inbox", number=number)["messages"]]


def eventually(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.005)


class Session:
    """A stock GsmModem, connected."""

    def __init__(self, running: VirtualHost, **more: object) -> None:
        self.reports: list[StatusReport] = []
        self.reported = threading.Event()
        self.received: list[tuple[str, str]] = []
        self.has_received = threading.Event()
        self.modem = GsmModem(
            str(running.ports[0]),
            smsStatusReportCallback=self._on_report,
            smsReceivedCallbackFunc=self._on_text,
            **more,
        )

    def _on_report(self, report: StatusReport) -> None:
        self.reports.append(report)
        self.reported.set()

    def _on_text(self, sms: object) -> None:
        self.received.append((sms.number, sms.text))  # type: ignore[attr-defined]  # gsmmodem has no types
        self.has_received.set()

    def __enter__(self) -> Session:
        self.modem.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.modem.close()


@pytest.mark.parametrize("routing", [STORED, DIRECT], ids=["stored", "direct"])
def test_a_stock_gsmmodem_connects_sends_and_sees_the_report(running: VirtualHost, routing: str) -> None:
    with Session(running, AT_CNMI=routing) as session:
        modem = session.modem
        assert (modem.manufacturer, modem.imei, modem.networkName) == (
            "simcourier",
            "001017000000003",
            "Virtual",
        )
        assert (modem.signalStrength, modem.smsc) == (20, "+15550109999")
        sms = modem.sendSms(PHONE, "Your code is 123456")
        assert session.reported.wait(PATIENCE_S)
        assert sms.status == sms.DELIVERED
        (report,) = session.reports
        assert (report.reference, report.deliveryStatus) == (sms.reference, StatusReport.DELIVERED)
        assert report.timeFinalized >= report.timeSent
    assert _texts(running) == ["Your code is 123456"]


def test_a_stock_gsmmodem_waits_for_the_report_of_a_long_message(running: VirtualHost) -> None:
    with Session(running, AT_CNMI=DIRECT) as session:
        sms = session.modem.sendSms(PHONE, LONG, waitForDeliveryReport=True, deliveryTimeout=PATIENCE_S)
        assert sms.report is None or sms.report.deliveryStatus == StatusReport.DELIVERED
        sms = session.modem.sendSms(
            PHONE, "Код 123456", waitForDeliveryReport=True, deliveryTimeout=PATIENCE_S
        )
    assert _texts(running) == [LONG, "Код 123456"]


def test_a_stock_gsmmodem_sends_in_text_mode_and_receives(running: VirtualHost) -> None:
    with Session(running) as session:
        ask(running.directory, do="text", modem=0, sender=PHONE, text="Who are you?")
        assert session.has_received.wait(PATIENCE_S)
        session.modem.smsTextMode = True
        sms = session.modem.sendSms(PHONE, "text mode @ work")
        assert session.reported.wait(PATIENCE_S)
        assert sms.status == sms.DELIVERED
    assert session.received == [(PHONE, "Who are you?")]
    assert _texts(running) == ["text mode @ work"]


def test_a_stock_gsmmodem_enters_the_pin(tmp_path: Path) -> None:
    with VirtualHost(1, tmp_path, scenario.parse('pin = "1234"')) as host:
        modem = GsmModem(str(host.ports[0]), AT_CNMI=DIRECT)
        modem.connect(pin="1234")
        modem.sendSms(PHONE, "unlocked")
        modem.close()
        assert _texts(host) == ["unlocked"]


def test_a_stock_gsmmodem_asks_for_the_balance(running: VirtualHost) -> None:
    with Session(running, AT_CNMI=DIRECT) as session:
        answer = session.modem.sendUssd("*100#", responseTimeout=PATIENCE_S)
        assert (answer.message, answer.sessionActive) == ("Balance 10.00", False)


def test_a_stock_gsmmodem_lists_a_long_text_that_came_in_any_order_and_twice(running: VirtualHost) -> None:
    ask(running.directory, do="text", modem=0, sender=PHONE, text=LONG, shuffle=True, copies=2)
    with Session(running, AT_CNMI=DIRECT) as session:
        parts = session.modem.listStoredSms(memory="SM")
    assert len(parts) == 4
    assert {part.number for part in parts} == {PHONE}
    assert sorted({part.text for part in parts}) == sorted({LONG[:153], LONG[153:]})


needs_gammu = pytest.mark.skipif(
    shutil.which("gammu") is None, reason="gammu is not installed (Debian: gammu)"
)


@pytest.fixture
def gammu(running: VirtualHost, tmp_path: Path) -> Path:
    path = tmp_path / "gammurc"
    path.write_text(f"[gammu]\ndevice = {running.ports[0]}\nconnection = at115200\n", "utf-8")
    return path


def _gammu(rc: Path, *command: str) -> str:
    done = subprocess.run(
        ["gammu", "-c", str(rc), *command],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_gammu
def test_gammu_identifies_the_modem(gammu: Path) -> None:
    said = _gammu(gammu, "identify")
    for wanted in ("simcourier", "Virtual Modem", "001017000000003", "001010000000000"):
        assert wanted in said


@needs_gammu
def test_gammu_sends_a_message_of_one_part_and_of_many(running: VirtualHost, gammu: Path) -> None:
    said = _gammu(gammu, "sendsms", "TEXT", PHONE, "-report", "-text", "From gammu [1]")
    assert "message reference=0" in said
    russian = "Код 123456. " * 10
    _gammu(gammu, "sendsms", "TEXT", PHONE, "-unicode", "-len", "400", "-text", russian.strip())
    assert _texts(running) == ["From gammu [1]", russian.strip()]


@needs_gammu
def test_gammu_reads_what_a_handset_wrote(running: VirtualHost, gammu: Path) -> None:
    ask(running.directory, do="text", modem=0, sender=PHONE, text="Hello gammu")
    said = _gammu(gammu, "getallsms")
    assert PHONE in said
    assert "Hello gammu" in said


@needs_gammu
def test_gammu_asks_for_the_balance(gammu: Path) -> None:
    assert "Balance 10.00" in _gammu(gammu, "getussd", "*100#")


@needs_gammu
def test_gammu_monitors_stores_signal_and_network(running: VirtualHost, gammu: Path) -> None:
    ask(running.directory, do="text", modem=0, sender=PHONE, text="Hello gammu")
    said = _gammu(gammu, "monitor", "1")
    for wanted in ("SIM SMS status       : 1 used", "-73 dBm", "home network", "001 01", '"Virtual"'):
        assert wanted in said


def test_the_radio_brings_up_every_make_and_each_sends_and_reports(tmp_path: Path) -> None:
    # An old Telit loses each command that follows too soon upon an answer: it has tests of its own.
    makes = [name for name in PROFILES if name != "telit-gm862"]
    rules = "".join(f'[[rule]]\nmodems = {index}\nprofile = "{name}"\n' for index, name in enumerate(makes))
    with VirtualHost(len(makes), tmp_path / "v", scenario.parse("pace = 0\n" + rules)) as host:
        watch = Watch(*host.ports)
        watch.radio.start()
        try:
            watch.until_ready(*host.names)
            numbers = [watch.submit(name) for name in host.names]
            assert {watch.end_of(number).end for number in numbers} == {SubmitEnd.SENT}
            watch.until(lambda: len(_reporters(watch)) >= len(makes) - 1, "reports of all but one")
        finally:
            watch.radio.stop(0.0)
    silent = set(host.names) - _reporters(watch)
    assert {makes[host.names.index(name)] for name in silent} == {"nokia"}


def _reporters(watch: Watch) -> set[str]:
    return {report.modem for report in watch.told(ReportArrived)}


needs_socat = pytest.mark.skipif(
    shutil.which("socat") is None, reason="socat is not installed (Debian: socat)"
)


@contextmanager
def _socat(*ends: str) -> Iterator[None]:
    bridge = subprocess.Popen(["socat", *ends], stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        bridge.terminate()
        bridge.wait()


def _send_by_radio(port: PortSpec | Path, name: str) -> None:
    """The product's own radio sends a code and sees its report."""
    watch = Watch(port)
    watch.radio.start()
    try:
        watch.until_ready(name)
        assert watch.send(name).end is SubmitEnd.SENT
        watch.until(lambda: bool(watch.told(ReportArrived)), "a report")
    finally:
        watch.radio.stop(0.0)


@needs_socat
def test_the_radio_sends_through_a_pseudo_terminal_that_socat_has_made(
    running: VirtualHost, tmp_path: Path
) -> None:
    link = tmp_path / "bridged"
    with _socat(f"PTY,raw,echo=0,link={link}", f"FILE:{running.ports[0]},raw,echo=0"):
        eventually(link.exists, "the bridged port")
        _send_by_radio(link, "bridged")
    assert len(_texts(running)) == 1


@needs_socat
def test_the_radio_sends_through_a_tcp_port_that_socat_serves(running: VirtualHost) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with _socat(f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork", f"FILE:{running.ports[0]},raw,echo=0"):
        _send_by_radio(PortSpec(f"socket://127.0.0.1:{port}"), f"127.0.0.1-{port}")
    assert len(_texts(running)) == 1
