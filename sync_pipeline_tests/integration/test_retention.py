"""Retention: what only grows is deleted by settings, and what undo, plans and core need stays."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError
from sqlalchemy import NullPool, create_engine

from sync_pipeline.config import PROJECT, Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.defs import definitions
from sync_pipeline.defs import retention as daily
from sync_pipeline.defs.resources import Runtime, use_runtime
from sync_pipeline.errors import Conflict, NotFound
from sync_pipeline.steps import connect, observe, promote
from sync_pipeline.steps.observe import retention
from sync_pipeline_tests.integration.promote_world import World, product

KEEP = {name: 30 for name in Settings.model_fields if name.startswith("keep_") and "runs" not in name}
APPEND_ONLY = (
    "capture.record_history",
    "capture.former_interval",
    "selection.sync_plan_item",
    "promote.conflict",
    "promote.core_change",
    "observe.sync_activity",
)
_TABLES = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND n.nspname IN ('connect', 'capture', 'preview', 'selection', 'promote', 'core', 'observe')
"""


@pytest.fixture
def world(database: Database, org: connect.Organization) -> World:
    return World(database, org.org_id)


def as_owner(owner_url: str, *statements: str) -> list[Any]:
    engine = create_engine(owner_url, poolclass=NullPool)
    with engine.begin() as conn:
        done = [conn.exec_driver_sql(one) for one in statements]
        found = list(done[-1]) if done[-1].returns_rows else []
    engine.dispose()
    return found


def grow_old(owner_url: str, days: int = 40) -> None:
    """Everything there is happened so many days earlier."""
    engine = create_engine(owner_url, poolclass=NullPool)
    with engine.begin() as conn:
        conn.exec_driver_sql("SET session_replication_role = replica")
        for table in conn.exec_driver_sql(_TABLES).scalars().all():
            columns = conn.exec_driver_sql(
                "SELECT attname FROM pg_attribute WHERE attrelid = %(t)s::regclass AND attnum > 0 "
                "AND NOT attisdropped AND atttypid = 'timestamptz'::regtype",
                {"t": table},
            ).scalars()
            if moved := ", ".join(f"{name} = {name} - interval '{days} days'" for name in columns):
                conn.exec_driver_sql(f"UPDATE {table} SET {moved}")
    engine.dispose()


def count(world: World, table: str) -> int:
    return int(world.one(f"SELECT count(*) FROM {table}")[0])


def test_every_table_has_a_retention_or_a_reason(owner_url: str) -> None:
    tables = {row[0] for row in as_owner(owner_url, _TABLES)}
    growing = [one.table for one in retention.RETENTIONS]
    assert len(growing) == len(set(growing))
    assert set(growing) | set(retention.BOUNDED) == tables
    assert not set(growing) & set(retention.BOUNDED)


def test_every_setting_is_declared_and_documented() -> None:
    used = {one.setting for one in retention.RETENTIONS if one.setting}
    assert used | {"keep_runs_days", "keep_promotion_runs_days"} == {
        name for name in Settings.model_fields if name.startswith("keep_")
    }
    text = (PROJECT / "docs" / "operations.md").read_text("utf-8")
    section = text[text.index("## Retention") :]
    assert set(re.findall(r"`SYNC_(KEEP_\w+)`", section)) == {name.upper() for name in KEEP} | {
        "KEEP_RUNS_DAYS",
        "KEEP_PROMOTION_RUNS_DAYS",
    }
    for one in retention.RETENTIONS:
        assert f"`{one.table}`" in section, one.table


