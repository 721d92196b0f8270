"""`simcourier limits` on a box: seen, changed, lifted, blocked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from web_fixtures import WebBox, web_box
from werkzeug.serving import make_server

from simcourier.cli.group import simcourier

PHONE = "+447700900123"
Run = Callable[..., Result]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path / "storage") as box:
        box.modem()
        yield box


@pytest.fixture
def run(web: WebBox) -> Iterator[Run]:
    """The command line against that box, over real HTTP."""
    server = make_server("127.0.0.1", 0, web.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    key = web.key("admin")

    def invoke(*words: str) -> Result:
        where = ["--url", f"http://127.0.0.1:{server.server_port}", "--key", key]
        return CliRunner().invoke(simcourier, ["limits", *where, *words])

    yield invoke
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_holds_is_a_table_that_fits_a_terminal(run: Run) -> None:
    shown = run()
    assert shown.exit_code == 0
    assert "Today (UTC): 0 segments, no budget is set" in shown.output
    rows = [line.split() for line in shown.output.splitlines()]
    assert ["number", "gap", "30", "s", "-"] in rows
    assert ["country", "hour", "200", "-"] in rows
    assert "Set by an admin" not in shown.output
    assert max(map(len, shown.output.splitlines())) <= 80
    assert run("show").output == shown.output


def test_a_bound_is_set_for_one_or_for_all_and_reset(run: Run) -> None:
    assert run("set", "country", "hour", "1000", "--of", "GB").output == "country GB, hour: at most 1000\n"
    assert run("set", "number", "gap", "60").output == "number all, gap: at least 60 s\n"
    assert run("set", "number", "day", "0", "--of", PHONE, "--kind", "messages").output == (
        "number +44•••••0123, day: without a bound\n"
    )
    shown = run().output
    assert ["number", "gap", "60", "s", "-"] in [line.split() for line in shown.splitlines()]
    listed = shown.partition("Set by an admin")[2]
    assert [line.split()[:5] for line in listed.splitlines()[3:]] == [
        ["messages", "number", "+44•••••0123", "day", "any"],
        ["verifications", "country", "GB", "hour", "1000"],
        ["verifications", "number", "all", "gap", "60"],
    ]
    assert run("reset", "number", "gap").output == "number all, gap: as configured\n"
    assert run("reset", "number", "gap").exit_code == 1


def test_a_bound_may_end(run: Run) -> None:
    assert ", until 2027-01-15 " in run("set", "box", "day", "50", "--for", "2h").output
    tomorrow = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
    assert ", until " in run("set", "box", "day", "50", "--until", tomorrow).output
    for wrong in (("--for", "2 hours"), ("--for", "0h"), ("--until", "2020-01-01"), ("--until", "soon")):
        assert run("set", "box", "day", "50", *wrong).exit_code == 2


def test_what_a_number_used_is_shown_masked(run: Run) -> None:
    shown = run("show", PHONE)
    assert shown.exit_code == 0
    assert "+44•••••0123" in shown.output
    assert "7700900" not in shown.output
    assert max(map(len, shown.output.splitlines())) <= 80
    assert {use["scope"] for use in json.loads(run("show", PHONE, "--json").output)["uses"]} == {
        "number",
        "prefix",
        "country",
    }
    assert json.loads(run("show", "GB", "--json").output)["uses"][0]["scope"] == "country"
    assert run("show", "nobody").exit_code == 1


def test_blocking_listing_and_lifting(run: Run) -> None:
    blocked = run("block", PHONE, "--scope", "prefix", "--for", "12h", "--reason", "fraud")
    assert blocked.output.startswith("prefix +44••••• is blocked, until ")
    (block,) = json.loads(run("--json").output)["blocks"]
    assert block["key"] in run().output
    assert block["key"] in run("show", PHONE).output
    assert run("lift", block["key"], "--scope", "prefix").output == (
        "prefix +44•••••: counted from zero, and it is no longer blocked\n"
    )
    assert run("block", "GB").output == "country GB is blocked\n"
    assert run("unblock", "GB").output == "country GB is no longer blocked\n"
    assert run("unblock", "GB").exit_code == 1
    assert run("lift", "--scope", "box").output == "box: counted from zero\n"
