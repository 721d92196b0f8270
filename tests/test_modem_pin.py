"""The PIN: only for exactly `SIM PIN`, only after leave was given, and a wrong one never twice."""

from __future__ import annotations

from modem_desk import ERROR, ICCID, IMEI, OK, Desk, ScriptedModem

from simcourier.modem.facts import ModemState, PinJudged, PinWanted
from simcourier.modem.modem import pin_digest


class LockedModem(ScriptedModem):
    """A modem whose SIM has the PIN 1234."""

    def __init__(self, *, takes: str | None = OK, iccid: bool = True) -> None:
        super().__init__()
        self.locked = True
        self.takes = takes
        self.answers["AT+CPIN?"] = lambda _: f"\r\n+CPIN: {'SIM PIN' if self.locked else 'READY'}\r\n" + OK
        self.answers['AT+CPIN="1234"'] = self._unlock
        self.answers["AT+CMGF=0"] = lambda _: "\r\n+CMS ERROR: 311\r\n" if self.locked else OK
        if not iccid:
            self.answers["AT+CCID"] = "\r\n+CME ERROR: 11\r\n"

    def _unlock(self, _: str) -> str | None:
        self.locked = self.takes != OK
        return self.takes


def locked(modem: LockedModem, pin: str | None = "1234") -> Desk:
    desk = Desk(modem, pin=pin).plug()
    desk.run(1.0)
    assert desk.state is ModemState.SIM_LOCKED
    return desk


def allow(desk: Desk, granted: bool = True) -> None:
    desk.session.allow_pin(granted, desk.now)
    desk.settle()


def tries(desk: Desk) -> int:
    return desk.modem.heard.count('AT+CPIN="1234"')


def test_the_pin_waits_for_leave_and_then_unlocks() -> None:
    desk = locked(LockedModem())
    assert desk.told(PinWanted) == [PinWanted("modem-1", ICCID, pin_digest(ICCID, "1234"))]
    desk.run(30.0)
    assert tries(desk) == 0
    allow(desk)
    desk.until(lambda: desk.state is ModemState.READY, 2.0)
    assert [fact.accepted for fact in desk.told(PinJudged)] == [True]
    assert tries(desk) == 1
    assert b"1234" in desk.written
    assert not any("1234" in line.text for line in desk.session.trace.lines())


def test_leave_is_asked_for_again_only_after_a_minute() -> None:
    desk = locked(LockedModem()).run(59.0)
    assert len(desk.told(PinWanted)) == 1
    desk.run(10.0)
    assert len(desk.told(PinWanted)) == 2


def test_a_sim_that_does_not_tell_its_iccid_is_known_by_the_modem() -> None:
    assert locked(LockedModem(iccid=False)).told(PinWanted)[0].card == IMEI


def test_without_any_identity_no_pin_is_tried() -> None:
    modem = LockedModem(iccid=False)
    modem.answers["AT+CGSN"] = ERROR
    desk = locked(modem)
    assert desk.told(PinWanted) == []
    assert "nothing tells which SIM" in desk.session.snapshot().reason


def test_without_a_configured_pin_the_modem_stays_locked_until_somebody_unlocks_it() -> None:
    desk = locked(LockedModem(), pin=None)
    assert "none is configured" in desk.session.snapshot().reason
    desk.modem.answers["AT+CPIN?"] = "\r\n+CPIN: READY\r\n" + OK
    desk.modem.answers["AT+CMGF=0"] = OK
    desk.until(lambda: desk.state is ModemState.READY, 6.0)


def test_a_pin_that_may_not_be_tried_is_not_and_nobody_is_asked_again() -> None:
    desk = locked(LockedModem())
    allow(desk, False)
    desk.run(600.0)
    assert tries(desk) == 0
    assert len(desk.told(PinWanted)) == 1
    assert "may not be tried" in desk.session.snapshot().reason


def test_a_wrong_pin_is_never_sent_twice_not_even_after_the_modem_returns() -> None:
    desk = locked(LockedModem(takes="\r\n+CME ERROR: 16\r\n"))
    allow(desk)
    desk.run(600.0)
    assert tries(desk) == 1
    assert [fact.accepted for fact in desk.told(PinJudged)] == [False]
    assert "tried before" in desk.session.snapshot().reason
    desk.session.closed(desk.now, "unplugged")
    desk.plug().run(600.0)
    assert tries(desk) == 1
    assert len(desk.told(PinWanted)) == 1


def test_an_admin_may_have_it_tried_again() -> None:
    desk = locked(LockedModem(takes="\r\n+CME ERROR: 16\r\n"))
    allow(desk)
    desk.session.forget_pins()
    desk.run(10.0)
    assert len(desk.told(PinWanted)) == 2


def test_a_pin_whose_answer_never_came_counts_as_tried() -> None:
    desk = locked(LockedModem(takes=None))
    allow(desk)
    desk.run(600.0)
    assert tries(desk) == 1
    assert desk.told(PinJudged) == []
    assert desk.state is ModemState.SIM_LOCKED


def test_a_right_pin_is_asked_for_and_entered_again_after_the_power_went() -> None:
    modem = LockedModem()
    desk = locked(modem)
    allow(desk)
    desk.until(lambda: desk.state is ModemState.READY, 2.0)
    desk.session.closed(desk.now, "unplugged")
    modem.locked = True
    desk.plug().run(1.0)
    assert len(desk.told(PinWanted)) == 2
    allow(desk)
    desk.until(lambda: desk.state is ModemState.READY, 2.0)
    assert tries(desk) == 2


