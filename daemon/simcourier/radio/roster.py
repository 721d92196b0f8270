"""Which modems there are: the configured ones, and those found, vetted and named."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from pathlib import Path

from simcourier.errors import ConfigError
from simcourier.modem.facts import ModemSnapshot, ModemState
from simcourier.modem.session import Session
from simcourier.radio.discovery import Finder, is_pattern
from simcourier.radio.link import NEVER, Hub, Link, Origin, Phase
from simcourier.radio.specs import DiscoverySpec, PortSpec

_log = logging.getLogger(__name__)

MOST_BY_GLOBS = 1000

# As long as a port that was found is in one of these states it may still turn out to be a modem's.
_NOT_YET_KNOWN = frozenset({ModemState.OPENING, ModemState.PROBING, ModemState.INITIALISING})


class Roster:
    """Every link, and by name those that count as modems. Everything but `named` is the radio thread's alone."""

    def __init__(self, hub: Hub, ports: Sequence[PortSpec], discovery: DiscoverySpec | None) -> None:
        self._hub = hub
        self._finder = Finder(
            [spec for spec in ports if is_pattern(spec.port)], discovery, hub.settings.forget_after
        )
        self._most_links = len(ports) + (discovery.max_modems if discovery is not None else MOST_BY_GLOBS)
        self.scan_at = 0.0 if self._finder.looks else NEVER
        self.links: list[Link] = []
        self.named: dict[str, Link] = {}
        """Changed one entry at a time, so that another thread may copy it."""
        for spec in ports:
            if not is_pattern(spec.port):
                self._configure(spec)

    def _configure(self, spec: PortSpec) -> None:
        link = self._add(spec, Origin.CONFIGURED)
        if link.name in self.named:
            raise ConfigError(f"two modems are named {link.name}: give one of them another name")
        self.named[link.name] = link

    def _add(self, spec: PortSpec, origin: Origin) -> Link:
        settings = self._hub.settings
        name = spec.name or Path(spec.port).name
        session = Session(
            name, spec.port, timings=settings.timings, pin=spec.pin, trace_lines=settings.trace_lines
        )
        link = Link(self._hub, spec, session, origin)
        self.links.append(link)
        return link

    def scan(self, now: float) -> None:
        """Look for ports that match and are nobody's yet."""
        self.scan_at = now + self._hub.settings.scan_every
        known = {link.spec.port for link in self.links}
        taken = {link.real_path for link in self.links}
        for found in self._finder.scan(known, taken, now):
            if len(self.links) < self._most_links:
                self._hub.arm(self._add(found.spec, Origin.SUSPECTED))

    def vet(self, link: Link, snapshot: ModemSnapshot) -> None:
        """See whether a port that was found is a modem's, and whether another port leads to the same modem.

        What has to be closed is closed after the facts of this step were handed on.
        """
        suspected = link.origin is Origin.SUSPECTED
        if suspected and not snapshot.imei and snapshot.state not in _NOT_YET_KNOWN:
            self._hub.post(lambda now: self._remove(link, f"no modem: {snapshot.reason}", now))
            return
        if not snapshot.imei or snapshot.imei == link.vetted_imei:
            return
        twin = self._twin(link, snapshot.imei)
        if twin is not None and twin.phase is not Phase.CLOSED:
            reason = f"the same modem is at {twin.spec.port} already, as {twin.name}"
            self._hub.post(lambda now: self._let_go(link, reason, now))
            return
        link.vetted_imei = snapshot.imei
        if suspected:
            self._enlist(link, twin)

    def _twin(self, link: Link, imei: str) -> Link | None:
        # Some clones show the same digit throughout; that tells nothing.
        if len(set(imei)) == 1:
            return None
        return next((other for other in self.links if other is not link and other.vetted_imei == imei), None)

    def _let_go(self, link: Link, reason: str, now: float) -> None:
        if link.origin is Origin.SUSPECTED:
            self._remove(link, reason, now)
        else:
            _log.warning("%s: let go: %s", link.name, reason)
            link.close(now, reason, now + self._hub.settings.forget_after)

    def _remove(self, link: Link, reason: str, now: float) -> None:
        if link in self.links:
            _log.info("%s: let go: %s", link.spec.port, reason)
            self.links.remove(link)
            self._finder.leave_alone(link.spec.port, now)
            link.close_for_good(reason, now)

    def _enlist(self, link: Link, absent_twin: Link | None) -> None:
        """A modem has answered where one was only suspected; it may be one that we know, on a new path."""
        modem = link.session.modem
        if absent_twin is not None:
            self.links.remove(absent_twin)
            modem.name = absent_twin.name
            modem.pin = absent_twin.session.modem.pin
            link.origin = absent_twin.origin
            _log.info("%s: is now at %s", modem.name, link.spec.port)
        else:
            modem.name = self._free_name(modem.name)
            link.origin = Origin.FOUND
        self.named[modem.name] = link

    def _free_name(self, name: str) -> str:
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        return next(name for name in names if name not in self.named)
