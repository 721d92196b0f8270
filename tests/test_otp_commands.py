"""Commands that somebody puts into a number, a text or a message to the box reach no modem and change nothing."""

from __future__ import annotations

import re
import secrets
from random import Random

import pytest
from modem_desk import OK, Desk, ScriptedModem, job
from test_modem_stored import StoringModem

from simcourier.errors import RequestError
from simcourier.modem.facts import Job, MessageArrived, ModemState, PartSubmitted, SubmitEnd, SubmitEnded
from simcourier.sms.address import parse_recipient
from simcourier.sms.submit import encode_submit
from simcourier.sms.tpdu import decode_submit
from simcourier.virtual import alphabet

TRIES = 100_000
AT_THE_PORT = re.compile(rb"(AT\+CMGS=[0-9]+\r[0-9A-F]+\x1a)+")

# What ends a line, a number or a PDU early; what looks like a digit and is none; what a modem would carry out.
FRAGMENTS = (
    *(
        "\r",
        "\n",
        "\r\n",
        "\x1a",
        "\x1b",
        "\x00",
        '"',
        ";",
        ",",
        "=",
        "\u2028",
        "\x85",
        " ",
        "-",
        "(",
        ")",
        ".",
    ),
    *(
        "AT+CMGD=1,4",
        "AT+CFUN=1,1",
        "ATD+19005550100;",
        "+CMGS: 1",
        "OK",
        "+++",
        "A/",
        "00",
        "+",
        "*",
        "#",
        "p",
        "w",
    ),
    *(
        "１",
        "٤",
        "߁",
        "²",
        "Ⅷ",
        "＋",
        "é",
        "€",
        "^",
        "電",
        "😀",
        "\u202e",
        "\ud800",
        "0791",
        "FF",
        "%1a",
        "\\x1a",
    ),
)


def number(rng: Random) -> str:
    """A good number in most cases, with something put into it in half of them."""
    digits = f"{rng.choice(('+', '00', '', '+'))}{rng.randrange(10**3, 10**13)}"
    return spoiled(rng, digits) if rng.random() < 0.5 else digits


def words(rng: Random) -> str:
    text = "".join(
        chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x2500)))) for _ in range(rng.randrange(40))
    )
    return spoiled(rng, text * rng.choice((1, 1, 1, 8)))


def spoiled(rng: Random, text: str) -> str:
    for _ in range(rng.randrange(3)):
        at = rng.choice((0, len(text), rng.randrange(len(text) + 1)))
        text = text[:at] + rng.choice(FRAGMENTS) + text[at:]
    return text


def at_the_port(desk: Desk, number_of_job: int, to: str, text: str) -> bytes:
    """What the session writes for a message; b"" for what is refused."""
    try:
        pdus = encode_submit(parse_recipient(to), text, validity_s=300)
    except RequestError:
        return b""
    desk.written = b""
    desk.modem.pdus.clear()
    desk.modem.heard.clear()
    desk.facts.clear()
    desk.submit(Job(number_of_job, pdus, desk.now + 300, 60.0))
    assert desk.told(SubmitEnded)[-1].end is SubmitEnd.SENT
    return desk.written


def test_a24_nothing_but_a_length_and_hexadecimal_digits_reaches_the_port() -> None:
    rng = Random(24)  # noqa: S311 - reproducible, no secret
    desk = Desk(ScriptedModem()).up()
    desk.modem.on_pdu = lambda _: "\r\n+CMGS: 7\r\n" + OK
    left = 0
    for attempt in range(TRIES):
        to, text = number(rng), words(rng)
        written = at_the_port(desk, attempt, to, text)
        if written:
            left += 1
            assert AT_THE_PORT.fullmatch(written), (to, text)
            if left % 100 == 0:
                read_back = "".join(decode_submit(pdu).text or "" for pdu in desk.modem.pdus)
                assert read_back == text, (to, text)
    # Enough of both: what is refused, and what leaves.
    assert TRIES / 5 < left < TRIES * 4 / 5


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x1a", "\x1b", "\x00", "\u2028", "１", "٤", ";", ","])
@pytest.mark.parametrize("begin", ["+447700900123", "00447700900123", "60123"])
def test_a24_no_number_ends_in_anything_but_a_digit_of_ours(begin: str, end: str) -> None:
    """`$` would let a line feed pass, and `\\d` digits of other scripts."""
    for written in (begin + end, end + begin, begin[:3] + end + begin[3:]):
        with pytest.raises(RequestError):
            parse_recipient(written)