def test_a_month_is_the_least(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        Settings(home=tmp_path, keep_versions_days=29)


def test_without_a_setting_everything_stays(
    world: World, org: connect.Organization, owner_url: str, settings: Settings
) -> None:
    world.promote("product", product(1))
    world.promote("product", product(1, name="Another"))
    grow_old(owner_url, 4000)
    ours = _TABLES + "AND has_table_privilege('sync_app', c.oid, 'SELECT')"  # one is the owner's alone
    before = {table: count(world, table) for (table,) in as_owner(owner_url, ours)}
    assert observe.delete_old(world.db, org, settings) == {}
    assert {table: count(world, table) for table in before} == before


def test_what_is_old_goes_and_what_is_young_can_be_undone(
    world: World, org: connect.Organization, owner_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_AT_MOST", 1)  # many transactions
    world.capture("product", product(1, name="Never promoted"))
    for total in ("1.00", "2.00"):
        world.capture("order", {"id": 7, "total": total})
    first = world.promote("product", product(1))
    second = world.promote("product", product(1, name="Second"))
    grow_old(owner_url)
    before = world.dump()
    third = world.promote("product", product(1, name="Third"))
    deleted = observe.delete_old(world.db, org, settings.model_copy(update=KEEP))
    assert {table for table in deleted if table.startswith(("promote", "selection.sync_plan"))} == {
        "promote.core_change",
        "promote.sync_queue_line",
        "selection.sync_plan_item",
        "selection.sync_plan",
    }
    # What core has and what the plan that stays would go back to are kept, what nobody refers to is not.
    kept = "SELECT sync_data ->> %(field)s FROM capture.record_history WHERE entity_type = %(type)s"
    assert [row[0] for row in world.sql(kept, field="name", type="product")] == ["Second"]
    assert [row[0] for row in world.sql(kept, field="total", type="order")] == ["1.00"]  # promotion reads it
    assert count(world, "promote.sync_queue") == count(world, "selection.sync_plan") == 1
    with pytest.raises(NotFound):
        promote.undo(world.db, org.org_id, first.plan, actor="tester")
    with pytest.raises(NotFound):
        promote.undo(world.db, org.org_id, second.plan, actor="tester")
    world.undo(third)
    assert world.dump() == before
    assert observe.delete_old(world.db, org, settings.model_copy(update=KEEP)) == {}
    [(detail,)] = world.sql("SELECT detail -> 'rows' FROM observe.sync_activity WHERE event = 'retention.deleted'")
    assert detail["selection.sync_plan"] == 2


def test_a_promotion_whose_images_are_deleted_is_not_undone(
    world: World, org: connect.Organization, owner_url: str, settings: Settings
) -> None:
    report = world.promote("product", product(1))
    grow_old(owner_url)
    before = world.dump()
    observe.delete_old(world.db, org, settings.model_copy(update={"keep_undo_days": 30}))
    with pytest.raises(Conflict, match=r"can no longer be undone: what it changed was kept until .*KEEP_UNDO_DAYS"):
        world.undo(report)
    assert world.dump() == before
    assert world.products() == [("P-1", "Product 1", True)]


def test_a_promotion_that_overlaps_one_that_can_be_undone_keeps_its_images(
    world: World, org: connect.Organization, owner_url: str, settings: Settings
) -> None:
    world.promote("product", product(1))
    long = world.promote("product", product(2))
    grow_old(owner_url)
    as_owner(owner_url, f"UPDATE promote.sync_queue SET finished_at = now() WHERE queue_id = '{long.queue}'")
    as_owner(owner_url, "UPDATE promote.sync_queue SET created_at = now() - interval '50 days'")
    observe.delete_old(world.db, org, settings.model_copy(update=KEEP))
    assert world.sql("SELECT 1 FROM promote.sync_queue WHERE undo_ended_at IS NOT NULL") == []
    as_owner(owner_url, "UPDATE promote.sync_queue SET finished_at = now() - interval '40 days'")
    observe.delete_old(world.db, org, settings.model_copy(update=KEEP))
    assert count(world, "promote.core_change") == 0


def test_a_plan_that_waits_stays_with_all_it_needs(
    world: World, org: connect.Organization, owner_url: str, settings: Settings
) -> None:
    plan = world.plan([world.capture("product", product(1))])
    world.capture("product", product(1, name="Newer"))
    grow_old(owner_url, 400)
    observe.delete_old(world.db, org, settings.model_copy(update=KEEP))
    assert world.sql("SELECT plan_id::text FROM selection.sync_plan") == [(plan,)]
    assert count(world, "selection.sync_plan_item") == count(world, "selection.selection_batch") == 1
    assert count(world, "capture.record_history") == 1


def test_the_application_cannot_delete_what_is_young(world: World, owner_url: str) -> None:
    """Whatever its settings say: the database refuses. Nor can it change such a row, however old."""
    world.promote("product", product(1))
    world.promote("product", product(1, name="Another"))
    for name in ("Back", "Another", "Back", "Newest"):
        world.capture("product", product(1, name=name))
    world.sql(
        "INSERT INTO promote.conflict (org_id, kind, connection_id, entity_type, external_id, value, core_table, "
        "decision, queue_id) SELECT org_id, 'shared_email', 1, 'customer', '1', 'x', 'core.customers', 'merged', "
        "queue_id FROM promote.sync_queue LIMIT 1"
    )
    grow_old(owner_url, 29)
    as_owner(owner_url, "UPDATE promote.sync_queue SET undo_ended_at = now()")
    for table in APPEND_ONLY:
        before = count(world, table)
        assert before, table
        world.sql(f"DELETE FROM {table}")
        assert count(world, table) == before, table


def test_runs_that_later_runs_compare_with_stay(
    world: World, org: connect.Organization, owner_url: str, settings: Settings
) -> None:
    run = (
        "INSERT INTO capture.sync_ledger (org_id, connection_id, entity_type, mode, state) "
        f"VALUES (connect.current_org(), {world.shop}, 'product', %(mode)s, %(state)s) RETURNING run_id"
    )
    modes = ("full", "delta", "full", "delta", "full", "preview", "preview", "push", "push", "delta", "delta")
    runs = [int(world.one(run, mode=mode, state="closed")[0]) for mode in modes]
    opened = int(world.one(run, mode="full", state="open")[0])
    world.capture("product", product(1))
    world.sql("UPDATE capture.sync_record SET run_id = %(run)s", run=runs[8])
    world.sql(
        "INSERT INTO capture.sync_quarantine (org_id, connection_id, entity_type, external_id, run_id, reason) "
        f"VALUES (connect.current_org(), {world.shop}, 'product', '9', {runs[1]}, 'x')"
    )
    world.sql(
        "INSERT INTO capture.sync_cursor (org_id, connection_id, entity_type, swept_at) "
        f"SELECT org_id, connection_id, entity_type, started_at FROM capture.sync_ledger WHERE run_id = {runs[9]} "
        "ON CONFLICT (org_id, connection_id, entity_type) DO UPDATE SET swept_at = excluded.swept_at"
    )
    world.sql(  # an entity that never sweeps
        "INSERT INTO capture.sync_ledger (org_id, connection_id, entity_type, mode, state) "
        f"SELECT connect.current_org(), {world.shop}, 'order', 'delta', 'closed' FROM generate_series(1, 1003)"
    )
    grow_old(owner_url)
    observe.delete_old(world.db, org, settings.model_copy(update=KEEP))
    left = {row[0] for row in world.sql("SELECT run_id FROM capture.sync_ledger WHERE entity_type = 'product'")}
    assert left == {runs[0], runs[1], runs[4], runs[6], runs[8], runs[9], runs[10], opened}
    assert world.sql("SELECT count(*) FROM capture.sync_ledger WHERE entity_type = 'order'") == [(1000,)]


def test_dagster_forgets_runs_and_their_logs_and_keeps_promotions(
    database: Database, org: connect.Organization, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More promotions than a page: they must not hide what comes after them."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Later:
            return cls.fromtimestamp((datetime.now(UTC) + timedelta(days=100)).timestamp(), tz)

    monkeypatch.setattr(daily, "datetime", Later)
    monkeypatch.setattr(daily, "_PAGE", 2)
    job = definitions().resolve_job_def("tidy")
    with dg.DagsterInstance.ephemeral() as instance:
        for name in ("promote", "promote", "promote", "nightly_delta"):
            instance.create_run_for_job(_named(name), status=dg.DagsterRunStatus.SUCCESS)
        with use_runtime(Runtime(settings, database)):
            assert job.execute_in_process(instance=instance).success
        names = [run.job_name for run in instance.get_runs() if run.job_name != "tidy"]
        assert names == ["promote"] * 3
        with use_runtime(Runtime(settings.model_copy(update={"keep_promotion_runs_days": 30}), database)):
            assert job.execute_in_process(instance=instance).success
        assert [run.job_name for run in instance.get_runs() if run.job_name != "tidy"] == []


def _named(name: str) -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    @dg.job(name=name)
    def made() -> None:
        nothing()

    return made
