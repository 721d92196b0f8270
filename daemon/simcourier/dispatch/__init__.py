"""Decides: which message leaves next, when, and through which SIM."""
