"""The home network out of an IMSI (ITU-T E.212, TS 23.003 section 2.2)."""

from __future__ import annotations

_COUNTRY = 3
_SHORTEST_IMSI = 6
_LONGEST_IMSI = 15

# Countries whose network codes have three digits (ITU Operational Bulletin, annex "Mobile Network Codes").
_THREE_DIGITS = frozenset(
    {
        "302",  # Canada
        *("310", "311", "312", "313", "314", "315", "316"),  # United States
        "330",  # Puerto Rico
        "334",  # Mexico
        *(
            "338",
            "342",
            "344",
            "346",
            "348",
            "352",
            "354",
            "356",
            "358",
            "360",
            "365",
            "366",
            "376",
        ),  # Caribbean
        "708",  # Honduras
        "722",  # Argentina
        "732",  # Colombia
        "750",  # Falkland Islands
    }
)

# Countries that have both: the network codes of three digits, as first and last of each run.
_SOME_THREE_DIGITS = {
    "374": ((130, 149),),  # Trinidad and Tobago
    "405": ((25, 47), (750, 756), (799, 932)),  # India
    "502": ((142, 148), (150, 157)),  # Malaysia
}


def home_network(imsi: str) -> str:
    """Return mobile country and network code, 5 or 6 digits; empty for what is no IMSI.

    The card itself knows how long its network code is (EF_AD), but not every modem reads it out.
    """
    if not (imsi.isascii() and imsi.isdigit() and _SHORTEST_IMSI <= len(imsi) <= _LONGEST_IMSI):
        return ""
    country, code = imsi[:_COUNTRY], int(imsi[_COUNTRY : _COUNTRY + 3])
    long = country in _THREE_DIGITS or any(
        first <= code <= last for first, last in _SOME_THREE_DIGITS.get(country, ())
    )
    return imsi[: _COUNTRY + 3] if long else imsi[: _COUNTRY + 2]
