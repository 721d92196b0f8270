"""The configuration file: TOML, checked strictly, every bound with its default."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from simcourier.errors import ConfigError

DEFAULT_DIRECTORY = "/var/lib/simcourier"
Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


class Http(Struct, forbid_unknown_fields=True, frozen=True):
    """`[http]`: where the API and the status page listen."""

    listen: str = "127.0.0.1:8080"
    threads: Annotated[int, Meta(ge=1, le=32)] = 5
    connection_limit: Annotated[int, Meta(ge=8, le=10_000)] = 400
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1_048_576)] = 16_384
    max_header_bytes: Annotated[int, Meta(ge=1024, le=262_144)] = 16_384
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


class Discovery(Struct, forbid_unknown_fields=True, frozen=True):
    """`[discovery]`: ports that are tried without being configured."""

    enabled: bool = True
    ports: tuple[str, ...] = ("/dev/ttyUSB*", "/dev/ttyACM*")


class Modem(Struct, forbid_unknown_fields=True, frozen=True):
    """One `[[modems]]` entry: a port (or a glob of ports) that is opened and kept."""

    port: Annotated[str, Meta(min_length=1)]
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")] | None = None
    pin_file: str | None = None
    baudrate: Annotated[int, Meta(ge=1200, le=4_000_000)] = 115_200


class Sending(Struct, forbid_unknown_fields=True, frozen=True):
    """`[sending]`: bounds of the life of one message."""

    default_ttl: Annotated[int, Meta(ge=60, le=86_400)] = 300
    max_segments: Annotated[int, Meta(ge=1, le=10)] = 6
    max_attempts: Annotated[int, Meta(ge=1, le=20)] = 5
    """Refusals by modem or network after which a message has failed."""
    max_resends: Annotated[int, Meta(ge=0, le=5)] = 2
    """How often a message in doubt is sent again under `on_unknown = "resend"`."""
    queue_limit: Annotated[int, Meta(ge=10, le=5_000_000)] = 250_000
    no_modem_grace: Annotated[float, Meta(ge=0, le=3600)] = 60.0
    """Seconds without any usable modem after which new messages are refused with 503."""
    submit_patience: Annotated[float, Meta(ge=10, le=180)] = 60.0
    """Seconds that the answer to a Ctrl-Z may take; at most a quarter of the message's life, but 15 at least."""
    drain: Annotated[float, Meta(ge=0, le=60)] = 60.0
    """Seconds that a stop waits for the submits in flight."""


class Log(Struct, forbid_unknown_fields=True, frozen=True):
    """`[log]`: what goes to standard error."""

    level: Annotated[str, Meta(pattern="^(debug|info|warning|error)\\Z")] = "info"
    json: bool = False


class Ticks(Struct, forbid_unknown_fields=True, frozen=True):
    """`[ticks]`: seconds between the recurring duties."""

    expiry: Positive = 1.0
    signal: Positive = 30.0
    checkpoint: Positive = 5.0
    wipe: Positive = 30.0
    retention: Positive = 3600.0


class Config(Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file; every table may be left out."""

    http: Http = field(default_factory=Http)
    storage: Storage = field(default_factory=Storage)
    discovery: Discovery = field(default_factory=Discovery)
    modems: tuple[Modem, ...] = ()
    sending: Sending = field(default_factory=Sending)
    ticks: Ticks = field(default_factory=Ticks)
    log: Log = field(default_factory=Log)


def load(path: Path) -> Config:
    """Read and check a configuration file.

    Raises ConfigError with one sentence that names the file, the key and what is expected.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; give one with --config FILE") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    return parse(raw, str(path))


def parse(raw: bytes, source: str) -> Config:
    """Check the TOML in `raw`; `source` is the name that errors give."""
    try:
        config = msgspec.toml.decode(raw, type=Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {_in_words(str(error))}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source}: is not TOML: {error}") from None
    _check_listen(config.http.listen, source)
    _check_paths(config.storage, source)
    _check_modems(config.modems, source)
    return config


_KINDS = {
    "`str`": "a text in quotes",
    "`int`": "a whole number",
    "`float`": "a number",
    "`bool`": "true or false",
    "`array`": "a list",
    "`object`": "a table",
}
_FORMS = {
    "name": "may hold letters, digits, '.', '_' and '-' only, at most 64 of them",
    "level": 'must be "debug", "info", "warning" or "error"',
}


def _in_words(message: str) -> str:
    """Turn msgspec's `... - at `$.http.threads`` into `http.threads: ...`."""
    text, _, where = message.partition(" - at `")
    place = where.rstrip("`").removeprefix("$").lstrip(".")
    for kind, words in _KINDS.items():
        text = text.replace(kind, words)
    text = text.replace("Object contains unknown field", "there is no setting called")
    text = text.replace("Object missing required field", "needs the setting")
    if "matching regex" in text:
        text = _FORMS.get(place.rpartition(".")[2], text)
    return f"{place}: {text}" if place else text


def _check_listen(listen: str, source: str) -> None:
    host, _, port = listen.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65_536:
        raise ConfigError(f'{source}: http.listen: write an address and a port, such as "127.0.0.1:8080"')
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise ConfigError(
            f'{source}: http.listen: {host!r} is not an IP address; write one such as "127.0.0.1:8080"'
        ) from None


def _check_paths(storage: Storage, source: str) -> None:
    for name, value in (("directory", storage.directory), ("key_file", storage.key_file or "/")):
        if not Path(value).is_absolute():
            raise ConfigError(f"{source}: storage.{name}: write a whole path, from / on")


def _check_modems(modems: tuple[Modem, ...], source: str) -> None:
    for what in ("name", "port"):
        seen: set[str] = set()
        for modem in modems:
            value = getattr(modem, what)
            if value in seen:
                raise ConfigError(
                    f"{source}: modems: two entries have the {what} {value!r}; each needs its own"
                )
            if value is not None:
                seen.add(value)


def read_pin(modem: Modem, source: str) -> str | None:
    """The PIN of a modem's `pin_file`, or None where none is given. Raises ConfigError."""
    if modem.pin_file is None:
        return None
    where = f"{source}: modems: pin_file {modem.pin_file}"
    try:
        pin = Path(modem.pin_file).read_text("ascii").strip()
    except FileNotFoundError:
        raise ConfigError(f"{where}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: can't be read: {error}") from None
    if not re.fullmatch(r"[0-9]{4,8}", pin):
        raise ConfigError(f"{where}: must hold four to eight digits and nothing else")
    return pin
