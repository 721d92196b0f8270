"""Split the bytes a modem sends into lines and prompts (ITU-T V.250 section 5.7, TS 27.005 section 3.5.1)."""

from __future__ import annotations

PROMPT = ">"
"""What a prompt becomes among the lines. No line begins with this character, so it can't be mistaken for one."""

LONGEST_LINE = 1024
"""Characters kept of a line. The longest PDU line has 2 * (12 + 164) hex digits; a GPS or diag port has no ends."""

# Blanks, the control characters that a power-up or an echoed ESC and Ctrl-Z leave behind, and line noise: no answer
# begins or ends outside ASCII.
BLANKS = "".join(map(chr, [*range(0x21), *range(0x7F, 0x100)]))


class LineSplitter:
    """Turns chunks of bytes into lines without ends; how the bytes were chunked never changes the lines.

    Any run of CR and LF ends a line, since modems send `\\r\\n`, `\\r\\r\\n`, `\\n\\r` and a bare `\\r`. A `>` as
    the first character of a line that is not blank is a prompt at once, whatever follows (`> `, `>`, `>\\r\\n`).
    Bytes are read as Latin-1: nothing a modem sends can raise an error here.
    """

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun = ""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines and prompts that `data` completes, in order; blank lines are not among them."""
        *whole, begun = (self._begun + data.decode("latin-1").replace("\r", "\n")).split("\n")
        lines: list[str] = []
        for text in whole:
            line = text.strip(BLANKS)
            if line:
                if line[0] == PROMPT:
                    line = _take_prompts(line, lines)
                if line:
                    lines.append(line[:LONGEST_LINE].rstrip(BLANKS))
        if begun:
            begun = begun.lstrip(BLANKS)
            if begun and begun[0] == PROMPT:
                begun = _take_prompts(begun, lines)
            begun = begun[:LONGEST_LINE]
        self._begun = begun
        return lines

    def clear(self) -> None:
        """Forget the line that has begun: the port was opened anew."""
        self._begun = ""


def _take_prompts(text: str, lines: list[str]) -> str:
    while text.startswith(PROMPT):
        lines.append(PROMPT)
        text = text[1:].lstrip(BLANKS)
    return text
