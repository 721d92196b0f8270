"""Codes and their texts: made, worded, checked; pure values without I/O and clock."""
