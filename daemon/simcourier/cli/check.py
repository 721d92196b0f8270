"""`simcourier check`: the configuration and each port, with a verdict in words."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simcourier.cli.endings import EX_FAILED, Stop
from simcourier.cli.options import config_option, example, json_option, load_config
from simcourier.cli.wording import add_row, console, count, table, write_json
from simcourier.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from simcourier.cli.sticks import Stick
    from simcourier.cli.verdicts import Verdict
    from simcourier.config import Config
    from simcourier.modem.facts import ModemSnapshot, PinJudged, PinWanted


@click.command(epilog=example("simcourier check --config /etc/simcourier/simcourier.toml"))
@config_option
@click.option(
    "--patience",
    type=click.FloatRange(3, 600),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a modem may take to find its network.",
)
@json_option
def check(config: Path | None, patience: float, as_json: bool) -> None:
    """Check the configuration, then bring up each modem and say whether it can send.

    While simcourier runs, it is asked for its modems instead: a port has one user. Exit codes: 0 every modem can be
    used, 1 some can't (or there is none), 78 the configuration can't be used.
    """
    settings, path = load_config(config)
    _check_storage(settings, path)
    _check_what_a_start_reads(settings, path)
    if _is_running(settings.storage.path):
        verdicts, words = _ask_daemon(settings), "simcourier is running; this is what it says of its modems:"
        let_go: Mapping[str, str] = {}
    else:
        words = None
        verdicts, let_go = _survey(settings, path, patience, quiet=as_json)
    sticks = _sticks(verdicts, let_go)
    if as_json:
        write_json(
            {
                "configuration": str(path),
                "modems": [asdict(verdict) for verdict in verdicts],
                "sticks": [asdict(stick) for stick in sticks],
            }
        )
    else:
        click.echo(f"{path}: the configuration can be used.")
        if words:
            click.echo(words)
        _show_sticks(sticks)
        _show(verdicts)
    if not verdicts or not all(verdict.usable for verdict in verdicts):
        raise SystemExit(EX_FAILED)


def _check_storage(settings: Config, path: Path) -> None:
    """Become the service's user where we are root, and see that it can write where it has to."""
    from simcourier.cli.ownership import act_as_owner

    directory = settings.storage.path
    user = act_as_owner(directory)
    if user is not None:
        click.echo(f"Checking as the user {user}, who owns {directory}.", err=True)
    if directory.exists() and not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigError(f"{path}: storage.directory {directory}: can't be written to by this user")


def _check_what_a_start_reads(settings: Config, path: Path) -> None:
    """Raise the ConfigError that a start would: of PIN files, key file, webhooks, templates. Makes nothing."""
    from simcourier.app import port_specs
    from simcourier.cli.foreground import naming
    from simcourier.hooks.post import tls
    from simcourier.hooks.targets import AllowList
    from simcourier.outbox.keyring import KeyFile
    from simcourier.service.templates import check_settings

    with naming(path):
        port_specs(settings, str(path))
        key_file = KeyFile.find(settings.storage)
        if key_file.path.exists():
            key_file.read()
        AllowList.read(settings.webhooks.allowed_targets)
        tls(settings.webhooks.ca_file)
        check_settings(settings.verifications)


