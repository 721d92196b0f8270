"""What the page says: spans, bars, states and the banner."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simcourier.config import Pace
from simcourier.dispatch.bars import Cause
from simcourier.modem.facts import Fault, ModemSnapshot, ModemState, Rung
from simcourier.outbox.message import MessageClass, Status
from simcourier.outbox.usage import Use
from simcourier.service import Balance, BoxStatus, Glimpse, ModemView
from simcourier.service.loads import Held, Load
from simcourier.service.modems import Mishap
from simcourier_web.pages import fleet, words
from simcourier_web.pages.spans import span, visible
from simcourier_web.pages.words import Tone

NOW_MS = 1_800_000_000_000
BOX = BoxStatus(
    version="0.1.0",
    started_at_ms=NOW_MS - 60_000,
    now_ms=NOW_MS,
    ready=True,
    healthy=True,
    modems_up=1,
    modems=1,
    queue={"otp": 0},
    oldest_queued_ms=None,
    in_flight=0,
    free_mb=1000,
    unmatched_reports=0,
)


def view(
    state: ModemState = ModemState.READY,
    *,
    name: str = "modem-1",
    reason: str = "",
    paused: bool = False,
    for_s: float = 5,
    dbm: int | None = -79,
) -> ModemView:
    card = ModemSnapshot(name, "/dev/ttyUSB0", state, reason, 0.0, operator="Example Mobile", signal_dbm=dbm)
    return ModemView(card, paused, for_s)


def banner(*views: ModemView, box: BoxStatus = BOX, min_free_mb: int = 50) -> words.Verdict:
    return words.verdict(box, [words.modem_line(each) for each in views], min_free_mb)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (200_000, "2 d"),
    ],
)
def test_a_span_is_rounded_down_to_its_largest_unit(seconds: float, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0, "0.0 s"),
        (4_240, "4.2 s"),
        (59_949, "59.9 s"),
        (59_950, "1 min 0 s"),
        (95_000, "1 min 35 s"),
        (7_200_000, "2 h"),
    ],
)
def test_how_long_something_took_is_told_in_tenths_below_a_minute(ms: int, said: str) -> None:
    assert words.took(ms) == said


@pytest.mark.parametrize(("megabytes", "said"), [(0, "0 MB"), (9_999, "9999 MB"), (10_240, "10 GB")])
def test_room_is_told_in_the_unit_that_fits(megabytes: int, said: str) -> None:
    assert words.room(megabytes) == said


@pytest.mark.parametrize(
    ("dbm", "bars"), [(-113, 0), (-110, 0), (-109, 1), (-97, 2), (-85, 3), (-73, 4), (-51, 4)]
)
def test_bars_grow_with_the_signal(dbm: int, bars: int) -> None:
    assert words.bars(dbm) == bars


def test_the_signal_is_told_in_words_and_dbm() -> None:
    assert words.modem_line(view(dbm=-79)).signal == "good, −79 dBm"
    assert words.modem_line(view(dbm=None)).signal == ""
    assert words.modem_line(view(dbm=None)).bars is None


def test_a_modem_that_is_not_there_shows_no_signal_of_another_time() -> None:
    line = words.modem_line(view(ModemState.ABSENT))
    assert (line.bars, line.signal, line.operator) == (None, "", "")


@pytest.mark.parametrize("state", ModemState)
def test_every_state_of_a_modem_has_words_and_only_what_can_send_looks_well(state: ModemState) -> None:
    line = words.modem_line(view(state))
    assert line.state
    assert (line.tone is Tone.GOOD) == (state in {ModemState.READY, ModemState.SENDING})
    if line.tone is Tone.BAD:
        assert line.advice


def test_a_modem_that_takes_too_long_to_come_up_looks_bad() -> None:
    assert words.modem_line(view(ModemState.SEARCHING, for_s=60)).tone is Tone.BUSY
    assert words.modem_line(view(ModemState.SEARCHING, for_s=61)).tone is Tone.BAD


def test_a_paused_modem_says_so_and_what_else_is_wrong_with_it() -> None:
    assert words.modem_line(view(paused=True)).state == "Paused"
    locked = words.modem_line(view(ModemState.SIM_LOCKED, paused=True))
    assert (locked.tone, locked.state) == (Tone.OFF, "Paused. SIM is locked")


@pytest.mark.parametrize("status", Status)
def test_every_status_has_words_and_only_delivered_looks_done(status: Status) -> None:
    line = words.message_line(
        Glimpse("abc", "+44•••••0123", status, MessageClass.OTP, "modem-1", NOW_MS - 9_500, None), NOW_MS
    )
    assert line.state
    assert line.age == "9 s"
    assert (line.tone is Tone.GOOD) == (status is Status.DELIVERED)


def test_what_would_be_invisible_is_shown_as_its_code_point() -> None:
    hostile = "A\u202eB\u0000C\u200bD\u00adE\nF"
    assert visible(hostile) == "A<U+202E>B<U+0000>C<U+200B>D<U+00AD>E<U+000A>F"
    assert visible("Österreich 電話 ok") == "Österreich 電話 ok"


def test_all_well_is_one_sentence() -> None:
    assert banner(view()) == words.Verdict(Tone.GOOD, "Ready. The modem can send.")
    two = replace(BOX, modems=2, modems_up=2)
    assert banner(view(), view(name="b"), box=two) == words.Verdict(
        Tone.GOOD, "Ready. 2 of 2 modems can send."
    )


def test_a_locked_sim_is_told_with_what_to_do() -> None:
    told = banner(
        view(ModemState.SIM_LOCKED, reason="the SIM asks for SIM PUK"),
        box=replace(BOX, ready=False, modems_up=0),
    )
    assert (told.tone, told.headline) == (Tone.BAD, "No modem can send.")
    assert told.lines == (
        "modem-1: SIM is locked (the SIM asks for SIM PUK). "
        "Check its pin_file and restart the modem, or unlock the SIM in a phone.",
    )


def test_a_box_that_is_coming_up_does_not_cry() -> None:
    told = banner(view(ModemState.INITIALISING), box=replace(BOX, ready=False, modems_up=0))
    assert (told.tone, told.headline) == (Tone.WARN, "No modem can send yet.")


def test_a_box_with_some_modems_down_warns_and_names_them() -> None:
    box = replace(BOX, modems=2)
    told = banner(view(), view(ModemState.SILENT, name="modem-2"), box=box)
    assert (told.tone, told.headline) == (Tone.WARN, "Ready, but only 1 of 2 modems can send.")
    assert [line.partition(":")[0] for line in told.lines] == ["modem-2"]


def test_long_waits_are_told() -> None:
    told = banner(view(), box=replace(BOX, oldest_queued_ms=NOW_MS - 75_000))
    assert (told.tone, told.headline) == (Tone.WARN, "Messages wait: the oldest for 1 min.")


def test_many_complaints_are_cut_short() -> None:
    views = [view(ModemState.ABSENT, name=f"modem-{n}") for n in range(9)]
    told = banner(*views, box=replace(BOX, ready=False, modems=9, modems_up=0))
    assert len(told.lines) == 6
    assert told.lines[-1] == "And 4 more; see below."


def test_the_gravest_thing_comes_first() -> None:
    stuck = replace(BOX, healthy=False, free_mb=1, ready=False)
    assert "stuck" in banner(box=stuck).headline
    full = banner(view(), box=replace(BOX, free_mb=49))
    assert (full.tone, full.headline) == (Tone.BAD, "The disk is almost full: no message is accepted.")
    assert "49 MB are free, 50 MB are needed" in full.lines[0]
    assert banner(box=replace(BOX, ready=False, modems=0)).headline == "No modem is connected."


# --- what holds a SIM back ---


def with_load(load: Load, **fields: object) -> words.ModemLine:
    return words.modem_line(replace(view(**fields), load=load))  # type: ignore[arg-type] # by name


@pytest.mark.parametrize(
    ("held", "reason", "advice"),
    [
        (Held("the SIM waits", Cause.APPROVAL), "the SIM waits", "simcourier sims approve modem-1."),
        (Held("no credit: 0.40 EUR", Cause.CREDIT), "no credit: 0.40 EUR", "Top it up"),
        (Held("tests are lost", Cause.LOOP_TEST), "tests are lost", "Try it in a phone"),
        (Held("over its pace", None, 1, 7300.0), "over its pace, for 2 h more", "goes on by itself"),
        (Held("something else", Cause.OTHER), "something else", ""),
    ],
)
def test_a_sim_that_is_held_back_is_told_with_what_to_do(held: Held, reason: str, advice: str) -> None:
    line = with_load(Load(held=held))
    assert (line.tone, line.state, line.reason) == (Tone.WARN, "Held back", reason)
    assert advice in line.advice


@pytest.mark.parametrize(
    ("state", "reason", "advice"),
    [
        (ModemState.BARRED, "the network denies this SIM: ask the operator whether it is paid", ""),
        (ModemState.SIM_MISSING, "no SIM card: put one in, or see whether it lies right", ""),
        (
            ModemState.BARRED,
            "the network denies this SIM",
            "Ask the operator whether this SIM is active and paid.",
        ),
        (ModemState.SILENT, "AT: no answer", "If it stays silent, unplug it and plug it in again."),
    ],
)
def test_advice_is_given_once(state: ModemState, reason: str, advice: str) -> None:
    assert words.modem_line(view(state=state, reason=reason)).advice == advice


def test_an_unplugged_modem_says_nothing_of_what_its_sim_sent() -> None:
    assert with_load(Load(), state=ModemState.ABSENT).sent == ""
    assert with_load(Load()).sent == "0 today"


def test_a_modem_that_can_not_send_says_why_and_not_what_its_sim_lacks() -> None:
    held = Load(held=Held("the SIM waits", Cause.APPROVAL))
    assert with_load(held, state=ModemState.SIM_LOCKED, reason="PUK").reason == "PUK"
    assert with_load(held, paused=True).state == "Paused"


def test_a_sim_that_runs_low_is_a_warning_while_it_sends() -> None:
    load = Load(balance=Balance(3.2, "EUR", NOW_MS, is_low=True))
    line = with_load(load)
    assert (line.tone, line.state, line.left) == (Tone.WARN, "Ready", "3.20 EUR left")
    told = words.verdict(BOX, [line], 50)
    assert told.lines == ("modem-1: Ready (its SIM runs low: 3.20 EUR left). Top it up.",)
    assert with_load(Load(balance=Balance(30.2, "", NOW_MS))).tone is Tone.GOOD


@pytest.mark.parametrize(
    ("pace", "said"),
    [
        (Pace(), "12 today"),
        (Pace(day=100, month=500), "12 of 100 today"),
        (Pace(month=500), "80 of 500 this month"),
        (Pace(hour=5), "3 of 5 this hour"),
    ],
)
def test_what_a_sim_sent_is_told_against_its_nearest_bound(pace: Pace, said: str) -> None:
    assert with_load(Load(used=Use(3, 12, 80), pace=pace)).sent == said


def test_every_fault_has_its_words() -> None:
    said = {fleet.mishap(Mishap(fault, "", 0, 5.0, None, None)) for fault in Fault}
    assert len(said) == len(Fault)
    assert not any(line.startswith(f"{fault},") for line in said for fault in Fault)
    assert (
        fleet.mishap(Mishap("silent", "", 0, 90.0, 3.4, Rung.PROBE))
        == "did not answer, 1 min ago; well after 3 s"
    )
