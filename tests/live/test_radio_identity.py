"""Sticks on ptys that go, come back elsewhere, share an IMEI, or die all at once: each keeps its name."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from modem_desk import OK, ScriptedModem
from pty_modem import PtyModem
from radio_watch import Watch
from usb_tree import UsbTree

from simcourier.modem.facts import Fault, FaultSeen, ModemChanged, ModemState, SubmitEnd
from simcourier.modem.timings import Timings
from simcourier.radio import DiscoverySpec, PortSpec, RadioSettings

pytestmark = pytest.mark.live

FAST = RadioSettings(
    timings=Timings(probe=0.05, quiet=0.02, command=0.2),
    scan_every=0.1,
    reconcile_every=0.1,
    look_every=0.05,
    retry_every=0.2,
    forget_after=0.5,
    settle=0.05,
)

Start = Callable[..., Watch]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start radios that are stopped at the end."""
    with ExitStack() as stack:

        def begin(
            *ports: PortSpec | Path, discovery: DiscoverySpec | None = None, settings: RadioSettings = FAST
        ) -> Watch:
            watch = Watch(*ports, discovery=discovery, settings=settings)
            stack.callback(watch.radio.stop, 0.0)
            watch.radio.start()
            return watch

        yield begin


def imei(number: int) -> str:
    return f"4901542032375{number:02}"


def stick(number: int, card: int | None = None) -> ScriptedModem:
    iccid = f"89441100000000000{number if card is None else card:02}"
    return ScriptedModem(
        {"AT+CGSN": f"\r\n{imei(number)}\r\n" + OK, "AT+CCID": f"\r\n+CCID: {iccid}\r\n" + OK}
    )