def _is_running(directory: Path) -> bool:
    """Does a daemon hold the lock of the storage directory?"""
    try:
        with (directory / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _ask_daemon(settings: Config) -> list[Verdict]:
    from simcourier.cli.box import Box, local_key, local_url
    from simcourier.cli.verdicts import judge

    box = Box(local_url(settings), local_key(settings.storage.path))
    return [judge(_snapshot(item)) for item in box.get("modems")["items"]]


def _snapshot(item: dict[str, Any]) -> ModemSnapshot:
    """What the API told of a modem, as the radio would have."""
    from simcourier.modem.facts import ModemSnapshot, ModemState, ReportRoute

    same = ("reason", "port", "manufacturer", "model", "operator", "registration", "signal_dbm")
    return ModemSnapshot(
        name=item["id"],
        state=ModemState(item["state"]),
        since=time.monotonic() - item["for_seconds"],
        reports=ReportRoute(item["reports"]),
        **{name: item[name] for name in same},
    )


def _sticks(verdicts: list[Verdict], let_go: Mapping[str, str]) -> list[Stick]:
    from simcourier.cli.sticks import sticks_here

    return sticks_here({verdict.port: verdict.name for verdict in verdicts}, let_go)


def _show_sticks(sticks: list[Stick]) -> None:
    from simcourier.cli.sticks import in_words

    for stick in sticks:
        for line in in_words(stick):
            click.echo(line)


def _survey(
    settings: Config, path: Path, patience_s: float, *, quiet: bool
) -> tuple[list[Verdict], Mapping[str, str]]:
    """How each modem stands in the end, and why other ports were let go."""
    from simcourier.app import card_pins, port_specs
    from simcourier.cli.survey import Survey, ports_there
    from simcourier.cli.verdicts import judge
    from simcourier.radio.specs import DiscoverySpec, RadioSettings

    ports = port_specs(settings, str(path))
    found = settings.discovery
    discovery = DiscoverySpec(found.ports, found.ignore) if found.enabled else None
    if not ports and not (discovery and ports_there(discovery)):
        return [], {}
    if not quiet:
        click.echo(f"Bringing the modems up, for {patience_s:.0f} s at most ...", err=True)
    pins = PinBook(settings.storage.path)
    try:
        # A look only: nothing is read from a SIM, and no stick is taken away or switched off.
        radio = RadioSettings(
            pins=card_pins(settings, str(path)),
            roaming=settings.sims.roaming,
            inbound=False,
            udev=found.udev,
            usb=False,
            power=False,
        )
        survey = Survey(ports, discovery, pins.may_try, pins.judged, radio)
        snapshots = survey.look(patience_s)
    finally:
        pins.close()
    verdicts = [judge(snapshot) for _, snapshot in sorted(snapshots.items())]
    wanted = {port.port for port in ports}
    # A port that was only looked at, and behind which nobody speaks AT, is most likely something else.
    return [v for v in verdicts if _is_wanted(v, wanted) or v.answers], survey.let_go


def _is_wanted(verdict: Verdict, patterns: set[str]) -> bool:
    return any(fnmatch(verdict.port, pattern) for pattern in patterns)


class PinBook:
    """The daemon's record of the PINs that were tried, so that a check never tries one that a card has refused."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._engine: Engine | None = None

    def may_try(self, wanted: PinWanted) -> bool:
        """Allow a PIN as the daemon would: once per card, unless the card took it."""
        from simcourier.outbox import access

        with self._open().begin() as connection:
            return access.may_try_pin(connection, wanted.card, wanted.pin_digest, time.time_ns() // 1_000_000)

    def judged(self, judged: PinJudged) -> None:
        """Record what the card said."""
        from simcourier.outbox import access

        with self._open().begin() as connection:
            access.pin_judged(connection, judged.card, judged.pin_digest, judged.accepted)

    def _open(self) -> Engine:
        if self._engine is None:
            from simcourier.outbox import database

            self._engine = database.open_engine(self._directory, database.Upgrade.ALONE)
        return self._engine

    def close(self) -> None:
        """Close the database, if any PIN was wanted."""
        if self._engine is not None:
            self._engine.dispose()


def _show(verdicts: list[Verdict]) -> None:
    from simcourier.cli.verdicts import ALL_WELL

    if not verdicts:
        raise Stop(
            "there is no modem: no configured port, and nothing that answers AT on the ports of [discovery]"
        )
    made = table("Modem", "Can send", "Device", "SIM", "Network", "Signal", "Reports")
    for verdict in verdicts:
        add_row(
            made,
            verdict.name,
            "yes" if verdict.usable else "NO",
            verdict.device,
            verdict.sim,
            verdict.network,
            verdict.signal,
            verdict.reports,
            style="" if verdict.usable else "yellow",
        )
    console().print(made)
    usable = sum(verdict.usable for verdict in verdicts)
    click.echo(f"{usable} of {count(len(verdicts), 'modem')} can send.")
    for verdict in verdicts:
        if verdict.sentence != ALL_WELL:
            click.echo(f"{verdict.name}: {verdict.sentence}")
