"""What a modem answers about SIM, network and its own parameters (TS 27.007)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from simcourier.virtual.commands import Answer, Handler, Parameter, changed, constant
from simcourier.virtual.equipment import Equipment, SimState
from simcourier.virtual.errors import CmeError, PlainError
from simcourier.virtual.syntax import Command, Form

PLMN = "00101"
LOCATION_AREA, CELL, LTE = "4CA1", "01DE445", 7
CHARACTER_SETS = ("GSM", "IRA", "UCS2")


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
            return [f"{name}: (0-2)"]
        case Form.READ:
            mode, stat = equipment.creg[name], equipment.registration(now)
            return [f"{name}: {mode},{stat}{_place(mode, stat)}"]
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            (equipment.creg[name],) = changed(command, [0], ((0, 1, 2),))
            return []
        case never:
            assert_never(never)


def registration_urcs(equipment: Equipment, stat: int) -> list[str]:
    """Return the lines that tell a new <stat>, by what +CREG and its fellows asked for."""
    return [f"{name}: {stat}{_place(mode, stat)}" for name, mode in equipment.creg.items() if mode]


def _place(mode: int, stat: int) -> str:
    return f',"{LOCATION_AREA}","{CELL}",{LTE}' if mode == 2 and stat in (1, 5) else ""


def _cops(equipment: Equipment, command: Command, now: float) -> Answer:
    name = equipment.spell(equipment.settings.operator)
    match command.form:
        case Form.TEST:
            equipment.need_sim(now)
            return [f'+COPS: (2,"{name}","{name}","{PLMN}",{LTE}),,(0-4),(0,1,2)']
        case Form.READ:
            if not equipment.is_registered(now):
                return ["+COPS: 0"]
            shown = PLMN if equipment.cops_format == 2 else name
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
            return ["+CSCS: (" + ",".join(f'"{name}"' for name in CHARACTER_SETS) + ")"]
        case Form.READ:
            return [f'+CSCS: "{equipment.cscs}"']
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            if command.fields()[0] not in CHARACTER_SETS:
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
            if len(fields) < 2:
                return []
            if not equipment.is_registered(now):
                raise CmeError(30)
            reply = equipment.settings.ussd.get(equipment.unspell(fields[1]))
            # <m> 4: operation not supported by the network (TS 27.007 section 7.15).
            line = "+CUSD: 4" if reply is None else f'+CUSD: 0,"{equipment.spell(reply)}",15'
            equipment.after.append(line)
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
}
