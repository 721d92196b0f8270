"""Each line of what must hold for one-time codes has a test that bears its number."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
NUMBER = re.compile(r"test_([ac][0-9]{2})_")

# C: what the service must do. A: an attack that it must stand. Numbers that are missing stand for nothing.
LINES = {
    "c01": "codes come from a CSPRNG, evenly",
    "c02": "a code lives ten minutes at most, the queue included",
    "c03": "a code is accepted once",
    "c04": "a code is good for its own verification, client, number, purpose and binding",
    "c05": "only a keyed hash of a code is kept, and its key elsewhere",
    "c06": "five checks a verification",
    "c07": "a hundred wrong codes in a row for a number, whatever is sent again",
    "c08": "a hundred wrong codes an hour",
    "c09": "growing delays before the lock",
    "c10": "a lock holds for every client",
    "c11": "sends are bounded by number, prefix, country, client and box",
    "c12": "another send has another code, and the counts go on",
    "c13": "no code in addresses, logs, metrics, pages, traces",
    "c14": "bodies are wiped, numbers reduced",
    "c15": "unknown and closed take the same path as known and open",
    "c16": "ids and keys are random and long",
    "c17": "a clock that was set, or a reboot, closes what is open",
    "c18": "plain HTTP on this machine only",
    "c19": "the documentation says what SMS cannot do and names a better factor",
    "c20": "a risk that the caller knows of is heeded",
    "c21": "starts, checks and locks are audited",
    "c22": "every limit is documented, and what protects from being locked out",
    "c23": "only an admin unlocks, on record",
    "c24": "no default key, no default password",
    "a01": "pumping and toll fraud",
    "a02": "flooding one person",
    "a03": "starving the queue",
    "a04": "finding out ids and numbers",
    "a05": "guessing across verifications",
    "a07": "replay",
    "a08": "racing the check",
    "a09": "racing start, resend and repetition",
    "a11": "a leak of the code",
    "a13": "a leak by the store of repeated requests",
    "a14": "weak API keys",
    "a15": "requests forged by callbacks",
    "a16": "requests forged by other sites",
    "a17": "script in what a page shows",
    "a18": "control characters in what a page shows",
    "a20": "a page of another site at this address",
    "a21": "SQL in a filter",
    "a22": "slow clients",
    "a23": "large and deep bodies",
    "a24": "AT commands in numbers and texts",
    "a25": "asking for a weaker proof",
    "a26": "locking somebody out",
    "a27": "a clock set back",
    "a29": "commands by SMS",
    "a30": "free texts with a stolen key",
    "a31": "a code that is too old",
}


def names_of_tests(source: str) -> Iterator[str]:
    """The tests that pytest finds in a file: in the module, or in a class of it."""
    module = ast.parse(source)
    classes = [
        node for node in module.body if isinstance(node, ast.ClassDef) and node.name.startswith("Test")
    ]
    for holder in (module, *classes):
        for node in holder.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and _says_something(node):
                yield node.name


def _says_something(test: ast.FunctionDef) -> bool:
    """Nothing is proven by a test without a word, or by one that is always skipped."""
    skipped = any(ast.unparse(mark).partition("(")[0] == "pytest.mark.skip" for mark in test.decorator_list)
    words = [line for line in test.body if not isinstance(line, ast.Pass)]
    return not skipped and any(
        not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)) for line in words
    )


def proven() -> dict[str, list[str]]:
    """The tests of each line."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for name in names_of_tests(path.read_text("utf-8")):
            if match := NUMBER.match(name):
                found.setdefault(match[1], []).append(f"{path.name}::{name}")
    return found


def test_every_line_has_a_test() -> None:
    found = proven()
    missing = [f"{number}: {line}" for number, line in LINES.items() if number not in found]
    assert not missing, f"no test is named for {'; '.join(missing)}"


def test_no_test_bears_the_number_of_no_line() -> None:
    assert set(proven()) <= set(LINES)


def test_a_test_that_is_skipped_empty_or_in_a_comment_proves_nothing() -> None:
    source = (
        "# def test_a01_in_a_comment(): assert True\n"
        "def test_a02_empty() -> None:\n    '''Only words.'''\n"
        "@pytest.mark.skip(reason='later')\ndef test_a03_skipped() -> None:\n    assert act()\n"
        "def helper() -> None:\n    def test_a04_inside() -> None:\n        assert act()\n    return\n"
        "def test_a05_real() -> None:\n    assert act()\n"
    )
    assert list(names_of_tests(source)) == ["test_a05_real"]
