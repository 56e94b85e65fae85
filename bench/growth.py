"""What a database that has grown weighs, table by table, and what the calls cost then, after 10,000 nights of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from bench.endpoint import serving
from bench.ground import shared
from bench.growing import ORDERS, RUNS, Grown, grown
from bench.report import Row, Turn, raced
from sync_pipeline.explorer.session import PLAIN
from sync_pipeline.steps import capture, connect, observe, preview, promote, select
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.observe import checks
from sync_pipeline.steps.preview import counts

NAME = "growth"
TITLE = "Growth: what the tables weigh, and what calls cost then"
SCALE = 1_000_000
ALONE = True
_SIZES = """
SELECT n.nspname || '.' || c.relname AS name, greatest(c.reltuples, 0)::bigint AS rows, pg_relation_size(c.oid) AS heap,
       coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) AS toast, pg_indexes_size(c.oid) AS indexes
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('connect', 'capture', 'preview', 'selection', 'promote', 'core', 'observe')
    AND pg_total_relation_size(c.oid) > 1000000
ORDER BY pg_total_relation_size(c.oid) DESC
"""
_SOME = """
SELECT r.external_id FROM capture.sync_record AS r
WHERE r.org_id = 1 AND r.connection_id = %s AND r.entity_type = 'order' AND NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.org_id = 1 AND m.connection_id = r.connection_id AND m.entity_type = 'order'
        AND m.external_id = r.external_id)
