"""The table of moves, the database's constraint and the document agree."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from simcourier.errors import BugError
from simcourier.outbox.message import FINAL, MOVES, Status, check_move
from simcourier.outbox.schema import messages


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(Status)


def test_final_states_are_those_that_nothing_leaves() -> None:
    assert {
        Status.DELIVERED,
        Status.UNDELIVERED,
        Status.FAILED,
        Status.EXPIRED,
        Status.SUPERSEDED,
        Status.CANCELED,
    } == FINAL


def test_every_state_can_be_reached_from_queued() -> None:
    reached, fresh = set(), {Status.QUEUED}
    while fresh:
        reached |= fresh
        fresh = {after for before in fresh for after in MOVES[before]} - reached
    assert reached == set(Status)


@pytest.mark.parametrize("final", sorted(FINAL))
def test_nothing_leaves_a_final_state(final: Status) -> None:
    with pytest.raises(BugError):
        check_move(final, Status.QUEUED)


def test_an_expired_message_is_never_sending() -> None:
    assert Status.SENDING not in MOVES[Status.EXPIRED]


def test_the_database_knows_the_same_states() -> None:
    constraint = next(c for c in messages.constraints if c.name == "status")
    assert set(re.findall(r"'([a-z]+)'", str(constraint.sqltext))) == set(Status)  # type: ignore[attr-defined]


def test_the_document_shows_the_tables_of_moves() -> None:
    script = Path(__file__).parent.parent / "scripts" / "diagrams"
    checked = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
