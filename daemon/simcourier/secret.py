"""A value that shows itself to nobody: not in a log, a traceback, a format string, JSON or a pickle."""

from __future__ import annotations

import hmac
from typing import NoReturn, Self

_SHOWN = "<secret>"


class Secret:
    """Holds a code or an API secret; only `reveal` gives it away.

    Two secrets are compared in constant time. There is no hash: a set or a dict would compare by it.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The value itself: for the one place that needs it."""
        return self.__value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # As octets: compare_digest takes a text of ASCII only, and a lone surrogate has no UTF-8.
        mine, theirs = (text.encode("utf-8", "surrogatepass") for text in (self.__value, other.__value))
        return hmac.compare_digest(mine, theirs)

    __hash__ = None  # type: ignore[assignment] # says that there is none, as the data model wants it said

    def __repr__(self) -> str:
        return _SHOWN

    def __str__(self) -> str:
        return _SHOWN

    def __format__(self, _wanted: str) -> str:
        # Whatever width was asked for: padding would be harmless, an exception in a log line would not.
        return _SHOWN

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a secret is not written anywhere")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        # dataclasses.asdict() copies deeply, and must not fail on a field that is a secret.
        return self
