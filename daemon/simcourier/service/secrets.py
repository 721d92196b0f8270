"""The keys that seal what is on disk: what is under each, and their rotation."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from simcourier import log
from simcourier.errors import RequestError
from simcourier.outbox import reseal
from simcourier.outbox.audit import Entry
from simcourier.outbox.keyring import MOST_KEYS, KeyFile, Ring
from simcourier.outbox.reseal import Place, Use
from simcourier.service.clients import Client
from simcourier.service.tools import Tools

GRACE_MS = 120_000
"""A key is kept this long after a newer one: what a request sealed with it may still be on its way to the disk."""


@dataclass(frozen=True, slots=True)
class KeyView:
    """A sealing key as it may be shown; `made_at_ms` None: it came from elsewhere. `use`: what is under it."""

    id: int
    made_at_ms: int | None
    newest: bool
    use: Use


class Secrets:
    """The key ring; safe from any thread but the writer's."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._changing = threading.Lock()
        self._failure = ""
        self._log = log.get("secrets")

    def all(self) -> list[KeyView]:
        """Every sealing key, the oldest first; never the key itself."""
        with self._tools.engine.connect() as connection:
            uses = reseal.uses(connection)
        ring = self._tools.sealer.ring
        return [
            KeyView(key.id, key.made_at_ms, key is ring.newest, uses.get(key.id, Use())) for key in ring.keys
        ]

    def rotate(self, by: Client) -> list[KeyView]:
        """Seal with a new key from now on, and bring under it what waits. Raises RequestError `rotation-refused`.

        The old key stays in the file until nothing is under it any more, which takes some minutes.
        """
        with self._changing:
            file = self._file_to_write()
            ring = self._tools.sealer.ring
            if len(ring.keys) >= MOST_KEYS:
                raise RequestError(
                    "rotation-refused",
                    f"There are {MOST_KEYS} keys, and the older ones go when nothing is under them and the newest is "
                    f"{GRACE_MS // 1000} s old; try again then.",
                    retry_after_s=GRACE_MS // 1000,
                )
            new = ring.with_another(self._tools.clock.wall_ms())
            # On record before it is done: a rotation that fails half-way must not be one that nobody ordered.
            self._record(by, "secrets.rotate", new.newest.id)
            self._save(by, file, new)
            # The file comes first: what is sealed with a key that no file has is lost with the next start.
            self._tools.sealer.adopt(new)
        self._log.info("a new key seals from now on", id=new.newest.id)
        self._tools.writer.call(lambda: self._reseal(reseal.FIRST))
        return self.all()

    def tick(self) -> None:
        """Bring what is under older keys under the newest, and drop those that nothing needs any more."""
        if len(self._tools.sealer.ring.keys) == 1:
            return
        self._drop_unused()
        if len(self._tools.sealer.ring.keys) > 1:
            self._tools.writer.call(lambda: self._reseal(reseal.FIRST))

    def _reseal(self, after: Place) -> None:
        sealer = self._tools.sealer

        def done(place: Place | None) -> None:
            if place is not None:
                self._tools.writer.call(lambda: self._reseal(place))

        self._tools.writer.submit(lambda c: reseal.bodies(c, sealer, after), done, self._failed)
        if after == reseal.FIRST:
            self._tools.writer.submit(
                lambda c: reseal.webhook_secrets(c, sealer), lambda _count: None, self._failed
            )
            self._tools.writer.submit(
                lambda c: reseal.inbound_pieces(c, sealer), lambda _count: None, self._failed
            )
            self._reseal_inbound(0)

    def _reseal_inbound(self, after: int) -> None:
        def done(last: int | None) -> None:
            if last is not None:
                self._tools.writer.call(lambda: self._reseal_inbound(last))

        sealer = self._tools.sealer
        self._tools.writer.submit(lambda c: reseal.inbound_bodies(c, sealer, after), done, self._failed)

    def _drop_unused(self) -> None:
        with self._changing:
            ring, file = self._tools.sealer.ring, self._tools.sealer.file
            newest_ms = ring.newest.made_at_ms
            if newest_ms is not None and self._tools.clock.wall_ms() - newest_ms < GRACE_MS:
                return
            if file is not None and not file.writable:
                return
            with self._tools.engine.connect() as connection:
                unused = {key_id for key_id in ring.ids[:-1] if not reseal.holds_anything(connection, key_id)}
            if unused:
                self._drop(ring.without(unused), file, sorted(unused))

    def _drop(self, ring: Ring, file: KeyFile | None, unused: list[int]) -> None:
        try:
            if file is not None:
                file.save(ring)
        except OSError as error:
            self._failed(error)
            return
        self._tools.sealer.adopt(ring)
        self._log.info("keys that nothing is under any more are gone", ids=unused)

    def _file_to_write(self) -> KeyFile | None:
        file = self._tools.sealer.file
        if file is not None and not file.writable:
            raise RequestError(
                "rotation-refused",
                "The keys come from a systemd credential, which the box can't write: run `simcourier secrets add-key "
                "FILE` on the file that LoadCredential= names, then restart the box.",
            )
        return file

    def _save(self, by: Client, file: KeyFile | None, ring: Ring) -> None:
        if file is None:
            return
        try:
            file.save(ring)
        except OSError as error:
            self._failed(error)
            self._record(by, "secrets.rotate-failed", ring.newest.id)
            raise RequestError(
                "rotation-refused",
                "The key file can't be written, so nothing was changed: let the box write to its directory, or run "
                "`simcourier secrets add-key FILE` on it as root and restart the box.",
            ) from error

    def _record(self, by: Client, action: str, key_id: int) -> None:
        entry = Entry(self._tools.clock.wall_ms(), by.id, action, "sealing key", f"id {key_id}")
        self._tools.writer.run(lambda c: self._tools.audit.append(c, entry))

    def _failed(self, error: BaseException) -> None:
        # Told once, not at every tick: a key file that only root may write stays so until root acts.
        if str(error) != self._failure:
            self._log.error("the change of keys did not get on; it will be tried again", error=error)
        self._failure = str(error)
