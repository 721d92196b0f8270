"""One job, all the ways it can go: what is told, and what has left by then."""

from __future__ import annotations

import pytest
from modem_desk import ERROR, OK, Desk, Reply, ScriptedModem, job

from simcourier.modem.facts import (
    Job,
    LateAnswer,
    ModemChanged,
    ModemState,
    PartSubmitted,
    ReportArrived,
    SubmitEnd,
    SubmitEnded,
)
from simcourier.sms.causes import Verdict

REPORT = "\r\n+CDS: 25\r\n079144770090000006400C91447700091000511090718384225110907183252200\r\n"


def up(answers: dict[str, Reply] | None = None, prompt: str = "\r\n> ") -> Desk:
    return Desk(ScriptedModem(answers, prompt=prompt)).up()


def mute_after_pdu(desk: Desk) -> Desk:
    """The modem says nothing more once it has the PDU."""

    def swallow(_: str) -> None:
        desk.modem.deaf = True

    desk.modem.on_pdu = swallow
    return desk


def ended(desk: Desk) -> SubmitEnded:
    (fact,) = desk.told(SubmitEnded)
    return fact


def work(desk: Desk, life: float = 300.0, patience: float = 60.0) -> Job:
    return job(now=desk.now, life=life, patience=patience)


# -- sent ---------------------------------------------------------------------------------------------------


def test_a_message_leaves_and_its_reference_is_told_with_both_moments() -> None:
    desk = up()
    desk.submit(work(desk))
    assert desk.written.endswith(b"AT+CMGS=14\r" + job().parts[0].hex.encode() + b"\x1a")
    assert desk.told(PartSubmitted) == [
        PartSubmitted("modem-1", desk.session.snapshot().sim, 1, 0, 64, desk.now, desk.now)
    ]
    assert ended(desk) == SubmitEnded("modem-1", desk.session.snapshot().sim, 1, SubmitEnd.SENT, parts_sent=1)
    assert desk.state is ModemState.READY


def test_ready_and_sending_are_not_told_as_changes_but_seen_in_the_snapshot() -> None:
    desk = up()
    changes = len(desk.told(ModemChanged))
    desk.submit(work(desk), permitted=False)
    assert desk.session.snapshot().state is ModemState.SENDING
    desk.session.permit(1, True, desk.now)
    desk.settle()
    assert desk.session.snapshot().state is ModemState.READY
    assert len(desk.told(ModemChanged)) == changes


def test_every_part_has_its_own_reference() -> None:
    desk = up()
    desk.submit(job(parts=3, now=desk.now))
    assert [(fact.part, fact.tp_mr) for fact in desk.told(PartSubmitted)] == [(0, 64), (1, 65), (2, 66)]
    assert ended(desk).parts_sent == 3
    assert len(desk.modem.pdus) == 3


@pytest.mark.parametrize("prompt", ["\r\n> ", "> ", ">", "\r\n>\r\n", "> \r", "\r\n> \r\n> "])
@pytest.mark.parametrize("chunk", [1, 4096])
def test_a_prompt_may_have_any_form(prompt: str, chunk: int) -> None:
    desk = Desk(ScriptedModem(prompt=prompt), chunk=chunk).up()
    desk.submit(work(desk))
    assert ended(desk).end is SubmitEnd.SENT


@pytest.mark.parametrize(
    ("answer", "tp_mr"),
    [
        ("\r\n+CMGS: 0\r\n" + OK, 0),
        ("\r\n+CMGS: 255\r\n^RSSI: 3\r\n" + OK, 255),
        ('\r\n+CMGS: 7,"00"\r\n' + OK, 7),
        ("\r\n+CMGS:8\r\r\n\r\r\nOK\r\r\n", 8),
    ],
)
def test_a_reference_may_have_any_form(answer: str, tp_mr: int) -> None:
    desk = up()
    desk.modem.on_pdu = lambda _: answer
    desk.submit(work(desk))
    assert [fact.tp_mr for fact in desk.told(PartSubmitted)] == [tp_mr]


