"""Every dialogue in tests/dialogues is played, and says where it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from simcourier.modem.rehearsal import dialogue
from simcourier.modem.rehearsal.player import Player

DIALOGUES = sorted(Path(__file__).with_name("dialogues").glob("*.txt"))


def test_there_are_dialogues() -> None:
    assert len(DIALOGUES) >= 8


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_a_dialogue_says_its_source_and_what_it_shows(path: Path) -> None:
    first, second, *_ = path.read_text("utf-8").splitlines()
    assert first.startswith("# Source: ")
    assert second.startswith("# Shows: ")


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_a_dialogue_goes_as_it_was_recorded(path: Path) -> None:
    steps = dialogue.read(path.read_text("utf-8"), path.name)
    assert Player(steps, path.name).play() > 3
