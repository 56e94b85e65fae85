"""Include or ignore records: one, many, or all that match. A decision is bound to the version that was seen."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Unpack
from uuid import UUID

from sqlalchemy import Connection as Transaction

from sync_pipeline import journal
from sync_pipeline.db import statistics
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.connect.party import Actor, Party, party
from sync_pipeline.steps.preview import recompute
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.select.chosen import CHOOSE, NAMED, Which, choose, filtered

SQL = load(__package__)
NO_PLAN = UUID(int=0)  # of a batch: it left nothing to plan; of a withdrawal: a person took it back, no plan


@dataclass(frozen=True, slots=True)
class Selected:
    """One selection: its number, how many records it decided, and (up to 1,000 each) those that it left out.

    It has no number where decisions were taken back.

    `moved`: {external_id, seen, now}, the versions that were seen and that are captured now. `replaced_by_others`:
    {external_id, who, when, decision}, what somebody else decided since; for an agent also what a plan of theirs holds.
    """

    batch_id: int | None
    records: int
    moved: Sequence[dict[str, Any]] = ()
    replaced_by_others: Sequence[dict[str, Any]] = ()
    moved_count: int = 0
    replaced_by_others_count: int = 0
    rules_replaced: Sequence[RuleReplaced] = ()


@dataclass(frozen=True, slots=True)
class RuleReplaced:
    """How many of the records that were decided a standing rule had decided otherwise, in the same version."""

    rule_id: int
    decision: str
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
    include: bool,
    actor: Actor,
    why: str | None = None,
    draft: bool = False,
    **which: Unpack[Which],
) -> Selected:
    """Include or ignore records in the version that was seen; without `seen` and `as_of`, in the captured one.

    The sensor does not promote a draft, which is what every selection is where promote_on_select is off, and in an
    organization of four eyes: a plan that somebody approves does. What an agent selects is a draft, and replaces
    nothing that a person, a rule or another agent decided, nor what a plan of theirs holds.

    Raises:
        ConfigurationError: no records are named, an id is not captured, `seen` has other ids than `ids`, or `as_of` is
            later than now.
        Conflict: the list does not have `expected` records any more; nothing was decided.
    """
    by = party(actor)
    if filtered(which):
        recompute(db, connection, stream)  # a pull that was killed leaves a comparison of a part
    here = {"connection_id": connection.connection_id, "entity_type": stream.entity_type}
    decision: dict[str, Any] = {"decision": "include" if include else "ignore", "actor": by.name, "why": why}
    with db.org(connection.org_id) as conn:
        decision["draft"] = draft or by.is_agent or (include and waits_for_a_plan(conn, connection))
        moved, moved_count = choose(conn, connection, stream, which)
        held = _leave_held(conn, by, here)
        ruled = _rules_replaced(conn, by, here, decision["decision"])
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
            **by.columns,
            batch_id=batch_id,
            own_token=by.own_token,
            replace=which.get("replace", False),
            as_of=which.get("as_of"),
        ).rowcount
        kept = execute(
            conn, CHOOSE["kept"], **here, **by.columns, batch_id=batch_id, decision=decision["decision"], limit=NAMED
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
    return replace(_selected(batch_id, records, moved, moved_count, held, kept), rules_replaced=ruled)


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
        moved, moved_count = choose(conn, connection, stream, which)
        held = _leave_held(conn, by, here)
        ruled = () if own else _rules_replaced(conn, by, here, "undecided")
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
            conn, CHOOSE["kept"], **here, batch_id=None, decision="undecided", agent=by.is_agent, limit=NAMED
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
    return replace(_selected(None, records, moved, moved_count, held, kept), rules_replaced=ruled)


def _rules_replaced(conn: Transaction, by: Party, here: Mapping[str, Any], decision: str) -> Sequence[RuleReplaced]:
    """What rules decided of `chosen`, which a person's decision replaces and an agent's does not."""
    if by.is_agent:
        return ()
    rows = execute(conn, CHOOSE["ruled"], **here, decision=decision)
    return [RuleReplaced(int(row.rule.removeprefix("rule:")), row.decision, row.records) for row in rows]


def _leave_held(conn: Transaction, by: Party, here: Mapping[str, Any]) -> Sequence[Any]:
    """Take out of `chosen` what an agent leaves alone because a plan of another party holds it; returns the first."""
    if not by.is_agent:
        return ()
    return execute(conn, CHOOSE["leave_held"], **here, token_id=by.token_id, limit=NAMED).all()


def _selected(
    batch_id: int | None, records: int, moved: Sequence[dict[str, Any]], moved_count: int, *kept: Sequence[Any]
) -> Selected:
    """`kept`: what stays as others decided or planned it; each row says how many its statement found."""
    others = [
        {"external_id": k.external_id, "who": k.who, "when": k.when, "decision": k.decision}
        for k in itertools.chain(*kept)
    ]
    count = sum(rows[0].records for rows in kept if rows)
    return Selected(batch_id, records, moved, others[:NAMED], moved_count, count)


def _criteria(which: Which) -> dict[str, Any]:
    """How the records were named, for those who ask later."""
    criteria: dict[str, Any] = {name: which.get(name) for name in ("status", "selection", "search")}
    criteria |= {"warned": which.get("warned"), "all": which.get("everything")}
    criteria |= {"as_of": str(which["as_of"]) if which.get("as_of") else None}
    criteria |= {"ids": list(which.get("ids") or ())[:NAMED], "except": list(which.get("excluding", ()))[:NAMED]}
    return {name: value for name, value in criteria.items() if value}


def summary(db: Database, connection: Connection, stream: Stream) -> SelectionReport:
    """How many differences are included, ignored, undecided."""
    with db.org(connection.org_id) as conn:
        row = execute(conn, SQL["count_decisions"], **keys(connection, stream)).one()
    return SelectionReport(connection.name, stream.name, row.included, row.ignored, row.undecided)
