"""SIM cards and sticks: seen, moved, approved; nothing leaves through one that waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from web_fixtures import WebBox, web_box

from simcourier.app import App
from simcourier.config import Card, Modem, Pace, Sims
from simcourier.dispatch.bars import Cause
from simcourier.modem.facts import ModemState
from simcourier.outbox import equipment
from simcourier.outbox.schema import notices, sims
from simcourier.outbox.seal import Sealer
from simcourier.radio.specs import RadioSettings

BY_ADMIN = Sims(approve="by-admin")
FIRST = "8944500000000000001"
Open = Callable[..., WebBox]


@pytest.fixture
def open_box(tmp_path: Path) -> Iterator[Open]:
    """Boxes on one directory, one after the other."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(web_box(tmp_path, **{"sims": BY_ADMIN, **settings}))


def cards(web: WebBox, key: str | None = None) -> dict[str, dict[str, Any]]:
    web.settle()
    return {item["id"]: item for item in web.get("/v1/sims", key or web.key("admin")).json["items"]}


def told(web: WebBox) -> list[str]:
    web.settle()
    with web.engine.connect() as connection:
        return [t for t in connection.execute(select(notices.c.type)).scalars() if t.startswith("sim.")]


def writes(web: WebBox) -> list[str]:
    """Statements that change the tables of sticks and cards, from now on."""
    found: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("SELECT") and ("sims" in statement or "known_modems" in statement):
            found.append(statement)

    event.listen(web.engine, "before_cursor_execute", note)
    return found


def test_a_new_sim_sends_nothing_until_an_admin_approves_it(open_box: Open) -> None:
    web = open_box()
    key = web.key("admin")
    web.send(key)
    web.modem()
    web.pass_time(30)
    assert web.radio.jobs == []
    assert web.get("/readyz").status_code == 503
    card = cards(web)[FIRST]
    assert (card["state"], card["held"]) == (
        "waiting",
        "the SIM waits for an admin's yes: it was never seen before",
    )
    assert told(web) == ["sim.new"]
    answer = web.post(f"/v1/sims/{FIRST}/approve", key)
    assert (answer.status_code, answer.json["state"], answer.json["held"]) == (200, "approved", "")
    web.settle()
    assert len(web.radio.jobs) == 1
    entry = web.get("/v1/audit", key).json["items"][0]
    assert (entry["action"], entry["object"], entry["detail"]) == (
        "sim.approve",
        FIRST,
        "modem-1, was waiting",
    )


def test_a_sim_that_waits_goes_on_waiting_over_a_restart(open_box: Open) -> None:
    web = open_box()
    web.modem()
    web.settle()
    web.close()
    again = open_box()
    again.send(again.key("messages:send"))
    again.modem()
    assert again.radio.jobs == []
    assert again.dispatcher.fleet.barred(FIRST, Cause.APPROVAL)
    assert told(again) == ["sim.new"]


def test_what_waited_goes_on_waiting_when_the_policy_is_changed(open_box: Open) -> None:
    web = open_box()
    web.modem()
    web.settle()
    web.close()
    again = open_box(sims=Sims())
    again.modem()
    assert cards(again)[FIRST]["state"] == "waiting"
    assert again.dispatcher.fleet.operational == frozenset()


def test_a_refused_sim_sends_nothing_in_any_stick(open_box: Open) -> None:
    web = open_box(sims=Sims())
    key = web.key("admin")
    web.modem()
    assert web.post(f"/v1/sims/{FIRST}/refuse", key).json["held"] == "an admin refused the SIM"
    web.send(key)
    web.modem(state=ModemState.ABSENT)
    card = web.radio.cards["modem-1"]
    web.change(replace(card, name="other", port="/dev/other", imei="860000000000099", state=ModemState.READY))
    web.pass_time(1)
    assert web.radio.jobs == []
    assert (cards(web)[FIRST]["state"], cards(web)[FIRST]["modem"]) == ("refused", "other")


def test_a_sim_is_recorded_and_told_where_it_may_send_at_once(open_box: Open) -> None:
    web = open_box(sims=Sims())
    web.send(web.key("messages:send"))
    web.modem()
    assert len(web.radio.jobs) == 1
    assert (cards(web)[FIRST]["state"], told(web)) == ("approved", ["sim.new"])


def move(web: WebBox) -> None:
    """The card goes from modem-1 into a stick that is called spare."""
    card = web.radio.cards["modem-1"]
    web.change(replace(card, state=ModemState.SIM_MISSING, reason="no SIM"))
    web.change(
        replace(card, name="spare", port="/dev/spare", imei="860000000000099", state=ModemState.SEARCHING)
    )
    web.change(replace(card, name="spare", port="/dev/spare", imei="860000000000099", state=ModemState.READY))


