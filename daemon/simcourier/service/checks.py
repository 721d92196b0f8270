"""Check a code: charge the attempt first, compare then, and let one check succeed at most (ASVS 6.5.1)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from simcourier.errors import RequestError
from simcourier.outbox import verifications
from simcourier.outbox.audit import Entry
from simcourier.outbox.notices import notify
from simcourier.outbox.verification import VerificationStatus
from simcourier.outbox.verifications import Closed, Verification
from simcourier.service.clients import Client
from simcourier.service.drafts import Drafts, proof_context
from simcourier.service.failures import FailureCounts, refusal
from simcourier.service.guard import Guard, Kind
from simcourier.service.tools import Tools
from simcourier.service.verifications import is_closed, not_found
from simcourier.sms.address import mask
from simcourier.verify import codes
from simcourier.verify.failures import Failures

# Takes the place of a verification that is not there, so that the same is done for it.
_NOBODY = Verification(
    n=-1,
    id="",
    client="",
    status=VerificationStatus.EXPIRED,
    reason=None,
    recipient="",
    number_key="",
    region="",
    purpose="",
    subject=None,
    binding="",
    risk=None,
    reference=None,
    template="",
    locale="",
    code_type="",
    code_length=0,
    code_mac=None,
    text_values=None,
    send_no=0,
    attempts=0,
    max_attempts=0,
    created_at_ms=0,
    deadline_ms=0,
    resend_at_ms=0,
    closed_at_ms=None,
)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a check came to, on disk."""

    approved: bool
    attempts_left: int
    closed: tuple[Closed, ...]


class Checks:
    """Proves codes; safe from any thread but the writer's."""

    def __init__(
        self,
        tools: Tools,
        guard: Guard,
        drafts: Drafts,
        failures: FailureCounts,
    ) -> None:
        self._tools = tools
        self._guard = guard
        self._drafts = drafts
        self._failures = failures

    def check(self, client: Client, verification_id: str, code: str, binding: str | None) -> Verification:
        """The verification that this code proves, which is closed with it.

        Raises RequestError: `code-incorrect` with the attempts that remain, `verification-closed`,
        `recipient-locked`, `not-found`, `rate-limited`.
        """
        self._guard.pace(client.id, Kind.CODE)
        canonical = codes.canonical(code) or ""
        given = self._drafts.binding_key(binding)
        found: list[Verification] = []

        def work(connection: Connection) -> _Outcome | RequestError:
            found[:] = [verifications.find(connection, verification_id, client.sees) or _NOBODY]
            return self._check(connection, client, found[0], canonical, given)

        outcome = self._tools.writer.run(work, lambda outcome: self._tools.dispatcher.closed(outcome.closed))
        if not outcome.approved:
            raise RequestError(
                "code-incorrect",
                "This is not the code.",
                extra={"attempts_remaining": outcome.attempts_left},
            )
        return found[0]

    def _check(
        self, connection: Connection, client: Client, found: Verification, code: str, binding: str
    ) -> _Outcome | RequestError:
        """One path for known, unknown and closed ones: what is asked of the disk is the same for all."""
        now_ms = self._tools.clock.wall_ms()
        counts = self._failures.read(connection, found.number_key, found.binding)
        held = refusal(counts, now_ms)
        charged = verifications.charge(connection, -1 if held is not None else found.n, now_ms)
        context = proof_context(found, found.send_no, binding)
        right = self._tools.sealer.proves_code(found.code_mac, code, *context)
        if not charged:
            return _refused(found, held)
        if right:
            closed = verifications.close(
                connection, found, VerificationStatus.APPROVED, now_ms, send_no=found.send_no
            )
            if closed is not None:
                return self._approved(connection, client, closed, counts, now_ms)
        return self._wrong(connection, client, found, counts, now_ms)

    def _approved(
        self,
        connection: Connection,
        client: Client,
        closed: Closed,
        counts: dict[str, Failures],
        now_ms: int,
    ) -> _Outcome:
        found = closed.verification
        self._failures.succeeded(connection, found.number_key, counts)
        if not self._drafts.is_sandbox(found):
            prefix_key = self._guard.places.prefix_key(found.recipient)
            self._guard.sent_confirmed(
                connection, prefix_key, found.region, found.client, now_ms, confirmed=True
            )
        self._audit(connection, client, "verification.approved", found, now_ms)
        return _Outcome(True, 0, (closed,))

    def _wrong(
        self,
        connection: Connection,
        client: Client,
        found: Verification,
        counts: dict[str, Failures],
        now_ms: int,
    ) -> _Outcome:
        self._audit(connection, client, "verification.incorrect", found, now_ms)
        closed = []
        left = found.max_attempts - found.attempts - 1
        if left <= 0:
            used_up = verifications.close(connection, found, VerificationStatus.MAX_ATTEMPTS, now_ms)
            closed += [used_up] if used_up is not None else []
        if self._failures.failed(connection, found.number_key, counts, now_ms):
            closed += self._lock(connection, client, found, now_ms)
        return _Outcome(False, max(0, left), tuple(closed))

    def _lock(self, connection: Connection, client: Client, found: Verification, now_ms: int) -> list[Closed]:
        told = {"to_masked": mask(found.recipient), "purpose": found.purpose, "client": found.client}
        notify(connection, "recipient.locked", now_ms, found.client, dict(told))
        self._audit(connection, client, "recipient.locked", found, now_ms)
        return verifications.block(connection, found.number_key, now_ms)

    def _audit(
        self, connection: Connection, client: Client, action: str, found: Verification, now_ms: int
    ) -> None:
        entry = Entry(now_ms, client.id, action, found.id, found.purpose, found.number_key)
        self._tools.audit.append(connection, entry)


def _refused(found: Verification, held: RequestError | None) -> RequestError:
    if found.n < 0:
        return not_found()
    if found.status is not VerificationStatus.PENDING:
        return is_closed(found.status)
    return held or is_closed(VerificationStatus.EXPIRED)
