"""What is logged: never a code, a text, a key, a PDU or a whole number, whoever logs it and however."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from simcourier import log
from simcourier.errors import EquipmentError
from simcourier.redaction import HIDDEN, NAMES, redact, said, shaped
from simcourier.secret import Secret
from simcourier.service import SendRequest, StartRequest
from simcourier_web.api.messages import SendBody, Vars
from simcourier_web.api.verifications import CheckBody, VerificationBody

CODE = "493817"
NUMBER = "+447700900123"
API_KEY = "sck_0123456789abcdef_" + "ab" * 32
PDU = "0011000C9144770009103200000AA0" + "D9" * 12

Read = Callable[[], str]


@pytest.fixture(params=[True, False], ids=["json", "words"])
def lines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Read]:
    """The log of a process set up as the daemon's; everything global is as before in the end."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    monkeypatch.setattr(sys, "stderr", stream)
    log.configure("debug", as_json=request.param)
    yield stream.getvalue
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers, root.level = handlers, level
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.mark.parametrize(
    "shown",
    [
        "msg_AbCdEf0123456789abcdef",
        "evt_0123456789_-0123456789",
        "2026-11-23T04:51:45.123Z",
        "2026-11-23",
        "127.0.0.1:54321",
        "http://10.0.0.5:8080",
        "/dev/simcourier/pci-0000:00:14.0-usb-0:2:1.2",
        "AT+CMGS=31: +CMS ERROR: 38",
        "TS 23.040 9.2.3.15",
        "the answer took 12345 ms",
        "modem E3372 on ttyUSB12",
        "+44•••••0001",
        "req_K7MPXWCDFGHJKMNPRTVWXY",
        "TP-ST 0x41, TP-MR 255",
        "another simcourier (process 12345)",
    ],
)
def test_what_an_admin_needs_is_shown(shown: str) -> None:
    assert shaped(shown) == shown


