"""Figures of a trial: rows, seconds, locks, plans."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from sqlalchemy import Connection

from sync_pipeline.db.kept import act_for
from sync_pipeline.db.proposed.login import SCHEMAS
from sync_pipeline.db.proposed.report import HeldLock, HotPlan, Lock, RowCount, StatementRun
from sync_pipeline.db.proposed.script import Ran
from sync_pipeline.db.queries import execute, load

_SQL = load(__package__, "measure.sql")
_TEXT = 400  # characters of a statement
_READS = "AccessShareLock"
Stops = Literal["reads and writes", "writes", "schema changes", "nothing"]
_STOPS: Mapping[str, Stops] = {
    "AccessExclusiveLock": "reads and writes",
    "ExclusiveLock": "writes",
    "ShareRowExclusiveLock": "writes",
    "ShareLock": "writes",
    "ShareUpdateExclusiveLock": "schema changes",
    "RowExclusiveLock": "schema changes",
}


def relations(conn: Connection) -> Mapping[int, str]:
    """The tables, views and sequences of ours, by oid."""
    return {row.oid: row.name for row in execute(conn, _SQL["relations_by_oid"], schemas=[*SCHEMAS, "connect"])}


def count_rows(conn: Connection, orgs: Sequence[int], *, only: Collection[str] | None = None) -> dict[str, int | None]:
    """Rows of every table, of all organizations together; those in `only` alone are counted, the others are None."""
    found: dict[str, int | None] = {}
    for table in execute(conn, _SQL["relations_by_oid"], schemas=[*SCHEMAS, "connect"]).all():
        if not table.counted:
            continue
        found[table.name] = None
        if only is not None and table.name not in only:
            continue
        count = f"SELECT count(*) FROM {table.name}"  # noqa: S608 - a name from the catalogue
        if not (table.guarded and table.by_org):
            found[table.name] = int(conn.exec_driver_sql(count).scalar_one())
            continue
        total = 0
        for org_id in orgs:
            act_for(conn, org_id)
            total += int(conn.exec_driver_sql(f"{count} WHERE org_id = %(org)s", {"org": org_id}).scalar_one())
        found[table.name] = total
    return found


def compare_counts(before: Mapping[str, int | None], after: Mapping[str, int | None]) -> list[RowCount]:
    """Each table's rows; `after` has None for what was not counted again, because nothing wrote to it."""
    return [
        RowCount(name, before.get(name), after[name] if after.get(name) is not None else before.get(name))
        if name in after
        else RowCount(name, before[name], None)
        for name in sorted(before.keys() | after.keys())
    ]


def statement_runs(names: Mapping[int, str], empty: Sequence[Ran], rows: Sequence[Ran]) -> list[StatementRun]:
    """The statements: locks as the empty branch shows them, seconds as they were with rows."""
    runs: list[StatementRun] = []
    held: Mapping[int, str] = {}
    for one, real in zip(empty, rows, strict=True):
        taken = [Lock(names[oid], mode) for oid, mode in one.locks.items() if oid in names and held.get(oid) != mode]
        held = one.locks
        text = re.sub(r"\s+", " ", one.statement.text)
        shown = text if len(text) <= _TEXT else f"{text[:_TEXT]}…"
        locks = sorted(taken, key=lambda lock: lock.table)
        runs.append(StatementRun(one.statement.number, one.statement.line, shown, round(real.seconds, 3), locks))
    return runs


def held_locks(
    names: Mapping[int, str], empty: Sequence[Ran], rows: Sequence[Ran], counts: Sequence[RowCount]
) -> list[HeldLock]:
    """How long `up` holds the strongest lock on each table: from the statement that takes it to the end."""
    if not empty:
        return []
    sizes = {one.table: one.before for one in counts}
    found: list[HeldLock] = []
    for oid, mode in empty[-1].locks.items():
        if oid not in names or mode == _READS:
            continue
        first = next(at for at, one in enumerate(empty) if one.locks.get(oid) == mode)
        seconds = sum(one.seconds for one in rows[first:])
        name = names[oid]
        found.append(HeldLock(name, mode, _STOPS.get(mode, "nothing"), round(seconds, 3), sizes.get(name) or 0))
    return sorted(found, key=lambda lock: (-lock.seconds, lock.table))


def compare_plans(before: Mapping[str, str], after: Mapping[str, str], by_index: Mapping[str, bool]) -> list[HotPlan]:
    """Each hot query's plan before and after."""
    return [HotPlan(name, before[name], after[name], by_index[name]) for name in before]
