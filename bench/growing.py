"""A database that has grown: two stores pulled and promoted for real, then every table they wrote multiplied by SQL.

A copy is what another pull and promotion of as many records would have written: records with ids, SKUs and e-mails of
their own, mappings, core rows, plans and queues; differences and counts as a comparison leaves them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg

from bench.ground import Ground, Store, ground, serving, serving_odoo
from sync_pipeline.db.queries import load
from sync_pipeline.steps import capture, connect, preview, promote, select

SQL = load("bench", "growing.sql")
PRODUCTS, ORDERS = 1_000, 4_000  # of the WooCommerce store; the Odoo has an eighth
RUNS = 10_000  # nights, each a run of every entity
_APART = 1_000_000  # between the ids of two copies
_SHIFTED = 100  # copies whose payloads are written with their own ids; those beyond are copies of these
_NEW = 10  # every tenth copy is captured and was never promoted
_SAME = "(r.connection_id, r.entity_type) IN (SELECT connection_id, entity_type FROM bench_kind)"
_ID = "(r.external_id::bigint + j * %(apart)s)::text"
_QUEUE = "md5(r.queue_id::text || j)::uuid"
_MAIL, _SKU = "j || '.' || r.{}", "r.{} || '-' || j"
# Fields of payloads that hold ids of records, as numbers.
_REFERENCES = (
    "{id,customer_id,order_id,partner_id,partner_invoice_id,partner_shipping_id,commercial_partner_id,product_tmpl_id,"
    "move_id,picking_id,sale_id}"
)
_PAYLOAD = f"""
r.sync_data || coalesce((
    SELECT jsonb_object_agg(k, to_jsonb((r.sync_data ->> k)::bigint + j * %(apart)s))
    FROM unnest('{_REFERENCES}'::text[]) AS k
    WHERE jsonb_typeof(r.sync_data -> k) = 'number' AND r.sync_data ->> k <> '0'), '{{}}')
|| CASE WHEN r.sync_data ->> 'parent_id' <> '0' AND r.entity_type IN ('variation', 'refund')
        THEN jsonb_build_object('parent_id', (r.sync_data ->> 'parent_id')::bigint + j * %(apart)s) ELSE '{{}}' END
|| CASE WHEN jsonb_typeof(r.sync_data -> 'sku') = 'string' AND r.sync_data ->> 'sku' <> ''
        THEN jsonb_build_object('sku', r.sync_data ->> 'sku' || '-' || j) ELSE '{{}}' END
|| CASE WHEN jsonb_typeof(r.sync_data -> 'default_code') = 'string'
        THEN jsonb_build_object('default_code', r.sync_data ->> 'default_code' || '-' || j) ELSE '{{}}' END
|| CASE WHEN jsonb_typeof(r.sync_data -> 'email') = 'string' AND r.sync_data ->> 'email' <> ''
        THEN jsonb_build_object('email', j || '.' || (r.sync_data ->> 'email')) ELSE '{{}}' END
|| CASE WHEN r.sync_data -> 'billing' ->> 'email' <> '' THEN jsonb_build_object('billing', r.sync_data -> 'billing'
        || jsonb_build_object('email', j || '.' || (r.sync_data -> 'billing' ->> 'email'))) ELSE '{{}}' END
