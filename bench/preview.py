"""A preview of very many captured records, 1 % of them changed, against one hash anti-join."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from bench.ground import shared
from bench.million import Million, million
from bench.report import Row, Turn, raced
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
    taken: dict[str, list[Turn]] = {name: [] for name in turns}
    for number in range(runs + 1):  # the first one is a warm-up
        of.ground.owner.execute("TRUNCATE preview.difference, preview.summary")
        for name, work in turns.items():
            of.ground.settle()
            turn, found = of.ground.turn(work)
            assert found == scale // 100, f"{name} found {found} of {scale // 100} changed records"
            if number:
                taken[name].append(turn)
    rate = scale / statistics.median(turn.seconds for turn in taken["anti"])
    against: dict[str, Any] = {"against": taken["anti"], "ratio_to": "anti-join"}
    return [
        raced(
            "one hash anti-join, as the application",
            taken["anti"],
            note=f"{of.width:,.0f} bytes a row; {rate:,.0f} records/s",
        ),
        raced("the same as owner", taken["owner"], **against),
        raced(
            "preview, the changes are news",
            taken["first"],
            goal="≤ 1.5",
            note=f"{scale // 100:,} differences written, looked through for warnings",
            **against,
        ),
        raced("preview again", taken["again"], note="nothing new: nothing is written", **against),
    ]


def _anti_join(of: Million) -> int:
    with of.ground.db.org(of.connection.org_id) as conn:
        return int(execute(conn, _ANTI_JOIN).scalar_one())
