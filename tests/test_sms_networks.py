"""The home network out of an IMSI; test networks, and the countries whose codes are long or mixed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.sms.networks import home_network


@pytest.mark.parametrize(
    ("imsi", "network"),
    [
        ("001010000000001", "00101"),
        ("001020000000001", "00102"),
        ("999010000000001", "99901"),
        ("234150000000001", "23415"),
        ("310410000000001", "310410"),
        ("316000000000001", "316000"),
        ("302720000000001", "302720"),
        ("334020000000001", "334020"),
        ("722310000000001", "722310"),
        ("732101000000001", "732101"),
        ("374120000000001", "37412"),
        ("374130000000001", "374130"),
        ("405010000000001", "40501"),
        ("405025000000001", "405025"),
        ("405840000000001", "405840"),
        ("405660000000001", "40566"),
        ("502121000000001", "50212"),
        ("502152000000001", "502152"),
        ("23415000000001", "23415"),
    ],
)
def test_a_network_has_as_many_digits_as_its_country_gives_it(imsi: str, network: str) -> None:
    assert home_network(imsi) == network


@pytest.mark.parametrize("text", ["", "23415", "8944110000000000017", "23415x000000001", "٢٣٤١٥٠٠٠٠٠٠٠٠٠١"])
def test_what_is_no_imsi_has_no_network(text: str) -> None:
    assert home_network(text) == ""


@given(st.text(alphabet="0123456789", min_size=6, max_size=15))
def test_a_network_is_how_the_imsi_begins_and_never_all_of_it_past_its_code(imsi: str) -> None:
    network = home_network(imsi)
    assert imsi.startswith(network)
    assert len(network) in (5, 6)