def test_a_report_that_overtakes_the_answer_is_told() -> None:
    desk = up()
    desk.modem.on_pdu = lambda _: REPORT + "\r\n+CMGS: 64\r\n" + REPORT + OK
    desk.submit(work(desk))
    assert len(desk.told(ReportArrived)) == 2
    assert ended(desk).end is SubmitEnd.SENT


def test_the_next_job_follows_without_a_pause() -> None:
    desk = up()
    for number in range(5):
        desk.submit(job(number, now=desk.now))
    assert [fact.job for fact in desk.told(SubmitEnded)] == [0, 1, 2, 3, 4]
    assert desk.now == desk.told(PartSubmitted)[0].taken_at


def test_success_forgets_earlier_failures() -> None:
    desk = up()
    desk.session.modem.failures = 3
    desk.submit(work(desk))
    assert desk.session.snapshot().failures == 0


# -- the permit and the deadline ----------------------------------------------------------------------------


def test_no_pdu_leaves_before_its_permit() -> None:
    desk = up()
    desk.submit(work(desk), permitted=False).run(10.0)
    assert desk.modem.pdus == []
    desk.session.permit(1, True, desk.now)
    desk.settle()
    assert ended(desk).end is SubmitEnd.SENT


def test_nothing_but_the_pdu_is_typed_into_an_open_prompt() -> None:
    desk = up()
    desk.submit(work(desk), permitted=False)
    written = desk.written
    desk.say(REPORT + '\r\n+CDSI: "SR",3\r\n\r\n+CREG: 1,"4CA"\r\n\r\n+CPIN: READY\r\n')
    desk.session.poll(desk.now)
    desk.run(5.0)
    assert desk.written == written
    desk.session.permit(1, True, desk.now)
    desk.settle()
    assert desk.written[len(written) :].startswith(job().parts[0].hex.encode() + b"\x1a")
    assert ended(desk).end is SubmitEnd.SENT


def test_a_permit_for_another_job_opens_nothing() -> None:
    desk = up()
    desk.submit(work(desk), permitted=False)
    desk.session.permit(2, True, desk.now)
    desk.settle()
    assert desk.modem.pdus == []


@pytest.mark.parametrize("late", [False, True])
def test_a_job_that_is_withdrawn_leaves_nothing_and_no_open_prompt(late: bool) -> None:
    desk = up(prompt="" if late else "\r\n> ")
    desk.submit(work(desk), permitted=False)
    desk.session.permit(1, False, desk.now)
    if late:
        desk.modem.at_prompt = True
        desk.say("\r\n> ")
    desk.settle()
    assert (ended(desk).end, desk.modem.pdus, desk.modem.at_prompt) == (SubmitEnd.WITHDRAWN, [], False)
    desk.submit(job(2, now=desk.now), permitted=False)
    assert desk.state is ModemState.SENDING


def test_a_job_whose_deadline_passes_at_the_prompt_does_not_leave() -> None:
    desk = up()
    desk.submit(work(desk, life=3.0), permitted=False).run(2.9)
    assert desk.told(SubmitEnded) == []
    desk.run(0.2)
    assert (ended(desk).end, desk.modem.pdus, desk.modem.at_prompt) == (SubmitEnd.EXPIRED, [], False)


def test_a_job_that_comes_too_late_does_not_even_open_a_prompt() -> None:
    desk = up()
    desk.submit(work(desk, life=0.0))
    assert ended(desk).end is SubmitEnd.EXPIRED
    assert "AT+CMGS=14" not in desk.modem.heard


def test_a_part_whose_turn_comes_after_the_deadline_stays() -> None:
    desk = up()
    desk.modem.on_pdu = lambda _: None
    desk.submit(job(parts=2, life=4.0, now=desk.now)).later(5.0, "\r\n+CMGS: 64\r\n" + OK).run(6.0)
    assert (ended(desk).end, ended(desk).parts_sent, len(desk.modem.pdus)) == (SubmitEnd.EXPIRED, 1, 1)


def test_a_prompt_is_not_held_open_for_ever() -> None:
    desk = up()
    desk.submit(work(desk), permitted=False).run(31.0)
    assert (ended(desk).end, desk.modem.at_prompt, desk.state) == (
        SubmitEnd.NOT_SENT,
        False,
        ModemState.READY,
    )


