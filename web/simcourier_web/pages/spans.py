"""Time spans, and the words of others, as the page writes them; pure."""

from __future__ import annotations

import unicodedata


def visible(text: str) -> str:
    """Show what would be invisible or turn the writing direction: a network may name itself as it likes."""
    return "".join(
        character if unicodedata.category(character)[0] != "C" else f"<U+{ord(character):04X}>"
        for character in text
    )


def span(seconds: float) -> str:
    """A time span, rounded down to its largest unit: `4 s`, `12 min`, `3 h`, `9 d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(0.0, seconds))} s"
