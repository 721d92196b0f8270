"""How long a session waits, in seconds: every bound of the procedures in one place."""

from __future__ import annotations

from dataclasses import dataclass

from simcourier.modem.facts import Rung
from simcourier.modem.ladder import Steps


@dataclass(frozen=True, slots=True)
class Timings:
    """The paces and patience of one modem's session."""

    command: float = 5.0
    """An ordinary command's final result code."""
    slow_command: float = 20.0
    """Commands that reach deep into the SIM: CPIN, CMGL. No job waits for them for long."""
    prompt: float = 5.0
    """From `AT+CMGS` to the prompt."""
    prompt_test: float = 1.5
    """The same where a modem whose prompt failed is tested, during `prompt_eagerly`; `prompt` after that."""
    prompt_eagerly: float = 60.0
    prompt_pause: float = 1.0
    """Between two such tests, during the first minutes."""
    permit: float = 30.0
    """How long a prompt is held open for the permit."""
    after_send: float = 8.0
    """From Ctrl-Z to the first probe."""
    send_probe: float = 1.5
    """Between probes while an answer to Ctrl-Z is missing."""
    escape: float = 1.0
    """From ESC at a prompt to the final result code."""
    quiet: float = 0.3
    """Silence that shows that no late answer is on its way."""
    quiet_limit: float = 3.0
    """How long to wait for that silence."""
    drain: float = 0.05
    """Silence after the first ESC on a port that was just opened, and after the `OK` that ends a resynchronisation."""
    probe: float = 1.0
    """One `AT` on a port that is being probed or has fallen silent."""
    probes: int = 3
    """`AT`s without an answer before a modem counts as silent."""
    probe_eagerly: float = 300.0
    """How long a silent modem is probed every second."""
    probe_lazily: float = 60.0
    """The longest pause between probes after that."""
    reopen: float = 20.0
    """Silence before the port is opened anew; doubles each time up to `reopen_limit`."""
    reopen_limit: float = 300.0
    silent_steps: Steps = ((Rung.REAUTHORISE, 30.0), (Rung.POWER, 60.0))
    """What is tried, once, beside that."""
    useless_steps: Steps = (
        (Rung.RESET, 15.0),
        (Rung.REOPEN, 15.0),
        (Rung.REAUTHORISE, 30.0),
        (Rung.POWER, 60.0),
    )
    """The same for a modem that answers `AT` and gives no prompt."""
    simless_steps: Steps = ((Rung.RESET, 30.0),)
    """The same for one that has lost its SIM: most likely somebody took it out."""
    offline_steps: Steps = ((Rung.RESET, 300.0),)
    """The same for one that finds no network."""
    reset_pause: float = 3.0
    """From `AT+CFUN=1,1` to the first probe: some answer a little longer before they go down."""
    refusals: int = 4
    """Submits refused in a row for causes of SIM or modem, after which the modem is restarted."""
    refusals_pause: float = 60.0
    """Between such restarts; doubles each time up to `refusals_limit`, until a message was taken."""
    refusals_limit: float = 900.0
    sim_start_tries: int = 10
    sim_start_pause: float = 1.0
    """A SIM that has just started refuses commands: try again so often, so far apart."""
    searching: float = 1.0
    """Between looks at the registration during the first minute; ten times that later."""
    pin_permit: float = 60.0
    """How long to wait for leave to try a PIN before it is asked for again."""
    sim_look: float = 5.0
    """Between looks at a missing or locked SIM."""
    ussd: float = 30.0
    """From a USSD request to the network's answer."""
    ussd_late: float = 60.0
    """After a request that had no answer: nothing in `+CUSD` tells which request it answers, so none is asked."""
    ussd_ending: float = 5.0
    """From `AT+CUSD=2` to the `+CUSD: 2` with which some modems confirm it."""
    ussd_command: float = 10.0
    """The final result code of `AT+CUSD`; some modems give it only with the network's answer."""
    retell: float = 600.0
    """What was read from a store and is not on record after so long is told again when it is met."""
    flood: int = 300
    """Unsolicited lines in a second that no useful modem has."""
    noise: int = 40
    """Bytes outside ASCII in ten seconds that are more than a name with an accent."""
    calm: float = 30.0
    """How long after a flood or noise the next one is told anew."""
    mute_pause: float = 60.0
    """How long a command is left out that was left unanswered twice; four times as long after each further time."""
    mute_limit: float = 6 * 3600.0
    look_again: float = 600.0
    """Between two looks through the stores: a notice of what lies there may have been lost."""
    store_trusted: float = 3.0
    """How long the selected store is taken for the one that is still selected."""
    link_idle: float = 5.0
    """How long no message was sent before the radio link is no longer kept for the next."""
