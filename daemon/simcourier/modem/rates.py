"""Look for a modem on a serial line at the rates that modems are left at (ITU-T V.250 section 6.2.10)."""

from __future__ import annotations

from collections import deque

from simcourier.modem.modem import Modem

# What modems come with, and what other programs set them to (AT+IPR): newest habits first.
_USUAL = (115200, 9600, 19200, 57600, 460800)


def rates_for(configured: int) -> deque[int]:
    """Return at which rates to look, in this order and again: every other time at the configured one."""
    others = [rate for rate in _USUAL if rate != configured]
    return deque(rate for other in others for rate in (configured, other))


def try_next_rate(m: Modem) -> bool:
    """Have the port set to the next rate, if there is more than one to try; return whether that is so."""
    if len(m.rates) <= 1:
        return False
    m.rates.rotate(-1)
    m.rate_wanted = m.rates[0]
    return True


def keep_rate(m: Modem) -> None:
    """The modem has answered: it is looked for at this rate only, as long as its port is configured so."""
    while len(m.rates) > 1:
        m.rates.pop()
