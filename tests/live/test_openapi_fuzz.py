"""The running box answers what its OpenAPI document says, whatever it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from live.appliance import appliance
from live.openapi_fuzz import CONFIGURATION, fuzz

pytestmark = pytest.mark.live

SECONDS = 75


def test_schemathesis_finds_no_answer_that_is_not_documented(tmp_path: Path) -> None:
    with appliance(tmp_path, 2, extra=CONFIGURATION) as (box, _network):
        documented = box.call("GET", "/v1/openapi.json")[1]["paths"]
        found = fuzz(box, seconds=SECONDS, examples=6, seed=20)
        assert found.passed, "\n".join(line[:400] for line in found.output.splitlines()[-300:])
        # It leaves out the one operation that it reads the document by.
        assert found.tested == found.operations == sum(map(len, documented.values())) - 1
        assert found.faults == []
        assert box.is_healthy()
