"""What happened and what waits: the overview, changes, activity, decisions, work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from sync_pipeline.api.lists import visible_connections
from sync_pipeline.errors import ConfigurationError, NotFound
from sync_pipeline.mcp import said
from sync_pipeline.mcp.answers import ToolAnswer, page
from sync_pipeline.mcp.text import SHORT, quoted, record_id, store_text
from sync_pipeline.mcp.tool import Arguments, Call, Limit, Next, Number, OfConnection, tool
from sync_pipeline.sources.base import source
from sync_pipeline.steps import approve, observe, promote
from sync_pipeline.steps.observe.heartbeat import is_alive


class NoArguments(Arguments):
    """Nothing to say."""


class ListChanges(Arguments):
    """A span of time."""

    since: Annotated[AwareDatetime, Field(description="With its zone: 2026-01-31T02:00:00Z.")]
    connection: OfConnection
    entity: Annotated[str | None, Field(None, max_length=60)]
    limit: Limit
    next: Next


class ListActivity(Arguments):
    """A page of the audit log."""

    connection: OfConnection
    limit: Limit
    next: Next


class ListDecisions(Arguments):
    """Gates."""

    decision: Annotated[int | None, Field(None, ge=1, le=2**63 - 1, description="This one, with its options' effects.")]
    answered: bool = False
    limit: Limit
    next: Number


class GetWork(Arguments):
    """A piece of work."""

    id: Annotated[str, Field(max_length=60, description="request:17 or queue:UUID, as an answer named it.")]
    wait: Annotated[float, Field(0, ge=0, le=25, description="Seconds to wait for its end.")]


@tool("look", everywhere=True)
def get_overview(call: Call, given: NoArguments) -> ToolAnswer:  # noqa: ARG001 - it takes nothing
    """Begin here: what needs attention (failing connections, decisions, plans that wait, failures, quarantine,
    undecided records), and each connection with its entities that differ from core."""
    waits = observe.waiting(call.db, call.caller.org)
    named = {one.connection_id: one for one in visible_connections(call.db, call.caller)}
    undecided: dict[str, dict[str, int]] = {}
    for connection_id, entity_type, records in waits.undecided:
        if one := named.get(connection_id):
            undecided.setdefault(one.name, {})[one.source.stream(entity_type).name] = records
    failing = {one.name: one.health_detail for one in named.values() if one.health == "failing"}
    attention = {
        "failing_connections": list(failing),
        "decisions": [one.decision_id for one in waits.decisions],
        "plans_to_approve": [one.plan_id for one in waits.plans],
        "plans_to_apply": [one.plan_id for one in waits.approved],
        "plans_with_failures": {one.plan_id: one.failed for one in waits.failed},
        "undecided": undecided,
        "quarantined": {named[at].name: count for at, count in waits.quarantined.items() if at in named},
    }
    head = {
        "organization": call.caller.org.slug,
        "you_are": call.caller.role,
        "now": datetime.now(UTC),
        "scheduler_runs": is_alive(call.db),
        "needs_attention": {name: found for name, found in attention.items() if found},
        "at_work": [work.key for work in observe.progress(call.db, call.caller.org.org_id)][:20],
    }
    rows = [
        (one.name, _connection(one) | (_failing(failing[one.name]) if one.name in failing else {}))
        for one in observe.briefing(call.db, call.caller.org)
    ]
    return ToolAnswer(head, rows)


def _failing(detail: str | None) -> dict[str, Any]:
    return {"health": "failing", **store_text(SHORT * 2, detail=detail)}


def _connection(one: observe.ConnectionBriefing) -> dict[str, Any]:
    counted = ("new", "updated", "deleted", "included", "quarantined")
    entities = {
        entity.entity: {
            "captured": entity.captured,
            **{name: getattr(entity, name) for name in counted if getattr(entity, name)},
            **({} if entity.closed else {"ledger": "open"}),
        }
        for entity in one.entities
        if entity.captured or entity.quarantined
    }
    last = max((entity.last_run for entity in one.entities if entity.last_run), default=None)
    return {"connection": one.name, "provider": one.provider, "last_pull": last, "entities": entities}


@tool("look", everywhere=True)
def list_changes(call: Call, given: ListChanges) -> ToolAnswer:
    """What changed at the stores since a time: counts by entity, then each record (new, updated, deleted), oldest
    first. For the next look use `until` as `since`."""
    one = call.connection(given.connection) if given.connection or given.entity else None
    stream = one.source.stream(given.entity) if one and given.entity else None
    until, _, place = given.next.partition("|") if given.next else ("", "", "")
    try:
        upto = datetime.fromisoformat(until) if until else max(given.since, observe.settled(call.db))
    except ValueError:
        raise ConfigurationError("`next` is not one that an answer gave. Begin again without it.") from None
    here = (call.db, call.caller.org, given.since, upto)
    found, more = observe.changed_records(*here, only=(one, stream), after=place or None, size=given.limit)
    head: dict[str, Any] = {"since": given.since, "until": upto}
    if not given.next:
        head["counts"] = [
            {
                "connection": counts.connection,
                "entity": source(counts.provider).stream(counts.entity_type).name,
                **{kind: getattr(counts, kind) for kind in ("new", "updated", "deleted") if getattr(counts, kind)},
            }
            for counts in observe.changed_counts(*here, only=(one, stream))
        ]
    rows = [(f"{upto.isoformat()}|{change.place}", _change(call, change)) for change in found]
    return ToolAnswer(head, rows, more)


def _change(call: Call, change: observe.Changed) -> dict[str, Any]:
    stream = source(change.provider).stream(change.entity_type)
    return {
        "at": change.at,
        "connection": change.connection,
        "entity": stream.name,
        "id": record_id(change.external_id),
        "change": change.kind,
        "version_no": change.version_no,
        **store_text(**call.reads.record(stream, change.name, change.code, change.email)),
    }


@tool("look", everywhere=True)
def list_activity(call: Call, given: ListActivity) -> ToolAnswer:
    """The audit log, newest first: who did what, also agents."""
    one = call.connection(given.connection) if given.connection else None
    found, more = observe.browse_activity(call.db, call.caller.org, connection=one, before=given.next, size=given.limit)
    rows = [(f"{row['occurred_at'].isoformat()}~{row['activity_id']}", _activity(row)) for row in found]
    return ToolAnswer({}, rows, more)


def _activity(row: Mapping[str, Any]) -> dict[str, Any]:
    detail = dict(row["detail"] or {})
    people = {"by": row["actor"], "why": detail.pop("why", None)}
    told = {
        "at": row["occurred_at"],
        "event": row["event"],
        "connection": row["connection"],
        "entity": row["entity_type"],
    }
    return {name: value for name, value in told.items() if value} | quoted(**people) | store_text(detail=detail)


@tool("look", everywhere=True)
def list_decisions(call: Call, given: ListDecisions) -> ToolAnswer:
    """Decisions that stop work and wait for a person, or one of them with what each option does. {names} in a question
    stand for the values in its `store_text`. The safest option is `recommended`. People answer; propose_answer
    proposes."""
    if given.decision is not None:
        found = observe.decisions(call.db, call.caller.org, everything=True, decision_id=given.decision)
        if not found:
            raise NotFound(f"There is no decision {given.decision}.")
        told = said.question(found[0], whole=True)
        proposals = approve.proposed_answers(call.db, call.caller.org, decision_id=given.decision, only_open=True)
        told["proposed"] = [
            {"proposal": one.proposal_id, "choose": one.choice, **quoted(by=one.proposed_by, why=one.why)}
            for one in proposals[:10]
        ]
        return ToolAnswer({**told, "answer_at": call.address("decisions", str(given.decision))})
    rows, more = observe.browse_decisions(
        call.db,
        call.caller.org,
        answered=given.answered,
        before=int(given.next) if given.next else None,
        size=given.limit,
    )
    return page(
        {}, rows, lambda one: said.question(one, whole=False), lambda one: one.decision_id, more=more
    )  # fmt: skip


@tool("look", waits=True, everywhere=True)
def get_work(call: Call, given: GetWork) -> ToolAnswer:
    """How far a request or a queue is; `wait` for its end instead of asking again and again."""
    kind, _, number = given.id.partition(":")
    if kind == "request" and number.isdigit() and len(number) < 19:
        return _request(observe.request(call.db, call.caller.org, int(number)))
    if kind == "queue":
        return _queue(call, promote.status(call.db, call.caller.org.org_id, number))
    raise NotFound(f"There is no work “{given.id}”. It is named request:17 or queue:UUID.")


def _request(found: observe.Request) -> ToolAnswer:
    told = {
        "id": f"request:{found.request_id}",
        "kind": found.kind,
        "state": found.state,
        "requested_at": found.requested_at,
        "finished_at": found.finished_at,
        **store_text(longest=SHORT * 2, error=found.error),
    }
    return ToolAnswer(told, ended=found.state in ("done", "failed"))


def _queue(call: Call, found: promote.QueueStatus) -> ToolAnswer:
    counts = ("total", "done", "failed", "cancelled", "open", "percent", "eta_seconds")
    told: dict[str, Any] = {
        "id": f"queue:{found.queue_id}",
        "plan": found.plan_id,
        "state": found.state,
        **{name: getattr(found, name) for name in counts},
    }
    if found.failed:
        failed = promote.lines(call.db, call.caller.org.org_id, found.queue_id, state="failed", limit=10)
        told["first_failed"] = [
            {
                "connection": line.connection,
                "entity": line.entity_type,
                "id": record_id(line.external_id),
                **store_text(reason=line.reason),
            }
            for line in failed
        ]
    return ToolAnswer(_without_none(told), ended=not found.open)


def _without_none(told: Mapping[str, Any]) -> dict[str, Any]:
    """What has a value."""
    return {name: value for name, value in told.items() if value is not None}
