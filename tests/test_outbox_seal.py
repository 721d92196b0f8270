"""The key ring: rotation loses nothing, codes made before it still check, the file is whole at every moment."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, insert, select, update

from simcourier.config import Storage
from simcourier.errors import BugError, ConfigError, EquipmentError
from simcourier.outbox import database, reseal
from simcourier.outbox.keyring import KEY_OCTETS, MOST_KEYS, KeyFile, Ring, Root, decode, encode
from simcourier.outbox.reseal import Use
from simcourier.outbox.schema import messages, verifications, webhook_endpoints
from simcourier.outbox.seal import Sealer, open_sealer

NOW_MS = 1_800_000_000_000
MASTER = b"k" * KEY_OCTETS


def rotated(ring: Ring, times: int = 1) -> Ring:
    for turn in range(times):
        ring = ring.with_another(NOW_MS + turn)
    return ring


# --- the ring and its file ---


def test_a_file_of_32_octets_is_root_and_first_key() -> None:
    ring = decode(MASTER, "here")
    assert (ring.root, ring.ids, ring.newest.octets) == (Root.of(MASTER), (1,), MASTER)


def test_a_new_ring_s_sealing_key_is_not_its_root() -> None:
    ring = Ring.fresh(NOW_MS)
    assert ring.newest.octets not in ring.root.octets
    assert ring.newest.made_at_ms == NOW_MS


@given(st.integers(0, MOST_KEYS - 1))
def test_what_is_written_is_read_again(times: int) -> None:
    ring = rotated(Ring.fresh(NOW_MS), times)
    assert decode(encode(ring), "here") == ring


@given(st.binary(max_size=200))
def test_what_is_no_ring_is_refused_and_not_repeated(content: bytes) -> None:
    if len(content) == KEY_OCTETS:
        return
    with pytest.raises(ConfigError, match=r"here: .*exactly 32 octets") as refused:
        decode(content, "here")
    assert refused.value.__suppress_context__


def test_a_damaged_ring_is_refused() -> None:
    whole = Ring.fresh(NOW_MS)
    for broken in (
        Ring(whole.root, ()),
        Ring(replace(whole.root, audit=b"short"), whole.keys),
        Ring(whole.root, whole.keys * 2),
    ):
        with pytest.raises(ConfigError, match="here: is damaged"):
            decode(encode(broken), "here")


def test_after_a_rotation_no_file_holds_the_octets_that_were_the_first_key() -> None:
    """They were the root too: whoever finds an old copy of the database must not open it with today's file."""
    before = Sealer(MASTER)
    sealed, mac = before.seal("Your code is 493817", "msg_1"), before.code_mac("493817", "ver_1")
    content = encode(rotated(Ring.raw(MASTER)).without([1]))
    assert base64.b64encode(MASTER) not in content
    left = decode(content, "here")
    for octets in (*left.root.octets, *(key.octets for key in left.keys)):
        thief = Sealer(Ring.raw(octets))
        assert not thief.proves_code(mac, "493817", "ver_1")
        with pytest.raises(EquipmentError):
            thief.open(sealed, "msg_1")
    after = Sealer(left)
    assert after.number_key("+447700900001") == before.number_key("+447700900001")
    assert (after.audit_key, left.root.check) == (before.audit_key, before.ring.root.check)


def test_ids_go_round_and_pass_over_those_in_use() -> None:
    ring = Ring.fresh(NOW_MS)
    seen = set()
    for _ in range(600):
        ring = rotated(ring)
        assert len(set(ring.ids)) == len(ring.ids)
        seen.add(ring.newest.id)
        ring = ring.without(ring.ids[:-3])
    assert seen == set(range(1, 256))


def test_there_are_never_more_keys_than_are_kept_track_of() -> None:
    with pytest.raises(BugError):
        rotated(Ring.fresh(NOW_MS), MOST_KEYS)


