"""What is asked often reads a page, however many runs and records there are. Blocks and rows count, not seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection as Transaction

from sync_pipeline.db import statistics
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps import connect
from sync_pipeline.steps.approve.staleness import SQL as STALENESS
from sync_pipeline.steps.capture.write.records import SQL as CAPTURE
from sync_pipeline.steps.observe.checks import SQL as CHECKS
from sync_pipeline.steps.observe.status import SQL as STATUS
from sync_pipeline.steps.preview.drift import SQL as DRIFT
from sync_pipeline.steps.preview.summary import SQL as SUMMARY
from sync_pipeline.steps.promote.place.settle import SQL as CLAIMS
from sync_pipeline.steps.promote.write.begin import WRITE, begin

EXPLAIN = load("sync_pipeline.steps.trace", "explain.sql")
IN_CORE = load("sync_pipeline.steps.trace", "in_core.sql")
_HISTORY = load("sync_pipeline.steps.observe", "history.sql")
QUEUE = load("sync_pipeline.steps.promote.queue", "queue.sql")
SELECTION = load("sync_pipeline.steps.select")
READING = load("sync_pipeline.steps.select", "reading.sql")
REMARKS = load("sync_pipeline.steps.select", "remarks.sql")
MATRIX = load("sync_pipeline.steps.observe.validation", "matrix.sql")
_TYPES = ["order", "product", "customer", "refund"]
_NIGHTS = 2_000
_RUNS = """
INSERT INTO capture.sync_ledger
(org_id, connection_id, entity_type, mode, state, expected, captured, started_at, finished_at, detail)
SELECT connect.current_org(), 1, t.entity_type, CASE n WHEN 1 THEN 'full' ELSE 'delta' END, 'closed', 9, 9,
       now() - (%(nights)s - n) * interval '1 day', now(), jsonb_build_object('gaps', repeat('x', 300))
FROM generate_series(1, %(nights)s) AS n CROSS JOIN unnest(%(types)s::text[]) AS t (entity_type)
"""
_RECORDS = """
INSERT INTO capture.sync_record
(org_id, connection_id, entity_type, external_id, provider, sync_data, content_hash, raw_hash)
SELECT connect.current_org(), 1, t.entity_type, n::text, 'woocommerce', jsonb_build_object('text', (
           SELECT string_agg(md5(n::text || i), '') FROM generate_series(1, 40) AS i)), sha256(int8send(n)), ''
FROM generate_series(1, %(each)s) AS n CROSS JOIN unnest(%(types)s::text[]) AS t (entity_type)
"""
_PAGES = """
INSERT INTO capture.sync_page (org_id, run_id, kind, ids, missing)
SELECT connect.current_org(), 1, %(kind)s, CASE WHEN %(ids)s THEN p.ids ELSE '{}' END,
       CASE WHEN %(ids)s THEN '{}' ELSE p.ids END
FROM (
    SELECT array_agg((page * 100 + n)::text) AS ids FROM generate_series(0, %(pages)s - 1) AS page
    CROSS JOIN generate_series(0, 99) AS n GROUP BY page) AS p
"""
_CHOSEN = """
INSERT INTO selection.sync_selective_config
(org_id, connection_id, entity_type, external_id, decision, content_hash, decided_by)
SELECT r.org_id, r.connection_id, r.entity_type, r.external_id, 'include', r.content_hash, 'ann'
FROM capture.sync_record AS r WHERE r.org_id = connect.current_org()
"""
_DIFFERENT = """
INSERT INTO preview.difference (org_id, connection_id, entity_type, external_id, status, content_hash)
SELECT r.org_id, r.connection_id, r.entity_type, r.external_id, 'new', r.content_hash
FROM capture.sync_record AS r WHERE r.org_id = connect.current_org()
"""
_OLD_PLANS = """
INSERT INTO selection.sync_plan (org_id, plan_hash, origin, created_by, state)
SELECT connect.current_org(), md5(n::text), 'selection', 'sensor', 'applied' FROM generate_series(1, %(plans)s) AS n
"""
_BATCH = """
WITH made AS (
    INSERT INTO selection.selection_batch (org_id, connection_id, entity_type, decision, criteria, decided_by, plan_id)
    SELECT org_id, 1, 'order', 'include', '{}', 'ann', plan_id FROM selection.sync_plan LIMIT 1
    RETURNING batch_id)
UPDATE selection.sync_selective_config SET batch_id = made.batch_id FROM made
"""
_PLAN = """
INSERT INTO selection.sync_plan (org_id, plan_hash, origin, created_by)
VALUES (connect.current_org(), 'x', 'test', 'ann')
RETURNING plan_id
"""
_QUEUED = """
WITH made AS (
    INSERT INTO promote.sync_queue (org_id, plan_id, idempotency_key, created_by)
    VALUES (connect.current_org(), %(plan)s, 'k', 'ann') RETURNING org_id, queue_id)
