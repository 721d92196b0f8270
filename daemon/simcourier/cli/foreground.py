"""Keep an app in the foreground until somebody wants it to stop, and then stop it in order."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simcourier.cli.wording import count
from simcourier.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    from simcourier.app import App
    from simcourier.config import Config

_CANDIDATES = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class HeldSignals:
    """The signals that ask for a stop, blocked in every thread and taken one by one where it suits.

    Blocked and waited for rather than handled: a handler would run in the middle of anything. To be made before
    the first thread, which inherits the mask. A signal that our parent ignores (nohup, `&` in a script) stays ignored.
    """

    def __init__(self) -> None:
        self._signals = {
            number
            for number in _CANDIDATES
            if number is signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN
        }
        signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)

    def wait(self, seconds: float) -> signal.Signals | None:
        """The next signal, or None after so many seconds."""
        got = signal.sigtimedwait(self._signals, max(0.0, seconds))
        return None if got is None else signal.Signals(got.si_signo)

    def wait_until(self, holds: Callable[[], bool], seconds: float, look_every: float = 0.05) -> bool:
        """Look until something holds; False after so many seconds or with a signal, which stays to be taken."""
        end = time.monotonic() + seconds
        while not holds():
            left = end - time.monotonic()
            if left <= 0:
                return False
            got = self.wait(min(look_every, left))
            if got is not None:
                signal.raise_signal(got)
                return False
        return True


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have a ConfigError or UnavailableError say which configuration it is about."""
    try:
        yield
    except (ConfigError, UnavailableError) as error:
        sentence = str(error)
        raise type(error)(sentence if str(path) in sentence else f"{path}: {sentence}") from None


def build(config: Config, path: Path) -> App:
    """Build the app of a configuration file. Raises ConfigError or UnavailableError, which then names the file."""
    from simcourier.app import App

    try:
        with naming(path):
            return App(config, str(path))
    except PermissionError as error:
        raise ConfigError(
            f"{path}: storage.directory: {error.filename} can't be used by this user; give it to the user that "
            "runs simcourier"
        ) from None


def stop(app: App, held: HeldSignals, say: Callable[[str], None], feed: Callable[[], None]) -> None:
    """Stop the app, which may take as long as the submits in flight; a second signal hears why, a third ends it."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            app.stop()
        except BaseException as error:  # raised again below, in the thread that ends the process
            failed.append(error)

    worker = threading.Thread(target=work, name="stop", daemon=True)
    worker.start()
    heard = 0
    while worker.is_alive():
        worker.join(0.2)
        feed()
        got = held.wait(0) if worker.is_alive() else None
        if got is not None:
            heard += 1
            _impatient(app, got, heard, say)
    if failed:
        raise failed[0]


def _impatient(app: App, got: signal.Signals, heard: int, say: Callable[[str], None]) -> None:
    in_flight = app.service.box.status().in_flight
    if heard == 1:
        reason = f"waiting up to {app.config.sending.drain:.0f} s for {count(in_flight, 'submit')} in flight"
        say(f"{reason if in_flight else 'closing the modems and the database'}; once more ends at once")
        return
    say("ended at once; what was in flight will be on record as unknown at the next start")
    # Not sys.exit: the very thread that we would wait for does not end.
    os._exit(128 + got)


def say_on_stderr(sentence: str) -> None:
    """A line on standard error."""
    click.echo(f"simcourier: {sentence}", err=True)
