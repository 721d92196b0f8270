"""One connection of waitress: broken HTTP is answered as any error is, and no client may take its time."""

from __future__ import annotations

import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask

from simcourier_web.answers import new_request_id
from simcourier_web.hosts import LOCAL_ADDRESS
from simcourier_web.problems import document_of_status


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
    """A connection; `last_activity` is when the present wait began, however much dribbles in or out since.

    A wait is for a request's first octet, for the whole of it from there on, or for the client to take an answer.
    """

    task_class = Task
    error_task_class = ProblemTask
    last_activity: float

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:
        self.local_address = str(sock.getsockname()[0])
        super().__init__(server, sock, addr, adj, map=map)

    @property
    def waits(self) -> bool:
        """Is none of its requests being worked on?"""
        return not self.requests

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

    def _flush_some(self, do_close: bool = True) -> bool:
        since = self.last_activity
        sent: bool = super()._flush_some(do_close=do_close)
        if self.total_outbufs_len:
            self.last_activity = since
        return sent

    def end(self) -> None:
        """Close at once. A socket whose client takes nothing would never be writable for an orderly end."""
        self.will_close = self.close_when_flushed = False
        self.handle_close()

    def readable(self) -> bool:
        """Not once it was ended: its descriptor may be another's by now."""
        return bool(self.connected and super().readable())