def test_the_newest_key_is_never_dropped() -> None:
    ring = rotated(Ring.fresh(NOW_MS), 2)
    assert ring.without(ring.ids).ids == (3,)


def test_c13_no_key_is_shown_by_its_ring(tmp_path: Path) -> None:
    ring = Ring.fresh(NOW_MS)
    for octets in (*ring.root.octets, ring.newest.octets):
        assert repr(octets)[2:-1] not in repr(ring) + repr(ring.root) + repr(ring.keys) + str(ring)
        assert octets.hex() not in repr(ring)


def test_the_file_is_made_once_and_private(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys" / "body.key")
    ring = file.load(NOW_MS)
    assert file.load(NOW_MS + 1) == ring
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.read() == ring


def test_a_saved_ring_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "body.key")
    ring = rotated(file.load(NOW_MS))
    (tmp_path / "body.key.new").write_text("left behind by a crash")
    file.save(ring)
    assert file.read() == ring
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["body.key"]


def test_a_ring_that_can_not_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = KeyFile(tmp_path / "body.key")
    before = file.load(NOW_MS)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        file.save(rotated(before))
    assert file.read() == before
    assert [path.name for path in tmp_path.iterdir()] == ["body.key"]


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602])
def test_a_key_that_every_user_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "body.key"
    path.write_bytes(MASTER)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 0600"):
        KeyFile(path).load(NOW_MS)


def test_a_systemd_credential_is_taken_where_the_configuration_names_no_file(tmp_path: Path) -> None:
    storage = Storage(directory=str(tmp_path / "data"))
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert KeyFile.find(storage, environ).path == tmp_path / "data" / "body.key"
    (tmp_path / "simcourier.key").write_bytes(MASTER)
    found = KeyFile.find(storage, environ)
    assert (found.path, found.writable) == (tmp_path / "simcourier.key", False)
    assert found.load(NOW_MS).root == Root.of(MASTER)
    named = Storage(directory=str(tmp_path), key_file=str(tmp_path / "my.key"))
    assert KeyFile.find(named, environ).path == tmp_path / "my.key"


def test_c05_the_key_is_in_no_file_of_the_database(tmp_path: Path) -> None:
    sealer = open_sealer(Storage(directory=str(tmp_path / "data"), key_file=str(tmp_path / "my.key")))
    engine = database.open_engine(tmp_path / "data")
    with engine.begin() as connection:
        add_message(connection, sealer, "msg_1")
        files = [path.read_bytes() for path in (tmp_path / "data").iterdir()]
    engine.dispose()
    assert files
    for octets in (*sealer.ring.root.octets, sealer.ring.newest.octets):
        assert not any(octets in content for content in files)


# --- sealing ---


def test_after_a_rotation_the_new_key_seals_and_all_open() -> None:
    sealer = Sealer(Ring.fresh(NOW_MS))
    before = sealer.seal("first", "msg_1")
    sealer.adopt(rotated(sealer.ring))
    after = sealer.seal("second", "msg_1")
    assert (before[0], after[0]) == (1, 2)
    assert (sealer.open(before, "msg_1"), sealer.open(after, "msg_1")) == ("first", "second")


def test_a_key_that_was_dropped_opens_for_this_run_and_never_again() -> None:
    sealer = Sealer(rotated(Ring.fresh(NOW_MS)))
    sealed = Sealer(Ring(sealer.ring.root, sealer.ring.keys[:1])).seal("text", "msg_1")
    sealer.adopt(sealer.ring.without({1}))
    assert sealer.open(sealed, "msg_1") == "text"
    with pytest.raises(EquipmentError, match="msg_1"):
        Sealer(sealer.ring).open(sealed, "msg_1")


@given(st.binary(max_size=60))
def test_any_octets_that_were_never_sealed_are_refused_in_one_way(sealed: bytes) -> None:
    with pytest.raises(EquipmentError, match="msg_1: what is sealed can't be opened"):
        Sealer(MASTER).open_octets(sealed, "msg_1")


