"""A virtual modem: bytes typed at it in, bytes it says out, no I/O and no clock (V.250, TS 27.005, TS 27.007)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random

import msgspec

from simcourier.virtual.babble import Babble
from simcourier.virtual.beginning import find_leftovers, say_boot_lines, tell_card
from simcourier.virtual.codec import Deliver
from simcourier.virtual.commands_27007 import registration_urcs
from simcourier.virtual.correspondents import Correspondents
from simcourier.virtual.equipment import Equipment
from simcourier.virtual.interpreter import Interpreter
from simcourier.virtual.line import TYPED_LIMIT, LineState
from simcourier.virtual.network import Network
from simcourier.virtual.occasions import Cure, Stuck, sample
from simcourier.virtual.output import Output
from simcourier.virtual.reception import Reception
from simcourier.virtual.scenario import Rule, Timeline
from simcourier.virtual.settings import Settings
from simcourier.virtual.sim import Incoming, Sim
from simcourier.virtual.submission import Submission

Timer = Callable[[float], None]


class Modem:
    """One modem with its SIM; every method takes `now`, seconds of any clock that does not go back.

    Call `receive` with what was typed, `advance` at `next_deadline()`, and after both `take_output`.
    `is_plugged` says whether its port exists, `settings.port` under which name. Where `settings.baud` is set, the host
    says at which `speed` it listens. What the modem's own parts need of it has no underscore either.
    """

    def __init__(
        self, name: str, sim: Sim, network: Network, timeline: Timeline, rng: Random, now: float
    ) -> None:
        self.name = name
        self.index = sim.index
        self.sim = sim
        self.is_plugged = False
        self._timeline = timeline
        self._rng = rng
        self._began_at = now
        self.settings, change = timeline.at(0.0)
        self._edge_at = now + change
        self.speed: int | None = None
        self.equipment = Equipment(self, sim, self.settings, rng)
        self.output = Output(self.settings, rng)
        self._reception = Reception(self.equipment, self.output)
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._absent_until = -math.inf
        self._deaf_until = -math.inf
        self._stuck: Stuck | None = self.settings.stuck
        self._stat = 0
        self._registration_timer_at = -math.inf
        self.state = LineState.COMMAND
        self.typed = b""
        self._rests_until = -math.inf
        self._network = network
        self._babble = Babble(rng)
        self._correspondents = Correspondents(network, rng)
        self.interpreter = Interpreter(self)
        self.submission = Submission(self, network, rng)
        network.subscribe(sim, self)
        self._use_settings(self.settings, now)
        if self.is_plugged:
            find_leftovers(self)

    @property
    def submits(self) -> int:
        """How many AT+CMGS it has been given."""
        return self.submission.count

    @property
    def is_deaf(self) -> bool:
        """Whether it swallows every byte and says nothing."""
        return self.output.is_mute

    # -- for the host -----------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        """Take what was typed at the port."""
        if self.output.is_mute or not self.is_plugged:
            self.advance(now)  # The silence may end at this very moment.
            if self.output.is_mute or not self.is_plugged:
                return
        if now < self._rests_until:
            return
        if self._is_garbled():
            self.output.emit(self._rubbish(len(data)), now)
            return
        self.typed += data
        if len(self.typed) > TYPED_LIMIT:
            self.typed = self.typed[:TYPED_LIMIT]
        self._read(now)

    def take_output(self) -> bytes:
        """Return what the modem has said since the last call."""
        said = self.output.take()
        return self._rubbish(len(said)) if said and self._is_garbled() else said

    def _is_garbled(self) -> bool:
        """Whether the host listens at another speed than the modem talks at."""
        return self.settings.baud is not None and self.speed is not None and self.speed != self.settings.baud

    def _rubbish(self, size: int) -> bytes:
        return bytes(self._rng.choices(range(128, 256), k=size))

    def next_deadline(self) -> float | None:
        """When `advance` must be called next, or None when only `receive` can change anything."""
        output = self.output
        when = min(self._edge_at, self._babble.due_at, output.dribbles_at, self._reception.cnma_expires_at,
                   self._correspondents.due_at)  # fmt: skip
        if self._timers and self._timers[0][0] < when:
            when = self._timers[0][0]
        if not self.is_plugged and not self.settings.unplugged:
            when = min(when, self._absent_until)
        return None if when == math.inf else when

    def advance(self, now: float) -> None:
        """Do what is due."""
        if now >= self._edge_at:
            self._turn_page(now)
        if not self.is_plugged:
            self._plug_or_unplug(now)
        timers, output = self._timers, self.output
        while timers and timers[0][0] <= now:
            heappop(timers)[2](now)
            if self.typed:
                self._read(now)
        if now >= self._reception.cnma_expires_at:
            self._reception.expire_cnma(now)
        if now >= self._correspondents.due_at:
            self._correspondents.advance(self.sim, now)
        if now >= self._babble.due_at:
            lines = self._babble.advance(now)
            if self._may_say_urc():
                output.say(lines, now)
        if now >= output.dribbles_at:
            output.dribble(now)

    def offer(self, now: float) -> None:
        """The network has something for the SIM: take what can be taken now."""
        if self.is_plugged and not self.output.is_mute and self._may_say_urc():
            self._reception.drain(now, self.submission.mr_in_flight)

    def is_reached_by(self, message: Incoming) -> bool:
        """Whether the network passes this on: a SIM may get no texts of people."""
        return self.settings.receives or not isinstance(message, Deliver)

    def add_rule(self, rule: Rule, now: float) -> None:
        """Let a rule hold from now on; its times count from the start of the scenario."""
        self._timeline.rules.append(rule)
        if "stuck" in rule.values and rule.at(self.elapsed_s(now))[0]:
            # Once more, though a rule may say so already: it may have been cured meanwhile.
            self.settings = msgspec.structs.replace(self.settings, stuck=None)
        self._turn_page(now)

    def elapsed_s(self, now: float) -> float:
        """Seconds since the scenario began."""
        return now - self._began_at

    def unplug(self, now: float, for_s: float | None = None, cure: Cure = Cure.POWER) -> None:
        """Pull the modem out, for good or for some seconds; or only take its USB device away."""
        self._absent_until = math.inf if for_s is None else now + for_s
        if self.is_plugged:
            self._power_off(cure)

    def replug(self, now: float) -> None:
        """Put the modem back in, and end a silence: it starts anew."""
        self._absent_until = -math.inf
        self.reboot(now, Cure.POWER)

    def reboot(self, now: float, cure: Cure = Cure.RESET) -> None:
        """Start anew with the port in place."""
        if self.is_plugged:
            self._power_off(cure)
        self._plug_or_unplug(now)

    def has_no_prompt(self) -> bool:
        """Whether it is stuck so that it waits for each PDU without a prompt."""
        return self._stuck is not None and self._stuck.how == "no-prompt"

    # -- power and settings -----------------------------------------------------------------------------

    def _turn_page(self, now: float) -> None:
        """Follow the scenario to the settings that hold now."""
        before = self.settings
        self.settings, change = self._timeline.at(now - self._began_at)
        self._edge_at = self._began_at + change
        self._use_settings(before, now)
        if self.is_plugged:
            self._watch_registration(now)

    def _use_settings(self, before: Settings, now: float) -> None:
        settings, equipment = self.settings, self.equipment
        equipment.use(settings)
        self.output.use(settings)
        self.interpreter.use(settings)
        if settings.stuck != before.stuck and settings.stuck is not None:
            self._stuck = settings.stuck
        self.is_hard_to_submit = settings.is_hard_to_submit() or self._stuck is not None
        self.prompt_bytes = (settings.prompt_form or equipment.profile.prompt).encode("latin-1", "replace")
        self._correspondents.use(settings.inbound, now)
        if before.unplugged and not settings.unplugged:
            # The rule that pulls it out may also be the one that says how long it takes to be found again.
            delay = sample(settings.plug_delay or before.plug_delay, self._rng)
            self._absent_until = max(self._absent_until, now + delay)
        if settings.storage_used > before.storage_used:
            self.sim.fill(settings.storage_used)
        self._change_card(before, now)
        self._plug_or_unplug(now)
        if self.is_plugged:
            self._babble.use(settings, equipment.profile.chatter, equipment.given_commands, now)
        self._hear_or_not(now)

    def _change_card(self, before: Settings, now: float) -> None:
        """Pull the SIM out or put one in, where the settings have another one than before."""
        settings = self.settings
        wanted = self.index if settings.card is None else settings.card
        if wanted == self.sim.index and settings.sim == before.sim:
            return
        self._reception.forget()
        if wanted != self.sim.index:
            self.sim.pull_out_of(self)
            self.sim = self._network.card(wanted, settings)
            self._network.subscribe(self.sim, self)
        self.equipment.insert(self.sim, now)
        if self.is_plugged:
            tell_card(self, now)

    def _plug_or_unplug(self, now: float) -> None:
        is_wanted = not self.settings.unplugged and now >= self._absent_until
        if is_wanted and not self.is_plugged:
            self._power_on(now)
        elif self.is_plugged and not is_wanted:
            self._power_off(Cure.POWER)

    def _power_off(self, cure: Cure) -> None:
        self.is_plugged = False
        if self._stuck is not None and self._stuck.ends_by(cure):
            self._stuck = None
            self.is_hard_to_submit = self.settings.is_hard_to_submit()
        self._deaf_until = -math.inf
        self._timers.clear()
        self._reset_line()
        self._reception.forget()
        self._babble.stop()
        self.output.dribbles_at = math.inf

    def _power_on(self, now: float) -> None:
        self.is_plugged = True
        self._timers.clear()
        self._reset_line()
        self.output.clear()
        self.equipment.power_on(now)
        self.interpreter.power_on()
        self._babble.use(self.settings, self.equipment.profile.chatter, self.equipment.given_commands, now)
        self._registration_timer_at = -math.inf
        self._stat = self.equipment.registration(now)
        delay = sample(self.settings.boot_delay, self._rng)
        if delay:
            self.deafen(now + delay, now)
            self.at(now + delay, partial(say_boot_lines, self))
        else:
            self._hear_or_not(now)
            say_boot_lines(self, now)
        self._watch_registration(now)

    def _reset_line(self) -> None:
        self.state = LineState.COMMAND
        self.typed = b""
        self._rests_until = -math.inf
        self.interpreter.forget()
        self.submission.drop()

    def deafen(self, until: float, now: float) -> None:
        """Swallow every byte and say nothing until then; infinity: until a power cycle."""
        self._deaf_until = until
        self._hear_or_not(now)
        if until < math.inf:
            self.at(until, self._hear_or_not)

    def _hear_or_not(self, now: float) -> None:
        was_mute = self.output.is_mute
        is_stuck = self._stuck is not None and self._stuck.how == "deaf"
        self.output.is_mute = self.settings.deaf or is_stuck or now < self._deaf_until
        if self.output.is_mute:
            self.typed = b""
            self.interpreter.forget()
        elif was_mute and self.sim.held:
            self.offer(now)

    def _watch_registration(self, now: float) -> None:
        """Tell a change of <stat>, and wake when the search for a network ends."""
        equipment = self.equipment
        stat = equipment.registration(now)
        if stat != self._stat:
            self._stat = stat
            for line in registration_urcs(equipment, stat):
                self.output.lines([line], now)
        if now < equipment.registered_at != self._registration_timer_at:
            self._registration_timer_at = equipment.registered_at
            self.at(equipment.registered_at, self._watch_registration)
        if self.sim.held:
            self.offer(now)

    def at(self, when: float, timer: Timer) -> None:
        """Call `timer` when `when` has come, unless power is cut before."""
        heappush(self._timers, (when, next(self._order), timer))

    def _may_say_urc(self) -> bool:
        return self.state is not LineState.PROMPT or self.settings.urc_in_prompt

    # -- commands ---------------------------------------------------------------------------------------

    def _read(self, now: float) -> None:
        while self.typed and self.state is not LineState.BUSY:
            if self.state is LineState.PROMPT:
                self.submission.read(now)
            else:
                self.interpreter.read(now)

    def echo(self, typed: bytes, now: float) -> None:
        """Say again what was typed, if that is wanted."""
        if self.equipment.echo or self.settings.echo_stuck:
            self.output.emit(typed, now)

    def finish(self, answers: list[list[str]], final: str, now: float) -> None:
        """End a command line: information texts, the final result code, then what waited for it."""
        equipment = self.equipment
        self.output.response(
            answers,
            final,
            now,
            is_verbose=equipment.is_verbose,
            is_quiet=equipment.is_quiet,
            gap=equipment.profile.final_gap,
        )
        if equipment.profile.pause_s:
            self._rests_until = now + equipment.profile.pause_s
        if self.sim.held:
            self.offer(now)

    def hush(self, command: str) -> None:
        """Let a command silence the make's chatter."""
        if any(each.until == command for each in self.equipment.profile.chatter):
            self.equipment.given_commands.add(command)
            self._babble.hear(command)

    def follow_up(self, now: float) -> None:
        """Do what a command has left to do behind its final result code."""
        equipment = self.equipment
        while equipment.after:
            delay, line = equipment.after.pop(0)
            if delay:
                self.at(now + delay, partial(self.output.lines, [line]))
            else:
                self.output.lines([line], now)
        if equipment.is_reset_wanted:
            equipment.is_reset_wanted = False
            self._power_off(Cure.RESET)
            if self.settings.reset_unplugs is not None:
                self._absent_until = now + self.settings.reset_unplugs
            # The answer to the reset command still goes out, before anything that the start says.
            said = self.output.take()
            self._plug_or_unplug(now)
            self.output.prepend(said)
        else:
            self._watch_registration(now)
