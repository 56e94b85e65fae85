"""Why a record is in core or not: facts in the order of the flow, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import NotFound
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview import RecordDetail, record
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.trace.in_core import RecordInCore, in_core

_SQL = load(__package__, "explain.sql")
# What each fact means, and what to do. The values of a fact never stand in these sentences.
SENTENCES: Mapping[str, tuple[str, str | None]] = {
    "not_captured": ("The store's record is not captured.", "Refresh the connection; the id may also be wrong."),
    "quarantined": (
        "Its newest content could not be captured and is in quarantine.",
        "Repair the record in the store and refresh.",
    ),
    "deleted": ("The store deleted it.", None),
    "deleted_in_core": ("The store deleted it, and its deletion is in core.", None),
    "in_core": ("It is in core as it is captured.", None),
    "outdated": ("Core has an earlier version of it.", None),
    "not_in_core": ("It is not in core.", None),
    "shared_row": (
        "Its core row is that of other records, too: for each field the first that has a value counts, in this order.",
        None,
    ),
    "unmappable": ("It cannot be mapped to core.", "Correct the field in the store and refresh."),
    "no_place": ("Records of this kind have no core table of their own.", None),
    "warned": ("The comparison warns of it.", "Read its warnings before it is included."),
    "undecided": ("Nobody has decided about it as it is now.", "Propose to include it, or ask a person to."),
    "ignored": ("It was ignored.", "Only who decides may include it instead."),
    "proposed": ("It is included as a draft: a proposal.", "Propose a plan that holds it; a person approves it."),
    "included": ("It is included.", "A plan is made of it by itself, or by a person where the connection says so."),
    "taken_back": ("It was included, and that was taken back.", "Ask who took it back before proposing it again."),
    "plan_waits": ("A plan holds it and waits for approval.", "A person approves the plan."),
    "plan_approved": ("An approved plan holds it.", "Apply the plan, or wait for its queue."),
    "plan_at_work": ("Its plan is at work.", "Look again when the queue is done."),
    "line_failed": ("Its promotion failed.", "Correct the reason, then retry the queue or plan it again."),
    "gate": ("A decision stops it.", "A person answers the decision."),
    "disabled": ("Its connection is not used any more.", "An admin enables the connection."),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: its code (see `SENTENCES`) and its values, which may be text of a store."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a record is in core or not. `state`: in_core, outdated, not_in_core, not_captured."""

    state: str
    facts: Sequence[Fact]


def explain(db: Database, connection: Connection, stream: Stream, external_id: str) -> Explanation:
    """What is known about a record, whether or not it is captured."""
    here = {**keys(connection, stream), "external_id": external_id}
    with db.org(connection.org_id) as conn:
        aside = execute(conn, _SQL["set_aside_record"], **here).one_or_none()
        standing = execute(conn, _SQL["standing_of_record"], **here).one_or_none()
        gates = execute(conn, _SQL["record_gates"], **here).all()
    set_aside = [Fact("quarantined", {"reason": aside.reason, "attempts": aside.seen})] if aside else []
    stopped = [Fact("gate", {"decision": row.decision_id, "cause": row.cause}) for row in gates]
    try:
        found = record(db, connection, stream, external_id)
    except NotFound:
        return Explanation("not_captured", [*set_aside, *stopped, Fact("not_captured")])
    core = in_core(db, connection, stream, external_id)
    as_captured = found.status == "in_sync" and not core.not_compared
    state = "not_in_core" if found.mapping is None else "in_core" if as_captured else "outdated"
    if found.deleted and found.deleted["in_core"] and state == "in_core":
        return Explanation(state, [Fact("deleted_in_core"), *set_aside, *stopped])
    facts = [Fact(state), *set_aside, *stopped, *_of_record(found, core)]
    if not as_captured:
        facts += _of_decision(standing, found)
    return Explanation(state, facts)


def _of_record(found: RecordDetail, core: RecordInCore) -> Iterator[Fact]:
    if found.deleted:
        yield Fact("deleted")
    elif len(core.order) > 1:
        yield Fact("shared_row", {"records": [f"{one['connection']} {one['external_id']}" for one in core.order[:10]]})
    if core.problem:
        yield Fact("unmappable", {"problem": core.problem})
    elif core.table is None:
        yield Fact("no_place")
    if found.warnings:
        yield Fact("warned", {"codes": [one.get("code") for one in found.warnings]})


def _of_decision(standing: Any, found: RecordDetail) -> Iterator[Fact]:
    """What was decided about a record that is not in core as it is captured, and what came of it."""
    if standing is None:
        if found.withdrawn:
            yield Fact("taken_back", {name: found.withdrawn[name] for name in ("cause", "by", "why")})
        yield Fact("undecided")
        return
    who = {"by": standing.decided_by, "at": standing.decided_at, "why": standing.why}
    if standing.decision == "ignore":
        yield Fact("ignored", who)
        return
    yield Fact("proposed" if standing.draft else "included", who)
    plan = {"plan": standing.plan_id, "by": standing.planned_by}
    if standing.line_state == "failed":
        yield Fact("line_failed", {**plan, "queue": standing.queue_id, "reason": standing.reason})
    elif standing.line_state in ("draft", "processing"):
        yield Fact("plan_at_work", {**plan, "queue": standing.queue_id})
    elif standing.plan_state == "proposed":
        yield Fact("plan_waits", plan)
    elif standing.plan_state == "approved":
        yield Fact("plan_approved", plan)
