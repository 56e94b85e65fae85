"""What a night took and what came of it, read from PostgreSQL and Dagster's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.ground import Ground
from sync_pipeline.db.engine import libpq_url
from sync_pipeline.db.open import dagster_url

_WRITTEN = """
SELECT schemaname, sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_all_tables
WHERE schemaname NOT LIKE 'pg_toast%' AND schemaname NOT LIKE 'pg_temp%' GROUP BY 1
"""
_EVENTS = "SELECT count(*), coalesce(sum(length(event)), 0)::bigint FROM event_logs WHERE run_id = ANY (%s)"
# Of each organization: when it began and ended (seconds after the night began), its lists closed and failed, requests.
_ORGS = """
SELECT o.slug, extract(epoch FROM min(l.started_at) - %(began)s)::float AS began,
       extract(epoch FROM max(l.finished_at) - %(began)s)::float AS ended,
       count(*) FILTER (WHERE l.state = 'closed') AS closed, count(*) FILTER (WHERE l.state <> 'closed') AS failed,
       sum(l.new + l.changed)::bigint AS changed, min(l.error) AS error
FROM capture.sync_ledger AS l JOIN connect.organization AS o USING (org_id)
WHERE l.orchestrator_run = ANY (%(runs)s) GROUP BY 1
"""
_TOLD = """
SELECT DISTINCT o.slug FROM observe.sync_activity AS a JOIN connect.organization AS o USING (org_id)
WHERE a.event = 'run.failed' AND a.detail ->> 'run' = ANY (%(runs)s)
"""


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters of the server at a moment."""

    written: Mapping[str, int]  # rows inserted, updated and deleted, by schema; Dagster's database is one of them
    bytes: int  # of our database
    dagster_bytes: int
    wal: int  # bytes written ahead
    cpu: float


@dataclass(frozen=True, slots=True)
class OneOrg:
    """One organization's night: seconds after its beginning, lists closed and failed."""

    began: float
    ended: float
    closed: int
    failed: int
    changed: int
    error: str | None


def counters(at: Ground) -> Counters:
    """The counters now. Sessions report their rows when they end, or a second after their last statement."""
    with dagster(at) as conn:
        theirs = conn.execute(_WRITTEN).fetchall()
        [size, wal] = conn.execute(
            "SELECT pg_database_size(current_database()), pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
        ).fetchone() or (0, 0)
    ours: dict[str, int] = dict(at.owner.execute(_WRITTEN).fetchall())
    written = {**ours, "dagster": sum(rows for schema, rows in theirs if schema == "public")}
    return Counters(written, at.one("SELECT pg_database_size(current_database())"), size, wal, at.server_cpu())


def dagster(at: Ground) -> psycopg.Connection:
    """A connection to Dagster's database."""
    return psycopg.connect(libpq_url(dagster_url(at.settings)), autocommit=True)


def events(at: Ground, runs: Sequence[str]) -> tuple[int, int]:
    """How many events these runs have, and their bytes."""
    with dagster(at) as conn:
        row = conn.execute(_EVENTS, [list(runs)]).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def organizations(at: Ground, runs: Sequence[str], began: Any) -> Mapping[str, OneOrg]:
    """What these runs did of each organization, by its slug."""
    found = at.owner.execute(_ORGS, {"runs": list(runs), "began": began}).fetchall()
    return {slug: OneOrg(*rest) for slug, *rest in found}


def told(at: Ground, runs: Sequence[str]) -> set[str]:
    """The organizations in whose audit log these runs failed."""
    return {row[0] for row in at.owner.execute(_TOLD, {"runs": list(runs)}).fetchall()}
