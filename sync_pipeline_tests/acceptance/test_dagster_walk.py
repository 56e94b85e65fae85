"""A data engineer's walk through the Dagster UI, on the demo. Its short version is in test_dagster_served."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_pipeline_tests import dagster_walk
from sync_pipeline_tests.chromium import needs_chromium

pytestmark = [pytest.mark.dagster, pytest.mark.torture]


@needs_chromium
def test_a_data_engineer_finds_what_they_expect(tmp_path: Path) -> None:
    dagster_walk.whole(tmp_path)
    assert {one.stem for one in tmp_path.glob("*.png")} == {one.stem for one in dagster_walk.FOLDER.glob("*.png")}
