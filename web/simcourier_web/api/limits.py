"""`/v1/limits`: an admin sees, changes and lifts limits, and blocks; numbers are in bodies, never in addresses."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from simcourier.outbox.limits import Block, Rule
from simcourier.service import Service
from simcourier.service.limits import Lookup, Overview, WindowUse
from simcourier.service.rules import Scope
from simcourier.service.targets import Target, Whom
from simcourier.verify.destinations import Kind
from simcourier_web.answers import Time, rfc3339, rfc3339_or_none
from simcourier_web.forms import Form
from simcourier_web.operations import Call, Operation

_TEN_YEARS_S = 315_360_000
Window = Literal["gap", "second", "10-minutes", "hour", "day"]
WINDOWS: dict[int, Window] = {0: "gap", 1: "second", 600: "10-minutes", 3600: "hour", 86_400: "day"}
_SECONDS = {word: seconds for seconds, word in WINDOWS.items()}

Number = Annotated[str, Meta(min_length=1, max_length=64, examples=["+447700900123"])]
TargetKey = Annotated[str, Meta(min_length=1, max_length=64)]
ForSeconds = Annotated[int, Meta(ge=1, le=_TEN_YEARS_S)]
Reason = Annotated[str, Meta(max_length=100, pattern=r"\A[^\x00-\x1f\x7f-\x9f]*\Z")]


class WhomBody(Struct, forbid_unknown_fields=True, frozen=True):
    """Whom a limit is about: a number as `to`, or a country, an API key's id or name, or a prefix by its `key`."""

    scope: Scope | None = None
    to: Number | None = None
    key: TargetKey | None = None


class BlockBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/limits/block`."""

    scope: Scope | None = None
    to: Number | None = None
    key: TargetKey | None = None
    reason: Reason = ""
    for_seconds: ForSeconds | None = None


class RuleBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `PUT /v1/limits/rules`; a key of `*` is all of the scope."""

    scope: Scope
    window: Window
    maximum: Annotated[int, Meta(ge=0, le=10_000_000)]
    kind: Kind = Kind.CODE
    to: Number | None = None
    key: TargetKey | None = None
    for_seconds: ForSeconds | None = None


class RuleNameBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/limits/rules/reset`."""

    scope: Scope
    window: Window
    kind: Kind = Kind.CODE
    to: Number | None = None
    key: TargetKey | None = None


class LimitBound(Struct, frozen=True):
    """A configured bound; 0 is none. Of the gap: its first seconds."""

    kind: Kind | None
    scope: Scope
    window: Window
    maximum: int


class LimitRule(Struct, frozen=True):
    """A bound that an admin set in place of the configured one."""

    kind: Kind | None
    scope: Scope
    key: str
    shown: str
    window: Window
    maximum: int
    until: Time | None
    set_at: Time
    set_by: str


class LimitBlock(Struct, frozen=True):
    """Where nothing is sent; by an admin, or for the small share of codes that were confirmed (`conversion`)."""

    scope: Scope
    key: str
    shown: str
    cause: str
    reason: str
    at: Time
    until: Time | None
    set_by: str


class LimitBudget(Struct, frozen=True):
    """Segments accepted since midnight UTC; a maximum of 0 is none."""

    day: str
    segments: int
    maximum: int


class LimitsOverview(Struct, frozen=True):
    """What is configured, what an admin set instead, what is blocked, and the day's budget."""

    configured: list[LimitBound]
    rules: list[LimitRule]
    blocks: list[LimitBlock]
    budget: LimitBudget


class LimitUse(Struct, frozen=True):
    """How much of a window is used; `wait_seconds` is how long it lets nothing more through."""

    kind: Kind
    scope: Scope
    shown: str
    window: Window
    used: int
    maximum: int
    wait_seconds: int


class LimitShare(Struct, frozen=True):
    """How many of the last codes were confirmed, of those that can't be confirmed any more."""

    scope: Scope
    shown: str
    codes: int
    confirmed: int


