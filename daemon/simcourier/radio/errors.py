"""Why a port can't be had."""

from __future__ import annotations

from simcourier.errors import EquipmentError


class PortError(EquipmentError):
    """A port can't be opened; the message says why, and what to do where somebody can do something."""


class PortGoneError(PortError):
    """There is no device behind the path."""
