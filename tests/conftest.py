"""Shared fixtures."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from dispatch_bench import Box

# A shell that starts us in the background has us ignore these two; then so would the programs that tests stop.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A real outbox and dispatcher with a radio in virtual time."""
    box = Box(tmp_path)
    yield box
    box.close()