def test_a_prompt_that_the_modem_closes_by_itself_is_a_refusal() -> None:
    desk = up()
    desk.submit(work(desk), permitted=False)
    desk.modem.at_prompt = False
    desk.say("\r\n+CMS ERROR: 332\r\n")
    assert (ended(desk).end, ended(desk).reason) == (SubmitEnd.NOT_SENT, "AT+CMGS=14: +CMS ERROR: 332")


def test_a_modem_that_does_not_answer_esc_at_the_prompt_is_found_again() -> None:
    desk = up({"ESC at prompt": None})
    desk.submit(work(desk), permitted=False)
    desk.session.permit(1, False, desk.now)
    desk.until(lambda: desk.state is ModemState.RESYNC, 1.5)
    desk.until(lambda: desk.state is ModemState.READY, 1.0)
    assert ended(desk).end is SubmitEnd.WITHDRAWN


# -- refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("final", "verdict"),
    [
        ("+CMS ERROR: 1", Verdict.NEVER),
        ("+CMS ERROR: 38", Verdict.ELSEWHERE),
        ("+CMS ERROR: 42", Verdict.AGAIN_HERE),
        ("+Cms Error: congestion", Verdict.AGAIN_HERE),
        ("+CMS ERROR: 304", Verdict.NEVER),
        ("ERROR", Verdict.AGAIN_HERE),
        ("COMMAND NOT SUPPORT", Verdict.AGAIN_HERE),
    ],
)
@pytest.mark.parametrize("behind_pdu", [False, True])
def test_a_refusal_is_told_with_its_verdict(final: str, verdict: Verdict, behind_pdu: bool) -> None:
    desk = up({} if behind_pdu else {"AT+CMGS=14": f"\r\n{final}\r\n"})
    desk.modem.on_pdu = lambda _: f"\r\n{final}\r\n"
    desk.submit(work(desk))
    fact = ended(desk)
    assert (fact.end, fact.verdict, fact.reason) == (SubmitEnd.NOT_SENT, verdict, f"AT+CMGS=14: {final}")
    assert desk.state is ModemState.READY


def test_a_refusal_has_the_network_looked_at() -> None:
    desk = up({"AT+CMGS=14": "\r\n+CMS ERROR: 331\r\n"})
    desk.modem.answers["AT+CREG?"] = "\r\n+CREG: 0,2\r\n" + OK
    desk.submit(work(desk))
    assert desk.state is ModemState.SEARCHING


def test_a_network_that_gave_no_answer_leaves_the_message_in_doubt() -> None:
    desk = up()
    desk.modem.on_pdu = lambda _: "\r\n+CMS ERROR: 332\r\n"
    desk.submit(work(desk))
    assert ended(desk).end is SubmitEnd.IN_DOUBT
    desk.say("\r\n+CMGS: 5\r\n" + OK)
    assert desk.told(LateAnswer) == [], "it was answered, if badly"


def test_a_modem_that_needs_care_is_looked_after_before_it_is_ready_again() -> None:
    desk = up()
    desk.modem.on_pdu = lambda _: "\r\n+CMS ERROR: 310\r\n"
    desk.modem.answers["AT+CPIN?"] = "\r\n+CME ERROR: 10\r\n"
    desk.submit(work(desk))
    assert isinstance(desk.facts[-2], ModemChanged), "the change comes before the end of the job"
    assert desk.facts[-2].snapshot.state is ModemState.RESYNC
    assert (ended(desk).end, ended(desk).verdict) == (SubmitEnd.NOT_SENT, Verdict.CARE)
    desk.until(lambda: desk.state is ModemState.SIM_MISSING, 3.0)


def test_the_rest_of_a_message_stays_when_a_part_is_refused() -> None:
    desk = up()
    answers = iter(["\r\n+CMGS: 64\r\n" + OK, "\r\n+CMS ERROR: 41\r\n"])
    desk.modem.on_pdu = lambda _: next(answers)
    desk.submit(job(parts=3, now=desk.now))
    assert (ended(desk).end, ended(desk).parts_sent, len(desk.modem.pdus)) == (SubmitEnd.NOT_SENT, 1, 2)