# --- A29: what comes in ---

COMMANDS = (
    *(
        "REBOOT",
        "STOP",
        "AT+CMGD=1,4",
        "AT+CFUN=1,1",
        "ATZ",
        "\r\nAT+CMGD=1,4\r\n",
        "unlock +447700900123",
    ),
    *(
        "\r\nOK\r\n",
        "+CMGS: 9",
        "RDY",
        "+CPIN: SIM PUK",
        '^SMMEMFULL:"SM"',
        '+CDSI: "SR",1',
        "NO CARRIER",
        "ERROR",
    ),
)


def delivered(text: str) -> str:
    """An SMS-DELIVER with this text, written by hand from TS 23.040 section 9.2.2.1."""
    septets = alphabet.encode(text)
    assert septets is not None
    packed = alphabet.pack(septets).hex().upper()
    return f"0791447700900000040B914477009000F1000062113201514500{len(septets):02X}{packed}"


def inbound(desk: Desk, text: str) -> None:
    pdu = delivered(text)
    desk.say(f"\r\n+CMT: ,{len(pdu) // 2 - 8}\r\n{pdu}\r\n")
    desk.say('\r\n+CMTI: "SM",1\r\n')


LOOKING = re.compile(r'AT\+CPMS="[A-Z]{2}"(,"[A-Z]{2}"){0,2}|AT\+CMGR=1|AT\+CMGL=4|AT\+CNMA(=1)?')
"""All that a session may say because of a message: it looks where the message lies, and says that it has it."""


@pytest.mark.parametrize("text", COMMANDS)
def test_a29_a_command_that_comes_as_a_message_is_told_as_a_text_and_carried_out_by_nobody(text: str) -> None:
    desk = Desk().up()
    before, heard, facts = desk.session.snapshot(), len(desk.modem.heard), len(desk.facts)
    inbound(desk, text)
    desk.run(5.0)
    assert [fact.message.text for fact in desk.facts[facts:] if isinstance(fact, MessageArrived)] == [text]
    assert len(desk.facts) == facts + 1
    assert desk.session.snapshot() == before
    assert [command for command in desk.modem.heard[heard:] if not LOOKING.fullmatch(command)] == []


@pytest.mark.parametrize("text", COMMANDS)
def test_a29_a_command_in_the_middle_of_a_submit_does_not_answer_for_the_network(text: str) -> None:
    desk = Desk().up()
    desk.modem.on_pdu = lambda _: None
    desk.submit(job(now=desk.now))
    inbound(desk, text)
    assert desk.told(PartSubmitted) == desk.told(SubmitEnded) == []
    desk.say("\r\n+CMGS: 77\r\n" + OK)
    assert [fact.tp_mr for fact in desk.told(PartSubmitted)] == [77]
    assert desk.told(SubmitEnded)[-1].end is SubmitEnd.SENT


@pytest.mark.parametrize("text", COMMANDS)
def test_a29_a_command_that_is_stored_on_the_sim_deletes_itself_at_most(text: str) -> None:
    modem = StoringModem()
    modem.cells["SM"] = {1: delivered(text), 2: delivered("hello")}
    desk = Desk(modem)
    desk.keeps = False
    desk.up().say('\r\n+CMTI: "SM",1\r\n').run(60.0)
    assert modem.cells["SM"] == {1: delivered(text), 2: delivered("hello")}, "until they are on record"
    first = next(fact for fact in desk.told(MessageArrived) if fact.message.text == text)
    desk.session.stored(first.token, desk.now)
    desk.run(60.0)
    assert modem.cells["SM"] == {2: delivered("hello")}
    changing = [command for command in modem.heard if command.startswith(("AT+CMGD", "AT+CFUN", "ATZ"))]
    assert changing == ["AT+CMGD=1"]
    assert desk.state is ModemState.READY


def test_a24_a_random_text_is_read_back_as_it_was() -> None:
    """So that the patterns above are not those of a modem that is told something else."""
    desk = Desk(ScriptedModem()).up()
    text = f"AT+CMGD=1,4\r\n{secrets.token_hex(8)}\r"
    assert AT_THE_PORT.fullmatch(at_the_port(desk, 1, "+447700900123", text))
    assert "".join(decode_submit(pdu).text or "" for pdu in desk.modem.pdus) == text
