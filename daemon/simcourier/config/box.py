"""The tables of the box itself: HTTP, storage, webhooks, privacy, log and ticks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from simcourier.config.values import DEFAULT_DIRECTORY, Positive


class Http(Struct, forbid_unknown_fields=True, frozen=True):
    """`[http]`: where the API and the status page listen."""

    listen: str = "127.0.0.1:8080"
    threads: Annotated[int, Meta(ge=1, le=32)] = 5
    connection_limit: Annotated[int, Meta(ge=8, le=10_000)] = 400
    connections_per_address: Annotated[int, Meta(ge=1, le=10_000)] = 64
    """Connections of one address that wait; one more, and the oldest of them is closed."""
    client_patience: Annotated[float, Meta(ge=0.5, le=300)] = 15.0
    """Seconds that a request may take to arrive whole, an answer to be taken, a connection to say nothing."""
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1_048_576)] = 16_384
    max_header_bytes: Annotated[int, Meta(ge=1024, le=262_144)] = 16_384
    allowed_hosts: tuple[Annotated[str, Meta(min_length=1, max_length=255)], ...] = ()
    """Names by which clients may call this box, beside localhost and the address it listens on."""
    plain_http_is_protected: bool = False
    """The admin's word that what listens beyond this machine is behind TLS or on a wire of its own."""
    open_page_on_loopback: bool = True
    """Show the masked status page and /metrics without a key to browsers on this very machine."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `listen`; the host without the brackets of an IPv6 literal."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


class Storage(Struct, forbid_unknown_fields=True, frozen=True):
    """`[storage]`: the directory of the database, and the key that seals message bodies."""

    directory: str = DEFAULT_DIRECTORY
    key_file: str = ""
    """Defaults to `body.key` beside the database; put it elsewhere to keep it out of backups."""
    min_free_mb: Annotated[int, Meta(ge=0)] = 50
    """Below this much free space nothing is accepted any more (503)."""
    retention_days: Annotated[int, Meta(ge=1, le=3650)] = 90

    @property
    def path(self) -> Path:
        """The directory as a path."""
        return Path(self.directory)

    @property
    def key_path(self) -> Path:
        """Where the body key lies."""
        return Path(self.key_file) if self.key_file else self.path / "body.key"


class Privacy(Struct, forbid_unknown_fields=True, frozen=True):
    """`[privacy]`: how long numbers stay readable, and how long the audit is kept."""

    number_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    """After this long a number is kept as a keyed hash and a mask only."""
    audit_days: Annotated[int, Meta(ge=30, le=3650)] = 400


class Webhooks(Struct, forbid_unknown_fields=True, frozen=True):
    """`[webhooks]`: where this box may tell applications what happened, and how patient it is with them."""

    allowed_targets: tuple[str, ...] = ()
    """`https://host:port`, host names and networks; none: no endpoint can be registered."""
    ca_file: str = ""
    """Certificates (PEM) that the endpoints' are checked against; empty: those of the system."""
    timeout: Annotated[float, Meta(ge=1, le=30)] = 10.0
    """Seconds for one try, all in all."""
    max_endpoints: Annotated[int, Meta(ge=1, le=32)] = 32
    max_pending: Annotated[int, Meta(ge=100, le=1_000_000)] = 10_000
    """Events that may wait for one endpoint; beyond that the oldest are dropped."""
    retention_days: Annotated[int, Meta(ge=1, le=90)] = 7
    """How long the log of deliveries is kept."""


class Log(Struct, forbid_unknown_fields=True, frozen=True):
    """`[log]`: what goes to standard error."""

    level: Annotated[str, Meta(pattern="^(debug|info|warning|error)\\Z")] = "info"
    json: bool = False


class Ticks(Struct, forbid_unknown_fields=True, frozen=True):
    """`[ticks]`: seconds between the recurring duties."""

    expiry: Positive = 1.0
    signal: Positive = 30.0
    care: Positive = 5.0
    checkpoint: Positive = 5.0
    wipe: Positive = 30.0
    retention: Positive = 3600.0
