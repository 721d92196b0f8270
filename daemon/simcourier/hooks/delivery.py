"""Signs an event and sends it to its endpoint, once; and what a try has come to."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from simcourier import __version__
from simcourier.errors import EquipmentError, RequestError
from simcourier.hooks.guard import Guard
from simcourier.hooks.post import Outcome, Post, tls
from simcourier.hooks.schedule import pause_ms
from simcourier.hooks.signing import signatures
from simcourier.outbox.endpoints import Endpoint
from simcourier.outbox.hooks import DeliveryState
from simcourier.outbox.seal import Sealer


class Courier:
    """Carries events to endpoints, one at a time; each thread has its own."""

    def __init__(
        self, guard: Guard, sealer: Sealer, wall_ms: Callable[[], int], ca_file: str, timeout_s: float
    ) -> None:
        self._guard = guard
        self._sealer = sealer
        self._wall_ms = wall_ms
        self._context = tls(ca_file)
        self._timeout_s = timeout_s
        self._post: Post | None = None
        self._url = ""

    def carry(self, endpoint: Endpoint, event_id: str, body: bytes, *, keep: bool = False) -> Outcome:
        """Send an event, signed as of now; with `keep` the next may go over the same connection, until `hang_up`.

        The target is resolved and checked anew for each connection.
        """
        try:
            headers = self._headers(endpoint, event_id, body)
            outcome = self._over_the_kept_one(endpoint.url, headers, body)
            return self._open(endpoint.url).send(headers, body) if outcome is None else outcome
        except (RequestError, EquipmentError) as error:
            return Outcome(None, str(error))
        finally:
            if not keep:
                self.hang_up()

    def hang_up(self) -> None:
        """Keep no connection any more."""
        post, self._post = self._post, None
        if post is not None:
            post.close()

    def abort(self) -> None:
        """End what is under way, from another thread."""
        post = self._post
        if post is not None:
            post.abort()

    def _over_the_kept_one(self, url: str, headers: dict[str, str], body: bytes) -> Outcome | None:
        """What came of it, or None where a new connection is needed."""
        if self._post is None or url != self._url or not self._post.kept:
            return None
        outcome = self._post.send(headers, body)
        return None if self._post.lost else outcome

    def _open(self, url: str) -> Post:
        self.hang_up()
        target, addresses = self._guard.admit(url)
        self._url, self._post = url, Post(target, addresses, self._context, self._timeout_s)
        return self._post

    def _headers(self, endpoint: Endpoint, event_id: str, body: bytes) -> dict[str, str]:
        now_ms = self._wall_ms()
        timestamp = now_ms // 1000
        return {
            "Content-Type": "application/json",
            "User-Agent": f"simcourier/{__version__}",
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signatures(
                live_secrets(endpoint, self._sealer, now_ms), event_id, timestamp, body
            ),
        }


def live_secrets(endpoint: Endpoint, sealer: Sealer, now_ms: int) -> list[str]:
    """The secrets to sign with now, the newest first. Raises EquipmentError where the key file is another one."""
    found = [sealer.open(endpoint.secret, endpoint.id)]
    if endpoint.old_secret is not None and now_ms < (endpoint.old_until_ms or 0):
        found.append(sealer.open(endpoint.old_secret, endpoint.id))
    return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a delivery is after a try, and when it is tried again."""

    state: DeliveryState
    next_at_ms: int | None = None


def judge(outcome: Outcome, failures_before: int, now_ms: int, chance: float | None = None) -> Verdict:
    """What a try with this outcome means for its delivery."""
    if outcome.delivered:
        return Verdict(DeliveryState.DELIVERED)
    if outcome.gone:
        return Verdict(DeliveryState.FAILED)
    # Not a secret, only spread.
    pause = pause_ms(failures_before + 1, random.random() if chance is None else chance)  # noqa: S311
    if pause is None:
        return Verdict(DeliveryState.FAILED)
    return Verdict(DeliveryState.PENDING, now_ms + pause)
