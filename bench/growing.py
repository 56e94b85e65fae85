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
from sync_pipeline.steps import capture, connect, preview, promote, select

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
# One record in five had another content before; one in a hundred of those in core has changed since.
_HISTORY = """
INSERT INTO capture.record_history
(org_id, connection_id, entity_type, external_id, content_hash, provider, version_no, sync_data, captured_at)
SELECT org_id, connection_id, entity_type, external_id, sha256(content_hash), provider, 0, sync_data,
       captured_at - interval '1 day'
FROM capture.sync_record WHERE hashtext(external_id) %% 5 = 0
"""
_CHANGED = """
UPDATE promote.integration_mapping SET promoted_hash = sha256(promoted_hash) WHERE hashtext(external_id) %% 100 = 0
"""
_NIGHTS = """
INSERT INTO capture.sync_ledger
(org_id, connection_id, entity_type, mode, state, expected, captured, unchanged, requests, bytes, seconds, window_from,
 window_to, orchestrator_run, detail, started_at, finished_at)
SELECT l.org_id, l.connection_id, l.entity_type, 'delta', 'closed', 3, 3, 3, 1, 3000, 0.4, l.window_from, l.window_to,
       gen_random_uuid()::text, l.detail, l.started_at - n * interval '1 hour', l.finished_at - n * interval '1 hour'
FROM capture.sync_ledger AS l CROSS JOIN generate_series(%(runs)s, 1, -1) AS n WHERE l.mode = 'full';
INSERT INTO capture.sync_logs
(org_id, connection_id, entity_type, kind, run_id, status, records_synced, started_at, finished_at)
SELECT org_id, connection_id, entity_type, 'pull', run_id, 'success', captured, started_at, finished_at
FROM capture.sync_ledger WHERE mode = 'delta';
INSERT INTO observe.sync_activity (org_id, connection_id, entity_type, event, actor, detail, occurred_at)
SELECT org_id, connection_id, entity_type, 'capture.closed', 'schedule',
       jsonb_build_object('run', run_id, 'new', 0, 'changed', 3, 'unchanged', 0, 'seconds', 0.4), started_at
FROM capture.sync_ledger WHERE mode = 'delta';
INSERT INTO observe.request (org_id, kind, requested_by, requested_at, state, orchestrator_run, finished_at)
SELECT 1, 'pull', 'token 1', now() - n * interval '1 hour', 'done', gen_random_uuid()::text,
       now() - n * interval '1 hour'
FROM generate_series(1, %(runs)s) AS n;
INSERT INTO selection.sync_plan (org_id, plan_hash, creates, origin, created_by, created_at, state)
SELECT 1, md5(n::text), 3, 'selection', 'sensor', now() - n * interval '1 hour', 'applied'
FROM generate_series(1, %(runs)s) AS n;
INSERT INTO promote.sync_queue
(org_id, plan_id, idempotency_key, state, total, done, created_by, created_at, started_at, finished_at)
SELECT org_id, plan_id, plan_id::text, 'done', 3, 3, created_by, created_at, created_at, created_at
FROM selection.sync_plan WHERE created_by = 'sensor'
"""
# As a comparison leaves it. Comparing for real would map what follows other records again, as if all had changed.
_COMPARED = """
SET session_replication_role = replica;
TRUNCATE preview.difference, preview.tally;
INSERT INTO preview.difference (org_id, connection_id, entity_type, external_id, status, content_hash, promoted_hash)
SELECT r.org_id, r.connection_id, r.entity_type, r.external_id,
       CASE WHEN m.org_id IS NULL THEN 'new' ELSE 'updated' END, r.content_hash, m.promoted_hash
FROM capture.sync_record AS r
LEFT JOIN promote.integration_mapping AS m USING (org_id, connection_id, entity_type, external_id)
WHERE m.promoted_hash IS DISTINCT FROM r.content_hash;
INSERT INTO preview.tally (org_id, connection_id, entity_type, status, records)
SELECT org_id, connection_id, entity_type, status, count(*) FROM preview.difference GROUP BY 1, 2, 3, 4;
UPDATE preview.summary AS s
SET new = n.new, updated = n.updated, in_sync = n.records - n.new - n.updated, changed_at = c.changed_at,
    computed_at = now()
FROM capture.sync_cursor AS c, (
    SELECT r.connection_id, r.entity_type, count(*) AS records, count(*) FILTER (WHERE d.status = 'new') AS new,
           count(*) FILTER (WHERE d.status = 'updated') AS updated
    FROM capture.sync_record AS r
    LEFT JOIN preview.difference AS d USING (org_id, connection_id, entity_type, external_id)
    GROUP BY r.connection_id, r.entity_type) AS n
WHERE c.connection_id = s.connection_id AND c.entity_type = s.entity_type AND n.connection_id = s.connection_id
    AND n.entity_type = s.entity_type;
RESET session_replication_role
"""
_SEQUENCES = """
SELECT setval(pg_get_serial_sequence(c.oid::regclass::text, a.attname), %(next)s) FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE a.attidentity <> '' AND c.relkind IN ('r', 'p') AND n.nspname IN ('core', 'capture', 'promote', 'selection')
"""


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
    at.owner.execute(_HISTORY.replace("%%", "%"))
    at.owner.execute(_CHANGED.replace("%%", "%"))
    at.owner.execute("RESET session_replication_role")
    with psycopg.ClientCursor(at.owner) as cursor:
        cursor.execute(_NIGHTS, {"runs": RUNS})
    at.owner.execute(_SEQUENCES, {"next": (copies + 1) * _APART})
    at.owner.execute("SET maintenance_work_mem = '512MB'")
    for _, made in indexes:
        at.owner.execute(made.replace(" ON ONLY ", " ON "))
    at.owner.execute(_COMPARED)


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
