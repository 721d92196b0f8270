"""Find what a phone would make a link of: a code's text has none, so that none can be slipped into one."""

from __future__ import annotations

import re
import unicodedata

_SCHEME = re.compile(
    r"[a-z][a-z0-9+.-]*://|\bwww\.|\b(?:mailto|tel|sms|smsto|javascript|data):", re.IGNORECASE
)
_DOTTED = re.compile(r"[\w.-]+")
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
"""An IPv4 address: phones make links of these too, also of what is a large amount with full stops."""
_TOP = re.compile(
    r"[a-z]{2}|xn--.*|"
    "com|net|org|info|biz|edu|gov|mil|int|arpa|app|dev|xyz|top|shop|online|site|store|"
    "club|vip|live|link|click|icu|cloud|tech|pro|name|mobi|asia|cat|jobs|travel|tel|page|"
    "bank|insurance|money|loan|loans|fun|work|works|world|space|website|email|support|"
    "services|help|zone|today|life|news|media|digital|agency|network|systems|solutions|group|"
    "team|one|win|bid|men|date|review|trade|party|science|download|stream|racing|webcam|"
    "rest|monster|cyou|buzz|cfd|sbs|bond|quest|hair|beauty|lol|wiki|blog|chat|game|games|"
    "mobile|web|security|safe|secure|finance|financial|credit|card|cards|cash|delivery|"
    "express|center|company|global|plus|run|rocks|care|shopping|sale|deals|discount|promo|"
    "zip|mov|autos|pics|bar|gift|ltd|gmbh|inc|llc|google|amazon|apple"
    "|рф|рус|укр|бел|срб|қаз|мон|мкд|бг|ею|ελ|ευ|გე|հայ|مصر|امارات|السعودية|قطر|تونس|المغرب|الجزائر|عمان|ایران"
    "|भारत|中国|中國|香港|台灣|한국"
)
"""Top-level domains: every country, the generic ones that are in use, and some in other scripts."""
_OTHER_DOTS = str.maketrans("。", ".")


def find(text: str) -> str | None:
    """The first part of `text` that a phone may make a link of, or None.

    `Acme.de` is one, `St.Gallen` is none: what stands behind the last full stop decides, where it is two letters
    or a known top-level domain; and four numbers are an address.
    """
    text = unicodedata.normalize("NFKC", text).translate(_OTHER_DOTS)
    found = _SCHEME.search(text)
    if found:
        return found[0]
    for match in _DOTTED.finditer(text):
        word = match[0].strip(".-")
        if "." in word and (_TOP.fullmatch(word.rpartition(".")[2].lower()) or _ADDRESS.fullmatch(word)):
            return word
    return None
