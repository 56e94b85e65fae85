"""A night's events are mostly their metadata: what is 0 in most is left out, what a person charts is not."""

from __future__ import annotations

from dataclasses import replace

from sync_pipeline.defs import metadata
from sync_pipeline.defs.graph import Stage
from sync_pipeline.steps.capture.run.context import PullReport
from sync_pipeline.steps.observe import CapturedRows

QUIET = PullReport("shop", "products", "delta", "closed", expected=40, captured=40, unchanged=40, requests=1)


def test_a_run_of_many_reports_no_zeros_that_are_usual_and_no_table_of_one_connection() -> None:
    whole = metadata.of_reports(Stage.RAW, [QUIET])
    brief = metadata.of_reports(Stage.RAW, [QUIET], brief=True)
    assert set(whole) - set(brief) == {
        "quarantined", "vanished", "deleted", "swept", "throttled", "resumed", "connections"
    }  # fmt: skip
    assert {name: brief[name] for name in ("expected", "captured", "new", "changed")} == {
        "expected": 40, "captured": 40, "new": 0, "changed": 0
    }  # fmt: skip


def test_what_is_not_zero_and_several_connections_are_told() -> None:
    found = metadata.of_reports(Stage.RAW, [replace(QUIET, deleted=2, quarantined=1, quarantine=("7",))], brief=True)
    assert (found["deleted"], found["quarantined"], found["quarantined_ids"]) == (2, 1, "7")
    assert "connections" in metadata.of_reports(Stage.RAW, [QUIET, replace(QUIET, connection="outlet")], brief=True)


def test_rows_that_are_deleted_or_set_aside_are_beside_the_row_count() -> None:
    assert metadata.of_rows(CapturedRows(40, 2, 1)) == {
        "dagster/row_count": 40, "deleted_rows": 2, "quarantined_records": 1
    }  # fmt: skip
    assert metadata.of_rows(CapturedRows(40), brief=True) == {"dagster/row_count": 40}
