"""Forms are whole before threads use them."""

from __future__ import annotations

from enum import EnumMeta, StrEnum

import msgspec

from simcourier_web.forms import Form


class _Counted(EnumMeta):
    """Counts how often msgspec looks at an enum to build a struct's table."""

    looks = 0

    def __getattribute__(cls, name: str) -> object:
        if name in {"_value2member_map_", "__members__", "_member_map_", "__msgspec_cache__"}:
            _Counted.looks += 1
        return super().__getattribute__(name)


class _Colour(StrEnum, metaclass=_Counted):
    RED = "red"


class _Paint(msgspec.Struct):
    colour: _Colour


def test_the_first_decode_builds_nothing_any_more() -> None:
    before = _Counted.looks
    form = Form(_Paint, {"colour": "a colour"})
    built = _Counted.looks
    assert built > before
    form.decode(b'{"colour": "red"}')
    msgspec.convert({"colour": "red"}, _Paint)
    assert _Counted.looks == built
