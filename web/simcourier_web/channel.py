"""One connection of waitress: broken HTTP is answered as any error is, and no client may take its time."""

from __future__ import annotations

import re
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import RequestEntityTooLarge

from simcourier_web.answers import new_request_id
from simcourier_web.hosts import LOCAL_ADDRESS
from simcourier_web.problems import document_of_status

_VERSIONS = ("1.0", "1.1")
# waitress takes the header away once it has read it, and folded lines begin with a blank.
_TRANSFER_ENCODING = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)


class Request(HTTPRequestParser):  # type: ignore[misc] # waitress has no types
    """A request as it arrives; what two programs on the way could read differently is refused."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read the first line and the headers. Raises ParsingError."""
        super().parse_header(header_plus)
        if self.version not in _VERSIONS:
            raise ParsingError("unknown version of HTTP")
        if _TRANSFER_ENCODING.search(header_plus) and (
            self.version == "1.0" or "CONTENT_LENGTH" in self.headers
        ):
            # RFC 9112 section 6.1: where such a request ends is a matter of opinion.
            raise ParsingError("two lengths")

    def received(self, data: bytes) -> int:
        """Take what arrived; returns how much of it was of this request."""
        consumed: int = super().received(data)
        if self.chunked and not self.completed:
            self._bound_announced()
        if self.error or self.body_rcv is None:
            # Else waitress would say 100, and take what comes next for more of this request.
            self.expect_continue = False
        return consumed

    def _bound_announced(self) -> None:
        """Refuse a chunk by the size that it announces, before it comes."""
        if len(self.body_rcv) + self.body_rcv.chunk_remainder >= self.adj.max_request_body_size:
            self.error = RequestEntityTooLarge("announced")
            self.completed = True


class ProblemTask(ErrorTask):  # type: ignore[misc] # waitress has no types
    """Answers what waitress refuses before the application sees it as every other error is answered."""

    def execute(self) -> None:
        """Write the answer and close the connection: nobody knows where the next request would begin."""
        instance = new_request_id()
        body = document_of_status(self.request.error.code, instance)
        self.status = f"{self.request.error.code} {self.request.error.reason}"
        self.response_headers.extend(
            [
                ("Content-Type", "application/problem+json"),
                ("Cache-Control", "no-store"),
                ("X-Request-Id", instance),
            ]
        )
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Task(WSGITask):  # type: ignore[misc] # waitress has no types
    """A request that tells the application also which of our addresses the client connected to."""

    def get_environment(self) -> dict[str, Any]:
        """The WSGI environment."""
        environ: dict[str, Any] = super().get_environment()
        environ[LOCAL_ADDRESS] = self.channel.local_address
        return environ


class Channel(HTTPChannel):  # type: ignore[misc] # waitress has no types
    """A connection. No worker waits for its client: an answer that is not taken holds up the next request only."""

    parser_class = Request
    task_class = Task
    error_task_class = ProblemTask
    _waiting_since = 0.0
    _holds_request = False

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:
        self.local_address = str(sock.getsockname()[0])
        super().__init__(server, sock, addr, adj, map=map)

    @property
    def waits(self) -> bool:
        """Is none of its requests being worked on, or an answer not taken yet?"""
        return not self.requests or self.total_outbufs_len > 0

    @property
    def last_activity(self) -> float:
        """When the present wait began, however much dribbles in or out since.

        A wait is for a request's first octet, for the whole of it from there on, or for the client to take an answer.
        """
        return self._waiting_since

    @last_activity.setter
    def last_activity(self, now: float) -> None:
        if not self.total_outbufs_len:
            self._waiting_since = now

    def handle_read(self) -> None:
        """Read; only the first octets of a request begin a new wait. Blank lines are no request."""
        unfinished, since, answered = self.request, self.last_activity, len(self.requests)
        super().handle_read()
        if self.request is unfinished and len(self.requests) == answered:
            self.last_activity = since

    def service(self) -> None:
        """Answer a request. What it took to arrive is no part of the wait that follows."""
        self.last_activity = time.time()
        super().service()

    def write_soon(self, data: Any) -> int:
        """Queue a part of an answer. What it took to make is no part of the wait that follows."""
        self.last_activity = time.time()
        written: int = super().write_soon(data)
        return written

    def may_proceed(self) -> bool:
        """Has the client taken every answer? If not, its next request is held until it has."""
        with self.outbuf_lock:
            self._holds_request = self.total_outbufs_len > 0
            return not self._holds_request

    def handle_write(self) -> None:
        """Send what can be sent; then a request that was held may go on."""
        super().handle_write()
        if self._holds_request and self.connected and not self.total_outbufs_len:
            # Only this thread sends while a request is held, so nobody else can release it.
            self.server.add_task(self)

    def end(self) -> None:
        """Close at once. A socket whose client takes nothing would never be writable for an orderly end."""
        self.will_close = self.close_when_flushed = False
        self.handle_close()

    def readable(self) -> bool:
        """Not once it was ended: its descriptor may be another's by now."""
        return bool(self.connected and super().readable())