def test_an_ok_in_place_of_the_prompt_is_out_of_step() -> None:
    desk = up({"AT+CMGS=14": OK})
    desk.submit(work(desk))
    assert (ended(desk).end, desk.state) == (SubmitEnd.NOT_SENT, ModemState.RESYNC)
    desk.until(lambda: desk.state is ModemState.READY, 1.0)


# -- not taken ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["absent", "silent"])
def test_a_modem_that_is_not_ready_takes_no_job(state: str) -> None:
    desk = Desk()
    if state == "silent":
        desk.modem.deaf = True
        desk.plug().run(10.0)
    desk.submit(job())
    assert ended(desk).end is SubmitEnd.NOT_SENT
    assert f"the modem is {state}" in ended(desk).reason


def test_a_second_job_is_refused_and_the_first_goes_on() -> None:
    desk = up()
    desk.submit(job(1, now=desk.now), permitted=False)
    desk.submit(job(2, now=desk.now))
    assert (ended(desk).job, ended(desk).end) == (2, SubmitEnd.NOT_SENT)
    desk.session.permit(1, True, desk.now)
    desk.settle()
    assert [fact.end for fact in desk.told(SubmitEnded)] == [SubmitEnd.NOT_SENT, SubmitEnd.SENT]


def test_a_job_without_parts_is_nothing_to_send() -> None:
    desk = up()
    desk.submit(Job(1, (), desk.now + 60))
    assert ended(desk).end is SubmitEnd.NOT_SENT


def test_a_job_that_comes_during_a_poll_waits_for_it() -> None:
    desk = up({"AT+CSQ": lambda _: None})
    desk.session.modem.muteness.clear()
    desk.session.poll(desk.now)
    desk.settle()
    desk.submit(work(desk))
    assert desk.modem.pdus == []
    desk.say("\r\n+CSQ: 20,99\r\n" + OK)
    assert ended(desk).end is SubmitEnd.SENT


def test_chores_and_jobs_take_turns() -> None:
    desk = up()
    desk.session.permit(1, True, desk.now)
    desk.submit(job(1, now=desk.now), permitted=False)
    desk.say('\r\n+CDSI: "SM",1\r\n')
    desk.session.permit(1, True, desk.now)
    desk.settle()
    desk.submit(job(2, now=desk.now))
    order = [text for text in desk.modem.heard if text.startswith(("AT+CMGS", "AT+CMGR"))]
    assert order[0] == "AT+CMGS=14"
    assert order[1].startswith("AT+CMGR=1")
    assert order[-1] == "AT+CMGS=14"


# -- no prompt ----------------------------------------------------------------------------------------------


def no_prompt() -> Desk:
    desk = up()
    desk.modem.prompt = None
    desk.submit(work(desk))
    return desk


def test_a_prompt_that_never_comes_ends_the_job_after_five_seconds_with_nothing_sent() -> None:
    desk = no_prompt().run(4.9)
    assert desk.told(SubmitEnded) == []
    desk.run(0.2)
    assert (ended(desk).end, ended(desk).reason) == (SubmitEnd.NOT_SENT, "AT+CMGS=14: no prompt")
    assert (desk.state, desk.modem.pdus) == (ModemState.RESYNC, [])


@pytest.mark.parametrize("well_after", [6.0, 7.3, 8.1, 9.4, 30.7])
def test_a_modem_without_prompts_is_ready_within_three_seconds_of_being_well(well_after: float) -> None:
    desk = no_prompt().run(well_after)
    assert desk.state is ModemState.RESYNC
    desk.modem.prompt = "\r\n> "
    desk.until(lambda: desk.state is ModemState.READY, 3.0)
    assert (desk.modem.pdus, desk.modem.at_prompt) == ([], False)
    desk.submit(job(2, now=desk.now))
    assert desk.told(SubmitEnded)[-1].end is SubmitEnd.SENT


