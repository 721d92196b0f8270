"""What share of codes is confirmed, by prefix and country: a small one is how SMS pumping shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from simcourier import log
from simcourier.errors import RequestError
from simcourier.hooks.events import rfc3339
from simcourier.outbox import limits as record
from simcourier.outbox.audit import Entry
from simcourier.outbox.limits import Block, Key
from simcourier.outbox.notices import notify
from simcourier.service.rules import Rules, Scope
from simcourier.service.tools import Tools
from simcourier.service.usages import place_of, read_usages, write_usages
from simcourier.verify.destinations import Kind, telephone_code
from simcourier.verify.limits import HOUR_MS, Share, Usage, add, confirmed_share

LONGEST_LIFE_MS = 600_000
"""No verification lives longer (NIST SP 800-63B section 3.1.3.2): a code older than this is unconfirmed for good."""
CONVERSION = "conversion"
_ALARM_EVERY_MS = HOUR_MS


@dataclass(frozen=True, slots=True)
class Judged:
    """A prefix or country as it is shown, its counts, and the share that is judged, if enough codes are."""

    scope: Scope
    key: str
    shown: str
    usage: Usage
    share: Share | None


class Conversion:
    """Alarms and blocks; every method in the writer's thread only."""

    def __init__(self, tools: Tools, rules: Rules) -> None:
        self._tools = tools
        self._config = tools.config.limits
        self._rules = rules
        self._blocking: set[Key] = set()
        self._log = log.get("guard")

    def judged(self, scope: Scope, key: str, shown: str, usage: Usage, now_ms: int) -> Judged:
        """A prefix or country with the share of its codes that was confirmed."""
        return Judged(scope, key, shown, usage, self.share(usage, now_ms))

    def share(self, usage: Usage, now_ms: int) -> Share | None:
        """The share that is judged, or None while too few codes are old enough."""
        return confirmed_share(usage, now_ms, LONGEST_LIFE_MS, self._config.conversion_sample)

    def refusal(self, judged: Iterable[Judged], now_ms: int) -> RequestError | None:
        """The refusal of a code to where too few are confirmed; the block follows in a work of its own."""
        for one in judged:
            if one.share is not None and self._blocks(one.scope, one.share):
                self._block_soon(one, one.share, now_ms)
                return self._refused(one.scope, self._config.conversion_block)
        return None

    def _blocks(self, scope: Scope, share: Share) -> bool:
        wanted = scope is Scope.PREFIX or self._config.conversion_block_countries
        return wanted and share.below(self._config.conversion_block_percent)

    @staticmethod
    def _refused(scope: Scope, for_s: int) -> RequestError:
        what = "numbers that begin like this one" if scope is Scope.PREFIX else "this country"
        return RequestError(
            "destination-not-allowed",
            f"Hardly any code sent to {what} was used lately, which is how fraud looks; the box sends none for now.",
            pointer="/to",
            retry_after_s=for_s,
            extra={"scope": scope.value},
        )

    def alarms(self, judged: Iterable[Judged], now_ms: int) -> list[tuple[str, dict[str, object]]]:
        """What to tell where the share is small, once an hour; the counts remember that it was told."""
        told = []
        for one in judged:
            due = now_ms - one.usage.told >= _ALARM_EVERY_MS
            if one.share is not None and due and one.share.below(self._config.conversion_alarm_percent):
                one.usage.told = now_ms
                self._log.warning(
                    "few codes are confirmed",
                    scope=one.scope.value,
                    place=one.shown,
                    percent=one.share.percent,
                )
                told.append(("prefix.alarm", _told(one, one.share, None)))
        return told

    def confirmed(self, connection: Connection, places: Sequence[Key], now_ms: int) -> None:
        """A code that was counted when it was sent has been confirmed."""
        usages = read_usages(connection, places)
        for usage in usages.values():
            usage.confirmed = add(usage.confirmed, now_ms)
        write_usages(connection, usages, now_ms)

    def told(
        self, connection: Connection, prefix_key: str, region: str, now_ms: int, *, confirmed: bool
    ) -> None:
        """An application told what became of a code of its own, which was not counted when it was sent."""
        if not region:
            return
        prefix = (Scope.PREFIX, prefix_key, f"+{telephone_code(region)}•••••")
        for scope, key, shown in (prefix, (Scope.COUNTRY, region, region)):
            place = place_of(Kind.CODE, scope, key)
            usage = read_usages(connection, [place])[place]
            # As old as a code that is judged: nothing more will be heard of it.
            usage.started = add(usage.started, now_ms - LONGEST_LIFE_MS)
            if confirmed:
                usage.confirmed = add(usage.confirmed, now_ms)
            write_usages(connection, {place: usage}, now_ms)
            one = self.judged(scope, key, shown, usage, now_ms)
            if one.share is not None and self._blocks(scope, one.share):
                self._block(connection, one, one.share, now_ms)

    def _block_soon(self, one: Judged, share: Share, now_ms: int) -> None:
        """Block in a work of its own: the one at hand is refused, so it must write nothing."""
        place = (one.scope.value, one.key)
        if place in self._blocking:
            return
        self._blocking.add(place)

        def failed(error: BaseException) -> None:
            self._blocking.discard(place)
            self._rules.stale()
            self._log.error("a block could not be written", error=str(error)[:200])

        self._tools.writer.submit(
            lambda c: self._block(c, one, share, now_ms),
            lambda _result: self._blocking.discard(place),
            failed,
        )

    def _block(self, connection: Connection, one: Judged, share: Share, now_ms: int) -> None:
        place = (one.scope.value, one.key)
        self._rules.stale()
        if self._rules.refresh(connection, now_ms).block(place, now_ms) is not None:
            return
        until_ms = now_ms + self._config.conversion_block * 1000
        reason = f"{share.confirmed} of {share.started} codes confirmed"
        record.put_block(
            connection, Block(*place, CONVERSION, one.shown, reason, now_ms, until_ms, "simcourier")
        )
        self._forget_codes(connection, one, now_ms)
        self._tools.audit.append(
            connection,
            Entry(now_ms, "simcourier", "limit.block", f"{one.scope.value} {one.shown}", reason),
        )
        notify(connection, "prefix.blocked", now_ms, None, _told(one, share, until_ms))
        self._log.warning("blocked: few codes are confirmed", scope=one.scope.value, place=one.shown)
        self._rules.stale()

    @staticmethod
    def _forget_codes(connection: Connection, one: Judged, now_ms: int) -> None:
        """When the block ends, new codes are judged, not again those that led to it."""
        place = place_of(Kind.CODE, one.scope, one.key)
        usages = read_usages(connection, [place])
        usages[place].started = []
        usages[place].confirmed = []
        write_usages(connection, usages, now_ms)


def _told(one: Judged, share: Share, until_ms: int | None) -> dict[str, object]:
    told: dict[str, object] = {
        "scope": one.scope.value,
        "shown": one.shown,
        "key": one.key,
        "codes": share.started,
        "confirmed": share.confirmed,
    }
    return told if until_ms is None else {**told, "until": rfc3339(until_ms)}
