"""What undoing a promotion would do: it is done, read, and rolled back, so that it says what an undo does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream, source
from sync_pipeline.steps.promote.core_check import NOISE
from sync_pipeline.steps.promote.queue.queue import as_uuid
from sync_pipeline.steps.promote.trial import rows_that_differ, trial
from sync_pipeline.steps.promote.undo import SQL as UNDO
from sync_pipeline.steps.promote.undo import carry_out, find_blocking, undoable

SQL = load("sync_pipeline.steps.promote", "undo_preview.sql")


@dataclass(frozen=True, slots=True)
class UndoneTable:
    """How many rows of a table an undo changes, removes or brings back."""

    table_name: str
    changed: int
    removed: int
    added: int


@dataclass(frozen=True, slots=True)
class UndoLine:
    """A record of the plan and what becomes of it: it leaves core, goes back to the version before, or returns.

    `changes`: {column: {before, after}} of its core row, from as it is to as it will be; a row that is not there has no
    such side. `row_stays`: it leaves a core row that stays, as another record's.
    """

    connection: str
    stream: Stream
    external_id: str
    name: str | None
    code: str | None
    outcome: str
    changes: Mapping[str, Mapping[str, Any]]
    row_stays: bool = False


@dataclass(frozen=True, slots=True)
class UndoPreview:
    """What an undo would do.

    `blocking`: later plans that changed or use the same rows, with how many, newest first; while there are some nothing
    can be undone, and nothing else is said. `rows` and `merged` are what `UndoReport` would say. `leaves`, `goes_back`
    and `returns` count the plan's records (`parts`: those that leave a row that stays, as another's), of which
    `lines` has the first; `tables` counts rows, also of what belongs to other records.
    """

    blocking: Sequence[tuple[UUID | None, int]] = ()
    undone: bool = False
    rows: int = 0
    merged: int = 0
    leaves: int = 0
    parts: int = 0
    goes_back: int = 0
    returns: int = 0
    lines: Sequence[UndoLine] = ()
    tables: Sequence[UndoneTable] = ()

    @property
    def records(self) -> int:
        """How many of the plan's records are concerned."""
        return self.leaves + self.goes_back + self.returns


def preview_undo(db: Database, org_id: int, plan_id: str | UUID, *, limit: int = 100) -> UndoPreview:
    """What `undo` would do to a plan's promotion now; nothing is changed.

    Raises:
        NotFound: no such plan.
        Conflict: it was never applied, or it is too old to be undone.
    """
    plan = as_uuid(plan_id, "plan")
    found = UndoPreview(undone=True)
    with trial(db, org_id) as (conn, mine):
        queue, undone = undoable(conn, plan)
        if not undone:
            blocking = find_blocking(conn, str(queue))
            if blocking:
                found = UndoPreview(blocking=[(one.plan_id, one.rows) for one in blocking])
            else:
                rows, merged = carry_out(conn, org_id, plan, str(queue), "preview", None)
                found = _read(conn, plan, mine, rows, merged, limit)
    return found


def _read(conn: Connection, plan: str, mine: str, rows: int, merged: int, limit: int) -> UndoPreview:
    execute(conn, SQL["list_again"])
    execute(conn, UNDO["stage_undo"], queue=mine)
    execute(conn, UNDO["index_undo"])
    execute(conn, UNDO["analyze_undo"])
    execute(conn, "CREATE TEMP TABLE undo_change ON COMMIT DROP AS " + rows_that_differ(), noise=NOISE)
    execute(conn, SQL["undo_records"], plan=plan)
    counted = execute(conn, SQL["undo_outcomes"]).all()
    outcomes = {row.outcome: row.records for row in counted}
    return UndoPreview(
        rows=rows,
        merged=merged,
        leaves=outcomes.get("leaves", 0),
        parts=sum(row.parts for row in counted),
        goes_back=outcomes.get("goes back", 0),
        returns=outcomes.get("returns", 0),
        lines=[_line(row) for row in execute(conn, SQL["undo_lines"], limit=limit)],
        tables=[UndoneTable(**row._mapping) for row in execute(conn, SQL["undo_counts"])],
    )


def _line(row: Any) -> UndoLine:
    return UndoLine(
        row.connection,
        source(row.provider).stream(row.entity_type),
        row.external_id,
        row.name,
        row.code,
        row.outcome,
        _changes(row.before, row.after),
        row.row_stays,
    )


def _changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The columns that differ; of a row that goes or comes, those that are not empty."""
    sides = {"before": before, "after": after}
    changes: dict[str, dict[str, Any]] = {}
    for name in sorted({*(before or {}), *(after or {})} - {"id"}):
        values = {side: row.get(name) for side, row in sides.items() if row is not None}
        if len(values) == 2 and values["before"] == values["after"]:
            continue
        if any(value not in (None, "", False, [], {}) for value in values.values()) or len(values) == 2:
            changes[name] = values
    return changes
