"""`simcourier virtual`: virtual modems on pseudo terminals, with a network and handsets behind them."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simcourier.cli.options import example

if TYPE_CHECKING:
    from simcourier.virtual.handset import Message


@click.command(epilog=example("simcourier virtual --modems 8 --dir /tmp/modems"))
@click.option("--modems", type=click.IntRange(1), default=4, show_default=True, help="How many.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Where their ports appear: DIR/modem-000, DIR/modem-001, ...",
)
@click.option(
    "--scenario",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="How they and their network behave, and when; without it, well and at once.",
)
@click.option(
    "--profile",
    metavar="MAKE",
    help="Which make they are and misbehave like, where the scenario names none: standard, huawei, zte, quectel, "
    "simcom-2g, simcom-lte, telit, sierra, u-blox, cinterion, wavecom, nokia, qualcomm, brovi, ...",
)
@click.option(
    "--attached", is_flag=True, hidden=True, help="Texts as JSON on stdout; end with the input's end."
)
def virtual(modems: int, directory: Path, scenario: Path | None, profile: str | None, attached: bool) -> None:
    """Run virtual modems in the foreground until Ctrl-C.

    DIR/network.jsonl has one line for each message that reached the network.
    """
    if attached:
        _run_attached(modems, directory, scenario, profile)
        return
    from simcourier.virtual.host import run_virtual

    run_virtual(modems, directory, scenario, profile)


def _run_attached(modems: int, directory: Path, scenario: Path | None, profile: str | None) -> None:
    """Serve the process that started us: one JSON line when the ports exist, then one for each text that arrives."""
    from simcourier.virtual.host import VirtualHost, choose

    host = VirtualHost(modems, directory, choose(scenario, profile), _tell_text)
    host.open()
    signal.signal(signal.SIGTERM, lambda *_: host.stop())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _tell({"ports": [str(port) for port in host.ports]})
    host.run()


def _end_with_parent() -> None:
    """Wait for the end of standard input, which comes also when the parent is killed."""
    while os.read(sys.stdin.fileno(), 512):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _tell_text(message: Message) -> None:
    _tell({"to": message.to, "from": message.sender, "text": message.text, "copy": message.copy})


def _tell(value: object) -> None:
    try:
        print(json.dumps(value), flush=True)
    except BrokenPipeError:
        # The parent is gone, and so is the need; standard input ends just now.
        sys.stdout = sys.stderr
