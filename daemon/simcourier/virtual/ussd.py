"""USSD: what a code is answered, and how makes write it into +CUSD (TS 27.007 section 7.15, TS 23.038 section 5)."""

from __future__ import annotations

from simcourier.virtual import alphabet
from simcourier.virtual.equipment import Equipment
from simcourier.virtual.occasions import sample

# <m> of +CUSD.
NO_FURTHER_ACTION, FURTHER_ACTION, NOT_SUPPORTED = 0, 1, 4
_GSM7, _UCS2 = 15, 72
_CR = b"\r"


def request(equipment: Equipment, typed: str) -> None:
    """Let the network answer a code, or a choice in an open session, with +CUSD behind the final result code."""
    code = _read(equipment, typed)
    replies = equipment.settings.ussd
    path = f"{equipment.ussd_path}/{code}" if equipment.ussd_path else code
    reply = replies.get(path)
    equipment.ussd_path = ""
    if reply is None:
        line = f"+CUSD: {NOT_SUPPORTED}"
    else:
        is_open = any(key.startswith(path + "/") for key in replies)
        equipment.ussd_path = path if is_open else ""
        text, dcs = _write(equipment, _filled(equipment, reply))
        line = f'+CUSD: {FURTHER_ACTION if is_open else NO_FURTHER_ACTION},"{text}",{dcs}'
    equipment.after.append((sample(equipment.settings.ussd_delay, equipment.rng), line))


def _filled(equipment: Equipment, reply: str) -> str:
    balance = equipment.sim.balance
    return reply.replace("{balance}", "0.00" if balance is None else f"{balance:.2f}")


def _read(equipment: Equipment, typed: str) -> str:
    """Read the code: as text, or as packed septets in hexadecimal by those modems that want them."""
    if equipment.profile.ussd == "packed" and not typed.startswith(("*", "#")):
        try:
            packed = bytes.fromhex(typed)
        except ValueError:
            packed = b""
        code = alphabet.decode(alphabet.unpack(packed, len(packed) * 8 // 7).removesuffix(_CR).rstrip(b"\0"))
        if code and not code.strip("*#0123456789"):
            return code
    return equipment.unspell(typed)


def _write(equipment: Equipment, text: str) -> tuple[str, int]:
    septets = alphabet.encode(text)
    if equipment.profile.ussd == "ucs2" or septets is None:
        return text.encode("utf-16-be").hex().upper(), _UCS2
    if equipment.profile.ussd == "packed":
        # Section 6.1.2.3.1: seven spare bits at the end would read as @, so they are a carriage return.
        padding = _CR if len(septets) % 8 == 7 else b""
        return alphabet.pack(septets + padding).hex().upper(), _GSM7
    return equipment.spell(text), _GSM7
