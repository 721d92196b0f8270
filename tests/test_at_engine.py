"""The AT dialogue on bytes: answers, unsolicited result codes, echo, prompts, and what belongs to nobody."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.at.engine import (
    HEADER_PATIENCE,
    LONE_PATIENCE,
    LONGEST_COMMAND,
    MOST_LINES,
    Answer,
    Command,
    End,
    Engine,
    Event,
    Phase,
    Shape,
    Stray,
    Urc,
)
from simcourier.at.trace import Trace
from simcourier.errors import BugError

REPORT = "079144770090000006400C914477000910005110907183842251109071832522" + "00"
SUBMIT = Command("AT+CMGS=14", (), 5.0, Shape.PROMPT)
PDU = "0031000B914477009000F100004401"


def engine_in_step() -> Engine:
    engine = Engine(Trace())
    engine.in_step()
    return engine


def asked(command: Command | str, *claims: str) -> Engine:
    engine = engine_in_step()
    engine.send(Command(command, claims) if isinstance(command, str) else command, 0.0)
    return engine


def at_prompt() -> Engine:
    engine = asked(SUBMIT)
    assert engine.receive(b"\r\n> ", 0.0) == [Answer(End.PROMPT, "", [])]
    return engine


def submitted() -> Engine:
    engine = at_prompt()
    assert engine.type_pdu(PDU, ("+CMGS",), 8.0, 0.0) == PDU.encode() + b"\x1a"
    return engine


def heard(engine: Engine, text: str) -> list[Event]:
    return engine.receive(text.encode("latin-1"), 0.0)


def ok(*lines: str) -> Answer:
    return Answer(End.OK, "OK", list(lines))


# -- answers ---------------------------------------------------------------------------------------------------


def test_a_command_is_written_with_a_carriage_return() -> None:
    assert engine_in_step().send(Command("AT+CSQ", ("+CSQ",)), 0.0) == b"AT+CSQ\r"


def test_an_answer_has_the_lines_that_its_command_claimed() -> None:
    assert heard(asked("AT+CSQ", "+CSQ"), "\r\n+CSQ: 20,99\r\n\r\nOK\r\n") == [ok("+CSQ: 20,99")]


@pytest.mark.parametrize(
    "final",
    [
        "ERROR",
        "Error",
        "ERROR: UNSUPPORTED",
        "+CME ERROR: 14",
        "+CME ERROR:-1",
        "+CME ERROR: SIM busy",
        "+CMS ERROR: 38",
        "+Cms Error: 500",
        "+CMS ERROR: unknown error",
        "COMMAND NOT SUPPORT",
        "TOO MANY PARAMETERS",
        "MODEM ERROR: 3",
    ],
)
def test_every_form_of_a_refusal_ends_the_command(final: str) -> None:
    assert heard(asked("AT+CMMS=1"), f"\r\n{final}\r\n") == [Answer(End.ERROR, final, [])]


def test_an_answer_that_may_lack_its_end_is_over_soon_after_its_line() -> None:
    # Wavecom gives no OK behind +CPIN.
    engine = asked(Command("AT+CPIN?", ("+CPIN",), 20.0, Shape.LONE))
    assert engine.receive(b"\r\n+CPIN: READY\r\n", 7.0) == []
    assert engine.deadline == 7.0 + LONE_PATIENCE
    assert engine.expire(7.0 + LONE_PATIENCE) == Answer(End.SILENCE, "", ["+CPIN: READY"])


def test_an_answer_that_may_lack_its_end_and_has_one_is_like_any_other() -> None:
    engine = asked(Command("AT+CPIN?", ("+CPIN",), 20.0, Shape.LONE))
    assert heard(engine, "\r\n+CPIN: READY\r\n\r\nOK\r\n") == [ok("+CPIN: READY")]
    assert engine.deadline is None


def test_nobody_else_is_hurried_by_a_line() -> None:
    engine = asked("AT+CPIN?", "+CPIN")
    heard(engine, "\r\n+CPIN: READY\r\n")
    assert engine.deadline == 5.0


def test_ok_in_small_letters_is_ok() -> None:
    assert heard(asked("AT"), "ok\r") == [Answer(End.OK, "ok", [])]


def test_a_blank_before_the_colon_and_small_letters_do_not_hide_an_answer() -> None:
    assert heard(asked("AT+CSQ", "+CSQ"), "+CSQ : 20,99\r+csq: 1,2\rOK\r") == [
        ok("+CSQ : 20,99", "+csq: 1,2")
    ]


def test_a_command_that_asks_nothing_leaves_every_line_to_nobody() -> None:
    assert heard(asked("ATE0"), "+CSQ: 20,99\rOK\r") == [Urc("+CSQ: 20,99"), ok()]


def test_an_identity_is_claimed_without_a_prefix_but_notices_among_it_are_not() -> None:
    engine = asked(Command("AT+CGMI", ("+CGMI",), 5.0, Shape.FREE))
    said = "AT+CGMR\r^RSSI: 12\rRING\rATE0\rhuawei\r+CGMI: huawei\r+ZUSIMR:2\rOK\r"
    answer = heard(engine, said)[-1]
    assert answer == ok("huawei", "+CGMI: huawei")


def test_an_imei_is_claimed_but_a_pdu_without_header_is_not() -> None:
    engine = asked(Command("AT+CGSN", ("+CGSN",), 5.0, Shape.FREE))
    assert heard(engine, f"490154203237518\r{REPORT}\rOK\r") == [ok("490154203237518")]


def test_the_pdu_behind_a_claimed_header_is_part_of_the_answer() -> None:
    engine = asked(Command("AT+CMGR=0", ("+CMGR",), 5.0, Shape.PDU))
    assert heard(engine, f'+CMGR: ,,92\r\n"{REPORT}"\r\nOK\r') == [ok("+CMGR: ,,92", REPORT)]


def test_hex_without_a_claimed_header_is_nobodys() -> None:
    engine = asked(Command("AT+CMGR=0", ("+CMGR",), 5.0, Shape.PDU))
    assert heard(engine, f"{REPORT}\r\nOK\r") == [ok()]


def test_a_response_has_a_bound() -> None:
    engine = asked(Command("AT+CMGL=4", ("+CMGL",), 5.0, Shape.PDU))
    for _ in range(MOST_LINES):
        heard(engine, f"+CMGL: 1,1,,25\r{REPORT}\r")
    (answer,) = heard(engine, "OK\r")
    assert isinstance(answer, Answer)
    assert len(answer.lines) == MOST_LINES
    assert engine.overflow > 0


# -- unsolicited -----------------------------------------------------------------------------------------------


def test_unsolicited_lines_may_come_anywhere_in_a_response() -> None:
    engine = asked('AT+CPMS="SM","SM"', "+CPMS")
    said = '+CDSI: "SR",50\r\nAT+CPMS="SM","SM"\r\n^RSSI: 1\r\n+CPMS: 0,20,0,20\r\n+CREG: 1\r\nOK\r\n'
    assert heard(engine, said) == [
        Urc('+CDSI: "SR",50'),
        Urc("^RSSI: 1"),
        Urc("+CREG: 1"),
        ok("+CPMS: 0,20,0,20"),
    ]


def test_a_report_comes_with_its_second_line() -> None:
    assert heard(engine_in_step(), f"\r\n+CDS: 25\r\n{REPORT}\r\n") == [Urc("+CDS: 25", REPORT)]


@pytest.mark.parametrize("header", ["+CDS : 25", "+cds: 25", "+CMT: ,24", "+CBM: 88"])
def test_every_two_line_notice_waits_for_its_pdu(header: str) -> None:
    assert heard(engine_in_step(), f"\r\n{header}\r\n\r\n\r\n{REPORT.lower()}\r\n") == [
        Urc(header, REPORT.lower())
    ]


def test_notices_and_finals_between_header_and_pdu_are_tolerated() -> None:
    engine = asked("AT+CSQ", "+CSQ")
    assert heard(engine, f"+CDS: 25\r^RSSI: 9\r+CSQ: 20,99\rOK\r{REPORT}\r") == [
        Urc("^RSSI: 9"),
        ok("+CSQ: 20,99"),
        Urc("+CDS: 25", REPORT),
    ]


def test_a_header_whose_pdu_never_comes_is_given_up() -> None:
    engine = engine_in_step()
    heard(engine, "+CDS: 25\r")
    heard(engine, "^RSSI: 1\r" * (HEADER_PATIENCE + 1))
    assert heard(engine, f"{REPORT}\r") == []


def test_a_report_inside_the_listing_of_messages_takes_the_pdu_that_follows_it() -> None:
    engine = asked(Command("AT+CMGR=3", ("+CMGR",), 5.0, Shape.PDU))
    other = REPORT[:-2] + "41"
    assert heard(engine, f"+CMGR: 0,,25\r+CDS: 25\r{REPORT}\r{other}\rOK\r") == [
        Urc("+CDS: 25", REPORT),
        ok("+CMGR: 0,,25", other),
    ]


# -- echo ------------------------------------------------------------------------------------------------------


def test_an_echo_is_dropped_with_or_without_a_line_feed_and_behind_a_notice() -> None:
    assert heard(asked("AT+CSQ", "+CSQ"), "AT+CSQ\r\r\n+CSQ: 20,99\r\nOK\r\n") == [ok("+CSQ: 20,99")]
    engine = asked("AT+CSQ", "+CSQ")
    assert heard(engine, "+XYZ: 1\r\nAT+CSQ\rOK\r") == [Urc("+XYZ: 1"), ok()]


def test_the_echo_of_a_pdu_behind_the_prompt_is_dropped() -> None:
    assert heard(submitted(), f"{PDU}\x1a\r\n+CMGS: 64\r\nOK\r\n") == [ok("+CMGS: 64")]


def test_an_answer_right_behind_the_echo_of_a_pdu_is_found() -> None:
    assert heard(submitted(), f"{PDU}\x1a+CMGS: 64\r\nOK\r\n") == [ok("+CMGS: 64")]
    assert heard(submitted(), f"{PDU[4:]}\x1a+CMGS: 65\r\nOK\r\n") == [ok("+CMGS: 65")]


# -- prompt and PDU --------------------------------------------------------------------------------------------


def test_a_second_prompt_is_ignored_before_and_after_the_pdu() -> None:
    engine = at_prompt()
    assert heard(engine, "\r\n> ") == []
    engine.type_pdu(PDU, ("+CMGS",), 8.0, 0.0)
    assert heard(engine, "\r\n> \r\n+CMGS: 64\r\nOK\r\n") == [ok("+CMGS: 64")]


def test_an_error_in_place_of_the_prompt_ends_the_command() -> None:
    assert heard(asked(SUBMIT), "\r\n+CMS ERROR: 304\r\n") == [Answer(End.ERROR, "+CMS ERROR: 304", [])]


def test_a_prompt_that_is_closed_in_the_same_chunk_never_was() -> None:
    engine = asked(SUBMIT)
    assert heard(engine, "> \r\n^RSSI: 1\r\nERROR\r\n") == [Urc("^RSSI: 1"), Answer(End.ERROR, "ERROR", [])]
    assert engine.phase is Phase.IDLE


def test_a_prompt_that_the_modem_closes_later_tells_so() -> None:
    assert heard(at_prompt(), "\r\n+CMS ERROR: 332\r\n") == [Answer(End.ERROR, "+CMS ERROR: 332", [])]


def test_an_ok_after_the_pdu_counts_only_with_a_reference() -> None:
    assert heard(submitted(), "\r\nOK\r\n") == []
    engine = submitted()
    assert heard(engine, "\r\nOK\r\n\r\n+CMGS: 7\r\n\r\nOK\r\n") == [ok("+CMGS: 7")]


def test_an_error_after_the_pdu_ends_it() -> None:
    assert heard(submitted(), "ERROR\r") == [Answer(End.ERROR, "ERROR", [])]


def test_escape_at_the_prompt_awaits_the_final_result_code() -> None:
    engine = at_prompt()
    assert engine.escape(1.0, 0.0) == b"\x1b"
    assert heard(engine, "\r\n> \r\nOK\r\n") == [ok()]
    assert engine.phase is Phase.IDLE


def test_escape_elsewhere_ends_a_half_typed_line_and_gives_up_what_was_outstanding() -> None:
    engine = asked("AT+CSQ", "+CSQ")
    assert engine.escape(1.0, 0.0) == b"\x1b\r"
    assert engine.phase is Phase.LOST
    assert heard(engine, "+CSQ: 20,99\rOK\r") == [Urc("+CSQ: 20,99"), Stray("OK")]


@pytest.mark.parametrize("phase", [Phase.IDLE, Phase.ANSWER, Phase.LOST, Phase.PROBE])
def test_a_prompt_that_nobody_asked_for_is_told(phase: Phase) -> None:
    engine = engine_in_step()
    if phase in (Phase.LOST, Phase.PROBE):
        engine.lose()
    if phase in (Phase.ANSWER, Phase.PROBE):
        engine.send(Command("AT"), 0.0)
    assert engine.phase is phase
    assert heard(engine, "\r\n> ") == [Stray(">")]


# -- time and step ---------------------------------------------------------------------------------------------


def test_silence_ends_a_command_at_its_deadline_with_the_lines_that_came() -> None:
    engine = engine_in_step()
    engine.send(Command("AT+CPIN?", ("+CPIN",), 5.0), 100.0)
    engine.receive(b"\r\n+CPIN: READY\r\n", 101.0)
    assert engine.deadline == 105.0
    assert engine.expire(104.9) is None
    assert engine.expire(105.0) == Answer(End.SILENCE, "", ["+CPIN: READY"])
    assert engine.phase is Phase.LOST
    assert engine.expire(200.0) is None


def test_a_late_answer_is_not_given_to_the_next_command() -> None:
    engine = asked("AT+COPS?", "+COPS")
    engine.expire(99.0)
    engine.send(Command("AT"), 99.0)
    assert engine.receive(b'\r\n+COPS: 0,0,"A"\r\n', 99.1) == [Urc('+COPS: 0,0,"A"')]
    assert engine.receive(b"\r\nOK\r\n", 99.1) == [ok()]
    assert engine.phase is Phase.LOST, "whose OK that was only silence can tell"
    assert engine.receive(b"\r\nOK\r\n", 99.2) == [Stray("OK")]


def test_after_silence_only_at_may_be_sent() -> None:
    engine = asked("AT+COPS?")
    engine.expire(99.0)
    with pytest.raises(BugError, match="AT\\+CSQ: not now"):
        engine.send(Command("AT+CSQ"), 99.0)
    engine.send(Command("AT"), 99.0)
    assert heard(engine, "OK\r") == [ok()]
    engine.in_step()
    assert engine.send(Command("AT+CSQ"), 99.0) == b"AT+CSQ\r"


def test_a_final_without_a_command_is_nobodys() -> None:
    assert heard(engine_in_step(), "OK\rERROR\r") == [Stray("OK"), Stray("ERROR")]


def test_a_late_reference_brings_its_own_ok_and_leaves_the_next_command_its() -> None:
    engine = engine_in_step()
    assert heard(engine, "\r\n+CMGS: 9\r\n") == [Urc("+CMGS: 9")]
    engine.send(Command("AT+CSQ", ("+CSQ",)), 0.0)
    assert heard(engine, "\r\nOK\r\n") == []
    assert heard(engine, "\r\n+CSQ: 20,99\r\n\r\nOK\r\n") == [ok("+CSQ: 20,99")]


def test_a_late_reference_whose_ok_never_came_takes_no_ok_after_a_resynchronisation() -> None:
    engine = engine_in_step()
    heard(engine, "\r\n+CMGS: 9\r\n")
    engine.lose()
    engine.send(Command("AT"), 0.0)
    assert heard(engine, "\r\nOK\r\n") == [ok()]


def test_a_late_reference_while_a_prompt_is_awaited_is_not_the_new_messages() -> None:
    engine = asked(SUBMIT)
    assert heard(engine, "\r\n+CMGS: 9\r\n\r\nOK\r\n\r\n> ") == [Urc("+CMGS: 9"), Answer(End.PROMPT, "", [])]


def test_a_port_opened_anew_remembers_nothing() -> None:
    engine = asked("AT+CSQ", "+CSQ")
    heard(engine, "+CDS: 25\r+CSQ: 2")
    engine.renew()
    assert engine.phase is Phase.LOST
    assert heard(engine, f"0,99\r{REPORT}\r") == [Urc("0,99")]


# -- what must never leave ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["AT+CSQ\r", "AT\nATD112;", "AT+CMGS=1\x1a", "AT\x1b", "ATé", "A" * (LONGEST_COMMAND + 1)]
)
def test_a_command_that_could_end_its_line_early_is_refused(text: str) -> None:
    engine = engine_in_step()
    with pytest.raises(BugError):
        engine.send(Command(text), 0.0)
    assert engine.phase is Phase.IDLE


@pytest.mark.parametrize("pdu", ["", "0011\x1a", "00 11", "hello", "0011\r"])
def test_a_pdu_that_is_not_hex_is_refused(pdu: str) -> None:
    with pytest.raises(BugError, match="not hex"):
        at_prompt().type_pdu(pdu, ("+CMGS",), 8.0, 0.0)


def test_a_second_command_is_refused_while_one_is_outstanding() -> None:
    with pytest.raises(BugError, match="not now"):
        asked("AT+CSQ").send(Command("AT"), 0.0)


def test_a_pdu_is_refused_without_an_open_prompt() -> None:
    with pytest.raises(BugError, match="not now"):
        asked(SUBMIT).type_pdu(PDU, ("+CMGS",), 8.0, 0.0)


def test_only_a_lost_dialogue_comes_back_in_step() -> None:
    with pytest.raises(BugError, match="was idle"):
        engine_in_step().in_step()


# -- the property -------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        "\r\nOK\r\n",
        "\r\nERROR\r\n",
        "\r\n+CMS ERROR: 38\r\n",
        "\r\n> ",
        "\r\n+CMGS: 64\r\n",
        f"\r\n+CDS: 25\r\n{REPORT}\r\n",
        "\r\n+CDS: 25\r\n",
        REPORT + "\r",
        "^RSSI: 12\r\n",
        "+CSQ: 20,99\r",
        "AT+CSQ\r",
        "AT+CMGS=14\r\r\n",
        PDU,
        "\x1a",
        "\xff\x00",
        "\r",
    ]
)


def prepared(phase: Phase) -> Engine:
    match phase:
        case Phase.ANSWER:
            return asked(Command("AT+CSQ", ("+CSQ",), 5.0, Shape.FREE))
        case Phase.PROMPT:
            return asked(SUBMIT)
        case Phase.PAYLOAD:
            return submitted()
        case _:
            return engine_in_step()


@given(
    st.sampled_from([Phase.IDLE, Phase.ANSWER, Phase.PROMPT, Phase.PAYLOAD]),
    st.lists(PIECES, max_size=12),
    st.lists(st.integers(0, 300), max_size=6),
)
def test_chunking_never_changes_the_events(phase: Phase, pieces: list[str], cuts: list[int]) -> None:
    data = "".join(pieces).encode("latin-1")
    whole, chunked = prepared(phase), prepared(phase)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    events = [event for start, end in pairwise(places) for event in chunked.receive(data[start:end], 0.0)]
    # A prompt that one chunk opened and closed is not told at all; in several chunks it is told, then closed.
    closed = [e for e in events if not (isinstance(e, Answer) and e.end is End.PROMPT)]
    expected = whole.receive(data, 0.0)
    assert events == expected or closed == expected
    assert chunked.phase is whole.phase
