"""Include or ignore records: one, many, or all that match. A decision is bound to the version that was seen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import Connection as Transaction
from sqlalchemy import and_, case, column, delete, func, insert, literal
from sqlalchemy import select as sql_select
from sqlalchemy import table as sql_table

from sync_pipeline import journal
from sync_pipeline.db import statistics
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, Conflict
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.connect.party import Actor, party
from sync_pipeline.steps.preview import recompute
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.preview.matching import matching

SQL = load(__package__)
CHOOSE = load(__package__, "choose.sql")
NO_PLAN = UUID(int=0)  # of a batch: it left nothing to plan; of a withdrawal: a person took it back, no plan
_NAMED = 1000  # of the records that are left out so many are named
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


@dataclass(frozen=True, slots=True)
class Selected:
    """One selection: its number, how many records it decided, and (up to 1,000 each) those that it left out.

    It has no number where decisions were taken back.

    `moved`: {external_id, seen, now}, the versions that were seen and that are captured now. `replaced_by_others`:
    {external_id, who, when, decision}, what somebody else decided since.
    """

    batch_id: int | None
    records: int
    moved: Sequence[dict[str, Any]] = ()
    replaced_by_others: Sequence[dict[str, Any]] = ()
    moved_count: int = 0
    replaced_by_others_count: int = 0


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
    include: bool,
    actor: Actor,
    why: str | None = None,
    draft: bool = False,
    **which: Unpack[Which],
) -> Selected:
    """Include or ignore records in the version that was seen; without `seen` and `as_of`, in the captured one.

    The sensor does not promote a draft, which is what every selection is where promote_on_select is off, and in an
    organization of four eyes: a plan that somebody approves does. What an agent selects is a draft, and replaces
    nothing that a person or a rule decided.

    Raises:
        ConfigurationError: no records are named, an id is not captured, `seen` has other ids than `ids`, or `as_of` is
            later than now.
        Conflict: the list does not have `expected` records any more; nothing was decided.
    """
    by = party(actor)
    if _filtered(which):
        recompute(db, connection, stream)  # a pull that was killed leaves a comparison of a part
    here = {"connection_id": connection.connection_id, "entity_type": stream.entity_type}
    decision: dict[str, Any] = {"decision": "include" if include else "ignore", "actor": by.name, "why": why}
    with db.org(connection.org_id) as conn:
        decision["draft"] = draft or by.is_agent or (include and waits_for_a_plan(conn, connection))
        moved, moved_count = _chosen(conn, connection, stream, which)
        batch_id = int(
            execute(
                conn, SQL["open_batch"], **here, **decision, **by.columns, criteria=json.dumps(_criteria(which))
            ).scalar_one()
        )
        records = execute(
            conn,
            CHOOSE["decide"],
            **here,
            **decision,
            batch_id=batch_id,
            agent=by.is_agent,
            own_token=by.own_token,
            replace=which.get("replace", False),
            as_of=which.get("as_of"),
        ).rowcount
        kept = execute(
            conn,
            CHOOSE["kept"],
            **here,
            batch_id=batch_id,
            decision=decision["decision"],
            agent=by.is_agent,
            limit=_NAMED,
        ).all()
        execute(conn, SQL["close_batch"], batch_id=batch_id, records=records)
        statistics.filled(conn, "selection.sync_selective_config", records)
        journal.record(
            conn,
            "selection.made",
            actor=by.name,
            **by.trace,
            connection_id=connection.connection_id,
            entity_type=stream.entity_type,
            records=records,
            batch=batch_id,
            decision=decision["decision"],
            draft=decision["draft"],
            moved=moved_count,
        )
    return _selected(batch_id, records, moved, moved_count, kept)


def waits_for_a_plan(conn: Transaction, connection: Connection) -> bool:
    """Is what is included here promoted by nothing but a plan that somebody approves?"""
    return not connection.common().promote_on_select or bool(execute(conn, SQL["four_eyes"]).scalar_one())


def promotes_by_itself(db: Database, connection: Connection) -> bool:
    """Does the sensor promote what a person includes here, without a plan that somebody approves?"""
    with db.org(connection.org_id) as conn:
        return not waits_for_a_plan(conn, connection)


def undecide(
    db: Database,
    connection: Connection,
    stream: Stream,
    *,
    actor: Actor,
    why: str | None = None,
    own: bool = False,
    **which: Unpack[Which],
) -> Selected:
    """Take the decision about records back: they are undecided. No rule decides the same version again, and a plan that
    holds one of them is stale. `own`: only drafts that an agent proposed with this token.

    Raises:
        ConfigurationError: no records are named, an id is not captured, `seen` has other ids than `ids`, or `as_of` is
            later than now.
        Conflict: the list does not have `expected` records any more; nothing was changed.
    """
    here, by = {"connection_id": connection.connection_id, "entity_type": stream.entity_type}, party(actor)
    with db.org(connection.org_id) as conn:
        moved, moved_count = _chosen(conn, connection, stream, which)
        records = execute(
            conn,
            CHOOSE["undecide"],
            **here,
            actor=by.name,
            why=why,
            own=own,
            token_id=by.token_id,
            own_token=by.own_token,
            no_plan=NO_PLAN,
            replace=which.get("replace", False),
            as_of=which.get("as_of"),
        ).rowcount
        kept = execute(
            conn, CHOOSE["kept"], **here, batch_id=None, decision="undecided", agent=by.is_agent, limit=_NAMED
        ).all()
        journal.record(
            conn,
            "selection.undone",
            actor=by.name,
            **by.trace,
            connection_id=connection.connection_id,
            entity_type=stream.entity_type,
            records=records,
            why=why,
            moved=moved_count,
        )
    return _selected(None, records, moved, moved_count, kept)


def _chosen(
    conn: Transaction, connection: Connection, stream: Stream, which: Which
) -> tuple[Sequence[dict[str, Any]], int]:
    """Hold the entity and write the records to decide into the table `chosen`; returns what moved since it was seen."""
    if which.get("seen") is not None and not _filtered(which) and which.get("ids") is None:
        which["ids"] = list(which["seen"] or ())
    if which.get("ids") is None and not _filtered(which):
        raise ConfigurationError("Say which records: their ids, or all of a status, a choice or a search, or all.")
    _check_binding(conn, which)
    execute(conn, CHOOSE["hold_entity"], connection_id=connection.connection_id, entity_type=stream.entity_type)
    _choose(conn, connection, stream, which)
    return _leave_out_moved(conn, keys(connection, stream), which)


def _check_binding(conn: Transaction, which: Which) -> None:
    """Refuse what binds a decision to nothing: the caller believes that it is bound."""
    as_of, ids, seen = which.get("as_of"), which.get("ids"), which.get("seen")
    if as_of is not None and execute(conn, CHOOSE["is_later"], as_of=as_of).scalar_one():
        raise ConfigurationError(
            f"as_of is {as_of.isoformat()}, which is later than now. Give the as_of of the list that was read. "
            "Nothing was decided."
        )
    if seen is None or ids is None or _filtered(which):
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


def _selected(
    batch_id: int | None, records: int, moved: Sequence[dict[str, Any]], moved_count: int, kept: Sequence[Any]
) -> Selected:
    others = [{"external_id": k.external_id, "who": k.who, "when": k.when, "decision": k.decision} for k in kept]
    return Selected(batch_id, records, moved, others, moved_count, kept[0].records if kept else 0)


def _filtered(which: Which) -> bool:
    return any(which.get(name) for name in ("status", "selection", "search", "warned", "everything"))


def _criteria(which: Which) -> dict[str, Any]:
    """How the records were named, for those who ask later."""
    criteria: dict[str, Any] = {name: which.get(name) for name in ("status", "selection", "search")}
    criteria |= {"warned": which.get("warned"), "all": which.get("everything")}
    criteria |= {"as_of": str(which["as_of"]) if which.get("as_of") else None}
    criteria |= {"ids": list(which.get("ids") or ())[:_NAMED], "except": list(which.get("excluding", ()))[:_NAMED]}
    return {name: value for name, value in criteria.items() if value}


def _choose(conn: Transaction, connection: Connection, stream: Stream, which: Which) -> None:
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
    if ids is not None and not _filtered(which):
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
        rows += execute(conn, CHOOSE["drop_moved"], **versions, all=everything, limit=_NAMED)
    counts = rows[0].records if rows else 0
    if which.get("as_of") is not None:
        changed = execute(
            conn, CHOOSE["drop_changed"], **here, as_of=which["as_of"], seen=list(seen or ()), limit=_NAMED
        ).all()
        counts += changed[0].records if changed else 0
        rows += changed
    return [{"external_id": one.external_id, "seen": one.seen, "now": one.now} for one in rows], counts


def summary(db: Database, connection: Connection, stream: Stream) -> SelectionReport:
    """How many differences are included, ignored, undecided."""
    with db.org(connection.org_id) as conn:
        row = execute(conn, SQL["count_decisions"], **keys(connection, stream)).one()
    return SelectionReport(connection.name, stream.name, row.included, row.ignored, row.undecided)
