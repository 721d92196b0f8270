"""What can be peculiar about a make of modem, as far as it changes what is said to it."""

from __future__ import annotations

from dataclasses import dataclass

# What modems of any make say when they start, or when their SIM comes or goes.
_ANYBODY_RESTARTED = (
    "RDY",
    "SMS Ready",
    "SMS DONE",
    "PB DONE",
    "POWERED DOWN",
    "NORMAL POWER DOWN",
    "+CPIN:",
    "+CFUN:",
    "^SYSSTART",
    "*ATREADY",
    "+AT:",
    "+QUSIM",
    "+UUSIM",
)


@dataclass(frozen=True, slots=True)
class Quirks:
    """One make's peculiarities. They order what is tried and forbid what harms; what works is found by trying.

    A command in here is a whole command line; one that a modem refuses all the same is done without.
    """

    name: str
    hush: tuple[str, ...] = ()
    """Said once it is known, so that it talks less, or talks to us."""
    hush_usb: tuple[str, ...] = ()
    """The same where its port is one of a USB device's."""
    never: frozenset[str] = frozenset()
    """Never asked: it hangs or crashes on them, or has no answer and the question only takes time."""
    lone: frozenset[str] = frozenset()
    """Answered by one line, without a final result code behind it."""
    pause: float = 0.0
    """Seconds that it wants between an answer and the next command."""
    iccid: tuple[tuple[str, str], ...] = ()
    """How to ask it for the ICCID, with the prefix of the answer; the usual ways are tried after these."""
    pin_tries: tuple[str, str] = ("AT+CPINR", "+CPINR")
    """How to ask how often a PIN or PUK may still be tried."""
    service: int = 0
    """Which CSMS it needs for notices: with 1 each one has to be acknowledged, or it tells no other."""
    routes: tuple[int, ...] = (1, 2)
    """CNMI `ds`, best first; none: it has no notices, and CNMI is not asked for."""
    modes: tuple[int, ...] = (2, 1, 3, 0)
    """CNMI `mode`, best first."""
    buffering: int | None = None
    """CNMI `bfr`, where the modem does not list what it takes, or lists what it refuses."""
    fields: int = 5
    """How many fields of CNMI it knows."""
    store_forms: tuple[int, ...] = (3, 2, 1)
    """With how many stores CPMS is said, best first; none: it has no stores, and CPMS is not asked for."""
    reset: str = "AT+CFUN=1,1"
    """What starts it anew; empty: nothing does."""
    restarted: tuple[str, ...] = ()
    """How unsolicited lines begin that say that it started anew or that its SIM came or went."""

    def says_restart(self, line: str) -> bool:
        """Tell whether an unsolicited line means that the modem or its SIM may have started anew."""
        return line.startswith(_ANYBODY_RESTARTED) or (
            bool(self.restarted) and line.startswith(self.restarted)
        )


UNKNOWN = Quirks("unknown")
"""A modem that nobody described: everything is asked, everything is tried."""
