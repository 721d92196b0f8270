"""Causes of a refused message and what to do: TS 24.011 annex E, 23.040 9.2.3.22, 27.005 3.2.5, 27.007 9.2.

The numbers and words are the standards', the verdicts our reading of them. A refusal that lies in the
subscription (barred, no credit, not subscribed) says ELSEWHERE: another SIM may do what this one may not.
"""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What a refusal means for the message."""

    NEVER = "never"
    """No SIM will send this message."""
    AGAIN_HERE = "again-here"
    """The same SIM may send it after a wait."""
    LATER = "later"
    """The recipient's phone can't take it now: any SIM may send it after a wait."""
    ELSEWHERE = "elsewhere"
    """Another SIM may send it; this one won't soon."""
    CARE = "care"
    """The modem or the SIM needs care; the message is not to blame."""


_NEVER, _AGAIN, _LATER = Verdict.NEVER, Verdict.AGAIN_HERE, Verdict.LATER
_ELSEWHERE, _CARE = Verdict.ELSEWHERE, Verdict.CARE

Cause = tuple[str, Verdict]

# TS 24.011 section 8.2.5.4 and annex E-2: RP-Cause
_RP_CAUSES: dict[int, Cause] = {
    1: ("unassigned number", _NEVER),
    8: ("operator determined barring", _ELSEWHERE),
    10: ("call barred", _ELSEWHERE),
    11: ("reserved", _AGAIN),
    17: ("network failure", _AGAIN),
    21: ("short message transfer rejected", _ELSEWHERE),  # often: no credit
    22: ("memory capacity exceeded", _LATER),  # the phone's
    27: ("destination out of order", _LATER),
    28: ("unidentified subscriber", _ELSEWHERE),  # the sender's IMSI
    29: ("facility rejected", _ELSEWHERE),
    30: ("unknown subscriber", _NEVER),  # the recipient isn't in the HLR
    38: ("network out of order", _ELSEWHERE),  # "likely to last a relatively long period"
    41: ("temporary failure", _AGAIN),
    42: ("congestion", _AGAIN),
    47: ("resources unavailable", _AGAIN),
    50: ("requested facility not subscribed", _ELSEWHERE),
    69: ("requested facility not implemented", _ELSEWHERE),
    81: ("invalid short message transfer reference value", _AGAIN),
    95: ("semantically incorrect message", _ELSEWHERE),
    96: ("invalid mandatory information", _ELSEWHERE),  # seen for a wrong service centre address too
    97: ("message type non-existent or not implemented", _ELSEWHERE),
    98: ("message not compatible with short message protocol state", _AGAIN),
    99: ("information element non-existent or not implemented", _ELSEWHERE),
    111: ("protocol error", _AGAIN),
    127: ("interworking", _ELSEWHERE),
}

# TS 23.040 section 9.2.3.22: TP-FCS
_TP_FCS: dict[int, Cause] = {
    0x80: ("telematic interworking not supported", _NEVER),
    0x81: ("short message type 0 not supported", _NEVER),
    0x82: ("cannot replace short message", _NEVER),
    0x8F: ("unspecified TP-PID error", _NEVER),
    0x90: ("data coding scheme not supported", _NEVER),
    0x91: ("message class not supported", _NEVER),
    0x9F: ("unspecified TP-DCS error", _NEVER),
    0xA0: ("command cannot be actioned", _NEVER),
    0xA1: ("command unsupported", _NEVER),
    0xAF: ("unspecified TP-Command error", _NEVER),
    0xB0: ("TPDU not supported", _ELSEWHERE),
    0xC0: ("SC busy", _AGAIN),
    0xC1: ("no SC subscription", _ELSEWHERE),
    0xC2: ("SC system failure", _ELSEWHERE),
    0xC3: ("invalid SME address", _NEVER),
    0xC4: ("destination SME barred", _NEVER),
    0xC5: ("SM rejected, duplicate SM", _NEVER),
    0xC6: ("TP-VPF not supported", _ELSEWHERE),
    0xC7: ("TP-VP not supported", _ELSEWHERE),
    0xD0: ("SIM SMS storage full", _CARE),
    0xD1: ("no SMS storage capability in SIM", _CARE),
    0xD2: ("error in MS", _CARE),
    0xD3: ("memory capacity exceeded in MS", _CARE),
    0xD4: ("SIM application toolkit busy", _AGAIN),
    0xD5: ("SIM data download error", _CARE),
    0xFF: ("unspecified error cause", _AGAIN),
}