def test_a_sim_that_moved_waits_again_and_says_from_where(open_box: Open) -> None:
    web = open_box()
    key = web.key("admin")
    web.modem()
    web.settle()
    web.post(f"/v1/sims/{FIRST}/approve", key)
    move(web)
    web.send(key)
    web.pass_time(1)
    card = cards(web)[FIRST]
    assert (card["state"], card["modem"], card["decided_at"]) == ("waiting", "spare", None)
    assert card["reason"] == "it moved from modem-1 to spare"
    assert (web.radio.jobs, told(web)) == ([], ["sim.new", "sim.moved"])


def test_a_sim_that_moved_is_told_where_it_may_send_at_once(open_box: Open) -> None:
    web = open_box(sims=Sims())
    web.modem()
    move(web)
    card = cards(web)[FIRST]
    assert (card["state"], card["reason"]) == ("approved", "it moved from modem-1 to spare")
    assert told(web) == ["sim.new", "sim.moved"]


def test_what_an_empty_stick_remembers_of_its_card_moves_no_card(open_box: Open) -> None:
    web = open_box()
    web.modem()
    move(web)
    card = web.radio.cards["modem-1"]
    for state in (ModemState.SILENT, ModemState.ABSENT, ModemState.OPENING, ModemState.INITIALISING):
        web.change(replace(card, state=state))
    assert cards(web)[FIRST]["modem"] == "spare"
    assert told(web) == ["sim.new", "sim.moved"]


@pytest.mark.parametrize("state", [ModemState.SIM_MISSING, ModemState.ABSENT])
def test_a_sim_that_was_pulled_or_went_with_its_stick_is_not_present(
    open_box: Open, state: ModemState
) -> None:
    web = open_box()
    web.modem()
    assert cards(web)[FIRST]["present"]
    web.modem(state=state, reason="no SIM")
    gone = cards(web)[FIRST]
    assert (gone["present"], gone["modem"]) == (False, "modem-1")
    web.modem()
    assert cards(web)[FIRST]["present"]


def test_the_same_stick_under_another_name_is_no_move(open_box: Open) -> None:
    web = open_box()
    web.modem()
    web.settle()
    web.post(f"/v1/sims/{FIRST}/approve", web.key("admin"))
    web.change(replace(web.radio.cards["modem-1"], name="renamed", port="/dev/ttyUSB7"))
    assert (cards(web)[FIRST]["state"], cards(web)[FIRST]["modem"]) == ("approved", "renamed")
    assert told(web) == ["sim.new"]


def test_nothing_is_written_where_nothing_is_new(open_box: Open) -> None:
    web = open_box()
    web.modem()
    web.settle()
    found = writes(web)
    for dbm in range(-110, -60, 5):
        web.change(replace(web.radio.cards["modem-1"], signal_dbm=dbm))
    for state in (ModemState.RESYNC, ModemState.INITIALISING, ModemState.READY):
        web.modem(state=state)
    assert found == []
    web.now += 3700
    web.modem()
    web.settle()
    assert len(found) == 1


def test_a_forgotten_sim_that_is_plugged_in_is_new_and_never_free_between(open_box: Open) -> None:
    web = open_box()
    key = web.key("admin")
    web.modem()
    web.send(key)
    assert web.post(f"/v1/sims/{FIRST}/forget", key).status_code == 204
    web.pass_time(1)
    assert (cards(web)[FIRST]["state"], told(web)) == ("waiting", ["sim.new", "sim.new"])
    assert web.radio.jobs == []


def test_a_forgotten_sim_that_is_gone_is_gone(open_box: Open) -> None:
    web = open_box()
    key = web.key("admin")
    web.modem()
    web.change(replace(web.radio.cards["modem-1"], sim="", state=ModemState.SIM_MISSING))
    web.post(f"/v1/sims/{FIRST}/forget", key)
    assert (cards(web), web.dispatcher.fleet.barred(FIRST)) == ({}, "")
    for what in ("approve", "refuse", "forget"):
        answer = web.post(f"/v1/sims/{FIRST}/{what}", key)
        assert (answer.status_code, answer.json["code"]) == (404, "not-found")


def test_a_sim_without_a_number_can_not_send_where_an_admin_must_say_yes(open_box: Open) -> None:
    web = open_box()
    web.modem()
    web.change(replace(web.radio.cards["modem-1"], sim=""))
    web.send(web.key("messages:send"))
    web.pass_time(1)
    assert web.radio.jobs == []
    assert "nobody can approve it" in web.get("/v1/modems/modem-1", web.key("status:read")).json["held"]


