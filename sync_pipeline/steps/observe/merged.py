"""What became one: core rows that several stores know, and the conflicts that were decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.connect import Organization

_SQL = load(__package__, "merged.sql")


@dataclass(frozen=True, slots=True)
class Merged:
    """`rows`: core rows that records of several connections are, by table; `conflicts`: how many, by kind."""

    rows: Mapping[str, int]
    conflicts: Mapping[str, int]


def merged(db: Database, org: Organization) -> Merged:
    """What became one in an organization's core."""
    with db.org(org.org_id) as conn:
        rows = {row.core_table.partition(".")[2]: row.records for row in execute(conn, _SQL["merged_rows"])}
        conflicts = {row.kind: row.conflicts for row in execute(conn, _SQL["conflicts_decided"])}
    return Merged(rows, conflicts)
