"""smstools3 (smsd), at the fastest settings that still read delivery reports."""

from __future__ import annotations

import time
from pathlib import Path

from bench.peers.base import Outgoing, Peer
from bench.processes import wait_until

# Found one by one: without `poll_faster` each answer that is not there at once costs 20 to 100 ms; the two
# `detect_` settings listen for 100 ms before each command; without `spool_directory_order` each spooled file costs a
# look at all others.
_GLOBAL = """\
devices = {devices}
outgoing = {root}/outgoing
checked = {root}/checked
incoming = {root}/incoming
report = {root}/report
sent = {root}/sent
failed = {root}/failed
infofile = {root}/smsd.working
pidfile = {root}/smsd.pid
logfile = {root}/smsd.log
loglevel = 4
delaytime = 1
delaytime_mainprocess = 1
notifier = yes
trust_outgoing = yes
executable_check = no
errorsleeptime = 1
blocktime = 1
status_interval = 0
validity = 5
spool_directory_order = yes
ignore_outgoing_priority = yes

"""
_MODEM = """\
[M{number}]
device = {port}
outgoing = yes
incoming = yes
report = yes
baudrate = 115200
rtscts = no
pre_init = no
check_network = 0
select_pdu_mode = no
poll_faster = {poll_faster}
detect_message_routing = no
detect_unexpected_input = no
{set_up}

"""
MANY = 8
_SET_UP = 'AT+CMGF=0;+CNMI=1,0,0,2,0;+CPMS="SR","SM","SM"'


class Smstools(Peer):
    """A spool directory, one process a modem."""

    name = "smstools3"
    settings = (
        "notifier (inotify), trust_outgoing, spool_directory_order, delaytime 1, poll_faster 1000 (asks the port every "
        "0.1 ms; 100 with 64 modems), no pre_init, no network check, no detection of unexpected input, set-up by "
        "`start` (once) with CNMI=1,0,0,2,0 and CPMS SR, report and incoming on; files are renamed into the spool, "
        "nothing is synced to disk"
    )
    package = "smstools"
    binary = "/usr/sbin/smsd"
    sends_set_up_once = True

    def prepare(self) -> None:
        """Make directories and configuration."""
        root = self.directory
        for name in ("outgoing", "checked", "incoming", "report", "sent", "failed"):
            (root / name).mkdir()
        # `start` is sent once; a modem that may be plugged anew needs `init`, which goes out ahead of each message.
        set_up = f"start = {_SET_UP}\nstartsleeptime = 0" if self.sends_set_up_once else f"init = {_SET_UP}"
        devices = ", ".join(f"M{number}" for number in range(len(self.ports)))
        # At 1000 each waiting process asks its port every 0.1 ms: 64 of them leave no processor for the sending.
        poll_faster = 1000 if len(self.ports) <= MANY else 100
        text = _GLOBAL.format(devices=devices, root=root)
        for number, port in enumerate(self.ports):
            text += _MODEM.format(number=number, port=port, set_up=set_up, poll_faster=poll_faster)
        (root / "smsd.conf").write_text(text)

    def start(self) -> None:
        """Start, and wait until it is ready to send."""
        conf = f"-c{self.directory / 'smsd.conf'}"
        self._smsd = self.run("smsd", [self.binary, conf, "-t"])
        wait_until((self.directory / "smsd.log").exists, 10, "smsd does not start")
        # A modem process says nothing when it is ready; after its first look at the memory it sleeps.
        time.sleep(3 if not list((self.directory / "outgoing").iterdir()) else 0)
        self._smsd.check()

    def _write(self, path: Path, message: Outgoing) -> None:
        to, text = message
        path.write_text(f"To: {to.removeprefix('+')}\n\n{text}\n")

    def enqueue(self, number: int, message: Outgoing) -> None:
        """Put a message into the queue of a peer that is not running yet."""
        self._write(self.directory / "outgoing" / f"m{number:06d}", message)

    def hand_over(self, number: int, message: Outgoing) -> int:
        """Give it a message."""
        draft = self.directory / f"m{number:06d}"
        at_ns = time.monotonic_ns()
        self._write(draft, message)
        draft.rename(self.directory / "outgoing" / draft.name)
        return at_ns

    def finish(self, number: int) -> None:
        """Wait until it has done with this message."""
        sent = self.directory / "sent" / f"m{number:06d}"
        wait_until(sent.exists, 20, "smsd does not send", 0.001)
        sent.unlink()
        reports = self.directory / "report"
        wait_until(lambda: any(reports.iterdir()), 20, "smsd shows no report", 0.001)
        for report in reports.iterdir():
            report.unlink()


class SmstoolsReplug(Smstools):
    """The same where a modem may lose its settings."""

    sends_set_up_once = False
