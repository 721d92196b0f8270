"""Keys, idempotency records and the sealing of bodies."""

from __future__ import annotations

from pathlib import Path

import pytest
from dispatch_bench import Box
from sqlalchemy.engine import Connection

from simcourier.errors import ConfigError, EquipmentError, RequestError
from simcourier.outbox import access
from simcourier.outbox.access import UNBOUND, Key, Terms
from simcourier.outbox.keyring import KeyFile
from simcourier.outbox.seal import Sealer

NOW_MS = 1_800_000_000_000
DAY_MS = 24 * 3600 * 1000


def made(connection: Connection, name: str = "keycloak", terms: Terms = UNBOUND) -> tuple[Key, str]:
    result = access.create_key(connection, name, frozenset({"messages:send"}), NOW_MS, terms)
    assert not isinstance(result, RequestError)
    return result


def found(connection: Connection, key: Key) -> Key:
    again = access.find_key(connection, key.id)
    assert again is not None
    return again


def test_a14_a_key_proves_its_256_bits_and_no_other(box: Box) -> None:
    terms = Terms(NOW_MS + DAY_MS, ("10.0.0.0/8", "2001:db8::/32"), template_only=True, sandbox=True)
    with box.engine.begin() as connection:
        key, secret = made(connection, terms=terms)
        assert found(connection, key) == key
    assert len(bytes.fromhex(secret)) == 32
    assert key.proves(secret, NOW_MS)
    for wrong in (secret[:-1], secret + "0", secret[:-1] + ("0" if secret[-1] != "0" else "1"), "", "é"):
        assert not key.proves(wrong, NOW_MS)


def test_a14_no_secret_is_stored(box: Box) -> None:
    with box.engine.begin() as connection:
        key, secret = made(connection)
        _key, newer = access.rotate_key(connection, key, NOW_MS, DAY_MS) or (None, "")
        dump = "\n".join(connection.connection.dbapi_connection.iterdump())  # type: ignore[union-attr]
    assert newer
    assert secret not in dump
    assert newer not in dump


def test_a14_a_revoked_key_proves_nothing_with_either_secret(box: Box) -> None:
    with box.engine.begin() as connection:
        key, old = made(connection)
        _key, new = access.rotate_key(connection, key, NOW_MS, DAY_MS) or (None, "")
        assert access.revoke_key(connection, key.id, NOW_MS)
        assert not access.revoke_key(connection, key.id, NOW_MS)
        after = found(connection, key)
        assert access.rotate_key(connection, after, NOW_MS, 0) is None
        assert not access.revoke_old_secret(connection, key.id, NOW_MS)
    assert not after.proves(old, NOW_MS)
    assert not after.proves(new, NOW_MS)


def test_a14_an_expired_key_proves_nothing_and_is_not_rotated(box: Box) -> None:
    with box.engine.begin() as connection:
        key, secret = made(connection, terms=Terms(expires_at_ms=NOW_MS + 10))
        assert key.proves(secret, NOW_MS + 9)
        assert not key.proves(secret, NOW_MS + 10)
        assert access.rotate_key(connection, key, NOW_MS + 10, DAY_MS) is None


def test_a14_two_secrets_live_while_one_is_rotated_and_never_three(box: Box) -> None:
    with box.engine.begin() as connection:
        key, first = made(connection)
        _key, second = access.rotate_key(connection, key, NOW_MS, 1000) or (None, "")
        rotated = found(connection, key)
        assert rotated.proves(first, NOW_MS + 999)
        assert rotated.proves(second, NOW_MS + 999)
        assert not rotated.proves(first, NOW_MS + 1000)
        assert rotated.proves(second, NOW_MS + DAY_MS)
        _key, third = access.rotate_key(connection, rotated, NOW_MS, 1000) or (None, "")
        again = found(connection, key)
    assert [again.proves(secret, NOW_MS) for secret in (first, second, third)] == [False, True, True]


def test_a_rotation_may_end_the_old_secret_at_once(box: Box) -> None:
    with box.engine.begin() as connection:
        key, first = made(connection)
        _key, second = access.rotate_key(connection, key, NOW_MS, 0) or (None, "")
        rotated = found(connection, key)
    assert not rotated.has_old(NOW_MS)
    assert [rotated.proves(secret, NOW_MS) for secret in (first, second)] == [False, True]


def test_the_old_secret_alone_is_revoked(box: Box) -> None:
    with box.engine.begin() as connection:
        key, first = made(connection)
        assert not access.revoke_old_secret(connection, key.id, NOW_MS)
        _key, second = access.rotate_key(connection, key, NOW_MS, DAY_MS) or (None, "")
        assert access.revoke_old_secret(connection, key.id, NOW_MS)
        assert not access.revoke_old_secret(connection, key.id, NOW_MS)
        after = found(connection, key)
    assert [after.proves(secret, NOW_MS) for secret in (first, second)] == [False, True]


