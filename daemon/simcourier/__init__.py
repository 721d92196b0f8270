"""simcourier: one-time codes by SMS through SIM cards in USB modems."""

__version__ = "0.1.0"