class Desk:
    """Device files in `directory`, each a pty with a modem or nobody behind it, and their places on USB."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self.usb = UsbTree(directory / "sys")
        self.settings = replace(FAST, sysfs=str(self.usb.directory))
        self.discovery = DiscoverySpec(patterns=(f"{directory}/ttyUSB*",))
        self._stack = stack
        self._ports: dict[str, list[PtyModem]] = {}
        self.all: dict[str, PtyModem] = {}

    def plug(
        self,
        device: str,
        ttys: dict[str, tuple[int, ScriptedModem | None]],
        vendor: str = "2c7c",
        product: str = "0125",
    ) -> None:
        """Plug a stick in: sysfs knows it under the names of the ptys, before its device files are there."""
        ports = {
            name: PtyModem(self.directory / f"not-yet-{name}", modem) for name, (_, modem) in ttys.items()
        }
        names = {}
        for name, port in ports.items():
            self._stack.enter_context(port)
            names[Path(os.path.realpath(port.path)).name] = ttys[name][0]
        self.usb.plug(device, vendor, product, names)
        for name, port in ports.items():
            port.path = port.path.rename(self.directory / name)
        self._ports[device] = list(ports.values())
        self.all.update(ports)

    def pull(self, *devices: str) -> None:
        for device in devices:
            self.usb.unplug(device)
        for device in devices:
            for port in self._ports.pop(device):
                port.unplug()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(tmp_path, stack)


def quectel(modem: ScriptedModem, first: int = 0) -> dict[str, tuple[int, ScriptedModem | None]]:
    return {f"ttyUSB{first + number}": (number, modem if number == 2 else None) for number in range(4)}


# -- one stick, several ports --------------------------------------------------------------------------------


def test_of_four_ports_only_the_at_port_is_opened(start: Start, desk: Desk) -> None:
    watch = start(discovery=desk.discovery, settings=desk.settings)
    opened: list[str] = []
    usual = watch.radio.opener.open
    watch.radio.opener.open = lambda path, *rest: (opened.append(Path(path).name), usual(path, *rest))[1]  # type: ignore[method-assign] # to see what is opened
    desk.plug("1-2", quectel(stick(1)))
    watch.until_ready("ttyUSB2")
    assert opened == ["ttyUSB2"]
    assert watch.radio.snapshots()["ttyUSB2"].device == "1-2"
    assert watch.send("ttyUSB2").end is SubmitEnd.SENT


def test_a_configured_port_that_is_for_diagnostics_is_never_opened_and_says_which_one_is_right(
    start: Start, desk: Desk
) -> None:
    desk.plug("1-2", quectel(stick(1)))
    watch = start(desk.directory / "ttyUSB0", settings=desk.settings)
    watch.until(lambda: bool(watch.told_of("ttyUSB0")), "a word")
    (told,) = watch.told_of("ttyUSB0")
    right = os.path.realpath(desk.directory / "ttyUSB2").rpartition("/")[2]
    assert told.state is ModemState.ABSENT
    assert f"is for diagnostics, never opened; its AT port is /dev/{right}" in told.reason


def test_the_ports_of_an_unknown_stick_are_probed_until_one_answers(start: Start, desk: Desk) -> None:
    ports = {f"ttyUSB{number}": (number, stick(1) if number == 1 else None) for number in range(3)}
    desk.plug("1-2", ports, vendor="1234", product="5678")
    watch = start(discovery=desk.discovery, settings=desk.settings)
    watch.until_ready("ttyUSB1")
    assert list(watch.radio.snapshots()) == ["ttyUSB1"]
    (reason,) = watch.radio.let_go().values()
    assert reason.startswith("no modem: ")


# -- coming back elsewhere -----------------------------------------------------------------------------------


def test_a_stick_keeps_its_name_at_another_socket_and_under_other_names(start: Start, desk: Desk) -> None:
    desk.plug("1-2", quectel(stick(1)))
    watch = start(discovery=desk.discovery, settings=desk.settings)
    watch.until_ready("ttyUSB2")
    desk.pull("1-2")
    watch.until_state("ttyUSB2", ModemState.ABSENT)
    desk.plug("1-4.1", quectel(stick(1), first=4))
    watch.until_ready("ttyUSB2")
    (snapshot,) = watch.radio.snapshots().values()
    assert (snapshot.port, snapshot.device) == (f"{desk.directory}/ttyUSB6", "1-4.1")


def test_a_stick_that_was_found_before_its_configured_name_was_there_gives_way_to_it(
    start: Start, desk: Desk
) -> None:
    link = desk.directory / "by-path"
    watch = start(PortSpec(str(link), name="one"), discovery=desk.discovery, settings=desk.settings)
    desk.plug("1-2", quectel(stick(1)))
    watch.until_ready("ttyUSB2")
    link.symlink_to(desk.directory / "ttyUSB2")  # udev was slow
    watch.until_ready("one")
    assert set(watch.radio.snapshots()) == {"one"}
    assert [one.state for one in watch.told_of("ttyUSB2")][-1] is ModemState.ABSENT
    desk.pull("1-2")
    watch.until_state("one", ModemState.ABSENT)
    desk.plug("1-4", quectel(stick(1), first=4))
    watch.until_ready("one")


def test_a_modem_whose_port_is_another_sticks_now_is_not_looked_for_there_when_it_is_restarted(
    start: Start, desk: Desk
) -> None:
    watch = start(discovery=desk.discovery, settings=desk.settings)
    desk.plug("1-2", quectel(stick(1)))
    watch.until_ready("ttyUSB2")
    desk.pull("1-2")
    watch.until_state("ttyUSB2", ModemState.ABSENT)
    desk.plug("1-2", quectel(stick(2)))
    watch.until_ready("ttyUSB2-2")
    before = watch.radio.snapshots()["ttyUSB2"]
    watch.radio.restart("ttyUSB2")
    done = threading.Event()
    watch.radio.post(lambda _: done.set())
    assert done.wait(10)
    assert watch.radio.snapshots()["ttyUSB2"] == before


def test_two_configured_ports_of_one_usb_device_are_known_to_share_it(start: Start, desk: Desk) -> None:
    desk.plug("1-2", {"ttyUSB0": (0, stick(1)), "ttyUSB1": (1, stick(2))}, "1234", "5678")
    desk.plug("1-3", {"ttyUSB4": (0, stick(3))}, "1234", "5678")
    names = ("ttyUSB0", "ttyUSB1", "ttyUSB4")
    watch = start(*(desk.directory / name for name in names), settings=desk.settings)
    watch.until_ready(*names)
    links = watch.radio._roster.named
    assert watch.radio.shared_with(links["ttyUSB0"]) == "ttyUSB1 is on the USB device 1-2 too"
    assert watch.radio.shared_with(links["ttyUSB4"]) == ""


def test_two_sticks_that_swapped_their_ports_keep_their_names(start: Start, desk: Desk) -> None:
    desk.plug("1-1", {"ttyUSB0": (2, stick(1))})
    desk.plug("1-2", {"ttyUSB1": (2, stick(2))})
    watch = start(discovery=desk.discovery, settings=desk.settings)
    watch.until_ready("ttyUSB0", "ttyUSB1")
    desk.pull("1-1", "1-2")
    desk.plug("1-1", {"ttyUSB1": (2, stick(1))})
    desk.plug("1-2", {"ttyUSB0": (2, stick(2))})
    ports = {"ttyUSB0": f"{desk.directory}/ttyUSB1", "ttyUSB1": f"{desk.directory}/ttyUSB0"}

    def swapped() -> bool:
        snapshots = watch.radio.snapshots()
        return {name: snapshot.port for name, snapshot in snapshots.items()} == ports

    watch.until(swapped, "each under its name")
    watch.until_ready("ttyUSB0", "ttyUSB1")
    assert watch.radio.snapshots()["ttyUSB0"].imei == imei(1)


def test_a_stick_that_was_known_before_the_start_gets_its_name_back_and_no_other_takes_it(
    start: Start, desk: Desk
) -> None:
    desk.plug("1-1", {"ttyUSB0": (2, stick(1))})
    settings = replace(desk.settings, names={imei(2): "ttyUSB0", imei(3): "front-desk"})
    watch = start(discovery=desk.discovery, settings=settings)
    watch.until_ready("ttyUSB0-2")
    desk.plug("1-2", {"ttyUSB1": (2, stick(2))})
    desk.plug("1-3", {"ttyUSB2": (2, stick(3))})
    watch.until_ready("ttyUSB0", "front-desk")
    assert sorted(watch.radio.snapshots()) == ["front-desk", "ttyUSB0", "ttyUSB0-2"]


def test_a_hub_with_sixteen_sticks_that_dies_and_comes_back_mixed_up(start: Start, desk: Desk) -> None:
    for number in range(16):
        desk.plug(f"1-2.{number}", {f"ttyUSB{number:02}": (2, stick(number))})
    watch = start(discovery=desk.discovery, settings=desk.settings)
    names = [f"ttyUSB{number:02}" for number in range(16)]
    watch.until_ready(*names)
    for name in names:
        watch.submit(name)
    desk.pull(*(f"1-2.{number}" for number in range(16)))
    watch.until(
        lambda: all(watch.state(name) is ModemState.ABSENT for name in names), "all absent", within=3.0
    )
    for number in range(16):
        place = (number * 7 + 3) % 16
        desk.plug(f"1-2.{place}", {f"ttyUSB{place:02}": (2, stick(number))})
    watch.until(
        lambda: all(
            one.imei == imei(int(name[-2:])) and one.state is ModemState.READY
            for name, one in watch.radio.snapshots().items()
        ),
        "each is ready under its name",
    )
    assert sorted(watch.radio.snapshots()) == names
    assert {watch.send(name).end for name in names} == {SubmitEnd.SENT}


def test_a_device_that_went_without_a_word_is_noticed(start: Start, desk: Desk) -> None:
    desk.plug("1-2", {"ttyUSB0": (2, stick(1))})
    watch = start(discovery=desk.discovery, settings=desk.settings)
    watch.until_ready("ttyUSB0")
    desk.usb.unplug("1-2")
    watch.until(
        lambda: any("the device is gone" in one.reason for one in watch.told_of("ttyUSB0")), "its loss"
    )


# -- one IMEI ------------------------------------------------------------------------------------------------


def test_two_sticks_with_one_imei_are_both_served_and_told_of(start: Start, desk: Desk) -> None:
    desk.plug("1-1", {"ttyUSB0": (2, stick(1, card=1))})
    desk.plug("1-2", {"ttyUSB1": (2, stick(1, card=2))})
    watch = start(discovery=desk.discovery, settings=desk.settings)
    watch.until(lambda: len(watch.radio.snapshots()) == 2, "two modems")
    first, second = sorted(watch.radio.snapshots())
    watch.until_ready(first, second)
    watch.until(lambda: len(watch.told(FaultSeen)) >= 2, "both are told of")
    told = [fact for fact in watch.told(FaultSeen) if fact.fault is Fault.TWIN]
    assert {(fact.modem, fact.detail) for fact in told} == {
        (first, f"{second} has the same IMEI"),
        (second, f"{first} has the same IMEI"),
    }
    assert len(told) == 2


def test_copies_that_come_back_are_told_apart_by_their_sim(start: Start, desk: Desk) -> None:
    desk.plug("1-1", {"ttyUSB0": (2, stick(1, card=1))})
    desk.plug("1-2", {"ttyUSB1": (2, stick(1, card=2))})
    watch = start(discovery=desk.discovery, settings=desk.settings)
    watch.until(lambda: len(watch.radio.snapshots()) == 2, "two modems")
    watch.until_ready(*watch.radio.snapshots())
    before = {one.sim: name for name, one in watch.radio.snapshots().items()}
    desk.pull("1-1", "1-2")
    watch.until(
        lambda: all(one.state is ModemState.ABSENT for one in watch.radio.snapshots().values()), "gone"
    )
    desk.plug("1-3", {"ttyUSB5": (2, stick(1, card=2))})
    desk.plug("1-4", {"ttyUSB6": (2, stick(1, card=1))})
    watch.until(lambda: all(one.sim for one in watch.radio.snapshots().values()), "both back")
    watch.until_ready(*before.values())
    assert {one.sim: name for name, one in watch.radio.snapshots().items()} == before


def test_without_usb_two_ports_with_one_imei_and_two_sims_are_two_sticks(
    start: Start, tmp_path: Path
) -> None:
    with PtyModem(tmp_path / "a", stick(1, card=1)), PtyModem(tmp_path / "b", stick(1, card=2)):
        watch = start(tmp_path / "a", tmp_path / "b")
        watch.until_ready("a", "b")
        watch.until(lambda: len(watch.told(FaultSeen)) >= 2, "both are told of")


def test_without_usb_two_ports_with_one_imei_and_one_sim_are_one_stick(start: Start, tmp_path: Path) -> None:
    with PtyModem(tmp_path / "a", stick(1)), PtyModem(tmp_path / "b", stick(1)):
        watch = start(tmp_path / "a", tmp_path / "b", settings=replace(FAST, forget_after=300.0))
        watch.until(
            lambda: {watch.state(name) for name in "ab"} == {ModemState.READY, ModemState.ABSENT},
            "one of two",
        )
        reasons = [watch.radio.snapshots()[name].reason for name in "ab"]
        assert sum("the same modem is at" in reason for reason in reasons) == 1
        assert watch.told(FaultSeen) == []


# -- unplugged at every moment -------------------------------------------------------------------------------


@pytest.mark.parametrize("commands", [1, 3, 6, 9, 12, 15, 18, 21])
def test_unplugged_in_any_phase_it_comes_up_under_its_name_when_it_returns(
    start: Start, desk: Desk, commands: int
) -> None:
    first = stick(1)
    hear, heard = first._command, 0

    def counted(command: str) -> str | None:
        nonlocal heard
        heard += 1
        return hear(command)

    first._command = counted  # type: ignore[method-assign] # to see how far it is
    watch = start(discovery=desk.discovery, settings=desk.settings)
    desk.plug("1-2", {"ttyUSB0": (2, first)})
    watch.until(lambda: heard >= commands, f"{commands} commands")
    desk.pull("1-2")
    desk.plug("1-3", {"ttyUSB1": (2, stick(1))})
    # At its first place it may have become ready before it was pulled.
    there = f"{desk.directory}/ttyUSB1"
    watch.until(
        lambda: any(
            one.state is ModemState.READY and one.port == there for one in watch.radio.snapshots().values()
        ),
        "ready again",
    )
    (only,) = watch.radio.snapshots().values()
    assert (only.port, only.imei) == (there, imei(1))
    assert {fact.snapshot.name for fact in watch.told(ModemChanged)} == {only.name}