"""
_HASH = "sha256(r.{} || int8send(j))"
_RECORD = {
    "external_id": _ID,
    "content_hash": _HASH.format("content_hash"),
    "raw_hash": _HASH.format("raw_hash"),
    "sweep_hash": f"substr({_HASH.format('sweep_hash')}, 1, 16)",
    "parent_id": "CASE WHEN r.parent_id ~ '^[1-9][0-9]*$' THEN (r.parent_id::bigint + j * %(apart)s)::text "
    "ELSE r.parent_id END",
    "code": _SKU.format("code"),
    "email": _MAIL.format("email"),
    "captured_at": "r.captured_at - j %% 300 * interval '1 day'",
    "first_captured_at": "r.first_captured_at - j %% 300 * interval '1 day'",
}
_OWN = {"id": "r.id + j * %(apart)s", "queue_id": _QUEUE}


@dataclass(frozen=True)
class _Copied:
    """How a table is multiplied: the columns that a copy has of its own, and which rows."""

    table: str
    own: Mapping[str, str]
    which: str = _SAME
    promoted: bool = True  # only of copies that were promoted


def _core(table: str, which: str = "true", **own: str) -> _Copied:
    return _Copied(f"core.{table}", {**_OWN, **own}, which)


def _of(column: str) -> str:
    return f"r.{column} + j * %(apart)s"


_PLAN = "md5(r.plan_id::text || j)::uuid"
_TABLES = (
    _Copied("capture.sync_page", {"page_no": _of("page_no")}, "true", promoted=False),
    _Copied("capture.named_record", {"external_id": _ID}, promoted=False),
    _Copied(
        "promote.integration_mapping",
        {
            "external_id": _ID,
            "internal_id": _of("internal_id"),
            "promoted_hash": _HASH.format("promoted_hash"),
            "queue_id": _QUEUE,
            "claim": "CASE WHEN r.claim LIKE '%%@%%' THEN j || '.' || r.claim ELSE r.claim || '-' || j END",
        },
    ),
    _core("products", sku=_SKU.format("sku")),
    _core("product_variants", sku=_SKU.format("sku"), product_id=_of("product_id")),
    _Copied("core.product_categories", {"product_id": _of("product_id"), "queue_id": _QUEUE}, "true"),
    _core("inventory_items", _SAME, external_id=_ID, product_id=_of("product_id"), variant_id=_of("variant_id")),
    _core("customers", email=_MAIL.format("email")),
    _core("customer_addresses", customer_id=_of("customer_id")),
    _core("sales_orders", customer_id=_of("customer_id")),
    _core("sales_order_items", _SAME, order_id=_of("order_id"), external_id=_ID),
    _core("reference_data", "r.kind NOT IN ('tag', 'attribute', 'attribute_term', 'tax', 'setting')"),
    _Copied("selection.sync_selective_config", {"external_id": _ID, "content_hash": _HASH.format("content_hash")}),
    _Copied("selection.sync_plan", {"plan_id": _PLAN}, "true"),
    _Copied(
        "selection.sync_plan_item",
        {"plan_id": _PLAN, "external_id": _ID, "content_hash": _HASH.format("content_hash")},
    ),
    _Copied(
        "promote.sync_queue",
        {"queue_id": _QUEUE, "plan_id": _PLAN, "idempotency_key": "r.idempotency_key || j"},
        "true",
    ),
    _Copied(
        "promote.sync_queue_line",
        {"queue_id": _QUEUE, "external_id": _ID, "content_hash": _HASH.format("content_hash")},
    ),
    _Copied("promote.core_change", {"queue_id": _QUEUE, "change_id": _of("change_id")}, "true"),
)


@dataclass
class Grown:
    """The database and its two connections; the stores list the first copy of the records."""

    ground: Ground
    organization: connect.Organization
    shop: connect.Connection
    erp: connect.Connection
    store: Store
    records: int


@contextmanager
def grown(scale: int) -> Iterator[Grown]:
    """A database with about `scale` captured records, nine tenths of them promoted, and 10,000 nights of runs."""
    with ground() as at, ExitStack() as stores:
        store = stores.enter_context(serving(at, PRODUCTS, ORDERS))
        shop = at.connect_store("bench", store)
        given = stores.enter_context(serving_odoo(at, f"{PRODUCTS // 8}-products-{ORDERS // 10}-orders"))
        organization = connect.organizations(at.db)[0]
        config = {name: given[name] for name in ("url", "db", "password", "ca_file")} | {"username": given["user"]}
        erp = connect.add_connection(at.db, at.settings, organization, "odoo", "erp", config, actor="bench")
        one = Grown(at, organization, shop, erp, store, 0)
        _for_real(one)
        _multiply(at, max(1, round(scale / _count(at))))
        at.owner.execute("VACUUM ANALYZE")
        at.settle()
        one.records = _count(at)
        yield one


def _count(at: Ground) -> int:
    return int(at.one("SELECT count(*) FROM capture.sync_record"))


def _for_real(of: Grown) -> None:
    """Pull both stores, include everything and promote it."""
    at = of.ground
    for connection in (of.shop, of.erp):
        with capture.session(at.db, at.settings, connection, actor="bench") as session:
            for stream in connection.source.streams.values():
                session.pull(stream, full=True)
                preview.recompute(at.db, connection, stream)
        for stream in connection.source.streams.values():
            select.select(at.db, connection, stream, include=True, actor="bench", everything=True)
    plan = select.make_plan(at.db, of.organization, actor="bench")
    assert plan is not None
    report = promote.apply(at.db, of.organization.org_id, str(plan.plan_id), actor="bench")
    assert report.state == "done", report


def _multiply(at: Ground, copies: int) -> None:
    """Write copies 1 to `copies` - 1 of what is there, without the indexes, which are made afterwards."""
    at.owner.execute(
        "CREATE TABLE bench_kind AS SELECT connection_id, entity_type FROM capture.sync_record "
        "GROUP BY connection_id, entity_type HAVING count(*) >= 50 AND bool_and(external_id ~ '^[0-9]+$')"
    )
    indexes = at.owner.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index AS i "
        "JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname IN ('capture', 'core', 'promote') AND NOT i.indisunique AND NOT c.relispartition"
    ).fetchall()
    for name, _ in indexes:
        at.owner.execute(f"DROP INDEX {name}")
    first = min(copies, _SHIFTED)
    records = _Copied("capture.sync_record", {**_RECORD, "sync_data": _PAYLOAD}, promoted=False)
    _copy(at, records, 1, first)
    for one in _TABLES:
        _copy(at, one, 1, first)
    if copies > first:
        # These take the payloads of what is there by now, which nobody compresses again.
        at.owner.execute("ANALYZE")
        again = _Copied("capture.sync_record", _RECORD, promoted=False)
        for one in (again, *_TABLES):
            _copy(at, one, 1, copies // first, times=first)
    at.owner.execute("SET session_replication_role = replica")
    at.owner.execute(SQL["former_contents"].replace("%%", "%"))
    at.owner.execute(SQL["changed_since"].replace("%%", "%"))
    at.owner.execute("RESET session_replication_role")
    with psycopg.ClientCursor(at.owner) as cursor:
        cursor.execute(SQL["nights"], {"runs": RUNS})
    at.owner.execute(SQL["sequences"], {"next": (copies + 1) * _APART})
    at.owner.execute("SET maintenance_work_mem = '512MB'")
    for _, made in indexes:
        at.owner.execute(made.replace(" ON ONLY ", " ON "))
    at.owner.execute(SQL["compared"])


def _copy(at: Ground, one: _Copied, first: int, last: int, times: int = 1) -> None:
    """Copies `first` to `last` - 1 of a table, by two sessions; triggers and references rest meanwhile."""
    columns = [
        name
        for (name,) in at.owner.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attgenerated = '' "
            "AND NOT attisdropped ORDER BY attnum",
            (one.table,),
        )
    ]
    values = ", ".join(one.own.get(name, f'r."{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    only = f"j %% {_NEW} <> 0" if one.promoted and times == 1 else "true"
    text = (
        f"INSERT INTO {one.table} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {one.table} AS r "
        f"CROSS JOIN generate_series(%(low)s::bigint, %(high)s::bigint) AS n "
        f"CROSS JOIN LATERAL (SELECT n * {times} AS j) AS k WHERE {one.which} AND {only}"
    )

    def work(low: int, high: int) -> None:
        with psycopg.connect(at.dsn) as conn:
            # Neither session sees what the other has copied.
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            conn.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            conn.execute("SET session_replication_role = replica")
            conn.execute("SET synchronous_commit = off")
            psycopg.ClientCursor(conn).execute(text, {"low": low, "high": high, "apart": _APART})

    middle = (first + last) // 2
    parts = [(first, middle - 1), (middle, last - 1)]
    with psycopg.connect(at.dsn) as first_seen, ThreadPoolExecutor(2) as pool:
        first_seen.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        (snapshot,) = first_seen.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        for done in [pool.submit(work, *part) for part in parts if part[0] <= part[1]]:
            done.result()