def test_virtual_sims_of_the_sandbox_wait_for_nobody(open_box: Open) -> None:
    web = open_box(modems=(Modem(port="/dev/modem-1", sandbox=True),))
    web.modem()
    assert (cards(web), web.dispatcher.fleet.barred(FIRST)) == ({}, "")


def test_more_cards_than_can_be_kept_in_mind_wait_without_a_record(
    open_box: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simcourier.care.registry._MOST", 1)
    web = open_box()
    web.modem()
    web.modem("modem-2")
    assert list(cards(web)) == [FIRST]
    assert "too many SIMs" in web.dispatcher.fleet.barred("8944500000000000002")


def test_numbers_are_whole_for_an_admin_only(open_box: Open) -> None:
    web = open_box(sims=Sims(cards=(Card(iccid=FIRST, name="spare one", number="+447700900199"),)))
    web.modem()
    whole = cards(web)[FIRST]
    assert (whole["number"], whole["name"]) == ("+447700900199", "spare one")
    answer = web.get("/v1/sims", web.key("status:read"))
    assert FIRST not in answer.text
    assert "+447700900199" not in answer.text
    assert answer.json["items"][0]["id"] == "•••••0001"
    assert web.get("/v1/modems/modem-1", web.key("status:read")).json["number"].endswith("0199")
    for page in ("/", "/modems/modem-1"):
        assert FIRST not in web.get(page).text
        assert "447700900199" not in web.get(page).text


def test_nobody_but_an_admin_decides(open_box: Open) -> None:
    web = open_box()
    web.modem()
    key = web.key("status:read", "messages:send")
    for what in ("approve", "refuse", "forget"):
        assert web.post(f"/v1/sims/{FIRST}/{what}", key).status_code == 403
    assert cards(web)[FIRST]["state"] == "waiting"


def test_use_is_shown_against_the_pace_and_what_is_over_it_is_held(open_box: Open) -> None:
    web = open_box(sims=Sims(pace=Pace(day=2, month=50)))
    key = web.key("admin")
    web.modem()
    for _ in range(2):
        web.send(key)
        web.submitted()
    web.pass_time(6)
    card = cards(web)[FIRST]
    assert (card["used"], card["pace"]["day"]) == ({"hour": 2, "day": 2, "month": 2}, 2)
    assert (card["held"], card["held_until"]) == ("over its pace of 2 a day", "2027-01-16T00:00:00.000Z")
    assert "Held back" in web.get("/").text
    assert "2 of 2 today" in web.get("/").text


# --- sticks ---


def test_a_stick_keeps_its_name(open_box: Open) -> None:
    web = open_box()
    web.modem("gsm-a")
    web.modem("gsm-b")
    web.settle()
    imeis = {name: card.imei for name, card in web.radio.cards.items()}
    web.close()
    with open_box().engine.connect() as connection:
        assert equipment.names(connection) == {imei: name for name, imei in imeis.items()}


def test_the_radio_hears_at_its_start_how_sticks_are_called(
    open_box: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = open_box()
    web.modem("north")
    web.settle()
    web.close()

    class Heard(Exception):  # noqa: N818 - carries what was heard out of the making of an App
        pass

    def radio(_ports: object, _discovery: object, _sink: object, settings: RadioSettings) -> None:
        raise Heard(settings.names)

    monkeypatch.setattr("simcourier.app.Radio", radio)
    # The fixture's database has no key file of its own.
    monkeypatch.setattr(App, "_open_keys", lambda _self: Sealer(b"k" * 32))
    with pytest.raises(Heard) as heard:
        App(web.config)
    assert heard.value.args == ({web.radio.cards["north"].imei: "north"},)


def test_what_a_stick_tells_while_it_starts_takes_nothing_from_what_is_known(open_box: Open) -> None:
    web = open_box()
    web.modem()
    bare = replace(web.radio.cards["modem-1"], model="", revision="", sim="", state=ModemState.INITIALISING)
    web.change(replace(bare, port="/dev/ttyUSB9"))
    web.settle()
    with web.engine.connect() as connection:
        known = equipment.modems(connection)["modem-1"]
    assert (known.port, known.model, known.sim) == ("/dev/ttyUSB9", "E3372", FIRST)


def test_a_suspended_sim_stays_so_over_a_restart_and_an_approval(open_box: Open) -> None:
    web = open_box(sims=Sims())
    web.modem()
    web.settle()
    web.close()
    with web.engine.begin() as connection:
        connection.execute(sims.update().values(suspended="loop tests don't arrive"))
    again = open_box(sims=Sims())
    again.modem()
    again.settle()
    assert (
        again.post(f"/v1/sims/{FIRST}/approve", again.key("admin")).json["held"] == "loop tests don't arrive"
    )
    again.send(again.key("messages:send"))
    again.pass_time(1)
    assert again.radio.jobs == []
