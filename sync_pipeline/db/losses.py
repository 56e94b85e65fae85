"""What a migration would lose, for each organization. This module writes nothing: the caller of `migrate` asks people.

The branch shows dropped tables, dropped columns and changed types; and deleted rows, if it is a clone with its rows. A
migration that would lose captured data is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from sync_pipeline.errors import ConfigurationError

_SCHEMAS = ("connect", "capture", "preview", "selection", "promote", "core", "observe")
# Computed again from what is captured, or of use for minutes only.
_DERIVED = ("preview.", "connect.request_", "connect.rate_limit", "capture.sync_page")
_CATALOGUE = """
SELECT format('%%I.%%I', n.nspname, c.relname), a.attnum, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY (%(schemas)s)
    AND EXISTS (SELECT 1 FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attname = 'org_id' AND NOT o.attisdropped)
"""
# (table, number of the column) -> (column, type). A column keeps its number when it is renamed, which loses nothing.
Catalogue = Mapping[tuple[str, int], tuple[str, str]]
Counts = Mapping[tuple[int, str], int]  # (organization, table) -> rows


class LossApproval(Protocol):
    """Asks people about losses, as `sync_pipeline.gates.migration` does. Both methods use the owner's connection."""

    def approve(self, conn: Connection, target: str, lost: Mapping[int, Sequence[str]], /) -> None: ...

    def record_migrated(
        self, conn: Connection, target: str, organizations: Sequence[int], verified: Sequence[str], /
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Loss:
    """What would be lost: a table, its column (None: whole rows), and how."""

    table: str
    column: str | None
    how: str


def catalogue(conn: Connection) -> Catalogue:
    """Every column of every table that holds an organization's data and cannot be computed again."""
    rows = conn.exec_driver_sql(_CATALOGUE, {"schemas": list(_SCHEMAS)})
    return {(table, number): (column, kind) for table, number, column, kind in rows if not table.startswith(_DERIVED)}


def row_counts(conn: Connection, tables: Sequence[str]) -> Counts:
    """Rows of each organization, counted one by one because the policies apply to the owner too."""
    counts = {}
    for org_id in organizations(conn):
        act_for(conn, org_id)
        for table in tables:
            rows = conn.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE org_id = %(org)s", {"org": org_id})  # noqa: S608
            counts[org_id, table] = int(rows.scalar_one())
    return counts


def between(before: Catalogue, after: Catalogue) -> Sequence[Loss]:
    """Tables and columns that are gone, or of another type."""
    tables = {table for table, _ in after}
    found: dict[tuple[str, str | None], Loss] = {}
    for (table, number), (column, kind) in before.items():
        if table not in tables:
            found[table, None] = Loss(table, None, "the table is dropped")
        elif (table, number) not in after:
            found[table, column] = Loss(table, column, "the column is dropped")
        elif after[table, number][1] != kind:
            found[table, column] = Loss(table, column, f"its type {kind} becomes {after[table, number][1]}")
    return list(found.values())


def by_organization(
    conn: Connection, target: str, losses: Sequence[Loss], fewer: Mapping[tuple[int, str], int]
) -> Mapping[int, Sequence[str]]:
    """What each organization would lose, as sentences; only those that would lose something.

    `fewer`: rows an organization's tables would lose, where the branch could tell.

    Raises:
        ConfigurationError: captured data would be lost.
    """
    found: dict[int, Sequence[str]] = {}
    for org_id in organizations(conn):
        act_for(conn, org_id)
        lost = [*_held(conn, org_id, losses), *_rows(org_id, fewer)]
        captured = [what for what in lost if what.startswith("capture.")]
        if captured:
            raise ConfigurationError(
                f"The migration to {target} would lose captured data: {'; '.join(captured)}. It is not applied."
            )
        if lost:
            found[org_id] = lost
    return found


def _held(conn: Connection, org_id: int, losses: Sequence[Loss]) -> Iterator[str]:
    """Those of these losses that affect this organization."""
    for loss in losses:
        counted = f'count("{loss.column}")' if loss.column else "count(*)"
        rows = conn.exec_driver_sql(
            f"SELECT {counted} FROM {loss.table} WHERE org_id = %(org)s",  # noqa: S608 - names from the catalogue
            {"org": org_id},
        ).scalar_one()
        if rows:
            place = f"{loss.table}.{loss.column}" if loss.column else loss.table
            yield f"{place} ({loss.how}; {rows} {'values' if loss.column else 'rows'})"


def _rows(org_id: int, fewer: Mapping[tuple[int, str], int]) -> Iterator[str]:
    for (owner, table), rows in fewer.items():
        if owner == org_id:
            yield f"{table} ({rows} rows are deleted)"


def organizations(conn: Connection) -> Sequence[int]:
    """The ids of every organization; none in a database without tables."""
    if conn.exec_driver_sql("SELECT to_regproc('connect.list_organizations')").scalar_one() is None:
        return []
    return list(conn.exec_driver_sql("SELECT org_id FROM connect.list_organizations()").scalars())


def act_for(conn: Connection, org_id: int) -> None:
    """Set the organization of this connection: the policies apply to the owner too."""
    conn.exec_driver_sql("SELECT set_config('sync.org_id', %(org)s, false)", {"org": str(org_id)})
