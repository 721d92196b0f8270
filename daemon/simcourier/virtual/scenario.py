"""A scenario: which modem behaves how and when, read from TOML.

A key at the top holds for every modem and all the time. A `[[rule]]` narrows it with `modems` (an index, a
name, a range "2-5", or a list of these), `from` and `until` (seconds since the start) and `repeat` (the
window comes again with this period). Where two rules set a key, the later one wins. `[hubs]` gives names to
groups of modems, and such a name may stand where modems are named.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from simcourier.errors import ConfigError
from simcourier.virtual.settings import Settings

# Two floats that stand for the same edge of a window may differ by rounding; windows are far longer.
_EPSILON = 1e-6
_RULE_KEYS = {"modems", "from", "until", "repeat"}
# Beyond so many keys a list of all hides the one that was meant.
_SHOWN = 12
_SPAN = re.compile(r"(\d+)-(\d+)")
DIRECTORY = Path(__file__).parent / "scenarios"

SettingValues = dict[str, Any]
Hubs = Mapping[str, frozenset[int | str]]


class ScenarioError(ConfigError):
    """The scenario cannot be used; the message names the file, the rule and the key."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Some settings for some modems in some window of time; `modems` None means all of them."""

    values: SettingValues
    modems: frozenset[int | str] | None = None
    from_s: float = 0.0
    until_s: float = math.inf
    repeat_s: float = math.inf

    def concerns(self, index: int, name: str) -> bool:
        """Whether the rule speaks of this modem."""
        return self.modems is None or index in self.modems or name in self.modems

    def at(self, elapsed_s: float) -> tuple[bool, float]:
        """Whether the window is open, and when that next changes (infinity: never)."""
        if elapsed_s < self.from_s - _EPSILON:
            return False, self.from_s
        since = elapsed_s - self.from_s
        cycle = 0 if math.isinf(self.repeat_s) else math.floor(since / self.repeat_s + _EPSILON)
        begin = self.from_s + (cycle * self.repeat_s if cycle else 0.0)
        end = begin + (self.until_s - self.from_s)
        if elapsed_s < end - _EPSILON:
            return True, end
        return False, begin + self.repeat_s


@dataclass(slots=True)
class Timeline:
    """One modem's rules in order; control commands add to them while the scenario runs."""

    rules: list[Rule] = field(default_factory=list)

    def at(self, elapsed_s: float) -> tuple[Settings, float]:
        """Return the settings in force, and when they may next change."""
        values: SettingValues = {}
        change = math.inf
        for rule in self.rules:
            is_open, edge = rule.at(elapsed_s)
            change = min(change, edge)
            if is_open:
                values.update(rule.values)
        return msgspec.convert(values, Settings), change


@dataclass(frozen=True, slots=True)
class Scenario:
    """A seed and rules; no rules make a good modem in a good network, without any delay."""

    seed: int = 1
    rules: tuple[Rule, ...] = ()
    hubs: Hubs = field(default_factory=dict)

    def timeline(self, index: int, name: str) -> Timeline:
        """Return the rules that concern one modem."""
        return Timeline([rule for rule in self.rules if rule.concerns(index, name)])

    def played_by(self, profile: str) -> Scenario:
        """Return the same scenario with another make of modem where it names none. Raises ScenarioError."""
        values = check_values({"profile": profile}, "profile")
        return replace(self, rules=(Rule(values), *self.rules))

    def strangers(self, names: list[str]) -> list[int | str]:
        """Modems that rules speak of and that do not exist."""
        known = {*range(len(names)), *names}
        named = [modem for rule in self.rules for modem in rule.modems or ()]
        return sorted({modem for modem in named if modem not in known}, key=str)


