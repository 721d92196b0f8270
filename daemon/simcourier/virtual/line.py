"""What a modem takes the next byte for, and the control characters and bounds of its line (V.250 section 5.2)."""

from __future__ import annotations

from enum import StrEnum

CTRL_Z, ESC, CR = b"\x1a", b"\x1b", b"\r"
# Type-ahead beyond this is lost, as in a modem's receive buffer; real command lines are far shorter.
TYPED_LIMIT = 8192
LINE_LIMIT = 1024


class LineState(StrEnum):
    """What the modem takes the next byte for."""

    COMMAND = "reading a command"
    BUSY = "carrying out a command"
    PROMPT = "reading a message"
