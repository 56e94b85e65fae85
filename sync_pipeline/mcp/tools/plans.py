"""Plans: which there are, and what one does, deletions first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from sync_pipeline.db.identify import whole_id
from sync_pipeline.mcp import said
from sync_pipeline.mcp.answers import ToolAnswer
from sync_pipeline.mcp.text import own_words, quoted, record_id, store_text
from sync_pipeline.mcp.tool import Arguments, Call, Limit, Next, Number, PlanId, tool
from sync_pipeline.steps import approve, promote, select

_PROPOSERS = 10
_SHARERS = 5  # named of the records that share a core row


class ListPlans(Arguments):
    """Which plans."""

    state: Annotated[Literal["proposed", "approved", "applied", "refused", "undone"] | None, Field(None)]
    limit: Limit
    next: Next


class GetPlan(Arguments):
    """A plan and a page of its items."""

    plan: PlanId
    action: Annotated[Literal["create", "update", "delete"] | None, Field(None)]
    limit: Limit
    next: Number


@tool("look", everywhere=True)
def list_plans(call: Call, given: ListPlans) -> ToolAnswer:
    """Plans, newest first, with state and counts."""
    after = whole_id(given.next, "plan") if given.next else None
    found, more = select.browse_plans(call.db, call.caller.org, state=given.state, after=after, size=given.limit)
    own = select.own_plans(call.db, call.caller.org, [row.plan.plan_id for row in found], actor=call.party)
    rows = [
        (
            str(row.plan.plan_id),
            {**_summary(row.plan, mine=row.plan.plan_id in own), **({"failed": row.failed} if row.failed else {})},
        )
        for row in found
    ]
    return ToolAnswer({"plans": select.plan_states(call.db, call.caller.org)}, rows, more)


def summary(call: Call, found: select.Plan) -> dict[str, Any]:
    """A plan in a few words."""
    return _summary(found, mine=is_own(call, found))


def is_own(call: Call, found: select.Plan) -> bool:
    """Did the caller's token propose this plan?"""
    return bool(select.own_plans(call.db, call.caller.org, [found.plan_id], actor=call.party))


def _summary(found: select.Plan, *, mine: bool) -> dict[str, Any]:
    told = {
        "plan": found.plan_id,
        "state": found.state,
        "creates": found.creates,
        "updates": found.updates,
        "deletes": found.deletes,
        "origin": found.origin,
        "agents": found.agent or None,
        "made_at": found.created_at,
        "approved_until": found.approved_until,
        "work": f"queue:{found.queue}" if found.queue else None,
        "mine": mine or None,
    }
    kept = {name: value for name, value in told.items() if value is not None}
    by_sensor = found.origin == "selection"  # approved by those who included it: `proposers`
    made_by, approved_by = ("the sensor", None) if by_sensor else (found.created_by, found.approved_by)
    return kept | quoted(made_by=made_by, approved_by=approved_by, why=found.why)


@tool("look", everywhere=True)
def get_plan(call: Call, given: GetPlan) -> ToolAnswer:
    """What a plan does to each record, deletions first: fields before and after, warnings; who included or proposed
    them; whether it is stale; and `approve_at`, the page where a person reads and approves it. `hash` is what
    apply_plan takes."""
    found = select.plan(call.db, call.caller.org, given.plan)
    kinds = select.plan_kinds(call.db, call.caller.org, found.plan_id)
    lines = select.browse_items(
        call.db,
        call.caller.org,
        found.plan_id,
        kinds,
        effects=promote.effects,
        action=given.action,
        after=int(given.next or 0),
        size=given.limit,
    )
    rows = [(str(line.number), _line(call, line)) for line in lines.lines]
    head: dict[str, Any] = {**summary(call, found), "hash": found.hash}
    if not given.next:
        head["entities"] = [
            {"connection": kind.connection, "entity": kind.stream.name, "items": kind.items} for kind in kinds
        ]
        head["proposers"] = [
            {"records": one.records, **({"agent": True} if one.agent else {})}
            | quoted(who=one.name, client=one.client, reasons=one.reasons)
            for one in select.proposers(call.db, call.caller.org, found.plan_id)[:_PROPOSERS]
        ]
        if found.state in ("proposed", "approved"):
            moved = promote.stale(call.db, call.caller.org.org_id, found.plan_id)
            head["stale"] = [
                {"connection": one["connection"], "entity": one["entity"], "id": record_id(one["external_id"])}
                | store_text(moved=one["moved"])
                for one in moved.records[:10]
            ]
            head["stale_records"] = moved.count
            head["held_back"] = [
                {"decision": one.decision, "records": one.records}
                for one in select.held_back(call.db, call.caller.org, found)
            ]
            head["missing_parts"] = [
                {
                    "connection": one.connection,
                    "entity": one.entity,
                    "of": one.of,
                    "records": one.records,
                    "parts": one.parts,
                }
                for one in select.missing_parts(call.db, call.caller.org, found)
            ]
            head |= verdict(call, found)
    return ToolAnswer(head, rows, more=bool(rows) and lines.lines[-1].number < lines.total)


def verdict(call: Call, found: select.Plan) -> dict[str, Any]:
    """What stands between a plan and core, and where a person approves it."""
    told = {"approve_at": call.address("plans", str(found.plan_id))}
    if found.state == "proposed":
        judged = approve.verdict(call.db, call.caller.org, found.plan_id)
        told["policies_say"] = own_words(judged.words)
    return told


def _line(call: Call, line: select.PlanLine) -> dict[str, Any]:
    item, stream = line.item, line.stream
    told: dict[str, Any] = {
        "action": item.action,
        "connection": item.connection,
        "entity": item.entity,
        "id": record_id(item.external_id),
    }
    if item.sharing is not None:
        others = [
            {"connection": one["connection"], "entity": one["entity"], "id": record_id(one["external_id"])}
            for one in item.sharing.others[:_SHARERS]
        ]
        told["shared_row"] = {"row": item.sharing.row, "others": others, "tried": item.sharing.tried}
    if item.warnings:
        told["warnings"] = said.warnings(item.warnings)
    changes = call.reads.changes(stream, {str(one["field"]): one for one in item.changes})
    core = {str(one["field"]): one for one in call.reads.item(stream, item).core}
    shown = {**call.reads.record(stream, item.name, item.code), "changes": _short(changes), "core": _short(core)}
    return told | store_text(**shown, brings=call.reads.brought(stream, line.fields or {}), problem=line.problem)


def _short(changes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Where paths say what differs, the whole values would say it again, cut to the same beginning."""
    return {
        field: {
            key: value
            for key, value in sides.items()
            if key != "field" and ("paths" not in sides or key not in ("before", "after"))
        }
        for field, sides in changes.items()
    }