def test_leave_given_for_one_card_does_not_count_for_another() -> None:
    modem = LockedModem(takes="\r\n+CME ERROR: 16\r\n")
    desk = locked(modem)
    allow(desk)
    modem.answers["AT+CCID"] = "\r\n+CCID: 8944110000000000099\r\n" + OK
    desk.run(10.0)
    assert [fact.card for fact in desk.told(PinWanted)] == [ICCID, "8944110000000000099"]
    assert tries(desk) == 1


def test_leave_that_comes_when_nobody_asked_is_kept_for_nobody() -> None:
    desk = Desk(pin="1234").up()
    allow(desk)
    assert desk.state is ModemState.READY


def test_a_digest_tells_pin_and_card_apart_and_shows_neither() -> None:
    assert len({pin_digest(card, pin) for card in ("1", "2") for pin in ("1234", "4321")}) == 4
    assert "1234" not in pin_digest(ICCID, "1234")


def test_a_cards_own_pin_goes_before_its_ports() -> None:
    modem = LockedModem()
    desk = Desk(modem, pin="9999")
    desk.session.modem.pins = {ICCID: "1234"}
    desk.plug().run(1.0)
    assert desk.told(PinWanted)[0].pin_digest == pin_digest(ICCID, "1234")
    allow(desk)
    desk.until(lambda: desk.state is ModemState.READY, 2.0)
    assert b"9999" not in desk.written


def test_another_card_in_that_port_gets_the_ports_pin() -> None:
    desk = Desk(LockedModem(), pin="1234")
    desk.session.modem.pins = {"8944110000000000099": "9999"}
    desk.plug().run(1.0)
    assert desk.told(PinWanted)[0].pin_digest == pin_digest(ICCID, "1234")


def test_how_many_tries_are_left_is_told() -> None:
    modem = LockedModem()
    modem.answers["AT+CPINR"] = "\r\n+CPINR: SIM PIN,2,3\r\n+CPINR: SIM PUK,10,10\r\n" + OK
    assert "asks for its PIN (2 tries left)" in locked(modem).session.snapshot().reason


def test_the_last_try_is_left_to_a_human() -> None:
    modem = LockedModem()
    modem.answers["AT+CPINR"] = "\r\n+CPINR: SIM PIN,1,3\r\n" + OK
    desk = locked(modem).run(600.0)
    assert desk.told(PinWanted) == []
    assert tries(desk) == 0
    assert "one try left" in desk.session.snapshot().reason
    assert "in a phone" in desk.session.snapshot().reason


def test_a_card_that_tells_its_iccid_now_and_then_not_gets_one_try() -> None:
    modem = LockedModem(takes="\r\n+CME ERROR: 16\r\n")
    desk = locked(modem)
    allow(desk)
    modem.answers["AT+CCID"] = "\r\n+CME ERROR: 11\r\n"
    desk.run(60.0)
    assert (tries(desk), len(desk.told(PinWanted))) == (1, 1)


def test_a_card_that_tells_its_iccid_only_later_gets_one_try() -> None:
    modem = LockedModem(takes="\r\n+CME ERROR: 16\r\n", iccid=False)
    desk = locked(modem)
    allow(desk)
    modem.answers["AT+CCID"] = f"\r\n+CCID: {ICCID}\r\n" + OK
    desk.run(60.0)
    assert (tries(desk), len(desk.told(PinWanted))) == (1, 1)


def test_another_card_in_the_same_modem_has_its_own_try() -> None:
    modem = LockedModem(takes="\r\n+CME ERROR: 16\r\n")
    desk = locked(modem)
    allow(desk)
    modem.answers["AT+CCID"] = "\r\n+CCID: 8944110000000000025\r\n" + OK
    desk.run(20.0)
    assert [fact.card for fact in desk.told(PinWanted)] == [ICCID, "8944110000000000025"]


def test_an_ok_after_which_the_card_is_still_locked_is_not_taken_for_a_right_pin() -> None:
    modem = LockedModem()
    modem.answers['AT+CPIN="1234"'] = OK
    desk = locked(modem)
    for _ in range(60):
        allow(desk)
        desk.run(1.0)
    assert (tries(desk), desk.told(PinJudged)) == (1, [])
    assert "tried before" in desk.session.snapshot().reason


def test_a_card_that_takes_some_seconds_to_open_is_waited_for() -> None:
    modem = LockedModem()
    modem.answers['AT+CPIN="1234"'] = OK
    desk = locked(modem)
    allow(desk)
    desk.run(4.0)
    modem.locked = False
    desk.until(lambda: desk.state is ModemState.READY, 2.0)
    assert ([fact.accepted for fact in desk.told(PinJudged)], tries(desk)) == ([True], 1)


def test_a_pin_reaches_a_telit_only_after_its_pause() -> None:
    modem = LockedModem()
    modem.answers["AT+CGMI"] = "\r\nTelit\r\n" + OK
    desk = locked(modem)
    allow(desk)
    assert tries(desk) == 0
    desk.until(lambda: desk.state is ModemState.READY, 2.0)
    assert tries(desk) == 1
