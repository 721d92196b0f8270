"""`simcourier templates`: the texts of codes, checked before anybody gets them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simcourier.cli.endings import EX_FAILED, Stop
from simcourier.cli.options import example, json_option, with_box
from simcourier.cli.wording import add_row, console, count, printable, table, when, write_json

if TYPE_CHECKING:
    from simcourier.cli.box import Box, Json
    from simcourier.verify.files import FileTemplate
    from simcourier.verify.findings import Finding
    from simcourier.verify.template import Template

_LEFT_TO_RIGHT_MARK = "\u200e"


@click.group(
    epilog=example("simcourier templates check my-templates.toml", "simcourier templates preview login de")
)
def templates() -> None:
    """Show, check and define the texts in which codes are sent.

    \b
    Placeholders: {code} {minutes} {app} {amount} {payee}; {{ and }} are braces.
    """


@templates.command("list", epilog=example("simcourier templates list --name login"))
@with_box
@click.option("--name", help="This template only, in every language.")
@click.option("--locale", help="This language only, such as pt-BR.")
@json_option
def list_templates(box: Box, name: str | None, locale: str | None, as_json: bool) -> None:
    """List the templates in force."""
    items = [
        item
        for item in box.get("templates")["items"]
        if name in (None, item["name"]) and locale in (None, item["locale"])
    ]
    if as_json:
        write_json({"items": items})
    elif items:
        _show_all(items)
    else:
        click.echo("There is no such template.")


def _show_all(items: list[Json]) -> None:
    made = table("Name", "Locale", "From", "Text")
    for item in items:
        add_row(made, item["name"], item["locale"], _origin(item), item["text"])
    console().print(made)


def _origin(item: Json) -> str:
    return f"{item['origin']}, above {item['covers']}" if item["covers"] else str(item["origin"])


@templates.command(
    short_help="Show a template and its shorter forms.", epilog=example("simcourier templates show login de")
)
@with_box
@click.argument("name")
@click.argument("locale")
@json_option
def show(box: Box, name: str, locale: str, as_json: bool) -> None:
    """Show the template NAME of LOCALE: its texts in the order in which they are tried."""
    item = box.get("templates", name, locale)
    if as_json:
        write_json(item)
        return
    changed = f", changed {when(item['updated_at'])} by {item['updated_by']}" if item["updated_at"] else ""
    click.echo(f"{item['name']} ({item['locale']}): {_origin(item)}{changed}")
    for number, text in enumerate([item["text"], *item["shorter"]]):
        click.echo("\nText" if number == 0 else f"\nWhere that does not fit ({number})")
        click.echo(_indented(text))


def _indented(text: str) -> str:
    return "\n".join(f"  {_shown(line)}" for line in text.split("\n"))


def _shown(line: str) -> str:
    # The mark is ours: without it the terminal would show figures in another order than a phone does.
    return _LEFT_TO_RIGHT_MARK.join(printable(part) for part in line.split(_LEFT_TO_RIGHT_MARK))


@templates.command(
    epilog=example("simcourier templates check my-templates.toml")
    + "\n\n\b\nThe file:\n"
    + "\n".join(
        f"  {line}"
        for line in (
            "[[templates]]",
            'name = "login"',
            'locale = "en"',
            'text = "{code} is your {app} code. It expires in {minutes} min."',
            'shorter = ["{code} is your code."]   # optional: where the text would not fit',
        )
    )
)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False), metavar="FILE..."
)
@json_option
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Check the templates in FILE with the longest values. Needs no running box.

    The exit code is 1 where one has an error. Warnings are for you to judge.
    """
    from simcourier.verify.lint import lint

    checked = [(path, raw, entry, lint(entry.template)) for path in files for raw, entry in _read(path)]
    faulty = any(finding.severity == "error" for *_, findings in checked for finding in findings)
    if as_json:
        write_json(
            {
                "usable": not faulty,
                "templates": [_as_json(path, entry, found) for path, _, entry, found in checked],
            }
        )
    else:
        for path, raw, entry, findings in checked:
            _tell(path, raw, entry, findings)
        _sum_up(len(checked), [finding for *_, findings in checked for finding in findings])
    raise SystemExit(EX_FAILED if faulty else 0)


def _read(path: Path) -> list[tuple[bytes, FileTemplate]]:
    from simcourier.errors import ConfigError
    from simcourier.verify import files

    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise Stop(f"{path}: there is no such file") from None
    except OSError as error:
        raise Stop(f"{path}: can't be read: {error.strerror}") from None
    try:
        return [(raw, entry) for entry in files.read(raw, str(path))]
    except ConfigError as error:
        # A file of templates is no configuration: it is what this command was asked to judge.
        raise Stop(str(error)) from None


def _as_json(path: Path, entry: FileTemplate, findings: list[Finding]) -> Json:
    import msgspec

    return {
        "file": str(path),
        "line": entry.line,
        "name": entry.template.name,
        "locale": entry.template.locale,
        "findings": msgspec.to_builtins(findings),
    }


