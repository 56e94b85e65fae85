"""What a migrating transaction does to an organization's rows, compared row by row before it commits.

Only tables whose rows the transaction may have changed are compared. PostgreSQL tells which: a writer holds a lock on
its table, a rewritten or truncated table has another file, a dropped table or column is gone from the catalogue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError

_SQL = load(__package__, "kept.sql")
_SCHEMAS = ("connect", "capture", "preview", "selection", "promote", "core", "observe")
_LAYOUT = "(relation bigint, org_id bigint, key uuid, hashes bigint []) ON COMMIT DROP"
# Computed again from what is captured, or of use for minutes only.
_DERIVED = ("preview.", "connect.request_", "connect.rate_limit", "capture.sync_page")


@dataclass(frozen=True, slots=True)
class Loss:
    """What one organization would lose of a table (`column` None: whole rows)."""

    org_id: int
    table: str
    column: str | None
    how: str  # deleted, dropped, emptied, rewritten or filled
    number: int

    @property
    def place(self) -> str:
        """The table, or the table and its column."""
        return f"{self.table}.{self.column}" if self.column else self.table


@dataclass(frozen=True, slots=True)
class _Table:
    oid: int
    name: str
    columns: Mapping[int, str]  # by number, which stays when a column is renamed
    key: Sequence[int]
    files: frozenset[str]

    def there(self, now: _Table) -> dict[int, str]:
        """What its columns, by number, are called in `now`. Who reads a column goes by its name: if that is another
        column's now, it is this one. In a table that was made again under its name they are found by name alone.
        """
        names = set(now.columns.values())
        if self.oid != now.oid:
            return {number: name for number, name in self.columns.items() if name in names}
        return {
            number: name if name in names else now.columns[number]
            for number, name in self.columns.items()
            if number in now.columns
        }


class Watch:
    """Keeps hashes of every row of `tables`, which nobody else can write to until the transaction ends.

    `tables` are names; those that are not there are left out.
    """

    def __init__(self, conn: Connection, tables: Collection[str]) -> None:
        self._conn = conn
        self._before = _tables(conn)
        self._watched = [table for table in self._before.values() if table.name in tables]
        self.orgs = organizations(conn)
        if self._watched:
            conn.exec_driver_sql(f"LOCK TABLE {', '.join(table.name for table in self._watched)} IN SHARE MODE")
            conn.exec_driver_sql(f"CREATE TEMP TABLE kept_row {_LAYOUT}")
        for table in self._watched:
            columns = [table.columns[number] for number in sorted(table.columns)]
            self._copy("kept_row", table, table.name, [table.columns[n] for n in table.key] or columns, columns)
        act_for_nobody(conn)  # or the migration would work on the rows of the organization that was read last
        self._mark = self._marked()

    def written(self) -> frozenset[str]:
        """The tables whose rows this transaction may have changed, by the names they had."""
        locked = set(execute(self._conn, _SQL["tables_locked_for_writing"]).scalars())
        after = _tables(self._conn)
        names = {table.name: oid for oid, table in after.items()}
        return frozenset(
            table.name
            for oid, table in self._before.items()
            if oid in locked
            or oid not in after
            or names.get(table.name, oid) != oid
            or not table.files <= after[oid].files
            or any(after[oid].columns.get(number) != name for number, name in table.there(after[oid]).items())
            or not table.columns.keys() <= after[oid].columns.keys()
        )

    def losses(self) -> Sequence[Loss]:
        """What is lost of the watched tables.

        Raises:
            ConfigurationError: the migration changed what is kept of the rows, so nothing can be said.
        """
        if self._marked() != self._mark:
            raise ConfigurationError(
                "A revision of this migration writes to temporary tables that are not its own, so what it loses cannot "
                "be seen. The database is unchanged."
            )
        after = _tables(self._conn)
        names = {table.name: table for table in after.values()}
        found: list[Loss] = []
        for table in self._watched:
            now = names.get(table.name) or after.get(table.oid)  # who reads it goes by its name
            found += self._dropped(table) if now is None else self._changed(table, now)
        act_for_nobody(self._conn)
        return found

    def _marked(self) -> tuple[Any, ...]:
        """What tells that nobody touched the kept rows: the table, that nothing hangs on it, and a checksum."""
        if not self._watched:
            return ()
        table = execute(self._conn, _SQL["kept_table"]).one_or_none()
        return () if table is None else (*table, *execute(self._conn, _SQL["kept_checksum"]).one())

    def _dropped(self, table: _Table) -> Iterator[Loss]:
        for row in self._all("values_kept", table):
            if row.place == 0:
                yield Loss(row.org_id, table.name, None, "dropped", row.had)

    def _changed(self, table: _Table, now: _Table) -> Iterator[Loss]:
        numbers = sorted(table.columns)
        there = table.there(now)
        columns = [there.get(number, "NULL") for number in numbers]
        # Made again each time: a revision may have hung a trigger on the one that was there.
        self._conn.exec_driver_sql(f"DROP TABLE IF EXISTS pg_temp.row_now; CREATE TEMP TABLE row_now {_LAYOUT}")
        self._copy("row_now", table, now.name, [there.get(n, "NULL") for n in table.key] or columns, columns)
        for row in self._all("rows_gone", table):
            yield Loss(row.org_id, table.name, None, "deleted", row.gone)
        for row in self._all("values_kept", table):
            if row.place and row.had and (number := numbers[row.place - 1]) not in there:
                yield Loss(row.org_id, table.name, table.columns[number], "dropped", row.had)
        for row in self._all("values_changed", table):
            if (number := numbers[row.place - 1]) in there:
                for how, count in (("emptied", row.emptied), ("rewritten", row.rewritten), ("filled", row.filled)):
                    if count:
                        yield Loss(row.org_id, table.name, table.columns[number], how, count)

    def _all(self, statement: str, table: _Table) -> Sequence[Row[Any]]:
        return execute(self._conn, _SQL[statement], relation=table.oid, columns=len(table.columns)).all()

    def _copy(self, into: str, table: _Table, name: str, key: Sequence[str], columns: Sequence[str]) -> None:
        """Hashes of a table's rows, with a hash of their key. One organization at a time, as the policies want it."""
        hashes = ", ".join(f"hashtextextended({column}::text, 0)" for column in columns)
        for org_id in self.orgs:
            act_for(self._conn, org_id)
            self._conn.exec_driver_sql(
                f"INSERT INTO {into} SELECT {table.oid}, org_id, md5(ROW({', '.join(key)})::text)::uuid, "  # noqa: S608 - names from the catalogue
                f"ARRAY[{hashes}]::bigint [] FROM {name} WHERE org_id = %(org)s",
                {"org": org_id},
            )
        self._conn.exec_driver_sql(f"ANALYZE {into}")


def _tables(conn: Connection) -> Mapping[int, _Table]:
    found = {}
    for row in execute(conn, _SQL["kept_tables"], schemas=list(_SCHEMAS)):
        if not row.name.startswith(_DERIVED):
            columns = {int(number): column for number, column in row.columns.items()}
            found[row.oid] = _Table(row.oid, row.name, columns, row.key or (), frozenset(row.files or ()))
    return found


def organizations(conn: Connection) -> Sequence[int]:
    """The ids of every organization; none in a database without tables."""
    if conn.exec_driver_sql("SELECT to_regproc('connect.list_organizations')").scalar_one() is None:
        return []
    return list(conn.exec_driver_sql("SELECT org_id FROM connect.list_organizations()").scalars())


def act_for(conn: Connection, org_id: int) -> None:
    """Set the organization of this connection: the policies apply to the owner too."""
    conn.exec_driver_sql("SELECT set_config('sync.org_id', %(org)s, false)", {"org": str(org_id)})


def act_for_nobody(conn: Connection) -> None:
    """Set no organization: who is subject to the policies sees no organization's rows."""
    conn.exec_driver_sql("SET sync.org_id = ''")
