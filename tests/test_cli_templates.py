"""`simcourier templates`: checked from a file without a box, defined and previewed on one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_process import call
from click.testing import CliRunner, Result
from web_fixtures import WebBox, web_box
from werkzeug.serving import make_server

from simcourier.cli.group import simcourier
from simcourier.verify.catalogue import BUILT_IN

GOOD = """
[[templates]]
name = "login"
locale = "en"
text = "{code} is your {app} code."
"""
WARNED = GOOD.replace("is your", "is  your")
FAULTY = (
    GOOD
    + """
[[templates]]
name = "login"
locale = "es"
# a comment
text = "Tu código {code} en acme.com"
"""
)

Run = Callable[..., Result]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path / "storage") as box:
        yield box


@pytest.fixture
def run(web: WebBox) -> Iterator[Run]:
    """The command line against that box, over real HTTP."""
    server = make_server("127.0.0.1", 0, web.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    key = web.key("admin")

    def invoke(*words: str, **more: str) -> Result:
        first, *rest = words
        where = ["--url", f"http://127.0.0.1:{server.server_port}", "--key", key]
        return CliRunner().invoke(simcourier, ["templates", first, *where, *rest], **more)  # type: ignore[arg-type] # input=

    yield invoke
    server.shutdown()
    thread.join()
    server.server_close()


def file(directory: Path, content: str) -> Path:
    path = directory / "mine.toml"
    path.write_text(content)
    return path


# --- check: no box needed ---


def test_a_good_file_is_said_to_be_good(tmp_path: Path) -> None:
    checked = call("templates", "check", file(tmp_path, GOOD))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "1 template: nothing found\n", "")


def test_each_finding_tells_line_reason_and_remedy(tmp_path: Path) -> None:
    path = file(tmp_path, FAULTY)
    checked = call("templates", "check", path)
    assert checked.returncode == 1
    lines = checked.stdout.splitlines()
    assert lines[0] == f"{path}:11: login (es)"
    assert lines[1] == "  error in text: 'acme.com' is a link, or phones take it for one."
    assert "ó (LATIN SMALL LETTER O WITH ACUTE)" in checked.stdout
    assert "Write 'o'" in checked.stdout
    assert lines[-1] == "2 templates: 1 error, 1 warning"


def test_warnings_alone_are_no_failure(tmp_path: Path) -> None:
    checked = call("templates", "check", file(tmp_path, WARNED))
    assert checked.returncode == 0
    assert "warning in text: There are two spaces in a row." in checked.stdout


def test_the_same_as_json(tmp_path: Path) -> None:
    path = file(tmp_path, FAULTY)
    checked = call("templates", "check", path, "--json")
    assert checked.returncode == 1
    told = json.loads(checked.stdout)
    assert told["usable"] is False
    first, second = told["templates"]
    assert first == {"file": str(path), "line": 2, "name": "login", "locale": "en", "findings": []}
    assert second["line"] == 7
    assert [(finding["severity"], finding["rule"]) for finding in second["findings"]] == [
        ("error", "link"),
        ("warning", "alphabet"),
    ]


def test_a_text_can_t_steer_the_terminal(tmp_path: Path) -> None:
    evil = GOOD.replace('"login"', r'"lo\u001b[2Jgin"').replace("{app}", r"\u001b[2J\u202e")
    shown = call("templates", "check", file(tmp_path, evil)).stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "lo\\x1b[2Jgin" in shown


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[[templates", "mine.toml: is not TOML"),
        ("x = 1", "there is no setting called 'x'"),
        ("[[templates]]\nname = 1", "mine.toml, line 1: name must be a text in quotes"),
    ],
)
def test_a_file_that_is_none_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    checked = call("templates", "check", file(tmp_path, content))
    assert (checked.returncode, checked.stdout) == (1, "")
    assert sentence in checked.stderr
    assert checked.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    checked = call("templates", "check", tmp_path / "none.toml")
    assert checked.returncode == 1
    assert checked.stderr == f"simcourier: {tmp_path / 'none.toml'}: there is no such file\n"


# --- with a box ---


def test_the_list_is_that_of_the_box(run: Run) -> None:
    listed = json.loads(run("list", "--json").stdout)["items"]
    assert len(listed) == len(BUILT_IN)
    narrowed = run("list", "--name", "login", "--locale", "de").stdout
    assert "Anmeldecode" in narrowed
    assert "Zahlung" not in narrowed
    assert run("list", "--name", "none").stdout == "There is no such template.\n"


def test_one_is_shown_with_its_forms_in_their_order(run: Run) -> None:
    shown = run("show", "transaction", "de").stdout
    text, shorter = BUILT_IN["transaction", "de"].forms
    assert shown.splitlines()[0] == "transaction (de): built-in"
    first, second = (f"  {line}" for line in shorter.split("\n"))
    assert shown.index(f"  {text}") < shown.index(f"{first}\n{second}")
    missing = run("show", "login", "xx")
    assert missing.exit_code == 1


def test_a_template_is_added_shown_and_removed(run: Run) -> None:
    added = run("add", "login", "en", "{code} for you", "--shorter", "{code}")
    assert (added.exit_code, added.stdout) == (0, "login (en) is saved, above built-in\n")
    shown = run("show", "login", "en").stdout
    assert "login (en): admin, above built-in, changed" in shown
    assert "{code} for you" in shown
    removed = run("remove", "login", "en")
    assert removed.stdout == "login (en) is removed; the built-in one is in force again\n"
    again = run("remove", "login", "en")
    assert again.exit_code == 1
    assert "No such template was defined" in again.stderr


def test_the_text_comes_from_standard_input_too(run: Run, web: WebBox) -> None:
    assert run("add", "login", "en", "-", input="{code} from\nstdin\n").exit_code == 0
    assert web.service.templates.one("login", "en").template.text == "{code} from\nstdin"


def test_a_whole_file_is_added(run: Run, web: WebBox, tmp_path: Path) -> None:
    added = run("add", "--file", str(file(tmp_path, WARNED)))
    assert added.exit_code == 0
    assert "two spaces" in added.stdout
    assert web.service.templates.one("login", "en").template.text == "{code} is  your {app} code."


def test_a_faulty_template_is_explained_and_not_saved(run: Run, web: WebBox) -> None:
    refused = run("add", "login", "en", "{code} at acme.com")
    assert refused.exit_code == 1
    assert "'acme.com' is a link" in refused.stdout
    assert refused.stderr == "simcourier: login (en) is not saved\n"
    assert web.service.templates.one("login", "en").template == BUILT_IN["login", "en"]


@pytest.mark.parametrize(
    "words", [[], ["login"], ["login", "en"], ["login", "en", "{code}", "x"], ["login", "--file", "x.toml"]]
)
def test_half_a_template_is_a_wrong_use(run: Run, words: list[str]) -> None:
    wrong = run("add", *words)
    assert wrong.exit_code == 2
    assert "NAME LOCALE TEXT" in wrong.stderr


def test_a_preview_is_the_text_alone_and_its_size_beside_it(run: Run) -> None:
    shown = run("preview", "login", "de", "--app", "Acme", "--code", "123456", "--minutes", "3")
    assert (
        shown.stdout
        == "123456 ist Ihr Anmeldecode für Acme. Gültig: 3 Min. Geben Sie ihn an niemanden weiter.\n"
    )
    assert shown.stderr == "gsm7, 86 of 160 characters\n"
    with_origin = run("preview", "login", "en", "--origin-host", "login.example.com").stdout
    assert with_origin.endswith("\n@login.example.com #482913\n")


def test_a_preview_that_can_t_be_is_one_sentence(run: Run) -> None:
    missing = run("preview", "transaction", "en")
    assert missing.exit_code == 1
    assert "must be given" in missing.stderr
    refused = run("preview", "login", "en", "--app", "acme.com")
    assert "app must have no link" in refused.stderr
