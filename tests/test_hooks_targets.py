"""Which targets may be told something: the allow-list, and what no list allows (OTP.md, A15)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcourier.errors import ConfigError, RequestError
from simcourier.hooks.guard import Guard, is_ours, look_up
from simcourier.hooks.targets import AllowList, parse

# As open as a configuration can be: every name of the tests, every address.
OPEN = ("0.0.0.0/0", "::/0", "app.example", "localhost", "metadata.example", "inside.example")
OWN_PORT = 8080
OUR_ADDRESS = "192.0.2.7"
NAMES = {
    "app.example": ["192.0.2.10"],
    "inside.example": ["127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "localhost": ["::1", "127.0.0.1"],
    "both.example": ["169.254.1.1", "192.0.2.11"],
    "box.example": [OUR_ADDRESS],
}


def guard(*allowed: str, **names: list[str]) -> Guard:
    known = NAMES | {name.replace("_", "."): addresses for name, addresses in names.items()}

    def lookup(host: str, _port: int) -> list[str]:
        if host not in known:
            raise OSError(-2, "Name or service not known")
        return known[host]

    def ours(address: object) -> bool:
        return str(address) in {OUR_ADDRESS, "127.0.0.1", "::1"}

    return Guard(AllowList.read(allowed), frozenset({OWN_PORT}), lookup=lookup, ours=ours)


def refusal(checked: Guard, url: str) -> RequestError:
    with pytest.raises(RequestError) as caught:
        checked.admit(url)
    return caught.value


NEVER = [
    # written in one of the many ways of inet_aton(3)
    "http://0177.0.0.1/",
    "http://0x7f.0.0.1/",
    "http://0x7f000001/",
    "http://2130706433/",
    "http://017700000001/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://127.0.0.01/",
    "http://1.2.3.4.5/",
    # IPv4 inside IPv6
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:192.0.2.10]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::a9fe:a9fe]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:7f00:1::1]/",
    # link-local, multicast, unspecified, reserved
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.0.1/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[febf::1]/",
    "http://224.0.0.1/",
    "http://[ff02::1]/",
    "http://0.0.0.0/",
    "http://0.1.2.3/",
    "http://[::]/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "http://[100::1]/",
    "http://[fec0::1]/",
    # loopback that nobody wrote down: 0.0.0.0/0 does not mean this machine
    "http://127.0.0.1/",
    "http://127.5.4.3/",
    "http://[::1]/",
    # a name that leads where it must not
    "http://metadata.example/",
    "http://inside.example/",
    # this box itself
    f"http://{OUR_ADDRESS}:{OWN_PORT}/",
    f"http://box.example:{OWN_PORT}/v1/messages",
    f"http://localhost:{OWN_PORT}/",
    # user names, and what one program reads differently from another
    "http://app.example@169.254.169.254/",
    "http://app.example:x@127.0.0.1/",
    "http://127.0.0.1#@app.example/",
    "http://app.example\\@127.0.0.1/",
    "http://app.example%2f@127.0.0.1/",
    "http://127.0.0.1%00.app.example/",
    "http://app.example\r\nHost: 127.0.0.1/",
    "http://app.example\t/",
    " http://app.example/",
    "http://app.example\n",
    # dots and letters that look like others
    "http://app.example./",
    "http://app..example/",
    "http://.app.example/",
    "http://127。0。0。1/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://ⓐpp.example/",
    "http://аpp.example/",
    "http://locaſhost/",
    "http://loca\u212ahost/",
    "http://-app.example/",
    # other schemes, no scheme, no host, no port
    "file:///etc/passwd",
    "gopher://app.example/",
    "ftp://app.example/",
    "//app.example/",
    "app.example",
    "http:///",
    "http://",
    "http://app.example:0/",
    "http://app.example:65536/",
    "http://app.example:http/",
    "http://[::1",
    "http://[app.example]/",
    "http://" + "a" * 2000 + ".example/",
]


@pytest.mark.parametrize("url", NEVER)
def test_a15_no_list_allows_this_target(url: str) -> None:
    error = refusal(guard(*OPEN), url)
    assert error.code == "policy-violation"
    assert error.pointer == "/url"
    assert url.strip() not in error.detail


def test_a15_the_matrix_is_a_matrix() -> None:
    assert len(set(NEVER)) >= 60
    # and the list that it is held against does allow something:
    assert guard(*OPEN).admit("http://app.example/")[1] == ["192.0.2.10"]


def test_a15_without_a_list_nothing_is_allowed_and_the_sentence_names_the_setting() -> None:
    error = refusal(guard(), "https://app.example/")
    assert error.code == "policy-violation"
    assert "allowed_targets" in error.detail
    assert "[webhooks]" in error.detail


def test_a15_a_name_is_not_even_asked_for_where_it_could_never_be_allowed() -> None:
    asked: list[str] = []

    def lookup(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["192.0.2.10"]

    checked = Guard(AllowList.read(["app.example"]), frozenset(), lookup=lookup, ours=lambda _: False)
    refusal(checked, "http://secret-in-a-name.example/")
    assert asked == []


def test_a15_a_name_that_changes_its_mind_is_denied_at_the_next_delivery() -> None:
    answers = iter([["192.0.2.10"], ["127.0.0.1"], ["169.254.169.254"], ["192.0.2.10"]])
    checked = Guard(
        AllowList.read(["app.example"]),
        frozenset(),
        lookup=lambda _host, _port: next(answers),
        ours=lambda _: False,
    )
    assert checked.admit("http://app.example/")[1] == ["192.0.2.10"]
    refusal(checked, "http://app.example/")
    refusal(checked, "http://app.example/")
    assert checked.admit("http://app.example/")[1] == ["192.0.2.10"]


def test_a15_of_several_addresses_only_those_that_are_allowed_are_connected_to() -> None:
    assert guard("both.example").admit("http://both.example/")[1] == ["192.0.2.11"]
    mixed = guard("192.0.2.0/25", mixed_example=["192.0.2.200", "192.0.2.100"])
    assert mixed.admit("http://mixed.example/")[1] == ["192.0.2.100"]


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("https://app.example:8443", "https://app.example:8443/hooks?x=1"),
        ("https://app.example", "https://APP.example:443/hooks"),
        ("app.example", "http://app.example:81/"),
        ("App.Example", "https://app.example/"),
        ("192.0.2.0/24", "https://192.0.2.10:9000/"),
        ("192.0.2.10", "https://app.example/"),
        ("2001:db8::/32", "https://[2001:db8::5]/"),
        ("fd00::/8", "https://[fd00::1]:8443/"),
        ("https://[fd00::1]:8443", "https://[fd00:0::1]:8443/"),
    ],
)
def test_what_an_entry_names_is_allowed(entry: str, url: str) -> None:
    guard(entry).admit(url)


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("https://app.example:8443", "https://app.example/"),
        ("https://app.example:8443", "http://app.example:8443/"),
        ("https://app.example", "https://app.example:444/"),
        ("app.example", "https://www.app.example/"),
        ("app.example", "https://app.example.evil.example/"),
        ("192.0.2.0/25", "https://192.0.2.130/"),
        ("192.0.2.11", "https://app.example/"),
    ],
)
def test_what_an_entry_does_not_name_is_refused(entry: str, url: str) -> None:
    assert refusal(guard(entry, www_app_example=["192.0.2.10"]), url).code == "policy-violation"


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("127.0.0.0/8", "http://127.0.0.1:9000/"),
        ("127.0.0.1", "http://inside.example:9000/"),
        ("::1", "http://[::1]:9000/"),
        ("localhost", "http://localhost:9000/"),
        ("http://localhost:9000", "http://localhost:9000/"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/"),
    ],
)
def test_loopback_is_allowed_where_it_was_written_down(entry: str, url: str) -> None:
    guard(entry).admit(url)


@pytest.mark.parametrize("entry", ["0.0.0.0/0", "126.0.0.0/7", "inside.example", "http://inside.example"])
def test_a_name_or_wide_network_that_leads_to_loopback_does_not_mean_it(entry: str) -> None:
    refusal(guard(entry), "http://inside.example/")


def test_a_name_that_can_t_be_resolved_says_so() -> None:
    assert "resolved" in refusal(guard("gone.example"), "http://gone.example/").detail


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "https://",
        "https://app.example/hooks",
        "10.0.0.1/8",
        "300.1.1.1",
        "*.example",
        "a b",
        "http://u:p@app.example",
    ],
)
def test_an_entry_that_means_nothing_stops_the_start_and_is_named(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"webhooks\.allowed_targets"):
        AllowList.read([entry])


@given(st.text(max_size=60))
def test_whatever_is_read_as_a_url_is_plain(text: str) -> None:
    for url in (text, f"http://{text}", f"https://app.example{text}", f"http://{text}@app.example/"):
        try:
            target = parse(url)
        except ValueError:
            continue
        assert url.isascii()
        assert url.isprintable()
        assert " " not in url
        assert "@" not in target.host_header
        assert target.path.startswith("/")


def test_the_host_header_leaves_the_usual_port_out() -> None:
    assert parse("https://app.example:443/").host_header == "app.example"
    assert parse("https://app.example:8443/").host_header == "app.example:8443"
    assert parse("http://[fd00::1]/").host_header == "[fd00::1]"
    assert parse("http://[fd00::1]:81/").host_header == "[fd00::1]:81"


def test_this_machine_knows_its_own_addresses() -> None:
    loopback, elsewhere = parse("http://127.0.0.1/").address, parse("http://192.0.2.1/").address
    assert loopback is not None
    assert elsewhere is not None
    assert is_ours(loopback)
    assert not is_ours(elsewhere)
    assert "127.0.0.1" in look_up("localhost", 80)
