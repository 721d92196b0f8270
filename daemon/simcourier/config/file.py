"""The whole file: read, checked, and what is wrong with it in words."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import msgspec
from msgspec import Struct, field

from simcourier.config.box import Http, Log, Privacy, Storage, Ticks, Webhooks
from simcourier.config.fleet import (
    Discovery,
    Inbound,
    LoopTest,
    Modem,
    Operator,
    Recovery,
    SecondSim,
    Sims,
)
from simcourier.config.sending import Destinations, Limits, Sending, Verifications
from simcourier.errors import ConfigError


class Config(Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file; every table may be left out."""

    http: Http = field(default_factory=Http)
    storage: Storage = field(default_factory=Storage)
    discovery: Discovery = field(default_factory=Discovery)
    modems: tuple[Modem, ...] = ()
    sending: Sending = field(default_factory=Sending)
    limits: Limits = field(default_factory=Limits)
    destinations: Destinations = field(default_factory=Destinations)
    verifications: Verifications = field(default_factory=Verifications)
    privacy: Privacy = field(default_factory=Privacy)
    ticks: Ticks = field(default_factory=Ticks)
    webhooks: Webhooks = field(default_factory=Webhooks)
    sims: Sims = field(default_factory=Sims)
    operators: tuple[Operator, ...] = ()
    second_sim: SecondSim = field(default_factory=SecondSim)
    inbound: Inbound = field(default_factory=Inbound)
    loop_test: LoopTest = field(default_factory=LoopTest)
    recovery: Recovery = field(default_factory=Recovery)
    log: Log = field(default_factory=Log)

    @property
    def sandbox_ports(self) -> tuple[str, ...]:
        """The ports (or globs of ports) of the sandbox's modems."""
        return tuple(modem.port for modem in self.modems if modem.sandbox)


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
    _check_protection(config.http, source)
    _check_hosts(config.http.allowed_hosts, source)
    _check_paths(config.storage, source)
    _check_modems(config.modems, source)
    _check_regions(config.destinations, source)
    _check_operators(config.operators, source)
    _check_pairs(config, source)
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
    "verifications": 'write "own", "any", or a country by its two capital letters, such as "GB"',
    "messages": 'write "own", "any", or a country by its two capital letters, such as "GB"',
    "allowed_prefixes": 'write a prefix such as "+44770", or a short code such as "60123"',
    "origin_hosts": 'write a host name such as "login.example.com"',
    "approve": 'must be "at-once" or "by-admin"',
    "classes": 'must be "otp", "transactional" or "bulk"',
    "stop_classes": 'must be "otp", "transactional" or "bulk"',
    "networks": 'write the five or six digits with which IMSIs begin, such as "23415"',
    "prefixes": 'write a prefix such as "+447700", or a short code such as "60123"',
    "balance_code": 'write a USSD code of digits, * and #, such as "*100#"',
    "iccid": "write the 15 to 22 digits that `simcourier sims` shows",
    "number": 'write a number in international form, such as "+447700900001"',
    "denied_prefixes": 'write a prefix such as "+44770", or a short code such as "60123"',
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
        text = _FORMS.get(re.sub(r"\[[0-9]+\]\Z", "", place.rpartition(".")[2]), text)
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


def _check_protection(http: Http, source: str) -> None:
    address = ipaddress.ip_address(http.address[0])
    if address.is_loopback or http.plain_http_is_protected:
        return
    raise ConfigError(
        f"{source}: http.listen: {http.listen} is open to the network, and what is sent there can be read: keys, "
        "numbers and codes. Keep 127.0.0.1 and let a TLS proxy on this machine listen for the network "
        "(systemd/README.md has examples), or set http.plain_http_is_protected = true where a proxy or a wire of "
        "its own protects it"
    )


_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z_-][0-9A-Za-z._-]*)(:[0-9]{1,5})?")


def _check_hosts(hosts: tuple[str, ...], source: str) -> None:
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ConfigError(
                f"{source}: http.allowed_hosts: write names as clients call them, such as "
                '"sms.example.com", with :port only where it is not the one of http.listen'
            )


