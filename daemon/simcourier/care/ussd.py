"""Questions to the network by USSD: one at a time for each modem, and each is answered once."""

from __future__ import annotations

import itertools
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLateError
from threading import BoundedSemaphore, Lock
from typing import NamedTuple

from simcourier.care.tools import CareTools
from simcourier.errors import RequestError
from simcourier.modem.facts import Fact, UssdEnd, UssdEnded

PATIENCE_S = 40.0
"""The session gives up before that; a modem that is gone might never answer."""
MOST = 16
"""Questions at a time."""
_MOST_WAITING = 2
"""Of those that somebody waits for: each holds one of the threads that answer requests."""


class Question(NamedTuple):
    """What was asked of a modem, since when (monotonic seconds), and what has its answer."""

    modem: str
    since: float
    answer: Future[UssdEnded]


class Ussd:
    """Who asked what; `ask` is for any thread but the writer's, all else for any."""

    def __init__(self, tools: CareTools) -> None:
        self._tools = tools
        self._numbers = itertools.count(1)
        self._lock = Lock()
        self._open: dict[int, Question] = {}
        # Half of the threads stay for those who send.
        self._seats = BoundedSemaphore(max(1, min(_MOST_WAITING, tools.config.http.threads // 2)))

    def on_fact(self, fact: Fact) -> None:
        """Take an answer."""
        if type(fact) is UssdEnded:
            with self._lock:
                question = self._open.pop(fact.request, None)
            if question is not None and question.answer.set_running_or_notify_cancel():
                question.answer.set_result(fact)

    def tick(self) -> None:
        """Give up questions whose modem went without a word: the next one may be asked."""
        now = self._tools.clock.monotonic()
        with self._lock:
            for number, question in list(self._open.items()):
                if now - question.since > 2 * PATIENCE_S:
                    del self._open[number]

    def begin(self, modem: str, code: str) -> Future[UssdEnded]:
        """Ask; the future has the answer, in the writer's thread. Raises RequestError `ussd-busy`."""
        future: Future[UssdEnded] = Future()
        with self._lock:
            if len(self._open) >= MOST or any(one.modem == modem for one in self._open.values()):
                raise _busy()
            number = next(self._numbers)
            self._open[number] = Question(modem, self._tools.clock.monotonic(), future)
        self._tools.radio.ussd(modem, number, code)
        return future

    def ask(self, modem: str, code: str) -> UssdEnded:
        """Ask, and wait for the answer. Raises RequestError `ussd-busy` or `ussd-unanswered`."""
        if not self._seats.acquire(blocking=False):
            raise _busy()
        try:
            ended = self._answer(self.begin(modem, code))
        finally:
            self._seats.release()
        if ended.end is UssdEnd.BUSY:
            raise _busy(ended.text)
        if ended.end in (UssdEnd.SILENT, UssdEnd.REFUSED):
            raise RequestError("ussd-unanswered", f"The network gave no answer: {ended.text or ended.end}.")
        return ended

    def _answer(self, future: Future[UssdEnded]) -> UssdEnded:
        try:
            return future.result(PATIENCE_S)
        except TooLateError:
            if future.cancel():
                self._forget(future)
                raise RequestError("ussd-unanswered", "The modem said nothing in time.") from None
            return future.result()  # it came at this very moment

    def _forget(self, given_up: Future[UssdEnded]) -> None:
        with self._lock:
            for number, question in list(self._open.items()):
                if question.answer is given_up:
                    del self._open[number]


def _busy(why: str = "") -> RequestError:
    detail = f"The network is being asked something already{f': {why}' if why else ''}."
    return RequestError("ussd-busy", detail, retry_after_s=10)
