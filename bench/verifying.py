"""What the benches post to /v1/verifications, for whom, and how they learn the codes: from the virtual phones."""

from __future__ import annotations

import re
import time

from bench.load import phone
from bench.network import NetworkLog
from bench.processes import ProgramError
from bench.volley import Step

PATH = "/v1/verifications"
LIFE_S = 600
_EXCHANGE = 10_000
_AREA = 10_000_000
_CODE = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")
WITH_ALL_LIMITS = """\
[destinations]
verifications = ["own", "US"]

[limits]
box_segments_day = 10000000
conversion_sample = 10000
conversion_block_percent = 1

[limits.verifications]
number_gap = 0
number_10_minutes = 10000000
number_hour = 10000000
number_day = 10000000
prefix_hour = 10000000
country_hour = 10000000
client_hour = 10000000
client_second = 10000000

[verifications]
failures_to_delay = 20
failures_to_delay_all = 100
"""
"""Each window has a bound and is evaluated for every start; none is reached."""


def number(person: int) -> str:
    """One of ten million fictional numbers: Ofcom's thousand, then the American area 555, all over its prefixes."""
    if person < 1000:
        return phone(person)
    # 7919 and the number of places have no common factor: no number comes twice.
    place = person * 7919 % (_AREA - _EXCHANGE)
    # The exchange 976 is premium, and never sent to.
    return f"+1555{place if place < 976 * _EXCHANGE else place + _EXCHANGE:07d}"


def region(person: int) -> str:
    """The ISO 3166 region of `number(person)`."""
    return "GB" if person < 1000 else "US"


def start(person: int) -> Step:
    """Begin a verification, bound to the session that the person has."""
    body = {
        "to": number(person),
        "purpose": "login",
        "subject": f"user-{person}",
        "binding": f"session-{person}",
        "ttl": LIFE_S,
    }
    return PATH, body


def check(verification: str, person: int, code: str) -> Step:
    """Check a code."""
    return f"{PATH}/{verification}/check", {"code": code, "binding": f"session-{person}"}


def wrong(code: str) -> str:
    """Another code."""
    return code[:-1] + str((int(code[-1]) + 1) % 10)


class Phones:
    """The codes that have arrived at the virtual phones, by number."""

    def __init__(self, log: NetworkLog) -> None:
        self._log = log
        self.codes: dict[str, str] = {}
        self.arrived_ns: dict[str, int] = {}

    def poll(self) -> bool:
        """Read what has arrived since the last look; was there anything? Raises ProgramError for no code in a text."""
        fresh = self._log.poll()
        for arrival in fresh:
            found = _CODE.search(arrival.text)
            if found is None:
                raise ProgramError(f"a text without a code reached the network: {arrival.text!r}")
            self.codes[arrival.to] = found[0]
            self.arrived_ns[arrival.to] = arrival.monotonic_ns
        return bool(fresh)

    def wait(self, wanted: set[str], timeout_s: float, pause_s: float = 0.02) -> None:
        """Wait until each of these numbers has got its code; `timeout_s` without any new one is a failure."""
        deadline = time.monotonic() + timeout_s
        while not wanted <= self.codes.keys():
            if self.poll():
                deadline = time.monotonic() + timeout_s
            elif time.monotonic() > deadline:
                missing = len(wanted - self.codes.keys())
                raise ProgramError(f"{missing} of {len(wanted)} codes never reached the network")
            time.sleep(pause_s)
