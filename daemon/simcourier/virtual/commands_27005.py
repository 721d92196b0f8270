"""What a modem answers to the commands of TS 27.005, and the table of all commands."""

from __future__ import annotations

from typing import assert_never

from simcourier.virtual import messages
from simcourier.virtual.codec import StatusReport
from simcourier.virtual.commands import Answer, Handler, Prompt, changed
from simcourier.virtual.commands_27007 import MOBILE
from simcourier.virtual.commands_v250 import V250
from simcourier.virtual.equipment import Equipment
from simcourier.virtual.errors import CmeError, CmsError, PlainError, from_scenario
from simcourier.virtual.fields import PduError, encode_address
from simcourier.virtual.sim import Stored
from simcourier.virtual.syntax import Command, Form

_TEXT_STATUS = {
    "REC UNREAD": (False,),
    "REC READ": (True,),
    "STO UNSENT": (),
    "STO SENT": (),
    "ALL": (False, True),
}
_PDU_STATUS = {"0": (False,), "1": (True,), "2": (), "3": (), "4": (False, True)}
_MAX_TPDU = 164


def _list(values: tuple[int, ...]) -> str:
    return "(" + ",".join(map(str, values)) + ")"


def _csca(equipment: Equipment, command: Command, now: float) -> Answer:
    equipment.need_sim(now, is_sms=True)
    match command.form:
        case Form.TEST:
            return []
        case Form.READ:
            number = equipment.sim.smsc
            kind = 145 if number.startswith("+") else 129
            equipment.is_smsc_lost = False
            return [f'+CSCA: "{equipment.spell(number)}",{kind}']
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            number = equipment.unspell(command.fields()[0])
            try:
                encode_address(number)
            except PduError:
                raise CmsError(304) from None
            equipment.sim.smsc = number
            return []
        case never:
            assert_never(never)


def _cmgf(equipment: Equipment, command: Command, now: float) -> Answer:
    match command.form:
        case Form.TEST:
            return ["+CMGF: (0,1)"]
        case Form.READ:
            return [f"+CMGF: {equipment.cmgf}"]
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            (equipment.cmgf,) = changed(command, [0], ((0, 1),))
            return []
        case never:
            assert_never(never)


def _csms(equipment: Equipment, command: Command, now: float) -> Answer:
    match command.form:
        case Form.TEST:
            return [f"+CSMS: {_list(equipment.profile.csms)}"]
        case Form.READ:
            return [f"+CSMS: {equipment.csms},1,1,1"]
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            allowed = equipment.profile.csms
            if command.args == "1" and 1 not in allowed:
                raise CmsError(302)
            (equipment.csms,) = changed(command, [0], (allowed,))
            equipment.awaits_cnma = False
            return ["+CSMS: 1,1,1"]
        case never:
            assert_never(never)


def _csmp(equipment: Equipment, command: Command, now: float) -> Answer:
    match command.form:
        case Form.TEST:
            return []
        case Form.READ:
            return [f"+CSMP: {','.join(map(str, equipment.csmp))}"]
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            equipment.csmp = changed(command, equipment.csmp, (range(256),) * 4)
            if equipment.profile.csmp_clears_smsc:
                equipment.sim.smsc = ""
            return []
        case never:
            assert_never(never)


def _cnmi(equipment: Equipment, command: Command, now: float) -> Answer:
    equipment.need_sim(now, is_sms=True)
    profile = equipment.profile
    match command.form:
        case Form.TEST:
            return ["+CNMI: " + (profile.cnmi_listed or ",".join(_list(values) for values in profile.cnmi))]
        case Form.READ:
            return [f"+CNMI: {','.join(map(str, equipment.cnmi))}"]
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            if not command.args and profile.cnmi_empty_resets:
                equipment.cnmi = list(profile.cnmi_default)
                return []
            try:
                wanted = changed(command, equipment.cnmi, profile.cnmi)
            except CmeError:
                raise from_scenario(profile.cnmi_error) from None
            _check_notices(equipment, wanted)
            equipment.cnmi = wanted
            return []
        case never:
            assert_never(never)


def _check_notices(equipment: Equipment, wanted: list[int]) -> None:
    """Refuse what the make lists and does not do."""
    profile = equipment.profile
    is_direct = wanted[1] >= 2 or wanted[3] == 1
    if not profile.cnmi_refused.isdisjoint(enumerate(wanted)):
        raise from_scenario(profile.cnmi_error)
    if profile.direct_needs_csms and is_direct and not equipment.csms:
        raise from_scenario(profile.cnmi_error)


def _cpms(equipment: Equipment, command: Command, now: float) -> Answer:
    equipment.need_sim(now, is_sms=True)
    sim, stores = equipment.sim, equipment.profile.stores
    memories = equipment.memories[: len(stores)]
    match command.form:
        case Form.TEST:
            if equipment.profile.cpms_listed:
                return [f"+CPMS: {equipment.profile.cpms_listed}"]
            named = ["(" + ",".join(f'"{store}"' for store in choice) + ")" for choice in stores]
            return ["+CPMS: " + ",".join(named)]
        case Form.READ:
            used = [f'"{name}",{len(sim.stores[name])},{sim.storage_size}' for name in memories]
            return ["+CPMS: " + ",".join(used)]
        case Form.EXECUTE:
            raise PlainError
        case Form.SET:
            wanted = command.fields()
            if len(wanted) not in equipment.profile.cpms_arguments:
                raise PlainError
            if any(name and name not in stores[at] for at, name in enumerate(wanted)):
                raise CmsError(302)
            for place, name in enumerate(wanted):
                equipment.memories[place] = memories[place] = name or equipment.memories[place]
            counts = [f"{len(sim.stores[name])},{sim.storage_size}" for name in memories]
            return ["+CPMS: " + ",".join(counts)]
        case never:
            assert_never(never)