# TS 27.005 section 3.2.5: message service failure
_MESSAGE_SERVICE: dict[int, Cause] = {
    300: ("ME failure", _AGAIN),
    301: ("SMS service of ME reserved", _AGAIN),
    302: ("operation not allowed", _CARE),
    303: ("operation not supported", _CARE),
    304: ("invalid PDU mode parameter", _NEVER),
    305: ("invalid text mode parameter", _NEVER),
    310: ("SIM not inserted", _CARE),
    311: ("SIM PIN required", _CARE),
    312: ("PH-SIM PIN required", _CARE),
    313: ("SIM failure", _CARE),
    314: ("SIM busy", _AGAIN),
    315: ("SIM wrong", _CARE),
    316: ("SIM PUK required", _CARE),
    317: ("SIM PIN2 required", _CARE),
    318: ("SIM PUK2 required", _CARE),
    320: ("memory failure", _CARE),
    321: ("invalid memory index", _CARE),
    322: ("memory full", _CARE),
    330: ("SMSC address unknown", _CARE),
    331: ("no network service", _ELSEWHERE),
    332: ("network timeout", _AGAIN),
    340: ("no CNMA acknowledgement expected", _AGAIN),
    500: ("unknown error", _AGAIN),
    512: ("the manufacturer's own, please wait", _AGAIN),  # Wavecom
    515: ("please wait, a command is in progress", _AGAIN),  # Wavecom
}

CMS_CAUSES = _RP_CAUSES | _TP_FCS | _MESSAGE_SERVICE

# TS 27.007 section 9.2.1: general errors
CME_CAUSES: dict[int, Cause] = {
    0: ("phone failure", _CARE),
    1: ("no connection to phone", _CARE),
    2: ("phone adaptor link reserved", _AGAIN),
    3: ("operation not allowed", _CARE),
    4: ("operation not supported", _CARE),
    5: ("PH-SIM PIN required", _CARE),
    6: ("PH-FSIM PIN required", _CARE),
    7: ("PH-FSIM PUK required", _CARE),
    10: ("SIM not inserted", _CARE),
    11: ("SIM PIN required", _CARE),
    12: ("SIM PUK required", _CARE),
    13: ("SIM failure", _CARE),
    14: ("SIM busy", _AGAIN),
    15: ("SIM wrong", _CARE),
    16: ("incorrect password", _CARE),
    17: ("SIM PIN2 required", _CARE),
    18: ("SIM PUK2 required", _CARE),
    20: ("memory full", _CARE),
    21: ("invalid index", _CARE),
    22: ("not found", _CARE),
    23: ("memory failure", _CARE),
    24: ("text string too long", _NEVER),
    25: ("invalid characters in text string", _NEVER),
    26: ("dial string too long", _NEVER),
    27: ("invalid characters in dial string", _NEVER),
    30: ("no network service", _ELSEWHERE),
    31: ("network timeout", _AGAIN),
    32: ("network not allowed, emergency calls only", _ELSEWHERE),
    40: ("network personalization PIN required", _CARE),
    41: ("network personalization PUK required", _CARE),
    42: ("network subset personalization PIN required", _CARE),
    43: ("network subset personalization PUK required", _CARE),
    44: ("service provider personalization PIN required", _CARE),
    45: ("service provider personalization PUK required", _CARE),
    46: ("corporate personalization PIN required", _CARE),
    47: ("corporate personalization PUK required", _CARE),
    48: ("hidden key required", _CARE),
    100: ("unknown", _AGAIN),
    512: ("the manufacturer's own, please wait", _AGAIN),  # Wavecom
    515: ("please wait, a command is in progress", _AGAIN),  # Wavecom
}

# Words that modems use instead of the standards' (lower case, as `causes` compares them)
CMS_ALIASES = {
    "unassigned unallocated number": 1,
    "operator barred": 8,
    "destination out of service": 27,
    "requested facility rejected": 29,
    "resources unavailable unspecified": 47,
    "facility not subscribed": 50,
    "facility not implemented": 69,
    "invalid short message reference": 81,
    "invalid transaction identifier": 81,
    "invalid message": 95,
    "protocol error unspecified": 111,
    "interworking unspecified": 127,
    "sms service reserved": 301,
    "not allowed": 302,
    "not supported": 303,
    "invalid pdu parameter": 304,
    "invalid pdu mode": 304,
    "invalid text parameter": 305,
    "no sim": 310,
    "sim not present": 310,
    "ph sim pin": 312,
    "sms center address unknown": 330,
    "service center address unknown": 330,
    "smsc unknown": 330,
    "no network": 331,
    "network time out": 332,
    "no cnma expected": 340,
    "unknown": 500,
    "please wait": 515,
}
CME_ALIASES = {
    "unknown error": 100,
    "no sim": 10,
    "sim not present": 10,
    "no network": 30,
    "please wait": 515,
}
