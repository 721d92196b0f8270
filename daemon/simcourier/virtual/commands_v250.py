"""What a modem answers to the basic commands and to questions about itself (ITU-T V.250, TS 27.007 section 5)."""

from __future__ import annotations

from simcourier.virtual.commands import Answer, Handler, constant
from simcourier.virtual.equipment import Equipment
from simcourier.virtual.errors import PlainError, VerbatimError
from simcourier.virtual.syntax import Command


def _echo(equipment: Equipment, command: Command, now: float) -> Answer:
    if not equipment.settings.echo_stuck:
        equipment.echo = _switch(command)
    return []


def _verbose(equipment: Equipment, command: Command, now: float) -> Answer:
    equipment.is_verbose = _switch(command)
    return []


def _quiet(equipment: Equipment, command: Command, now: float) -> Answer:
    equipment.is_quiet = _switch(command)
    return []


def _switch(command: Command) -> bool:
    if command.args not in ("", "0", "1"):
        raise PlainError
    return command.args == "1"


def _restore(equipment: Equipment, command: Command, now: float) -> Answer:
    equipment.restore_defaults()
    equipment.is_smsc_lost = equipment.profile.smsc_lost_by_reset
    return []


def _nothing(equipment: Equipment, command: Command, now: float) -> Answer:
    return []


def _no_calls(equipment: Equipment, command: Command, now: float) -> Answer:
    raise VerbatimError("NO CARRIER")


def _ati(equipment: Equipment, command: Command, now: float) -> Answer:
    profile = equipment.profile
    return [
        line.format(
            manufacturer=profile.manufacturer,
            model=profile.model,
            revision=profile.revision,
            imei=equipment.imei,
        )
        for line in profile.ati
    ]


# Commands that say how a call, a line or a profile is to be handled: accepted, without effect here.
_ACCEPTED = (
    "",
    "H",
    "L",
    "M",
    "P",
    "T",
    "X",
    "&C",
    "&D",
    "&K",
    "&S",
    "&W",
    "&Y",
    "S0",
    "S3",
    "S4",
    "S5",
    "S7",
)

V250: dict[str, Handler] = {
    **dict.fromkeys((*_ACCEPTED, "+CHUP"), _nothing),
    **dict.fromkeys(("D", "A"), _no_calls),
    **dict.fromkeys(("Z", "&F"), _restore),
    "E": _echo,
    "V": _verbose,
    "Q": _quiet,
    "I": _ati,
    **dict.fromkeys(("+CGMI", "+GMI"), constant("{manufacturer}")),
    **dict.fromkeys(("+CGMM", "+GMM"), constant("{model}")),
    **dict.fromkeys(("+CGMR", "+GMR"), constant("{revision}")),
    **dict.fromkeys(("+CGSN", "+GSN"), constant("{imei}")),
    "+GCAP": constant("+GCAP: +CGSM"),
}
