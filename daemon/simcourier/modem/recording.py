"""Record a dialogue for somebody else's eyes: as it went, byte for byte, without anything personal in it.

What tells of a person or a card is replaced as soon as its line is whole; nothing else is kept. Numbers keep their
length, and the same number becomes the same one everywhere, so that the dialogue still makes sense.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from simcourier.at.trace import FINAL, NAMED, WORDS
from simcourier.sms.anonymous import anonymous_pdu

MOST_ENTRIES = 5_000
MOST_OCTETS = 512 * 1024
_LONGEST_LINE = 4096

_LINE = re.compile(rb"[\r\n]+")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_DIGITS = re.compile(r"[0-9]{7,}")
_QUOTED = re.compile(r'"([^"]*)("|$)')
"""The last quote of a line may be closed on another: an operator's answer by USSD has lines."""
_NUMBER_ALONE = re.compile(r'(?:(?:ICCID|CCID|SCID|IMEI|IMSI|MEID|ESN) ?: ?)?"?\+?[0-9]{7,}[Ff]?"?')
_SHORTEST_PDU = 24
_TAC = 8
"""The first digits of an IMEI name the make; those stay."""

_IMEI = ("AT+CGSN", "AT+GSN", "AT+CGSN=1")
_IMSI = ("AT+CIMI", "AT+CIMI?")
_IDENTITY = ("AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+GMI", "AT+GMM", "AT+GMR", "ATI", "AT+CGMI?", "AT+CGMM?")
_PLACE = re.compile(r"\+C(?:E|G|5G)?REG", re.IGNORECASE)
# Where the box stands, or which cell it hears.
_POSITION = re.compile(r"[+^#$%*!]\w*(?:GPS|GNSS|LOC|CPSI|ENG|MONI|SERV|CCLK|CELL)\w* ?:", re.IGNORECASE)
# Of these every quoted word is somebody's, however short.
_SOMEBODYS = re.compile(r"\+C(?:NUM|PB[RF]|LIP|COLP|CWA|USD|MT|DS|MGR|MGL|NAP) ?:", re.IGNORECASE)
# Of these the quoted words are names of stores, alphabets and operators, and tell of nobody.
_OPEN_WORDS = re.compile(
    r"\+(?:CPMS|CSCS|COPS|CGMI|CGMM|CGMR|CMTI|CDSI|CSCB|CLAC|CPBS)|\^CPMS", re.IGNORECASE
)
_ERROR = re.compile(r"\+CM[ES] ?ERROR", re.IGNORECASE)
_CODE = re.compile(r"[0-9]{4,}")
_LONGEST_WORDS = 80
_MESSAGE = re.compile(r"\+(?:CMT|CDS|CBM|CMGR|CMGL) ?:", re.IGNORECASE)
_PIN = re.compile(r"(\+CPIN\s*=).*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """What went over the port at a time, seconds since the recording began; `<` went to the modem."""

    at: float
    direction: str
    octets: bytes


@dataclass(slots=True)
class Recording:
    """One recording; the session gives it every byte. `now` is monotonic seconds."""

    began_at: float
    until: float
    """What is said later is not recorded."""
    entries: list[Entry] = field(default_factory=list)
    full: bool = False
    _octets: int = 0
    _begun: bytes = b""
    _command: str = ""
    _after_header: bool = False
    _replaced: dict[str, str] = field(default_factory=dict)

    def sent(self, data: bytes, now: float) -> None:
        """Something was written to the port: whole commands, PDUs and single control characters."""
        if now > self.until:
            return
        self.flush(now)
        self._keep(
            "<", b"".join(self._sent(part) for part in re.split(rb"(?<=[\r\x1a\x1b])", data) if part), now
        )

    def heard(self, data: bytes, now: float) -> None:
        """Something came from the port; the end of it waits for the rest of its line."""
        if now > self.until:
            return
        self._begun += data
        end = max(self._begun.rfind(b"\r"), self._begun.rfind(b"\n")) + 1
        if self._begun[end:].strip(b" ") == b">":
            end = len(self._begun)
        if end or len(self._begun) > _LONGEST_LINE:
            whole, self._begun = self._begun[: end or None], self._begun[end:] if end else b""
            self._keep(">", self._heard(whole), now)

    def flush(self, now: float) -> None:
        """Take what came without the end of a line."""
        if self._begun:
            begun, self._begun = self._begun, b""
            self._keep(">", self._heard(begun), now)

    def _keep(self, direction: str, data: bytes, now: float) -> None:
        if len(self.entries) >= MOST_ENTRIES or self._octets + len(data) > MOST_OCTETS:
            self.full = True
        elif data:
            self._octets += len(data)
            self.entries.append(Entry(now - self.began_at, direction, data))

    # -- what is personal ----------------------------------------------------------------------------------------

    def _sent(self, part: bytes) -> bytes:
        text, end = part[:-1].decode("latin-1"), part[-1:]
        if end not in b"\r\x1a\x1b":
            text, end = part.decode("latin-1"), b""
        if end == b"\x1a" and _HEX.fullmatch(text):
            return anonymous_pdu(text, self._number, outgoing=True).encode() + end
        if end == b"\r":
            self._command = text.strip().upper()
            text = self._plain(_PIN.sub(r'\1"0000"', text))
        return text.encode("latin-1") + end

    def _heard(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        at = 0
        for gap in _LINE.finditer(data):
            pieces += [self._line(data[at : gap.start()]), gap[0]]
            at = gap.end()
        pieces.append(self._line(data[at:]))
        return b"".join(pieces)

    def _line(self, octets: bytes) -> bytes:
        line = octets.decode("latin-1")
        bare = line.strip(" \0")
        if not bare:
            return octets
        behind_header, self._after_header = self._after_header, False
        if _HEX.fullmatch(bare.strip('"')) and len(bare) >= _SHORTEST_PDU:
            pdu = anonymous_pdu(bare.strip('"'), self._number, outgoing=False)
            return line.replace(bare.strip('"'), pdu).encode("latin-1")
        if _MESSAGE.match(bare):
            self._after_header = True
        elif behind_header and not NAMED.match(bare) and not FINAL.match(bare) and bare[0] != ">":
            return b"x" * len(octets)  # the text of a message, as text mode shows it
        return self._said(line, bare).encode("latin-1", "replace")

    def _said(self, line: str, bare: str) -> str:
        if bare.upper() == self._command or _PIN.search(bare):
            return self._plain(_PIN.sub(r'\1"0000"', line))
        if FINAL.match(bare) or bare in WORDS or not bare.strip("> "):
            return line
        if NAMED.match(bare):
            return self._named(line)
        if self._command.startswith(_IDENTITY) or _NUMBER_ALONE.fullmatch(bare):
            return self._plain(line)
        return _crossed(line)

    def _named(self, line: str) -> str:
        bare = line.strip()
        head, colon, fields = line.partition(":")
        if _PLACE.match(bare):
            return head + colon + _without_place(fields)
        if _POSITION.match(bare):
            return head + colon + re.sub("[0-9A-Fa-f]", "0", fields)
        if _ERROR.match(bare):
            return head + colon + _CODE.sub(lambda run: "0" * len(run[0]), fields[:_LONGEST_WORDS])
        if _SOMEBODYS.match(bare):
            line = _QUOTED.sub(lambda quoted: _unquoted(quoted, 1), line)
        elif not _OPEN_WORDS.match(bare):
            line = _QUOTED.sub(lambda quoted: _unquoted(quoted, 5), line)
        return self._plain(line)

    def _plain(self, text: str) -> str:
        return _DIGITS.sub(lambda run: self._number(run[0]), text)

    def _number(self, digits: str) -> str:
        """Digits in place of these, always the same ones."""
        if digits not in self._replaced:
            self._replaced[digits] = self._made_up(digits, len(self._replaced) + 1)
        return self._replaced[digits]

    def _made_up(self, digits: str, n: int) -> str:
        length = len(digits)
        if self._command in _IMEI and length in (14, 15, 16):
            return digits[:_TAC] + str(n).zfill(length - _TAC)
        if self._command in _IMSI:
            return ("00101" + str(n).zfill(length))[:5] + str(n).zfill(length - 5)[-(length - 5) :]
        if length >= 18:
            return "89" + str(n).zfill(length - 2)
        # 1-555-01xx is kept free for fiction.
        return ("1555010" + str(n).zfill(length))[: min(7, length - 2)] + str(n).zfill(length)[
            -(length - min(7, length - 2)) :
        ]


def _unquoted(quoted: re.Match[str], shortest: int) -> str:
    words = quoted[1]
    if len(words) < shortest or _DIGITS.fullmatch(words.lstrip("+")):
        return quoted[0]
    if _HEX.fullmatch(words) and len(words) % 4 == 0 and not words.isdigit():
        return '"' + "0058" * (len(words) // 4) + quoted[2]
    return '"' + _crossed(words) + quoted[2]


def _crossed(text: str) -> str:
    return "".join("x" if character.isalnum() else character for character in text)


def _without_place(fields: str) -> str:
    """The fields of a registration without those that tell which cell it was."""
    kept = fields.split(",")
    for place, value in enumerate(kept):
        bare = value.strip().strip('"')
        if place and ('"' in value or len(bare) > 2) and _HEX.fullmatch(bare or "x"):
            kept[place] = value.replace(bare, "0" * len(bare))
    return ",".join(kept)
