"""Who is let in by which secret, from where and until when; and what is written down of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from web_fixtures import START_MS, WebBox, web_box

from simcourier.app import App
from simcourier.config import Config, Discovery, Http, Storage
from simcourier.errors import RequestError
from simcourier.outbox import access, audit
from simcourier.outbox.access import Key, Terms
from simcourier.outbox.audit import START, Audit
from simcourier.service import Client
from simcourier.service.keys import SCOPES, KeyDesk, Made, plain_network

SEND = frozenset({"messages:send"})
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebBox]:
    with web_box(tmp_path) as box:
        yield box


def offline(web: WebBox, change: Callable[[KeyDesk, object, int], object]) -> object:
    """What the command line does beside a running daemon: another connection, the same chain."""
    with web.engine.begin() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        desk = KeyDesk(Audit(web.service.clients._tools.sealer.audit_key), "local")
        return change(desk, connection, web.service.clients.now_ms())


def chain(web: WebBox) -> list[audit.Row]:
    """Every entry of the audit, each proven to follow the one before it."""
    record = Audit(web.service.clients._tools.sealer.audit_key)
    with web.engine.connect() as connection:
        rows = audit.stretch(connection, 0, 1000)
    before = START
    for row in rows:
        assert record.follows(row, before)
        before = row.link
    return rows


def told(made: Made) -> tuple[Key, str]:
    """A key and its secret, as its owner is told it."""
    key, secret = made
    return key, secret.reveal()


# --- secrets ---


def test_a14_a_live_key_is_known_and_says_what_it_is_bound_to(web: WebBox) -> None:
    terms = Terms(template_only=True, sandbox=True)
    key, secret = told(web.service.clients.create("shop", SEND, terms))
    assert web.service.clients.authenticate(key.id, secret) == Client(key.id, "shop", SEND, True, True)


def test_a14_unknown_revoked_expired_and_wrong_are_refused_alike(web: WebBox) -> None:
    clients = web.service.clients
    live, secret = told(clients.create("live", SEND))
    other, others_secret = told(clients.create("other", SEND))
    revoked, revoked_secret = told(clients.create("revoked", SEND))
    expired, expired_secret = told(clients.create("expired", SEND, Terms(expires_at_ms=START_MS + 1_100_000)))
    rotated, old_secret = told(clients.create("rotated", SEND))
    clients.rotate(rotated.id, 50_000)
    clients.revoke(revoked.id)
    web.pass_time(100)
    wrong = [
        (live.id, others_secret),
        (live.id, ""),
        (live.id, secret.upper()),
        (live.id, live.digest),
        (other.id, secret),
        (revoked.id, revoked_secret),
        (expired.id, expired_secret),
        (rotated.id, old_secret),
        ("", secret),
        ("0" * 16, secret),
        ("local", secret),
        ("' OR 1=1 --", secret),
        ("\x00", secret),
    ]
    assert [clients.authenticate(*credentials) for credentials in wrong] == [None] * len(wrong)
    assert clients.authenticate(live.id, secret) is not None


def test_a14_every_refusal_takes_the_same_steps(web: WebBox, monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock is asked: the path is the same, so that time can't tell a key that exists from one that doesn't."""
    clients = web.service.clients
    live, secret = told(clients.create("live", SEND))
    revoked, revoked_secret = told(clients.create("revoked", SEND))
    expired, expired_secret = told(clients.create("expired", SEND, Terms(expires_at_ms=START_MS + 1_100_000)))
    for key, its_secret in ((live, secret), (revoked, revoked_secret), (expired, expired_secret)):
        assert clients.authenticate(key.id, its_secret) is not None
    clients.revoke(revoked.id)
    web.pass_time(100)
    steps: list[str] = []

    def spied(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def spy(*arguments: object) -> object:
            steps.append(name)
            return call(*arguments)

        return spy

    monkeypatch.setattr(Key, "proves", spied("proves", Key.proves))
    monkeypatch.setattr(access, "find_key", spied("reads", access.find_key))
    monkeypatch.setattr(access.secrets, "compare_digest", spied("compares", access.secrets.compare_digest))
    clients.authenticate(live.id, secret)
    seen = []
    for credentials in (
        (live.id, "wrong"),
        (revoked.id, revoked_secret),
        (expired.id, expired_secret),
        ("0" * 16, secret),
        ("local", "wrong"),
    ):
        steps.clear()
        assert clients.authenticate(*credentials) is None
        seen.append(tuple(steps))
    one = ("proves", "compares", "compares")
    assert set(seen) == {(*one, "reads", *one)}


@pytest.mark.parametrize("peer", ["192.0.2.8", "::ffff:192.0.2.8", "2001:db8::1", "", None])
def test_a14_a_live_key_from_a_wrong_address_is_told_so(web: WebBox, peer: str | None) -> None:
    key, secret = told(web.service.clients.create("shop", SEND, Terms(cidrs=("10.0.0.0/8",))))
    for right in ("10.9.8.7", "::ffff:10.9.8.7"):
        assert web.service.clients.authenticate(key.id, secret, right) is not None
    with pytest.raises(RequestError) as caught:
        web.service.clients.authenticate(key.id, secret, peer)
    assert caught.value.code == "forbidden-address"
    assert web.service.clients.authenticate(key.id, "wrong", peer) is None, (
        "only the right secret learns that"
    )


# --- changes reach a running daemon ---


def test_a14_a_rotation_beside_the_daemon_works_at_once_and_ends_within_two_seconds(web: WebBox) -> None:
    clients = web.service.clients
    key, first = told(clients.create("shop", SEND))
    assert clients.authenticate(key.id, first) is not None
    made = offline(web, lambda desk, c, now_ms: desk.rotate(c, key.id, 0, now_ms))
    assert clients.authenticate(key.id, made[1].reveal()) is not None
    web.pass_time(2)
    assert clients.authenticate(key.id, first) is None
    assert clients.authenticate(key.id, made[1].reveal()) is not None


def test_a14_a_revocation_beside_the_daemon_reaches_it_within_two_seconds(web: WebBox) -> None:
    clients = web.service.clients
    key, secret = told(clients.create("shop", SEND))
    assert clients.authenticate(key.id, secret) is not None
    offline(web, lambda desk, c, now_ms: desk.revoke(c, key.id, now_ms))
    web.pass_time(2)
    assert clients.authenticate(key.id, secret) is None


def test_a14_a_change_through_the_daemon_holds_at_once(web: WebBox) -> None:
    clients = web.service.clients
    key, first = told(clients.create("shop", SEND))
    assert clients.authenticate(key.id, first) is not None
    _key, second = told(clients.rotate(key.id, DAY_MS))
    assert [clients.authenticate(key.id, s) is not None for s in (first, second)] == [True, True]
    clients.revoke_old(key.id)
    assert [clients.authenticate(key.id, s) is not None for s in (first, second)] == [False, True]
    clients.revoke(key.id)
    assert [clients.authenticate(key.id, s) is not None for s in (first, second)] == [False, False]
    for again in (clients.rotate, clients.revoke, clients.revoke_old):
        with pytest.raises(RequestError) as caught:
            again(key.id)
        assert caught.value.code == "not-found"


def test_a_key_expires_while_it_is_in_use(web: WebBox) -> None:
    key, secret = told(web.service.clients.create("shop", SEND, Terms(expires_at_ms=START_MS + 1_001_000)))
    assert web.service.clients.authenticate(key.id, secret) is not None
    web.now += 1.0
    assert web.service.clients.authenticate(key.id, secret) is None


# --- last use ---


def test_the_last_use_is_written_once_a_minute_at_most_and_not_by_the_request(
    web: WebBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers: list[str] = []
    key_used = access.key_used

    def spy(*arguments: object) -> None:
        writers.append(threading.current_thread().name)
        key_used(*arguments)  # type: ignore[arg-type] # handed on as they came

    monkeypatch.setattr(access, "key_used", spy)
    clients = web.service.clients
    key, secret = told(clients.create("shop", SEND))
    assert clients.one(key.id).last_used_at_ms is None
    for _ in range(50):
        assert clients.authenticate(key.id, secret) is not None
    web.settle()
    first = clients.one(key.id).last_used_at_ms
    assert (first, len(writers)) == (clients.now_ms(), 1)
    web.pass_time(59)
    clients.authenticate(key.id, secret)
    clients.authenticate(key.id, "wrong")
    web.settle()
    assert clients.one(key.id).last_used_at_ms == first
    web.pass_time(1)
    clients.authenticate(key.id, secret)
    web.settle()
    assert clients.one(key.id).last_used_at_ms == clients.now_ms()
    assert set(writers) == {"writer"}


def test_a_use_that_is_refused_is_no_use(web: WebBox) -> None:
    key, secret = told(web.service.clients.create("shop", SEND, Terms(cidrs=("10.0.0.0/8",))))
    with pytest.raises(RequestError):
        web.service.clients.authenticate(key.id, secret, "192.0.2.8")
    web.settle()
    assert web.service.clients.one(key.id).last_used_at_ms is None


# --- what may be made ---


@pytest.mark.parametrize(
    ("scopes", "terms", "pointer"),
    [
        ((), Terms(), "/scopes"),
        (("messages:sned",), Terms(), "/scopes"),
        (("messages:send", "admin"), Terms(sandbox=True), "/scopes"),
        (("status:read",), Terms(sandbox=True), "/scopes"),
        (("inbound:read",), Terms(sandbox=True), "/scopes"),
        (("admin",), Terms(template_only=True), "/template_only"),
        (("messages:send",), Terms(expires_at_ms=START_MS), "/expires_at"),
        (("messages:send",), Terms(expires_at_ms=10**15), "/expires_at"),
        (("messages:send",), Terms(cidrs=("10.0.0.1/8",)), "/cidrs"),
        (("messages:send",), Terms(cidrs=("10.0.0.0/33",)), "/cidrs"),
        (("messages:send",), Terms(cidrs=("example.org",)), "/cidrs"),
        (("messages:send",), Terms(cidrs=("fe80::1%eth0",)), "/cidrs"),
        (("messages:send",), Terms(cidrs=("",)), "/cidrs"),
        (("messages:send",), Terms(cidrs=tuple(f"10.0.0.{n}" for n in range(33))), "/cidrs"),
    ],
)
def test_a14_a_key_that_would_not_be_what_it_says_is_refused(
    web: WebBox, scopes: tuple[str, ...], terms: Terms, pointer: str
) -> None:
    with pytest.raises(RequestError) as caught:
        web.service.clients.create("shop", frozenset(scopes), terms)
    assert (caught.value.code, caught.value.pointer) == ("policy-violation", pointer)
    assert (web.service.clients.all(), chain(web)) == ([], [])


def test_a_sandbox_key_may_send_and_check_and_read_what_it_sent(web: WebBox) -> None:
    scopes = frozenset(scope for scope in SCOPES if scope.startswith(("messages:", "verifications:")))
    key, _secret = told(web.service.clients.create("tester", scopes, Terms(sandbox=True)))
    assert key.scopes == scopes


def test_admin_never_implies_sandbox(web: WebBox) -> None:
    key, secret = told(web.service.clients.create("boss", frozenset({"admin"})))
    for client in (
        web.service.clients.authenticate(key.id, secret),
        web.service.clients.authenticate("local", "local-secret"),
    ):
        assert client is not None
        assert (client.may("messages:send"), client.sandbox, client.template_only) == (True, False, False)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        (" 192.0.2.7 ", "192.0.2.7/32"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_has_one_plain_form(written: str, plain: str) -> None:
    assert plain_network(written) == plain


# --- templates only ---


def test_a30_a_template_only_client_may_send_no_free_text(web: WebBox) -> None:
    key, secret = told(web.service.clients.create("shop", SEND, Terms(template_only=True)))
    client = web.service.clients.authenticate(key.id, secret)
    assert client is not None
    with pytest.raises(RequestError) as caught:
        client.check_free_text()
    assert (caught.value.code, caught.value.pointer) == ("template-required", "/text")


def test_a30_nobody_else_is_bound_to_templates(web: WebBox) -> None:
    key, secret = told(web.service.clients.create("shop", SEND))
    client = web.service.clients.authenticate(key.id, secret)
    assert client is not None
    client.check_free_text()


# --- the record ---


def test_every_change_of_a_key_is_in_the_audit_with_who_and_without_a_secret(web: WebBox) -> None:
    clients = web.service.clients
    key, first = told(clients.create("shop", SEND, Terms(cidrs=("10.0.0.0/8",), sandbox=True), by="boss"))
    _key, second = told(clients.rotate(key.id, DAY_MS, by="boss"))
    clients.revoke_old(key.id, by="boss")
    offline(web, lambda desk, c, now_ms: desk.rotate(c, key.id, 0, now_ms))
    clients.revoke(key.id, by="boss")
    rows = chain(web)
    assert [(row.entry.actor, row.entry.action, row.entry.object) for row in rows] == [
        ("boss", "key.create", key.id),
        ("boss", "key.rotate", key.id),
        ("boss", "key.revoke-old", key.id),
        ("local", "key.rotate", key.id),
        ("boss", "key.revoke", key.id),
    ]
    assert "10.0.0.0/8" in rows[0].entry.detail
    assert "sandbox" in rows[0].entry.detail
    said = " ".join(row.entry.detail for row in rows)
    assert all(word not in said for word in (first, second, key.digest))


def test_what_changes_nothing_is_not_on_record(web: WebBox) -> None:
    clients = web.service.clients
    key, _secret = told(clients.create("shop", SEND))
    for refused in (
        lambda: clients.create("shop", SEND),
        lambda: clients.revoke("0" * 16),
        lambda: clients.rotate("local"),
        lambda: clients.revoke_old("local"),
    ):
        with pytest.raises(RequestError):
            refused()
    assert clients.revoke_old(key.id) == key, "there was no old secret"
    assert len(chain(web)) == 1


def test_the_daemon_and_a_command_line_beside_it_write_one_chain(web: WebBox) -> None:
    clients = web.service.clients
    failed: list[BaseException] = []

    def beside() -> None:
        try:
            for number in range(25):
                offline(
                    web,
                    lambda desk, c, now_ms, number=number: desk.create(
                        c, f"offline {number}", SEND, Terms(), now_ms
                    ),
                )
        except BaseException as error:
            failed.append(error)

    other = threading.Thread(target=beside)
    other.start()
    for number in range(25):
        clients.create(f"online {number}", SEND)
    other.join(60)
    assert not failed
    assert len(chain(web)) == 50
    assert [row.seq for row in chain(web)] == list(range(1, 51))


# --- nothing comes with the box ---

USUAL = [
    ("admin", "admin"),
    ("admin", "password"),
    ("admin", ""),
    ("root", "root"),
    ("simcourier", "simcourier"),
    ("local", "local"),
    ("local", ""),
    ("local", "local-secret"),
    ("local", "0" * 64),
    ("", ""),
]


@pytest.mark.live
def test_c24_no_default_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = []
    for name in ("one", "two"):
        directory = tmp_path / name
        app = App(_virgin(directory))
        app.start()
        try:
            for credentials in USUAL:
                assert app.service.clients.authenticate(*credentials) is None
            assert app.service.clients.all() == []
            text = (directory / "local.key").read_text().strip()
            prefix, key_id, secret = text.split("_")
            assert (prefix, key_id, len(bytes.fromhex(secret))) == ("sck", "local", 32)
            assert app.service.clients.authenticate(key_id, secret) is not None
            assert (directory / "local.key").stat().st_mode & 0o777 == 0o600
            assert app.service.clients.authenticate("local", access.digest(secret)) is None
            secrets.append(secret)
        finally:
            app.stop()
        left = {path.name for path in directory.iterdir()}
        assert "local.key" not in left
        assert not any(secret.encode() in path.read_bytes() for path in directory.iterdir())
    assert secrets[0] != secrets[1]


@pytest.mark.live
def test_c24_a_virgin_directory_holds_no_password(tmp_path: Path) -> None:
    app = App(_virgin(tmp_path / "box"))
    app.start()
    app.stop()
    words = (b"password", b"passwd", b"sck_", b"admin")
    for path in (tmp_path / "box").iterdir():
        content = path.read_bytes().lower()
        assert not [word for word in words if word in content], path.name
    assert (tmp_path / "box").stat().st_mode & 0o077 == 0


def _virgin(directory: Path) -> Config:
    from cli_process import free_port

    return Config(
        http=Http(listen=f"127.0.0.1:{free_port()}"),
        storage=Storage(directory=str(directory), min_free_mb=0),
        discovery=Discovery(enabled=False),
    )
