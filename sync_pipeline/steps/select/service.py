"""Include or ignore records: one, many, or all that match. A decision is bound to the captured version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, column, func, literal, not_
from sqlalchemy import Connection as Transaction
from sqlalchemy import select as sql_select
from sqlalchemy import table as sql_table
from sqlalchemy.dialects.postgresql import insert as upsert

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.preview.table import matching

SQL = load(__package__)
_KEY = ("org_id", "connection_id", "entity_type", "external_id")
_RECORD_COLUMNS = (*_KEY, "content_hash")
_DECISION_COLUMNS = ("decision", "draft", "decided_by", "why", "batch_id")
_COLUMNS = (*_RECORD_COLUMNS, "seen_deleted", *_DECISION_COLUMNS)
_CONFIG = sql_table("sync_selective_config", *map(column, (*_COLUMNS, "decided_at")), schema="selection")


@dataclass(frozen=True, slots=True)
class Selected:
    """One selection: its number and how many records it decided."""

    batch_id: int
    records: int


@dataclass(frozen=True, slots=True)
class SelectionReport:
    """How many differences of an entity are decided."""

    connection: str
    entity: str
    included: int
    ignored: int
    undecided: int


def select(  # noqa: PLR0913 - one keyword for each part of the sentence “include what is new of …”
    db: Database,
    connection: Connection,
    stream: Stream,
    *,
    ids: Sequence[str] | None = None,
    status: str | None = None,
    search: str | None = None,
    everything: bool = False,
    excluding: Sequence[str] = (),
    include: bool,
    actor: str,
    why: str | None = None,
    draft: bool = False,
) -> Selected:
    """Decide on records: those named by `ids`, or all differences (of a status, matching a search, or `everything`).
    The sensor does not promote a draft; a plan commits it.

    Raises:
        ConfigurationError: no records are named, or an id is not captured.
    """
    if ids is None and not (status or search or everything):
        raise ConfigurationError("Say which records to select: --ids, --status, --search or --all.")
    criteria: dict[str, Any] = {"status": status, "search": search, "all": everything}
    criteria |= {"ids": list(ids or ())[:1000], "except": list(excluding)[:1000]}
    act = {"decision": "include" if include else "ignore", "draft": draft}
    tables, where = matching(connection, stream, ids=ids, status=status, search=search)
    record, difference = tables.left.left, tables.left.right
    with db.org(connection.org_id) as conn:
        if ids is not None:
            found = set(conn.execute(sql_select(record.c.external_id).select_from(tables).where(where)).scalars())
            _refuse_unknown(connection, stream, [one for one in ids if one not in found])
        elif status != "in_sync":
            where = and_(where, difference.c.status.is_not(None))
        if excluding:
            where = and_(where, not_(record.c.external_id == func.any(literal(list(excluding)))))
        batch_id = int(
            execute(
                conn,
                SQL["open_batch"],
                **keys(connection, stream),
                **act,
                criteria=json.dumps({name: value for name, value in criteria.items() if value}),
                actor=actor,
                why=why,
            ).scalar_one()
        )
        records = _decide(conn, tables, where, **act, decided_by=actor, why=why, batch_id=batch_id)
        execute(conn, SQL["close_batch"], batch_id=batch_id, records=records)
        journal.record(
            conn,
            "selection.made",
            actor=actor,
            connection_id=connection.connection_id,
            entity_type=stream.entity_type,
            records=records,
            batch=batch_id,
            **act,
        )
    return Selected(batch_id, records)


def _refuse_unknown(connection: Connection, stream: Stream, unknown: Sequence[str]) -> None:
    if unknown:
        raise ConfigurationError(
            f"{connection.name} has no captured {stream.entity_type} {', '.join(unknown[:20])}. Nothing was selected."
        )


def _decide(conn: Transaction, tables: Any, where: ColumnElement[bool], **decision: Any) -> int:
    """Write one decision on all records that match, bound to their captured version; returns how many."""
    record = tables.left.left
    chosen = sql_select(
        *(record.c[name] for name in _RECORD_COLUMNS),
        record.c.deletion_state == "deleted",
        *(literal(decision[name]) for name in _DECISION_COLUMNS),
    )
    write = upsert(_CONFIG).from_select(list(_COLUMNS), chosen.select_from(tables).where(where))
    write = write.on_conflict_do_update(
        index_elements=_KEY,
        set_={**{name: write.excluded[name] for name in _COLUMNS if name not in _KEY}, "decided_at": func.now()},
    )
    return int(conn.execute(write, execution_options={"preserve_rowcount": True}).rowcount)


def summary(db: Database, connection: Connection, stream: Stream) -> SelectionReport:
    """How many differences are included, ignored, undecided."""
    with db.org(connection.org_id) as conn:
        row = execute(conn, SQL["count_decisions"], **keys(connection, stream)).one()
    return SelectionReport(connection.name, stream.name, row.included, row.ignored, row.undecided)
