"""Plays dialogues against the real session, in virtual time: no port, no clock."""
