"""One AT+CMGS from its prompt to its answer, with what a scenario does to it on the way (TS 27.005 section 3.5.1)."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

from simcourier.virtual import codec, syntax
from simcourier.virtual.accepted import Accepted
from simcourier.virtual.commands import Prompt
from simcourier.virtual.errors import CmsError, FinalError, from_scenario
from simcourier.virtual.fields import Alphabet, PduError
from simcourier.virtual.line import CR, CTRL_Z, ESC, TYPED_LIMIT, LineState
from simcourier.virtual.network import Network
from simcourier.virtual.occasions import Delay, Reboot, Unplug, sample

if TYPE_CHECKING:
    from simcourier.virtual.modem import Modem

# How long a modem keeps the link open for the next message (section 3.5.6: one to five seconds).
_LINK_S = 5.0
# In hexadecimal: a service centre's address and the longest TPDU.
_LONGEST_PDU = 2 * (12 + 164)


class Submission:
    """The sending half of a modem; `count` numbers its AT+CMGS from 1, `in_flight` waits for its answer."""

    def __init__(self, modem: Modem, network: Network, rng: Random) -> None:
        self.count = 0
        self.in_flight: Accepted | None = None
        self._modem = modem
        self._network = network
        self._rng = rng
        # Until AT+CMGS says otherwise: what a program before this one may have left open.
        self._prompt = Prompt(length=20)
        self._message = b""
        self._doom: Unplug | Reboot | None = None
        self._linked_until = -math.inf

    @property
    def mr_in_flight(self) -> int | None:
        """TP-MR of the message whose answer is not out yet."""
        return None if self.in_flight is None else self.in_flight.mr

    def drop(self) -> None:
        """Power was cut."""
        self.in_flight = None
        self._doom = None
        self._linked_until = -math.inf

    # -- the prompt -----------------------------------------------------------------------------------

    def open(self, prompt: Prompt, now: float) -> None:
        """Carry out AT+CMGS as far as the prompt."""
        modem = self._modem
        self.count += 1
        self._prompt = prompt
        self._message = b""
        self._doom = None
        delay = sample(modem.settings.prompt_delay, self._rng)
        if modem.is_hard_to_submit:
            if self._fails_before_prompt(now):
                return
            late = modem.settings.late_prompt
            if late and late.strikes(self.count, self._rng):
                delay += late.for_s
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
        error, no_prompt = modem.settings.error, modem.settings.no_prompt
        if self._is_cut(now):
            return True
        if error and error.at == "prompt" and error.strikes(nth, rng):
            self._refuse(from_scenario(rng.choice(error.codes)), now)
            return True
        if modem.has_no_prompt():
            modem.state = LineState.PROMPT
            return True
        if no_prompt and no_prompt.strikes(nth, rng):
            if no_prompt.for_s is None:
                modem.state = LineState.PROMPT
            else:
                modem.deafen(now + no_prompt.for_s, now)
            return True
        return False

    def _is_cut(self, now: float) -> bool:
        """Whether power or port go before the prompt; where they go in the message, it is doomed."""
        settings = self._modem.settings
        for fault in (settings.unplug, settings.reboot):
            if fault and fault.phase != "ctrl-z" and fault.strikes(self.count, self._rng):
                if fault.phase == "prompt":
                    self._cut(fault, now)
                    return True
                self._doom = fault
        return False

    def _cut(self, fault: Unplug | Reboot, now: float) -> None:
        if isinstance(fault, Unplug):
            self._modem.unplug(now, fault.for_s)
        else:
            self._modem.reboot(now)

    # -- the message ----------------------------------------------------------------------------------

    def read(self, now: float) -> None:
        """Take what was typed behind the prompt."""
        modem = self._modem
        # The line feed of a client that ends its commands with CR LF is not yet the message.
        if self._doom and modem.typed.strip():
            self._cut(self._doom, now)
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
        profile = modem.equipment.profile
        if profile.hangs_on_long_pdu and len(self._message) > _LONGEST_PDU:
            modem.deafen(math.inf, now)
            return
        try:
            submit = self._composed(now)
        except PduError:
            self._refuse(CmsError(305 if modem.equipment.cmgf else 304), now)
            return
        except FinalError as error:
            self._refuse(error, now)
            return
        if submit.alphabet is Alphabet.UCS2 and submit.udl > profile.ucs2_limit:
            # Nothing is said, and what comes next is taken for more of the message.
            modem.state = LineState.PROMPT
            self._message = b""
            return
        reason = modem.equipment.submit_error(now) or self._credit_error()
        if reason is None and not (submit.smsc or modem.sim.smsc):
            reason = CmsError(330)
        if reason is not None:
            self._refuse(reason, now)
        elif not (modem.is_hard_to_submit and self._fails_after_ctrl_z(submit, now)):
            self._send(submit, now)

    def _credit_error(self) -> FinalError | None:
        """Return what a network says that refuses a SIM without credit, and does not merely lose its messages."""
        sim, settings = self._modem.sim, self._modem.settings
        if sim.balance is None or sim.balance >= settings.price or settings.without_credit == "lost":
            return None
        return from_scenario(settings.without_credit)

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
        delay = self._linked_delay(now)
        return self._network.submit(modem.sim, modem.name, submit, modem.settings, self._rng, now, delay)

    def _linked_delay(self, now: float) -> Delay | None:
        """Return the delay over a radio link that AT+CMMS has kept open (section 3.5.6), if one is."""
        delay = self._modem.settings.submit_delay_linked
        mode = self._modem.equipment.parameters.get("+CMMS")
        if delay is None or not mode or not mode[0]:
            return None
        if now <= self._linked_until:
            return delay
        if mode == [1] and self._linked_until > -math.inf:
            mode[0] = 0
        return None

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
        self._linked_until = now + _LINK_S
        early = self._modem.settings.early_report_rate
        if early and self._rng.random() < early:
            self._network.hasten(accepted, now)
        self._modem.state = LineState.COMMAND
        self._modem.finish([[f"+CMGS: {accepted.mr}"]], "OK", now)

    def _fails_after_ctrl_z(self, submit: codec.Submit, now: float) -> bool:
        settings, nth, rng = self._modem.settings, self.count, self._rng
        hang, error = settings.hang, settings.error
        for fault in (settings.unplug, settings.reboot):
            if fault and fault.phase == "ctrl-z" and fault.strikes(nth, rng):
                if fault.network:
                    self._reach_network(submit, now)
                self._cut(fault, now)
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
