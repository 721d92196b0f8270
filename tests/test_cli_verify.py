"""`simcourier verify`, `activity` and `unlock` against a box: in one sitting, step by step, and what an admin sees."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from web_fixtures import PHONE, WebBox, web_box
from werkzeug.serving import make_server

from simcourier.cli.box import Box, Unreachable
from simcourier.cli.group import simcourier
from simcourier.cli.verify import converse

Run = Callable[..., Result]
BODY = {"to": PHONE, "purpose": "login"}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path / "storage") as box:
        box.modem()
        yield box


@pytest.fixture
def box(web: WebBox) -> Iterator[Box]:
    """The command line's side of that box, over real HTTP."""
    server = make_server("127.0.0.1", 0, web.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Box(f"http://127.0.0.1:{server.server_port}", web.key("admin"))
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run(web: WebBox, box: Box) -> Run:
    key = web.key("admin")

    def invoke(command: str, *words: str, given: str | None = None) -> Result:
        first, *rest = command.split()
        return CliRunner().invoke(simcourier, [first, *rest, *words, "--url", box.url, "--key", key], given)

    return invoke


def typist(*steps: str | Callable[[], str] | BaseException) -> Callable[[], str]:
    """Somebody at the keyboard: types, looks at the phone first, or leaves."""
    left = iter(steps)

    def read_line() -> str:
        step = next(left)
        if isinstance(step, BaseException):
            raise step
        return step() if callable(step) else step

    return read_line


def wrong(web: WebBox) -> str:
    code = web.code()
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def status_of_last(web: WebBox) -> str:
    with web.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT status FROM verifications ORDER BY n DESC LIMIT 1")
        return str(found.scalar_one())


# --- in one sitting ---


def test_a_wrong_code_may_be_typed_again_and_the_right_one_is_approved(
    web: WebBox, box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    assert converse(box, BODY, typist(lambda: wrong(web), lambda: f" {web.code()} "))
    told = capsys.readouterr()
    assert told.out.startswith("A code is on its way to +44•••••0123. It expires at ")
    assert told.out.endswith("\nApproved.\n")
    assert told.err == "That is not the code; 4 attempts left.\n"
    assert web.code() not in told.out + told.err


def test_an_empty_line_sends_another_code_once_it_is_time(
    web: WebBox, box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    def wait() -> str:
        web.submitted()
        web.pass_time(31)
        return ""

    assert converse(box, BODY, typist("", wait, web.code))
    told = capsys.readouterr()
    assert told.err == "The code was sent a moment ago; give it time to arrive; try again in 30 s.\n"
    assert "on its way to +44•••••0123 (2 of 3)." in told.out
    assert len(web.radio.jobs) == 2


def test_the_last_wrong_code_ends_it(web: WebBox, box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    assert not converse(box, BODY | {"max_attempts": 1}, typist(lambda: wrong(web)))
    assert capsys.readouterr().err == "That is not the code, and it was the last attempt.\n"
    assert status_of_last(web) == "max_attempts"


def test_a_verification_that_is_over_ends_it_with_how_it_ended(
    web: WebBox, box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    def dawdle() -> str:
        web.pass_time(301)
        return web.code()

    assert not converse(box, BODY, typist(dawdle))
    assert capsys.readouterr().err == "This verification is over: expired.\n"


@pytest.mark.parametrize("leave", [KeyboardInterrupt(), EOFError()], ids=["Ctrl-C", "Ctrl-D"])
def test_who_leaves_takes_the_verification_back(
    web: WebBox, box: Box, leave: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    if isinstance(leave, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            converse(box, BODY, typist(leave))
    else:
        assert not converse(box, BODY, typist(leave))
    assert "Canceled: the code counts no more." in capsys.readouterr().err
    assert status_of_last(web) == "canceled"


def test_leaving_one_that_is_over_already_is_no_error(web: WebBox, box: Box) -> None:
    def leave_late() -> str:
        web.pass_time(301)
        raise EOFError

    assert not converse(box, BODY, leave_late)


def test_without_a_terminal_nothing_is_sent(web: WebBox, run: Run) -> None:
    for words in ((PHONE,), ("--purpose", "start", PHONE), ("ask", PHONE)):
        refused = run("verify", *words)
        assert refused.exit_code == 2
        assert "use simcourier verify start" in refused.output
    assert web.radio.jobs == []


def test_a_connection_that_broke_is_tried_again_under_the_same_key_and_sends_one_code(
    web: WebBox, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, keys = Box.post, []

    def post(self: Box, *path: str, **given: Any) -> Any:
        answer = real(self, *path, **given)
        if given.get("idempotency_key") is not None:
            keys.append(given["idempotency_key"])
            if len(keys) == 1:
                raise Unreachable("the answer was lost")
        return answer

    monkeypatch.setattr(Box, "post", post)
    assert converse(box, BODY, typist(web.code))
    assert keys[0] == keys[1]
    assert len(web.radio.jobs) == 1


# --- step by step ---


def test_start_writes_the_id_and_check_proves_the_code(web: WebBox, run: Run) -> None:
    started = run("verify start", PHONE, "--locale", "de", "--app", "Acme")
    verification = started.output.removesuffix("\n")
    assert verification.startswith("ver_")
    assert "ist Ihr Anmeldecode für Acme" in web.text()
    incorrect = run("verify check", verification, wrong(web))
    assert incorrect.exit_code == 1
    assert incorrect.output == "simcourier: this is not the code; 4 attempts left\n"
    approved = run("verify check", verification, "-", given=f"{web.code()}\n")
    assert (approved.exit_code, approved.output) == (0, "approved: +44•••••0123, login\n")
    again = run("verify check", verification, web.code())
    assert (again.exit_code, again.output) == (1, "simcourier: This verification is over: approved.\n")


def test_what_a_code_is_made_of_and_a_payment(web: WebBox, run: Run) -> None:
    words = ("--amount", "12.50 EUR", "--payee", "Acme", "--alphanumeric", "--length", "8", "--ttl", "120")
    started = json.loads(run("verify start", "-", *words, "--json", given=f"{PHONE}\n").output)
    assert started["status"] == "pending"
    assert "12.50 EUR to Acme" in web.text()
    shown = json.loads(run("verify show", started["id"], "--json").output)
    assert (shown["template"], shown["max_attempts"]) == ("transaction", 5)


@pytest.mark.parametrize("words", [("--length", "5"), ("--ttl", "601"), ("--length", "11")], ids=" ".join)
def test_what_would_weaken_a_code_is_refused_by_the_box(web: WebBox, run: Run, words: Sequence[str]) -> None:
    assert run("verify start", PHONE, *words).exit_code == 1
    assert web.radio.jobs == []


def test_resend_cancel_and_show(web: WebBox, run: Run) -> None:
    verification = run("verify start", PHONE).output.strip()
    first = web.code()
    web.submitted()
    web.pass_time(31)
    assert "(2 of 3)" in run("verify resend", verification).output
    assert run("verify check", verification, first).exit_code == (0 if first == web.code() else 1)
    assert run("verify cancel", verification).output == f"{verification} is canceled\n"
    shown = run("verify show", verification).output
    assert shown.startswith(f"{verification}  canceled")
    assert "2 of 3 codes sent" in shown
    assert shown.count("msg_") == 2
    assert max(map(len, shown.splitlines())) <= 80


def test_a_refused_check_as_json_says_what_is_left(web: WebBox, run: Run) -> None:
    verification = run("verify start", PHONE).output.strip()
    refused = run("verify check", verification, wrong(web), "--json")
    assert refused.exit_code == 1
    told = json.loads(refused.output.rpartition("}")[0] + "}")
    assert (told["code"], told["attempts_remaining"]) == ("code-incorrect", 4)


# --- what an admin sees and lifts ---


def lock_out(web: WebBox, run: Run) -> None:
    """Five wrong codes: the number's next check has to wait."""
    verification = run("verify start", PHONE).output.strip()
    for _ in range(5):
        assert run("verify check", verification, wrong(web)).exit_code == 1


def test_activity_tells_what_happened_and_what_holds_the_number_up(web: WebBox, run: Run) -> None:
    lock_out(web, run)
    shown = run("activity", PHONE).output
    assert shown.startswith("+44•••••0123: 1 verification, 5 checks, 5 wrong codes, 1 message\n")
    assert "5 wrong codes in a row\nno check until " in shown
    assert shown.count("wrong code  ") == 5
    assert web.code() not in shown
    assert max(map(len, shown.splitlines())) <= 100, "the clock of the test is years ahead: it shows dates"
    counts = json.loads(run("activity", "-", "--json", given=f"{PHONE}\n").output)["counts"]
    assert counts["failures"] == 5
    web.pass_time(31)
    assert "no check until" not in run("activity", PHONE).output, "a delay that is over holds nothing up"


def test_unlock_asks_says_what_it_lifts_and_lets_codes_be_sent_again(web: WebBox, run: Run) -> None:
    lock_out(web, run)
    held = run("verify start", PHONE)
    assert held.output.startswith("simcourier: Too many wrong codes: wait before the next try; try again in ")
    declined = run("unlock", PHONE, given="n\n")
    assert declined.exit_code == 1
    assert "no check until" in declined.output
    assert run("verify start", PHONE).output == held.output, "nothing was lifted"
    lifted = run("unlock", PHONE, "--yes").output
    assert lifted.startswith("+44•••••0123: lifted (5 wrong codes in a row; no check until ")
    assert run("unlock", PHONE).output == "+44•••••0123: there was nothing to lift\n"
    web.pass_time(31)
    assert run("verify start", PHONE).exit_code == 0
