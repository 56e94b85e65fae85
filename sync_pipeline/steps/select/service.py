"""Include or ignore records: one, many, or all that match; bound to the version that was seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, column, func, literal, not_
from sqlalchemy import select as sql_select
from sqlalchemy import table as sql_table
from sqlalchemy.dialects.postgresql import insert as upsert

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.compare import keys
from sync_pipeline.steps.preview.table import matching

SQL = load(__package__)
_COLUMNS = (
    "org_id",
    "connection_id",
    "entity_type",
    "external_id",
    "decision",
    "content_hash",
    "seen_deleted",
    "draft",
    "decided_by",
    "why",
    "batch_id",
)
_CONFIG = sql_table("sync_selective_config", *map(column, (*_COLUMNS, "decided_at")), schema="selection")


@dataclass(frozen=True, slots=True)
class Selected:
    """One act of selecting: its number and how many records it decided."""

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


def select(
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

    A draft is not promoted by the sensor; a plan commits it.

    Raises:
        ConfigurationError: nothing says which records, or an id is not captured.
    """
    if ids is None and not (status or search or everything):
        raise ConfigurationError("Say which records: by --ids, --status, --search or --all.")
    tables, where = matching(connection, stream, ids=ids, status=status, search=search)
    record, difference = tables.left.left, tables.left.right
    conditions: list[Any] = [where]
    if ids is None and status != "in_sync":
        conditions.append(difference.c.status.is_not(None))
    if excluding:
        conditions.append(not_(record.c.external_id == func.any(literal(list(excluding)))))
    decision = "include" if include else "ignore"
    criteria = {
        "ids": list(ids)[:1000] if ids is not None else None,
        "status": status,
        "search": search,
        "all": everything,
        "except": list(excluding)[:1000],
    }
    here = keys(connection, stream)
    with db.org(connection.org_id) as conn:
        if ids is not None:
            found = set(conn.execute(sql_select(record.c.external_id).select_from(tables).where(where)).scalars())
            unknown = [i for i in ids if i not in found]
            if unknown:
                named = ", ".join(unknown[:20])
                raise ConfigurationError(
                    f"{connection.name} has no captured {stream.entity_type} {named}. Nothing was selected."
                )
        batch_id = int(
            execute(
                conn,
                SQL["open_batch"],
                **here,
                decision=decision,
                criteria=json.dumps({k: v for k, v in criteria.items() if v}),
                draft=draft,
                actor=actor,
                why=why,
            ).scalar_one()
        )
        chosen = (
            sql_select(
                record.c.org_id,
                record.c.connection_id,
                record.c.entity_type,
                record.c.external_id,
                literal(decision),
                record.c.content_hash,
                record.c.deletion_state == "deleted",
                literal(draft),
                literal(actor),
                literal(why),
                literal(batch_id),
            )
            .select_from(tables)
            .where(and_(*conditions))
        )
        write = upsert(_CONFIG).from_select(list(_COLUMNS), chosen)
        write = write.on_conflict_do_update(
            index_elements=["org_id", "connection_id", "entity_type", "external_id"],
            set_={
                **{name: write.excluded[name] for name in _COLUMNS[4:]},
                "decided_at": func.now(),
            },
        )
        records = conn.execute(write, execution_options={"preserve_rowcount": True}).rowcount
        execute(conn, SQL["close_batch"], batch_id=batch_id, records=records)
        journal.record(
            conn,
            "selection.made",
            actor=actor,
            connection_id=connection.connection_id,
            entity_type=stream.entity_type,
            decision=decision,
            records=records,
            batch=batch_id,
            draft=draft,
        )
    return Selected(batch_id, records)


def summary(db: Database, connection: Connection, stream: Stream) -> SelectionReport:
    """How many differences are included, ignored, undecided."""
    with db.org(connection.org_id) as conn:
        row = execute(conn, SQL["summary"], **keys(connection, stream)).one()
    return SelectionReport(connection.name, stream.name, row.included, row.ignored, row.undecided)