@pytest.mark.parametrize(
    ("given_", "left"),
    [
        (f"to {NUMBER}", "to •••123"),
        ("to +44 7700 900-123", "to •••123"),
        ("to 07700 900123", "to •••123"),
        (f"code {CODE}", "code •••"),
        ("code 4938172650", "code •••"),
        ("٤٩٣٨١٧", "•••"),
        ("it is 837-261", "it is •••"),
        ("it is 837 261.", "it is •••."),
        ("pin 4711", "pin •••"),
        ("2026-01-31 837261", "2026-01-31 •••"),
        ("2026-01-31T12:00:00837261", "2026-01-31T12:00:•••"),
        ("code 12345, again", "code •••, again"),
        ("your code is K7MPXW", "your code is •••"),
        ("CDFGHJKMNP", "•••"),
        (f"> {PDU}", f"> <{len(PDU) // 2} octets>"),
        (f"key {API_KEY}", f"key {HIDDEN}"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", HIDDEN),
        ("Authorization: Bearer abcdefgh12", f"Authorization: {HIDDEN}"),
        ("basic c2hvcDpzZWNyZXQ=", HIDDEN),
    ],
)
def test_c13_what_looks_like_a_secret_is_hidden(given_: str, left: str) -> None:
    assert shaped(given_) == left
    assert shaped(left) == left


@pytest.mark.parametrize("name", sorted(NAMES))
def test_c13_a_value_is_hidden_by_its_name_whatever_it_is(name: str) -> None:
    for value in ("plain", 7, b"plain", ["plain"], {"plain": "plain"}, Secret("plain")):
        assert redact(value, name) == HIDDEN
        assert redact(value, f"old_{name}") == HIDDEN
    assert redact({"request": {name: "plain"}}) == {"request": {name: HIDDEN}}
    assert redact({"request": [{name.upper(): "plain"}]}) == {"request": [{name.upper(): HIDDEN}]}


@pytest.mark.parametrize("name", ["apiKey", "APIKey", "X-Api-Key", "messageText", "text2", "toNumber"])
def test_a_word_is_found_in_a_name_however_it_is_written(name: str) -> None:
    hidden = redact("plain", name) == HIDDEN
    assert hidden is (name != "text2")


@pytest.mark.parametrize(
    "name", ["monkey", "topic", "encoded", "context", "keyboard", "stopped", "tokenless"]
)
def test_a_word_within_another_hides_nothing(name: str) -> None:
    assert redact("plain", name) == "plain"


@pytest.mark.parametrize(
    ("name", "value"), [("step_ms", 1_800_000_000_000), ("seq", 12_345_678), ("queue", 250)]
)
def test_a_measured_number_is_shown(name: str, value: int) -> None:
    assert redact(value, name) == value


def test_a_number_that_may_be_a_phone_s_is_hidden_as_a_whole_number_too() -> None:
    assert redact(447700900123, "value") == "•••123"
    assert redact(493817, "value") == "•••"


def test_c13_an_object_is_shown_by_its_type_alone() -> None:
    request = SendRequest(to=NUMBER, text="Your code is K7MPXW", values={"code": "K7MPXW"}, reference="bob")
    assert redact(request) == "<SendRequest>"
    assert redact([object()]) == ["<object>"]


@pytest.mark.parametrize(
    "shown",
    [
        SendRequest(to=NUMBER, text="it is K7MPXW", values={"code": "K7MPXW"}, reference="bob"),
        StartRequest(
            to=NUMBER,
            purpose="login",
            subject="bob",
            binding="bob",
            amount="K7MPXW",
            payee="bob",
            reference="bob",
        ),
        Vars(code="K7MPXW", payee="bob"),
        SendBody(to=NUMBER, text="it is K7MPXW", template_vars=Vars(code="K7MPXW"), reference="bob"),
        VerificationBody(to=NUMBER, purpose="login", amount="K7MPXW", payee="bob"),
        CheckBody(code="K7MPXW", binding="bob"),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_c13_a_request_shows_neither_code_nor_number_nor_person(shown: object) -> None:
    for said_ in (repr(shown), str(shown), f"{[shown]}"):
        assert not [word for word in ("K7MPXW", NUMBER[-6:], "bob") if word in said_]


def test_what_has_no_end_is_cut_off() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert "..." in json.dumps(redact(endless))
    assert len(redact(list(range(1000)), "sizes")) == 50


_SECRETS = st.one_of(
    st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True),
    st.from_regex(r"[0-9]{6,10}", fullmatch=True),
    st.from_regex(r"[0-9A-F]{20,60}", fullmatch=True),
    st.from_regex(r"sck_[0-9a-f]{16}_[0-9a-f]{64}", fullmatch=True),
    st.from_regex(r"whsec_[A-Za-z0-9+/]{43}=", fullmatch=True),
)
_AROUND = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Nd", "Lu", "Ll", "Lm", "Lo")), max_size=8
)
_PLAIN_NAMES = st.sampled_from(["reason", "why", "state", "first", "event", "logger"])


def _nested(leaf: Any, shape: list[str]) -> Any:
    for kind in shape:
        leaf = {"inner": leaf} if kind == "dict" else [leaf] if kind == "list" else (leaf,)
    return leaf


@given(
    _SECRETS, _AROUND, _AROUND, _PLAIN_NAMES, st.lists(st.sampled_from(["dict", "list", "tuple"]), max_size=4)
)
def test_c13_no_secret_leaves_by_any_value_of_any_shape(
    secret: str, before: str, after: str, name: str, shape: list[str]
) -> None:
    event = log.redacted(None, "info", {name: _nested(f"{before}{secret}{after}", shape)})
    shown = json.dumps(event, ensure_ascii=False)
    assert secret not in shown
    if secret.isdecimal() and len(secret) <= 10:
        # Not even half of a code is shown.
        assert secret[-3:] not in shown


@given(st.text(max_size=200))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert shaped(shaped(text)) == shaped(text)


@given(st.text(min_size=4, max_size=40), st.sampled_from(sorted(NAMES)))
def test_c13_whatever_stands_under_such_a_name_is_hidden(text: str, name: str) -> None:
    assert log.redacted(None, "info", {name: text}) == {name: HIDDEN}


def test_somebody_else_s_exception_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(ValueError, match="invalid literal") as refused:
        int(f"x{CODE[:5]}")
    assert said(refused.value) == "ValueError: invalid literal for int() with base 10: '...'"
    assert "4938" not in said(ValueError("it was 49381"))


def test_our_own_exception_keeps_its_sentence() -> None:
    error = EquipmentError('AT+CPIN?: "SIM PIN" at +CMS ERROR: 38')
    assert said(error) == 'EquipmentError: AT+CPIN?: "SIM PIN" at +CMS ERROR: 38'


def _fail() -> None:
    try:
        {}[CODE]
    except KeyError as error:
        raise ValueError(f"no number {NUMBER} in {{'text': 'Your code is {CODE}'}}") from error


def test_an_exception_is_logged_with_its_places_and_causes_and_without_values(lines: Read) -> None:
    try:
        _fail()
    except ValueError:
        log.get("test").exception("it failed")
    assert "_fail" in lines()
    assert "which led to" in lines()
    assert lines().count("Traceback (most recent call last)") == 2
    assert CODE not in lines()
    assert NUMBER not in lines()


@pytest.mark.parametrize(
    "name", ["waitress", "apscheduler.scheduler", "sqlalchemy.engine", "urllib3", "simcourier.radio"]
)
def test_c13_the_standard_library_s_loggers_go_the_same_way(
    lines: Read, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    # Some of them are told to be silent by the parts that use them.
    caplog.set_level(logging.WARNING, logger=name)
    try:
        _fail()
    except ValueError:
        logging.getLogger(name).error("to %s with %s: %r", NUMBER, API_KEY, {"text": CODE}, exc_info=True)
    assert name in lines()
    assert "_fail" in lines()
    assert not [secret for secret in (CODE, NUMBER, API_KEY) if secret in lines()]


def test_a_library_s_debug_lines_are_not_logged_at_all(lines: Read) -> None:
    log.get("test").debug("ours")
    logging.getLogger("urllib3.connectionpool").debug("theirs")
    assert "ours" in lines()
    assert "theirs" not in lines()


def test_a_warning_of_a_library_goes_the_same_way(lines: Read) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(f"deprecated for {NUMBER}", stacklevel=1)
    assert "deprecated" in lines()
    assert NUMBER not in lines()


def test_what_nobody_caught_goes_the_same_way(lines: Read) -> None:
    try:
        _fail()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, None)))
    assert lines().count("a fault of this program") == 2
    assert CODE not in lines()
    assert NUMBER not in lines()


def test_bound_values_are_redacted_too(lines: Read) -> None:
    log.get("test").bind(recipient=NUMBER, reason=f"for {NUMBER}").info("sent")
    assert "sent" in lines()
    assert NUMBER not in lines()
