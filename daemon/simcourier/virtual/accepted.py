"""One SMS-SUBMIT that the network has taken: what it does with it, and the record that is kept of it."""

from __future__ import annotations

import msgspec

from simcourier.virtual.codec import Submit
from simcourier.virtual.sim import Sim


class Record(msgspec.Struct, kw_only=True):
    """One SMS-SUBMIT that reached the network, as a line of network.jsonl has it.

    `vp` is the validity in seconds, or null; `delivered` and `tp_st` are what the network has decided to do.
    `sim` is the card's ICCID and `network` its operator; `copy` is 2 for the second submit of the same text (or
    part of it) to the same number, from whatever SIM, and so on. `wall_ms` is the service centre's clock.
    """

    monotonic_ns: int
    wall_ms: int
    modem: str
    sim: str
    network: str
    copy: int
    mr: int
    to: str
    text: str
    vp: float | None
    part: int
    parts: int
    ref: int
    srr: bool
    pid: int
    dcs: int
    alphabet: str
    delivered: bool
    tp_st: int


class Stats(msgspec.Struct):
    """What the network has done so far; `dropped` counts what a SIM's queue had no room for."""

    submits: int = 0
    delivered: int = 0
    undelivered: int = 0
    lost: int = 0
    reports: int = 0
    dropped: int = 0
    texts_to_sims: int = 0


class Accepted:
    """A message that the network has taken; `answer_at` is when the modem learns its reference."""

    __slots__ = ("answer_at", "delivered", "has_report", "interim_status", "is_done", "mr", "report_delay", "reports",
                 "sim", "status", "submit", "taken_at")  # fmt: skip

    def __init__(self, sim: Sim, mr: int, submit: Submit, taken_at: float) -> None:
        self.sim = sim
        self.mr = mr
        self.submit = submit
        self.taken_at = taken_at
        self.answer_at = taken_at
        self.status = self.interim_status = 0
        self.delivered = True
        self.has_report = False
        self.report_delay = 0.0
        self.reports = 1
        self.is_done = False
