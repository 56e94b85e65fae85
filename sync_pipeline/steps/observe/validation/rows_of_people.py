"""Rows of core that come from no record of a store: people made them, which is allowed, and no comparison sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.entities.core import core_tables
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.observe.validation.sight import SQL


@dataclass(frozen=True, slots=True)
class RowsOfPeople:
    """How many rows of a table are people's, and the ids of the first of them."""

    rows: int
    ids: tuple[int, ...]


def rows_of_people(db: Database, org: Organization) -> Mapping[str, RowsOfPeople]:
    """The tables with such rows. Tables whose rows name their record are left out: core's comparison reports theirs."""
    found = {}
    with db.org(org.org_id) as conn:
        for table in core_tables().values():
            if table.row is None:
                row = execute(conn, for_table(SQL["rows_have_records"], table)).one()
                found[table.name] = RowsOfPeople(row.found, tuple(row.ids or ()))
    return {name: one for name, one in found.items() if one.rows}
