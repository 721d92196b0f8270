"""Kannel: bearerbox with `smsc = at`, smsbox in front of it, delivery reports by its HTTP callback."""

from __future__ import annotations

import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

from bench.appliance import free_port
from bench.peers.base import Outgoing, Peer
from bench.processes import wait_until

_CORE = """\
group = core
admin-port = {admin}
admin-password = bench
admin-interface = 127.0.0.1
smsbox-port = {box}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
log-file = "{root}/bearerbox.log"
log-level = 1
sms-resend-freq = 1
dlr-storage = internal

group = modems
id = bench
name = bench
init-string = "AT+CNMI=2,1,0,1,0"
speed = 115200
enable-hwhs = "AT"
sendline-sleep = 0
need-sleep = false

"""
_MODEM = """\
group = smsc
smsc = at
smsc-id = modem{number}
modemtype = bench
device = {port}
speed = 115200

"""
_SMSBOX = """\
group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {box}
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-file = "{root}/smsbox.log"
log-level = 1
global-sender = 447700900999

group = sendsms-user
username = bench
password = bench
concatenation = true
max-messages = 3
"""


class Kannel(Peer):
    """Two programs; the queue is in memory (no store-file)."""

    name = "Kannel"
    settings = (
        "bearerbox with smsc = at, own modem definition with sendline-sleep 0, sms-resend-freq 1, log-level 1, HTTP "
        "sendsms with dlr-mask 3 and dlr-url, no store-file: nothing on disk"
    )
    package = "kannel"
    binary = "/usr/sbin/bearerbox"
    has_backlog = False
    waits_s = (0.02, 1.0)
    is_slow = True

    def prepare(self) -> None:
        """Make directories and configuration."""
        self._told: set[str] = set()
        self._serve_reports()
        self._sendsms = free_port()
        ports = {"admin": free_port(), "box": free_port(), "sendsms": self._sendsms, "root": self.directory}
        text = _CORE.format(**ports)
        for number, port in enumerate(self.ports):
            text += _MODEM.format(number=number, port=port)
        self._conf = self.directory / "kannel.conf"
        self._conf.write_text(text + _SMSBOX.format(**ports))

    def _serve_reports(self) -> None:
        told = self._told

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told.add(self.path)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.place.keep(self._server, self._stop_serving)

    def _stop_serving(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def enqueue(self, number: int, message: Outgoing) -> None:
        """Put a message into the queue of a peer that is not running yet."""
        raise NotImplementedError("Kannel's queue is in memory")

    def start(self) -> None:
        """Start, and wait until it is ready to send."""
        self.run("bearerbox", [self.binary, self._conf])
        time.sleep(1.5)
        self.run("smsbox", ["/usr/sbin/smsbox", self._conf])
        time.sleep(3)
        for program in self.programs:
            program.check()

    def hand_over(self, number: int, message: Outgoing) -> int:
        """Give it a message."""
        to, text = message
        query = urlencode(
            {
                "username": "bench",
                "password": "bench",
                "to": to,
                "text": text,
                "dlr-mask": "3",
                "dlr-url": f"http://127.0.0.1:{self._server.server_port}/{number}/%d",
            }
        )
        url = f"http://127.0.0.1:{self._sendsms}/cgi-bin/sendsms?{query}"
        at_ns = time.monotonic_ns()
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert answer.status == 202, answer.status
        return at_ns

    def finish(self, number: int) -> None:
        """Wait until it has done with this message."""
        wait_until(lambda: f"/{number}/1" in self._told, 30, "Kannel tells no report", 0.002)
