"""Where the cause of a refused submit lies (`sms.causes`): with the message, the SIM, the network or the modem."""

from __future__ import annotations

from hashlib import blake2b

from simcourier.modem.facts import Fault
from simcourier.sms.causes import Judgement, Kind, Verdict
from simcourier.sms.submit import SubmitPdu

# TS 24.011 annex E: what the network says of the subscription, which the SIM stands for. 21 is often: no credit.
_SUBSCRIPTION = frozenset({8, 10, 21, 28, 29, 50})
# What it says of the recipient: nothing here can change that.
_RECIPIENT = frozenset({1, 22, 27, 30})
_SIM_BY_CMS = frozenset({*range(310, 319), 330, 0xD0, 0xD1, 0xD4, 0xD5})
_SIM_BY_CME = frozenset({*range(5, 8), *range(10, 19), *range(40, 49)})
_NETWORK_BY_CMS = frozenset({331, 332, *range(0xB0, 0xD0)})
_NETWORK_BY_CME = frozenset({30, 31, 32})


def fault_of(judgement: Judgement) -> Fault:
    """Return as what a refusal counts."""
    cause = judgement.cause
    if judgement.kind is Kind.CMS and cause is not None:
        return _by_cms(cause, judgement.verdict)
    if judgement.verdict is Verdict.NEVER:
        return Fault.REFUSED_MESSAGE
    if judgement.kind is Kind.CME and cause in _SIM_BY_CME:
        return Fault.REFUSED_SIM
    if judgement.kind is Kind.CME and cause in _NETWORK_BY_CME:
        return Fault.REFUSED_NETWORK
    return Fault.REFUSED_MODEM


def _by_cms(cause: int, verdict: Verdict) -> Fault:
    if cause in _SUBSCRIPTION or cause in _SIM_BY_CMS:
        return Fault.REFUSED_SIM
    if cause in _RECIPIENT or verdict is Verdict.NEVER:
        return Fault.REFUSED_MESSAGE
    if cause < 128 or cause in _NETWORK_BY_CMS:
        return Fault.REFUSED_NETWORK
    return Fault.REFUSED_MODEM


def a_restart_may_help(judgement: Judgement) -> bool:
    """Tell whether refusals such as this one, again and again, speak of a modem that has lost its mind or its SIM."""
    fault = fault_of(judgement)
    return fault is Fault.REFUSED_MODEM or (fault is Fault.REFUSED_SIM and judgement.verdict is Verdict.CARE)


def fingerprint(pdu: SubmitPdu) -> bytes:
    """Return what tells one message from another: its PDU without TP-VP, which is shorter at each new try."""
    address = 2 + (int(pdu.hex[6:8], 16) + 1) // 2  # TS 23.040 section 9.2.2.2, behind an empty SCA field
    validity = 2 * (3 + address + 2)
    return blake2b((pdu.hex[:validity] + pdu.hex[validity + 2 :]).encode(), digest_size=8).digest()
