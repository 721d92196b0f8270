"""Find what is wrong with the words of a template: one text at a time, whatever its values will be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from simcourier.sms import gsm7
from simcourier.verify import characters, links, locales, template
from simcourier.verify.findings import Finding, error, warning
from simcourier.verify.template import Fault, Slot, Template
from simcourier.verify.values import LONGEST_VALUES, PAYMENT, Placeholder

_CODE_BY = 60
"""Characters that may stand in front of the code, with the longest values: about what a notification shows."""
_FIGURES = re.compile(r"[0-9]{4,}")
_LOOK_ALIKES = frozenset({"CYRILLIC", "GREEK"})


def lint_text(draft: Template, where: str, text: str) -> Iterator[Finding]:
    """What is wrong with `text`, which is the `where` of a template."""
    if not text.strip():
        yield error("empty", where, "The text is empty", "Nobody would get a code.", "Write it.")
        return
    if len(text) > template.MAX_TEXT:
        what = f"The text has more than {template.MAX_TEXT} characters"
        yield error("oversize", where, what, "One SMS holds 160 of them at most.", "Say less.")
        return
    yield from _missing(draft, where, text)
    for check in _CHECKS:
        yield from check(where, text)
    if locales.is_latin(draft.locale):
        yield from _foreign_script(draft.locale, where, text)


def _missing(draft: Template, where: str, text: str) -> Iterator[Finding]:
    used = template.placeholders(text)
    if Placeholder.CODE not in used:
        yield error(
            "no-code",
            where,
            "{code} is missing",
            "The recipient would not get the code.",
            "Write {code} early in it.",
        )
    payment = draft.name == "transaction" or any(
        template.placeholders(form) & PAYMENT for form in draft.forms
    )
    for name in sorted(PAYMENT - used) if payment else ():
        yield error(
            "no-payment",
            where,
            f"{{{name}}} is missing",
            "Who confirms a payment must see amount and payee in the same text (PSD2 RTS, article 5).",
            f"Write {{{name}}}, in each form of the text.",
        )


def _braces(where: str, text: str) -> Iterator[Finding]:
    known = ", ".join(f"{{{name}}}" for name in Placeholder)
    for fault in template.scan(text):
        if isinstance(fault, Fault):
            yield error(
                "braces",
                where,
                _brace(fault),
                f"There are {known}.",
                "Take one of these; write {{ or }} for a brace.",
            )


def _brace(fault: Fault) -> str:
    place = f"at character {fault.position}"
    if fault.name is None:
        return f"The brace {place} belongs to nothing"
    if re.fullmatch(r"[A-Za-z_]{1,20}", fault.name):
        return f"There is no placeholder {{{fault.name}}} ({place})"
    return f"What stands in braces {place} is no placeholder"


def _late_code(where: str, text: str) -> Iterator[Finding]:
    before, found, _ = text.partition("{code}")
    if not found or any(isinstance(piece, Fault) for piece in template.scan(before)):
        return
    length = len(template.fill(before, LONGEST_VALUES))
    if length > _CODE_BY:
        yield warning(
            "late-code",
            where,
            f"Up to {length} characters stand in front of {{code}}",
            "A notification shows the beginning only.",
            "Begin with the code.",
        )


def _invisible(where: str, text: str) -> Iterator[Finding]:
    for character in dict.fromkeys(characters.unseen(text, lines=True)):
        what = f"{characters.spoken(character)} is in the text"
        if characters.is_bidi_control(character):
            yield error(
                "direction-marks",
                where,
                what,
                "It changes the order in which a text is shown, so that it can say another thing than it seems to.",
                "Remove it; a mark that figures need among right-to-left letters is added when the text is sent.",
            )
        else:
            yield error(
                "invisible", where, what, "Nobody sees it, and many phones can't show it.", "Remove it."
            )


def _spaces(where: str, text: str) -> Iterator[Finding]:
    if "  " in text:
        what = "There are two spaces in a row"
    elif text != text.strip() or " \n" in text or "\n " in text:
        what = "There are spaces at the beginning or the end of a line"
    else:
        return
    yield warning("spaces", where, what, "They cost room and nobody sees them.", "Remove what is too many.")


def _links(where: str, text: str) -> Iterator[Finding]:
    # A value may stand right beside a full stop: `{app}.com`.
    found = links.find(
        "".join(
            "x" if isinstance(piece, Slot) else piece.text
            for piece in template.scan(text)
            if not isinstance(piece, Fault)
        )
    )
    if found is not None:
        yield error(
            "link",
            where,
            f"{found!r} is a link, or phones take it for one",
            "People learn to follow links in texts with codes; those who write false ones count on it.",
            "Leave it out. After a full stop, put a space.",
        )


def _mixed_scripts(where: str, text: str) -> Iterator[Finding]:
    for word, letter in characters.deceptive_words(template.literal(text)):
        yield error(
            "mixed-scripts",
            where,
            f"In the word {word!r}, {characters.spoken(letter)} is from another script than the rest",
            "It looks like another letter; texts are forged so, and networks drop such texts.",
            "Type the word again with one keyboard layout.",
        )


def _foreign_script(locale: str, where: str, text: str) -> Iterator[Finding]:
    for word in characters.words_in(template.literal(text), _LOOK_ALIKES):
        yield warning(
            "foreign-script",
            where,
            f"The word {word!r} is not in Latin letters",
            f"The text is for readers of {locale}, and Cyrillic or Greek letters can look like theirs.",
            "Type it again, if it is not meant.",
        )


def _figures(where: str, text: str) -> Iterator[Finding]:
    found = _FIGURES.search(template.literal(text))
    if found:
        yield warning(
            "figures",
            where,
            f"The figures {found[0]} could be taken for the code",
            "Phones look for four figures or more to fill in, and so do people.",
            "Leave them out.",
        )


def _alphabet(where: str, text: str) -> Iterator[Finding]:
    own = template.literal(text)
    if not characters.is_latin(own):
        return
    for character in dict.fromkeys(own):
        if gsm7.covers(character) or any(characters.unseen(character)):
            continue
        instead = characters.plain(character)
        yield warning(
            "alphabet",
            where,
            f"{characters.spoken(character)} is not in the GSM alphabet",
            "One such character makes it UCS-2: one SMS holds 70 characters then, not 160.",
            f"Write {instead!r}, or choose other words." if instead else "Choose other words.",
        )


def _directions(where: str, text: str) -> Iterator[Finding]:
    if not characters.runs_right_to_left(template.literal(text)):
        return
    if isinstance(template.scan(text)[0], Slot):
        yield warning(
            "begins-left-to-right",
            where,
            "The text begins with a placeholder",
            "A Latin letter in its value would turn the direction of the whole text.",
            "Begin with a word of the language.",
        )
    if any(map(_side_by_side, text.split("\n"))):
        yield warning(
            "side-by-side",
            where,
            "Between two placeholders there is no letter that runs from right to left",
            "Figures and Latin names next to each other would be shown in the wrong order.",
            "Put a word or a new line between them.",
        )


def _side_by_side(line: str) -> bool:
    apart = True
    for piece in template.scan(line):
        if isinstance(piece, Slot):
            if not apart:
                return True
            apart = False
        elif not isinstance(piece, Fault):
            apart = apart or characters.runs_right_to_left(piece.text)
    return False


_CHECKS: tuple[Callable[[str, str], Iterator[Finding]], ...] = (
    _braces,
    _invisible,
    _links,
    _mixed_scripts,
    _late_code,
    _spaces,
    _figures,
    _alphabet,
    _directions,
)
