"""Which languages a country reads, the first one first (from CLDR's official languages)."""

from __future__ import annotations

_FIRST = {
    "am": "ET",
    "ar": "AE BH DJ DZ EG EH IQ JO KM KW LB LY MA MR OM PS QA SA SD SY TN YE",
    "az": "AZ",
    "be": "BY",
    "bg": "BG",
    "bn": "BD",
    "bs": "BA",
    "cs": "CZ",
    "da": "DK FO GL",
    "de": "AT CH DE LI",
    "dv": "MV",
    "dz": "BT",
    "el": "CY GR",
    "en": "AC AG AI AS AU BB BM BS BW BZ CA CC CK CX DM FJ FK FM GB GD GG GH GI GM GU GY IE IM IN IO JE JM KE KI"
    " KN KY LC LK LR LS MH MP MS MU MW NA NF NG NR NU NZ PG PH PK PN PW RW SB SC SG SH SL SS SX SZ TA TC TK TO TT"
    " TV TZ UG UM US VC VG VI VU WS ZA ZM ZW",
    "es": "AD AR BO CL CO CR CU DO EA EC ES GQ GT HN IC MX NI PA PE PR PY SV UY VE",
    "et": "EE",
    "fa": "AF IR",
    "fi": "FI",
    "fr": "BF BI BJ BL CD CF CG CI CM FR GA GF GN GP HT LU MC MF MG ML MQ NC NE PF PM RE SN TD TF TG WF YT",
    "he": "IL",
    "hi": "",
    "hr": "HR",
    "hu": "HU",
    "hy": "AM",
    "id": "ID",
    "is": "IS",
    "it": "IT SM VA",
    "ja": "JP",
    "ka": "GE",
    "kk": "KZ",
    "km": "KH",
    "ko": "KP KR",
    "ky": "KG",
    "lo": "LA",
    "lt": "LT",
    "lv": "LV",
    "mk": "MK",
    "mn": "MN",
    "ms": "BN MY",
    "mt": "MT",
    "my": "MM",
    "nb": "NO SJ",
    "ne": "NP",
    "nl": "AW BE BQ CW NL SR",
    "pl": "PL",
    "pt": "AO BR CV GW MZ PT ST TL",
    "ro": "MD RO",
    "ru": "RU",
    "sk": "SK",
    "sl": "SI",
    "so": "SO",
    "sq": "AL XK",
    "sr": "ME RS",
    "sv": "AX SE",
    "th": "TH",
    "ti": "ER",
    "tk": "TM",
    "tg": "TJ",
    "tr": "TR",
    "uk": "UA",
    "ur": "",
    "uz": "UZ",
    "vi": "VN",
    "zh": "CN HK MO TW",
}
# Where a country reads more than one. Between languages of a country English is the neutral one: Dutch speakers of
# Belgium would not thank for French, nor Tamil speakers of India (whose codes come in English) for Hindi.
_MORE = {
    "en": "BE BN ER FO HK LU MT MY SO",
    "ar": "ER SO TD",
    "de": "BE LU",
    "es": "PH US",
    "fr": "AD BE CA CH DJ DZ GQ KM LB MA MR MU RW SC SY TN VU",
    "hi": "IN",
    "it": "CH",
    "pt": "GQ MO",
    "ru": "BY KG KZ",
    "sv": "FI",
    "tr": "CY",
    "ur": "PK",
}


def _by_region() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for table in (_FIRST, _MORE):
        for tag, regions in table.items():
            for region in regions.split():
                found[region] = (*found.get(region, ()), tag)
    return found


LANGUAGES = _by_region()
"""ISO 3166 region to language tags."""
