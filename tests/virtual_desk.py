"""One or more virtual modems on a desk: no port, no thread, and time that passes when the test says so."""

from __future__ import annotations

from random import Random

from simcourier.virtual import alphabet, fields, scenario, sim
from simcourier.virtual.modem import Modem
from simcourier.virtual.network import Network

WALL_S = 1_700_000_000.0
PHONE = "+447700900123"


def submit_pdu(
    text: str = "Your code is 123456", to: str = PHONE, *, srr: bool = True, vp: int | None = None
) -> tuple[bytes, bytes]:
    """The command line and the PDU line of one short text, written by hand from TS 23.040 section 9.2.2.2."""
    septets = alphabet.encode(text)
    assert septets is not None
    first = 0x01 | (0x20 if srr else 0) | (0x10 if vp is not None else 0)
    body = bytes([first, 0]) + fields.encode_address(to) + b"\0\0"
    body += (bytes([vp]) if vp is not None else b"") + bytes([len(septets)]) + alphabet.pack(septets)
    return b"AT+CMGS=%d\r" % len(body), b"00" + body.hex().upper().encode() + b"\x1a"


class Desk:
    """Modems by a scenario's text; `now` starts at 100 s so that no test leans on zero."""

    def __init__(self, text: str = "", modems: int = 1) -> None:
        plan = scenario.parse(text)
        self.now = self.began_at = 100.0
        self.network = Network(WALL_S - self.now)
        self.modems: list[Modem] = []
        for index in range(modems):
            name = f"modem-{index:03d}"
            timeline = plan.timeline(index, name)
            card = sim.make(index, timeline.at(0.0)[0])
            rng = Random(f"{plan.seed} {name}")  # noqa: S311 - reproducible, not secret
            self.modems.append(Modem(name, card, self.network, timeline, rng, self.now))

    @property
    def modem(self) -> Modem:
        return self.modems[0]

    def type(self, data: bytes, modem: int = 0) -> bytes:
        """Type at a modem and return what it says at once."""
        self.modems[modem].receive(data, self.now)
        self.network.advance(self.now)
        return self.modems[modem].take_output()

    def quiet(self, *commands: str, modem: int = 0) -> None:
        """Switch the echo off and carry out commands that must succeed."""
        for command in ("ATE0", *commands):
            said = self.type(command.encode() + b"\r", modem)
            assert said.endswith(b"OK\r\n"), (command, said)

    def ask(self, command: str, modem: int = 0) -> list[str]:
        """Type a command line and return the lines of the answer that are not empty."""
        return lines(self.type(command.encode() + b"\r", modem))

    def send(self, text: str = "Your code is 123456", modem: int = 0, **more: object) -> bytes:
        """Send a message and return what the modem says after Ctrl-Z."""
        command, pdu = submit_pdu(text, **more)  # type: ignore[arg-type]  # keywords of submit_pdu as they are
        said = self.type(command, modem)
        assert said == b"\r\n> ", said
        return self.type(pdu, modem)

    def wait(self, seconds: float, modem: int = 0) -> bytes:
        """Let time pass from deadline to deadline, and return what the modem says meanwhile."""
        end = self.now + seconds
        while True:
            deadlines = [modem.next_deadline() for modem in self.modems] + [self.network.next_deadline()]
            due = min((when for when in deadlines if when is not None), default=end)
            if due > end:
                break
            self.now = max(self.now, due)
            for each in self.modems:
                each.advance(self.now)
            self.network.advance(self.now)
            if due >= end:
                break
        self.now = end
        return self.modems[modem].take_output()

    def texts(self, number: str = PHONE) -> list[str]:
        """What a handset shows."""
        return [message.text for message in self.network.handsets.inbox(number)]


def lines(data: bytes) -> list[str]:
    """Lines that are not empty."""
    return [line for line in data.decode("latin-1").replace("\n", "\r").split("\r") if line]
