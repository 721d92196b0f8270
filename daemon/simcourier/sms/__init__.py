"""3GPP values: TPDU, alphabet, address, causes (TS 23.038, 23.040, 24.011, 27.005); pure, no I/O, no clock.

`gsmmodem.pdu` (python-gsmmodem-new 0.13.0) is used where it is right: `packSeptets`, `encodeSemiOctets`,
`decodeSemiOctets` and the `Concatenation` information element. Measured in CPython 3.11 on 50 characters,
`packSeptets` takes 4 microseconds and the others 1 to 2, so they may stand on the way of a code to the wire.
The rest of it is not used, because of what it does wrong:

- `encodeGsm7`, `decodeGsm7`, `divideTextGsm7`: their table has a backtick where TS 23.038 has the section
  sign and U+00FF where it has the form feed, and ESC passes; a broken escape raises StopIteration;
- `unpackSeptets`: drops a last commercial at, counts octets for septets when more octets follow;
- `encodeUcs2`, `decodeUcs2`, `divideTextUcs2`: break on characters beyond the BMP;
- `encodeSmsSubmitPdu`: TP-PID always 0, no class but 0, type national for short codes, no reference over 255;
- `decodeSmsPdu`: most data coding groups, 16-bit concatenation, damaged input (StopIteration, ValueError);
- the validity and timestamp functions are private, and raise below 5 minutes and on an all-zero time.

Importing `gsmmodem.pdu` runs `gsmmodem/__init__`, which imports its modem class and with it pyserial and
logging: 7 ms more, 2 of them gsmmodem's own. The daemon needs both anyway; the modem class isn't used.
"""