def _tell(path: Path, raw: bytes, entry: FileTemplate, findings: list[Finding]) -> None:
    for finding in findings:
        line = entry.line_of(raw, finding.where)
        place = f"{path}:{line}" if line is not None else str(path)
        click.echo(f"{place}: {printable(entry.template.name)} ({printable(entry.template.locale)})")
        _tell_finding(finding)


def _tell_finding(finding: Finding) -> None:
    color = "red" if finding.severity == "error" else "yellow"
    click.echo(
        f"  {click.style(finding.severity.value, fg=color)} in {finding.where}: {printable(finding.what)}."
    )
    click.echo(f"    {printable(finding.why)}")
    click.echo(f"    {printable(finding.hint)}")


def _sum_up(number: int, findings: list[Finding]) -> None:
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    said = f"{count(errors, 'error')}, {count(warnings, 'warning')}" if findings else "nothing found"
    click.echo(f"{count(number, 'template')}: {said}")


@templates.command(
    short_help="Define a template, above a built-in one or one of a file.",
    epilog=example(
        "simcourier templates add login en '{code} is your Acme code, valid {minutes} min.'",
        "simcourier templates add --file my-templates.toml",
    ),
)
@with_box
@click.argument("words", nargs=-1, metavar="[NAME LOCALE TEXT]")
@click.option(
    "--shorter", multiple=True, metavar="TEXT", help="Sent where TEXT would not fit; may be repeated."
)
@click.option(
    "--file", "path", type=click.Path(path_type=Path, readable=False), help="Every template of this file."
)
def add(box: Box, words: tuple[str, ...], shorter: tuple[str, ...], path: Path | None) -> None:
    """Define the template NAME of LOCALE, above a built-in one or one of a file. `-` reads TEXT from standard input."""
    for draft in _drafts(words, shorter, path):
        _refuse_faulty(draft)
        body: dict[str, Any] = {"text": draft.text, "shorter": list(draft.shorter)}
        saved = box.put("templates", draft.name, draft.locale, body=body)
        above = f", above {saved['covers']}" if saved["covers"] else ""
        click.echo(f"{saved['name']} ({saved['locale']}) is saved{above}")


def _drafts(words: tuple[str, ...], shorter: tuple[str, ...], path: Path | None) -> list[Template]:
    from simcourier.verify.template import Template

    if path is not None and not words and not shorter:
        return [entry.template for _, entry in _read(path)]
    if path is not None or len(words) != 3:
        raise click.UsageError("Give NAME LOCALE TEXT, or --file FILE.")
    name, locale, text = words
    if text == "-":
        text = sys.stdin.read().rstrip("\n")
    return [Template(name, locale, text, shorter)]


def _refuse_faulty(draft: Template) -> None:
    """Show what lint finds; stop at an error. The box would refuse it too, but says less."""
    from simcourier.verify.lint import lint

    findings = lint(draft)
    for finding in findings:
        _tell_finding(finding)
    if any(finding.severity == "error" for finding in findings):
        raise Stop(f"{printable(draft.name)} ({printable(draft.locale)}) is not saved")


@templates.command(
    short_help="Remove a template that an admin defined.",
    epilog=example("simcourier templates remove login en"),
)
@with_box
@click.argument("name")
@click.argument("locale")
def remove(box: Box, name: str, locale: str) -> None:
    """Remove the template NAME of LOCALE that an admin defined; built-in ones stay."""
    now = box.delete("templates", name, locale)["now"]
    after = f"; the {now['origin']} one is in force again" if now else ""
    click.echo(f"{name} ({locale}) is removed{after}")


@templates.command(
    short_help="Show the text that would be sent with these values.",
    epilog=example("simcourier templates preview transaction de --amount '12,50 EUR' --payee Acme"),
)
@with_box
@click.argument("name")
@click.argument("locale")
@click.option("--code", default="482913", show_default=True)
@click.option("--minutes", default=5, show_default=True)
@click.option("--app", default="Example", show_default=True)
@click.option("--amount", default="", help="For a payment, with --payee.")
@click.option("--payee", default="")
@click.option("--origin-host", help="Add the line that binds the code to a site.")
@click.option("--app-hash", help="Add the line that an Android app reads.")
def preview(
    box: Box,
    name: str,
    locale: str,
    code: str,
    minutes: int,
    app: str,
    amount: str,
    payee: str,
    origin_host: str | None,
    app_hash: str | None,
) -> None:
    """Show the text that would be sent with these values, and how much of an SMS it takes."""
    from simcourier.sms.text import Alphabet, plan
    from simcourier.verify.template import Template
    from simcourier.verify.values import Values

    item = box.get("templates", name, locale)
    template = Template(item["name"], item["locale"], item["text"], tuple(item["shorter"]))
    values = Values(code, minutes, app, amount, payee)
    text = template.render(values, origin_host=origin_host, app_hash=app_hash)
    planned = plan(text)
    room = 160 if planned.alphabet is Alphabet.GSM7 else 70
    click.echo("\n".join(_shown(line) for line in text.split("\n")))
    click.echo(f"{planned.alphabet}, {planned.units} of {room} characters", err=True)