def test_a14_a_key_that_does_not_exist_proves_nothing() -> None:
    for secret in ("", "-" * 64, "x", access.digest("")):
        assert not access.NOBODY.proves(secret, 0)


@pytest.mark.parametrize(
    ("peer", "admitted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("::ffff:a01:203", True),
        ("192.0.2.7", True),
        ("2001:db8::1", True),
        ("2001:db8::1%eth0", True),
        ("192.0.2.8", False),
        ("11.0.0.1", False),
        ("::ffff:11.0.0.1", False),
        ("::10.1.2.3", False),
        ("64:ff9b::10.1.2.3", False),
        ("2001:db9::1", False),
        ("0x0a010203", False),
        ("010.001.002.003", False),
        ("10.1.2.3, 192.0.2.8", False),
        ("localhost", False),
        ("", False),
        (None, False),
    ],
)
def test_a14_a_bound_key_is_admitted_from_its_networks_only(peer: str | None, admitted: bool) -> None:
    terms = Terms(cidrs=("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"))
    assert Key("1", "", "", frozenset(), 0, terms=terms).admits(peer) is admitted
    assert Key("1", "", "", frozenset(), 0).admits(peer)


def test_a_name_has_one_key(box: Box) -> None:
    with box.engine.begin() as connection:
        made(connection)
        refused = access.create_key(connection, "keycloak", frozenset(), NOW_MS)
        assert isinstance(refused, RequestError)
        assert (refused.code, refused.pointer) == ("name-taken", "/name")
        assert len(access.list_keys(connection)) == 1


def test_there_is_a_bound_to_keys(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MOST_KEYS", 2)
    with box.engine.begin() as connection:
        made(connection, "a")
        made(connection, "b")
        refused = access.create_key(connection, "c", frozenset(), NOW_MS)
    assert isinstance(refused, RequestError)
    assert refused.code == "policy-violation"


def test_keys_that_are_revoked_or_expired_leave_room_for_others(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "MOST_KEYS", 2)
    with box.engine.begin() as connection:
        first = made(connection, "a")[0]
        access.revoke_key(connection, first.id, NOW_MS)
        access.create_key(connection, "b", frozenset(), NOW_MS - 2, Terms(expires_at_ms=NOW_MS))
        made(connection, "c")
        access.create_key(connection, "d", frozenset(), NOW_MS, Terms(expires_at_ms=NOW_MS + 1))
        refused = access.create_key(connection, "e", frozenset(), NOW_MS)
        assert isinstance(refused, RequestError)
        assert isinstance(access.create_key(connection, "e", frozenset(), NOW_MS + 1), tuple)


def test_keys_are_listed_oldest_first(box: Box) -> None:
    with box.engine.begin() as connection:
        access.create_key(connection, "b", frozenset(), 1)
        access.create_key(connection, "a", frozenset({"admin"}), 2)
        assert [key.name for key in access.list_keys(connection)] == ["b", "a"]


def test_an_answer_is_recalled_by_client_and_key(box: Box) -> None:
    with box.engine.begin() as connection:
        access.remember(connection, "client", "key", "fingerprint", b"{}", 1)
        assert access.recall(connection, "client", "key") == access.Remembered("fingerprint", b"{}")
        assert access.recall(connection, "other", "key") is None
        assert access.forget_answers(connection, 2) == 1
        assert access.recall(connection, "client", "key") is None


def test_refused_pins_are_forgiven_and_right_ones_kept(box: Box) -> None:
    with box.engine.begin() as connection:
        for card in ("1", "2"):
            assert access.may_try_pin(connection, card, "pin", 1)
        access.pin_judged(connection, "1", "pin", True)
        assert access.forgive_pins(connection, "2") == 1
        assert access.forgive_pins(connection) == 0
        assert access.may_try_pin(connection, "2", "pin", 1)


def test_a_sealed_text_opens_for_its_message_only() -> None:
    sealer = Sealer(b"k" * 32)
    sealed = sealer.seal("Your code is 123456", "msg_1")
    assert b"123456" not in sealed
    assert sealer.open(sealed, "msg_1") == "Your code is 123456"
    with pytest.raises(EquipmentError, match="msg_2"):
        sealer.open(sealed, "msg_2")
    with pytest.raises(EquipmentError):
        Sealer(b"x" * 32).open(sealed, "msg_1")


def test_the_same_text_is_sealed_differently_each_time() -> None:
    sealer = Sealer(b"k" * 32)
    assert sealer.seal("text", "msg_1") != sealer.seal("text", "msg_1")


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "body.key"
    ring = KeyFile(path).load(NOW_MS)
    assert KeyFile(path).load(NOW_MS) == ring
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_file_of_the_wrong_length_is_named(tmp_path: Path) -> None:
    path = tmp_path / "body.key"
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match=r"storage\.key_file .*exactly 32 octets, not 5"):
        KeyFile(path).load(NOW_MS)
