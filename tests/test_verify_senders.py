"""One sender is one sender, in whatever form a network writes the number."""

from __future__ import annotations

import pytest

from simcourier.sms.address import Address, TypeOfNumber
from simcourier.verify.senders import sender

PHONE = "+447700900666"


@pytest.mark.parametrize(
    ("address", "regions"),
    [
        (Address.international("447700900666"), ()),
        (Address.national("07700900666"), ("GB",)),
        (Address.national("7700900666"), ("GB",)),
        (Address.unknown("07700900666"), ("GB",)),
        (Address.unknown("447700900666"), ("GB",)),
    ],
)
def test_every_form_of_a_number_is_the_same_sender(address: Address, regions: tuple[str, ...]) -> None:
    found = sender(address, regions)
    assert (found.text, found.answerable, found.key_text) == (PHONE, True, PHONE)


def test_a_national_number_without_a_known_country_stays_as_it_is_and_can_stop_nothing() -> None:
    found = sender(Address.national("07700900666"), ())
    assert (found.text, found.answerable) == ("07700900666", False)


def test_a_short_code_is_the_same_everywhere() -> None:
    found = sender(Address.unknown("60123"), ("GB",))
    assert (found.text, found.answerable) == ("60123", True)


@pytest.mark.parametrize("name", ["ACME", "60123", "447700900", "<b>x</b>", ""])
def test_a_name_is_no_number_whatever_it_is_made_of(name: str) -> None:
    found = sender(Address(name, TypeOfNumber.ALPHANUMERIC), ("GB",))
    assert (found.text, found.answerable) == (name, False)
    assert found.key_text != sender(Address.unknown("60123"), ()).key_text


@pytest.mark.parametrize("value", ["*100#", "abc", "4477009006661234567890", "1", ""])
def test_what_nobody_can_dial_can_stop_nothing(value: str) -> None:
    assert not sender(Address.international(value), ("GB",)).answerable
    assert not sender(Address.unknown(value), ("GB",)).answerable


def test_a_sender_does_not_show_its_number() -> None:
    assert "900666" not in repr(sender(Address.international("447700900666"), ()))