LIMIT 1000
"""


@dataclass
class _Calls:
    """The calls, on one database."""

    of: Grown
    runs: int

    @property
    def _here(self) -> tuple[Any, Any, Any]:
        return self.of.ground.db, self.of.shop, self.of.shop.source.stream("orders")

    def row(self, name: str, work: Callable[[], Any], *, once: bool = False, goal: float | None = None) -> Row:
        turns: list[Turn] = []
        note = ""
        for number in range(1 if once else self.runs + 1):  # the first is a warm-up
            turn, found = self.of.ground.turn(work)
            if once or number:
                turns.append(turn)
            note = f"{found:,}" if isinstance(found, int) else str(found or "")
        spent = sum(turn.processor for turn in turns) / len(turns)
        more: dict[str, Any] = (
            {} if goal is None else {"target": f"< {goal:g} s of processor time", "reached": spent < goal}
        )
        return raced(name, turns, note=note, **more)

    def reading(self) -> Iterator[Row]:
        db, shop, orders = self._here
        middle = str(
            int(
                self.of.ground.one(
                    "SELECT max(external_id::bigint) / 2 FROM capture.woocommerce_sync WHERE entity_type = 'order'"
                )
            )
        )

        def browse(**view: Any) -> Callable[[], str]:
            return lambda: f"{preview.browse(db, shop, orders, preview.RecordView(**view)).total:,} match"

        yield self.row("status", lambda: len(observe.status(db, self.of.organization)) and None, goal=1)
        yield self.row("page of the Explorer", browse())
        yield self.row("the same in the middle", browse(after=middle))
        yield self.row("the same, status new", browse(status="new"))
        yield self.row("the same, a search", browse(search="SKU-00253"))
        yield self.row("count of a filter", lambda: _count(db, shop, orders))
        yield self.row("checks", lambda: sum(not one.ok for one in checks.check(db, self.of.organization)))
        yield self.row("preview of one entity, nothing changed", lambda: preview.recompute(db, shop, orders).in_sync)

    def writing(self) -> Iterator[Row]:
        db, shop, orders = self._here
        at, org = self.of.ground, self.of.organization
        some = [str(one) for (one,) in at.owner.execute(_SOME, (shop.connection_id,))]
        plans: list[Any] = []

        def plan() -> str:
            kind = (shop.connection_id, orders.entity_type)
            plans.append(select.make_plan(db, org, actor="bench", records=[(*kind, one) for one in some]))
            return f"{plans[-1].items:,} records"

        def apply() -> str:
            return f"{promote.apply(db, org.org_id, str(plans[-1].plan_id), actor='bench').done:,} records"

        def pull() -> str:
            with capture.session(db, at.settings, shop, actor="bench") as session:
                report = session.pull(orders, do_sweep=False)
            return f"{report.changed:,} changed, {report.requests} requests"

        def chosen() -> str:
            return f"{select.select(db, shop, orders, include=True, actor='bench', status='new').records:,} records"

        yield self.row("selection by a filter (all that is new)", chosen, once=True)
        yield self.row("plan of 1,000", plan, once=True)
        yield self.row("apply of 1,000", apply, once=True)
        _change(self.of, min(ORDERS, self.of.records // 1000))
        yield self.row("delta of what changed in the store", pull, once=True)
        yield self.row("preview of it", lambda: preview.recompute(db, shop, orders).updated, once=True)
        for table in ("capture.woocommerce_sync", "promote.integration_mapping", "selection.sync_plan_item"):
            yield self.row(f"VACUUM {table}", partial(self._vacuum, table), once=True)

    def _vacuum(self, table: str) -> None:
        self.of.ground.owner.execute(f"VACUUM {table}")

    def pages(self) -> Iterator[Row]:
        at, org = self.of.ground, self.of.organization
        token = tokens.add_token(at.db, org, "admin", actor="bench").plain
        with serving(self.of) as url, httpx.Client(base_url=url, timeout=300) as client:
            client.headers["Authorization"] = f"Bearer {token}"
            client.cookies.set(PLAIN, f"{org.slug}:{token}")
            for name, address in _PAGES.items():
                yield self.row(name, partial(_get, client, address))


def _get(client: httpx.Client, address: str) -> str:
    return f"{len(client.get(address).raise_for_status().content) / 1000:.0f} kB"


_PAGES = {
    "API: table, page 1": "/api/v1/integrations/woocommerce/table?entity=orders",
    "API: table, page 100": "/api/v1/integrations/woocommerce/table?entity=orders&page=100",
    "API: activity": "/api/v1/integrations/sync/activity",
    "API: plans": "/api/v1/plans",
    "API: logs": "/api/v1/logs",
    "API: requests": "/api/v1/requests",
    "API: metrics": "/metrics",
    "page: overview": "/ui/bench",
    "page: a connection": "/ui/bench/shop",
    "page: its history": "/ui/bench/shop/history",
    "page: orders": "/ui/bench/shop/data/orders",
    "page: plans": "/ui/bench/plans",
    "page: log of decisions": "/ui/bench/decisions/log",
}


def run(scale: int, runs: int) -> Iterable[Row]:
    """The weight of the tables, then the calls that read, then those that write."""
    of: Grown = shared(grown.__name__, grown, scale)
    rows = [*weights(of)]
    calls = _Calls(of, runs)
    return [*rows, *calls.reading(), *calls.pages(), *calls.writing()]


def weights(of: Grown) -> Iterator[Row]:
    """Each table of more than a megabyte: bytes a row, and what they are."""
    total = 0
    for name, rows, heap, toast, indexes in of.ground.owner.execute(_SIZES):
        total += heap + toast + indexes
        if rows:
            note = f"{rows:,} rows; heap {heap / 1e6:,.0f}, TOAST {toast / 1e6:,.0f}, indexes {indexes / 1e6:,.0f} MB"
            yield Row(what=name, value=(heap + toast + indexes) / rows, unit="B a row", note=note)
    note = f"{total / 1e9:.1f} GB for {of.records:,} records and {RUNS:,} nights"
    yield Row(what="all", value=total / of.records, unit="B a record", note=note)


def _change(of: Grown, number: int) -> None:
    """Let so many orders of the store have another status."""
    ids = of.ground.owner.execute(
        "SELECT external_id::bigint FROM capture.woocommerce_sync WHERE entity_type = 'order' "
        "ORDER BY external_id::bigint LIMIT %s",
        (number,),
    )
    writes = [
        {"op": "update", "kind": "orders", "id": one, "customer_note": f"changed {one}"} for (one,) in ids.fetchall()
    ]
    with httpx.Client(verify=of.store.ca_file, timeout=600) as client:
        for begin in range(0, len(writes), 500):
            client.post(f"{of.store.url}/_sandbox/write", json=writes[begin : begin + 500]).raise_for_status()


def _count(db: Any, connection: connect.Connection, stream: Any) -> str:
    counts._KEPT.clear()  # each turn counts
    return f"{counts.count_records(db, connection, stream)[0].of('new'):,} new"
