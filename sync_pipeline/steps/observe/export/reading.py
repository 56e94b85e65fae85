"""The rows of a table as they are read: in order, a part at a time, all from one snapshot of the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.engine import Database, driver
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import NotFound
from sync_pipeline.steps.observe.export.tables import SQL, Ask, Column, Kind, Rows

# A spreadsheet takes a text that begins so for a formula; the apostrophes are those that `escape` puts before it.
_FORMULA = "^''*[=+@\\t\\r\\n＝＋－＠-]"
_PAYLOADS = 500  # read at a time


@dataclass(frozen=True, slots=True)
class Size:
    """How large the numbers of a column are: digits before the decimal point, and after it."""

    digits: int
    scale: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A table that is being read."""

    conn: Connection
    rows: Rows

    @property
    def columns(self) -> Sequence[Column]:
        """Its columns."""
        return self.rows.columns

    def batches(self, size: int) -> Iterator[Sequence[Sequence[Any]]]:
        """The rows, `size` at a time: int, Decimal, bool, str, datetime (UTC), date; JSON as its text."""
        cells = ", ".join(f"r.{one.name}{'::text' if one.kind is Kind.JSON else ''}" for one in self.columns)
        yield from self._stream(cells, size)

    def objects(self, size: int) -> Iterator[str]:
        """Each row as a JSON object, in one line; numbers with all their digits."""
        cells = ", ".join(f"r.{one.name}{'::json' if one.kind is Kind.JSON else ''}" for one in self.columns)
        inner = f"SELECT {cells} {self._from()}"
        for batch in self._stream("row_to_json(r)::text", size, f"FROM ({inner}) AS r"):
            for (text,) in batch:
                yield one_line(text)

    def payloads(self) -> Iterator[str]:
        """The column `payload` alone: each as it was captured, in one line."""
        for batch in self._stream("r.payload::text", _PAYLOADS):
            for (text,) in batch:
                yield one_line(text)

    def csv(self, *, escape: bool) -> Iterator[bytes]:
        """The rows as CSV in UTF-8, as PostgreSQL writes it: what is null is empty, an empty text is `""`.

        `escape`: an apostrophe before a text that a spreadsheet would take for a formula.
        """
        cells = ", ".join(f"{_cell(one, escape)} AS {one.name}" for one in self.columns)
        statement = f"COPY (SELECT {cells} {self._from()}) TO STDOUT (FORMAT csv, HEADER true)"
        with (
            driver(self.conn).cursor() as cursor,
            cursor.copy(statement.encode(), self.rows.parameters or None) as copy,
        ):
            for part in copy:
                yield bytes(part)

    def formulas(self) -> int:
        """How many texts a spreadsheet would take for formulas."""
        counts = [f"count(*) FILTER (WHERE r.{one.name} ~ E'{_FORMULA}')" for one in self._of(Kind.TEXT)]
        return sum(self._one(counts)) if counts else 0

    def sizes(self) -> Mapping[str, Size]:
        """How large the numbers of each decimal column are."""
        columns = self._of(Kind.DECIMAL)
        if not columns:
            return {}
        figures = [
            f"coalesce(max({one}), 0)"
            for column in columns
            for one in (f"length(trunc(abs(r.{column.name}))::text)", f"scale(r.{column.name})")
        ]
        found = self._one(figures)
        return {
            column.name: Size(*pair)
            for column, pair in zip(columns, zip(found[::2], found[1::2], strict=True), strict=True)
        }

    def count(self) -> int:
        """How many rows there are."""
        return self._one(["count(*)"])[0]

    def _of(self, kind: Kind) -> list[Column]:
        return [one for one in self.columns if one.kind is kind]

    def _from(self) -> str:
        return f"FROM ({self.rows.statement}) AS r ORDER BY {self.rows.order}"

    def _one(self, figures: Sequence[str]) -> Sequence[int]:
        statement = " ".join(("SELECT", ", ".join(figures), f"FROM ({self.rows.statement}) AS r"))
        return list(self.conn.exec_driver_sql(statement, dict(self.rows.parameters)).one())

    def _stream(self, cells: str, size: int, source: str = "") -> Iterator[Sequence[Sequence[Any]]]:
        streamed = self.conn.execution_options(stream_results=True, max_row_buffer=size, yield_per=size)
        statement = f"SELECT {cells} {source or self._from()}"
        with streamed.exec_driver_sql(statement, dict(self.rows.parameters)) as result:
            yield from result.partitions(size)


@contextmanager
def reading(db: Database, org_id: int, ask: Ask, *, columns: Sequence[str] | None = None) -> Iterator[Reading]:
    """Open what is asked for; with these columns only, in their order.

    Raises:
        NotFound: there is no such table, time or column.
    """
    with db.org(org_id, snapshot=True) as conn:
        execute(conn, SQL["read_whole"])
        rows = ask(conn)
        if columns is not None:
            known = {one.name: one for one in rows.columns}
            for name in columns:
                if name not in known:
                    raise NotFound(f"{rows.name} has no column “{name}”. It has: {', '.join(known)}.")
            rows = replace(rows, columns=[known[name] for name in columns])
        yield Reading(conn, rows)


def one_line(text: str) -> str:
    """JSON text without line breaks: outside of strings they say nothing, and inside they are escaped."""
    return text.replace("\r", " ").replace("\n", " ")


def _cell(column: Column, escape: bool) -> str:
    name = f"r.{column.name}"
    if column.kind is Kind.BOOLEAN:
        return f"{name}::text"  # true and false, not t and f
    if escape and column.kind is Kind.TEXT:
        return f"CASE WHEN {name} ~ E'{_FORMULA}' THEN '''' || {name} ELSE {name} END"
    return name
