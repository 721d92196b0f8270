"""A wrong configuration gets one sentence that names the file and the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from simcourier.config import Config, Modem, load, parse, read_pin
from simcourier.errors import ConfigError


def test_an_empty_file_is_a_whole_configuration() -> None:
    assert parse(b"", "x.toml") == Config()


def test_the_names_that_others_rely_on() -> None:
    config = parse(
        b"""
        [http]
        listen = "127.0.0.1:8080"
        [storage]
        directory = "/var/lib/simcourier"
        [discovery]
        enabled = true
        [[modems]]
        port = "/dev/ttyUSB2"
        name = "north"
        pin_file = "/etc/simcourier/north.pin"
        """,
        "x.toml",
    )
    assert config.http.address == ("127.0.0.1", 8080)
    assert config.modems == (Modem("/dev/ttyUSB2", "north", "/etc/simcourier/north.pin"),)


def test_an_ipv6_address_loses_its_brackets() -> None:
    assert parse(b'[http]\nlisten = "[::1]:80"', "x").http.address == ("::1", 80)


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]", "192.168.7.2", "[fd00::1]", "8.8.8.8"])  # noqa: S104 - it is refused
def test_c18_plain_http_beyond_this_machine_needs_the_admins_word(address: str) -> None:
    open_to_all = f'[http]\nlisten = "{address}:8080"\n'
    with pytest.raises(ConfigError, match=r"http\.listen: .* TLS proxy .*systemd/README\.md"):
        parse(open_to_all.encode(), "x.toml")
    protected = parse((open_to_all + "plain_http_is_protected = true\n").encode(), "x.toml")
    assert protected.http.listen == f"{address}:8080"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "[::1]"])
def test_c18_plain_http_on_this_machine_needs_nothing(address: str) -> None:
    assert parse(f'[http]\nlisten = "{address}:8080"\n'.encode(), "x.toml").http.listen == f"{address}:8080"


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[http", "x.toml: is not TOML"),
        ("[htp]\n", "x.toml: there is no setting called `htp`"),
        ("[http]\nport = 1\n", "x.toml: http: there is no setting called `port`"),
        ("[http]\nthreads = 0\n", "x.toml: http.threads: "),
        ('[http]\nthreads = "5"\n', "x.toml: http.threads: Expected a whole number, got a text in quotes"),
        ('[http]\nlisten = "8080"\n', "x.toml: http.listen: write an address and a port"),
        ('[http]\nlisten = "localhost:8080"\n', "x.toml: http.listen: 'localhost' is not an IP address"),
        ('[http]\nlisten = "127.0.0.1:99999"\n', "x.toml: http.listen: write an address and a port"),
        ('[http]\nlisten = "0.0.0.0:8080"\n', "set http.plain_http_is_protected = true"),
        ('[http]\nallowed_hosts = ["https://box"]\n', "x.toml: http.allowed_hosts: write names as clients"),
        ('[[modems]]\nname = "a"\n', "x.toml: modems[0]: needs the setting `port`"),
        ('[[modems]]\nport = "a"\n[[modems]]\nport = "a"\n', "x.toml: modems: two entries have the port 'a'"),
        (
            '[[modems]]\nport = "a"\nname = "n"\n[[modems]]\nport = "b"\nname = "n"\n',
            "x.toml: modems: two entries have the name 'n'",
        ),
        ('[[modems]]\nport = "a"\nname = "../n"\n', "x.toml: modems[0].name: may hold letters, digits"),
        ('[sims]\napprove = "maybe"\n', 'x.toml: sims.approve: must be "at-once" or "by-admin"'),
        (
            '[second_sim]\nclasses = ["all"]\n',
            'x.toml: second_sim.classes[0]: must be "otp", "transactional" or',
        ),
        (
            '[[operators]]\nname = "a"\nnetworks = ["1"]\n',
            "x.toml: operators[0].networks[0]: write the five or six",
        ),
        (
            '[[operators]]\nname = "a"\nbalance_code = "x"\n',
            "x.toml: operators[0].balance_code: write a USSD code",
        ),
        ('[[sims.cards]]\niccid = "12"\n', "x.toml: sims.cards[0].iccid: write the 15 to 22 digits"),
        ("[second_sim]\nleast = 90.0\n", "x.toml: second_sim.least: must not be more than second_sim.most"),
        (
            '[inbound]\nstart_words = ["Stop"]\n',
            "x.toml: inbound.start_words: 'stop' is one of inbound.stop_words",
        ),
        (
            '[[operators]]\nname = "a"\nnetworks = ["00101"]\n[[operators]]\nname = "b"\nnetworks = ["00101"]\n',
            "x.toml: operators: a: networks: 00101 is another operator's, too",
        ),
        ('[log]\nlevel = "loud"\n', 'x.toml: log.level: must be "debug"'),
        ('[storage]\ndirectory = ""\n', "x.toml: storage.directory: write a whole path, from / on"),
        ('[storage]\nkey_file = "here"\n', "x.toml: storage.key_file: write a whole path, from / on"),
        ("[sending]\ndefault_ttl = 10\n", "x.toml: sending.default_ttl: "),
    ],
)
def test_a_mistake_is_named(toml: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(toml.encode(), "x.toml")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: there is no such file"):
        load(tmp_path / "none.toml")


def test_a_directory_is_not_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        load(tmp_path)


def test_a_pin_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    path.write_text("1234\n")
    assert read_pin(str(path), "x.toml", "modems") == "1234"
    assert read_pin(None, "x.toml", "modems") is None


@pytest.mark.parametrize("content", ["", "123", "123456789", "12a4", "1234\n5678"])
def test_a_file_without_a_pin_is_named_and_not_shown(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pin"
    path.write_text(content)
    with pytest.raises(ConfigError, match="must hold four to eight digits") as caught:
        read_pin(str(path), "x.toml", "modems")
    assert not content or content not in str(caught.value)


def test_a_missing_pin_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pin_file .*there is no such file"):
        read_pin(str(tmp_path / "none"), "x.toml", "modems")


@pytest.mark.parametrize(
    "port",
    ["rfc2217://192.168.7.9:2217", "socket://box.example:4001", "rfc2217://[fd00::9]:1?ign_set_control"],
)
def test_a_modem_may_be_behind_a_port_on_the_network(port: str) -> None:
    read = parse(f'[[modems]]\nport = "{port}"\n'.encode(), "box.toml")
    assert read.modems[0].port == port


@pytest.mark.parametrize(
    "port",
    [
        "rfc2217://192.168.7.9",
        "socket://:4001",
        "socket://host:0",
        "socket://host:65536",
        "socket://host:4001?logging=debug",
        "tcp://host:4001",
        "http://host:4001/x",
    ],
)
def test_a_port_on_the_network_that_can_not_be_connected_to_is_named(port: str) -> None:
    with pytest.raises(ConfigError, match=r"box.toml: modems\[1\].port: .*write \"rfc2217://host:port\""):
        parse(f'[[modems]]\nport = "/dev/ttyUSB0"\n[[modems]]\nport = "{port}"\n'.encode(), "box.toml")


def test_a_port_on_the_network_can_not_be_for_the_sandbox() -> None:
    with pytest.raises(ConfigError, match="can't be for the sandbox"):
        parse(b'[[modems]]\nport = "socket://host:4001"\nsandbox = true\n', "box.toml")
