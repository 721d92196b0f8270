"""`/v1/templates`: admins define texts above the built-in ones, and hear what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from web_fixtures import WebBox, web_box

from simcourier.config import Verifications
from simcourier.errors import ConfigError, RequestError
from simcourier.outbox.schema import audit
from simcourier.service import templates as service_templates
from simcourier.service.templates import Origin, Templates
from simcourier.verify.catalogue import BUILT_IN, LOCALES

TEXT = "{code} is your Acme code, valid {minutes} min."
PATH = "/v1/templates/login/en"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        yield box


def put(web: WebBox, path: str = PATH, key: str | None = None, **fields: Any) -> Any:
    return web.call("PUT", path, key or web.key("admin"), json={"text": TEXT, **fields})


def audited(web: WebBox) -> list[tuple[str, str]]:
    with web.engine.connect() as connection:
        rows = connection.execute(select(audit.c.action, audit.c.object).order_by(audit.c.seq))
        return [(row.action, row.object) for row in rows if row.action.startswith("template.")]


# --- reading ---


def test_every_built_in_template_is_listed(web: WebBox) -> None:
    items = web.get("/v1/templates", web.key("status:read")).json["items"]
    assert len(items) == len(BUILT_IN)
    assert {item["origin"] for item in items} == {"built-in"}
    assert [(item["name"], item["locale"]) for item in items] == sorted(BUILT_IN)
    shown = web.get("/v1/templates/transaction/uk", web.key("status:read")).json
    assert shown == {
        "name": "transaction",
        "locale": "uk",
        "text": BUILT_IN["transaction", "uk"].text,
        "shorter": list(BUILT_IN["transaction", "uk"].shorter),
        "origin": "built-in",
        "covers": None,
        "updated_at": None,
        "updated_by": None,
    }


@pytest.mark.parametrize(
    "path", ["/v1/templates/login/xx", "/v1/templates/none/en", "/v1/templates/login/no%20tag"]
)
def test_what_is_not_there_is_not_found(web: WebBox, path: str) -> None:
    key = web.key("admin")
    for method in ("GET", "DELETE"):
        answer = web.call(method, path, key)
        assert (answer.status_code, answer.json["code"]) == (404, "not-found")


def test_reading_asks_for_status_read_and_writing_for_admin(web: WebBox) -> None:
    reader, sender = web.key("status:read"), web.key("messages:send")
    assert web.get("/v1/templates", sender).status_code == 403
    assert put(web, key=reader).status_code == 403
    assert web.call("DELETE", PATH, reader).status_code == 403
    draft = {"name": "login", "locale": "en", "text": TEXT}
    assert web.post("/v1/templates/check", reader, json=draft).status_code == 200
    assert web.post("/v1/templates/check", sender, json=draft).status_code == 403
    assert audited(web) == []


# --- writing ---


def test_an_admin_s_template_stands_above_the_built_in_one_until_it_is_removed(web: WebBox) -> None:
    key = web.key("admin")
    made = put(web, key=key, shorter=["{code} Acme"])
    assert made.status_code == 201
    assert made.json["origin"] == "admin"
    assert made.json["covers"] == "built-in"
    assert made.json["findings"] == []
    assert made.json["updated_at"].endswith("Z")
    assert key.split("_")[1] == made.json["updated_by"]
    assert put(web, key=key, text="{code} again").status_code == 200
    shown = web.get(PATH, key).json
    assert (shown["text"], shown["shorter"]) == ("{code} again", [])
    assert web.service.templates.resolve("login", "en", None).text == "{code} again"

    removed = web.call("DELETE", PATH, key)
    assert removed.status_code == 200
    assert removed.json["now"]["origin"] == "built-in"
    assert web.get(PATH, key).json["text"] == BUILT_IN["login", "en"].text
    assert web.call("DELETE", PATH, key).status_code == 404, "the built-in one can't be removed"
    assert audited(web) == [
        ("template.save", "login/en"),
        ("template.save", "login/en"),
        ("template.remove", "login/en"),
    ]


def test_a_new_name_and_a_new_language_are_there_at_once(web: WebBox) -> None:
    assert put(web, "/v1/templates/door-code/nl", text="{code} is uw deurcode").status_code == 201
    assert put(web, "/v1/templates/login/NL", text="{code} is uw inlogcode").json["locale"] == "nl"
    templates = web.service.templates
    assert templates.resolve("door-code", None, "DE").locale == "nl", "the only one there is"
    assert templates.resolve("login", None, "NL").text == "{code} is uw inlogcode"
    removed = web.call("DELETE", "/v1/templates/door-code/nl", web.key("admin"))
    assert removed.json["now"] is None
    with pytest.raises(RequestError, match="no template of this name"):
        templates.resolve("door-code", None, None)


def test_what_was_defined_is_there_after_a_restart(tmp_path: Path) -> None:
    with web_box(tmp_path) as box:
        put(box, shorter=["{code} Acme"])
    with web_box(tmp_path) as box:
        template = box.service.templates.resolve("login", "en-GB", None)
        assert (template.text, template.shorter) == (TEXT, ("{code} Acme",))


def test_a_template_with_warnings_is_saved_and_one_with_errors_is_not(web: WebBox) -> None:
    warned = put(web, text="{code}  twice spaced")
    assert warned.status_code == 201
    assert [finding["rule"] for finding in warned.json["findings"]] == ["spaces"]
    refused = put(web, "/v1/templates/login/de", text="{code} auf acme.de")
    assert (refused.status_code, refused.json["code"]) == (422, "policy-violation")
    assert refused.json["errors"][0]["pointer"] == "/text"
    assert "acme" not in refused.text
    assert web.get("/v1/templates/login/de", web.key("admin")).json["origin"] == "built-in"
    assert audited(web) == [("template.save", "login/en")]


@pytest.mark.parametrize(
    ("path", "fields", "status", "pointer"),
    [
        (PATH, {"text": ""}, 400, "/text"),
        (PATH, {"text": None}, 400, "/text"),
        (PATH, {"text": 3}, 400, "/text"),
        (PATH, {"text": "x" * 501}, 400, "/text"),
        (PATH, {"shorter": "x"}, 400, "/shorter"),
        (PATH, {"shorter": [""]}, 400, "/shorter/0"),
        (PATH, {"shorter": ["{code}"] * 4}, 400, "/shorter"),
        (PATH, {"name": "login"}, 400, "/name"),
        (PATH, {"text": "no placeholder"}, 422, "/text"),
        (PATH, {"text": "{code} {oops}"}, 422, "/text"),
        (PATH, {"text": "{code}\u202e"}, 422, "/text"),
        (PATH, {"shorter": ["nothing"]}, 422, "/shorter/0"),
        ("/v1/templates/Login/en", {}, 422, "/name"),
        ("/v1/templates/login/english", {}, 422, "/locale"),
        ("/v1/templates/transaction/en", {}, 422, "/text"),
    ],
)
def test_each_field_that_is_wrong_is_named_and_nothing_is_saved(
    web: WebBox, path: str, fields: dict[str, Any], status: int, pointer: str
) -> None:
    answer = put(web, path, **fields)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (status, pointer)
    assert audited(web) == []


def test_a_box_keeps_so_many_templates_and_no_more(web: WebBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_templates, "MAX_DEFINED", 2)
    assert put(web, "/v1/templates/a/en").status_code == 201
    assert put(web, "/v1/templates/b/en").status_code == 201
    refused = put(web, "/v1/templates/c/en")
    assert (refused.status_code, refused.json["code"]) == (422, "policy-violation")
    assert put(web, "/v1/templates/a/en", text="{code} changed").status_code == 200
    assert web.get("/v1/templates/c/en", web.key("admin")).status_code == 404


# --- checking ---


def test_a_check_tells_everything_and_saves_nothing(web: WebBox) -> None:
    draft = {"name": "login", "locale": "es", "text": "Tu código {code}", "shorter": ["{code}"]}
    verdict = web.post("/v1/templates/check", web.key("status:read"), json=draft).json
    assert verdict["usable"] is True
    assert verdict["preview"] == "Tu código 482913"
    assert verdict["alphabet"] == "ucs2"
    assert [set(finding) for finding in verdict["findings"]] == [
        {"severity", "rule", "where", "what", "why", "hint"}
    ]
    assert verdict["findings"][0]["rule"] == "alphabet"
    assert web.get("/v1/templates/login/es", web.key("admin")).json["origin"] == "built-in"


@pytest.mark.parametrize("text", ["", "{", "{code} {x}", "{code}\x00", "\u202e"])
def test_what_can_t_be_read_has_no_preview(web: WebBox, text: str) -> None:
    draft = {"name": "", "locale": "", "text": text}
    verdict = web.post("/v1/templates/check", web.key("status:read"), json=draft).json
    assert verdict["usable"] is False
    assert {"name", "locale"} < {finding["rule"] for finding in verdict["findings"]}
    assert verdict["preview"] in (None, "")


# --- which one ---


def test_the_language_follows_the_request_then_the_country_then_the_box(web: WebBox) -> None:
    resolve = web.service.templates.resolve
    assert resolve("login", "pt-PT", "DE").locale == "pt"
    assert resolve("login", None, "DE").locale == "de"
    assert resolve("login", "ja", "JP").locale == "en"
    for wanted in ("", "not a tag", "e", "x" * 50):
        with pytest.raises(RequestError) as raised:
            resolve("login", wanted, "DE")
        assert (raised.value.code, raised.value.pointer) == ("policy-violation", "/locale")


def test_a_name_that_nobody_defined_is_refused_by_its_field(web: WebBox) -> None:
    with pytest.raises(RequestError) as raised:
        web.service.templates.resolve("nothing", None, None)
    assert (raised.value.code, raised.value.pointer) == ("policy-violation", "/template")


# --- files of the configuration ---


def with_settings(web: WebBox, **settings: Any) -> Templates:
    config = msgspec.structs.replace(web.config, verifications=Verifications(**settings))
    return Templates(replace(web.service.templates._tools, config=config))


def write(path: Path, *entries: tuple[str, str, str]) -> str:
    path.write_text(
        "".join(
            f"[[templates]]\nname = '{name}'\nlocale = '{locale}'\ntext = '{text}'\n"
            for name, locale, text in entries
        )
    )
    return str(path)


def test_a_file_stands_above_the_built_in_ones_and_below_an_admin_s(web: WebBox, tmp_path: Path) -> None:
    first = write(tmp_path / "a.toml", ("login", "en", "{code} of a file"), ("own", "en", "{code} own"))
    second = write(tmp_path / "b.toml", ("own", "en", "{code} of the second"))
    put(web, "/v1/templates/own/en", text="{code} of an admin")
    templates = with_settings(web, template_files=(first, second))
    login, own = templates.one("login", "en"), templates.one("own", "en")
    assert (login.origin, login.covers, login.template.text) == (
        Origin.FILE,
        Origin.BUILT_IN,
        "{code} of a file",
    )
    assert (own.origin, own.covers) == (Origin.ADMIN, Origin.FILE)
    admin = web.service.clients.authenticate("local", "local-secret")
    assert admin is not None
    under = templates.remove(admin, "own", "en")
    assert under is not None
    assert under.template.text == "{code} of the second"


def test_a_file_that_can_t_be_used_is_one_sentence_with_its_place(web: WebBox, tmp_path: Path) -> None:
    faulty = write(tmp_path / "a.toml", ("login", "en", "{code} ok"), ("login", "de", "{code} acme.de"))
    with pytest.raises(ConfigError, match=r"a\.toml, line 5: template login \(de\): .* is a link"):
        with_settings(web, template_files=(faulty,))
    with pytest.raises(ConfigError, match=r"verifications\.template_files: there is no file .*none\.toml"):
        with_settings(web, template_files=(str(tmp_path / "none.toml"),))
    with pytest.raises(ConfigError, match=r"verifications\.template_files: .* can't be read"):
        with_settings(web, template_files=(str(tmp_path),))
    with pytest.raises(ConfigError, match=r"verifications\.default_locale"):
        with_settings(web, default_locale="english")
    with pytest.raises(ConfigError, match=r"verifications\.app_name: app must have no link"):
        with_settings(web, app_name="acme.com")


def test_the_box_s_language_decides_in_a_country_of_several(web: WebBox) -> None:
    assert with_settings(web, default_locale="fr").resolve("login", None, "CH").locale == "fr"
    assert with_settings(web, default_locale="pt_BR").resolve("login", None, "JP").locale == "pt-BR"
    assert set(LOCALES) == {view.template.locale for view in web.service.templates.all()}
