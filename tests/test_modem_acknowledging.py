"""A modem that waits for acknowledgements (CSMS=1) has them when a report is on record, and loses none in a crash."""

from __future__ import annotations

from test_modem_recording import Recorded

from simcourier.modem.facts import ModemState, ReportArrived

SCENARIO = 'profile = "cinterion"\nreport_delay = 1.0\nsubmit_delay = 0.3\n'
TRIED_AGAIN_S = 60.0
"""Longer than the modem waits for an acknowledgement."""


def ready(session: Recorded) -> Recorded:
    session.run(30)
    assert session.session.modem.state is ModemState.READY
    assert session.session.modem.csms == 1
    return session


def reports(session: Recorded) -> list[ReportArrived]:
    return [fact for fact in session.facts if isinstance(fact, ReportArrived)]


def test_a_report_is_acknowledged_when_it_is_on_record_and_the_next_one_comes_after_that() -> None:
    session = ready(Recorded(SCENARIO))
    session.records = False
    session.send(1, "one")
    session.send(2, "two")
    (first,) = reports(session)
    session.session.stored(first.token, session.box.now)
    session.run(5)
    assert [report.report.tp_mr for report in reports(session)] == [0, 1]


def test_a_report_that_was_not_on_record_when_the_daemon_ended_comes_again() -> None:
    ended = ready(Recorded(SCENARIO))
    ended.records = False
    ended.send(1, "one")
    assert len(reports(ended)) == 1
    after = Recorded(SCENARIO)
    after.box = ended.box
    after.session.opening(after.box.now)
    after.session.opened(after.box.now)
    ready(after)
    after.run(TRIED_AGAIN_S)
    after.session.poll(after.box.now)
    after.run(TRIED_AGAIN_S)
    assert [report.report.tp_mr for report in reports(after)] == [0]
