"""A migration that would lose data stops at a gate: one for each organization whose data it is.

What it would lose is seen on the branch: tables and columns that are gone or of another type, rows that are fewer
(these only where the branch is a clone with its rows). To lose captured data is no question: that is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from sync_pipeline.errors import ConfigurationError, GateClosed
from sync_pipeline.gates.destructive_migration import CAUSE

_SCHEMAS = ("connect", "capture", "preview", "selection", "promote", "core", "observe")
# Worked out anew from what is captured, or of use for minutes only.
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


@dataclass(frozen=True, slots=True)
class Loss:
    """What would be lost: a table, its column (None: whole rows), and how."""

    table: str
    column: str | None
    how: str


def catalogue(conn: Connection) -> Catalogue:
    """Every column of every table that holds what is an organization's and cannot be worked out anew."""
    rows = conn.exec_driver_sql(_CATALOGUE, {"schemas": list(_SCHEMAS)})
    return {(table, number): (column, kind) for table, number, column, kind in rows if not table.startswith(_DERIVED)}


def row_counts(conn: Connection, tables: Sequence[str]) -> Counts:
    """Rows of each organization: one after the other, because policies hold for the owner too."""
    counts = {}
    for org_id in _organizations(conn):
        _act_for(conn, org_id)
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


def ask(conn: Connection, target: str, losses: Sequence[Loss], fewer: Mapping[tuple[int, str], int]) -> None:
    """Pass where nothing would be lost, or every organization that would lose something has said yes.

    `fewer`: rows an organization's tables would lose, where the branch could tell.

    Raises:
        ConfigurationError: captured data would be lost, or a person refused.
        GateClosed: a person must answer first.
    """
    waiting: list[int] = []
    for org_id in _organizations(conn):
        _act_for(conn, org_id)
        lost = [*_held(conn, org_id, losses), *_rows(org_id, fewer)]
        captured = [what for what in lost if what.startswith("capture.")]
        if captured:
            conn.rollback()
            raise ConfigurationError(
                f"The migration to {target} would lose captured data: {'; '.join(captured)}. It is not applied."
            )
        if lost:
            number, answer = _gate(conn, target, lost)
            if answer == "refuse":
                conn.commit()  # the outcome stays
                raise ConfigurationError(f"The migration to {target} was refused (decision {number}).")
            if answer is None:
                waiting.append(number)
    conn.commit()  # the gates stay, whatever becomes of the migration
    if waiting:
        raise GateClosed(
            f"The migration to {target} would lose data, and nothing was changed. Answer "
            f"{'decision' if len(waiting) == 1 else 'decisions'} {', '.join(map(str, waiting))} "
            "(`sync-pipeline decisions list`), then run it again."
        )


def settle(conn: Connection, target: str, verified: Sequence[str]) -> None:
    """Write down that the migration was made and what was verified."""
    for org_id in _organizations(conn):
        _act_for(conn, org_id)
        conn.exec_driver_sql(
            "UPDATE observe.decision SET outcome = %(outcome)s, resumed_at = now() "
            "WHERE org_id = %(org)s AND cause = 'destructive_migration' AND subject = %(subject)s "
            "AND answer = 'migrate' AND outcome IS NULL",
            {
                "org": org_id,
                "subject": _subject(target),
                "outcome": f"migrated to {target}; verified: {', '.join(verified)}",
            },
        )
    conn.commit()


def _held(conn: Connection, org_id: int, losses: Sequence[Loss]) -> Iterator[str]:
    """Of these losses those that would take something of this organization."""
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


def _gate(conn: Connection, target: str, lost: Sequence[str]) -> tuple[int, str | None]:
    """This organization's gate for the migration and its answer; a new one where none is about all of these losses."""
    parameters = {"subject": _subject(target)}
    known = conn.exec_driver_sql(
        "SELECT decision_id, answer, detail FROM observe.decision WHERE org_id = connect.current_org() "
        "AND cause = 'destructive_migration' AND subject = %(subject)s ORDER BY decision_id DESC LIMIT 1",
        parameters,
    ).one_or_none()
    asked = CAUSE.ask({"target": target, "lost": "; ".join(lost)})
    told = {
        **parameters,
        "question": asked.question,
        "detail": json.dumps({"constraint": asked.constraint, "rules": asked.rules, "lost": list(lost)}),
        "options": json.dumps([asdict(option) for option in asked.options]),
        "cause": CAUSE.name,
        "recommended": asked.recommended,
        "actor": CAUSE.found_by,
    }
    if known is not None and known.answer is not None and _places(lost) <= _places(known.detail["lost"]):
        if known.answer == "refuse":
            conn.exec_driver_sql(_REFUSED, {"decision": known.decision_id})
        return int(known.decision_id), known.answer
    if known is not None and known.answer is None:
        conn.exec_driver_sql(_REFRESH, {**told, "decision": known.decision_id})
        return int(known.decision_id), None
    return int(conn.exec_driver_sql(_OPEN, told).scalar_one()), None


_REFUSED = """
UPDATE observe.decision SET outcome = 'the database stays as it is', resumed_at = now()
WHERE org_id = connect.current_org() AND decision_id = %(decision)s AND outcome IS NULL
"""
_REFRESH = """
UPDATE observe.decision SET question = %(question)s, detail = %(detail)s::jsonb, options = %(options)s::jsonb
WHERE org_id = connect.current_org() AND decision_id = %(decision)s
"""
_OPEN = """
WITH opened AS (
    INSERT INTO observe.decision (org_id, cause, subject, question, detail, options, recommended, owner)
    SELECT org_id, %(cause)s, %(subject)s, %(question)s, %(detail)s::jsonb, %(options)s::jsonb,
           %(recommended)s, name
    FROM connect.organization WHERE org_id = connect.current_org() RETURNING org_id, decision_id, cause
), told AS (
    INSERT INTO observe.sync_activity (org_id, event, actor, detail)
    SELECT org_id, 'gate.opened', %(actor)s, jsonb_build_object('decision', decision_id, 'cause', cause) FROM opened
)
SELECT decision_id FROM opened
"""


def _places(lost: Sequence[str]) -> set[str]:
    """The tables and columns of these losses: how many rows they have by now makes no new question."""
    return {what.split(" (")[0] for what in lost}


def _subject(target: str) -> str:
    return f"migration to {target}"


def _organizations(conn: Connection) -> Sequence[int]:
    if conn.exec_driver_sql("SELECT to_regproc('connect.list_organizations')").scalar_one() is None:
        return []
    return list(conn.exec_driver_sql("SELECT org_id FROM connect.list_organizations()").scalars())


def _act_for(conn: Connection, org_id: int) -> None:
    conn.exec_driver_sql("SELECT set_config('sync.org_id', %(org)s, false)", {"org": str(org_id)})