@given(st.binary(max_size=40), st.integers(0, 200), st.integers(1, 255))
def test_one_changed_octet_anywhere_is_noticed(content: bytes, place: int, by: int) -> None:
    sealer = Sealer(rotated(Ring.raw(MASTER)))
    sealed = bytearray(sealer.seal_octets(content, "msg_1"))
    sealed[place % len(sealed)] ^= by
    with pytest.raises(EquipmentError):
        sealer.open_octets(bytes(sealed), "msg_1")


def test_what_numbers_requests_and_the_audit_are_known_by_survives_every_rotation() -> None:
    sealer = Sealer(Ring.fresh(NOW_MS))
    before = (sealer.number_key("+447700900001"), sealer.fingerprint(b"body"), sealer.audit_key)
    ring = rotated(sealer.ring, 3).without({1, 2, 3})
    again = Sealer(decode(encode(ring), "here"))
    assert (again.number_key("+447700900001"), again.fingerprint(b"body"), again.audit_key) == before


# --- codes ---


def test_c05_a_code_is_proven_by_its_mac_and_the_same_context_alone() -> None:
    sealer = Sealer(MASTER)
    mac = sealer.code_mac("493817", "ver_1", "shop")
    assert b"493817" not in mac
    assert sealer.proves_code(mac, "493817", "ver_1", "shop")
    for code, *context in (
        ("493818", "ver_1", "shop"),
        ("493817", "ver_2", "shop"),
        ("493817", "ver_1"),
        ("493817", "ver_1s", "hop"),
        ("493817ver_1", "shop"),
    ):
        assert not sealer.proves_code(mac, code, *context)


def test_c05_another_box_s_key_proves_nothing() -> None:
    assert not Sealer(b"x" * KEY_OCTETS).proves_code(Sealer(MASTER).code_mac("493817"), "493817")


def test_a_code_made_before_a_rotation_still_checks_until_its_key_is_gone() -> None:
    sealer = Sealer(Ring.fresh(NOW_MS))
    before = sealer.code_mac("493817", "ver_1")
    sealer.adopt(rotated(sealer.ring))
    after = sealer.code_mac("493817", "ver_1")
    assert before != after
    assert sealer.proves_code(before, "493817", "ver_1")
    assert sealer.proves_code(after, "493817", "ver_1")
    without = Sealer(sealer.ring.without({1}))
    assert not without.proves_code(before, "493817", "ver_1")
    assert without.proves_code(after, "493817", "ver_1")


@given(st.none() | st.binary(max_size=40))
def test_c15_where_there_is_no_mac_no_code_is_right(mac: bytes | None) -> None:
    assert not Sealer(MASTER).proves_code(mac, "493817", "ver_1")


# --- sealed anew ---


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = database.open_engine(tmp_path)
    yield engine
    engine.dispose()


def add_message(connection: Connection, sealer: Sealer, message_id: str, deadline_ms: int = NOW_MS) -> None:
    connection.execute(
        insert(messages).values(
            id=message_id,
            client="client",
            status="queued",
            rank=0,
            recipient="+447700900001",
            body=sealer.seal(f"text of {message_id}", message_id),
            alphabet="gsm7",
            segments=1,
            created_at_ms=NOW_MS,
            deadline_ms=deadline_ms,
            next_at_ms=0,
            on_unknown="resend",
        )
    )


def add_endpoint(connection: Connection, sealer: Sealer) -> None:
    connection.execute(
        insert(webhook_endpoints).values(
            id="whk_1",
            url="https://receiver.example",
            types="[]",
            secret=sealer.seal_octets(b"new secret", "whk_1"),
            old_secret=sealer.seal_octets(b"old secret", "whk_1"),
            created_at_ms=NOW_MS,
        )
    )


