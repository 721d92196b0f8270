"""Speaks AT: bytes in, events out (ITU-T V.250, 3GPP TS 27.005 and 27.007); no I/O, no clock."""
