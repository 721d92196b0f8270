"""Structured logs on standard error, without codes, texts, PDUs, keys or whole numbers."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import structlog

from simcourier.redaction import redact, traced

# Written by this program alone, or names that an admin gave.
_SAFE_KEYS = frozenset({"timestamp", "level", "area", "port", "modem"})
# Those whose messages say more than an admin can use; none of them may say less than this.
_QUIET = {"waitress": logging.ERROR, "apscheduler": logging.WARNING, "sqlalchemy": logging.WARNING}

Event = MutableMapping[str, Any]


def redacted(_logger: Any, _method: str, event: Event) -> Event:
    """Last line of defence, for every line of every library: what may be a secret is hidden."""
    error = _error_of(event.pop("exc_info", None))
    for key, value in event.items():
        if key not in _SAFE_KEYS and not key.startswith("_"):
            # `event` is the name of the sentence itself; a stack shows the program's lines, not its values.
            event[key] = redact(value, "" if key in {"event", "stack"} else key)
    if error is not None:
        event["exception"] = traced(error)
    return event


def _error_of(given: Any) -> BaseException | None:
    match given:
        case BaseException():
            return given
        case (_, BaseException() as error, _):
            return error
        case True:
            return sys.exc_info()[1]
        case _:
            return None


def configure(level: str, *, as_json: bool) -> None:
    """Set up structlog and the standard library's loggers for the whole process."""
    renderer: Any = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    before: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*before, redacted, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _take_in_the_standard_library(before, renderer)
    _take_in_what_nobody_caught()


def _take_in_the_standard_library(before: list[Any], renderer: Any) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *before],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redacted, renderer],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)


def _take_in_what_nobody_caught() -> None:
    """A traceback that Python itself would print goes through the log as well."""
    log = get("fault")

    def of_the_program(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.error("a fault of this program", exc_info=error)

    def of_a_thread(args: threading.ExceptHookArgs) -> None:
        log.error(
            "a thread ended by a fault of this program",
            thread=args.thread.name if args.thread else "",
            exc_info=args.exc_value,
        )

    sys.excepthook = of_the_program
    threading.excepthook = of_a_thread
    sys.unraisablehook = lambda args: log.error("an error in a clean-up", exc_info=args.exc_value)


def get(area: str) -> Any:
    """A logger whose lines carry `area`, the layer that speaks."""
    return structlog.get_logger(area=area)
