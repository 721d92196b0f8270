"""The mobile equipment's own state: parameters that commands set and ask for, and what it knows of SIM and network."""

from __future__ import annotations

import math
from enum import StrEnum
from random import Random

from simcourier.virtual import alphabet
from simcourier.virtual.errors import CmeError, CmsError, FinalError
from simcourier.virtual.occasions import sample
from simcourier.virtual.profile import Profile
from simcourier.virtual.profiles import PROFILES
from simcourier.virtual.settings import Settings
from simcourier.virtual.sim import PUK_TRIES, Incoming, Receiver, Sim, Stored, imei

# TS 27.007 section 7.2, <stat>.
_STAT = {"none": 0, "home": 1, "searching": 2, "denied": 3, "roaming": 5}
NOT_REGISTERED, SEARCHING, DENIED = 0, 2, 3


class SimState(StrEnum):
    """What AT+CPIN? says."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"
    MISSING = "missing"
    BUSY = "busy"
    FAILED = "failed"


# The reason a command that needs the SIM fails, as +CME and as +CMS number.
_SIM_ERRORS = {
    SimState.PIN: (11, 311),
    SimState.PUK: (12, 316),
    SimState.MISSING: (10, 310),
    SimState.BUSY: (14, 314),
    SimState.FAILED: (13, 313),
}


class Equipment:
    """One modem's parameters; `after` collects lines for behind the final result code, and their delay in seconds.

    `owner` is the modem itself: a card that another modem has taken is missing here.
    """

    def __init__(self, owner: Receiver, sim: Sim, settings: Settings, rng: Random) -> None:
        self.index = owner.index
        self.sim = sim
        self._owner = owner
        self.use(settings)
        self.rng = rng
        self.after: list[tuple[float, str]] = []
        self.is_reset_wanted = False
        self.power_on(-math.inf)

    def use(self, settings: Settings) -> None:
        """Follow new settings."""
        self.settings = settings
        self.profile: Profile = PROFILES[settings.profile]
        self.imei = settings.imei or imei(self.index)

    def power_on(self, now: float) -> None:
        """Begin anew: every parameter at its default, the SIM locked if it has a PIN."""
        self.restore_defaults()
        self.is_unlocked = self.settings.pin is None
        self.cfun = 1
        self.awaits_cnma = False
        self.after.clear()
        self.started_at = now
        self.was_asked_for_pin = False
        self.has_told_full = False
        self.given_commands: set[str] = set()
        self.sim_ready_at = now + sample(self.settings.sim_ready_delay, self.rng)
        self.look_for_network(max(now, self.sim_ready_at))

    def insert(self, sim: Sim, now: float) -> None:
        """A card was put in, perhaps another one: it is locked again if it has a PIN, and the network is sought."""
        self.sim = sim
        self.is_unlocked = self.settings.pin is None
        self.ussd_path = ""
        self.sim_ready_at = now + sample(self.settings.sim_ready_delay, self.rng)
        self.look_for_network(self.sim_ready_at)

    def restore_defaults(self) -> None:
        """ATZ and AT&F."""
        self.echo = True
        self.is_verbose = True
        self.is_quiet = False
        self.cmee = 0
        self.cmgf = 0
        self.csms = 0
        self.cscs = "GSM"
        self.cops_format = 0
        self.cnmi = list(self.profile.cnmi_default)
        self.csmp = [17, 167, 0, 0]
        self.memories = ["SM", "SM", "SM"]
        self.creg = {"+CREG": 0, "+CGREG": 0, "+CEREG": 0}
        self.parameters: dict[str, list[int]] = {}
        self.ussd_path = ""
        self.is_smsc_lost = False

    # -- SIM and network ------------------------------------------------------------------------------

    def look_for_network(self, now: float) -> None:
        """Start to register: after power-on, unlocking or AT+CFUN=1."""
        self.registered_at = now + sample(self.settings.registration_delay, self.rng)

    def sim_state(self, now: float) -> SimState:
        """What the SIM waits for."""
        if self.settings.sim == "missing" or self.sim.receiver is not self._owner:
            return SimState.MISSING
        if now < self.sim_ready_at:
            return SimState.BUSY
        if self.is_unlocked or self.settings.pin is None:
            return SimState.READY
        if self.sim.pin_tries:
            return SimState.PIN
        return SimState.PUK if self.sim.puk_tries else SimState.FAILED

    def need_sim(self, now: float, *, is_sms: bool = False) -> None:
        """Raise the FinalError of a command that cannot be done without the SIM."""
        errors = _SIM_ERRORS.get(self.sim_state(now))
        if errors:
            raise CmsError(errors[1]) if is_sms else CmeError(errors[0])

    def unlock(self, pin: str, now: float) -> None:
        """Enter the PIN. Raises CmeError."""
        if self.sim_state(now) is not SimState.PIN:
            self.need_sim(now)
            raise CmeError(3)
        if pin != (self.sim.own_pin or self.settings.pin):
            self.sim.pin_tries -= 1
            raise CmeError(16 if self.sim.pin_tries else 12)
        self.sim.pin_tries = 3
        self._unlocked(now)

    def unblock(self, puk: str, new_pin: str, now: float) -> None:
        """Enter the PUK and a new PIN. Raises CmeError."""
        state = self.sim_state(now)
        if state is not SimState.PUK:
            raise CmeError(13 if state is SimState.FAILED else 3)
        if puk != self.settings.puk:
            self.sim.puk_tries -= 1
            raise CmeError(16 if self.sim.puk_tries else 13)
        self.sim.own_pin = new_pin
        self.sim.pin_tries, self.sim.puk_tries = 3, PUK_TRIES
        self._unlocked(now)

    def _unlocked(self, now: float) -> None:
        self.is_unlocked = True
        self.look_for_network(now)

    def registration(self, now: float) -> int:
        """Return <stat> of +CREG."""
        if self.cfun != 1 or self.sim_state(now) is not SimState.READY:
            return NOT_REGISTERED
        return SEARCHING if now < self.registered_at else _STAT[self.settings.registration]

    def is_registered(self, now: float) -> bool:
        """Whether messages can go out and come in."""
        return self.registration(now) in (1, 5)

    def submit_error(self, now: float) -> FinalError | None:
        """Why a message cannot be sent now, if so."""
        errors = _SIM_ERRORS.get(self.sim_state(now))
        if errors:
            return CmsError(errors[1])
        if self.is_smsc_lost:
            return CmsError(330)
        if self.settings.submit_needs_storage and not self.has_room():
            return CmsError(322)
        return None if self.is_registered(now) else CmsError(331)

    # -- stores ---------------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Whether the stores of received messages and of reports both have a free place."""
        first = self.profile.first_index
        return all(self.sim.room(store, first) is not None for store in (self.memories[2], "SR"))

    def store(self, message: Incoming, name: str) -> int | None:
        """Store a message and return its index, or None when the store is full."""
        index = self.sim.room(name, self.profile.first_index)
        if index is not None:
            self.sim.stores[name][index] = Stored(message)
        return index

    @property
    def plmn(self) -> str:
        """Country and network of the operator that the modem is registered with."""
        return self.settings.visited if self.settings.registration == "roaming" else self.sim.plmn

    def read_store(self) -> dict[int, Stored]:
        """Return the store that AT+CPMS chose for reading and deleting."""
        return self.sim.stores[self.memories[0]]

    # -- character sets -------------------------------------------------------------------------------

    def spell(self, text: str) -> str:
        """Write text in the character set of AT+CSCS; each character of the result is one byte."""
        if self.cscs == "UCS2":
            return text.encode("utf-16-be").hex().upper()
        if self.cscs == "IRA":
            return text.encode("ascii", "replace").decode()
        septets = alphabet.encode(text)
        return text.encode("ascii", "replace").decode() if septets is None else septets.decode("latin-1")

    def unspell(self, typed: str) -> str:
        """Read text in the character set of AT+CSCS. Raises CmsError."""
        if self.cscs == "UCS2":
            try:
                return bytes.fromhex(typed).decode("utf-16-be")
            except ValueError:
                raise CmsError(305) from None
        return typed if self.cscs == "IRA" else alphabet.decode(bytes(ord(char) & 127 for char in typed))
