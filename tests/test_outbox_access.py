"""Keys, idempotency records and the sealing of bodies."""

from __future__ import annotations

from pathlib import Path

import pytest
from dispatch_bench import Box

from simcourier.errors import ConfigError, EquipmentError, RequestError
from simcourier.outbox import access
from simcourier.outbox.seal import Sealer, load_key


def test_a_key_proves_its_secret_and_no_other(box: Box) -> None:
    with box.engine.begin() as connection:
        key, secret = access.create_key(connection, "keycloak", frozenset({"messages:send"}), 1)
        found = access.find_key(connection, key.id)
    assert found == key
    assert key.proves(secret)
    assert not key.proves(secret[:-1] + ("0" if secret[-1] != "0" else "1"))
    assert len(bytes.fromhex(secret)) == 32


def test_no_secret_is_stored(box: Box) -> None:
    with box.engine.begin() as connection:
        _key, secret = access.create_key(connection, "keycloak", frozenset(), 1)
        dump = "\n".join(connection.connection.dbapi_connection.iterdump())  # type: ignore[union-attr]
    assert secret not in dump


def test_a_revoked_key_proves_nothing(box: Box) -> None:
    with box.engine.begin() as connection:
        key, secret = access.create_key(connection, "keycloak", frozenset(), 1)
        assert access.revoke_key(connection, "keycloak", 2)
        assert not access.revoke_key(connection, "keycloak", 3)
        found = access.find_key(connection, key.id)
    assert found is not None
    assert not found.proves(secret)


def test_a_name_has_one_key(box: Box) -> None:
    with box.engine.begin() as connection:
        access.create_key(connection, "keycloak", frozenset(), 1)
    with box.engine.begin() as connection, pytest.raises(RequestError) as caught:
        access.create_key(connection, "keycloak", frozenset(), 1)
    assert caught.value.pointer == "/name"


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
    key = load_key(path)
    assert load_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_file_of_the_wrong_length_is_named(tmp_path: Path) -> None:
    path = tmp_path / "body.key"
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match=r"storage\.key_file .*exactly 32 octets, not 5"):
        load_key(path)
