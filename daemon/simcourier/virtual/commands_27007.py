"""What a modem answers about SIM, network and its own parameters (TS 27.007)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from simcourier.virtual import ussd
from simcourier.virtual.commands import Answer, Handler, Parameter, changed, constant
from simcourier.virtual.equipment import DENIED, Equipment, SimState
from simcourier.virtual.errors import CmeError, PlainError
from simcourier.virtual.syntax import Command, Form

LOCATION_AREA, CELL, LTE = "4CA1", "01DE445", 7
_CAUSES = {
    2: "IMSI unknown in HLR",
    3: "Illegal MS",
    5: "IMEI not accepted",
    6: "Illegal ME",
    7: "GPRS services not allowed",
    8: "GPRS and non-GPRS services not allowed",
    11: "PLMN not allowed",
    12: "Location area not allowed",
    13: "Roaming not allowed in this location area",
    14: "GPRS services not allowed in this PLMN",
    15: "No suitable cells in location area",
    17: "Network failure",
    22: "Congestion",
}


def _cimi(equipment: Equipment, command: Command, now: float) -> Answer:
    if command.form is Form.TEST:
        return []
    equipment.need_sim(now)
    return [equipment.sim.imsi]


def _ccid(equipment: Equipment, command: Command, now: float) -> Answer:
    if command.form is Form.TEST:
        return []
    # The serial number can be read without the PIN, but not without the card.
    if equipment.sim_state(now) in (SimState.MISSING, SimState.BUSY):
        equipment.need_sim(now)
    return [f"{command.name}: {equipment.sim.iccid}"]


def _cnum(equipment: Equipment, command: Command, now: float) -> Answer:
    if command.form is Form.TEST:
        return []
    equipment.need_sim(now)
    if equipment.profile.cnum == "none" or not equipment.settings.number_on_sim:
        return []
    return [f'+CNUM: "","{equipment.spell(equipment.sim.number)}",145']


def _cpin(equipment: Equipment, command: Command, now: float) -> Answer:
    match command.form:
        case Form.TEST:
            return []
        case Form.READ:
            state = equipment.sim_state(now)
            if state in (SimState.MISSING, SimState.BUSY, SimState.FAILED):
                equipment.need_sim(now)
            return [f"+CPIN: {state}"]
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            code, *new = command.fields()
            if new:
                equipment.unblock(code, new[0], now)
            else:
                equipment.unlock(code, now)
            return []
        case never:
            assert_never(never)


def _cpinr(equipment: Equipment, command: Command, now: float) -> Answer:
    if command.form is Form.TEST:
        return []
    sim = equipment.sim
    return [f"+CPINR: SIM PIN,{sim.pin_tries},3", f"+CPINR: SIM PUK,{sim.puk_tries},10"]


def _clck(equipment: Equipment, command: Command, now: float) -> Answer:
    if command.form is Form.TEST:
        return ['+CLCK: ("SC")']
    if command.form is not Form.SET or command.fields()[:2] != ["SC", "2"]:
        raise CmeError(4)
    return [f"+CLCK: {0 if equipment.settings.pin is None else 1}"]


def _cfun(equipment: Equipment, command: Command, now: float) -> Answer:
    match command.form:
        case Form.TEST:
            return ["+CFUN: (0,1,4),(0,1)"]
        case Form.READ:
            return [f"+CFUN: {equipment.cfun}"]
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            level, is_reset = changed(command, [equipment.cfun, 0], ((0, 1, 4), (0, 1)))
            if is_reset:
                equipment.is_reset_wanted = True
            elif level == 1 and equipment.cfun != 1:
                equipment.look_for_network(now)
            equipment.cfun = level
            return []
        case never:
            assert_never(never)


def _cmee(equipment: Equipment, command: Command, now: float) -> Answer:
    match command.form:
        case Form.TEST:
            return ["+CMEE: (0-2)"]
        case Form.READ:
            return [f"+CMEE: {equipment.cmee}"]
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            (equipment.cmee,) = changed(command, [0], ((0, 1, 2),))
            return []
        case never:
            assert_never(never)


def _creg(equipment: Equipment, command: Command, now: float) -> Answer:
    name = command.name
    match command.form:
        case Form.TEST:
            return [f"{name}: (0-{equipment.profile.creg_modes[-1]})"]
        case Form.READ:
            mode, stat = equipment.creg[name], equipment.registration(now)
            return [f"{name}: {mode},{stat}{_place(equipment, mode, stat)}"]
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            (equipment.creg[name],) = changed(command, [0], (equipment.profile.creg_modes,))
            return []
        case never:
            assert_never(never)


def registration_urcs(equipment: Equipment, stat: int) -> list[str]:
    """Return the lines that tell a new <stat>, by what +CREG and its fellows asked for."""
    return [f"{name}: {stat}{_place(equipment, mode, stat)}" for name, mode in equipment.creg.items() if mode]


def _place(equipment: Equipment, mode: int, stat: int) -> str:
    """Return where it is registered, or (mode 3) what the network has said when it refused (cause type 0: 24.008)."""
    cause = equipment.settings.reject_cause
    if mode == 3 and stat == DENIED and cause is not None:
        return f",,,,0,{cause}"
    if mode < 2 or stat not in (1, 5):
        return ""
    match equipment.profile.creg_form:
        case "standard":
            return f',"{LOCATION_AREA}","{CELL}",{LTE}'
        case "short":
            return f',"{LOCATION_AREA}","{CELL}"'
        case "bare":
            return f",{LOCATION_AREA},{CELL}"
        case never:
            assert_never(never)


def _ceer(equipment: Equipment, command: Command, now: float) -> Answer:
    if command.form is not Form.EXECUTE:
        return []
    cause = equipment.settings.reject_cause
    if cause is None or equipment.registration(now) != DENIED:
        return [equipment.profile.ceer.format(words="No cause information available", cause=0)]
    return [equipment.profile.ceer.format(words=_CAUSES.get(cause, f"Cause {cause}"), cause=cause)]


def _cops(equipment: Equipment, command: Command, now: float) -> Answer:
    name = equipment.spell(equipment.settings.operator)
    match command.form:
        case Form.TEST:
            equipment.need_sim(now)
            return [f'+COPS: (2,"{name}","{name}","{equipment.plmn}",{LTE}),,(0-4),(0,1,2)']
        case Form.READ:
            if not equipment.is_registered(now):
                return ["+COPS: 0"]
            shown = equipment.plmn if equipment.cops_format == 2 else name
            return [f'+COPS: 0,{equipment.cops_format},"{shown}",{LTE}']
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            fields = command.fields()
            if fields[0] not in ("0", "1", "3", "4"):
                raise CmeError(4)
            if len(fields) > 1 and fields[1]:
                equipment.cops_format = changed(Command("", Form.SET, fields[1]), [0], ((0, 1, 2),))[0]
            return []
        case never:
            assert_never(never)


def _csq(equipment: Equipment, command: Command, now: float) -> Answer:
    if command.form is Form.TEST:
        return ["+CSQ: (0-31,99),(0-7,99)"]
    return [f"+CSQ: {equipment.settings.signal if equipment.cfun == 1 else 99},99"]


def _cscs(equipment: Equipment, command: Command, now: float) -> Answer:
    match command.form:
        case Form.TEST:
            return ["+CSCS: (" + ",".join(f'"{name}"' for name in equipment.profile.character_sets) + ")"]
        case Form.READ:
            return [f'+CSCS: "{equipment.cscs}"']
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            if command.fields()[0] not in equipment.profile.character_sets:
                raise CmeError(50)
            equipment.cscs = command.fields()[0]
            return []
        case never:
            assert_never(never)


def _cusd(equipment: Equipment, command: Command, now: float) -> Answer:
    match command.form:
        case Form.TEST:
            return ["+CUSD: (0-2)"]
        case Form.READ:
            return ["+CUSD: 1"]
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            fields = command.fields()
            if fields[0] == "2":
                equipment.ussd_path = ""
            if len(fields) < 2:
                return []
            if not equipment.is_registered(now):
                raise CmeError(30)
            ussd.request(equipment, fields[1])
            return []
        case never:
            assert_never(never)


def _parameter(equipment: Equipment, command: Command, now: float) -> Answer:
    return PARAMETERS[command.name].answer(equipment, command)


PARAMETERS: Mapping[str, Parameter] = {
    "+CLIP": Parameter("(0,1)", (0,), (range(2),), suffix=",1"),
    "+COLP": Parameter("(0,1)", (0,), (range(2),), suffix=",1"),
    "+CRC": Parameter("(0,1)", (0,), (range(2),)),
    "+CR": Parameter("(0,1)", (0,), (range(2),)),
    "+CVHU": Parameter("(0-2)", (0,), (range(3),)),
    "+CCWA": Parameter("(0,1)", (0,), (range(2), range(3), range(256))),
    "+CSSN": Parameter("(0,1),(0,1)", (0, 0), (range(2), range(2))),
    "+CTZU": Parameter("(0,1)", (0,), (range(2),)),
    "+CTZR": Parameter("(0-2)", (0,), (range(3),)),
    "+CGATT": Parameter("(0,1)", (1,), (range(2),)),
    "+CMMS": Parameter("(0-2)", (0,), (range(3),)),
    "+CSDH": Parameter("(0,1)", (0,), (range(2),)),
    "+IPR": Parameter("(),(0,9600,19200,38400,57600,115200)", (0,), (range(4_000_001),)),
    "+IFC": Parameter("(0-2),(0-2)", (2, 2), (range(3), range(3))),
}

MOBILE: dict[str, Handler] = {
    **dict.fromkeys(PARAMETERS, _parameter),
    "+CPAS": constant("+CPAS: 0"),
    "+CBC": constant("+CBC: 0,100"),
    **dict.fromkeys(("+CREG", "+CGREG", "+CEREG"), _creg),
    **dict.fromkeys(("+CCID", "+ICCID"), _ccid),
    "+CIMI": _cimi,
    "+CNUM": _cnum,
    "+CPIN": _cpin,
    "+CPINR": _cpinr,
    "+CLCK": _clck,
    "+CFUN": _cfun,
    "+CMEE": _cmee,
    "+COPS": _cops,
    "+CSQ": _csq,
    "+CSCS": _cscs,
    "+CUSD": _cusd,
    "+CEER": _ceer,
}
