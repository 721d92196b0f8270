"""Scenario files: what they may say, and what is said when they are wrong."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec
import pytest

from simcourier.virtual import scenario
from simcourier.virtual.occasions import sample
from simcourier.virtual.profiles import PROFILES
from simcourier.virtual.scenario import Scenario, ScenarioError
from simcourier.virtual.settings import Settings

SHIPPED = sorted(scenario.DIRECTORY.glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_each_shipped_scenario_loads_and_explains_itself(path: Path) -> None:
    scenario.load(path)
    text = path.read_text("utf-8")
    assert text.startswith("# ")
    assert text.count("#") > 3 or path.stem == "plain"


def test_the_examples_named_in_the_documentation_are_shipped() -> None:
    assert {path.stem for path in SHIPPED} >= {"plain", "slow-network", "sick", "reference"}


def test_the_reference_mentions_every_key() -> None:
    text = (scenario.DIRECTORY / "reference.toml").read_text("utf-8")
    written = {line.removeprefix("# ").partition(" =")[0] for line in text.splitlines() if " = " in line}
    fields = {field.encode_name for field in msgspec.structs.fields(Settings)}
    assert fields <= written
    assert written - fields >= {"seed", "modems", "from", "until", "repeat"}


def test_the_reference_shows_the_defaults() -> None:
    settings, _ = scenario.load(scenario.DIRECTORY / "reference.toml").timeline(0, "modem-000").at(0.0)
    faults = {"error", "hang", "no_prompt", "late_prompt", "unplug", "reboot", "noise", "flood", "inbound"}
    switched_off = faults | {"ussd", "answers", "prompt_form", "routes"}
    for field in msgspec.structs.fields(Settings):
        if field.name not in switched_off:
            assert getattr(settings, field.name) == getattr(Settings(), field.name), field.name
    for name in faults:
        assert getattr(settings, name).rate == 0, name
    usual = Settings()
    for name, value in msgspec.structs.asdict(settings.route_to("+447700900123")).items():
        assert value in (None, getattr(usual, name)), name


def test_the_reference_names_every_make_of_modem() -> None:
    text = (scenario.DIRECTORY / "reference.toml").read_text("utf-8")
    comment = " ".join(line.strip("# ") for line in text.partition("-- the modem --")[2].splitlines()[:6])
    words = {word.strip(",:") for word in comment.split()}
    assert set(PROFILES) <= words


def test_a_hub_names_modems_that_die_and_return_together() -> None:
    plan = scenario.parse(
        '[hubs]\nleft = "0-1"\nright = ["modem-002", 3]\n'
        '[[rule]]\nmodems = "left"\nfrom = 5\nuntil = 9\nunplugged = true\n'
        '[[rule]]\nmodems = ["right", 4]\nsignal = 3'
    )
    lines = [plan.timeline(index, f"modem-{index:03d}") for index in range(6)]
    assert [line.at(6.0)[0].unplugged for line in lines] == [True, True, False, False, False, False]
    assert [line.at(6.0)[0].signal for line in lines] == [20, 20, 3, 3, 3, 20]
    assert not any(line.at(9.0)[0].unplugged for line in lines)


def test_a_make_may_be_chosen_for_all_whom_the_scenario_gives_none() -> None:
    plan = scenario.parse('[[rule]]\nmodems = 1\nprofile = "zte"').played_by("huawei")
    assert [plan.timeline(index, "").at(0.0)[0].profile for index in range(3)] == ["huawei", "zte", "huawei"]
    with pytest.raises(ScenarioError, match="no profile acme"):
        plan.played_by("acme")


def test_a_route_is_the_one_with_the_longest_prefix() -> None:
    settings, _ = (
        scenario.parse('routes = { "+44" = { reports = false }, "+4477" = { lost_rate = 1 } }')
        .timeline(0, "")
        .at(0.0)
    )
    assert settings.route_to("+447700900123").lost_rate == 1
    assert settings.route_to("+442079460123").reports is False
    assert settings.route_to("+15550100").reports is None


def test_without_rules_a_modem_is_good_for_ever() -> None:
    settings, change = Scenario().timeline(0, "modem-000").at(0.0)
    assert settings == Settings()
    assert change == float("inf")


def test_a_delay_may_be_whole_seconds_or_a_range() -> None:
    line = scenario.parse("submit_delay = 5\nreport_delay = [1, 3]").timeline(0, "x")
    settings, _ = line.at(0.0)
    rng = Random(1)  # noqa: S311 - reproducible, not secret
    assert sample(settings.submit_delay, rng) == 5.0
    assert 1.0 <= sample(settings.report_delay, rng) <= 3.0


def test_the_sick_scenario_makes_four_modems_sick_and_well_again() -> None:
    line = [scenario.load(scenario.DIRECTORY / "sick.toml").timeline(index, "") for index in range(8)]
    early = [timeline.at(1.0)[0] for timeline in line]
    late = [timeline.at(90.0)[0] for timeline in line]
    assert early[0].hang is not None
    assert early[1].no_prompt is not None
    assert early[2].unplug is not None
    assert early[2].unplug.for_s == 5
    assert early[3].report_delay == (30.0, 60.0)
    assert not any(settings.is_hard_to_submit() for settings in early[3:])
    assert not any(settings.is_hard_to_submit() for settings in (late[0], late[1]))


def test_later_rules_win_and_windows_end() -> None:
    plan = scenario.parse(
        "signal = 1\n[[rule]]\nfrom = 10\nuntil = 30\nsignal = 2\n[[rule]]\nmodems = 0\nfrom = 20\nsignal = 3"
    )
    line = plan.timeline(0, "modem-000")
    assert [line.at(elapsed)[0].signal for elapsed in (0.0, 10.0, 19.9, 20.0, 40.0)] == [1, 2, 2, 3, 3]
    assert [line.at(elapsed)[1] for elapsed in (0.0, 10.0, 20.0)] == [10.0, 20.0, 30.0]
    other = plan.timeline(1, "modem-001")
    assert [other.at(elapsed)[0].signal for elapsed in (0.0, 25.0, 40.0)] == [1, 2, 1]


def test_an_edge_reached_by_adding_floats_is_the_edge() -> None:
    line = scenario.parse("[[rule]]\nfrom = 0.1\nuntil = 0.3\nrepeat = 0.7\ndeaf = true").timeline(0, "x")
    began_at, now, edges = 12345.678, 12345.678, []
    for _ in range(2000):
        settings, change = line.at(now - began_at)
        assert began_at + change > now
        now = began_at + change
        edges.append(settings.deaf)
    assert edges == [False, True] * 1000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "submit_dela = 1",
            "bad.toml: unknown key submit_dela (did you mean submit_delay?)",
        ),
        (
            "xyzzy = 1",
            "unknown key xyzzy; allowed are answers, balance",
        ),
        (
            'routes = { "+44" = { lost = 1 } }',
            "routes +44: unknown key lost (did you mean lost_rate?); allowed are delivery_delay, lost_rate",
        ),
        ('network = "x"', "network must be five or six digits"),
        ('imei = "1"', "imei must be fifteen digits"),
        ('port = "../x"', "port must be a plain name"),
        ("baud = 7", "baud must be one of 1200"),
        ('routes = { "+44" = { report_delay = -1 } }', "routes +44: report_delay must be seconds"),
        ("hubs = 3", "hubs are written [hubs]"),
        ('[hubs]\nall = "0-3"', "hub all: a hub has a name of its own"),
        ('[hubs]\nleft = "all"', "hub left: a hub has a name of its own"),
        (
            "hang = { fro = 1 }",
            "hang: unknown key fro (did you mean for?); allowed are answer, every, for, network",
        ),
        ("[[rule]]\nmodem = 1\ndeaf = true", "rule 1: unknown key modem (did you mean modems?)"),
        ('submit_delay = "x"', "$.submit_delay"),
        ("submit_delay = [3, 1]", "submit_delay must be seconds, or a range [low, high]"),
        ("report_delay = -1", "report_delay must be seconds"),
        ("signal = 100", "$.signal"),
        ("report_status = 256", "$.report_status"),
        ("error = { codes = [] }", "$.error.codes"),
        ("error = {}", "codes"),
        ("hang = { rate = 2, for = 1 }", "$.hang.rate"),
        ('unplug = { phase = "noon" }', "$.unplug.phase"),
        ('pin = "12"', "pin must be four to eight digits"),
        ('line_end = "x"', "line_end may hold only"),
        ('profile = "acme"', "no profile acme; there is brovi, cinterion"),
        ('seed = "a"', "seed must be a whole number"),
        ("[rule]\ndeaf = true", "double brackets"),
        ("[[rule]]\nmodems = 1", "says nothing but which modems and when"),
        ("[[rule]]\nmodems = 1.5\ndeaf = true", 'modems takes an index, a name, "2-5", a hub'),
        ("[[rule]]\nfrom = 5\nuntil = 5\ndeaf = true", "until must be later than from"),
        ("[[rule]]\nfrom = -1\ndeaf = true", "from must be seconds"),
        ("[[rule]]\nfrom = 0\nuntil = 9\nrepeat = 4\ndeaf = true", "repeat must be at least as long"),
        ("deaf = yes", "not TOML"),
    ],
)
def test_a_wrong_scenario_is_told_by_key_and_place(text: str, told: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario.parse(text, "bad.toml")
    assert str(caught.value).startswith("bad.toml: ")
    assert told in str(caught.value)


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.toml: there is no such scenario file"):
        scenario.load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'operator = "\xff"')
    with pytest.raises(ScenarioError, match=r"latin\.toml: can't be read"):
        scenario.load(tmp_path / "latin.toml")


def test_modems_that_do_not_exist_are_found() -> None:
    plan = scenario.parse('[[rule]]\nmodems = [0, 7, "modem-009"]\ndeaf = true')
    assert plan.strangers(["modem-000", "modem-001"]) == [7, "modem-009"]
