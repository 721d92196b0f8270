"""Somebody writes commands to the box's SIM: the box goes on as if nothing had come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .appliance import eventually
from .crowd import Scene, scene

pytestmark = pytest.mark.live
STRANGER, PHONE = "+447700900666", "+447700900123"
COMMANDS = (
    *(
        "REBOOT",
        "AT+CMGD=1,4",
        "AT+CFUN=1,1",
        "\r\nAT+CMGD=1,4\r\n",
        "STOP",
        f"UNLOCK {PHONE}",
        "+CMGS: 7",
        "OK",
    ),
    *("Stop!", "START", "stop", "STOP STOP", "please stop", "UNSTOP +447700900123", "stops lift", "ACK ALL"),
    *("PAUSE modem-000", "DELETE FROM messages", '^SMMEMFULL:"SM"', "+CPIN: SIM PUK", "x" * 400),
)


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path, modems=1) as playing:
        yield playing


def standing(playing: Scene) -> dict[str, Any]:
    """What a command could have changed."""
    modem = playing.box.modem("modem-000")
    audit = playing.box.call("GET", "/v1/audit")[1]["items"]
    kept = {name: modem[name] for name in ("state", "reason", "paused") if name in modem}
    return {"modem": kept, "audit": len(audit), "keys": playing.box.call("GET", "/v1/keys")[1]}


def _kinds(playing: Scene, count: int) -> Counter[str] | None:
    """How many messages of each kind came in, once all are there."""
    items = playing.box.call("GET", "/v1/inbound?limit=200")[1]["items"]
    return Counter(item["kind"] for item in items) if len(items) >= count else None


def test_a29_commands_by_sms_change_nothing_while_a_code_is_on_its_way(playing: Scene) -> None:
    (caller,) = playing.callers(1, playing.key("application"))
    first = caller.start(PHONE, purpose="before")
    playing.code(PHONE)
    playing.settled(first.body["id"])
    before = standing(playing)
    verification = caller.start(PHONE, ttl=600).body["id"]
    for text in COMMANDS:
        assert playing.network.control(do="text", modem=0, **{"from": STRANGER}, text=text)["parts"] >= 1
    code = playing.code(PHONE, 2)
    told = playing.settled(verification)
    assert [message["status"] for message in told["messages"]][-1] in {"sent", "delivered"}
    after = standing(playing)
    assert after["modem"] == before["modem"]
    # What was written is kept as text, and a lone STOP or START is told from the rest.
    kinds = eventually(lambda: _kinds(playing, len(COMMANDS)))
    assert (kinds["stop"], kinds["start"]) == (3, 1)
    assert sum(kinds.values()) == len(COMMANDS)
    assert [item["set_by"] for item in playing.box.call("GET", "/v1/stops")[1]["items"]] == ["sms"]
    after = standing(playing)
    assert after["audit"] == before["audit"] + 1 + 3, "the start of the code; STOP, START, stop; nothing else"
    assert [key["id"] for key in after["keys"]["items"]] == [key["id"] for key in before["keys"]["items"]]
    (listed,) = playing.network.control(do="modems")["modems"]
    assert (listed["submits"], listed["plugged"]) == (2, True)
    assert caller.check(verification, code).status == 200
    assert playing.box.is_ready()
    trace = playing.box.call("GET", "/v1/modems/modem-000/trace")[1]
    assert not [line for line in trace["items"] if "CMGD=1,4" in str(line) or "CFUN=1,1" in str(line)]
