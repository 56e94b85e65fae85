"""Which records a decision is about: found, held until it is committed, without those that moved meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import Connection as Transaction
from sqlalchemy import and_, case, column, delete, func, insert, literal
from sqlalchemy import select as sql_select
from sqlalchemy import table as sql_table

from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, Conflict
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.preview.matching import matching

CHOOSE = load(__package__, "choose.sql")
NAMED = 1000  # of the records that are left out so many are named
_SHOWN = 20  # in an error
_CHOSEN = sql_table(
    "chosen", *map(column, ("external_id", "content_hash", "seen_deleted", "captured_at", "deletion_at", "followed"))
)


class Which(TypedDict, total=False):
    """Which records to decide, and what the one who decides has seen.

    `ids`, or all differences that match: of a `status`, a `selection` (include, ignore, undecided), a `search`, those
    `warned` of, or `everything`; `excluding` some. `seen` is the version of each record as it was shown, `as_of` when
    the list was made, `expected` how many it had (with those to exclude). `replace`: also what others decided since.
    """

    ids: Sequence[str] | None
    status: str | None
    selection: str | None
    search: str | None
    warned: bool
    everything: bool
    excluding: Sequence[str]
    seen: Mapping[str, str] | None
    as_of: datetime | None
    expected: int | None
    replace: bool


def choose(
    conn: Transaction, connection: Connection, stream: Stream, which: Which
) -> tuple[Sequence[dict[str, Any]], int]:
    """Hold the entity and write the records to decide into the table `chosen`; returns what moved since it was seen."""
    if which.get("seen") is not None and not filtered(which) and which.get("ids") is None:
        which["ids"] = list(which["seen"] or ())
    if which.get("ids") is None and not filtered(which):
        raise ConfigurationError("Say which records: their ids, or all of a status, a choice or a search, or all.")
    _check_binding(conn, which)
    execute(conn, CHOOSE["hold_entity"], connection_id=connection.connection_id, entity_type=stream.entity_type)
    _find(conn, connection, stream, which)
    return _leave_out_moved(conn, keys(connection, stream), which)


def _check_binding(conn: Transaction, which: Which) -> None:
    """Refuse what binds a decision to nothing: the caller believes that it is bound."""
    as_of, ids, seen = which.get("as_of"), which.get("ids"), which.get("seen")
    if as_of is not None and execute(conn, CHOOSE["is_later"], as_of=as_of).scalar_one():
        raise ConfigurationError(
            f"as_of is {as_of.isoformat()}, which is later than now. Give the as_of of the list that was read. "
            "Nothing was decided."
        )
    if seen is None or ids is None or filtered(which):
        return  # with a filter, what it finds and nobody saw is left out
    named, excluded = set(ids), set(which.get("excluding", ()))
    others = [one for one in seen if one not in named]
    unseen = [one for one in ids if one not in seen and one not in excluded]
    if others:
        raise ConfigurationError(
            f"seen has the versions of records that are not among the ids: {_named(others)}. Nothing was decided."
        )
    if unseen and as_of is None:
        raise ConfigurationError(
            f"seen has no version of {_named(unseen)}. Give the version of each of the ids, as the list showed it. "
            "Nothing was decided."
        )


def _named(ids: Sequence[str]) -> str:
    more = len(ids) - _SHOWN
    return ", ".join(ids[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def filtered(which: Which) -> bool:
    """Are they all that match, not records that are named?"""
    return any(which.get(name) for name in ("status", "selection", "search", "warned", "everything"))


def _find(conn: Transaction, connection: Connection, stream: Stream, which: Which) -> None:
    """Write the records to decide into the table `chosen`."""
    ids = which.get("ids")
    record, where = matching(
        connection,
        stream,
        ids=ids,
        status=which.get("status"),
        search=which.get("search"),
        decision=which.get("selection"),
        warned=which.get("warned", False),
    )
    if ids is None and which.get("status") != "in_sync":
        where = and_(where, record.c.status.is_not(None))
    chosen = sql_select(
        record.c.external_id,
        record.c.content_hash,
        record.c.deletion_state == "deleted",
        case(
            (record.c.followed.is_not(None), func.greatest(record.c.captured_at, record.c.computed_at)),
            else_=record.c.captured_at,
        ),
        record.c.deletion_at,
        record.c.followed,
    )
    execute(conn, CHOOSE["chosen"])
    columns = [one.name for one in _CHOSEN.columns]
    found = conn.execute(
        insert(_CHOSEN).from_select(columns, chosen.where(where)),
        execution_options={"preserve_rowcount": True},
    ).rowcount
    if ids is not None and not filtered(which):
        there = set(conn.execute(sql_select(_CHOSEN.c.external_id)).scalars())
        unknown = [one for one in ids if one not in there]
        if unknown:
            raise ConfigurationError(
                f"{connection.name} has no captured {stream.entity_type} {_named(unknown)}. Nothing was selected."
            )
    expected = which.get("expected")
    if expected is not None and expected != found:
        raise Conflict(
            f"The list has {found:,} records now, and {expected:,} were expected. Nothing was decided. Read it again."
        )
    if excluding := which.get("excluding"):
        conn.execute(delete(_CHOSEN).where(_CHOSEN.c.external_id == func.any(literal(list(excluding)))))


def _leave_out_moved(conn: Transaction, here: Mapping[str, Any], which: Which) -> tuple[Sequence[dict[str, Any]], int]:
    """Take out of `chosen` what is not as it was seen; returns the first of these, and how many there are."""
    rows: list[Any] = []
    seen = which.get("seen")
    if seen is not None:
        everything = which.get("ids") is None and which.get("as_of") is None
        versions = {"ids": list(seen), "versions": list(seen.values())}
        rows += execute(conn, CHOOSE["drop_moved"], **versions, all=everything, limit=NAMED)
    counts = rows[0].records if rows else 0
    if which.get("as_of") is not None:
        changed = execute(
            conn, CHOOSE["drop_changed"], **here, as_of=which["as_of"], seen=list(seen or ()), limit=NAMED
        ).all()
        counts += changed[0].records if changed else 0
        rows += changed
    return [{"external_id": one.external_id, "seen": one.seen, "now": one.now} for one in rows], counts