def test_a_modem_without_prompts_is_not_ready_only_because_it_answers_at() -> None:
    desk = no_prompt().run(300.0)
    assert ModemState.READY not in [
        fact.snapshot.state for fact in desk.told(ModemChanged) if fact.snapshot.since > 1001.0
    ]
    assert 40 < desk.modem.heard.count("AT+CMGS=10") < 150


def test_after_some_minutes_its_prompt_is_tested_less_often() -> None:
    desk = no_prompt().run(3600.0)
    before = desk.modem.heard.count("AT+CMGS=10")
    desk.run(600.0)
    assert desk.modem.heard.count("AT+CMGS=10") - before < 15


def test_a_test_that_is_refused_shows_that_the_modem_answers() -> None:
    desk = no_prompt().run(7.0)
    desk.modem.answers["AT+CMGS=10"] = "\r\n+CMS ERROR: 331\r\n"
    desk.until(lambda: desk.state is ModemState.READY, 3.0)


def test_a_modem_that_takes_three_seconds_for_a_prompt_is_given_them_in_the_end() -> None:
    desk = no_prompt().run(5.1)

    def prompt_late(_: str) -> None:
        desk.later(3.0, "\r\n> ")
        desk.modem.at_prompt = True

    def give_up(_: str) -> str:
        desk._later.clear()
        return OK

    desk.modem.answers |= {"AT+CMGS=10": prompt_late, "ESC at prompt": give_up}
    desk.until(lambda: desk.state is ModemState.READY, 90.0)
    assert desk.now > 1060.0


def test_a_late_prompt_is_left_at_once_and_never_typed_into() -> None:
    desk = no_prompt().run(5.05)
    desk.modem.at_prompt = True
    desk.say("\r\n> ")
    assert desk.written.endswith(b"\x1b")
    assert not desk.modem.at_prompt


def test_a_prompt_that_nobody_asked_for_is_left_and_the_dialogue_regained() -> None:
    desk = up()
    desk.modem.at_prompt = True
    desk.say("\r\n> ")
    assert not desk.modem.at_prompt
    desk.until(lambda: desk.state is ModemState.READY, 2.0)


# -- silence after Ctrl-Z -----------------------------------------------------------------------------------


def silent(patience: float = 60.0) -> Desk:
    desk = mute_after_pdu(up())
    desk.submit(work(desk, patience=patience))
    return desk


def sent_since(desk: Desk, mark: int) -> bytes:
    return desk.written[mark:]


def test_a_silent_modem_is_left_alone_for_eight_seconds_then_asked_every_one_and_a_half() -> None:
    desk = silent()
    mark = len(desk.written)
    desk.run(7.9)
    assert sent_since(desk, mark) == b""
    desk.run(0.2)
    assert sent_since(desk, mark) == b"AT\r"
    desk.run(3.0)
    assert sent_since(desk, mark) == b"AT\rAT\rAT\r"
    assert desk.state is ModemState.SENDING


@pytest.mark.parametrize("after", [7.0, 8.0, 9.2, 15.0, 40.0, 59.0])
def test_a_reference_counts_whenever_it_comes(after: float) -> None:
    desk = silent().later(after, "\r\n+CMGS: 77\r\n" + OK).run(after)
    assert [fact.tp_mr for fact in desk.told(PartSubmitted)] == [77]
    assert ended(desk).end is SubmitEnd.SENT


def test_after_a_late_reference_the_answers_to_the_probes_end_no_later_command() -> None:
    desk = silent().run(15.0)
    desk.modem.deaf = False
    desk.modem.on_pdu = lambda _: "\r\n+CMGS: 78\r\n" + OK
    desk.say("\r\n+CMGS: 77\r\n" + OK * 6)
    desk.submit(job(2, now=desk.now))
    desk.until(lambda: len(desk.told(SubmitEnded)) == 2, 2.0)
    assert [fact.end for fact in desk.told(SubmitEnded)] == [SubmitEnd.SENT, SubmitEnd.SENT]


def test_the_second_part_follows_a_late_reference_of_the_first() -> None:
    desk = mute_after_pdu(up())
    desk.submit(job(parts=2, now=desk.now)).run(15.0)
    desk.modem.deaf = False
    desk.modem.on_pdu = lambda _: "\r\n+CMGS: 78\r\n" + OK
    desk.say("\r\n+CMGS: 77\r\n" + OK).run(2.0)
    assert [fact.tp_mr for fact in desk.told(PartSubmitted)] == [77, 78]
    assert ended(desk).end is SubmitEnd.SENT


