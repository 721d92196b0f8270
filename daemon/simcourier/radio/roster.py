"""Which modems there are: the configured ones, and those found, vetted and named."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from simcourier.errors import ConfigError
from simcourier.modem.facts import Fault, FaultSeen, ModemSnapshot, ModemState
from simcourier.modem.session import Session
from simcourier.radio.discovery import Finder, Occupied, is_pattern
from simcourier.radio.link import Hub, Link, Origin, Phase
from simcourier.radio.remote import is_remote, remote_name
from simcourier.radio.specs import DiscoverySpec, PortSpec
from simcourier.radio.sticks import Place
from simcourier.radio.wire import NEVER

_log = logging.getLogger(__name__)

MOST_BY_GLOBS = 1000

# As long as a port that was found is in one of these states it may still turn out to be a modem's.
_NOT_YET_KNOWN = frozenset({ModemState.OPENING, ModemState.PROBING, ModemState.INITIALISING})


class Kin(StrEnum):
    """What two links with one IMEI are to each other."""

    SAME = "same"
    """Two ports of one stick."""
    TWIN = "twin"
    """Two sticks with one number: copies, or a number written into both."""
    UNCLEAR = "unclear"
    """Only their SIM cards can tell, and one has not told its own yet."""


class Roster:
    """Every link, and by name those that count as modems. Everything but `named` is the radio thread's alone."""

    def __init__(self, hub: Hub, ports: Sequence[PortSpec], discovery: DiscoverySpec | None) -> None:
        self._hub = hub
        settings = hub.settings
        globs = [spec for spec in ports if is_pattern(spec.port)]
        self.finder = Finder(globs, discovery, settings.forget_after, hub.sticks, settings.settle)
        self._most_links = len(ports) + (discovery.max_modems if discovery is not None else MOST_BY_GLOBS)
        self._names = dict(settings.names)
        self._undecided: set[Link] = set()
        self._twins: set[tuple[str, str]] = set()
        self.udev_tells = False
        """Whether udev has told of a port: then ports are looked for when it does, and only now and then besides."""
        self._heard = False
        """Whether it did since the last stick came."""
        self._stopped = False
        self.scan_at = 0.0 if self.finder.looks or ports else NEVER
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
        default = remote_name(spec.port) if is_remote(spec.port) else Path(spec.port).name
        session = Session(
            spec.name or default,
            spec.port,
            timings=settings.timings,
            pin=spec.pin,
            pins=settings.pins,
            roaming=settings.roaming,
            inbound=settings.inbound,
            reset=settings.reset,
            trace_lines=settings.trace_lines,
        )
        link = Link(self._hub, spec, session, origin)
        self.links.append(link)
        return link

    @property
    def looking(self) -> bool:
        """Whether a port that was found is being tried for the first time; any thread may ask."""
        suspects = [link for link in self.links.copy() if link.origin is Origin.SUSPECTED]
        return any(link.spec.port not in self.finder.reasons for link in suspects)

    # -- looking for ports ---------------------------------------------------------------------------------------

    def scan(self, now: float) -> None:
        """Look for ports that match and are nobody's yet, and for open ones whose device went unnoticed."""
        for link in [link for link in self.links if link.is_gone()]:
            link.lose(now, f"{link.spec.port}: the device is gone")
        settings = self._hub.settings
        room = self._most_links - len(self.links)
        if self.finder.looks:
            for found in self.finder.scan(self._occupied(), now)[: max(0, room)]:
                self._hub.arm(self._add(found.spec, Origin.SUSPECTED))
            if self.finder.came:
                self.udev_tells = self._heard
                self._heard = False
        often = self.finder.looks and not self.udev_tells
        every = settings.scan_every if often else settings.reconcile_every
        self.scan_at = min(now + every, self.finder.settled_at)

    def hear(self, path: str, gone: bool, now: float) -> None:
        """udev tells of a port; an empty path means that it told more than could be taken."""
        self.udev_tells = self._heard = True
        self._hub.sticks.forget(path)
        self.finder.try_again(path)
        if gone:
            for link in [link for link in self.links if link.real_path == path and link.phase is Phase.OPEN]:
                link.lose(now, f"{link.spec.port}: the device is gone")
        else:
            for link in self.links:
                link.look_now(now)
        self.look_around(now)

    def look_around(self, now: float) -> None:
        """Look for ports at the next turn."""
        if not self._stopped:
            self.scan_at = min(self.scan_at, now)

    def stop(self) -> None:
        """Look for nothing any more."""
        self._stopped = True
        self.scan_at = NEVER

    def _occupied(self) -> Occupied:
        links = [link for link in self.links if not link.parked]
        places = (
            link.place if link.phase is Phase.OPEN else self._hub.sticks.place(link.spec.port)
            for link in links
            if not link.remote
        )
        return Occupied(
            frozenset(link.spec.port for link in links),
            frozenset(link.real_path for link in links),
            frozenset(place.stick for place in places if place is not None),
        )

    # -- whose port it is ----------------------------------------------------------------------------------------

    def vet(self, link: Link, snapshot: ModemSnapshot) -> None:
        """See whether a port that was found is a modem's, and whether that modem is known from elsewhere.

        What has to be closed is closed after the facts of this step were handed on.
        """
        if link.origin is Origin.SUSPECTED and self._is_none(link, snapshot):
            self._hub.post(lambda now: self._remove(link, f"no modem: {snapshot.reason}", now))
            return
        if link.phase is Phase.OPEN and not link.confirmed:
            self._vet(link, snapshot)
        if link.confirmed and snapshot.sim:
            link.card = snapshot.sim
        for other in [other for other in self._undecided if other is not link]:
            self._vet(other, other.session.snapshot())

    def _is_none(self, link: Link, snapshot: ModemSnapshot) -> bool:
        told = link.phase is Phase.OPEN and snapshot.imei
        return not told and snapshot.state not in _NOT_YET_KNOWN

    def _vet(self, link: Link, snapshot: ModemSnapshot) -> None:
        self._undecided.discard(link)
        if link.phase is not Phase.OPEN or not snapshot.imei:
            return
        if link.origin is Origin.FOUND and link.imei not in ("", snapshot.imei):
            self._hub.post(link.park)
            return
        self._place_among(self._kin(link, snapshot.imei), link, snapshot)

    def _kin(self, link: Link, imei: str) -> list[Link]:
        if not _tells(imei):
            return []
        return [other for other in self.links if other is not link and other.imei == imei]

    def _place_among(self, kin: list[Link], link: Link, snapshot: ModemSnapshot) -> None:
        """Decide what the link is to others with its IMEI, or wait until that can be decided."""
        for gone in [other for other in kin if other.is_gone()]:
            gone.lose(link.session.modem.now, f"{gone.spec.port}: the device is gone")
        is_open = [other for other in kin if other.phase is Phase.OPEN]
        found = {other: self._compare(link, snapshot, other) for other in is_open}
        if Kin.UNCLEAR in found.values():
            self._undecided.add(link)
            return
        same = next((other for other, how in found.items() if how is Kin.SAME), None)
        if same is not None:
            reason = f"the same modem is at {same.spec.port} already, as {same.name}"
            self._hub.post(lambda now: self._let_go(link, reason, now))
            return
        absent = [other for other in kin if other.phase is not Phase.OPEN]
        if len(absent) > 1 and not snapshot.sim and snapshot.state in _NOT_YET_KNOWN:
            self._undecided.add(link)
            return
        self._admit(link, snapshot, absent, is_open)

    def _compare(self, link: Link, snapshot: ModemSnapshot, other: Link) -> Kin:
        if not other.confirmed:
            return Kin.UNCLEAR  # whoever is at that port by now has not told yet
        if link.place is not None and other.place is not None:
            return Kin.SAME if link.place.stick == other.place.stick else Kin.TWIN
        theirs = other.session.modem
        for sim, state in ((snapshot.sim, snapshot.state), (theirs.sim, theirs.state)):
            if not sim:
                return Kin.UNCLEAR if state in _NOT_YET_KNOWN else Kin.SAME
        return Kin.SAME if snapshot.sim == theirs.sim else Kin.TWIN

    def _admit(self, link: Link, snapshot: ModemSnapshot, absent: list[Link], twins: list[Link]) -> None:
        """The link is a modem's, and no other link has it."""
        link.imei, link.confirmed = snapshot.imei, True
        if link.origin is Origin.SUSPECTED:
            same_card = [other for other in absent if other.card and other.card == snapshot.sim]
            self._enlist(link, next(iter(same_card or absent), None))
        if _tells(link.imei) and link.origin is Origin.CONFIGURED:
            self._names[link.imei] = link.name
        elif _tells(link.imei):
            self._names.setdefault(link.imei, link.name)
        for twin in twins:
            self._tell_twins(link, twin)

    def _tell_twins(self, one: Link, other: Link) -> None:
        pair = (min(one.name, other.name), max(one.name, other.name))
        if pair in self._twins:
            return
        self._twins.add(pair)
        _log.warning("%s and %s are two sticks with one IMEI", *pair)
        for link, twin in ((one, other), (other, one)):
            detail = f"{twin.name} has the same IMEI"
            self._hub.post(
                lambda now, link=link, detail=detail: self._hub.tell(  # type: ignore[misc] # mypy can't infer defaults
                    link, FaultSeen(link.name, Fault.TWIN, detail, now)
                )
            )

    def _let_go(self, link: Link, reason: str, now: float) -> None:
        if link.origin is Origin.SUSPECTED:
            self._remove(link, reason, now)
        elif link in self.links:
            _log.warning("%s: let go: %s", link.name, reason)
            link.close(now, reason, now + self._hub.settings.forget_after)

    def _remove(self, link: Link, reason: str, now: float) -> None:
        if link in self.links and link.origin is Origin.SUSPECTED:
            _log.info("%s: let go: %s", link.spec.port, reason)
            self.links.remove(link)
            self._undecided.discard(link)
            self.finder.leave_alone(link.spec.port, now, reason, deaf=link.phase is Phase.OPEN)
            link.close_for_good(reason, now)
            self.look_around(now)  # another port of the stick may be the one

    def shared_with(self, link: Link) -> str:
        """Say whose modem is on the link's USB device too: an unknown adapter, with both of its ports configured."""
        device = link.place.device if link.place is not None else None
        others = (other for other in self.links if other is not link and other.phase is Phase.OPEN)
        found = (other.name for other in others if other.place is not None and other.place.device == device)
        return next((f"{name} is on the USB device {device} too" for name in found), "")

    def claim(self, link: Link, real_path: str, place: Place | None) -> str:
        """A configured port is there, later than the rest of its stick: whoever was found at that gives way to it."""
        stick = place.stick if place is not None else None
        for other in self.links.copy():
            found = other.origin is not Origin.CONFIGURED and other.phase is not Phase.CLOSED
            same = other.real_path == real_path or (other.place is not None and other.place.stick == stick)
            if other is link or not found or not same:
                continue
            if other.session.busy:
                return f"{other.name} has its stick, and is sending just now"
            self.links.remove(other)
            self._undecided.discard(other)
            other.close_for_good(f"its stick is configured as {link.name}", link.session.modem.now)
            if self.named.get(other.name) is other:
                del self.named[other.name]
        return ""

    def _enlist(self, link: Link, absent: Link | None) -> None:
        """A modem has answered where one was only suspected; it may be one that we know, on a new path."""
        modem = link.session.modem
        if absent is not None:
            self.links.remove(absent)
            absent.retire()
            modem.name = absent.name
            modem.pin = absent.session.modem.pin
            _log.info("%s: is now at %s", modem.name, link.spec.port)
        else:
            modem.name = self._free_name(self._names.get(link.imei) or modem.name, link.imei)
        link.origin = Origin.FOUND
        self.named[modem.name] = link

    def _free_name(self, name: str, imei: str) -> str:
        """The name itself if it is nobody's, be it of a stick that is somewhere else just now."""
        others = {known for other, known in self._names.items() if other != imei}
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        return next(name for name in names if name not in self.named and name not in others)


def _tells(imei: str) -> bool:
    """Whether a number tells one stick from another: some copies show the same digit throughout."""
    return len(set(imei)) > 1
