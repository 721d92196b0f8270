"""The kinds of values that several tables have."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

DEFAULT_DIRECTORY = "/var/lib/simcourier"
Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[int, Meta(ge=0, le=86_400)]
Bound = Annotated[int, Meta(ge=0, le=10_000_000)]
Prefix = Annotated[str, Meta(pattern=r"\A(\+[1-9][0-9]{0,14}|[0-9]{3,6})\Z")]
