"""`simcourier demo`: the whole appliance on virtual modems, or on real ones where some answer."""

from __future__ import annotations

import faulthandler
import json
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simcourier.cli.endings import Stop
from simcourier.cli.options import example
from simcourier.cli.wording import count, printable

if TYPE_CHECKING:
    from simcourier.app import App
    from simcourier.cli.foreground import HeldSignals
    from simcourier.cli.handsets import Handsets, Text
    from simcourier.modem.facts import ModemSnapshot

DEFAULT_MODEMS = 4
DEFAULT_LISTEN = "127.0.0.1:8080"
NUMBER = "+447700900001"
"""From the range that Ofcom keeps for drama: nobody has it."""
_PATTERNS = ("/dev/ttyUSB*", "/dev/ttyACM*")
_SURVEY_S = 8.0
_READY_S = 15.0
_SCOPES = frozenset(
    {"messages:send", "messages:read", "status:read", "verifications:start", "verifications:check"}
)
_GAP_S = 2

# A network that takes its time as a good one does, so that the page has something to show.
SCENARIO = """\
submit_delay = [0.2, 0.6]
delivery_delay = [0.5, 1.5]
registration_delay = [0.0, 0.5]

[[rule]]
modems = 1
operator = "Faraway"
signal = 12
"""


@click.command(epilog=example("simcourier demo", "simcourier demo --modems 16 --data /tmp/box"))
@click.option(
    "--modems",
    type=click.IntRange(1, 256),
    metavar="N",
    help=f"So many virtual modems, even where real ones are. Default: {DEFAULT_MODEMS}, unless real ones answer.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep everything in this directory. Default: a new one, removed at the end.",
)
@click.option(
    "--listen", metavar="ADDR", help=f"Address and port of the page. Default: {DEFAULT_LISTEN}, if free."
)
def demo(modems: int | None, data: Path | None, listen: str | None) -> None:
    """Try the appliance out: page, API, modems and a handset that shows what arrives.

    Uses virtual modems, unless real ones answer on /dev/ttyUSB* or /dev/ttyACM*. Ctrl-C ends it.
    """
    faulthandler.enable()
    from simcourier import log
    from simcourier.cli.foreground import HeldSignals

    log.configure("warning", as_json=False)
    held = HeldSignals()
    with _directory(data) as directory:
        address = _free_address() if listen is None else listen
        real = {} if modems is not None else real_modems()
        if real:
            _serve(directory, address, held, real, None)
            return
        from simcourier.cli.handsets import Handsets

        with Handsets(modems or DEFAULT_MODEMS, directory / "virtual", SCENARIO, show_text) as handsets:
            _serve(directory, address, held, {}, handsets)


@contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    if given is None:
        with tempfile.TemporaryDirectory(prefix="simcourier-demo-") as made:
            yield Path(made)
        click.echo("Stopped; nothing is left behind.")
        return
    try:
        given.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Stop(f"--data {given}: can't be made: {error.strerror}", 2) from None
    yield given.resolve()
    click.echo(f"Stopped; {given} is kept.")


def _free_address() -> str:
    """The usual address or, where it is taken, one with another port."""
    host, _, usual = DEFAULT_LISTEN.rpartition(":")
    for port in (int(usual), 0):
        with socket.socket() as probe:
            # As the server does: a port whose last connection has just ended is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            found = f"{host}:{probe.getsockname()[1]}"
        if port == 0:
            click.echo(f"Port {usual} is taken by another program; using {found}.")
        return found
    raise Stop(f"no port of {host} is free; choose an address with --listen")


def real_modems() -> dict[str, ModemSnapshot]:
    """The modems that answer on the usual ports of this machine."""
    from simcourier.cli.survey import Survey, is_settled, ports_there
    from simcourier.cli.verdicts import judge
    from simcourier.radio.specs import DiscoverySpec

    everywhere = DiscoverySpec(_PATTERNS)
    ports = ports_there(everywhere)
    if not ports:
        return {}
    click.echo(f"Looking for real modems on {', '.join(ports)} ...")
    found = Survey([], everywhere).look(_SURVEY_S, is_settled)
    return {name: snapshot for name, snapshot in found.items() if judge(snapshot).answers}


def _serve(
    directory: Path,
    listen: str,
    held: HeldSignals,
    real: dict[str, ModemSnapshot],
    handsets: Handsets | None,
) -> None:
    from simcourier import config
    from simcourier.cli import foreground

    path = directory / "simcourier.toml"
    path.write_text(configuration(directory, listen, [] if handsets is None else handsets.ports))
    app = foreground.build(config.load(path), path)
    app.start()
    try:
        wanted = len(handsets.ports) if handsets else 1
        held.wait_until(lambda: app.service.box.status().modems_up >= wanted, _READY_S)
        _introduce(app, path, real, handsets)
        while held.wait(0.5) is None:
            if handsets and handsets.ended:
                raise Stop(f"the virtual modems ended: {handsets.last_words()}")
    finally:
        click.echo("\nStopping ...")
        foreground.stop(app, held, foreground.say_on_stderr, lambda: None)