def add_verification(connection: Connection, sealer: Sealer) -> None:
    connection.execute(
        insert(verifications).values(
            id="ver_1",
            client="client",
            status="pending",
            recipient="+447700900001",
            number_key=sealer.number_key("+447700900001"),
            region="GB",
            purpose="login",
            binding="",
            template="code",
            locale="en",
            code_type="numeric",
            code_length=6,
            code_mac=sealer.code_mac("493817", "ver_1"),
            send_no=1,
            attempts=0,
            max_attempts=5,
            created_at_ms=NOW_MS,
            deadline_ms=NOW_MS,
            resend_at_ms=NOW_MS,
        )
    )


def all_bodies(engine: Engine, sealer: Sealer) -> None:
    """Batch by batch, each in its own transaction as the daemon does."""
    place: reseal.Place | None = reseal.FIRST
    while place is not None:
        with engine.begin() as connection:
            place = reseal.bodies(connection, sealer, place)


def test_everything_that_waits_comes_under_the_new_key_in_batches(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reseal, "BATCH", 7)
    sealer = Sealer(Ring.fresh(NOW_MS))
    with engine.begin() as connection:
        for number in range(40):
            # Equal deadlines, so that a batch ends in the middle of some.
            add_message(connection, sealer, f"msg_{number}", NOW_MS + number % 3)
        add_endpoint(connection, sealer)
        assert reseal.uses(connection) == {1: Use(messages=40, webhook_secrets=2)}
    sealer.adopt(rotated(sealer.ring))
    all_bodies(engine, sealer)
    with engine.begin() as connection:
        assert reseal.webhook_secrets(connection, sealer) == 2
        assert reseal.webhook_secrets(connection, sealer) == 0
        assert reseal.uses(connection) == {2: Use(messages=40, webhook_secrets=2)}
        assert not reseal.holds_anything(connection, 1)
        left = Sealer(sealer.ring.without({1}))
        for row in connection.execute(select(messages.c.id, messages.c.body)):
            assert left.open(row.body, row.id) == f"text of {row.id}"
        endpoint = connection.execute(select(webhook_endpoints)).one()
        assert left.open_octets(endpoint.secret, "whk_1") == b"new secret"
        assert left.open_octets(endpoint.old_secret, "whk_1") == b"old secret"


def test_a_body_that_can_not_be_opened_does_not_stop_the_others(engine: Engine) -> None:
    sealer = Sealer(Ring.fresh(NOW_MS))
    with engine.begin() as connection:
        add_message(connection, sealer, "msg_1")
        add_message(connection, sealer, "msg_2")
        connection.execute(update(messages).where(messages.c.id == "msg_1").values(body=b"\x01damaged"))
        sealer.adopt(rotated(sealer.ring))
        assert reseal.bodies(connection, sealer) is None
        assert reseal.uses(connection) == {1: Use(messages=1), 2: Use(messages=1)}


def test_a_key_is_in_use_as_long_as_a_code_that_it_made_can_be_checked(engine: Engine) -> None:
    sealer = Sealer(Ring.fresh(NOW_MS))
    with engine.begin() as connection:
        add_verification(connection, sealer)
        assert reseal.uses(connection) == {1: Use(codes=1)}
        assert reseal.holds_anything(connection, 1)
        connection.execute(update(verifications).values(status="approved", code_mac=None))
        assert not reseal.holds_anything(connection, 1)


def test_c16_every_key_is_of_256_random_bits() -> None:
    rings = [rotated(Ring.fresh(NOW_MS)) for _ in range(50)]
    octets = [each for ring in rings for each in (*ring.root.octets, *(key.octets for key in ring.keys))]
    assert len(set(octets)) == 250
    assert {len(each) for each in octets} == {KEY_OCTETS}
    # Of 64,000 fair bits, half are set, give or take less than 5 standard deviations.
    assert abs(sum(int.from_bytes(each, "big").bit_count() for each in octets) - 32_000) < 633
