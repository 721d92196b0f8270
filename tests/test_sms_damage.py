"""Damaged PDUs give a value or a `PduError`, nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcourier.sms.deliver import Deliver, decode_deliver
from simcourier.sms.errors import PduError
from simcourier.sms.report import StatusReport, decode_status_report
from simcourier.sms.submit import Submit
from simcourier.sms.tpdu import decode_incoming, decode_submit

_VECTORS = Path(__file__).parent / "data" / "pdu_vectors.jsonl"
_HOW_MANY = 100_000


def _whole_pdus() -> list[bytes]:
    rows = map(json.loads, _VECTORS.read_text(encoding="utf-8").splitlines())
    return [bytes.fromhex(row["hex"]) for row in rows if row["kind"] == "pdu"]


def _damage(random: Random, whole: bytes) -> bytes:
    """Return a copy cut short, with bits flipped, with an octet that lies, with octets too many, or noise."""
    octets = bytearray(whole)
    match random.randrange(6):
        case 0:
            del octets[random.randrange(len(octets)) :]
        case 1:
            for _ in range(random.randint(1, 4)):
                octets[random.randrange(len(octets))] ^= 1 << random.randrange(8)
        case 2:
            octets[random.randrange(len(octets))] = random.choice(
                (0x00, 0x01, 0x7F, 0x80, 0xFF, random.randrange(256))
            )
        case 3:
            at = random.randrange(len(octets) + 1)
            octets[at:at] = random.randbytes(random.randint(1, 8))
        case 4:
            at = random.randrange(len(octets))
            del octets[at : at + random.randint(1, 4)]
        case _:
            octets = bytearray(random.randbytes(random.randrange(1, 60)))
    return bytes(octets)


def _use(tpdu: Deliver | StatusReport | Submit) -> None:
    """Look at everything that the daemon would look at."""
    repr(tpdu).encode()
    data = tpdu.parameters.user_data if isinstance(tpdu, StatusReport) and tpdu.parameters else None
    if not isinstance(tpdu, StatusReport):
        data = tpdu.user_data
    if data is not None:
        assert (data.text or "").encode() is not None
        assert data.concatenation is None or 1 <= data.concatenation.sequence <= data.concatenation.total
        assert data.ports is None or data.ports.destination <= 0xFFFF


def test_a_hundred_thousand_damaged_pdus_give_a_value_or_a_typed_error() -> None:
    random = Random(20261122)  # noqa: S311 - seeded noise, not a secret
    whole = _whole_pdus()
    values = refusals = 0
    for count in range(_HOW_MANY):
        damaged = _damage(random, whole[count % len(whole)]).hex()
        for decode in (decode_incoming, decode_submit):
            try:
                tpdu = decode(damaged, tpdu_length=random.choice((None, random.randrange(200))))
            except PduError:
                refusals += 1
            else:
                values += 1
                _use(tpdu)
    assert values > _HOW_MANY // 4
    assert refusals > _HOW_MANY // 4


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(max_size=80), st.text('0123456789abcdefABCDEF "', max_size=400)))
def test_any_text_gives_a_value_or_a_typed_error(digits: str) -> None:
    for decode in (decode_incoming, decode_submit, decode_deliver, decode_status_report):
        with suppress(PduError):
            _use(decode(digits))


@given(st.binary(min_size=12, max_size=60))
def test_a_refusal_does_not_repeat_the_pdu(octets: bytes) -> None:
    damaged = b"\x00\xff" + octets
    with pytest.raises(PduError) as refused:
        decode_incoming(damaged.hex())
    assert damaged.hex()[8:20] not in str(refused.value).lower()
