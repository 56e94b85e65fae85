"""What can be read as a table: core and its former rows, the views of `report`, captured records and their versions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection as Transaction

from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.core import core_tables, undo_order
from sync_pipeline.entities.values import moment
from sync_pipeline.errors import ConfigurationError, NotFound
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection

SQL = load(__package__)
_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_PAIR = ("product_id", "category_id")  # the key of the one table of pairs


class Kind(StrEnum):
    """What the values of a column are."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TEXT = "text"
    TIME = "time"  # with a time zone, UTC
    DATE = "date"
    JSON = "json"


_KINDS = {
    "int2": Kind.INTEGER,
    "int4": Kind.INTEGER,
    "int8": Kind.INTEGER,
    "numeric": Kind.DECIMAL,
    "bool": Kind.BOOLEAN,
    "text": Kind.TEXT,
    "timestamptz": Kind.TIME,
    "date": Kind.DATE,
    "jsonb": Kind.JSON,
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what its values are."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Rows:
    """A statement that answers the columns, in no order; `order` is what it is to be ordered by."""

    name: str
    columns: Sequence[Column]
    statement: str
    order: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


# Which rows somebody asked for, once a transaction of the organization is open.
Ask = Callable[[Transaction], Rows]


def core_names() -> Sequence[str]:
    """The tables of core, without their schema."""
    return [name.partition(".")[2] for name in undo_order()]


def report_names(conn: Transaction) -> Sequence[str]:
    """The views of reports, without their schema."""
    return list(execute(conn, SQL["reports"]).scalars())


def moment_of(text: str | date | None) -> datetime | None:
    """The time that somebody wrote; one without a zone is UTC, a date its first moment.

    Raises:
        ConfigurationError: it is not a time.
    """
    if text is None:
        return None
    if isinstance(text, datetime):
        return text.replace(tzinfo=UTC) if text.tzinfo is None else text
    if isinstance(text, date):
        return datetime.combine(text, time(), UTC)
    found = moment(text)
    if found is None:
        raise ConfigurationError(
            f"“{text}” is not a time. Write 2026-03-01 or 2026-03-01T12:00:00+01:00; without a zone it is UTC."
        )
    return found


def core(table: str, *, as_of: datetime | None = None) -> Ask:
    """The rows of a core table, those that are marked deleted too, or as they were at a time.

    Promotions that were undone count as never made. A promotion counts for each row from its first write of it; in
    the middle of one, rows that it had written are as it left them.

    Raises:
        NotFound: no such table; when it is read: that time is too long ago, or is still to come.
    """
    name = table if table.startswith("core.") else f"core.{table}"
    if name not in undo_order():
        raise NotFound(f"There is no core table “{table}”. There are: {', '.join(core_names())}.")

    def ask(conn: Transaction) -> Rows:
        if as_of is not None:
            _known(conn, as_of)
        order = "r.id" if name in core_tables() else ", ".join(f"r.{one}" for one in _PAIR)
        return _rows(conn, name, "exported_rows" if as_of is None else "exported_rows_as_of", order, as_of)

    return ask


def report(view: str, *, as_of: datetime | None = None) -> Ask:
    """The rows of a view of the schema `report`.

    Raises:
        ConfigurationError: a time is given: views show core as it is.
        NotFound: when it is read: no such view.
    """
    if as_of is not None:
        raise ConfigurationError("A report shows core as it is now. Export the core tables as of that time instead.")

    def ask(conn: Transaction) -> Rows:
        short = view.removeprefix("report.")
        if short not in (names := report_names(conn)):
            raise NotFound(f"There is no report “{view}”. There are: {', '.join(names)}.")
        return _rows(conn, f"report.{short}", "exported_rows", "", None)

    return ask


def filled(statement: str, table: str, columns: Sequence[str]) -> str:
    """A statement of `queries.sql` for a table of core or a view of reports."""
    key, former = "to_jsonb(t.id)", "to_jsonb(f.row_id)"
    if table not in core_tables():
        key, former = (
            f"jsonb_build_array({', '.join(one.format(name) for name in _PAIR)})"
            for one in ("t.{}", "f.content -> '{}'")
        )
    values = {
        "table": table,
        "columns": ", ".join(f"t.{one}" for one in columns),
        "key": key,
        "formerkey": former,
    }
    return _PLACEHOLDER.sub(lambda found: values[found[1]], statement)


def records(connection: Connection, stream: Stream, *, as_of: datetime | None = None, deleted: bool = False) -> Ask:
    """A stream's captured records, or as they were at a time; with those deleted in the store if `deleted`.

    Raises:
        NotFound: when it is read: contents of that time are no longer kept, or it is still to come.
    """

    def ask(conn: Transaction) -> Rows:
        given = {**_keys(connection, stream), "as_of": as_of, "deleted": deleted}
        if as_of is not None:
            lost = execute(conn, SQL["lost_records"], **given).one()
            if lost.to_come:
                raise NotFound(f"{as_of:%Y-%m-%d %H:%M:%S %Z} is still to come.")
            if lost.records:
                raise NotFound(
                    f"What {lost.records:,} {stream.name} were as of {as_of:%Y-%m-%d %H:%M:%S %Z} is no longer kept "
                    "(SYNC_KEEP_VERSIONS_DAYS). Ask for a later time."
                )
        columns = (
            Column("external_id", Kind.TEXT),
            Column("version_no", Kind.INTEGER),
            Column("version", Kind.TEXT),
            Column("first_captured_at", Kind.TIME),
            Column("captured_at", Kind.TIME),
            Column("deleted_at", Kind.TIME),
            Column("payload", Kind.JSON),
        )
        statement = SQL["records_now" if as_of is None else "records_as_of"]
        return Rows(stream.name, columns, statement, "length(r.external_id), r.external_id", given)

    return ask


def versions(connection: Connection, stream: Stream, *, as_of: datetime | None = None) -> Ask:
    """Every content that a stream's records had, each time that they had it; with a time, those captured by then.

    Raises:
        NotFound: when it is read: that time is still to come.
    """

    def ask(conn: Transaction) -> Rows:
        if as_of is not None and execute(conn, SQL["to_come"], as_of=as_of).scalar_one():
            raise NotFound(f"{as_of:%Y-%m-%d %H:%M:%S %Z} is still to come.")
        columns = (
            Column("external_id", Kind.TEXT),
            Column("version_no", Kind.INTEGER),
            Column("version", Kind.TEXT),
            Column("captured_at", Kind.TIME),
            Column("superseded_at", Kind.TIME),
            Column("payload", Kind.JSON),
        )
        order = "length(r.external_id), r.external_id, r.version_no"
        given = {**_keys(connection, stream), "as_of": as_of}
        return Rows(f"{stream.name}_versions", columns, SQL["captured_versions"], order, given)

    return ask


def _rows(conn: Transaction, relation: str, statement: str, order: str, as_of: datetime | None) -> Rows:
    columns = [Column(row.name, _KINDS[row.type]) for row in execute(conn, SQL["columns"], relation=relation)]
    names = [one.name for one in columns]
    return Rows(
        relation.partition(".")[2],
        columns,
        filled(SQL[statement], relation, names),
        order or ", ".join(f"r.{one}" for one in names),
        {} if as_of is None else {"as_of": as_of},
    )


def _known(conn: Transaction, as_of: datetime) -> None:
    kept = execute(conn, SQL["core_since"], as_of=as_of).one()
    if kept.to_come:
        raise NotFound(f"{as_of:%Y-%m-%d %H:%M:%S %Z} is still to come.")
    if kept.since is not None and as_of < kept.since:
        raise NotFound(
            f"Core as of {as_of:%Y-%m-%d %H:%M:%S %Z} is no longer known: what promotions replaced is kept since "
            f"{kept.since:%Y-%m-%d %H:%M:%S %Z} (SYNC_KEEP_UNDO_DAYS). Ask for a later time."
        )


def _keys(connection: Connection, stream: Stream) -> dict[str, Any]:
    return {
        "connection_id": connection.connection_id,
        "entity_type": stream.entity_type,
        "provider": connection.provider,
    }
