"""What a command has filled is analyzed at once, by the application's own role."""

from __future__ import annotations

import psycopg

from sync_pipeline.db import statistics
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.steps import connect
from sync_pipeline.steps.promote.queue.worker import FILLED
from sync_pipeline_tests.waiting import wait_until


def known_rows(db: Database, org: connect.Organization) -> dict[str, int]:
    with db.org(org.org_id) as conn:
        found = execute(
            conn,
            "SELECT oid::regclass::text AS name, reltuples::bigint AS rows FROM pg_class "
            "WHERE oid = ANY (%(names)s::text[]::regclass[])",
            names=[*FILLED, "preview.difference"],
        )
        return {row.name: row.rows for row in found}


def fill(db: Database, org: connect.Organization, rows: int) -> None:
    with db.org(org.org_id) as conn:
        execute(
            conn,
            "INSERT INTO core.categories (org_id, name) SELECT connect.current_org(), 'c' || n "
            "FROM generate_series(1, %(rows)s) AS n",
            rows=rows,
        )


def test_tables_that_have_grown_by_half_are_analyzed(
    database: Database, org: connect.Organization, owner_url: str
) -> None:
    nothing = known_rows(database, org)
    assert set(nothing) == {*FILLED, "preview.difference"}, "each is there"
    fill(database, org, statistics.ENOUGH)

    def analyzed(rows: int) -> bool:
        # What a session has written is counted a little later.
        statistics.refresh(database, org.org_id, [*FILLED, "preview.difference"])
        return known_rows(database, org) == {**nothing, "core.categories": rows}

    wait_until(lambda: analyzed(statistics.ENOUGH), "the filled table is analyzed, and no other")
    fill(database, org, 2 * statistics.ENOUGH)
    wait_until(lambda: analyzed(3 * statistics.ENOUGH), "it is analyzed again")
    with psycopg.connect(owner_url.replace("+psycopg", "")) as owner:
        known = owner.execute("SELECT attname FROM pg_stats WHERE schemaname = 'core' AND tablename = 'categories'")
        assert {name for (name,) in known} <= {"org_id", "id", "parent_id"}, "what rows are found by; texts take longer"


def test_the_role_may_analyze_all_of_them(database: Database, org: connect.Organization) -> None:
    with database.org(org.org_id) as conn:
        allowed = execute(
            conn,
            "SELECT bool_and(has_table_privilege(name, 'MAINTAIN')) FROM unnest(%(names)s::text[]) AS name",
            names=[*FILLED, "preview.difference", "capture.sync_record", "selection.sync_selective_config"],
        )
        assert allowed.scalar_one()
