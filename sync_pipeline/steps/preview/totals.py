"""How many records of every entity differ from core, without counting them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.connect import Organization

SQL = load(__package__, "totals.sql")


@dataclass(frozen=True, slots=True)
class EntityTotals:
    """The records of an entity, by status; `in_sync` counts what the last comparison found."""

    new: int = 0
    updated: int = 0
    deleted: int = 0
    in_sync: int = 0

    @property
    def differ(self) -> int:
        """How many records differ from core."""
        return self.new + self.updated + self.deleted

    def __add__(self, other: EntityTotals) -> EntityTotals:
        return EntityTotals(
            self.new + other.new,
            self.updated + other.updated,
            self.deleted + other.deleted,
            self.in_sync + other.in_sync,
        )


def entity_totals(db: Database, org: Organization) -> Mapping[tuple[int, str], EntityTotals]:
    """The totals of every entity of the organization, by connection and entity type."""
    with db.org(org.org_id) as conn:
        return {
            (row.connection_id, row.entity_type): EntityTotals(row.new, row.updated, row.deleted, row.in_sync)
            for row in execute(conn, SQL["entity_totals"])
        }
