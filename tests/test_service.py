"""The door: what it refuses before anything is written."""

from __future__ import annotations

import pytest
from web_fixtures import PHONE, TEXT, web_box

from simcourier.errors import RequestError
from simcourier.service import Client, SendRequest

CLIENT = Client("client", "client", frozenset({"messages:send"}))


@pytest.mark.parametrize("number", ["112", "911", "999"])
def test_no_text_goes_to_an_emergency_number(tmp_path, number: str) -> None:
    with web_box(tmp_path) as box, pytest.raises(RequestError) as caught:
        box.service.messages.send(CLIENT, SendRequest(number, TEXT))
    assert (caught.value.code, caught.value.pointer) == ("invalid-number", "/to")


def test_a_box_that_stops_accepts_nothing_more(tmp_path) -> None:
    with web_box(tmp_path) as box:
        box.service.room.close()
        with pytest.raises(RequestError) as caught:
            box.service.messages.send(CLIENT, SendRequest(PHONE, TEXT))
    assert caught.value.code == "shutting-down"
