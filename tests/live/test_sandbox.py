"""A sandbox key on a running box: its texts leave through the sandbox's modem only, whatever fails."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.appliance import Appliance, Network, eventually, simcourier

pytestmark = pytest.mark.live
SANDBOX = 2
"""Which of the three virtual modems is the sandbox's; the other two stand for real ones."""
SCENARIO = "submit_delay = [0.05, 0.2]\n"


@contextlib.contextmanager
def box_with_a_sandbox(directory: Path) -> Iterator[tuple[Appliance, Network, str]]:
    network = Network(directory / "modems", 3, SCENARIO)
    port = network.ports[SANDBOX]
    box = Appliance(
        directory / "box",
        network.ports[:SANDBOX],
        f'[[modems]]\nport = "{port}"\nname = "sandbox"\nsandbox = true\n',
    )
    try:
        made = subprocess.run(
            simcourier("keys", "create", "tester", "--sandbox", "--config", box.config),
            capture_output=True,
            text=True,
            check=True,
        )
        box.start()
        yield box, network, made.stdout.strip()
    finally:
        box.close()
        network.stop()


def test_no_text_changes_sides_while_modems_fail_and_the_box_is_killed(tmp_path: Path) -> None:
    with box_with_a_sandbox(tmp_path) as (box, network, tester):
        real_key = box.key
        for number in range(12):
            for kind, key in (("real", real_key), ("tried", tester)):
                box.key = key
                box.send(f"{kind} {number}", f"+4477009000{number:02d}")
            if number == 3:
                # The sandbox is gone while its texts wait: the idle modems beside it must not help out.
                network.control(do="unplug", modem=SANDBOX)
                network.control(modem=0, fault="hang", **{"for": 3})
            if number == 7:
                box.key = real_key
                box.kill()
                box.start()
        box.key = real_key
        eventually(lambda: {text for text in network.copies() if text.startswith("real")} >= reals())
        network.control(do="replug", modem=SANDBOX)
        eventually(lambda: set(network.copies()) >= reals() | {f"tried {n}" for n in range(12)})
        sandbox = network.ports[SANDBOX].name
        for submit in network.submits():
            assert (submit["modem"] == sandbox) is submit["text"].startswith("tried"), submit


def reals() -> set[str]:
    return {f"real {number}" for number in range(12)}
