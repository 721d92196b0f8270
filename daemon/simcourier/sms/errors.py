"""The error of a TPDU that can't be read."""

from __future__ import annotations

from simcourier.errors import EquipmentError


class PduError(EquipmentError):
    """A PDU is damaged, cut short or of a kind nobody sends here; never carries the PDU (it is the code)."""
