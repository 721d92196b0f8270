"""How a modem begins: what it says after power-on and about its SIM, and what the last program has left behind."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, assert_never

from simcourier.virtual.equipment import SimState
from simcourier.virtual.line import LineState
from simcourier.virtual.profile import BootLine

if TYPE_CHECKING:
    from simcourier.virtual.modem import Modem


def say_boot_lines(modem: Modem, now: float) -> None:
    """Say what the make says after power-on, each line at its time."""
    for line in modem.equipment.profile.boot_lines:
        when = now + line.at_s * modem.settings.pace
        if when > now:
            modem.at(when, partial(_say_boot_line, modem, line))
        else:
            _say_boot_line(modem, line, now)


def _say_boot_line(modem: Modem, line: BootLine, now: float) -> None:
    state = modem.equipment.sim_state(now)
    if state is SimState.READY or not line.needs_sim:
        modem.output.say([line.text.format(cpin=state)], now)


def tell_card(modem: Modem, now: float) -> None:
    """Say that the SIM is gone, or is there and ready."""
    profile = modem.equipment.profile
    if modem.equipment.sim_state(now) is SimState.MISSING:
        modem.output.say(list(profile.sim_gone), now)
    else:
        modem.at(modem.equipment.sim_ready_at, lambda then: modem.output.say(list(profile.sim_back), then))


def find_leftovers(modem: Modem) -> None:
    """Stand as the last program to use the port has left it."""
    equipment = modem.equipment
    for left in modem.settings.left_over:
        match left:
            case "text-mode":
                equipment.cmgf = 1
            case "ucs2":
                equipment.cscs = "UCS2"
            case "numeric":
                equipment.is_verbose = False
            case "quiet":
                equipment.is_quiet = True
            case "half-command":
                modem.interpreter.forget(b"AT+CM")
            case "prompt":
                modem.state = LineState.PROMPT
            case never:
                assert_never(never)
