"""Looks after what the box sends through: SIMs, balances, what comes in, loop tests, faults."""
