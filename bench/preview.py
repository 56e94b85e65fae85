"""A preview of very many captured records, 1 % of them changed, against one hash anti-join."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from bench.ground import shared
from bench.million import Million, million
from bench.report import Row, measured
from sync_pipeline.db.queries import execute
from sync_pipeline.steps import preview

NAME = "preview"
TITLE = "Preview: captured records, 1 % changed since their promotion"
SCALE = 1_000_000
_ANTI_JOIN = """
SELECT count(*) FROM capture.sync_record AS r
WHERE NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = r.entity_type
        AND m.external_id = r.external_id AND m.promoted_hash = r.content_hash)
"""


def run(scale: int, runs: int) -> list[Row]:
    """All in turns on one database with fresh statistics, after one warm-up."""
    of: Million = shared(million.__name__, million, scale)
    turns: dict[str, Callable[[], Any]] = {
        "anti": lambda: _anti_join(of),
        "owner": lambda: of.ground.owner.execute(_ANTI_JOIN).fetchone()[0],  # type: ignore[index]
        "first": lambda: preview.recompute(of.ground.db, of.connection, of.stream).updated,
        "again": lambda: preview.recompute(of.ground.db, of.connection, of.stream).updated,
    }
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(runs + 1):  # the first one is a warm-up
        of.ground.owner.execute("TRUNCATE preview.difference, preview.summary")
        for name, turn in turns.items():
            of.ground.settle()
            began = time.perf_counter()
            found = turn()
            took = time.perf_counter() - began
            assert found == scale // 100, f"{name} found {found} of {scale // 100} changed records"
            if number:
                seconds[name].append(took)
    base = statistics.median(seconds["anti"])
    ratios = {name: statistics.median(values) / base for name, values in seconds.items()}
    return [
        measured(
            "one hash anti-join, as the application",
            seconds["anti"],
            note=f"{of.width:,.0f} bytes a row; {scale / base:,.0f} records/s",
        ),
        measured("the same as owner", seconds["owner"], ratio=ratios["owner"], ratio_to="anti-join"),
        measured(
            "preview, the changes are news",
            seconds["first"],
            ratio=ratios["first"],
            ratio_to="anti-join",
            target="≤ 1.5 × anti-join",
            reached=ratios["first"] <= 1.5,
            note=f"{scale // 100:,} differences written, looked through for warnings",
        ),
        measured(
            "preview again",
            seconds["again"],
            ratio=ratios["again"],
            ratio_to="anti-join",
            note="nothing new: nothing is written",
        ),
    ]


def _anti_join(of: Million) -> int:
    with of.ground.db.org(of.connection.org_id) as conn:
        return int(execute(conn, _ANTI_JOIN).scalar_one())
