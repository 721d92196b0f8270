"""The guard in front of the queue: destinations, limits, conversion and budget, on a real database."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from guard_desk import GuardDesk, guard_desk
from hypothesis import given, settings
from hypothesis import strategies as st

from simcourier.config import Destinations, Limits, MessageQuota, Quota, parse
from simcourier.errors import ConfigError, RequestError
from simcourier.outbox.message import MessageClass
from simcourier.service.guard import Kind
from simcourier.sms.address import parse_recipient

PHONE = "+447700900123"
PUMPED = (
    *("+881612345678", "+881712345678", "+881623456789", "+88163141592"),
    *("+881812345678", "+881912345678", "+870773123456", "+870600123456"),
    *("+8821612345678", "+8821687654321", "+8835100123456", "+8823456789012"),
    *("+979123456789", "+80012345678", "+80812345678", "+87812345678901"),
    *("+19005550100", "+19005550101", "+19000550100", "+15005550100"),
    *("+18765550100", "+18765550101", "+16585550100", "+12425550100", "+12465550100", "+12645550100"),
    *("+14735550100", "+18095550100", "+14165550100", "+12845550100"),
    *("+447911123456", "+447911723456", "+447911323456", "+447624123456"),
    *("+449098790000", "+447012345678"),
    *("+77001234567", "+77991234567"),
    *("+2524012345", "+21698123456"),
)
ADMIN_SENDS_ALL = Limits(verifications=Quota(number_gap=0, number_10_minutes=0, number_hour=0, number_day=0))


def number(n: int, prefix: str = "+44770090") -> str:
    return f"{prefix}{n:04d}"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[GuardDesk]:
    with guard_desk(tmp_path) as made:
        yield made


def refusal(error: RequestError | None) -> tuple[str, object, int | None]:
    assert error is not None
    return error.code, error.extra.get("scope"), error.retry_after_s


# --- destinations ---


def test_a01_forty_numbers_that_pay_somebody_are_refused_where_only_the_own_country_is_allowed(
    tmp_path: Path,
) -> None:
    assert len(set(PUMPED)) == 40
    with guard_desk(tmp_path, destinations=Destinations(verifications=("US", "GB"))) as desk:
        assert {number: desk.refused(number) for number in PUMPED} == dict.fromkeys(
            PUMPED, "destination-not-allowed"
        )
        assert desk.refused("+12025550123") == desk.refused(PHONE) == ""
        assert desk.rows("SELECT * FROM limit_windows") == []


def test_own_stands_for_the_countries_of_the_sims(desk: GuardDesk) -> None:
    assert desk.region(PHONE) == "GB"
    assert desk.refused("+12025550123") == "destination-not-allowed"
    assert desk.region("+12025550123", Kind.TEXT) == "US"


def test_a_sim_that_is_unplugged_takes_its_country_not_away(desk: GuardDesk) -> None:
    assert desk.region(PHONE) == "GB"
    desk.cards = ["89014103211118510720"]
    desk.now += 5
    assert desk.region("+12025550123") == "US"
    assert desk.region(PHONE) == "GB"


def test_before_a_sim_is_known_nobody_can_tell_what_its_own_country_is(tmp_path: Path) -> None:
    with guard_desk(tmp_path, cards=("", "234100123456789")) as desk:
        assert desk.refused(PHONE) == "no-modem"
        desk.cards.append("8944000000000000001")
        assert desk.region(PHONE) == "GB"


def test_a_country_that_is_named_needs_no_sim(tmp_path: Path) -> None:
    with guard_desk(tmp_path, cards=(), destinations=Destinations(verifications=("own", "GB"))) as desk:
        assert desk.region(PHONE) == "GB"


def test_a_short_code_is_no_country_and_counts_for_itself(tmp_path: Path) -> None:
    with guard_desk(tmp_path, destinations=Destinations(allowed_prefixes=("60123",))) as desk:
        to = desk.guard.destination(parse_recipient("60123"), Kind.TEXT)
        assert (to.region, to.prefix_shown) == ("", "•••••3")
        assert to.prefix_key != desk.guard.places.prefix_key("60124")
        assert desk.refused("60123") == "invalid-number"
        assert desk.refused("60124", Kind.TEXT) == "destination-not-allowed"


def test_what_is_counted_and_shown_tells_no_number(desk: GuardDesk) -> None:
    to = desk.guard.destination(parse_recipient(PHONE), Kind.CODE)
    assert to.prefix_shown == "+44•••••"
    assert desk.send(PHONE) is None
    text = str(desk.rows("SELECT * FROM limit_windows"))
    assert "7700" not in text
    assert to.number_key in text
    assert to.prefix_key in text


# --- windows ---


def test_a01_the_21st_of_25_numbers_in_a_row_is_refused(desk: GuardDesk) -> None:
    answers = [desk.send(number(n)) for n in range(25)]
    assert answers[:20] == [None] * 20
    assert [refusal(answer) for answer in answers[20:]] == [("rate-limited", "prefix", 3600)] * 5
    assert desk.send("+447400120001") is None


def test_c11_a_number_gets_three_codes_in_ten_minutes_five_an_hour_ten_a_day(desk: GuardDesk) -> None:
    def until_refused() -> tuple[int, tuple[str, object, int | None]]:
        for sent in range(99):
            while (error := desk.send(PHONE)) is not None:
                code, scope, wait = refusal(error)
                if wait is None or wait > 300:
                    return sent, (code, scope, wait)
                desk.now += wait
        raise AssertionError("nothing bounds it")

    start = desk.now
    sent, (code, scope, wait) = until_refused()
    assert (sent, code, scope) == (3, "rate-limited", "number")
    assert wait == pytest.approx(600 - (desk.now - start))
    desk.now += wait or 0
    sent, (_, _, wait) = until_refused()
    assert sent == 2
    assert wait == pytest.approx(3600 - (desk.now - start))
    for day_so_far in (5, 10):
        desk.now = start + 3600 * day_so_far
        while (error := desk.send(PHONE)) is None or refusal(error)[2] in range(601):
            desk.now += 600
    assert refusal(error)[2] == pytest.approx(86_400 - (desk.now - start))


def test_c11_the_gap_between_codes_to_a_number_grows_from_30_s_to_300_s(tmp_path: Path) -> None:
    with guard_desk(tmp_path, limits=Limits(verifications=Quota(number_10_minutes=0, number_hour=0))) as desk:
        gaps = []
        for _ in range(6):
            assert desk.send(PHONE) is None
            gaps.append(desk.resend_after_s(PHONE))
            desk.now += gaps[-1] - 1
            assert refusal(desk.send(PHONE)) == ("rate-limited", "number", 1)
            assert refusal(desk.send(PHONE, first=False))[0] == "resend-too-soon"
            desk.now += 1
        assert gaps == [30, 60, 120, 240, 300, 300]


def test_the_time_of_the_next_code_heeds_the_windows_too(desk: GuardDesk) -> None:
    start = desk.now
    for _ in range(3):
        assert desk.send(PHONE) is None
        wait = desk.resend_after_s(PHONE)
        desk.now += wait if wait < 200 else 0
    assert wait == 600 - (desk.now - start)


def test_c11_countries_and_clients_have_their_bounds(tmp_path: Path) -> None:
    quota = Quota(prefix_hour=0, country_hour=7, client_hour=5)
    destinations = Destinations(verifications=("GB", "US"))
    with guard_desk(tmp_path, limits=Limits(verifications=quota), destinations=destinations) as desk:
        assert [desk.send(number(n), client="a") for n in range(5)] == [None] * 5
        assert refusal(desk.send(number(5), client="a")) == ("rate-limited", "client", 3600)
        assert [desk.send(number(n), client="b") for n in range(6, 8)] == [None] * 2
        assert refusal(desk.send(number(8), client="c")) == ("rate-limited", "country", 3600)
        assert desk.send("+12025550123", client="c") is None
        desk.now += 3600
        assert desk.send(number(9), client="a") is None


def test_the_wait_that_is_told_is_the_longest_of_all_bounds(tmp_path: Path) -> None:
    with guard_desk(tmp_path, limits=Limits(verifications=Quota(client_hour=1))) as desk:
        assert desk.send(PHONE) is None
        assert refusal(desk.send(PHONE)) == ("rate-limited", "client", 3600)


@pytest.mark.parametrize("kind", Kind)
def test_a02_clients_share_what_a_number_may_get_of_a_kind(kind: Kind, tmp_path: Path) -> None:
    text = Quota(number_gap=0, number_10_minutes=2)
    with guard_desk(tmp_path, limits=Limits(verifications=text, messages=text)) as desk:
        assert desk.send(PHONE, client="a", kind=kind) is None
        assert desk.send(PHONE, client="b", kind=kind) is None
        assert refusal(desk.send(PHONE, client="c", kind=kind))[1] == "number"


@pytest.mark.parametrize("message_class", MessageClass)
def test_a26_what_applications_write_keeps_nobody_from_codes(
    message_class: MessageClass, tmp_path: Path
) -> None:
    """An application that sends and cancels would lock a person out of the codes of all others for a day."""
    with guard_desk(tmp_path, limits=Limits(messages=Quota(number_gap=0, number_10_minutes=0))) as desk:
        sent = [desk.send(PHONE, client="a", kind=Kind.TEXT, message_class=message_class) for _ in range(5)]
        assert sent == [None] * 5
        assert desk.resend_after_s(PHONE) == 0
        assert desk.send(PHONE, client="b") is None


def test_a02_of_fifty_parallel_starts_for_one_number_one_goes_through(desk: GuardDesk) -> None:
    answers: list[RequestError | None] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(desk.send(PHONE, client=f"c{n % 2}")))
        for n in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(None) == 1
    assert {refusal(answer) for answer in answers if answer is not None} == {("rate-limited", "number", 30)}


def test_an_applications_own_texts_are_unbounded_until_an_admin_bounds_them(desk: GuardDesk) -> None:
    assert [desk.send(number(n % 30), kind=Kind.TEXT) for n in range(300)] == [None] * 300


def test_own_texts_of_a_client_leave_countries_and_prefixes_to_codes(tmp_path: Path) -> None:
    with guard_desk(tmp_path, limits=Limits(messages=Quota(number_gap=0, prefix_hour=30))) as desk:
        assert [desk.send(number(n), kind=Kind.TEXT) for n in range(25)] == [None] * 25
        assert desk.send(number(30)) is None


@pytest.mark.parametrize("message_class", MessageClass)
@pytest.mark.parametrize(
    ("quota", "scope"),
    [
        ({"number_hour": 3}, "number"),
        ({"prefix_hour": 3}, "prefix"),
        ({"country_hour": 3}, "country"),
        ({"client_hour": 3}, "client"),
    ],
)
def test_c11_what_an_admin_set_for_texts_holds_for_every_class_of_them(
    message_class: MessageClass, quota: dict[str, int], scope: str, tmp_path: Path
) -> None:
    with guard_desk(tmp_path, limits=Limits(messages=MessageQuota(**quota))) as desk:
        text = {"kind": Kind.TEXT, "message_class": message_class}
        assert [desk.send(PHONE, **text) for _ in range(3)] == [None] * 3
        assert refusal(desk.send(PHONE, **text)) == ("rate-limited", scope, 3600)


def test_a03_of_bulk_texts_that_nothing_bounds_nothing_is_counted(desk: GuardDesk) -> None:
    bulk = {"kind": Kind.TEXT, "message_class": MessageClass.BULK}
    assert [desk.send(PHONE, **bulk) for _ in range(500)] == [None] * 500
    assert [row[0] for row in desk.rows("SELECT scope FROM limit_windows")] == ["box"]


def test_a_refused_send_counts_for_nothing(desk: GuardDesk) -> None:
    assert desk.send(PHONE) is None
    before = desk.rows("SELECT * FROM limit_windows ORDER BY 1, 2")
    assert desk.send(PHONE) is not None
    assert desk.rows("SELECT * FROM limit_windows ORDER BY 1, 2") == before


def test_counts_survive_a_restart(tmp_path: Path) -> None:
    with guard_desk(tmp_path) as desk:
        assert desk.send(PHONE) is None
    with guard_desk(tmp_path) as desk:
        assert refusal(desk.send(PHONE)) == ("rate-limited", "number", 30)


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.integers(0, 400), min_size=5, max_size=60))
def test_no_window_of_a_number_ever_holds_more_than_its_bound(
    steps: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with guard_desk(tmp_path_factory.mktemp("windows")) as desk:
        sent: list[float] = []
        for step in steps:
            desk.now += step
            if desk.send(PHONE) is None:
                sent.append(desk.now)
        for window, most in ((30, 1), (600, 3), (3600, 5), (86_400, 10)):
            assert all(sum(end - window < at <= end for at in sent) <= most for end in sent)


# --- requests a second ---


def test_c11_a_client_may_make_20_requests_a_second(desk: GuardDesk) -> None:
    def made() -> int:
        answers = list(itertools.takewhile(lambda answer: answer is None, (paced() for _ in range(1000))))
        assert refusal(paced()) == ("rate-limited", "client", 1)
        return len(answers)

    def paced() -> RequestError | None:
        try:
            desk.guard.pace("shop", Kind.CODE)
        except RequestError as error:
            return error
        return None

    assert made() == 20
    desk.guard.pace("other", Kind.CODE)
    desk.now += 0.5
    assert made() == 10
    desk.now += 3600
    assert made() == 20


def test_texts_have_no_pace_by_default(desk: GuardDesk) -> None:
    for _ in range(500):
        desk.guard.pace("shop", Kind.TEXT)


# --- conversion ---


def _pump(desk: GuardDesk, prefix: str = "+44770090", *, codes: int = 20, confirmed: int = 0) -> None:
    for n in range(codes):
        assert desk.send(number(n, prefix)) is None
        if n < confirmed:
            desk.approve(number(n, prefix))


def test_a01_a_prefix_of_which_no_code_is_confirmed_is_blocked_for_an_hour_and_another_passes(
    desk: GuardDesk,
) -> None:
    _pump(desk)
    desk.now += 601
    assert refusal(desk.send(number(77))) == ("destination-not-allowed", "prefix", 3600)
    assert desk.send("+447400120001") is None
    assert [row[:3] for row in desk.rows("SELECT scope, cause, shown, key FROM blocks")] == [
        ("prefix", "conversion", "+44•••••")
    ]
    told = desk.rows("SELECT type, client, data FROM notices ORDER BY seq")
    assert [row[:2] for row in told] == [("prefix.blocked", None), ("prefix.alarm", None)]
    assert '"codes":20,"confirmed":0,"until":"2027-01-15T09:26:41.000Z"' in told[0][2]
    assert '"scope":"country","shown":"GB"' in told[1][2]
    assert [row[:2] for row in desk.rows("SELECT action, detail FROM audit")] == [
        ("limit.block", "0 of 20 codes confirmed")
    ]
    desk.now += 3598
    assert refusal(desk.send(number(78))) == ("destination-not-allowed", "prefix", 2)
    desk.now += 2
    assert desk.send(number(79)) is None


def test_when_a_block_ends_new_codes_are_judged(desk: GuardDesk) -> None:
    _pump(desk)
    desk.now += 601
    assert desk.send(number(77)) is not None
    desk.now += 3600
    _pump(desk)
    desk.now += 601
    assert refusal(desk.send(number(78)))[0] == "destination-not-allowed"


def test_a_block_survives_a_restart(tmp_path: Path) -> None:
    with guard_desk(tmp_path) as desk:
        _pump(desk)
        desk.now += 601
        assert desk.send(number(77)) is not None
        desk.rows("SELECT 1")
        later = desk.now + 10
    with guard_desk(tmp_path) as desk:
        desk.now = later
        assert refusal(desk.send(number(77)))[0] == "destination-not-allowed"


def test_a_prefix_that_is_used_is_not_blocked(desk: GuardDesk) -> None:
    _pump(desk, confirmed=4)
    desk.now += 3600
    assert desk.send(number(77)) is None
    assert desk.rows("SELECT * FROM notices") == []


def test_few_confirmed_codes_are_told_once_an_hour_and_still_sent(tmp_path: Path) -> None:
    limits = Limits(verifications=Quota(prefix_hour=0))
    with guard_desk(tmp_path, limits=limits) as desk:
        _pump(desk, codes=20, confirmed=3)
        desk.now += 700
        assert [desk.send(number(n)) for n in range(30, 33)] == [None] * 3
        told = desk.rows("SELECT type, data FROM notices")
        assert [row[0] for row in told] == ["prefix.alarm"] * 2
        assert ['"scope":"prefix"' in row[1] for row in told] == [True, False]
        assert desk.rows("SELECT * FROM blocks") == []


def test_a_country_is_blocked_for_its_share_only_where_an_admin_wants_that(tmp_path: Path) -> None:
    for wanted in (False, True):
        limits = Limits(conversion_block_countries=wanted)
        with guard_desk(tmp_path / str(wanted), limits=limits) as desk:
            for n in range(24):
                assert desk.send(f"+44740{n:02d}20001") is None
            desk.now += 601
            answer = desk.send("+447577120001")
            assert (None if answer is None else refusal(answer)[:2]) == (
                ("destination-not-allowed", "country") if wanted else None
            )


def test_repeated_codes_of_a_verification_are_one_start(desk: GuardDesk) -> None:
    for n in range(6):
        assert desk.send(number(n)) is None
        desk.now += 30
        assert desk.send(number(n), first=False) is None
        desk.now += 60
        assert desk.send(number(n), first=False) is None
        desk.approve(number(n))
    desk.now += 700
    assert desk.send(number(9)) is None
    assert desk.rows("SELECT * FROM notices") == []


def test_what_an_application_tells_of_its_own_codes_is_judged_at_once(desk: GuardDesk) -> None:
    for n in range(19):
        desk.approve(number(n), kind=Kind.TEXT, ok=False)
    assert desk.send(number(50), kind=Kind.TEXT) is None
    desk.approve(number(20), kind=Kind.TEXT, ok=False)
    for kind in Kind:
        assert refusal(desk.send(number(51), kind=kind))[0] == "destination-not-allowed"
    assert desk.send(number(51), kind=Kind.TEXT, message_class=MessageClass.TRANSACTIONAL) is None


def test_a_share_is_not_judged_where_an_admin_turned_that_off(tmp_path: Path) -> None:
    limits = Limits(conversion_block_percent=0, conversion_alarm_percent=0)
    with guard_desk(tmp_path, limits=limits) as desk:
        _pump(desk)
        desk.now += 3601
        assert desk.send(number(77)) is None
        assert desk.rows("SELECT * FROM notices") == []


def test_a_block_that_could_not_be_written_is_tried_again(
    desk: GuardDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pump(desk)
    desk.now += 601
    with monkeypatch.context() as broken:
        broken.setattr(desk.tools.audit, "append", lambda *_: 1 / 0)
        assert refusal(desk.send(number(77)))[0] == "destination-not-allowed"
        assert desk.rows("SELECT * FROM blocks") == []
    assert refusal(desk.send(number(77)))[0] == "destination-not-allowed"
    assert len(desk.rows("SELECT * FROM blocks")) == 1


def test_many_refusals_in_one_batch_are_one_block(desk: GuardDesk) -> None:
    _pump(desk)
    desk.now += 601
    threads = [threading.Thread(target=desk.send, args=(number(n),)) for n in range(60, 80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.rows("SELECT * FROM blocks")) == 1
    assert len(desk.rows("SELECT * FROM notices WHERE type = 'prefix.blocked'")) == 1
    assert len(desk.rows("SELECT * FROM audit")) == 1


# --- the daily budget ---


def test_c11_the_daily_budget_counts_segments_of_every_kind_and_ends_at_midnight(tmp_path: Path) -> None:
    with guard_desk(tmp_path, limits=Limits(box_segments_day=10)) as desk:
        bulk = {"kind": Kind.TEXT, "message_class": MessageClass.BULK}
        assert desk.send(PHONE, segments=7, **bulk) is None
        assert desk.rows("SELECT * FROM notices") == []
        assert desk.send("+447400120001") is None
        assert refusal(desk.send(PHONE, segments=3, **bulk))[:2] == ("budget-exhausted", "box")
        assert desk.send(PHONE, segments=2, **bulk) is None
        _, _, wait = refusal(desk.send(PHONE, **bulk))
        assert (desk.wall_ms() + (wait or 0) * 1000) % 86_400_000 == 0
        told = [
            row[0]
            for row in desk.rows("SELECT data FROM notices WHERE type = 'budget.threshold' ORDER BY seq")
        ]
        assert [data[:14] for data in told] == ['{"percent":80,', '{"percent":100']
        desk.now += wait or 0
        assert desk.send(PHONE, segments=10, **bulk) is None


def test_a_budget_that_has_no_room_left_is_told_though_it_is_not_quite_spent(tmp_path: Path) -> None:
    with guard_desk(tmp_path, limits=Limits(box_segments_day=10)) as desk:
        bulk = {"kind": Kind.TEXT, "message_class": MessageClass.BULK}
        assert desk.send(PHONE, segments=9, **bulk) is None
        for _ in range(3):
            assert refusal(desk.send(PHONE, segments=2, **bulk))[0] == "budget-exhausted"
        assert len(desk.rows("SELECT data FROM notices")) == 2


# --- the configuration of destinations ---


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ('verifications = ["UK"]', "no country 'UK' in ISO 3166; Great Britain is GB"),
        ('messages = ["gb"]', r"destinations.messages\[0\]: write \"own\", \"any\", or a country"),
        ('allowed_prefixes = ["44770"]\ndenied_prefixes = ["4477009"]', 'write a prefix such as "\\+44770"'),
    ],
)
def test_a_destination_that_means_nothing_stops_the_start(written: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse(f"[destinations]\n{written}\n".encode(), "simcourier.toml")


@pytest.mark.parametrize(
    "host", ["localhost", "https://a.example", "a.example:443", "a.example.", "*.example", ""]
)
def test_an_origin_that_is_no_host_s_name_stops_the_start(host: str) -> None:
    with pytest.raises(ConfigError, match=r"origin_hosts\[0\]: write a host name such as"):
        parse(f'[verifications]\norigin_hosts = ["{host}"]\n'.encode(), "simcourier.toml")


def test_origins_are_hosts_by_name() -> None:
    config = parse(b'[verifications]\norigin_hosts = ["Login.Example.com", "xn--e1afmkfd.example"]\n', "x")
    assert config.verifications.origin_hosts == ("Login.Example.com", "xn--e1afmkfd.example")


def test_destinations_are_countries_and_prefixes() -> None:
    config = parse(b'[destinations]\nverifications = ["own", "IE"]\nallowed_prefixes = ["+44770"]\n', "x")
    assert config.destinations == Destinations(verifications=("own", "IE"), allowed_prefixes=("+44770",))