def _check_paths(storage: Storage, source: str) -> None:
    for name, value in (("directory", storage.directory), ("key_file", storage.key_file or "/")):
        if not Path(value).is_absolute():
            raise ConfigError(f"{source}: storage.{name}: write a whole path, from / on")


# Pseudo terminals are the only modems in /dev with no SIM behind them.
_IS_DEVICE = re.compile(r"/+dev/+(?!pts/)")


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
    for number, modem in enumerate(modems):
        _check_remote(modem.port, f"{source}: modems[{number}].port")
        if modem.sandbox and (not modem.port.startswith("/") or _IS_DEVICE.match(modem.port)):
            raise ConfigError(
                f"{source}: modems: port {modem.port!r} can't be for the sandbox: write the whole path of a port "
                "that `simcourier virtual` makes, or take sandbox = true away"
            )


_REMOTE = re.compile(
    r"(rfc2217|socket)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})(\?ign_set_control)?"
)


def _check_remote(port: str, where: str) -> None:
    """See that a port on the network can be connected to; pyserial would say so only when it is opened."""
    if "://" not in port:
        return
    found = _REMOTE.fullmatch(port)
    if found is None or not 0 < int(found[3]) < 65_536 or (found[4] and found[1] == "socket"):
        raise ConfigError(
            f'{where}: {port!r} is no port on the network: write "rfc2217://host:port", or "socket://host:port" for a '
            "raw one"
        )


def _check_operators(operators: tuple[Operator, ...], source: str) -> None:
    for operator in operators:
        where = f"{source}: operators: {operator.name}"
        if sum(other.name == operator.name for other in operators) > 1:
            raise ConfigError(f"{where}: two entries have this name; each needs its own")
        for network in operator.networks:
            if sum(network in other.networks for other in operators) > 1:
                raise ConfigError(f"{where}: networks: {network} is another operator's, too")
        if operator.balance_code and not operator.balance_pattern:
            raise ConfigError(
                f"{where}: balance_code needs a balance_pattern that finds the amount in the answer"
            )
        try:
            groups = re.compile(operator.balance_pattern).groupindex
        except re.error as error:
            raise ConfigError(f"{where}: balance_pattern is no regular expression: {error}") from None
        if operator.balance_pattern and "amount" not in groups:
            raise ConfigError(f"{where}: balance_pattern needs a group (?P<amount>...)")


def _check_pairs(config: Config, source: str) -> None:
    """Refuse settings of which each is right and both together are not."""
    if config.second_sim.least > config.second_sim.most:
        raise ConfigError(f"{source}: second_sim.least: must not be more than second_sim.most")
    inbound = config.inbound
    stops = {word.casefold() for word in inbound.stop_words}
    for word in sorted(stops & {word.casefold() for word in inbound.start_words}):
        raise ConfigError(f"{source}: inbound.start_words: {word!r} is one of inbound.stop_words, too")


def _check_regions(destinations: Destinations, source: str) -> None:
    named = {*destinations.verifications, *destinations.messages} - {"own", "any"}
    if not named:
        return
    # The tables of numbers take a while to import, and most configurations name no country.
    from phonenumbers import SUPPORTED_REGIONS

    unknown = sorted(named - SUPPORTED_REGIONS)
    if unknown:
        hint = "; Great Britain is GB" if unknown[0] == "UK" else ""
        raise ConfigError(f"{source}: destinations: there is no country {unknown[0]!r} in ISO 3166{hint}")


def read_pin(pin_file: str | None, source: str, table: str) -> str | None:
    """The PIN in a `pin_file` of the table, or None where none is given. Raises ConfigError."""
    if pin_file is None:
        return None
    where = f"{source}: {table}: pin_file {pin_file}"
    try:
        pin = Path(pin_file).read_text("ascii").strip()
    except FileNotFoundError:
        raise ConfigError(f"{where}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: can't be read: {error}") from None
    if not re.fullmatch(r"[0-9]{4,8}", pin):
        raise ConfigError(f"{where}: must hold four to eight digits and nothing else")
    return pin
