"""`simcourier run`: the appliance in the foreground, as systemd or a terminal starts it."""

from __future__ import annotations

import faulthandler
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simcourier.cli.options import config_option, example, load_config

if TYPE_CHECKING:
    from simcourier.app import App


@click.command(epilog=example("simcourier run --config /etc/simcourier/simcourier.toml"))
@config_option
def run(config: Path | None) -> None:
    """Run the appliance in the foreground.

    Logs go to standard error. SIGTERM and Ctrl-C stop it: no new message is begun, the submits in flight finish.
    Exit codes: 0 stopped cleanly, 78 the configuration can't be used, 75 an address or
    directory is in use or not there yet, 1 a fault of this program.
    """
    faulthandler.enable()
    settings, path = load_config(config)
    from simcourier import log
    from simcourier.cli.foreground import HeldSignals, build, say_on_stderr, stop
    from simcourier.cli.supervisor import Supervisor

    log.configure(settings.log.level, as_json=settings.log.json)
    held = HeldSignals()
    supervisor = Supervisor(os.environ, os.getpid())
    app = build(settings, path)
    app.start()
    supervisor.ready(_status(app))

    def feed() -> None:
        if supervisor.listens:
            supervisor.alive(_status(app), healthy=app.service.box.healthy)

    while held.wait(supervisor.pause_s) is None:
        feed()
    supervisor.stopping()
    stop(app, held, say_on_stderr, lambda: supervisor.alive(healthy=app.service.box.healthy))


def _status(app: App) -> str:
    """The line that `systemctl status` shows."""
    from simcourier.modem.states import CAN_TAKE_JOBS

    states = [snapshot.state for snapshot in app.service.modems.snapshots().values()]
    up = sum(state in CAN_TAKE_JOBS for state in states)
    return f"{up} of {len(states)} modems can send"