class LimitsLookup(Struct, frozen=True):
    """What holds for a number with its prefix and country, for a country, or for a client."""

    uses: list[LimitUse]
    shares: list[LimitShare]
    blocks: list[LimitBlock]


class LimitTarget(Struct, frozen=True):
    """Whose limit was changed."""

    scope: Scope
    key: str
    shown: str


class LimitLifted(Struct, frozen=True):
    """Whose counts begin anew, and whether a block was taken away."""

    scope: Scope
    key: str
    shown: str
    unblocked: bool


_SCOPES = ", ".join(Scope)
_WINDOWS = ", ".join(WINDOWS.values())
_WHOM = {
    "scope": f"one of {_SCOPES}",
    "to": "a number such as +447700900001",
    "key": "a country such as GB, an API key's id or name, or the key of a prefix or number as it is listed",
}
_FOR = {"for_seconds": f"a whole number from 1 to {_TEN_YEARS_S}"}
_RULE = {"window": f"one of {_WINDOWS}", "kind": f"one of {', '.join(Kind)}"}
WHOM = Form(WhomBody, _WHOM, {"to": "+447700900123"})
BLOCK = Form(
    BlockBody,
    {**_WHOM, **_FOR, "reason": "a string of at most 100 printable characters"},
    {"key": "GB", "reason": "toll fraud", "for_seconds": 3600},
)
RULE = Form(
    RuleBody,
    {**_WHOM, **_RULE, **_FOR, "maximum": "a whole number from 0 to 10000000"},
    {"scope": "number", "key": "*", "window": "hour", "maximum": 4},
)
RULE_NAME = Form(RuleNameBody, {**_WHOM, **_RULE}, {"scope": "number", "key": "*", "window": "hour"})
_NOBODY = ("invalid-number", "not-found", "policy-violation")