def test_a_lone_ok_to_a_probe_means_that_the_modem_has_lost_the_message() -> None:
    desk = silent().run(9.0)
    desk.modem.deaf = False
    desk.until(lambda: bool(desk.told(SubmitEnded)), 3.0)
    assert ended(desk).end is SubmitEnd.IN_DOUBT
    assert desk.state is ModemState.READY
    desk.modem.on_pdu = lambda _: "\r\n+CMGS: 3\r\n" + OK
    desk.submit(job(2, now=desk.now))
    assert desk.told(SubmitEnded)[-1].end is SubmitEnd.SENT


def test_a_reference_right_behind_the_ok_of_a_probe_still_counts() -> None:
    desk = silent().run(8.1)
    desk.say(OK).run(0.2)
    assert desk.told(SubmitEnded) == []
    desk.say("\r\n+CMGS: 77\r\n" + OK)
    desk.modem.deaf = False
    desk.run(0.2)
    assert [fact.tp_mr for fact in desk.told(PartSubmitted)] == [77]
    assert ended(desk).end is SubmitEnd.SENT


def test_two_oks_are_no_lone_one() -> None:
    desk = silent().run(8.1)
    desk.say(OK).later(0.1, OK).run(1.0)
    assert desk.told(SubmitEnded) == []


def test_a_refusal_that_comes_late_is_a_refusal() -> None:
    desk = silent().run(20.0)
    desk.modem.deaf = False
    desk.say("\r\n+CMS ERROR: 38\r\n")
    assert (ended(desk).end, ended(desk).verdict) == (SubmitEnd.NOT_SENT, Verdict.ELSEWHERE)
    desk.run(2.0)
    assert desk.state is ModemState.READY


def test_what_was_heard_of_one_part_says_nothing_of_the_next() -> None:
    desk = mute_after_pdu(up())
    desk.submit(job(parts=2, now=desk.now)).run(8.1)
    desk.say(OK).run(0.2)
    desk.modem.deaf = False
    desk.say("\r\n+CMGS: 77\r\n" + OK).run(1.0)
    assert [fact.tp_mr for fact in desk.told(PartSubmitted)] == [77]
    desk.run(8.0)
    desk.modem.deaf = False
    desk.until(lambda: bool(desk.told(SubmitEnded)), 5.0)
    assert (ended(desk).end, ended(desk).parts_sent) == (SubmitEnd.IN_DOUBT, 1)


def test_a_plain_error_to_a_probe_says_nothing_of_the_message() -> None:
    desk = silent().run(8.1)
    desk.say(ERROR).run(1.0)
    assert desk.told(SubmitEnded) == []


def test_patience_ends_and_the_message_is_in_doubt() -> None:
    desk = silent(patience=60.0).run(59.9)
    assert desk.told(SubmitEnded) == []
    desk.run(0.2)
    assert ended(desk).end is SubmitEnd.IN_DOUBT
    assert desk.state is ModemState.SILENT
    assert isinstance(desk.facts[-2], ModemChanged)


def test_patience_shorter_than_the_first_silence_holds() -> None:
    desk = silent(patience=5.0).run(8.1)
    assert ended(desk).end is SubmitEnd.IN_DOUBT


def test_an_answer_after_the_job_was_given_up_is_told_as_late() -> None:
    desk = silent(patience=10.0).run(15.0)
    desk.modem.deaf = False
    desk.say("\r\n+CMGS: 77\r\n" + OK)
    assert [(fact.job, fact.part, fact.tp_mr) for fact in desk.told(LateAnswer)] == [(1, 0, 77)]
    desk.say("\r\n+CMGS: 78\r\n" + OK)
    assert len(desk.told(LateAnswer)) == 1


