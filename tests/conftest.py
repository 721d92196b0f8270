"""Shared fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dispatch_bench import Box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A real outbox and dispatcher with a radio in virtual time."""
    box = Box(tmp_path)
    yield box
    box.close()
