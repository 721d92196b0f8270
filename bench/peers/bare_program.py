"""The bare loop: one epoll, every modem, nothing on disk; what is the least that any Python program needs."""

from __future__ import annotations

import collections
import os
import select
import sys
import termios
import tty

from gsmmodem.pdu import encodeSmsSubmitPdu

SET_UP = (b"ATE0\r", b"AT+CMGF=0\r", b"AT+CNMI=2,1,0,1,0\r")


def tell(word: str) -> None:
    """A line for the bench."""
    os.write(1, word.encode() + b"\n")


class Line:
    """One modem: set up, then one message after the other."""

    def __init__(self, path: str, queue: collections.deque[tuple[bytes, bytes]], talks: bool) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.fd, termios.TCSANOW)
        self._queue = queue
        self._talks = talks
        self._data = b""
        self._steps = list(SET_UP)
        self._pdu = b""
        self.is_idle = False
        os.write(self.fd, self._steps.pop(0))

    def send(self) -> None:
        """Begin with the next message, or be idle."""
        self.is_idle = not self._queue
        if self._queue:
            command, self._pdu = self._queue.popleft()
            os.write(self.fd, command)

    def read(self) -> None:
        """Take what the modem says."""
        self._data += os.read(self.fd, 4096)
        if self._pdu:
            if self._data.endswith(b"> "):
                self._data = b""
                pdu, self._pdu = self._pdu, b""
                os.write(self.fd, pdu)
            return
        if b"+CDS" in self._data and self.is_idle and self._data.count(b"\r\n") >= 3:
            self._data = b""
            if self._talks:
                tell("report")
        elif b"OK\r\n" in self._data and not self.is_idle:
            self._data = self._data.partition(b"OK\r\n")[2]
            self._finish()

    def _finish(self) -> None:
        if self._steps:
            os.write(self.fd, self._steps.pop(0))
            return
        if self._talks and not self.is_idle:
            tell("done")
        self.send()


def encode(line: bytes) -> tuple[bytes, bytes]:
    """The two things that are written for a message."""
    to, _, text = line.decode().partition("\t")
    pdu = encodeSmsSubmitPdu(to, text, requestStatusReport=True)[0]
    return f"AT+CMGS={pdu.tpduLength}\r".encode(), str(pdu).encode() + b"\x1a"


def main() -> None:
    """Run until standard input ends (with --hold: after all of it was sent, until killed)."""
    hold = "--hold" in sys.argv
    queue: collections.deque[tuple[bytes, bytes]] = collections.deque()
    lines = [Line(path, queue, not hold) for path in sys.argv[1:] if path != "--hold"]
    by_fd = {line.fd: line for line in lines}
    epoll = select.epoll()
    for fd in by_fd:
        epoll.register(fd, select.EPOLLIN)
    while not all(line.is_idle for line in lines):
        for fd, _ in epoll.poll():
            by_fd[fd].read()
    for _ in lines:
        tell("ready")
    if hold:
        queue.extend(encode(line) for line in sys.stdin.buffer.read().splitlines())
        for line in lines:
            line.send()
    else:
        epoll.register(0, select.EPOLLIN)
    rest = b""
    while True:
        for fd, _ in epoll.poll():
            if fd:
                by_fd[fd].read()
                continue
            data = os.read(0, 65_536)
            if not data:
                return
            *whole, rest = (rest + data).split(b"\n")
            queue.extend(encode(line) for line in whole)
            for line in lines:
                if line.is_idle:
                    line.send()


if __name__ == "__main__":
    main()
