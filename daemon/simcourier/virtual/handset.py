"""The handsets: what each number's owner sees, long messages joined, copies told apart."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

import msgspec

from simcourier.virtual.codec import Submit

KEPT_MESSAGES = 50_000
KEPT_FRAGMENTS = 10_000

_FragmentKey = tuple[str, str, int, int]


class Message(msgspec.Struct, kw_only=True):
    """One text on a handset's screen.

    `copy` is 2 for the second arrival of the same text from anywhere, and so on; `repeated_parts` counts
    parts that came more than once while the message was joined.
    """

    to: str
    sender: str
    text: str
    at: float
    parts: int = 1
    pid: int = 0
    copy: int = 1
    repeated_parts: int = 0


class Handsets:
    """Every number's inbox; beyond `kept` messages or `kept_fragments` unfinished ones the oldest are forgotten."""

    def __init__(
        self,
        on_text: Callable[[Message], None] | None = None,
        kept: int = KEPT_MESSAGES,
        kept_fragments: int = KEPT_FRAGMENTS,
    ) -> None:
        self._on_text = on_text
        self._kept = kept
        self._kept_fragments = kept_fragments
        self._inboxes: dict[str, deque[Message]] = {}
        self._order: deque[str] = deque()
        self._copies: dict[tuple[str, str], int] = {}
        self._fragments: OrderedDict[_FragmentKey, tuple[dict[int, str], list[int]]] = OrderedDict()

    def inbox(self, number: str) -> list[Message]:
        """Return what one number has received, oldest first."""
        return list(self._inboxes.get(number, ()))

    def receive(self, sender: str, submit: Submit, now: float) -> None:
        """Take one message or one part of a long one."""
        if submit.parts > 1:
            self._join(sender, submit, now)
        else:
            self._show(Message(to=submit.to, sender=sender, text=submit.text, at=now, pid=submit.pid))

    def _join(self, sender: str, submit: Submit, now: float) -> None:
        key = (submit.to, sender, submit.ref, submit.parts)
        texts, repeats = self._fragments.setdefault(key, ({}, []))
        if submit.part in texts:
            repeats.append(submit.part)
        texts[submit.part] = submit.text
        if len(texts) == submit.parts:
            del self._fragments[key]
            text = "".join(texts[part] for part in sorted(texts))
            self._show(
                Message(
                    to=submit.to,
                    sender=sender,
                    text=text,
                    at=now,
                    parts=submit.parts,
                    pid=submit.pid,
                    repeated_parts=len(repeats),
                )
            )
        elif len(self._fragments) > self._kept_fragments:
            self._fragments.popitem(last=False)

    def _show(self, message: Message) -> None:
        inbox = self._inboxes.get(message.to)
        if inbox is None:
            inbox = self._inboxes[message.to] = deque()
        key = (message.to, message.text)
        message.copy = self._copies[key] = self._copies.get(key, 0) + 1
        inbox.append(message)
        self._order.append(message.to)
        if len(self._order) > self._kept:
            self._forget_oldest()
        if self._on_text:
            self._on_text(message)

    def _forget_oldest(self) -> None:
        number = self._order.popleft()
        inbox = self._inboxes[number]
        self._copies.pop((number, inbox.popleft().text), None)
        if not inbox:
            del self._inboxes[number]
