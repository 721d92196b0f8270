"""Answer a command as its make does where that is not as the standard has it (the data is in `profiles`)."""

from __future__ import annotations

from simcourier.virtual.equipment import Equipment
from simcourier.virtual.errors import CmeError, FinalError, VerbatimError, from_scenario
from simcourier.virtual.syntax import Command

# What such a modem does before it was asked for the PIN (python-gsmmodem's recorded dialogues).
_BEFORE_PIN = frozenset({"+CPIN", "+CFUN", "+CMEE"})
_EXTENDED = frozenset("+^*#%$_!")


class SilentError(Exception):
    """There is no answer at all to this command."""


def answer(equipment: Equipment, command: Command, now: float) -> list[str] | None:
    """Return the lines of an odd answer, or None where the make does as others. Raises FinalError, SilentError."""
    profile, name = equipment.profile, command.name
    if name in profile.unknown:
        raise unknown(equipment)
    if profile.needs_cpin_asked:
        _ask_first(equipment, name)
    for busy in profile.busy:
        if name in busy.commands and now < equipment.started_at + busy.for_s * equipment.settings.pace:
            raise from_scenario(busy.answer)
    if not profile.says:
        return None
    text = profile.says.get(command.key + command.args.upper(), profile.says.get(command.key))
    return None if text is None else given(_filled(equipment, text, now))


def given(text: str) -> list[str]:
    """Read an answer that is written down: lines, the last of them the result code; nothing is silence."""
    if not text:
        raise SilentError
    *lines, final = text.splitlines()
    if final == "OK":
        return lines
    raise VerbatimError(final) if lines else from_scenario(final)


def _ask_first(equipment: Equipment, name: str) -> None:
    if name == "+CPIN":
        equipment.was_asked_for_pin = True
    elif not equipment.was_asked_for_pin and name[:1] in _EXTENDED and name not in _BEFORE_PIN:
        raise CmeError(14)


def _filled(equipment: Equipment, text: str, now: float) -> str:
    if "{" not in text:
        return text
    sim = equipment.sim
    return text.format(
        imei=equipment.imei,
        iccid=sim.iccid,
        number=sim.number,
        cpin=equipment.sim_state(now),
        pin_tries=sim.pin_tries,
        puk_tries=sim.puk_tries,
    )


def unknown(equipment: Equipment) -> FinalError:
    """Return how the make refuses a command that it does not know."""
    return from_scenario(equipment.profile.unknown_answer)
