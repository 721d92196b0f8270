"""What decisions ask of the radio."""

from __future__ import annotations

from typing import Protocol

from simcourier.modem.facts import Job


class RadioPort(Protocol):
    """`radio.loop` has it; the tests have one in virtual time."""

    def submit(self, modem: str, job: Job) -> None:
        """Hand over a job."""

    def permit(self, job: int, granted: bool) -> None:
        """Let its PDU leave, or withdraw it."""

    def allow_pin(self, modem: str, granted: bool) -> None:
        """Answer a `PinWanted`."""

    def restart(self, modem: str) -> None:
        """Bring the modem up anew."""

    def stored(self, modem: str, token: int) -> None:
        """What came is on record here: delete it from the SIM, or acknowledge it."""
