"""The HTTP server: waitress, with clients that are slow or many held to their bounds."""

from __future__ import annotations

from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.server import TcpWSGIServer

from simcourier.config import Http
from simcourier_web.channel import Channel

_CLEANUP_S = 1.0
_LAST_ANSWERS_S = 5.0
"""How long requests may take that are being answered when the server is closed."""


class Server(TcpWSGIServer):  # type: ignore[misc] # waitress has no types
    """Accepts connections; ends those that wait too long, and the oldest where one address has too many.

    A connection *waits* when nothing has come yet, a request is still arriving, or its client is slow to take the
    answer. Only such a one is ever ended here, so whoever sends a whole request and takes the answer is served,
    whatever others do.
    """

    channel_class = Channel

    def __init__(self, application: Flask, http: Http, host: str, port: int) -> None:
        self._per_address = http.connections_per_address
        super().__init__(
            application,
            host=host,
            port=port,
            threads=http.threads,
            connection_limit=http.connection_limit,
            # select() ends at descriptor 1023, which 256 modems and some browsers reach.
            asyncore_use_poll=True,
            # The application refuses longer bodies with a whole answer; beyond this waitress hangs up.
            max_request_body_size=4 * http.max_body_bytes,
            max_request_header_size=http.max_header_bytes,
            channel_timeout=http.client_patience,
            cleanup_interval=min(_CLEANUP_S, http.client_patience / 4),
            ident=None,
            clear_untrusted_proxy_headers=False,
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.effective_port)

    def handle_accept(self) -> None:
        """Take a connection; the oldest that waits goes where its address, or everybody, has too many."""
        before = set(self.active_channels)
        super().handle_accept()
        for descriptor in set(self.active_channels) - before:
            self._make_room(self.active_channels[descriptor])

    def add_task(self, task: Channel) -> None:
        """Queue a connection's next request, unless its client has an answer to take first.

        Requests may come many in one packet; a worker that answered them all would end up waiting for the client.
        """
        if task.may_proceed():
            super().add_task(task)

    def _make_room(self, newest: Channel) -> None:
        others = [channel for channel in self.active_channels.values() if channel is not newest]
        same = [channel for channel in others if channel.addr[0] == newest.addr[0] and channel.waits]
        if len(same) >= self._per_address:
            _end_oldest(same)
        elif len(self._map) >= self.adj.connection_limit:
            _end_oldest([channel for channel in others if channel.waits])

    def maintenance(self, now: float) -> None:
        """End what waits for longer than the configured patience."""
        cutoff = now - self.adj.channel_timeout
        for channel in list(self.active_channels.values()):
            if channel.waits and channel.last_activity < cutoff:
                channel.end()

    def close(self) -> None:
        """Take no more connections, and let requests that are being answered have their answers."""
        wasyncore.dispatcher.close(self)
        # While the loop still waits for the closed socket, the kernel goes on accepting there.
        self.pull_trigger()
        self.task_dispatcher.shutdown(timeout=_LAST_ANSWERS_S)
        if not self.task_dispatcher.threads:
            # As long as there is a worker it may pull the trigger, and must not find another file under its number.
            self.trigger.close()


def _end_oldest(channels: list[Channel]) -> None:
    if channels:
        min(channels, key=lambda channel: channel.last_activity).end()


def serve(application: Flask, http: Http, port: int | None = None) -> Any:
    """A server bound to `http.listen` (or another port of that address); its `run()` serves. Raises OSError."""
    host, configured = http.address
    return Server(application, http, host, configured if port is None else port)
