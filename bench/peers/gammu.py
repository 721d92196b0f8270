"""gammu-smsd with the FILES backend; one process serves one modem."""

from __future__ import annotations

import time
from pathlib import Path

from bench.peers.base import Outgoing, Peer
from bench.processes import wait_until

_CONFIGURATION = """\
[gammu]
device = {port}
connection = at115200
logformat = nothing

[smsd]
service = files
logfile = {root}/smsd.log
debuglevel = 0
phoneid = bench
{pace}
deliveryreport = log
inboxpath = {root}/inbox/
outboxpath = {root}/outbox/
sentsmspath = {root}/sent/
errorsmspath = {root}/error/
outboxformat = unicode
transmitformat = auto
"""
_FASTEST = """\
commtimeout = 0
loopsleep = 0
sendtimeout = 60
receivefrequency = 0
statusfrequency = 0
resetfrequency = 0
checksecurity = 0
checkbattery = 0
checksignal = 0
checknetwork = 0"""
# At the fastest settings it never looks whether the phone is still there, and writes to a dead port for ever.
_CAREFUL = """\
commtimeout = 1
loopsleep = 1"""


class Gammu(Peer):
    """Polls its outbox and the phone in one loop."""

    name = "gammu-smsd"
    settings = (
        "FILES backend, loopsleep 0 and commtimeout 0 (it never sleeps and takes a whole core; with loopsleep 1 it "
        "takes 0.6 to 1.5 s), every check off, deliveryreport log; nothing is synced to disk"
    )
    package = "gammu-smsd"
    binary = "/usr/bin/gammu-smsd"
    max_modems = 1
    has_backlog = False
    waits_s = (0.02, 0.5)
    is_slow = True
    pace = _FASTEST

    def prepare(self) -> None:
        """Make directories and configuration."""
        for name in ("inbox", "outbox", "sent", "error"):
            (self.directory / name).mkdir()
        text = _CONFIGURATION.format(port=self.ports[0], root=self.directory, pace=self.pace)
        (self.directory / "smsdrc").write_text(text)

    def start(self) -> None:
        """Start, and wait until it is ready to send."""
        self._smsd = self.run("gammu-smsd", [self.binary, "-c", self.directory / "smsdrc"])
        time.sleep(3)
        self._smsd.check()

    def _name(self, number: int, to: str) -> str:
        return f"OUTA20260101_000000_{number:06d}_{to}_bench.txtd"

    def enqueue(self, number: int, message: Outgoing) -> None:
        """Put a message into the queue of a peer that is not running yet."""
        to, text = message
        (self.directory / "outbox" / self._name(number, to)).write_text(text)

    def hand_over(self, number: int, message: Outgoing) -> int:
        """Give it a message."""
        to, text = message
        draft: Path = self.directory / self._name(number, to)
        at_ns = time.monotonic_ns()
        draft.write_text(text)
        self._last = draft.rename(self.directory / "outbox" / draft.name)
        return at_ns

    def finish(self, number: int) -> None:
        """Wait until it has done with this message."""
        wait_until(lambda: not self._last.exists(), 20, "gammu-smsd does not send", 0.002)


class GammuReplug(Gammu):
    """At settings under which it notices that a phone is gone."""

    pace = _CAREFUL
