"""What sets one make of modem apart from another, as data: identity, stores and what CNMI may be set to.

Only the standard profile is here; each vendor that departs from 27.005 and 27.007 becomes one more `Profile`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """One make of modem.

    `cnmi` lists what mode, mt, bm, ds and bfr may be; `stores` what mem1, mem2 and mem3 may be; `boot_lines`
    are said after power-on; commands in `unknown` are answered with ERROR; `first_index` is where stores begin.
    """

    name: str
    manufacturer: str
    model: str
    revision: str
    prompt: str = "\r\n> "
    cnmi: tuple[tuple[int, ...], ...] = ((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1))
    stores: tuple[tuple[str, ...], ...] = (("ME", "SM", "SR"), ("ME", "SM"), ("ME", "SM"))
    first_index: int = 1
    boot_lines: tuple[str, ...] = ()
    unknown: frozenset[str] = frozenset()


STANDARD = Profile(
    name="standard",
    manufacturer="simcourier",
    model="Virtual Modem",
    revision="1.0",
)

PROFILES = {profile.name: profile for profile in (STANDARD,)}
