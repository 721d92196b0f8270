"""Run a radio that listens to udev, and print how its modems stand as JSON lines, until it is ended."""

from __future__ import annotations

import json
import logging
import sys
import time

from simcourier.modem.facts import Fact, ModemChanged
from simcourier.modem.timings import Timings
from simcourier.radio import DiscoverySpec, Radio, RadioSettings


def show(fact: Fact) -> None:
    if isinstance(fact, ModemChanged):
        one = fact.snapshot
        told = {"name": one.name, "state": one.state, "port": one.port, "device": one.device}
        print(json.dumps({**told, "reason": one.reason, "imei": one.imei}), flush=True)


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    # Whatever is found is told by udev: nothing is looked for by itself within the time of a test.
    settings = RadioSettings(
        udev=True,
        scan_every=300.0,
        reconcile_every=300.0,
        timings=Timings(probe=0.1, quiet=0.02, command=1.0),
    )
    radio = Radio([], DiscoverySpec(patterns=("/dev/ttyUSB*",)), show, settings)
    radio.start()
    print(json.dumps({"listening": True}), flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
