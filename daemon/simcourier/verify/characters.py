"""Look at the characters of a text: which no phone shows, which pass for others, which the GSM alphabet lacks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from simcourier.sms import gsm7

_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINERS = "\u200c\u200d"
# Controls, format characters, half surrogates, private and unassigned ones, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WORD = re.compile(r"[^\W\d_]+")
# Alphabets that share shapes: a letter of one among those of another is there to deceive.
_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "COPTIC", "ARMENIAN", "CHEROKEE", "LISU", "GEORGIAN"})
_STYLED = frozenset({"FULLWIDTH", "MATHEMATICAL"})
_RIGHT_TO_LEFT = frozenset({"R", "AL"})
_PLAIN = {
    "‘": "'",
    "’": "'",
    "‚": ",",
    "“": '"',
    "”": '"',
    "„": '"',
    "«": '"',
    "»": '"',
    "‹": "'",
    "›": "'",
    "‐": "-",
    "‑": "-",
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "•": "-",
    "·": "-",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ı": "i",
    "œ": "oe",
    "Œ": "OE",
    "þ": "th",
    "Þ": "Th",
    "ð": "d",
    "Ð": "D",
    "ħ": "h",
    "Ħ": "H",
}


def spoken(character: str) -> str:
    """A character as a person can find it: itself and its Unicode name, or its number where it has no shape."""
    name = unicodedata.name(character, "no character of Unicode")
    shown = character if character.isprintable() and not unicodedata.combining(character) else ""
    return f"{shown} ({name})" if shown else f"U+{ord(character):04X} ({name})"


def unseen(text: str, *, lines: bool = False) -> Iterator[str]:
    """The characters of `text` that nobody sees: controls, direction marks, zero-width ones.

    Joiners count as seen behind a letter that other than Latin ones have: Hindi and Persian are written with
    them. Line feeds pass where `lines` says so.
    """
    for before, character in zip(" " + text, text, strict=False):
        if unicodedata.category(character) not in _UNSEEN or (lines and character == "\n"):
            continue
        if character in _JOINERS and unicodedata.category(before) in {"Lo", "Mn", "Mc"}:
            continue
        yield character


def is_bidi_control(character: str) -> bool:
    """Does it change the direction in which others are shown?"""
    return character in _BIDI_CONTROLS


def script(letter: str) -> str:
    """The script of a letter, as its Unicode name begins: `LATIN`, `CYRILLIC` ..."""
    return unicodedata.name(letter, "").partition(" ")[0]


def deceptive_words(text: str) -> Iterator[tuple[str, str]]:
    """Each word that mixes scripts of like shapes, or has styled letters, with the letter that does not belong."""
    for word in _WORD.findall(text):
        scripts = [script(letter) for letter in word]
        odd = next((n for n, found in enumerate(scripts) if found in _STYLED), None)
        alike = {found for found in scripts if found in _ALIKE}
        if odd is None and len(alike) > 1:
            rarest = min(sorted(alike), key=scripts.count)
            odd = scripts.index(rarest)
        if odd is not None:
            yield word, word[odd]


def words_in(text: str, scripts: frozenset[str]) -> Iterator[str]:
    """The words of which each letter is of one of these scripts."""
    return (word for word in _WORD.findall(text) if {script(letter) for letter in word} <= scripts)


def is_latin(text: str) -> bool:
    """Is every letter of it Latin? (True where it has none.)"""
    return all(script(letter) == "LATIN" for word in _WORD.findall(text) for letter in word)


def runs_right_to_left(text: str) -> bool:
    """Has it a letter that is written from right to left?"""
    return any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text)


def begins_with_a_letter(text: str) -> bool:
    """Is the first character one that sets the direction of what follows?"""
    return unicodedata.bidirectional(text[:1]) in {"L", *_RIGHT_TO_LEFT} if text else False


def plain(character: str) -> str:
    """What the GSM alphabet has in place of a character: its base letter, a plain quote ...; nothing where none."""
    if gsm7.covers(character):
        return character
    found = _PLAIN.get(character)
    if found is None:
        found = "".join(
            part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part)
        )
    return found if gsm7.covers(found) else ""


def folded(text: str) -> str:
    """`text` in the GSM alphabet, where reading it stays possible; otherwise as it is.

    `Łódź` becomes `Lodz`. A text with one letter of another script stays whole: half of it would be worse.
    """
    text = unicodedata.normalize("NFC", text)
    if gsm7.covers(text):
        return text
    parts = [plain(character) for character in text]
    return "".join(parts) if all(parts) else text
