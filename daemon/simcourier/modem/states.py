"""Which moves a modem's state may make (daemon/DESIGN.md, "States")."""

from __future__ import annotations

from simcourier.errors import BugError
from simcourier.modem.facts import ModemState

# Any state whose port is open may lose the port, lose step, or fall silent.
_TROUBLES = frozenset({ModemState.ABSENT, ModemState.RESYNC, ModemState.SILENT})

# Where a look at SIM and network can lead.
_FINDINGS = frozenset(
    {
        ModemState.INITIALISING,
        ModemState.SIM_MISSING,
        ModemState.SIM_LOCKED,
        ModemState.SEARCHING,
        ModemState.BARRED,
        ModemState.READY,
    }
)

MOVES: dict[ModemState, frozenset[ModemState]] = {
    ModemState.ABSENT: frozenset({ModemState.OPENING}),
    ModemState.OPENING: frozenset({ModemState.ABSENT, ModemState.PROBING}),
    ModemState.PROBING: frozenset({ModemState.INITIALISING}) | _TROUBLES,
    ModemState.INITIALISING: (_FINDINGS - {ModemState.INITIALISING}) | _TROUBLES,
    ModemState.SIM_MISSING: frozenset({ModemState.INITIALISING, ModemState.SIM_LOCKED}) | _TROUBLES,
    ModemState.SIM_LOCKED: frozenset({ModemState.INITIALISING, ModemState.SIM_MISSING}) | _TROUBLES,
    ModemState.SEARCHING: frozenset({ModemState.READY, ModemState.BARRED}) | _TROUBLES,
    ModemState.BARRED: frozenset({ModemState.READY, ModemState.SEARCHING}) | _TROUBLES,
    ModemState.READY: (_FINDINGS - {ModemState.READY}) | frozenset({ModemState.SENDING}) | _TROUBLES,
    ModemState.SENDING: frozenset({ModemState.READY}) | _TROUBLES,
    ModemState.RESYNC: _FINDINGS | (_TROUBLES - {ModemState.RESYNC}),
    ModemState.SILENT: _FINDINGS | (_TROUBLES - {ModemState.SILENT}),
}

CAN_TAKE_JOBS = frozenset({ModemState.READY, ModemState.SENDING})
"""In these states a modem can send."""


def check_move(old: ModemState, new: ModemState) -> None:
    """Raise BugError for a move that is not in the table; staying is always allowed."""
    if new is not old and new not in MOVES[old]:
        raise BugError(f"a modem can't go from {old} to {new}")
