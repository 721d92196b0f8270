"""Touches the serial ports: one thread, one selector, every modem."""

from simcourier.at.trace import TraceLine
from simcourier.radio.loop import Radio
from simcourier.radio.specs import DiscoverySpec, PortSpec, RadioSettings

__all__ = ["DiscoverySpec", "PortSpec", "Radio", "RadioSettings", "TraceLine"]
