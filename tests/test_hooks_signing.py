"""Signatures of Standard Webhooks 1.0.0, checked by a package that knows nothing of us."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from simcourier.hooks.signing import new_secret, signatures

BODY = b'{"type":"message.sent"}'


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def headers(event_id: str, timestamp: int, signature: str) -> dict[str, str]:
    return {"webhook-id": event_id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}


def test_a_secret_is_32_octets_and_no_two_are_alike() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32 for secret in made)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200), st.uuids())
def test_the_independent_package_takes_the_signature_of_any_body(text: str, event: object) -> None:
    secret, timestamp, body = new_secret(), now(), text.encode()
    signature = signatures([secret], f"evt_{event}", timestamp, body)
    Webhook(secret).verify(body, headers(f"evt_{event}", timestamp, signature), json_parse=False)


def test_while_a_secret_is_rotated_either_one_verifies_and_no_other() -> None:
    new, old, timestamp = new_secret(), new_secret(), now()
    sent = headers("evt_1", timestamp, signatures([new, old], "evt_1", timestamp, BODY))
    for secret in (new, old):
        assert Webhook(secret).verify(BODY, sent) == {"type": "message.sent"}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, sent)


@pytest.mark.parametrize("changed", ["id", "timestamp", "body"])
def test_whatever_is_changed_on_the_way_the_signature_fails(changed: str) -> None:
    secret, timestamp = new_secret(), now()
    sent = headers("evt_1", timestamp, signatures([secret], "evt_1", timestamp, BODY))
    body = BODY
    match changed:
        case "id":
            sent["webhook-id"] = "evt_2"
        case "timestamp":
            sent["webhook-timestamp"] = str(timestamp + 1)
        case _:
            body = BODY.replace(b"sent", b"gone")
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, sent)
