"""How a command line falls apart into commands (V.250 sections 5.2 to 5.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.virtual import syntax
from simcourier.virtual.syntax import Command, Form


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        (b"AT", []),
        (b"ATE0", [Command("E", Form.EXECUTE, "0")]),
        (b"ate0v1", [Command("E", Form.EXECUTE, "0"), Command("V", Form.EXECUTE, "1")]),
        (b"AT&F", [Command("&F", Form.EXECUTE)]),
        (
            b"ATE0+CMEE=1;+CMGF=0",
            [
                Command("E", Form.EXECUTE, "0"),
                Command("+CMEE", Form.SET, "1"),
                Command("+CMGF", Form.SET, "0"),
            ],
        ),
        (b"at+csq;+creg?", [Command("+CSQ", Form.EXECUTE), Command("+CREG", Form.READ)]),
        (b"AT+CNMI=?", [Command("+CNMI", Form.TEST)]),
        (b"AT+CMGS= 23", [Command("+CMGS", Form.SET, "23")]),
        (
            b'AT+CUSD=1,"*1;2#",15;+CSQ',
            [Command("+CUSD", Form.SET, '1,"*1;2#",15'), Command("+CSQ", Form.EXECUTE)],
        ),
        (b"AT^CURC=0", [Command("^CURC", Form.SET, "0")]),
        (b"ATS3?", [Command("S3", Form.READ)]),
        (b"ATS0=0E1", [Command("S0", Form.SET, "0"), Command("E", Form.EXECUTE, "1")]),
        (b"ATD+447700900123;", [Command("D", Form.EXECUTE, "+447700900123")]),
    ],
)
def test_a_line_is_split_into_its_commands(line: bytes, commands: list[Command]) -> None:
    body = syntax.tidy(line)
    assert body is not None
    assert list(syntax.split(body)) == commands


@pytest.mark.parametrize(
    ("line", "body"),
    [
        (b"garbageAT+CSQ", b"+CSQ"),
        (b"\x1bAT", b""),
        (b"0021AB\x1aAT+CSQ", b"+CSQ"),
        (b"\nAT", b""),
        (b"ATXX\x08\x08E0", b"E0"),
        (b"AY\x7fT", b""),
        (b"OK", None),
        (b"", None),
        (b"AT+CSQ\x1b", None),
    ],
)
def test_what_stands_before_the_prefix_is_dropped_and_backspace_takes_back(
    line: bytes, body: bytes | None
) -> None:
    assert syntax.tidy(line) == body


@pytest.mark.parametrize("body", [b"+", b"=", b"+CMGF(1)", b"+ CMGF", b'"'])
def test_what_is_no_command_is_an_error(body: bytes) -> None:
    with pytest.raises(syntax.LineError):
        syntax.split(body)


def test_fields_keep_commas_inside_quotes() -> None:
    assert Command("+X", Form.SET, '1, "a,b" ,,2').fields() == ["1", "a,b", "", "2"]


@given(st.binary(max_size=80))
def test_any_line_is_split_or_refused(body: bytes) -> None:
    try:
        commands = syntax.split(body)
    except syntax.LineError:
        return
    assert all(command.name == command.name.upper() for command in commands)
