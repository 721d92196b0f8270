"""The radio on real pseudo terminals, with virtual modems that misbehave and scripted ones that are odd."""

from __future__ import annotations

import gc
import logging
import os
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from modem_desk import OK, ScriptedModem
from modem_desk import job as made_up_job
from pty_modem import PtyModem
from radio_watch import Watch

from simcourier.modem.facts import (
    Fact,
    ModemChanged,
    ModemState,
    PartSubmitted,
    PinJudged,
    PinWanted,
    ReportArrived,
    ReportRoute,
    SubmitEnd,
    SubmitEnded,
)
from simcourier.modem.session import Session
from simcourier.modem.timings import Timings
from simcourier.radio import DiscoverySpec, PortSpec, Radio, RadioSettings
from simcourier.virtual import scenario
from simcourier.virtual.control_socket import ask
from simcourier.virtual.host import VirtualHost

pytestmark = pytest.mark.live

Start = Callable[..., Watch]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start radios that are stopped at the end."""
    watches: list[Watch] = []

    def begin(
        *ports: PortSpec | Path,
        discovery: DiscoverySpec | None = None,
        settings: RadioSettings | None = None,
    ) -> Watch:
        watch = Watch(*ports, discovery=discovery, settings=settings)
        watches.append(watch)
        watch.radio.start()
        return watch

    yield begin
    for watch in watches:
        watch.radio.stop(0.0)


@pytest.fixture
def virtual(tmp_path: Path) -> Iterator[Callable[..., VirtualHost]]:
    """Start virtual modems that are gone at the end."""
    hosts: list[VirtualHost] = []

    def begin(modems: int = 1, rules: str = "") -> VirtualHost:
        host = VirtualHost(modems, tmp_path / "ports", scenario.parse(rules))
        hosts.append(host)
        return host.__enter__()

    yield begin
    for host in hosts:
        host.stop()


def control(host: VirtualHost, **request: object) -> None:
    answer = ask(host.directory, **request)
    assert answer["ok"], answer


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


# -- well ---------------------------------------------------------------------------------------------------


def test_a_code_leaves_and_its_report_comes_back(start: Start, virtual: Callable[..., VirtualHost]) -> None:
    watch = start(*virtual().ports)
    watch.until_ready("modem-000")
    number = watch.submit("modem-000")
    assert watch.end_of(number).end is SubmitEnd.SENT
    watch.until(lambda: bool(watch.told(ReportArrived)), "a report")
    (part,), (report,) = watch.told(PartSubmitted), watch.told(ReportArrived)
    assert part.tp_mr == report.report.tp_mr
    assert part.sim == report.sim != ""
    assert part.wire_at <= part.taken_at


def test_reports_that_the_modem_stores_are_read(start: Start, virtual: Callable[..., VirtualHost]) -> None:
    watch = start(*virtual(rules='report_route = "stored"').ports)
    watch.until_ready("modem-000")
    for _ in range(3):
        assert watch.send("modem-000").end is SubmitEnd.SENT
    watch.until(lambda: len(watch.told(ReportArrived)) == 3, "three reports")


def test_sixty_four_modems_come_up_together_and_each_sends(
    start: Start, virtual: Callable[..., VirtualHost]
) -> None:
    host = virtual(64)
    threads = threading.active_count()
    watch = start(*host.ports)
    watch.until_ready(*host.names)
    assert threading.active_count() - threads == 2, "the radio's thread and the opener's"
    numbers = [watch.submit(name) for name in host.names]
    assert {watch.end_of(number).end for number in numbers} == {SubmitEnd.SENT}
    watch.until(lambda: len(watch.told(ReportArrived)) == 64, "64 reports")
    assert len({snapshot.imei for snapshot in watch.radio.snapshots().values()}) == 64


def test_bytes_that_come_one_by_one_are_enough(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "slow", ScriptedModem(), chunk=1):
        watch = start(tmp_path / "slow")
        watch.until_ready("slow")
        assert watch.send("slow").end is SubmitEnd.SENT


def test_no_pdu_leaves_before_its_permit(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "modem", ScriptedModem()) as port:
        watch = start(tmp_path / "modem")
        watch.until_ready("modem")
        number = watch.submit("modem", permitted=False)
        assert port.modem is not None
        modem = port.modem
        watch.until(lambda: modem.at_prompt, "a prompt")
        assert modem.pdus == []
        watch.radio.permit(number, True)
        assert watch.end_of(number).end is SubmitEnd.SENT
        withdrawn = watch.submit("modem", permitted=False)
        watch.until(lambda: modem.at_prompt, "a prompt")
        watch.radio.permit(withdrawn, False)
        assert watch.end_of(withdrawn).end is SubmitEnd.WITHDRAWN
        watch.until(lambda: not modem.at_prompt, "the prompt is left")
        watch.radio.permit(withdrawn, True)
        watch.radio.permit(4711, True)
        assert watch.send("modem").end is SubmitEnd.SENT
        assert len(modem.pdus) == 2


def test_a_poll_tells_a_new_signal(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "modem", ScriptedModem()) as port:
        watch = start(tmp_path / "modem", settings=RadioSettings(poll_spread=0.1))
        watch.until_ready("modem")
        assert port.modem is not None
        port.modem.answers["AT+CSQ"] = "\r\n+CSQ: 3,99\r\n" + OK
        watch.radio.poll()
        watch.until(lambda: watch.radio.snapshots()["modem"].signal_dbm == -107, "the new signal")
        assert watch.told_of("modem")[-1].signal_dbm == -107


def test_the_trace_shows_the_dialogue_and_no_pdu(start: Start, virtual: Callable[..., VirtualHost]) -> None:
    watch = start(*virtual().ports)
    watch.until_idle("modem-000")
    before = watch.radio.trace("modem-000")[-1].seq
    watch.send("modem-000")
    texts = [f"{line.direction} {line.text}" for line in watch.radio.trace("modem-000", after=before)]
    assert [text for text in texts if "CDS" not in text][:4] == [
        "< AT+CMGS=20",
        "> >",
        "< <PDU 21 octets>",
        "> +CMGS: 0",
    ]
    assert watch.radio.trace("nobody") == []


def test_a_pin_is_asked_for_and_allowed(start: Start, virtual: Callable[..., VirtualHost]) -> None:
    host = virtual(rules='pin = "1234"')
    watch = start(PortSpec(str(host.ports[0]), pin="1234"))
    watch.until(lambda: bool(watch.told(PinWanted)), "a question")
    assert watch.state("modem-000") is ModemState.SIM_LOCKED
    watch.radio.allow_pin("modem-000", True)
    watch.radio.allow_pin("nobody", True)
    watch.until_ready("modem-000")
    assert [fact.accepted for fact in watch.told(PinJudged)] == [True]


def test_a_modem_without_ports_name_takes_no_job(start: Start) -> None:
    watch = start()
    assert watch.end_of(watch.submit("nobody")).end is SubmitEnd.NOT_SENT
    watch.radio.restart("nobody")


# -- unplugged ----------------------------------------------------------------------------------------------


def test_a_modem_that_is_unplugged_is_absent_at_once_and_ready_soon_after_its_return(
    start: Start, virtual: Callable[..., VirtualHost]
) -> None:
    host = virtual(2)
    watch = start(*host.ports)
    watch.until_ready(*host.names)
    control(host, do="unplug", modem=0)
    assert watch.until_state("modem-000", ModemState.ABSENT) < 0.5
    assert watch.end_of(watch.submit("modem-000")).end is SubmitEnd.NOT_SENT
    assert watch.send("modem-001").end is SubmitEnd.SENT
    control(host, do="replug", modem=0)
    assert watch.until_ready("modem-000", within=3.0) < 3.0
    assert watch.send("modem-000").end is SubmitEnd.SENT


def test_unplugged_before_ctrl_z_nothing_was_sent_and_after_it_nobody_knows(
    start: Start, virtual: Callable[..., VirtualHost]
) -> None:
    host = virtual(2, "submit_delay = 5.0")
    watch = start(*host.ports)
    watch.until_ready(*host.names)
    held = watch.submit("modem-000", permitted=False)
    flying = watch.submit("modem-001")
    watch.until(lambda: "> >" in str(watch.radio.trace("modem-000")).replace("', text='", " "), "a prompt")
    watch.until(lambda: any("<PDU" in line.text for line in watch.radio.trace("modem-001")), "a PDU")
    control(host, do="unplug")
    assert watch.end_of(held).end is SubmitEnd.NOT_SENT
    assert watch.end_of(flying).end is SubmitEnd.IN_DOUBT


def test_a_port_that_is_not_there_yet_is_waited_for(start: Start, tmp_path: Path) -> None:
    watch = start(tmp_path / "later")
    watch.until(lambda: bool(watch.told_of("later")), "a first word")
    assert (watch.told_of("later")[-1].state, watch.told_of("later")[-1].reason) == (
        ModemState.ABSENT,
        f"{tmp_path}/later: no such port",
    )
    with PtyModem(tmp_path / "later", ScriptedModem()):
        watch.until_ready("later", within=3.0)


def test_a_taken_port_says_so_and_is_had_when_it_is_free(
    start: Start, tmp_path: Path, virtual: Callable[..., VirtualHost]
) -> None:
    host = virtual()
    first = start(*host.ports)
    first.until_ready("modem-000")
    second = start(*host.ports, settings=RadioSettings(retry_every=0.2))
    second.until(lambda: "in use" in second.radio.snapshots()["modem-000"].reason, "the reason")
    assert second.state("modem-000") is ModemState.ABSENT
    first.radio.stop()
    second.until_ready("modem-000")


# -- deaf, dumb, stalled ------------------------------------------------------------------------------------


def test_a_modem_that_was_deaf_sends_again_within_three_seconds(
    start: Start, virtual: Callable[..., VirtualHost]
) -> None:
    host = virtual(2)
    watch = start(*host.ports)
    watch.until_ready(*host.names)
    control(host, modem=0, fault="deaf", for_s=9.0)
    well_at = time.monotonic() + 9.0
    assert watch.end_of(watch.submit("modem-000")).end is SubmitEnd.NOT_SENT
    assert watch.send("modem-001").end is SubmitEnd.SENT
    assert watch.state("modem-000") in (ModemState.RESYNC, ModemState.SILENT)
    watch.until_ready("modem-000", within=30.0)
    assert watch.send("modem-000").end is SubmitEnd.SENT
    assert time.monotonic() - well_at < 3.0


def test_a_modem_that_hangs_after_ctrl_z_leaves_its_message_in_doubt_and_sends_again(
    start: Start, virtual: Callable[..., VirtualHost]
) -> None:
    host = virtual(rules="[hang]\nnth = 1\nfor = 10.0")
    watch = start(*host.ports)
    watch.until_ready("modem-000")
    flying = watch.submit("modem-000")
    well_at = time.monotonic() + 10.0
    assert watch.end_of(flying, within=30.0).end is SubmitEnd.IN_DOUBT
    watch.until_ready("modem-000")
    assert watch.send("modem-000").end is SubmitEnd.SENT
    assert time.monotonic() - well_at < 3.0


def test_a_modem_that_gives_no_prompt_is_not_ready_before_it_gives_one(
    start: Start, virtual: Callable[..., VirtualHost]
) -> None:
    host = virtual()
    watch = start(*host.ports)
    watch.until_ready("modem-000")
    control(host, modem=0, fault="no-prompt", for_s=8.0)
    well_at = time.monotonic() + 8.0
    assert watch.end_of(watch.submit("modem-000")).end is SubmitEnd.NOT_SENT
    assert watch.state("modem-000") is ModemState.RESYNC
    watch.until_ready("modem-000")
    assert watch.send("modem-000").end is SubmitEnd.SENT
    assert -0.1 < time.monotonic() - well_at < 3.0


def test_a_port_that_takes_no_bytes_is_silent_and_opened_anew(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "modem", ScriptedModem()):
        watch = start(tmp_path / "modem", settings=RadioSettings(write_stall=0.3))
        watch.until_idle("modem")
        slave = os.open(tmp_path / "modem", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        termios.tcflow(slave, termios.TCOOFF)
        end = watch.end_of(watch.submit("modem", permitted=False))
        assert (end.end, end.reason) == (SubmitEnd.NOT_SENT, "the port takes no bytes for 0.3 s")
        assert watch.told_of("modem")[-1].state is ModemState.SILENT
        termios.tcflow(slave, termios.TCOON)
        os.close(slave)
        watch.until_ready("modem")


def test_more_output_than_a_port_may_leave_waiting_closes_it(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "modem", ScriptedModem()):
        watch = start(tmp_path / "modem", settings=RadioSettings(output_limit=4))
        watch.until_idle("modem")
        slave = os.open(tmp_path / "modem", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        termios.tcflow(slave, termios.TCOOFF)
        assert watch.end_of(watch.submit("modem")).reason == "the port takes no bytes"
        termios.tcflow(slave, termios.TCOON)
        os.close(slave)
        watch.until_ready("modem")


def test_bytes_that_had_to_wait_leave_in_order(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "modem", ScriptedModem()) as port:
        watch = start(tmp_path / "modem")
        watch.until_idle("modem")
        slave = os.open(tmp_path / "modem", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        termios.tcflow(slave, termios.TCOOFF)
        number = watch.submit("modem")
        watch.until(lambda: watch.radio.trace("modem")[-1].text.startswith("AT+CMGS"), "the command")
        termios.tcflow(slave, termios.TCOON)
        os.close(slave)
        assert watch.end_of(number).end is SubmitEnd.SENT
        assert port.modem is not None
        assert len(port.modem.pdus) == 1


def test_a_modem_silent_for_long_has_its_port_opened_anew(start: Start, tmp_path: Path) -> None:
    timings = Timings(command=0.1, probe=0.05, quiet=0.02, reopen=0.3)
    with PtyModem(tmp_path / "modem", ScriptedModem()) as port:
        watch = start(tmp_path / "modem", settings=RadioSettings(timings=timings, poll_spread=0.0))
        watch.until_idle("modem")
        assert port.modem is not None
        port.modem.deaf = True
        watch.radio.poll()
        watch.until_state("modem", ModemState.SILENT)
        opened = watch.radio._roster.named["modem"]._attempt
        watch.until(lambda: watch.radio._roster.named["modem"]._attempt > opened + 1, "a new descriptor")
        assert watch.state("modem") is ModemState.SILENT
        port.modem.deaf = False
        watch.until_ready("modem")


# -- found --------------------------------------------------------------------------------------------------


FAST = RadioSettings(
    timings=Timings(probe=0.05, quiet=0.02, command=0.2), scan_every=0.1, look_every=0.05, forget_after=0.5
)


def numbered(number: int) -> ScriptedModem:
    imei, iccid = f"49015420323751{number}", f"894411000000000001{number}"
    return ScriptedModem({"AT+CGSN": f"\r\n{imei}\r\n" + OK, "AT+CCID": f"\r\n+CCID: {iccid}\r\n" + OK})


def found_in(directory: Path) -> DiscoverySpec:
    return DiscoverySpec(patterns=(f"{directory}/ttyUSB*",))


def test_modems_are_discovered_and_ports_that_are_none_are_let_go(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "ttyUSB0"), PtyModem(tmp_path / "ttyUSB1", numbered(1)):
        watch = start(discovery=found_in(tmp_path), settings=FAST)
        watch.until_ready("ttyUSB1")
        with PtyModem(tmp_path / "ttyUSB2", numbered(2)):
            watch.until_ready("ttyUSB2")
            assert watch.send("ttyUSB2").end is SubmitEnd.SENT
        watch.until_state("ttyUSB2", ModemState.ABSENT)
        time.sleep(0.3)
        assert sorted(watch.radio.snapshots()) == ["ttyUSB1", "ttyUSB2"]
        assert {fact.snapshot.name for fact in watch.told(ModemChanged)} == {"ttyUSB1", "ttyUSB2"}


def test_a_port_that_is_let_go_is_tried_again_when_its_device_returns(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "ttyUSB0"):
        watch = start(discovery=found_in(tmp_path), settings=FAST)
        watch.until(lambda: bool(watch.radio._roster.finder._left_alone), "let go")
    with PtyModem(tmp_path / "ttyUSB0", numbered(1)):
        watch.until_ready("ttyUSB0")


def test_two_ports_of_one_modem_are_one_modem(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "ttyUSB0", numbered(1)), PtyModem(tmp_path / "ttyUSB1", numbered(1)):
        watch = start(discovery=found_in(tmp_path), settings=FAST)
        watch.until(lambda: bool(watch.radio._roster.finder._left_alone), "the second is let go")
        (name,) = watch.radio.snapshots()
        watch.until_ready(name)


def test_two_configured_ports_of_one_modem_are_one_modem_and_the_other_says_why(
    start: Start, tmp_path: Path
) -> None:
    with PtyModem(tmp_path / "a", numbered(1)), PtyModem(tmp_path / "b", numbered(1)):
        watch = start(tmp_path / "a", tmp_path / "b")
        both = {"a", "b"}
        watch.until(
            lambda: {watch.state(name) for name in both} == {ModemState.READY, ModemState.ABSENT},
            "one of the two",
        )
        (second,) = [name for name in both if watch.state(name) is ModemState.ABSENT]
        (first,) = both - {second}
        reason = watch.radio.snapshots()[second].reason
        assert reason == f"the same modem is at {tmp_path}/{first} already, as {first}"


def test_modems_that_all_show_one_digit_are_not_one_modem(start: Start, tmp_path: Path) -> None:
    clone = {"AT+CGSN": "\r\n000000000000000\r\n" + OK}
    with PtyModem(tmp_path / "a", ScriptedModem(clone)), PtyModem(tmp_path / "b", ScriptedModem(clone)):
        start(tmp_path / "a", tmp_path / "b").until_ready("a", "b")


def test_a_discovered_modem_that_returns_on_another_port_keeps_its_name(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "ttyUSB0", numbered(1)):
        watch = start(discovery=found_in(tmp_path), settings=FAST)
        watch.until_ready("ttyUSB0")
    watch.until_state("ttyUSB0", ModemState.ABSENT)
    with PtyModem(tmp_path / "ttyUSB1", numbered(1)):
        watch.until_ready("ttyUSB0")
        snapshot = watch.radio.snapshots()
        assert list(snapshot) == ["ttyUSB0"]
        assert snapshot["ttyUSB0"].port == f"{tmp_path}/ttyUSB1"
        assert watch.send("ttyUSB0").end is SubmitEnd.SENT
        assert {fact.snapshot.name for fact in watch.told(ModemChanged)} == {"ttyUSB0"}


def test_a_glob_gives_each_of_its_modems_a_name(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "ttyUSB0", numbered(1)), PtyModem(tmp_path / "ttyUSB1", numbered(2)):
        watch = start(PortSpec(f"{tmp_path}/ttyUSB*", "stick"), settings=FAST)
        watch.until_ready("stick", "stick-2")


def test_no_more_modems_are_found_than_the_bound(start: Start, tmp_path: Path) -> None:
    spec = DiscoverySpec(patterns=(f"{tmp_path}/ttyUSB*",), max_modems=1)
    with PtyModem(tmp_path / "ttyUSB0", numbered(1)), PtyModem(tmp_path / "ttyUSB1", numbered(2)):
        watch = start(discovery=spec, settings=FAST)
        watch.until_ready("ttyUSB0")
        time.sleep(0.3)
        assert list(watch.radio.snapshots()) == ["ttyUSB0"]


# -- restarted, stopped -------------------------------------------------------------------------------------


def test_a_restart_ends_the_job_and_brings_the_modem_up_anew(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "modem", ScriptedModem()) as port:
        watch = start(tmp_path / "modem")
        watch.until_ready("modem")
        number = watch.submit("modem", permitted=False)
        assert port.modem is not None
        modem = port.modem
        watch.until(lambda: modem.at_prompt, "a prompt")
        watch.radio.restart("modem")
        assert (watch.end_of(number).end, watch.end_of(number).reason) == (SubmitEnd.NOT_SENT, "restarted")
        watch.until_ready("modem")
        assert not modem.at_prompt
        assert watch.send("modem").end is SubmitEnd.SENT


def test_stop_lets_what_is_in_flight_finish_and_takes_nothing_more(
    start: Start, virtual: Callable[..., VirtualHost]
) -> None:
    host = virtual(2, "submit_delay = 1.0")
    watch = start(*host.ports)
    watch.until_ready(*host.names)
    flying = watch.submit("modem-000")
    watch.until(lambda: any("<PDU" in line.text for line in watch.radio.trace("modem-000")), "a PDU")
    stopper = threading.Thread(target=watch.radio.stop, args=(10.0,))
    stopper.start()
    time.sleep(0.2)
    refused = watch.submit("modem-001")
    assert watch.end_of(refused).reason == "simcourier stops"
    stopper.join()
    assert watch.end_of(flying).end is SubmitEnd.SENT
    assert {snapshot.state for snapshot in watch.radio.snapshots().values()} == {ModemState.ABSENT}
    assert not watch.radio.alive


def test_stop_does_not_wait_for_ever(start: Start, virtual: Callable[..., VirtualHost]) -> None:
    host = virtual(2, "[hang]\nnth = 1")
    watch = start(*host.ports)
    watch.until_ready(*host.names)
    hanging, held = watch.submit("modem-000"), watch.submit("modem-001", permitted=False)
    watch.until(lambda: any("<PDU" in line.text for line in watch.radio.trace("modem-000")), "a PDU")
    began = time.monotonic()
    watch.radio.stop(0.5)
    assert time.monotonic() - began < 3.0
    assert watch.end_of(hanging).end is SubmitEnd.IN_DOUBT
    assert watch.end_of(held).end is SubmitEnd.NOT_SENT


def test_after_the_end_a_job_is_refused_at_once_and_nothing_else_matters() -> None:
    facts: list[Fact] = []
    radio = Radio([PortSpec("/nonexistent/tty", "one")], None, facts.append)
    radio.stop()
    facts.clear()
    radio.submit("one", made_up_job(7))
    radio.permit(7, True)
    radio.restart("one")
    radio.poll()
    assert [(fact.job, fact.end) for fact in facts if isinstance(fact, SubmitEnded)] == [
        (7, SubmitEnd.NOT_SENT)
    ]
    radio.stop()
    assert not radio.alive


def test_a_radio_leaves_no_descriptor_and_no_thread_behind(virtual: Callable[..., VirtualHost]) -> None:
    host = virtual(4)
    warm = Watch(*host.ports)
    warm.radio.start()
    warm.until_ready(*host.names)
    warm.radio.stop()
    before, threads = descriptors(), threading.active_count()
    for _ in range(3):
        watch = Watch(*host.ports)
        watch.radio.start()
        watch.until_ready(*host.names)
        watch.radio.stop()
        del watch
    assert threading.active_count() == threads
    assert descriptors() <= before + 1


def test_a_fault_of_ours_ends_one_modems_work_and_is_logged(
    start: Start,
    virtual: Callable[..., VirtualHost],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = virtual(2)
    watch = start(*host.ports, settings=RadioSettings(retry_every=0.2))
    watch.until_ready(*host.names)
    receive = Session.receive

    def broken(session: Session, data: bytes, now: float) -> None:
        if session.modem.name == "modem-000" and b">" in data:
            monkeypatch.undo()
            raise RuntimeError("a fault")
        receive(session, data, now)

    monkeypatch.setattr(Session, "receive", broken)
    with caplog.at_level(logging.ERROR):
        end = watch.end_of(watch.submit("modem-000"))
    assert (end.end, end.reason) == (SubmitEnd.NOT_SENT, "a fault of this program, see the log")
    assert "a fault" in caplog.text
    watch.until_ready("modem-000", "modem-001")
    assert watch.send("modem-000").end is SubmitEnd.SENT


def test_reports_of_modems_without_notices_are_known_not_to_come(start: Start, tmp_path: Path) -> None:
    dumb = ScriptedModem({"AT+CNMI=?": "\r\n+CNMI: (2),(0,1,3),(0,2),(0),(0)\r\n" + OK})
    with PtyModem(tmp_path / "modem", dumb):
        watch = start(tmp_path / "modem")
        watch.until_ready("modem")
        assert watch.radio.snapshots()["modem"].reports is ReportRoute.NONE
