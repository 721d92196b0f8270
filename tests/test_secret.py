"""A secret: given away by `reveal` alone."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import traceback

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.secret import Secret

VALUE = "K7-493817"


@dataclasses.dataclass
class Holder:
    code: Secret


def test_it_is_told_by_reveal_alone() -> None:
    assert Secret(VALUE).reveal() == VALUE


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r:>40}",
        lambda secret: f"{secret:>40}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - one of the ways to print
        "{:s}".format,
        lambda secret: repr([secret, {"code": secret}]),
        lambda secret: repr(Holder(secret)),
        lambda secret: repr(dataclasses.asdict(Holder(secret))),
        lambda secret: repr(dir(secret)),
        lambda secret: json.dumps({"code": secret}, default=repr),
    ],
)
def test_no_way_of_printing_shows_it(show: object) -> None:
    assert callable(show)
    assert "493817" not in show(Secret(VALUE))


@pytest.mark.parametrize("write", [json.dumps, msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps])
def test_what_writes_it_refuses_without_showing_it(write: object) -> None:
    assert callable(write)
    with pytest.raises(TypeError) as refused:
        write(Secret(VALUE))
    assert "493817" not in str(refused.value)


def test_it_has_no_hash_and_no_attributes_to_look_through() -> None:
    with pytest.raises(TypeError):
        hash(Secret(VALUE))
    assert not hasattr(Secret(VALUE), "__dict__")


def test_a_copy_is_the_same_secret() -> None:
    secret = Secret(VALUE)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_a_traceback_through_it_does_not_show_it() -> None:
    with pytest.raises(ValueError, match="secret") as failed:
        raise ValueError(Secret(VALUE))
    assert "493817" not in "".join(traceback.format_exception(failed.value))


def test_a_log_line_does_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("the code %s", Secret(VALUE))
    assert "493817" not in caplog.text


@given(st.text(), st.text())
def test_two_are_equal_where_their_values_are(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) is (one == other)
    assert Secret(one) == Secret(one)


def test_a_plain_text_is_never_equal_to_it() -> None:
    assert Secret(VALUE) != VALUE


def test_text_that_no_encoding_has_is_compared_as_well() -> None:
    assert Secret("\ud800") == Secret("\ud800")
    assert Secret("\ud800") != Secret("\ud801")