def load(path: Path) -> Scenario:
    """Read a scenario file. Raises ScenarioError."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ScenarioError(f"{path}: there is no such scenario file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: can't be read: {error}") from error
    return parse(text, str(path))


def parse(text: str, source: str = "scenario") -> Scenario:
    """Read a scenario; `source` is what errors call it. Raises ScenarioError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{source}: not TOML: {error}") from error
    seed = raw.pop("seed", 1)
    if not isinstance(seed, int):
        raise ScenarioError(f"{source}: seed must be a whole number")
    tables = raw.pop("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ScenarioError(f"{source}: rules are written [[rule]], with double brackets")
    hubs = _hubs(raw.pop("hubs", {}), source)
    rules = [Rule(check_values(raw, source, {"seed", "rule", "hubs"}))]
    for number, table in enumerate(tables, 1):
        rules.append(_rule(table, f"{source}: rule {number}", hubs))
    return Scenario(seed, tuple(rules), hubs)


def _hubs(tables: object, source: str) -> Hubs:
    """Read the groups of modems that live and die together."""
    if not isinstance(tables, dict):
        raise ScenarioError(f'{source}: hubs are written [hubs], then name = "0-3"')
    hubs = {}
    for name, wanted in tables.items():
        modems = _modems(wanted, f"{source}: hub {name}", {})
        if modems is None or name == "all" or _SPAN.fullmatch(name):
            raise ScenarioError(f"{source}: hub {name}: a hub has a name of its own and names some modems")
        hubs[name] = modems
    return hubs


def _rule(table: dict[str, Any], where: str, hubs: Hubs) -> Rule:
    own = {key: value for key, value in table.items() if key in _RULE_KEYS}
    values = check_values({key: table[key] for key in table if key not in own}, where, _RULE_KEYS)
    if not values:
        raise ScenarioError(f"{where}: says nothing but which modems and when")
    for key in ("from", "until", "repeat"):
        if key in own and (
            isinstance(own[key], bool) or not isinstance(own[key], int | float) or own[key] < 0
        ):
            raise ScenarioError(f"{where}: {key} must be seconds since the start, not below 0")
    from_s, until_s = float(own.get("from", 0)), float(own.get("until", math.inf))
    repeat_s = float(own.get("repeat", math.inf))
    if until_s <= from_s:
        raise ScenarioError(f"{where}: until must be later than from")
    if repeat_s < until_s - from_s and "repeat" in own:
        raise ScenarioError(f"{where}: repeat must be at least as long as the window from..until")
    return Rule(values, _modems(own.get("modems"), where, hubs), from_s, until_s, repeat_s)


def _modems(wanted: object, where: str, hubs: Hubs) -> frozenset[int | str] | None:
    if wanted is None or wanted == "all":
        return None
    found: set[int | str] = set()
    for item in wanted if isinstance(wanted, list) else [wanted]:
        span = _SPAN.fullmatch(item) if isinstance(item, str) else None
        if isinstance(item, str) and item in hubs:
            found.update(hubs[item])
        elif span:
            found.update(range(int(span[1]), int(span[2]) + 1))
        elif isinstance(item, int | str) and not isinstance(item, bool):
            found.add(item)
        else:
            raise ScenarioError(
                f'{where}: modems takes an index, a name, "2-5", a hub, "all" or a list of these'
            )
    return frozenset(found)


def check_values(values: SettingValues, where: str, extra: Set[str] = frozenset()) -> SettingValues:
    """Return `values` when they fit `Settings`. Raises ScenarioError that names the key and what is allowed."""
    _check_keys(values, Settings, where, extra)
    try:
        msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{where}: {error}") from error
    return values


def _check_keys(values: SettingValues, struct: type[msgspec.Struct], where: str, extra: Set[str]) -> None:
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(struct)}
    allowed = sorted({*fields, *extra})
    for key, value in values.items():
        if key not in fields:
            close = difflib.get_close_matches(key, allowed, 1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            shown = "" if close and len(allowed) > _SHOWN else f"; allowed are {', '.join(allowed)}"
            raise ScenarioError(f"{where}: unknown key {key}{hint}{shown}")
        if isinstance(value, dict):
            _check_inner_keys(value, fields[key], f"{where}: {key}")


def _check_inner_keys(value: SettingValues, kind: Any, where: str) -> None:
    """Check a table within the settings: one thing, or several by name."""
    structs = [each for each in get_args(kind) if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    if get_origin(kind) is not dict:
        for struct in structs:
            _check_keys(value, struct, where, frozenset())
        return
    for name, inner in value.items():
        if isinstance(inner, dict):
            for struct in structs:
                _check_keys(inner, struct, f"{where} {name}", frozenset())
