"""Which values of rows that stay a trial changes, and which tables it writes to in vain."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, cast

from sync_pipeline.db.proposed.report import ChangedHow, RowCount, ValueChange
from sync_pipeline.db.queries import execute, load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from sqlalchemy import Connection

    from sync_pipeline.db.kept import Loss
    from sync_pipeline.db.proposed.script import Ran

_SQL = load(__package__, "changed.sql")


class Stopwatch:
    """Adds up the seconds of what happens within it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.seconds = round(self.seconds + perf_counter() - self._began, 3)


def values(up: Sequence[Loss], back: Sequence[Loss] | None) -> list[ValueChange]:
    """What `up` changes in rows that stay, of all organizations together.

    `back`: what differs from before after the way back; None: it was not gone. A column's values are back if the
    column is, no row of its table is gone, and none of them differs.
    """
    another = {(one.table, one.column) for one in back or ()}
    found: dict[tuple[str, str, ChangedHow], list[Loss]] = {}
    for one in up:
        if one.column is not None and one.how in ("emptied", "rewritten", "filled"):
            found.setdefault((one.table, one.column, cast("ChangedHow", one.how)), []).append(one)
    return [
        ValueChange(
            table,
            column,
            how,
            sum(one.number for one in each),
            len({one.org_id for one in each}),
            None if back is None else not another & {(table, column), (table, None)},
        )
        for (table, column, how), each in found.items()
    ]


def unreached(
    conn: Connection, names: Mapping[int, str], empty: Sequence[Ran], counts: Sequence[RowCount]
) -> list[str]:
    """Tables with rows that a script writes to while row-level security is on, and of which it changed no row.

    `empty`: its statements on the branch without rows, with the `names` of the tables there.
    """
    had = {one.table for one in counts if one.before}
    hidden = sorted({names[oid] for one in empty for oid in one.hidden if names.get(oid) in had})
    return list(execute(conn, _SQL["tables_without_a_write"], tables=hidden).scalars()) if hidden else []
