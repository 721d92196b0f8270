"""Errors by who must act: the caller, the equipment, the admin, or us."""

from __future__ import annotations

from collections.abc import Mapping


class SimcourierError(Exception):
    """Base of every error that simcourier raises on purpose."""


class RequestError(SimcourierError):
    """The caller asked for something that can't be done; nothing was changed.

    `code` is the stable word of the HTTP surface (`invalid-number`, `too-long`, ...), `detail` one clear
    sentence that never repeats the caller's number, text or code, `pointer` the JSON pointer of the field
    (`/to`) when one field is to blame, `retry_after_s` whole seconds when waiting would help, `extra` further
    members of the problem (RFC 9457 section 3.2), such as `attempts_remaining`.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        pointer: str | None = None,
        retry_after_s: int | None = None,
        extra: Mapping[str, int | str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.extra = extra or {}
        self.code = code
        self.detail = detail
        self.pointer = pointer
        self.retry_after_s = retry_after_s


class EquipmentError(SimcourierError):
    """A modem, SIM, network or cable did not do its part: expected, counted, retried.

    The message says what was seen, such as `AT+CMGS=31: +CMS ERROR: 38`.
    """


class ConfigError(SimcourierError):
    """The configuration can't be used; the message names the file and the key, and says what to do."""


class UnavailableError(SimcourierError):
    """Something outside is not to be had right now (an address, a directory in use); trying again may help."""


class BugError(SimcourierError):
    """Something that can't happen did: a fault of this program, shown with a traceback."""
