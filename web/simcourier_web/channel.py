"""What waitress does by itself: answer broken HTTP, and end requests that never finish arriving."""

from __future__ import annotations

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from simcourier_web.answers import new_request_id
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


class Channel(HTTPChannel):  # type: ignore[misc] # waitress has no types
    """A connection on which a request has `channel_timeout` seconds to arrive, however slowly it comes in."""

    error_task_class = ProblemTask
    last_activity: float

    def handle_read(self) -> None:
        """Read; a request that stays unfinished keeps the time of its first octets as its last activity."""
        unfinished, since = self.request, self.last_activity
        super().handle_read()
        if unfinished is not None and self.request is unfinished:
            self.last_activity = since
