"""A virtual modem: bytes typed at it in, bytes it says out, no I/O and no clock (V.250, TS 27.005, TS 27.007)."""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random

from simcourier.virtual import syntax
from simcourier.virtual.commands import Answer, Prompt
from simcourier.virtual.commands_27005 import ALL_COMMANDS
from simcourier.virtual.commands_27007 import registration_urcs
from simcourier.virtual.equipment import Equipment
from simcourier.virtual.errors import FinalError, PlainError, VerbatimError
from simcourier.virtual.line import CR, LINE_LIMIT, TYPED_LIMIT, LineState
from simcourier.virtual.network import Network
from simcourier.virtual.output import Output
from simcourier.virtual.reception import Reception
from simcourier.virtual.scenario import Rule, Timeline
from simcourier.virtual.settings import sample
from simcourier.virtual.sim import Sim
from simcourier.virtual.submission import Submission

Timer = Callable[[float], None]


class _SilentError(Exception):
    """A scenario wants no answer at all to this command."""


class Modem:
    """One modem with its SIM; every method takes `now`, seconds of any clock that does not go back.

    Call `receive` with what was typed, `advance` at `next_deadline()`, and after both `take_output`.
    `is_plugged` says whether its port exists. What `Submission` needs of a modem has no underscore either.
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
        self.equipment = Equipment(name, sim.index, sim, self.settings, rng)
        self.output = Output(self.settings, rng)
        self._reception = Reception(self.equipment, self.output)
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._absent_until = -math.inf
        self._deaf_until = -math.inf
        self._stat = 0
        self._registration_timer_at = -math.inf
        self.state = LineState.COMMAND
        self.typed = self._line = b""
        self._submission = Submission(self, network, rng)
        network.subscribe(sim, self)
        self._use_settings(now)

    @property
    def submits(self) -> int:
        """How many AT+CMGS it has been given."""
        return self._submission.count

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
        self.typed += data
        if len(self.typed) > TYPED_LIMIT:
            self.typed = self.typed[:TYPED_LIMIT]
        self._read(now)

    def take_output(self) -> bytes:
        """Return what the modem has said since the last call."""
        return self.output.take()

    def next_deadline(self) -> float | None:
        """When `advance` must be called next, or None when only `receive` can change anything."""
        output = self.output
        when = min(self._edge_at, output.noise_at, output.dribbles_at, self._reception.cnma_expires_at)
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
        if now >= output.noise_at:
            output.make_noise(now, is_open=self._may_say_urc())
        if now >= output.dribbles_at:
            output.dribble(now)

    def offer(self, now: float) -> None:
        """The network has something for the SIM: take what can be taken now."""
        if self.is_plugged and not self.output.is_mute and self._may_say_urc():
            self._reception.drain(now, self._submission.mr_in_flight)

    def add_rule(self, rule: Rule, now: float) -> None:
        """Let a rule hold from now on; its times count from the start of the scenario."""
        self._timeline.rules.append(rule)
        self._turn_page(now)

    def elapsed_s(self, now: float) -> float:
        """Seconds since the scenario began."""
        return now - self._began_at

    def unplug(self, now: float, for_s: float | None = None) -> None:
        """Pull the modem out, for good or for some seconds."""
        self._absent_until = math.inf if for_s is None else now + for_s
        self._plug_or_unplug(now)

    def replug(self, now: float) -> None:
        """Put the modem back in, and end a silence: it starts anew."""
        self._absent_until = -math.inf
        if self.is_plugged:
            self._power_off()
        self._plug_or_unplug(now)

    # -- power and settings -----------------------------------------------------------------------------

    def _turn_page(self, now: float) -> None:
        """Follow the scenario to the settings that hold now."""
        self.settings, change = self._timeline.at(now - self._began_at)
        self._edge_at = self._began_at + change
        self._use_settings(now)
        if self.is_plugged:
            self._watch_registration(now)

    def _use_settings(self, now: float) -> None:
        settings = self.settings
        self.equipment.settings = settings
        self.output.use(settings)
        self.is_hard_to_submit = settings.is_hard_to_submit()
        self._answers = {key.upper().removeprefix("AT"): text for key, text in settings.answers.items()}
        self.prompt_bytes = (settings.prompt_form or self.equipment.profile.prompt).encode(
            "latin-1", "replace"
        )
        self._plug_or_unplug(now)
        if self.is_plugged:
            self.output.arm_noise(now)
        self._hear_or_not(now)

    def _plug_or_unplug(self, now: float) -> None:
        is_wanted = not self.settings.unplugged and now >= self._absent_until
        if is_wanted and not self.is_plugged:
            self._power_on(now)
        elif self.is_plugged and not is_wanted:
            self._power_off()

    def _power_off(self) -> None:
        self.is_plugged = False
        self._deaf_until = -math.inf
        self._timers.clear()
        self._reset_line()
        self._reception.forget()
        self.output.noise_at = self.output.dribbles_at = math.inf

    def _power_on(self, now: float) -> None:
        self.is_plugged = True
        self._timers.clear()
        self._reset_line()
        self.output.clear()
        self.output.arm_noise(now)
        self.equipment.power_on(now)
        self._registration_timer_at = -math.inf
        self._stat = self.equipment.registration(now)
        delay = sample(self.settings.boot_delay, self._rng)
        if delay:
            self.deafen(now + delay, now)
            self.at(now + delay, self._say_boot_lines)
        else:
            self._hear_or_not(now)
            self._say_boot_lines(now)
        self._watch_registration(now)

    def _say_boot_lines(self, now: float) -> None:
        for line in self.equipment.profile.boot_lines:
            self.output.lines([line], now)

    def _reset_line(self) -> None:
        self.state = LineState.COMMAND
        self.typed = self._line = b""
        self._submission.drop()

    def deafen(self, until: float, now: float) -> None:
        """Swallow every byte and say nothing until then; infinity: until a power cycle."""
        self._deaf_until = until
        self._hear_or_not(now)
        if until < math.inf:
            self.at(until, self._hear_or_not)

    def _hear_or_not(self, now: float) -> None:
        was_mute = self.output.is_mute
        self.output.is_mute = self.settings.deaf or now < self._deaf_until
        if self.output.is_mute:
            self.typed = self._line = b""
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
                self._submission.read(now)
            else:
                self._read_command(now)

    def _read_command(self, now: float) -> None:
        typed, end, self.typed = self.typed.partition(CR)
        self.echo(typed + end, now)
        line = self._line + typed
        if not end:
            self._line = line[: LINE_LIMIT + 1]
            return
        self._line = b""
        body = syntax.tidy(line)
        if len(line) > LINE_LIMIT:
            self.finish([], "ERROR", now)
        elif body is not None:
            self._execute(body, now)

    def _execute(self, body: bytes, now: float) -> None:
        answers: list[list[str]] = []
        final = "OK"
        try:
            for command in syntax.split(body):
                answer = self._carry_out(command, now)
                if isinstance(answer, Prompt):
                    self._submission.open(answer, now)
                    return
                if answer:
                    answers.append(answer)
        except syntax.LineError:
            final = "ERROR"
        except FinalError as error:
            final = error.line(self.equipment.cmee)
        except _SilentError:
            return
        self.finish(answers, final, now)
        self._follow_up(now)

    def _carry_out(self, command: syntax.Command, now: float) -> Answer:
        if self._answers:
            canned = self._canned(command)
            if canned is not None:
                return canned
        handler = ALL_COMMANDS.get(command.name)
        if handler is None or command.name in self.equipment.profile.unknown:
            raise PlainError
        return handler(self.equipment, command, now)

    def _canned(self, command: syntax.Command) -> list[str] | None:
        """Return the answer a scenario has for a command; its last line is the final result code."""
        sign = {"read": "?", "test": "=?", "set": "=", "execute": ""}[command.form]
        text = self._answers.get(
            f"{command.name}{sign}{command.args}".upper(), self._answers.get(command.name)
        )
        if text is None:
            return None
        if not text:
            raise _SilentError
        *lines, final = text.splitlines()
        if final != "OK":
            raise VerbatimError(final)
        return lines

    def echo(self, typed: bytes, now: float) -> None:
        """Say again what was typed, if that is wanted."""
        if self.equipment.echo or self.settings.echo_stuck:
            self.output.emit(typed, now)

    def finish(self, answers: list[list[str]], final: str, now: float) -> None:
        """End a command line: information texts, the final result code, then what waited for it."""
        equipment = self.equipment
        self.output.response(
            answers, final, now, is_verbose=equipment.is_verbose, is_quiet=equipment.is_quiet
        )
        if self.sim.held:
            self.offer(now)

    def _follow_up(self, now: float) -> None:
        """Do what a command has left to do behind its final result code."""
        equipment = self.equipment
        while equipment.after:
            self.output.lines([equipment.after.pop(0)], now)
        if equipment.is_reset_wanted:
            equipment.is_reset_wanted = False
            self._power_off()
            if self.settings.reset_unplugs is not None:
                self._absent_until = now + self.settings.reset_unplugs
            # The answer to the reset command still goes out, before anything that the start says.
            said = self.output.take()
            self._plug_or_unplug(now)
            self.output.prepend(said)
        else:
            self._watch_registration(now)
