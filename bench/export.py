"""A core table read whole: chunks of data frames, and files, with the memory that each takes."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from bench.ground import Ground, Store, ground
from bench.report import Row, Turn, measured, raced

NAME = "export"
TITLE = "Export: a core table as data frames and files"
SCALE = 1_000_000
TABLE = "sales_orders"
_MB = 300
_FILL = """
INSERT INTO core.sales_orders
(org_id, customer_id, number, status, source_status, currency, subtotal, shipping_total, tax_total, total,
 customer_email, billing_address, ordered_at, metadata, created_at)
SELECT %(org)s, n %% 50000, n::text, 'completed', 'completed', 'EUR', (n %% 9000) / 100.0, 4.90, (n %% 900) / 100.0,
       (n %% 9000) / 100.0 + 4.90 + (n %% 900) / 100.0, 'someone' || n %% 50000 || '@shop.example',
       jsonb_build_object('first_name', 'Ada', 'last_name', 'N' || n, 'address_1', 'Road ' || n %% 100, 'city', 'Town',
                          'postcode', '10115', 'country', 'DE'),
       timestamptz '2026-01-01 00:00Z' + n * interval '20 seconds', jsonb_build_object('woo_order_id', n),
       now() - interval '2 hours'
FROM generate_series(1::bigint, %(rows)s) AS n
"""
# Half of them are another's work since: what they were is in images.
_QUEUE = """
INSERT INTO promote.sync_queue (org_id, queue_id, plan_id, idempotency_key, created_by, created_at, started_at)
VALUES (%(org)s, %(queue)s, gen_random_uuid(), 'bench', 'bench', now() - interval '1 hour', now() - interval '1 hour')
"""
_IMAGES = """
INSERT INTO promote.core_change (org_id, queue_id, table_name, operation, row_id, content)
SELECT org_id, %(queue)s, 'core.sales_orders', 'update', id, to_jsonb(t) || '{"status": "processing"}'
FROM core.sales_orders AS t WHERE id %% 2 = 0
"""
_WAYS = ("chunks", "csv", "jsonl", "parquet", "xlsx")
_NOWHERE = Store("https://shop.example", "ck_none", "cs_none", "")


def run(scale: int, runs: int) -> Iterable[Row]:
    """Seconds and peak memory of each way, beside COPY of the same rows by the owner."""
    with ground() as at:
        org = at.connect_store("bench", _NOWHERE).org_id
        given = {"org": org, "rows": scale, "queue": "00000000-0000-0000-0000-000000000001"}
        for statement in (_FILL, _QUEUE, _IMAGES):
            at.owner.execute(statement, given)
        at.owner.execute("VACUUM ANALYZE")
        at.settle()
        (before,) = at.owner.execute("SELECT now() - interval '30 minutes'").fetchone() or ("",)
        found: dict[str, list[dict[str, Any]]] = {way: [] for way in ("copy", *_WAYS, "chunks as of")}
        for _ in range(runs):
            found["copy"].append(_copy(at))
            for way in _WAYS:
                found[way].append(_child(at, scale, way))
            found["chunks as of"].append(_child(at, scale, "chunks", before.isoformat()))
    turns = {way: [Turn.of(one) for one in all_runs] for way, all_runs in found.items()}
    for way, all_runs in found.items():
        size = all_runs[0].get("bytes", 0)
        yield raced(
            f"{way}: {scale:,} rows",
            turns[way],
            against=[] if way == "copy" else turns["copy"],
            ratio_to="copy",
            note=f"{size / 1e6:,.0f} MB" if size else "",
        )
    for way in (*_WAYS, "chunks as of"):
        peak = [one["peak_mb"] for one in found[way]]
        yield measured(f"{way}: peak memory", peak, unit="MB", target=f"< {_MB} MB", reached=max(peak) < _MB)


def _child(at: Ground, scale: int, way: str, *more: str) -> dict[str, Any]:
    done = at.child(sys.executable, ["-m", "bench.children.export", "bench", TABLE, way, *more])
    assert done["rows"] == scale, done
    return done


def _copy(at: Ground) -> dict[str, Any]:
    """The same rows as CSV, thrown away as they come."""

    def work() -> int:
        with at.owner.cursor().copy(f"COPY (SELECT * FROM core.{TABLE} ORDER BY id) TO STDOUT (FORMAT csv)") as copy:
            return sum(len(part) for part in copy)

    turn, size = at.turn(work)
    return {"seconds": turn.seconds, "cpu": turn.own, "server_cpu": turn.server, "bytes": size}
