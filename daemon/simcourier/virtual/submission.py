"""One AT+CMGS from its prompt to its answer, with what a scenario does to it on the way (TS 27.005 section 3.5.1)."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

from simcourier.virtual import codec, syntax
from simcourier.virtual.commands import Prompt
from simcourier.virtual.errors import CmsError, FinalError, from_scenario
from simcourier.virtual.fields import PduError
from simcourier.virtual.line import CR, CTRL_Z, ESC, TYPED_LIMIT, LineState
from simcourier.virtual.network import Accepted, Network
from simcourier.virtual.settings import sample

if TYPE_CHECKING:
    from simcourier.virtual.modem import Modem


class Submission:
    """The sending half of a modem; `count` numbers its AT+CMGS from 1, `in_flight` waits for its answer."""

    def __init__(self, modem: Modem, network: Network, rng: Random) -> None:
        self.count = 0
        self.in_flight: Accepted | None = None
        self._modem = modem
        self._network = network
        self._rng = rng
        self._prompt = Prompt()
        self._message = b""
        self._is_doomed = False

    @property
    def mr_in_flight(self) -> int | None:
        """TP-MR of the message whose answer is not out yet."""
        return None if self.in_flight is None else self.in_flight.mr

    def drop(self) -> None:
        """Power was cut."""
        self.in_flight = None
        self._is_doomed = False

    # -- the prompt -----------------------------------------------------------------------------------

    def open(self, prompt: Prompt, now: float) -> None:
        """Carry out AT+CMGS as far as the prompt."""
        modem = self._modem
        self.count += 1
        self._prompt = prompt
        self._message = b""
        self._is_doomed = False
        if modem.is_hard_to_submit and self._fails_before_prompt(now):
            return
        delay = sample(modem.settings.prompt_delay, self._rng)
        if delay:
            modem.state = LineState.BUSY
            modem.at(now + delay, self._say_prompt)
        else:
            self._say_prompt(now)

    def _say_prompt(self, now: float) -> None:
        self._modem.state = LineState.PROMPT
        self._modem.output.emit(self._modem.prompt_bytes, now)

    def _fails_before_prompt(self, now: float) -> bool:
        modem, nth, rng = self._modem, self.count, self._rng
        unplug, error, no_prompt = modem.settings.unplug, modem.settings.error, modem.settings.no_prompt
        if unplug and unplug.phase != "ctrl-z" and unplug.strikes(nth, rng):
            if unplug.phase == "prompt":
                modem.unplug(now, unplug.for_s)
                return True
            self._is_doomed = True
        if error and error.at == "prompt" and error.strikes(nth, rng):
            self._refuse(from_scenario(rng.choice(error.codes)), now)
            return True
        if no_prompt and no_prompt.strikes(nth, rng):
            if no_prompt.for_s is None:
                modem.state = LineState.PROMPT
            else:
                modem.deafen(now + no_prompt.for_s, now)
            return True
        return False

    # -- the message ----------------------------------------------------------------------------------

    def read(self, now: float) -> None:
        """Take what was typed behind the prompt."""
        modem = self._modem
        # The line feed of a client that ends its commands with CR LF is not yet the message.
        if self._is_doomed and modem.typed.strip():
            for_s = modem.settings.unplug.for_s if modem.settings.unplug else None
            modem.unplug(now, for_s)
            return
        typed, end, rest = modem.typed.partition(CTRL_Z)
        if ESC in typed:
            modem.typed = modem.typed.partition(ESC)[2]
            modem.state = LineState.COMMAND
            modem.finish([], "OK", now)
            return
        modem.typed = rest
        modem.echo(typed, now)
        self._message = (self._message + typed)[:TYPED_LIMIT]
        if end:
            modem.state = LineState.COMMAND
            self._submit(now)
        elif modem.equipment.cmgf:
            # The prompt comes again after each line of text.
            for _ in range(typed.count(CR)):
                modem.output.emit(modem.prompt_bytes, now)

    def _submit(self, now: float) -> None:
        modem = self._modem
        try:
            submit = self._composed(now)
        except PduError:
            self._refuse(CmsError(305 if modem.equipment.cmgf else 304), now)
            return
        except FinalError as error:
            self._refuse(error, now)
            return
        reason = modem.equipment.submit_error(now)
        if reason is None and not (submit.smsc or modem.sim.smsc):
            reason = CmsError(330)
        if reason is not None:
            self._refuse(reason, now)
        elif not (modem.is_hard_to_submit and self._fails_after_ctrl_z(submit, now)):
            self._send(submit, now)

    def _composed(self, now: float) -> codec.Submit:
        equipment = self._modem.equipment
        message = syntax.edited(self._message).strip()
        if not equipment.cmgf:
            return codec.decode_submit(message, self._prompt.length, self._network.wall_s(now))
        text = equipment.unspell(message.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n"))
        return codec.compose_submit(self._prompt.to, text, equipment.csmp, equipment.sim.smsc)

    def _refuse(self, error: FinalError, now: float) -> None:
        self._modem.state = LineState.COMMAND
        self._modem.finish([], error.line(self._modem.equipment.cmee), now)

    # -- the network ----------------------------------------------------------------------------------

    def _reach_network(self, submit: codec.Submit, now: float) -> Accepted:
        modem = self._modem
        return self._network.submit(modem.sim, modem.name, submit, modem.settings, self._rng, now)

    def _send(self, submit: codec.Submit, now: float) -> None:
        modem = self._modem
        self.in_flight = accepted = self._reach_network(submit, now)
        if accepted.answer_at <= now:
            self._answer(accepted, now)
            return
        modem.state = LineState.BUSY
        modem.at(accepted.answer_at, lambda then: self._answer(accepted, then))
        if modem.sim.held:
            modem.offer(now)

    def _answer(self, accepted: Accepted, now: float) -> None:
        """Say the reference that the network has given to the message."""
        self.in_flight = None
        early = self._modem.settings.early_report_rate
        if early and self._rng.random() < early:
            self._network.hasten(accepted, now)
        self._modem.state = LineState.COMMAND
        self._modem.finish([[f"+CMGS: {accepted.mr}"]], "OK", now)

    def _fails_after_ctrl_z(self, submit: codec.Submit, now: float) -> bool:
        settings, nth, rng = self._modem.settings, self.count, self._rng
        unplug, hang, error = settings.unplug, settings.hang, settings.error
        if unplug and unplug.phase == "ctrl-z" and unplug.strikes(nth, rng):
            if unplug.network:
                self._reach_network(submit, now)
            self._modem.unplug(now, unplug.for_s)
            return True
        if hang and hang.strikes(nth, rng):
            accepted = self._reach_network(submit, now) if hang.network else None
            self._hang(accepted, hang.for_s, now, is_answered=hang.answer == "late")
            return True
        if error and error.at == "answer" and error.strikes(nth, rng):
            if error.network:
                self._reach_network(submit, now)
            self._fail_later(from_scenario(rng.choice(error.codes)), sample(settings.submit_delay, rng), now)
            return True
        return False

    def _hang(self, accepted: Accepted | None, for_s: float | None, now: float, *, is_answered: bool) -> None:
        modem = self._modem
        if for_s is None:
            modem.deafen(math.inf, now)
            return
        modem.deafen(now + for_s, now)
        if not is_answered:
            return
        modem.state = LineState.BUSY
        if accepted is None:
            modem.at(now + for_s, lambda then: self._refuse(CmsError(500), then))
        else:
            self.in_flight = accepted
            modem.at(now + for_s, lambda then: self._answer(accepted, then))

    def _fail_later(self, error: FinalError, delay_s: float, now: float) -> None:
        if not delay_s:
            self._refuse(error, now)
            return
        self._modem.state = LineState.BUSY
        self._modem.at(now + delay_s, lambda then: self._refuse(error, then))
