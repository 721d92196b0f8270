"""What `check` says of a modem."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simcourier.cli.survey import is_settled
from simcourier.cli.verdicts import judge
from simcourier.modem.facts import ModemSnapshot, ModemState, ReportRoute

READY = ModemSnapshot(
    name="modem-1",
    port="/dev/ttyUSB2",
    state=ModemState.READY,
    reason="",
    since=100.0,
    manufacturer="Quectel",
    model="EC25",
    operator="Faraway",
    registration="home",
    signal_dbm=-73,
    reports=ReportRoute.DIRECT,
)


def in_state(state: ModemState, reason: str = "") -> ModemSnapshot:
    return replace(READY, state=state, reason=reason)


def test_a_modem_that_is_ready_can_send_and_every_column_says_why() -> None:
    verdict = judge(READY)
    assert verdict.usable
    assert (verdict.device, verdict.sim, verdict.network) == ("Quectel EC25", "ready", "Faraway, home")
    assert (verdict.signal, verdict.reports, verdict.sentence) == ("▂▄▆█ -73 dBm", "yes", "Can send.")


@pytest.mark.parametrize("state", ModemState)
def test_every_state_has_a_verdict_and_only_two_can_send(state: ModemState) -> None:
    verdict = judge(in_state(state, "something was seen"))
    assert verdict.usable == (state in {ModemState.READY, ModemState.SENDING})
    assert verdict.sentence.endswith(".")
    assert verdict.sentence[0].isupper()


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        (ModemState.ABSENT, "in use by another program", "can't be opened: in use by another program"),
        (ModemState.SILENT, "no answer to AT", "Nothing answers AT"),
        (ModemState.SIM_MISSING, "no SIM card", "No SIM card: put one in"),
        (
            ModemState.SIM_LOCKED,
            "the SIM asks for its PIN, and none is configured",
            "give its PIN with pin_file",
        ),
        (ModemState.SEARCHING, "no network: searching", "look at antenna and coverage"),
        (ModemState.BARRED, "the network denies this SIM", "ask its operator"),
        (
            ModemState.SIM_MISSING,
            "no SIM card: see whether it lies right",
            "No SIM card: see whether it lies right.",
        ),
        (
            ModemState.SEARCHING,
            "no network: searching: it hears no signal",
            "No network: searching: it hears no signal.",
        ),
        (ModemState.READY, "the SIM has no service centre number (AT+CSCA?)", "no service centre number"),
    ],
)
def test_the_sentence_says_what_was_seen_and_what_to_do(state: ModemState, reason: str, words: str) -> None:
    assert words in judge(in_state(state, reason)).sentence


def test_columns_beyond_the_trouble_are_empty() -> None:
    locked = judge(in_state(ModemState.SIM_LOCKED))
    assert (locked.sim, locked.network, locked.reports) == ("locked", "-", "-")
    absent = judge(in_state(ModemState.ABSENT))
    assert (absent.device, absent.sim) == ("not opened", "-")
    assert not absent.answers


def test_a_modem_without_reports_or_with_a_weak_signal_can_send_but_says_so() -> None:
    verdict = judge(replace(READY, reports=ReportRoute.NONE, signal_dbm=-109))
    assert verdict.usable
    assert verdict.reports == "none"
    assert "no delivery reports" in verdict.sentence
    assert "weak" in verdict.sentence


def test_the_words_of_a_modem_can_not_steer_the_terminal() -> None:
    assert "\x1b" not in judge(in_state(ModemState.SILENT, "\x1b[2J")).sentence


def test_a_look_ends_when_waiting_would_tell_nothing_more() -> None:
    def settled(state: ModemState, seconds: float) -> bool:
        return is_settled({"modem-1": in_state(state), "modem-2": READY}, READY.since + seconds)

    assert settled(ModemState.READY, 0)
    assert settled(ModemState.BARRED, 0)
    assert not settled(ModemState.SIM_LOCKED, 0.5), "the PIN may just be on its way"
    assert settled(ModemState.SIM_LOCKED, 5)
    assert settled(ModemState.ABSENT, 5)
    assert not settled(ModemState.SEARCHING, 25), "a network may yet be found"
    assert not settled(ModemState.INITIALISING, 25)
    assert is_settled({}, 0)
