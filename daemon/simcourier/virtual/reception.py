"""How reports and texts come into a modem: routed by +CNMI, acknowledged by +CNMA (TS 27.005 section 3.4)."""

from __future__ import annotations

import math

from simcourier.virtual import messages
from simcourier.virtual.codec import Deliver, StatusReport
from simcourier.virtual.equipment import Equipment
from simcourier.virtual.output import Output
from simcourier.virtual.sim import Incoming

# How long a modem waits for an acknowledgement before it refuses the message to the network (TR2M of TS 24.011
# section 10 is 12 to 20 s; a Telit LE910's manual has 17).
CNMA_TIMEOUT_S = 17.0
DIRECT, STORED = 1, 2


class Reception:
    """Takes what `Sim.held` has for one modem, as far as the modem can take it now."""

    def __init__(self, equipment: Equipment, output: Output) -> None:
        self._equipment = equipment
        self._output = output
        self._unacknowledged: Incoming | None = None
        self.cnma_expires_at = math.inf

    def forget(self) -> None:
        """Power was cut: what was not acknowledged goes back to the network."""
        if self._equipment.awaits_cnma and self._unacknowledged is not None:
            self._equipment.sim.held.appendleft(self._unacknowledged)
        self._unacknowledged = None
        self.cnma_expires_at = math.inf

    def drain(self, now: float, mr_in_flight: int | None) -> None:
        """Take what can be taken; a report waits until the answer with its own reference is out."""
        equipment, held = self._equipment, self._equipment.sim.held
        kept: list[Incoming] = []
        if not equipment.is_registered(now):
            return
        while held and not equipment.awaits_cnma:
            message = held.popleft()
            if isinstance(message, StatusReport):
                is_taken = message.mr != mr_in_flight and self._take_report(message, now)
            else:
                is_taken = self._take_text(message, now)
            if not is_taken:
                kept.append(message)
        held.extendleft(reversed(kept))

    def expire_cnma(self, now: float) -> None:
        """No acknowledgement came: routing to the TE is switched off and the message kept (section 3.4.1)."""
        if self._equipment.awaits_cnma:
            self._equipment.cnmi[1] = self._equipment.cnmi[3] = 0
            self.forget()
            self._equipment.awaits_cnma = False
        self.cnma_expires_at = math.inf

    def _take_report(self, report: StatusReport, now: float) -> bool:
        equipment = self._equipment
        mode, _, _, ds, _ = equipment.cnmi
        if mode == 0 or ds == 0 or equipment.settings.reports_paused:
            return False
        route = equipment.settings.report_route
        if route == "direct" or (route == "asked" and ds == DIRECT):
            self._announce(report, now)
            return True
        store = equipment.profile.report_store
        index = self._store(report, store, now)
        if index is None:
            return False
        said = equipment.profile.report_announced or f'"{store}",{{index}}'
        self._output.lines([f"+CDSI: {said.format(index=index)}"], now)
        return True

    def _store(self, message: Incoming, store: str, now: float) -> int | None:
        """Store a message; a make that tells a full store does so once until there is room again."""
        equipment = self._equipment
        index = equipment.store(message, store)
        if index is None and equipment.profile.full and not equipment.has_told_full:
            self._output.lines([equipment.profile.full], now)
        equipment.has_told_full = index is None
        return index

    def _take_text(self, text: Deliver, now: float) -> bool:
        equipment = self._equipment
        mode, mt, _, _, _ = equipment.cnmi
        if mode and mt == DIRECT + 1:
            self._announce(text, now)
            return True
        store = equipment.memories[2]
        index = self._store(text, store, now)
        if index is None:
            return False
        if mode and mt:
            self._output.lines([f'+CMTI: "{store}",{index}'], now)
        return True

    def _announce(self, message: Incoming, now: float) -> None:
        equipment = self._equipment
        if equipment.cmgf:
            lines = messages.announced_text(message, equipment.spell)
        else:
            lines = messages.announced_pdu(message, equipment.sim.smsc, equipment.profile.cds)
        self._output.announcement(lines, now)
        if equipment.csms or equipment.profile.cnma == "broken":
            equipment.awaits_cnma = True
            self._unacknowledged = message
            self.cnma_expires_at = now + CNMA_TIMEOUT_S
