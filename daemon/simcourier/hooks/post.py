"""POSTs to an address that was resolved and checked before, each over by its deadline however slow the receiver."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from simcourier.errors import ConfigError
from simcourier.hooks.targets import Target
from simcourier.hooks.watchdog import Watchdog

KEEP_S = 5.0
"""A connection is kept so long at most: then its target is resolved and checked anew."""
GONE = 410
_ANSWER_LIMIT = 4096
_FAILURES = (OSError, HTTPError, http.client.HTTPException)
_CLOSED = (ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The status that came back, or in our own words why none did; never what the receiver wrote."""

    status: int | None
    error: str | None

    @property
    def delivered(self) -> bool:
        """Only a 2xx is a success."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Does the receiver want no more events, ever?"""
        return self.status == GONE


def tls(ca_file: str) -> ssl.SSLContext:
    """What certificates are checked against: those in `ca_file`, or (empty) the system's. Raises ConfigError."""
    if ca_file and not Path(ca_file).is_absolute():
        raise ConfigError("webhooks.ca_file: write a whole path, from / on")
    try:
        # urllib3 writes into the context at each connection: so each thread needs one of its own.
        return ssl.create_default_context(cafile=ca_file or None)
    except ssl.SSLError:
        raise ConfigError(f"webhooks.ca_file {ca_file}: holds no certificate in PEM form") from None
    except OSError as error:
        raise ConfigError(f"webhooks.ca_file {ca_file}: can't be read: {error.strerror}") from None


class Post:
    """POSTs to one target over one connection, one event after another; another thread may end it.

    The addresses were checked by the caller. The connection is opened by the first `send`, and closed after any
    failure; so a new one, whose addresses are checked anew, is a new `Post`.
    """

    def __init__(
        self, target: Target, addresses: Sequence[str], context: ssl.SSLContext, timeout_s: float
    ) -> None:
        self._target = target
        self._addresses = addresses
        self._context = context
        self._timeout_s = timeout_s
        self._began = time.monotonic()
        self._deadline = 0.0
        self._answers = 0
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._aborted = False
        # A socket's own timeout counts anew with each octet, so a receiver that dribbles would have no end.
        self._watchdog = Watchdog(self.abort)
        self.lost = False
        """Did the receiver close the kept connection where it should have answered? It may do so at any time."""

    @property
    def kept(self) -> bool:
        """May one more event go over the same connection?"""
        if self._connection is None or self._aborted or time.monotonic() - self._began >= KEEP_S:
            return False
        # False also where it says something unasked: that must not be taken for the next answer.
        return self._connection.is_connected

    def send(self, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send an event; to the first of the addresses that takes a connection, where there is none yet."""
        self._deadline = time.monotonic() + self._timeout_s
        self._watchdog.watch(self._deadline)
        try:
            if self._connection is None:
                self._connection = self._connect()
            return self._exchange(self._connection, headers, body)
        except _FAILURES as error:
            self.lost = self._answers > 0 and not self._aborted and isinstance(error, _CLOSED)
            outcome = Outcome(None, self._in_words(error))
            self.close()
            return outcome
        finally:
            self._watchdog.lift()

    def abort(self) -> None:
        """End it now; `send` returns soon."""
        self._aborted = True
        if self._socket is not None:
            with suppress(OSError):
                # The socket's own shutdown: that of ssl changes what the other thread is reading from.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up."""
        self._watchdog.end()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> HTTPConnection:
        failure: Exception = OSError(0, "the target has no address")
        for address in self._addresses:
            connection = self._connection_to(address)
            try:
                connection.connect()
            except _FAILURES as error:
                connection.close()
                failure = error
                if self._remaining_s() <= 0:
                    break
            else:
                return connection
        raise failure

    def _connection_to(self, address: str) -> HTTPConnection:
        # Connecting and the TLS handshake may each take this long.
        timeout_s = max(0.1, self._remaining_s() / 2)
        if self._target.scheme == "http":
            return HTTPConnection(address, self._target.port, timeout=timeout_s)
        return HTTPSConnection(
            address,
            self._target.port,
            timeout=timeout_s,
            ssl_context=self._context,
            # The certificate must be that of the name in the URL, whatever address the name has.
            server_hostname=self._target.host,
        )

    def _exchange(self, connection: HTTPConnection, headers: Mapping[str, str], body: bytes) -> Outcome:
        self._socket = connection.sock
        if self._aborted or self._socket is None:
            raise TimeoutError
        connection.timeout = max(0.1, self._remaining_s())
        sent = {"Host": self._target.host_header, **headers}
        connection.request("POST", self._target.path, body, sent, preload_content=False, decode_content=False)
        answer = connection.getresponse()
        if self._aborted:
            # The end that we made of it may look like the end of its headers.
            raise TimeoutError
        self._answers += 1
        if not _read_to_its_end(answer):
            # The rest of it must not be taken for the next answer.
            self.close()
        answer.close()
        return Outcome(answer.status, _status_in_words(answer.status))

    def _remaining_s(self) -> float:
        return self._deadline - time.monotonic()

    def _in_words(self, error: Exception) -> str:
        cause = error.__cause__ or error
        if isinstance(cause, TimeoutError) or self._remaining_s() <= 0:
            return f"no answer within {self._timeout_s:g} s"
        if self._aborted:
            return "simcourier was stopped meanwhile"
        return _why(cause)


def _read_to_its_end(answer: HTTPResponse) -> bool:
    """Nobody looks at it: only so that the receiver can finish writing, and answer the next event."""
    try:
        answer.read(_ANSWER_LIMIT)
    except _FAILURES:
        return False
    return answer.closed


def _why(error: BaseException) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted: {error.verify_message}"
        case ssl.SSLError():
            return "no TLS connection could be made"
        case ConnectionRefusedError():
            return "the connection was refused"
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return "the connection was closed without an answer"
        case OSError() if error.strerror:
            return f"the connection failed: {error.strerror}"
        case _:
            return "the answer is not HTTP"


def _status_in_words(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"status {status}: redirects are not followed"
    return f"status {status}"
