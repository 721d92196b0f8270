"""Structured logs on standard error, without codes, texts, PDUs or whole numbers."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# A number of seven digits or more, and a run of hex long enough to be a PDU: both may carry what must not be logged.
_DIGITS = re.compile(r"\+?[0-9]{7,}")
_HEX = re.compile(r"\b[0-9A-Fa-f]{20,}\b")
_SAFE_KEYS = frozenset({"timestamp", "event", "level", "port", "modem", "message"})


def _mask(text: str) -> str:
    text = _HEX.sub(lambda match: f"<{len(match[0]) // 2} octets>", text)
    return _DIGITS.sub(lambda match: "•••" + match[0][-3:], text)


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Last line of defence: nothing that looks like a number or a PDU leaves by a log line."""
    for key, value in event.items():
        if isinstance(value, str) and key not in _SAFE_KEYS:
            event[key] = _mask(value)
    return event


def configure(level: str, *, as_json: bool) -> None:
    """Set up structlog and the standard library's loggers for the whole process."""
    renderer: Any = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _redact,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


def get(area: str) -> Any:
    """A logger whose lines carry `area`, the layer that speaks."""
    return structlog.get_logger(area=area)
