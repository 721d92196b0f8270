"""Values out of lines as modems really write them (MODEMS.md sections 1 and 2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.at import parse
from simcourier.at.parse import Registration

HOME, ROAMING, SEARCHING = Registration.HOME, Registration.ROAMING, Registration.SEARCHING


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("+CSQ: 20,99", ["20", "99"]),
        ("+CSQ:20,99", ["20", "99"]),
        ('+COPS: 0,0,"A, B",7', ["0", "0", "A, B", "7"]),
        ("+CNMI: (0-2),(0,1),(2)", ["(0-2)", "(0,1)", "(2)"]),
        ('+CPMS: (("SM","BM"),("SM"))', ["((SM,BM),(SM))"]),
        ("+CMGR: ,,92", ["", "", "92"]),
        ("OK", [""]),
        ('+CREG: 2,1,"0B,"0100701",7', ["2", "1", "0B,0100701,7"]),
        ('+X: "a(b",1', ["a(b", "1"]),
    ],
)
def test_fields_are_split_at_commas_outside_quotes_and_lists(line: str, values: list[str]) -> None:
    assert parse.fields(line) == values


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("+CREG: 0,1", HOME),
        ("+CREG: 1", HOME),
        ("+CREG: 2,1,4CA,81DE445", HOME),
        ('+CREG: 2,5,"2AF5","0B88E350",2', ROAMING),
        ('+CREG: 0,1,"5E25","605F"', HOME),
        ('+CREG: 2,1,"0B,"0100701",7', HOME),
        ("+CREG: 2,2,0,0", SEARCHING),
        ("+CREG: 0, 3", Registration.DENIED),
        ("+CREG: 0,0", Registration.NONE),
        ("+CREG: 0,4", Registration.UNKNOWN),
        ("+CEREG: 0,6", HOME),
        ("+CEREG: 0,7", ROAMING),
        ("+CEREG: 0,9", HOME),
        ("+CEREG: 0,10", ROAMING),
        ("+CEREG: 0,11", None),
        ('+CREG: 1,"00A1","12"', None),
        ("+CREG: 1,0B12,4455", None),
        ("+CREG:", None),
        ("+CREG: x,y", None),
    ],
)
def test_registration_is_read_from_every_form_of_an_answer(line: str, found: Registration | None) -> None:
    assert parse.registration_asked([line]) is found


def test_an_unsolicited_registration_among_the_answer_does_not_count() -> None:
    assert parse.registration_asked(["+CREG: 0,1", '+CREG: 2,"00A1","12"']) is HOME
    assert parse.registration_asked(['+CREG: 2,"00A1","12"', "+CREG: 0,1"]) is HOME
    assert parse.registration_asked([]) is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("+CREG: 1", HOME),
        ("+CREG: 5", ROAMING),
        ('+CREG: 2,"00A1","12"', SEARCHING),
        ("+CREG: 1,0B12,4455,7", HOME),
        ("+CREG: 2,1", None),
        ("+CREG:", None),
    ],
)
def test_an_unsolicited_registration_has_its_state_first(line: str, found: Registration | None) -> None:
    assert parse.registration_unasked(line) is found


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (['+COPS: 0,0,"Pretend Mobile",7'], "Pretend Mobile"),
        (['+COPS: 0,2,"23415"'], "23415"),
        (["+COPS: 0"], ""),
        (["+COPS: 0", '+COPS: 0,0,"B"'], "B"),
        (['+COPS: 0,0,"A\x07B"'], "AB"),
        ([], ""),
    ],
)
def test_the_operator_has_a_name_or_none(lines: list[str], name: str) -> None:
    assert parse.operator(lines) == name


@pytest.mark.parametrize(
    ("line", "dbm"),
    [
        ("+CSQ: 0,99", -113),
        ("+CSQ: 20,99", -73),
        ("+CSQ: 31,0", -51),
        ("+CSQ: 99,99", None),
        ("+CSQ: 32,99", None),
        ("+CSQ: 100,99", -116),
        ("+CSQ: 191,99", -25),
        ("+CSQ: 199,99", None),
        ("+CSQ: ", None),
        ("+CSQ: -1,0", None),
    ],
)
def test_the_signal_is_told_in_dbm(line: str, dbm: int | None) -> None:
    assert parse.signal_dbm([line]) == dbm


def sets(*values: set[int]) -> tuple[frozenset[int], ...]:
    return tuple(map(frozenset, values))


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)", sets({0, 1, 2}, {0, 1, 2, 3}, {0, 2}, {0, 1, 2}, {0, 1})),
        (
            "+CNMI:(0-3),(0-3),(0-3),(0,1),(0,1)",
            sets({0, 1, 2, 3}, {0, 1, 2, 3}, {0, 1, 2, 3}, {0, 1}, {0, 1}),
        ),
        ("+CNMI: (0,1,2),(0,1),(0,2),(0),(1)", sets({0, 1, 2}, {0, 1}, {0, 2}, {0}, {1})),
        ("+CNMI: (2),(0-1,3),(0,2),(0-1),(0)", sets({2}, {0, 1, 3}, {0, 2}, {0, 1}, {0})),
        ("+CNMI: (0 - 2), (0,1), (0), (0,2)", sets({0, 1, 2}, {0, 1}, {0}, {0, 2})),
        ("+CNMI: 2,1,0,0,0", sets({2}, {1}, {0}, {0}, {0})),
        ("+CNMI: (0-2),(0-3)", ()),
        ("+CNMI: ", ()),
    ],
)
def test_what_notices_may_be_set_to(line: str, options: tuple[frozenset[int], ...]) -> None:
    assert parse.cnmi_options([line]) == options


def test_what_notices_are_set_to() -> None:
    assert parse.cnmi_values(["+CNMI: 2,1,0,2,0"]) == (2, 1, 0, 2, 0)
    assert parse.cnmi_values(["+CNMI: 2,1,0,2"]) == (2, 1, 0, 2)
    assert parse.cnmi_values(["+CNMI: 2"]) == ()
    assert parse.cnmi_values([]) == ()


@pytest.mark.parametrize(
    ("line", "stores"),
    [
        ('+CPMS: ("ME","MT","SM","SR"),("ME"),("SM")', (("ME", "MT", "SM", "SR"), ("ME",), ("SM",))),
        ('+CPMS: "ME","MT","SM"', (("ME", "MT", "SM"),)),
        ('+CPMS: (("SM","BM","SR"),("SM"))', (("SM", "BM", "SR"), ("SM",))),
        ('+CPMS: ( "SM" , "ME" ),("SM")', (("SM", "ME"), ("SM",))),
        ('+CPMS: (ME", "SR"),("ME")', (("ME", "SR"), ("ME",))),
        ('+CPMS: ("SM_P","ME_P"),("SM_P")', (("SM_P", "ME_P"), ("SM_P",))),
        ("+CPMS: (),(),()", ()),
        ("+CPMS: ", ()),
    ],
)
def test_the_stores_are_read_with_or_without_parentheses_and_quotes(line: str, stores: object) -> None:
    assert parse.memories([line]) == stores


def test_how_full_a_store_is() -> None:
    assert parse.messages_held(["+CPMS: 3,20,0,20,0,20"]) == (3, 20)
    assert parse.messages_held(['+CPMS: "SM",3,20,"SM",3,20']) == (3, 20)
    assert parse.messages_held(["+CPMS: ,,,,,,,,"]) is None
    assert parse.messages_held([]) is None


@pytest.mark.parametrize(
    ("line", "tp_mr"),
    [
        ("+CMGS: 64", 64),
        ("+CMGS: 0", 0),
        ("+CMGS: 255", 255),
        ("+CMGS:7", 7),
        ("+CMGS : 7", 7),
        ("+cmgs: 7", 7),
        ('+CMGS: 12,"0006"', 12),
        ("\x1a+CMGS: 9", 9),
        ("+CMGS: 256", None),
        ("+CMGS: 6400", None),
        ("+CMGS:", None),
    ],
)
def test_the_reference_is_an_octet(line: str, tp_mr: int | None) -> None:
    assert parse.message_reference([line]) == tp_mr


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('+CDSI: "SR",0', ("SR", 0)),
        ('+CDSI: "SM",52', ("SM", 52)),
        ("+CDSI: MT,2", ("MT", 2)),
        ('+CDSI:"me" , 3', ("ME", 3)),
        ("+CDSI: ", None),
        ("+CDSI: 5", None),
    ],
)
def test_where_a_report_was_stored(line: str, place: tuple[str, int] | None) -> None:
    assert parse.stored_at(line) == place


def test_stored_messages_are_pairs_of_header_and_pdu() -> None:
    lines = ["+CMGL: 0,1,,25", "0006", "+CMGL: 7,1,25", "0007aB", "+CMGL: 9,1,,25", "+CMGL: x,1,,25", "0008"]
    assert parse.stored_messages(lines) == [(0, "0006"), (7, "0007aB"), (None, "0008")]
    assert parse.stored_messages(["+CMGR: ,,92", "0006"]) == [(None, "0006")]
    assert parse.stored_messages([]) == []


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("+CPIN: READY", "READY"),
        ("+CPIN:SIM PIN", "SIM PIN"),
        ('+CPIN: "ready"', "READY"),
        ("+CPIN: PH-SIM PIN", "PH-SIM PIN"),
        ("+CPIN:", ""),
    ],
)
def test_what_the_sim_asks_for(line: str, state: str) -> None:
    assert parse.pin_state([line]) == state


def test_the_service_centre_is_read_or_empty() -> None:
    assert parse.service_centre(['+CSCA: "+447700900000",145']) == "+447700900000"
    assert parse.service_centre(['+CSCA: "",129']) == ""
    assert parse.service_centre([]) == ""


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["huawei"], "huawei"),
        (["+CGMI: Quectel"], "Quectel"),
        (['+CGMM: "EC25"'], "EC25"),
        (["Revision:1418B05SIM800L"], "1418B05SIM800L"),
        ([" WAVECOM MODEM"], "WAVECOM MODEM"),
        (["M6280_V1.0.0 1 [Sep 4 2008 12:00:00]"], "M6280_V1.0.0 1 [Sep 4 2008 12:00:00]"),
        (["V 10.0.013", "22-06-08", "RM-505", "(c) Nokia", "11.049"], "V 10.0.013"),
        (["x" * 200], "x" * 64),
        ([], ""),
    ],
)
def test_an_identity_is_its_first_line(lines: list[str], name: str) -> None:
    assert parse.identity(lines) == name


@pytest.mark.parametrize(
    ("line", "digits"),
    [
        ("490154203237518", "490154203237518"),
        ('+CGSN: "490154203237518"', "490154203237518"),
        ("+CCID: 8944110000000000017", "8944110000000000017"),
        ("+CCID: 8944110000000000017F", "8944110000000000017"),
        ("^ICCID: 98441100000000000071", "89441100000000000017"),
        ("^ICCID: 984411000000000000F1", "8944110000000000001"),
        ("234150000000001", "234150000000001"),
        ("980000000000001", "980000000000001"),
        ("12345", ""),
        ("", ""),
    ],
)
def test_a_number_of_modem_or_sim_is_found_in_its_line(line: str, digits: str) -> None:
    assert parse.identity_number([line]) == digits


@pytest.mark.parametrize(
    "final",
    [
        "+CME ERROR: 14",
        "+CME ERROR: 515",
        "+CMS ERROR: 314",
        "+CMS ERROR: 512",
        "+CME ERROR: SIM busy",
        "+cms error:314",
    ],
)
def test_a_sim_that_is_starting_is_worth_another_try(final: str) -> None:
    assert parse.sim_is_starting(final)


@pytest.mark.parametrize("final", ["ERROR", "+CME ERROR: 10", "+CMS ERROR: 14", "+CMS ERROR: 500", "OK", ""])
def test_other_refusals_are_not(final: str) -> None:
    assert not parse.sim_is_starting(final)


def test_the_cause_of_a_refusal() -> None:
    assert parse.cause("+CME ERROR: SIM not inserted") == "SIM NOT INSERTED"
    assert parse.cause("+CME ERROR:-1") == "-1"
    assert parse.cause("ERROR") == ""


def test_the_first_number() -> None:
    assert parse.first_number(["+CSMS: 0,1,1,1"]) == 0
    assert parse.first_number(["+CSMS: x"]) is None
    assert parse.first_number(["+CSMS: 9999999"]) is None
    assert parse.first_number([]) is None


READERS: list[Callable[[list[str]], object]] = [
    parse.registration_asked,
    parse.operator,
    parse.signal_dbm,
    parse.cnmi_options,
    parse.cnmi_values,
    parse.first_number,
    parse.memories,
    parse.messages_held,
    parse.message_reference,
    parse.stored_messages,
    parse.pin_state,
    parse.service_centre,
    parse.identity,
    parse.identity_number,
]

TEXT = st.text(alphabet=st.sampled_from('+CREGNMIPS:"(),-0123456789 F²\xff'), max_size=40)


@given(st.lists(TEXT | st.text(max_size=20), max_size=4))
def test_nothing_that_a_modem_writes_raises(lines: list[str]) -> None:
    for read in READERS:
        read(lines)
    for line in lines:
        parse.registration_unasked(line)
        parse.stored_at(line)
        parse.sim_is_starting(line)


# -- why there is no network, what is left to try, whose number it is ----------------------------------------------


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("+CREG: 3,3,,,,0,15", 15),
        ('+CREG: 3,0,"00A1","0001",7,0,2', 2),
        ('+CEREG: 3,3,"00A1","01",7,0,7', 7),
        ('+CGREG: 3,3,"00A1","01",2,"01",0,14', 14),
        ("+CREG: 3,3,,,,1,15", None),
        ("+CREG: 3,3,,,,0,", None),
        ("+CREG: 3,3,,,,0,0", None),
        ("+CREG: 3,3", None),
        ('+CREG: 2,1,"00A1","0001",7', None),
        ("+CREG:", None),
    ],
)
def test_a_reject_cause_is_read_where_the_standards_gave_it(line: str, cause: int | None) -> None:
    assert parse.reject_cause([line]) == cause


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('+CEER: "EMM detached"', "EMM detached"),
        ("+CEER: SM ERROR,33,2147483648", "SM ERROR,33,..."),
        ("+CEER: No cause information available", ""),
        ("+CEER: No report available", ""),
        ("+CEER: Normal call clearing", ""),
        ("+CEER: 0", ""),
        ("+CEER:", ""),
    ],
)
def test_a_failure_report_is_told_without_longer_numbers_and_only_if_it_says_something(
    line: str, told: str
) -> None:
    assert parse.failure_report([line]) == told


@pytest.mark.parametrize(
    ("lines", "wanted", "left"),
    [
        (["+CPINR: SIM PIN,3,3", "+CPINR: SIM PUK,10,10"], "SIM PIN", 3),
        (["+CPINR: SIM PIN,0,3", "+CPINR: SIM PUK,9,10"], "SIM PUK", 9),
        (["^CPIN: SIM PIN,2,10,2,10,3"], "SIM PIN", 2),
        (["^CPIN: SIM PUK,,10,0,10,3"], "SIM PUK", 10),
        (["+SPIC: 3,10,0,10"], "SIM PIN", 3),
        (["+SPIC: 0,10,0,10"], "SIM PUK", 10),
        (['+QPINC: "SC",3,10', '+QPINC: "P2",3,10'], "SIM PIN", 3),
        (['+QPINC: "SC",0,9'], "SIM PUK", 9),
        (["+ZPINPUK: 3,10"], "SIM PIN", 3),
        (["#PCT: 1"], "SIM PIN", 1),
        (["^SPIC: 8"], "SIM PUK", 8),
        (["+CPINR: SIM PUK,10"], "SIM PIN", None),
        (["+CPINR: SIM PIN,,"], "SIM PIN", None),
        ([], "SIM PIN", None),
    ],
)
def test_tries_left_are_read_as_each_make_tells_them(lines: list[str], wanted: str, left: int | None) -> None:
    assert parse.tries_left(lines, wanted) == left


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        (['+CNUM: "","+447700900001",145'], "+447700900001"),
        (['+CNUM: "Line 1","447700900001",145,7,4'], "+447700900001"),
        (['+CNUM: ,"+447700900001",145'], "+447700900001"),
        (['+CNUM: "","07700900001",129'], ""),
        (['+CNUM: "","07700900001",129', '+CNUM: "","+447700900002",145'], "+447700900002"),
        (['+CNUM: "","002B003400340037003700300030003900300030003000300031",145'], "+447700900001"),
        (['+CNUM: "","",145'], ""),
        (["+CNUM: "], ""),
        ([], ""),
    ],
)
def test_a_sims_own_number_is_read_with_its_country_or_not_at_all(lines: list[str], number: str) -> None:
    assert parse.own_number(lines) == number


def test_texts_in_ucs2_that_another_program_left_are_read() -> None:
    assert parse.operator(['+COPS: 0,0,"00500072006500740065006E0064",7']) == "Pretend"
    assert (
        parse.service_centre(['+CSCA: "002B003400340037003700300030003900300030003000300030",145'])
        == "+447700900000"
    )
    assert parse.operator(['+COPS: 0,2,"23415"']) == "23415"
    assert parse.service_centre(['+CSCA: "00447700900000",129']) == "00447700900000"
    assert parse.operator(['+COPS: 0,0,"0007"']) == "0007"


@given(st.text())
def test_whatever_a_modem_writes_is_read_or_not(line: str) -> None:
    for read in (parse.reject_cause, parse.failure_report, parse.own_number, parse.service_centre):
        read([line])
    parse.tries_left([line], "SIM PIN")