INSERT INTO promote.sync_queue_line
(org_id, queue_id, line_no, stage, connection_id, entity_type, external_id, action, content_hash)
SELECT m.org_id, m.queue_id, n, 1, 1, 'order', n::text, 'create', sha256(int8send(n))
FROM made AS m CROSS JOIN generate_series(1, %(each)s) AS n
"""
_ITEMS = """
INSERT INTO selection.sync_plan_item
(org_id, plan_id, connection_id, entity_type, external_id, action, content_hash)
SELECT r.org_id, %(plan)s, r.connection_id, r.entity_type, r.external_id, 'create', r.content_hash
FROM capture.sync_record AS r WHERE r.org_id = connect.current_org()
"""


@pytest.fixture
def org(database: Database) -> connect.Organization:
    made = connect.add_organization(database, "acme")
    with database.org(made.org_id) as conn:
        conn.exec_driver_sql(
            "INSERT INTO connect.integration_connector (org_id, connection_id, name, provider, store_url, credentials) "
            "VALUES (connect.current_org(), 1, 'shop', 'woocommerce', 'https://shop.example', '')"
        )
    return made


def explained(conn: Transaction, statement: str, **given: Any) -> dict[str, Any]:
    """The plan of a statement as it was carried out; the first time also reads what the planner needs."""
    execute(conn, statement, **given).all()
    asked = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)\n{statement}"
    plan: dict[str, Any] = execute(conn, asked, **given).scalar_one()[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def test_what_reads_the_ledger_does_not_read_every_run(database: Database, org: connect.Organization) -> None:
    here = {"connection_id": 1, "entity_type": "order"}
    with database.org(org.org_id) as conn:
        execute(conn, _RUNS, nights=_NIGHTS, types=_TYPES)
    with database.org(org.org_id) as conn:
        runs = execute(conn, STATUS["last_runs"]).all()
        newest = execute(conn, "SELECT entity_type, max(run_id) AS run_id FROM capture.sync_ledger GROUP BY 1").all()
        assert {(one.entity_type, one.run_id) for one in runs} == {(one.entity_type, one.run_id) for one in newest}
        week = {"since": "2000-01-01T00:00:00Z", "connection_id": 1, "modes": ["full", "delta"], "before": "infinity"}
        asked = {
            "status": (STATUS["last_runs"], {}),
            "the check of the ledger": (CHECKS["ledger_closed"], {}),
            "the matrix": (MATRIX["ledger_adds_up"], {}),
            "what was pulled": (MATRIX["pulled_entities"], {}),
            "what a preview compares with": (SUMMARY["store_totals"], {"connection_id": 1, "types": ["order"]}),
            "drift": (DRIFT["drifted_fields"], {**here, "noise": [], "empty": []}),
            "is a sweep due": (CAPTURE["deltas_since_sweep"], {**here, "swept_at": None, "at_most": 5}),
            "the time line": (
                _HISTORY["time_line"],
                {**week, "plans": False, "decisions": False, "before_key": "", "limit": 50},
            ),
        }  # fmt: skip
        all_blocks = execute(conn, "SELECT pg_relation_size('capture.sync_ledger') / 8192").scalar_one()
        assert all_blocks > 400
        for what, (statement, given) in asked.items():
            plan = explained(conn, statement, **given)
            read = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            assert read <= 250, (what, read, all_blocks)
            passed = sum(one.get("Rows Removed by Filter", 0) * one["Actual Loops"] for one in nodes(plan))
            assert passed <= 100, (what, passed)


def test_records_of_several_entities_are_compared_with_a_plan_once(
    database: Database, org: connect.Organization, owner_url: str
) -> None:
    each = 1_000
    with database.org(org.org_id) as conn:
        execute(conn, _RECORDS, each=each, types=_TYPES)
        plan = execute(conn, _PLAN).scalar_one()
        execute(conn, _ITEMS, plan=plan)
        execute(conn, _CHOSEN)
    # As autovacuum leaves it: the partitions are analyzed, what they are parts of is not.
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE capture.woocommerce_sync")
        owner.execute("VACUUM ANALYZE selection.sync_selective_config, selection.sync_plan_item")
    with database.org(org.org_id) as conn:
        execute(conn, STALENESS["weigh"], plan=plan)
        # Which join the planner takes for cheap, where it knows nothing of the whole table, depends on little things.
        assert execute(conn, "SELECT current_setting('enable_mergejoin')").scalar_one() == "off"
        found = explained(conn, STALENESS["stale"], plan=plan)
        pairs = sum(one.get("Rows Removed by Join Filter", 0) * one["Actual Loops"] for one in nodes(found))
        assert pairs <= each * len(_TYPES), pairs


def test_what_a_sweep_found_is_compared_once_with_what_was_read(database: Database, org: connect.Organization) -> None:
    with database.org(org.org_id) as conn:
        execute(conn, _PAGES, kind="sweep", ids=False, pages=40)
        execute(conn, _PAGES, kind="fetch", ids=True, pages=39)
    with database.org(org.org_id) as conn:
        left = execute(conn, CAPTURE["unfetched"], run_id=1).scalars().all()
        assert sorted(left, key=int) == [str(n) for n in range(3_900, 4_000)]
        pairs = sum(
            (one.get("Rows Removed by Join Filter", 0) + one.get("Rows Removed by Filter", 0)) * one["Actual Loops"]
            for one in nodes(explained(conn, CAPTURE["unfetched"], run_id=1))
        )
        assert pairs <= 4_000, pairs


def test_an_open_queue_is_matched_once_with_what_is_asked_for(database: Database, org: connect.Organization) -> None:
    """Lines that were just written, and as many others that are asked for, or included: all without statistics."""
    each = 2_000
    with database.org(org.org_id) as conn:
        execute(conn, _RECORDS, each=each, types=["order", "product"])
        execute(conn, _CHOSEN)
        execute(conn, _DIFFERENT)
        plan = execute(conn, _PLAN).scalar_one()
        execute(conn, _BATCH)
        execute(conn, _QUEUED, plan=plan, each=each)
    ids = [str(n) for n in range(1, each + 1)]
    others = {"connections": [1] * each, "types": ["product"] * each, "ids": ids}
    kinds: dict[str, list[Any]] = {"connections": [1], "types": ["product"], "ids": [None]}
    included: dict[str, Any] = {"connection_id": None, "entity_type": None, "waiting": True, "planned": True}
    included |= {"actor": "bo", "token_id": None, "proposals": "all"}
    with database.org(org.org_id) as conn:
        for given, found in (
            (others, []), (others | {"types": ["order"] * each}, [plan]),
            (kinds, []), (kinds | {"types": ["order"]}, [plan]),
        ):  # fmt: skip
            assert execute(conn, QUEUE["queue_with"], **given).scalars().all() == found
        [row] = execute(conn, READING["included"], **included).all()
        assert (row.entity_type, row.creates) == ("product", each)
        for statement, asked in ((QUEUE["queue_with"], others), (READING["included"], included)):
            pairs = sum(
                (one.get("Rows Removed by Join Filter", 0) + one.get("Rows Removed by Filter", 0)) * one["Actual Loops"]
                for one in nodes(explained(conn, statement, **asked))
            )
            assert pairs <= 4 * each, pairs


def test_a_batch_and_a_record_read_no_other_lines_and_differences(
    database: Database, org: connect.Organization
) -> None:
    each, batch = 5_000, 50
    with database.org(org.org_id) as conn:
        execute(conn, _RECORDS, each=each, types=["order"])
        execute(conn, _CHOSEN)
        execute(conn, _DIFFERENT)
        plan = execute(conn, _PLAN).scalar_one()
        execute(conn, _ITEMS, plan=plan)
        execute(conn, _BATCH)
        execute(conn, _QUEUED, plan=plan, each=each)
        queue = execute(conn, "SELECT queue_id FROM promote.sync_queue").scalar_one()
    with database.org(org.org_id) as conn:
        statistics.filled(conn, "preview.difference", each)
        statistics.filled(conn, "promote.sync_queue_line", each)
        statistics.analyze_captured(conn, "woocommerce", ("org_id", "connection_id", "entity_type", "external_id"))
    others = {"connections": [1] * batch, "types": ["order"] * batch, "ids": [str(n) for n in range(batch)]}
    one = {"connection_id": 1, "entity_type": "order", "provider": "woocommerce", "external_id": "7"}
    with database.org(org.org_id) as conn:
        begin(conn, str(queue))
        execute(conn, WRITE["stage_mapping"])
        execute(
            conn,
            "INSERT INTO stage_mapping (connection_id, entity_type, external_id, promoted_hash) "
            "SELECT 1, 'order', n::text, sha256(int8send(n)) FROM generate_series(1, %(batch)s) AS n",
            batch=batch,
        )
        settled = execute(conn, f"EXPLAIN (ANALYZE, FORMAT JSON)\n{WRITE['in_sync']}").scalar_one()[0]["Plan"]
        assert execute(conn, "SELECT count(*) FROM preview.difference").scalar_one() == each - batch
        for what, found in (
            ("what a batch promoted no longer differs", settled),
            ("who has an open line", explained(conn, CLAIMS["pending_lines"], queue=queue, **others)),
            ("what happened to a record", explained(conn, IN_CORE["record_events"], **one)),
            ("why a record is not in core", explained(conn, EXPLAIN["standing_of_record"], **one)),
        ):
            for node in nodes(found):
                rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
                assert rows * node["Actual Loops"] <= 2 * batch, (what, node["Node Type"], node.get("Relation Name"))


def test_old_plans_are_not_read_for_each_record_that_is_included(
    database: Database, org: connect.Organization, owner_url: str
) -> None:
    each, plans = 300, 1_000
    with database.org(org.org_id) as conn:
        execute(conn, _RECORDS, each=each, types=["order"])
        execute(conn, _CHOSEN)
        execute(conn, _DIFFERENT)
        execute(conn, _OLD_PLANS, plans=plans)
        execute(conn, _BATCH)
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")
    party = {"actor": "bo", "token_id": None, "proposals": "all"}
    with database.org(org.org_id) as conn:
        given = {"connection_id": None, "entity_type": None, "waiting": True, "planned": True, **party}
        (found,) = execute(conn, READING["included"], **given).all()
        assert found.creates == each
        passed = sum(
            (one.get("Rows Removed by Join Filter", 0) + one.get("Rows Removed by Filter", 0)) * one["Actual Loops"]
            for one in nodes(explained(conn, READING["included"], **given))
        )
        assert passed <= 4 * plans, passed


def test_a_plan_of_some_records_reads_no_others(database: Database, org: connect.Organization, owner_url: str) -> None:
    with database.org(org.org_id) as conn:
        execute(conn, _RECORDS, each=1_000, types=_TYPES)
        execute(conn, _CHOSEN)
        execute(conn, _OLD_PLANS, plans=5)
        execute(conn, _BATCH)
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")
    named = [str(n) for n in range(10, 20)]
    with database.org(org.org_id) as conn:
        plan = execute(conn, _PLAN).scalar_one()
        given = {
            "plan_id": plan, "actor": "bo", "token_id": None, "proposals": "all", "proposed": None, "batches": None,
            "drafts": True, "waiting": True, "connections": [1] * 20, "types": ["order"] * 20, "ids": named * 2,
        }  # fmt: skip
        asked = f"EXPLAIN (ANALYZE, FORMAT JSON)\n{SELECTION['fill_plan']}"
        found = execute(conn, asked, **given).scalar_one()[0]["Plan"]
        assert execute(conn, "SELECT count(*) FROM selection.sync_plan_item").scalar_one() == len(named)
        for one in nodes(found):
            assert one["Actual Rows"] * one["Actual Loops"] <= 100, one["Node Type"]
            assert one.get("Rows Removed by Filter", 0) * one["Actual Loops"] <= 100, one["Node Type"]


def test_parts_of_a_plans_records_are_looked_up_though_no_table_has_statistics(
    database: Database, org: connect.Organization
) -> None:
    each = 1_000
    with database.org(org.org_id) as conn:
        execute(conn, _RECORDS, each=each, types=["order", "refund"])
        execute(conn, "UPDATE capture.sync_record SET parent_id = external_id WHERE entity_type = 'refund'")
        plan = execute(conn, _PLAN).scalar_one()
        execute(conn, _ITEMS, plan=plan)
        given = {"plan_id": plan, "connections": [1], "types": ["order"], "providers": ["woocommerce"]}
        found = explained(conn, REMARKS["missing_parts"], **given, parts=["refund"], limit=each)
        for one in nodes(found):
            passed = (
                one["Actual Rows"] + one.get("Rows Removed by Filter", 0) + one.get("Rows Removed by Join Filter", 0)
            )
            assert passed * one["Actual Loops"] <= each + 1, one["Node Type"]


def test_records_of_all_providers_are_analyzed_together(database: Database, org: connect.Organization) -> None:
    def known() -> int:
        with database.org(org.org_id) as conn:
            asked = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'capture.sync_record'::regclass"
            return int(execute(conn, asked).scalar_one())

    def fill(kind: str, each: int) -> None:
        with database.org(org.org_id) as conn:
            execute(conn, _RECORDS, each=each, types=[kind])
        with database.org(org.org_id) as conn:
            statistics.analyze_captured(conn, "woocommerce", ("org_id", "entity_type", "external_id"))

    fill("order", 2_000)
    assert known() == 2_000
    fill("product", 100)
    assert known() == 2_000, "too few to look again"
    fill("customer", 1_500)
    assert known() == 3_600
