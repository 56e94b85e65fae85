"""Pages of the table for people, with very many captured records."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bench.ground import shared
from bench.million import Million, million
from bench.report import Row, measured
from sync_pipeline.db.queries import execute
from sync_pipeline.steps import preview

NAME = "table"
TITLE = "Table: a page of 50 records with their status"
SCALE = 1_000_000
_CALLS = 2  # a page is fast: one run is several calls
_PAGE_SQL = """
SELECT external_id, name, code, email, sync_data FROM capture.sync_record
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = 'woocommerce' ORDER BY length(external_id), external_id LIMIT 50
"""
_SEARCH_SQL = """
SELECT external_id, name, code, email, sync_data FROM capture.sync_record
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = 'woocommerce' AND code_key = 'sku-777' LIMIT 50
"""
_PAGES: Mapping[str, Mapping[str, Any]] = {
    "first page": {},
    "page 100": {"page": 100},
    "status=updated": {"status": "updated"},
    "search=sku-777": {"search": "sku-777"},
}


def run(scale: int, runs: int) -> list[Row]:
    """For information: the target is set for the HTTP endpoint."""
    of: Million = shared(million.__name__, million, scale)
    preview.recompute(of.ground.db, of.connection, of.stream)
    of.ground.owner.execute("VACUUM ANALYZE preview.difference")
    bare = {
        "SQL: the first 50 records": _timed(runs, lambda: _bare(of, _PAGE_SQL)),
        "SQL: the record of one SKU": _timed(runs, lambda: _bare(of, _SEARCH_SQL)),
    }
    rows = [measured(name, values, unit="ms") for name, values in bare.items()]
    pages = list(bare.values())
    for name, options in _PAGES.items():
        values = _timed(runs, partial(_page, of, options))
        base = statistics.median(pages[1] if "search" in options else pages[0])
        rows.append(
            measured(
                name,
                values,
                unit="ms",
                ratio=statistics.median(values) / base,
                ratio_to="its SQL",
                target="for information",
                note=f"p95 {sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]:,.0f} ms of {len(values)} calls",
            )
        )
    return rows


def _timed(runs: int, call: Callable[[], Any]) -> list[float]:
    """The milliseconds of each call, after a warm-up."""
    call()
    values = []
    for _ in range(runs * _CALLS):
        began = time.perf_counter()
        assert call()
        values.append(1000 * (time.perf_counter() - began))
    return values


def _page(of: Million, options: Mapping[str, Any]) -> Any:
    return preview.table(of.ground.db, of.connection, of.stream, **options).data


def _bare(of: Million, sql: str) -> Any:
    with of.ground.db.org(of.connection.org_id) as conn:
        return execute(conn, sql, **of.keys).all()