def test_a_late_answer_before_the_next_pdu_left_is_still_the_old_ones() -> None:
    desk = silent().run(9.0)
    desk.modem.deaf = False
    desk.until(lambda: desk.state is ModemState.READY, 3.0)
    desk.submit(job(2, now=desk.now), permitted=False)
    desk.say("\r\n+CMGS: 77\r\n")
    assert [(fact.job, fact.tp_mr) for fact in desk.told(LateAnswer)] == [(1, 77)]


def test_once_a_new_pdu_has_left_a_late_answer_belongs_to_nobody() -> None:
    desk = silent().run(9.0)
    desk.modem.deaf = False
    desk.until(lambda: desk.state is ModemState.READY, 3.0)
    desk.modem.on_pdu = lambda _: "\r\n+CMGS: 5\r\n" + OK
    desk.submit(job(2, now=desk.now))
    desk.say("\r\n+CMGS: 77\r\n" + OK)
    assert desk.told(LateAnswer) == []


def test_a_refusal_right_after_a_message_in_doubt_may_be_that_ones() -> None:
    desk = silent().run(9.0)
    desk.modem.deaf = False
    desk.until(lambda: desk.state is ModemState.READY, 3.0)
    desk.modem.on_pdu = lambda _: "\r\n+CMS ERROR: 38\r\n"
    desk.submit(job(2, now=desk.now))
    desk.submit(job(3, now=desk.now))
    assert [fact.end for fact in desk.told(SubmitEnded)[1:]] == [SubmitEnd.IN_DOUBT, SubmitEnd.NOT_SENT]


def test_a_reference_that_cannot_be_read_leaves_the_message_in_doubt() -> None:
    desk = up()
    desk.modem.on_pdu = lambda _: "\r\n+CMGS: x\r\n" + OK
    desk.submit(work(desk))
    assert (ended(desk).end, desk.state) == (SubmitEnd.IN_DOUBT, ModemState.RESYNC)


def test_a_prompt_instead_of_an_answer_leaves_the_message_in_doubt_and_is_left() -> None:
    desk = silent().run(8.1)
    desk.modem.deaf = False
    desk.modem.at_prompt = True
    desk.say("\r\n> ")
    assert (ended(desk).end, desk.modem.at_prompt) == (SubmitEnd.IN_DOUBT, False)
    desk.until(lambda: desk.state is ModemState.READY, 2.0)


def test_a_modem_that_falls_silent_after_a_late_reference_is_checked_before_it_is_ready() -> None:
    desk = silent().run(15.0)
    desk.say("\r\n+CMGS: 77\r\n" + OK).run(10.0)
    assert (ended(desk).end, desk.state) == (SubmitEnd.SENT, ModemState.SILENT)
    desk.modem.deaf = False
    desk.modem.heard.clear()
    desk.until(lambda: desk.state is ModemState.READY, 3.0)
    assert "AT+CNMI?" in desk.modem.heard


# -- the port goes ------------------------------------------------------------------------------------------


def test_a_port_lost_before_ctrl_z_leaves_nothing_sent() -> None:
    desk = up()
    desk.submit(work(desk), permitted=False)
    desk.session.closed(desk.now, "unplugged")
    desk.settle()
    assert (ended(desk).end, ended(desk).reason, desk.state) == (
        SubmitEnd.NOT_SENT,
        "unplugged",
        ModemState.ABSENT,
    )


def test_a_port_lost_after_ctrl_z_leaves_the_message_in_doubt() -> None:
    desk = silent()
    desk.session.closed(desk.now, "unplugged")
    desk.settle()
    assert ended(desk).end is SubmitEnd.IN_DOUBT


def test_a_pdu_whose_ctrl_z_the_port_never_took_has_not_left() -> None:
    desk = silent()
    desk.session.closed(desk.now, "unplugged", b"4401\x1a")
    desk.settle()
    assert ended(desk).end is SubmitEnd.NOT_SENT


def test_a_port_that_is_closed_on_purpose_gets_esc_only_where_a_prompt_may_be_open() -> None:
    desk = up()
    assert desk.session.farewell() == b""
    desk.submit(work(desk), permitted=False)
    assert desk.session.farewell() == b"\x1b"
    desk.session.permit(1, True, desk.now)
    desk.settle()
    assert desk.session.farewell() == b""