def _cmgs(equipment: Equipment, command: Command, now: float) -> Answer:
    if command.form is Form.TEST:
        return []
    if command.form is not Form.SET:
        raise PlainError
    equipment.need_sim(now, is_sms=True)
    if equipment.cmgf == 0:
        # The length counts the TPDU without the service centre's address (section 4.3).
        if not command.args.isdecimal() or not 0 < int(command.args) <= _MAX_TPDU:
            raise CmsError(304)
        return Prompt(length=int(command.args))
    number, *kind = command.fields()
    number = equipment.unspell(number)
    if kind == ["145"] and not number.startswith("+"):
        number = "+" + number
    if not number.removeprefix("+").isdigit() or len(number) > 21:
        raise CmsError(305)
    return Prompt(to=number)


def _cmgr(equipment: Equipment, command: Command, now: float) -> Answer:
    equipment.need_sim(now, is_sms=True)
    if command.form is Form.TEST:
        return []
    stored = equipment.read_store().get(_index(command.args))
    if stored is None:
        if equipment.profile.reads_nothing:
            return []
        raise CmsError(321)
    lines = _listing(equipment, "+CMGR: ", stored)
    stored.is_read = True
    return lines


def _listing(equipment: Equipment, head: str, stored: Stored) -> list[str]:
    if equipment.cmgf == 0:
        length, line = messages.pdu(stored.message, equipment.sim.smsc)
        return [f"{head}{int(stored.is_read)},,{length}", line]
    fields, body = messages.listed_text(stored.message, equipment.spell)
    lines = [f'{head}"{"REC READ" if stored.is_read else "REC UNREAD"}",{fields}']
    return lines if isinstance(stored.message, StatusReport) else [*lines, body]


def _index(text: str) -> int:
    if not text.isdecimal():
        raise CmsError(321)
    return int(text)


def _cmgl(equipment: Equipment, command: Command, now: float) -> Answer:
    equipment.need_sim(now, is_sms=True)
    statuses = _TEXT_STATUS if equipment.cmgf else _PDU_STATUS
    if command.form is Form.TEST:
        shown = ",".join(f'"{name}"' for name in statuses) if equipment.cmgf else "0-4"
        return [f"+CMGL: ({shown})"]
    wanted = statuses.get(command.fields()[0] or next(iter(statuses)))
    if wanted is None:
        raise CmsError(305 if equipment.cmgf else 304)
    lines: list[str] = []
    if _hides_reports(equipment):
        return lines
    for index, stored in sorted(equipment.read_store().items()):
        if stored.is_read in wanted:
            lines += _listing(equipment, f"+CMGL: {index},", stored)
            stored.is_read = True
    return lines


def _hides_reports(equipment: Equipment) -> bool:
    return equipment.profile.reports_unlisted and equipment.memories[0] == "SR"


def _cmgd(equipment: Equipment, command: Command, now: float) -> Answer:
    equipment.need_sim(now, is_sms=True)
    store = equipment.read_store()
    if command.form is Form.TEST:
        return [f"+CMGD: {_list(tuple(sorted(store)))},(0-4)"]
    index, *flag = command.fields()
    # There are no stored outgoing messages here: flags 1, 2 and 3 delete what was read, 4 deletes all.
    match flag:
        case [] | ["" | "0"]:
            # Section 3.5.4: deleting an empty place that exists is no error.
            if _index(index) >= equipment.profile.first_index + equipment.sim.storage_size:
                raise CmsError(321)
            store.pop(_index(index), None)
        case _ if _hides_reports(equipment):
            raise CmsError(500)
        case ["1" | "2" | "3"]:
            for place in [place for place, stored in store.items() if stored.is_read]:
                del store[place]
        case ["4"]:
            store.clear()
        case _:
            raise CmsError(302)
    return []


def _cnma(equipment: Equipment, command: Command, now: float) -> Answer:
    if command.form is Form.TEST:
        return [] if equipment.cmgf else ["+CNMA: (0-2)"]
    if not equipment.awaits_cnma or command.fields() not in ([""], ["0"], ["1"], ["2"]):
        raise CmsError(340 if not equipment.awaits_cnma else 304)
    if equipment.profile.cnma == "broken":
        raise CmsError(340)
    equipment.awaits_cnma = False
    return []


def _clac(equipment: Equipment, command: Command, now: float) -> Answer:
    if command.form is Form.TEST:
        return []
    return sorted(name for name in ALL_COMMANDS if name[:1] == "+" and name not in equipment.profile.unknown)


ALL_COMMANDS: dict[str, Handler] = {
    **V250,
    **MOBILE,
    "+CSCA": _csca,
    "+CMGF": _cmgf,
    "+CSMS": _csms,
    "+CSMP": _csmp,
    "+CNMI": _cnmi,
    "+CPMS": _cpms,
    "+CMGS": _cmgs,
    "+CMGR": _cmgr,
    "+CMGL": _cmgl,
    "+CMGD": _cmgd,
    "+CNMA": _cnma,
    "+CLAC": _clac,
}