def configuration(directory: Path, listen: str, ports: list[Path]) -> str:
    """The demo's configuration file; JSON's strings are TOML's."""
    lines = [
        "# Written by simcourier demo.",
        "[http]",
        f"listen = {json.dumps(listen)}",
        "# Whoever gives --listen another address has chosen so; a demo keeps nobody's codes.",
        "plain_http_is_protected = true",
        "[storage]",
        f"directory = {json.dumps(str(directory / 'storage'))}",
        "[log]",
        'level = "warning"',
        "[discovery]",
        f"enabled = {'false' if ports else 'true'}",
    ]
    if ports:
        lines += _LOOSE
    for port in ports:
        lines += ["[[modems]]", f"port = {json.dumps(str(port))}", f"name = {json.dumps(port.name)}"]
    return "\n".join(lines) + "\n"


# A person plays with one number, and forgets to type most codes in. On real SIMs the usual limits hold.
_LOOSE = [
    "[limits]",
    "conversion_alarm_percent = 0",
    "conversion_block_percent = 0",
    "[limits.verifications]",
    f"number_gap = {_GAP_S}",
    f"number_gap_max = {_GAP_S}",
    *(
        f"{bound} = 0"
        for bound in (
            "number_10_minutes",
            "number_hour",
            "number_day",
            "prefix_hour",
            "country_hour",
            "client_hour",
        )
    ),
    "[verifications]",
    'app_name = "Demo"',
]


def _key(app: App, directory: Path) -> str:
    """The demo's API key: the one of the last time, if the directory is kept, or a new one."""
    import secrets

    path = directory / "demo.key"
    if path.exists():
        kept = path.read_text().strip()
        _, key_id, secret = [*kept.split("_", 2), "", ""][:3]
        client = app.service.clients.authenticate(key_id, secret)
        if client is not None and client.scopes >= _SCOPES:
            return kept
    key, made = app.service.clients.create(f"demo-{secrets.token_hex(3)}", _SCOPES)
    text = f"sck_{key.id}_{made.reveal()}"
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return text


def _introduce(app: App, path: Path, real: dict[str, ModemSnapshot], handsets: Handsets | None) -> None:
    from simcourier.cli.box import local_url

    up = app.service.box.status().modems_up
    url = local_url(app.config)
    number = NUMBER if handsets else "+44..."
    curls = curl_lines(url, _key(app, path.parent), number)
    if handsets:
        who = f"{up} of {count(len(handsets.ports), 'virtual modem')} can send; no real modem answered."
    else:
        who = f"Real modems answered: {', '.join(f'{s.name} ({s.port})' for s in real.values())}; {up} can send."
    config = f"--config {shlex.quote(str(path))}"
    say = [
        who,
        "",
        "The page:",
        f"{url}/",
        "",
        "Send a code of your own:" if handsets else "Send a code (a real text: put your own number in):",
        curls.send,
        "",
        "Read back what became of it:",
        curls.read,
        "",
        "Have a code made and sent here:",
        curls.start,
        "",
        "Check it: ID is the one in the answer, CODE the one in the text" + (" below:" if handsets else ":"),
        curls.check,
        "",
        "The command line, in another terminal; verify asks for the code:",
        f"{program()} messages {config}",
        f"{program()} verify {number} {config}",
        "",
        *([_LOOSE_WORDS, ""] if handsets else []),
        "Ctrl-C ends it." + (" What the virtual handsets receive:" if handsets else ""),
    ]
    click.echo("\n".join(say))


_LOOSE_WORDS = (
    f"Limits are loose here: a code every {_GAP_S} s for a number, as many as you like. "
    "A real box begins with\none every 30 s and 10 a day, and stops what looks like fraud: simcourier limits."
)


def program() -> str:
    """How a shell calls this program."""
    if shutil.which("simcourier"):
        return "simcourier"
    called = Path(sys.argv[0])
    return (
        f"{shlex.quote(sys.executable)} -m simcourier"
        if called.name == "__main__.py"
        else shlex.quote(str(called))
    )


@dataclass(frozen=True, slots=True)
class CurlLines:
    """Lines for a shell: a message and what became of it, a verification and its check."""

    send: str
    read: str
    start: str
    check: str


def curl_lines(url: str, key: str, number: str) -> CurlLines:
    """What a shell may send to the demo; ID and CODE are for the reader to put in."""
    authorization = f"-H 'Authorization: Bearer {key}'"

    def post(path: str, body: dict[str, str]) -> str:
        json_body = f"-H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}"
        return f"curl -sS {url}/v1/{path} {authorization} {json_body}; echo"

    return CurlLines(
        post("messages", {"to": number, "text": "Your code is 493817"}),
        f"curl -sS '{url}/v1/messages?limit=1' {authorization}; echo",
        post("verifications", {"to": number, "purpose": "login"}),
        post("verifications/ID/check", {"code": "CODE"}),
    )


def show_text(text: Text) -> None:
    """One text as the handset shows it: whole, for the handset is whom it was meant for."""
    again = f"  (copy {text.copy})" if text.copy > 1 else ""
    click.echo(f"{text.at:%H:%M:%S}  {text.to}  {printable(text.text)}{again}")
