"""Why a network does not let a SIM in, and what can be done (TS 24.008 10.5.3.6, TS 24.301 9.9.3.9)."""

from __future__ import annotations

_ASK = "ask the operator whether the SIM is active and paid"
_STICK = "try the SIM in another stick, and ask the operator whether this one's IMEI is blocked"
_PLACE = "use a SIM whose operator has a network here, or one that may roam here"
_CONTRACT = "ask the operator which services the contract includes"
_WAIT = "the modem tries again by itself"

_CAUSES: dict[int, tuple[str, str]] = {
    2: ("the operator does not know the SIM", _ASK),
    3: ("the SIM is not allowed", _ASK),
    4: ("the visited network does not know the SIM", _WAIT),
    5: ("the stick's IMEI is not accepted", _STICK),
    6: ("the stick is not allowed", _STICK),
    7: ("the SIM has no packet service", _CONTRACT),
    8: ("the SIM has neither packet nor other service", _ASK),
    9: ("the network could not tell which SIM it is", _WAIT),
    10: ("the network has logged the SIM out", _WAIT),
    11: ("the SIM may not use this network", _PLACE),
    12: ("the SIM may not be used in this area", _PLACE),
    13: ("the SIM may not roam in this area", _PLACE),
    14: ("the SIM has no packet service in this network", _PLACE),
    15: ("no cell here is meant for the SIM", _PLACE),
    16: ("the switching centre can't be reached", _WAIT),
    17: ("the network has failed", _WAIT),
    18: ("the network here has no circuit-switched service, which this SIM sends messages by", _CONTRACT),
    20: ("the SIM could not be authenticated", _ASK),
    21: ("the SIM could not be authenticated", _ASK),
    22: ("the network is congested", _WAIT),
    23: ("the SIM's authentication is too weak for the network", _ASK),
    25: ("the cell is for a closed group of subscribers", _PLACE),
    32: ("the network does not offer the service", _CONTRACT),
    33: ("the contract does not include the service", _CONTRACT),
    34: ("the service is out of order for now", _WAIT),
    35: ("the SIM may not use the service in this network", _CONTRACT),
    39: ("circuit-switched service is not available for now", _WAIT),
    42: ("the network has failed severely", _WAIT),
}


def explain_rejection(cause: int) -> str:
    """Return a reject cause in words, with its number and what can be done; also for one that nobody knows."""
    words, advice = _CAUSES.get(cause, ("the network refuses it", _WAIT if _passes(cause) else _ASK))
    return f"{words} (cause {cause}): {advice}"


def _passes(cause: int) -> bool:
    """48 to 63 mean "try again in another cell", 95 and above that a message was not understood."""
    return 48 <= cause <= 63 or cause >= 95
