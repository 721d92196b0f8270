"""What the README has to say for whoever relies on codes by SMS."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from simcourier.config import Quota, Verifications

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def section(title: str) -> str:
    """The text under a heading of the second level."""
    parts = re.split(r"^## (.+)$", README, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[title]


def test_c19_the_readme_says_what_sms_cannot_do_and_what_to_offer_beside_it() -> None:
    words = " ".join(section("What SMS cannot do").split())
    for told in ("SIM swap", "SS7", "NIST SP 800-63B", "restricted authenticator", "plan to leave it"):
        assert told in words
    offered = re.search(r"- Offer (.*?)\.", words)
    assert offered is not None
    assert "TOTP (RFC 6238)" in offered[1]
    assert "WebAuthn" in offered[1]
    assert "`risk`" in words
    assert "refused_risks" in words


def test_c22_the_readme_names_every_limit() -> None:
    limits = section("Limits")
    named = set(re.findall(r"`([a-z0-9_]+)`", limits))
    bounds = {field.name for field in msgspec.structs.fields(Quota)}
    bounds |= {name for name, value in msgspec.structs.asdict(Verifications()).items() if type(value) is int}
    bounds |= {"box_segments_day"}
    assert bounds - named == set()
    for table in ("[destinations]", "[limits.messages]", "`conversion_...`"):
        assert table in limits


def test_c22_the_readme_says_what_protects_from_being_locked_out() -> None:
    words = " ".join(section("Limits").split())
    told = words.partition("**Locking somebody out**")[2]
    for protection in ("`binding`", "grows from 30 s", "only an admin unlocks", "simcourier unlock"):
        assert protection in told
    assert "captcha" in told
