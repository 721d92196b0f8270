"""Clients that race one another over real HTTP: one success each, one SMS each, whoever comes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from .crowd import ANYWHERE, SIZE, Answer, Scene, scene

pytestmark = pytest.mark.live
ROUNDS = 40


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A box that lets a number have as many codes as a test wants."""
    with scene(tmp_path_factory.mktemp("free")) as playing:
        yield playing


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A box with its default limits."""
    with scene(tmp_path_factory.mktemp("bounded"), ANYWHERE) as playing:
        yield playing


def phone(number: int) -> str:
    return f"+447700900{number:03d}"


def wrong(code: str, number: int) -> str:
    return f"{(int(code) + number + 1) % 1_000_000:06d}"


def tally(answers: list[Answer]) -> Counter[tuple[int, str]]:
    return Counter((answer.status, answer.code) for answer in answers)


# --- A8: the check ---


def test_a08_of_16_parallel_checks_one_succeeds_in_each_of_40_rounds(free: Scene) -> None:
    callers = free.callers(SIZE, free.key("a08 right"))
    for number in range(ROUNDS):
        to = phone(number)
        verification = callers[0].start(to).body["id"]
        code = free.code(to)
        answers = free.at_once(partial(caller.check, verification, code) for caller in callers)
        assert tally(answers) == {(200, ""): 1, (410, "verification-closed"): SIZE - 1}
        assert {answer.body.get("reason") for answer in answers} == {None, "approved"}


def test_a08_parallel_guesses_get_five_checks_and_the_right_one_no_more(free: Scene) -> None:
    """15 wrong ones and the right one: five are compared, whichever come first."""
    callers = free.callers(SIZE, free.key("a08 wrong"))
    outcomes = Counter[str]()
    for number in range(20):
        to = phone(100 + number)
        verification = callers[0].start(to).body["id"]
        code = free.code(to)
        tried = [code if n == number % SIZE else wrong(code, n) for n in range(SIZE)]
        answers = free.at_once(
            partial(caller.check, verification, one) for caller, one in zip(callers, tried, strict=True)
        )
        found = tally(answers)
        assert found[200, ""] <= 1
        assert found[200, ""] + found[422, "code-incorrect"] <= 5
        assert set(found) <= {
            (200, ""),
            (422, "code-incorrect"),
            (410, "verification-closed"),
            (423, "recipient-locked"),
        }
        told = free.settled(verification)
        assert told["attempts"] == found[200, ""] + found[422, "code-incorrect"] <= 5
        assert told["status"] == ("approved" if found[200, ""] else "max_attempts")
        outcomes[told["status"]] += 1
    assert outcomes["max_attempts"] > 0


def test_a08_wrong_codes_for_one_number_in_parallel_verifications_are_all_counted(free: Scene) -> None:
    callers = free.callers(SIZE, *(free.key(f"a08 client {n}") for n in range(4)))
    to = phone(150)
    started = [caller.start(to, purpose=f"purpose{n}") for n, caller in enumerate(callers)]
    assert {answer.status for answer in started} == {202}
    free.quiet()
    answers = free.at_once(
        partial(caller.check, answer.body["id"], "no-code")
        for caller, answer in zip(callers, started, strict=True)
    )
    # Without a binding all count as one: after five nothing is compared any more.
    assert tally(answers) == {(422, "code-incorrect"): 5, (423, "recipient-locked"): SIZE - 5}
    _, told = free.box.call("POST", "/v1/numbers/activity", {"to": to})
    assert told["consecutive_failures"] == 5


# --- A9: start, resend, repetition ---


def test_a09_16_same_requests_under_one_key_are_one_sms(free: Scene) -> None:
    callers = free.callers(SIZE, free.key("a09 same"))
    for number in range(10):
        to = phone(200 + number)
        again = f"key-{number}"
        answers = free.at_once(partial(caller.start, to, Idempotency_Key=again) for caller in callers)
        assert set(tally(answers)) <= {(202, ""), (409, "idempotency-conflict")}
        (verification,) = {answer.body["id"] for answer in answers if answer.status == 202}
        assert callers[0].start(to, Idempotency_Key=again).body["id"] == verification
        other = callers[0].start(to, Idempotency_Key=again, purpose="other")
        assert (other.status, other.code) == (422, "idempotency-mismatch")
        told = free.settled(verification)
        assert (told["sends"], len(told["messages"])) == (1, 1)
        assert len(free.codes(to)) == 1


def test_a09_different_requests_under_one_key_are_one_sms(free: Scene) -> None:
    callers = free.callers(SIZE, free.key("a09 different"))
    to = phone(220)
    answers = free.at_once(
        partial(caller.start, to, purpose=f"purpose{number}", Idempotency_Key="the-same")
        for number, caller in enumerate(callers)
    )
    assert set(tally(answers)) <= {
        (202, ""),
        (409, "idempotency-conflict"),
        (422, "idempotency-mismatch"),
    }
    (verification,) = {answer.body["id"] for answer in answers if answer.status == 202}
    free.settled(verification)
    free.quiet()
    assert len(free.codes(to)) == 1


def test_a09_parallel_starts_without_a_key_leave_one_code_that_counts(free: Scene) -> None:
    callers = free.callers(SIZE, free.key("a09 starts"))
    to = phone(230)
    answers = free.at_once(partial(caller.start, to) for caller in callers)
    assert set(tally(answers)) <= {(202, ""), (409, "verification-pending")}
    told = [free.settled(answer.body["id"]) for answer in answers if answer.status == 202]
    assert Counter(one["status"] for one in told)["pending"] == 1
    assert {one["status"] for one in told} <= {"pending", "canceled"}
    sent = free.codes(to)
    (last,) = [one["id"] for one in told if one["status"] == "pending"]
    assert [callers[0].check(last, code).status for code in sent[-1:]] == [200]
    for one in told:
        assert callers[0].check(one["id"], sent[-1]).status == 410


def test_a09_parallel_resends_are_at_most_as_many_as_a_verification_has(free: Scene) -> None:
    callers = free.callers(SIZE, free.key("a09 resends"))
    for number in range(5):
        to = phone(240 + number)
        verification = callers[0].start(to).body["id"]
        free.code(to)
        answers = free.at_once(partial(caller.resend, verification) for caller in callers)
        assert set(tally(answers)) <= {(202, ""), (409, "resend-too-soon"), (429, "rate-limited")}
        told = free.settled(verification)
        accepted = tally(answers)[202, ""]
        assert 1 <= accepted <= 2
        assert told["sends"] == 1 + accepted == len(told["messages"])
        sent = free.codes(to)
        assert len(sent) <= 3
        assert told["messages"][-1]["status"] in {"sent", "delivered"}
        for old in set(sent[:-1]) - {sent[-1]}:
            assert callers[0].check(verification, old).code == "code-incorrect"
        assert callers[0].check(verification, sent[-1]).status == 200


def test_a09_16_same_resends_under_one_key_are_one_more_sms(free: Scene) -> None:
    callers = free.callers(SIZE, free.key("a09 same resend"))
    to = phone(250)
    verification = callers[0].start(to).body["id"]
    free.code(to)
    answers = free.at_once(
        partial(caller.resend, verification, Idempotency_Key="again") for caller in callers
    )
    assert set(tally(answers)) <= {(202, ""), (409, "idempotency-conflict")}
    assert {answer.body["sends"] for answer in answers if answer.status == 202} == {2}
    assert free.settled(verification)["sends"] == 2
    assert len(free.codes(to)) == 2


@pytest.mark.parametrize("other", ["resend", "cancel"])
def test_a09_a_check_and_what_ends_its_code_never_both_succeed(free: Scene, other: str) -> None:
    checker, ender = free.callers(2, free.key(f"a09 {other}"))
    first = Counter[str]()
    for number in range(15):
        to = phone(300 + number + (50 if other == "cancel" else 0))
        verification = checker.start(to).body["id"]
        code = free.code(to)
        free.settled(verification)
        end = getattr(ender, other)
        proved, ended = free.at_once([partial(checker.check, verification, code), partial(end, verification)])
        assert (proved.status == 200) != (ended.status in {200, 202})
        first["check" if proved.status == 200 else other] += 1
        expected = {"code-incorrect"} if other == "resend" else {"verification-closed"}
        assert proved.status == 200 or proved.code in expected
    assert first.total() == 15


# --- A2: one person ---


def test_a02_50_parallel_starts_by_two_clients_are_one_sms_at_the_modem(bounded: Scene) -> None:
    to = phone(999)
    callers = bounded.callers(50, bounded.key("one"), bounded.key("two"))
    answers = bounded.at_once(
        partial(caller.start, to, purpose=f"purpose{number % 5}", binding=f"session {number}")
        for number, caller in enumerate(callers)
    )
    found = tally(answers)
    assert found[202, ""] == 1
    assert set(found) == {(202, ""), (429, "rate-limited")}
    assert all(answer.body["retry_after"] >= 1 for answer in answers if answer.status == 429)
    (verification,) = [answer.body["id"] for answer in answers if answer.status == 202]
    bounded.settled(verification)
    bounded.quiet()
    assert len([submit for submit in bounded.network.submits() if submit["to"] == to]) == 1
