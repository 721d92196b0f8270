"""How long a session waits, in seconds: every bound of the procedures in one place."""

from __future__ import annotations

from dataclasses import dataclass


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
    reopen_limit: float = 600.0
    sim_start_tries: int = 10
    sim_start_pause: float = 1.0
    """A SIM that has just started refuses commands: try again so often, so far apart."""
    searching: float = 1.0
    """Between looks at the registration during the first minute; ten times that later."""
    pin_permit: float = 60.0
    """How long to wait for leave to try a PIN before it is asked for again."""
    sim_look: float = 5.0
    """Between looks at a missing or locked SIM."""