class LimitsApi:
    """The operations of `/v1/limits`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> tuple[Operation, ...]:
        """What this part of the API can do."""
        return (*self._seeing(), *self._ruling(), *self._blocking())

    def _seeing(self) -> tuple[Operation, ...]:
        return (
            Operation(
                "listLimits",
                "GET",
                "/v1/limits",
                self.all,
                "What is configured, what an admin set instead, what is blocked, and the day's budget",
                scope="admin",
                answers={200: LimitsOverview},
            ),
            Operation(
                "lookUpLimits",
                "POST",
                "/v1/limits/lookup",
                self.lookup,
                "What a number, a country or a client used of what it may",
                scope="admin",
                body=WHOM,
                answers={200: LimitsLookup},
                problems=_NOBODY,
            ),
        )

    def _ruling(self) -> tuple[Operation, ...]:
        return (
            Operation(
                "setLimit",
                "PUT",
                "/v1/limits/rules",
                self.set_rule,
                "Let another bound hold, for one or for all of a scope",
                scope="admin",
                body=RULE,
                answers={200: LimitRule},
                problems=_NOBODY,
            ),
            Operation(
                "resetLimit",
                "POST",
                "/v1/limits/rules/reset",
                self.reset_rule,
                "Let the configured bound hold again",
                scope="admin",
                body=RULE_NAME,
                answers={200: LimitTarget},
                problems=_NOBODY,
            ),
        )

    def _blocking(self) -> tuple[Operation, ...]:
        return (
            Operation(
                "liftLimits",
                "POST",
                "/v1/limits/lift",
                self.lift,
                "Forget what was counted, and unblock",
                scope="admin",
                body=WHOM,
                answers={200: LimitLifted},
                problems=_NOBODY,
            ),
            Operation(
                "block",
                "POST",
                "/v1/limits/block",
                self.block,
                "Send nothing more to a number, prefix or country, or for a client",
                scope="admin",
                body=BLOCK,
                answers={200: LimitBlock},
                problems=_NOBODY,
            ),
            Operation(
                "unblock",
                "POST",
                "/v1/limits/unblock",
                self.unblock,
                "Send there again",
                scope="admin",
                body=WHOM,
                answers={200: LimitTarget},
                problems=_NOBODY,
            ),
        )

    def all(self, _call: Call[None, None]) -> LimitsOverview:
        """`GET /v1/limits`."""
        return _overview(self._service.limits.overview(), self._configured())

    def _configured(self) -> list[LimitBound]:
        return [
            LimitBound(bound.kind, bound.scope, WINDOWS[bound.window_s], bound.maximum)
            for bound in self._service.limits.configured()
        ]

    def lookup(self, call: Call[WhomBody, None]) -> LimitsLookup:
        """`POST /v1/limits/lookup`."""
        return _lookup(self._service.limits.lookup(_whom(call.body)))

    def set_rule(self, call: Call[RuleBody, None]) -> LimitRule:
        """`PUT /v1/limits/rules`."""
        body = call.body
        rule = self._service.limits.set_rule(
            call.client, body.kind, _whom(body), _SECONDS[body.window], body.maximum, body.for_seconds
        )
        return _rule(rule)

    def reset_rule(self, call: Call[RuleNameBody, None]) -> LimitTarget:
        """`POST /v1/limits/rules/reset`."""
        body = call.body
        return _target(
            self._service.limits.drop_rule(call.client, body.kind, _whom(body), _SECONDS[body.window])
        )

    def lift(self, call: Call[WhomBody, None]) -> LimitLifted:
        """`POST /v1/limits/lift`."""
        lifted = self._service.limits.lift(call.client, _whom(call.body))
        target = lifted.target
        return LimitLifted(target.scope, target.key, target.shown, lifted.unblocked)

    def block(self, call: Call[BlockBody, None]) -> LimitBlock:
        """`POST /v1/limits/block`."""
        body = call.body
        return _block(self._service.limits.block(call.client, _whom(body), body.reason, body.for_seconds))

    def unblock(self, call: Call[WhomBody, None]) -> LimitTarget:
        """`POST /v1/limits/unblock`."""
        return _target(self._service.limits.unblock(call.client, _whom(call.body)))


def _whom(body: WhomBody | BlockBody | RuleBody | RuleNameBody) -> Whom:
    return Whom(body.scope, body.to, body.key)


def _overview(found: Overview, configured: list[LimitBound]) -> LimitsOverview:
    budget = LimitBudget(found.budget.day, found.budget.segments, found.budget.maximum)
    return LimitsOverview(configured, list(map(_rule, found.rules)), list(map(_block, found.blocks)), budget)


def _lookup(found: Lookup) -> LimitsLookup:
    return LimitsLookup(
        list(map(_use, found.uses)),
        [LimitShare(one.scope, one.shown, share.started, share.confirmed) for one, share in found.shares],
        list(map(_block, found.blocks)),
    )


def _use(use: WindowUse) -> LimitUse:
    return LimitUse(
        kind=use.kind,
        scope=use.target.scope,
        shown=use.target.shown,
        window=WINDOWS[use.window_s],
        used=use.used,
        maximum=use.maximum,
        wait_seconds=-(-use.wait_ms // 1000),
    )


def _rule(rule: Rule) -> LimitRule:
    return LimitRule(
        kind=Kind(rule.kind) if rule.kind else None,
        scope=Scope(rule.scope),
        key=rule.key,
        shown=rule.shown,
        window=WINDOWS[rule.window_s],
        maximum=rule.maximum,
        until=rfc3339_or_none(rule.until_ms),
        set_at=rfc3339(rule.set_at_ms),
        set_by=rule.set_by,
    )


def _block(block: Block) -> LimitBlock:
    return LimitBlock(
        scope=Scope(block.scope),
        key=block.key,
        shown=block.shown,
        cause=block.cause,
        reason=block.reason,
        at=rfc3339(block.at_ms),
        until=rfc3339_or_none(block.until_ms),
        set_by=block.set_by,
    )


def _target(target: Target) -> LimitTarget:
    return LimitTarget(target.scope, target.key, target.shown)
