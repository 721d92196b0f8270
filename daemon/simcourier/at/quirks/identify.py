"""Tell a modem's make from what it says of itself (CGMI, CGMM, CGMR: TS 27.007 section 5)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from simcourier.at.quirks import makes
from simcourier.at.quirks.quirks import UNKNOWN, Quirks


class _Rule(NamedTuple):
    """Quirks for modems whose manufacturer and model both match; an empty pattern matches anything."""

    manufacturer: str
    model: str
    quirks: Quirks


# The first that matches counts, so a model comes before its make. Manufacturers are written in any case, with
# blanks in front (Wavecom), or not at all by modules that bear somebody else's label.
_RULES = (
    _Rule("brovi", "", makes.HUAWEI_BROVI),
    _Rule("", r"e3372-325", makes.HUAWEI_BROVI),
    _Rule("huawei", "", makes.HUAWEI),
    _Rule(r"\bzte\b", "", makes.ZTE),
    _Rule(
        "quectel", r"(?:quectel[_ ])?(?:m(?:10|26|35|56|66|72|80|85|9[05])|mc\d\d|ug\d\d)", makes.QUECTEL_2G
    ),
    _Rule("quectel", "", makes.QUECTEL),
    _Rule("", r"(?:simcom[_ ])?sim[3-689]\d\d(?!\d)", makes.SIMCOM_2G),
    _Rule("", r"(?:simcom[_ ])?(?:sim[78]\d{3}|a7\d{3})", makes.SIMCOM_LTE),
    _Rule("simcom", "", makes.SIMCOM_LTE),
    _Rule("telit", "", makes.TELIT),
    _Rule("wavecom", "", makes.WAVECOM),
    _Rule("", r"multiband", makes.WAVECOM),
    _Rule("sierra", "", makes.SIERRA),
    _Rule(r"u-?blox", "", makes.U_BLOX),
    _Rule("siemens", r"(?:tc|mc)3[05]", makes.SIEMENS_TC35),
    _Rule("cinterion|siemens|gemalto|thales", "", makes.CINTERION),
    _Rule("nokia", r"(?!.*cs-\d)", makes.NOKIA),  # its CS-10 and the like are sticks, not phones
    _Rule("novatel", "", makes.QUALCOMM_NOVATEL),
    _Rule("qualcomm|gobi", "", makes.QUALCOMM),
)
_COMPILED = tuple(
    (re.compile(rule.manufacturer, re.IGNORECASE), re.compile(rule.model, re.IGNORECASE), rule.quirks)
    for rule in _RULES
)


@lru_cache(maxsize=64)
def identify(manufacturer: str, model: str, revision: str) -> Quirks:
    """Return the quirks of a modem; `UNKNOWN` for one that nobody described.

    Some sticks put their maker's name only in front of model or revision, so it is looked for in all three.
    """
    said = f"{manufacturer} {model} {revision}"
    for by_maker, by_model, quirks in _COMPILED:
        if by_maker.search(said) and by_model.match(model.strip()):
            return quirks
    return UNKNOWN
