"""schemathesis against a running appliance on virtual modems: as a test, and for hours by scripts/fuzz."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from live.appliance import Appliance, appliance

CHECKS = Path(__file__).with_name("schemathesis.toml")
# Limits are for people; here they would hide everything behind them.
CONFIGURATION = """
[sending]
no_modem_grace = 3600.0
[limits.verifications]
number_gap = 0
number_10_minutes = 0
number_hour = 0
number_day = 0
prefix_hour = 0
country_hour = 0
client_hour = 0
client_second = 0
[destinations]
verifications = ["any"]
[webhooks]
allowed_targets = ["https://127.0.0.1:9"]
[log]
level = "error"
"""
_TESTED = re.compile(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)")
_FAULTS = ("a request failed", "Traceback", "a recurring duty failed")


@dataclass(frozen=True, slots=True)
class Findings:
    """What a run showed."""

    output: str
    passed: bool
    operations: int
    tested: int
    faults: list[str]
    """Lines of the daemon's log that tell of a fault of ours."""


def fuzz(box: Appliance, *, seconds: int, examples: int, seed: int) -> Findings:
    """Ask everything the document offers, right and wrong, one request after another."""
    _furnish(box)
    # The key of the command line: it is no row that a fuzzed request could revoke.
    key = (box.directory / "data" / "local.key").read_text().strip()
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CHECKS), "run"]
    ended = subprocess.run(
        [
            *command,
            f"http://127.0.0.1:{box.port}/v1/openapi.json",
            *("--header", f"Authorization: Bearer {key}"),
            *("--max-examples", str(examples)),
            *("--max-time", str(seconds)),
            *("--seed", str(seed)),
            *("--request-timeout", "20"),
            *("--generation-database", "none"),
            "--no-color",
        ],
        capture_output=True,
        text=True,
        cwd=box.directory,
    )
    output = ended.stdout + ended.stderr
    counted = _TESTED.search(output)
    _selected, operations, tested = map(int, counted.groups()) if counted else (0, 0, 0)
    faults = [line for line in box.log().splitlines() if any(fault in line for fault in _FAULTS)]
    return Findings(output, ended.returncode == 0, operations, tested, faults)


def _furnish(box: Appliance) -> None:
    """What there is to find, change and remove; nobody listens at the endpoints."""
    for n in range(5):
        status, told = box.call("POST", "/v1/webhook-endpoints", {"url": f"https://127.0.0.1:9/{n}"})
        assert status == 201, told
        box.send(f"Your code is {n}")


def main() -> int:
    """The command line of scripts/fuzz."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument(
        "--examples", type=int, default=500, help="requests an operation and phase (default: 500)"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed asks the same (default: 1)")
    parser.add_argument("--modems", type=int, default=2, help="virtual modems (default: 2)")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="simcourier-fuzz-") as directory,
        appliance(Path(directory), given.modems, extra=CONFIGURATION) as (box, _network),
    ):
        found = fuzz(box, seconds=round(given.minutes * 60), examples=given.examples, seed=given.seed)
        healthy = box.is_healthy()
    print(_from_failures(found.output))
    for line in found.faults[:20]:
        print("daemon:", line[:2000])
    sound = found.passed and healthy and not found.faults
    print(
        f"{found.tested} of {found.operations} operations tested, {len(found.faults)} faults in the daemon's log, "
        f"daemon {'healthy' if healthy else 'NOT healthy'}: {'nothing found' if sound else 'FINDINGS'}"
    )
    return 0 if sound else 1


def _from_failures(output: str) -> str:
    """The end of schemathesis's report; bodies of many kilobytes cut."""
    start = re.search(r"^=+ (ERRORS|FAILURES|WARNINGS|SUMMARY) =+$", output, re.MULTILINE)
    lines = (output if start is None else output[start.start() :]).splitlines()
    return "\n".join(line[:600] for line in lines)


if __name__ == "__main__":
    sys.exit(main())
