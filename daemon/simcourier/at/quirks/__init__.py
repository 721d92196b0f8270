"""What makes and models of modems do otherwise than the standards say, as data."""

from simcourier.at.quirks.identify import identify
from simcourier.at.quirks.makes import SAID_OVER_USB
from simcourier.at.quirks.quirks import UNKNOWN, Quirks

__all__ = ["SAID_OVER_USB", "UNKNOWN", "Quirks", "identify"]
