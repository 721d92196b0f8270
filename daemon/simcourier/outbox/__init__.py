"""Remembers: the durable record of every message, written by one thread."""
