"""Captured records: lists of them, one in full, and why one is in core or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from sync_pipeline import exact_json
from sync_pipeline.api.masking import MOST_FOUND, is_named
from sync_pipeline.errors import NotFound
from sync_pipeline.mcp import said
from sync_pipeline.mcp.answers import ToolAnswer
from sync_pipeline.mcp.text import LONG, quoted, record_id, store_text
from sync_pipeline.mcp.tool import Arguments, Call, Entity, Limit, Next, OfConnection, RecordId, tool
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps import preview, trace
from sync_pipeline.steps.connect import Connection

Part = Literal["changes", "core", "versions", "events", "raw"]
_VERSIONS = 30
_LONGEST_PAYLOAD = 2_000_000  # reading and masking a longer one would hold up others


class ListRecords(Arguments):
    """Which records."""

    entity: Entity
    connection: OfConnection
    status: Annotated[
        Literal["new", "updated", "deleted", "in_sync"] | None, Field(None, description="Compared with core.")
    ]
    choice: Annotated[Literal["include", "ignore", "undecided"] | None, Field(None)]
    warned: Annotated[bool, Field(False, description="Only those that the comparison warns of.")]
    search: Annotated[
        str | None,
        Field(None, min_length=1, max_length=200, description="An id, SKU, order number, e-mail, or words of a name."),
    ]
    limit: Limit
    next: Next


class ExplainRecord(Arguments):
    """A record."""

    entity: Entity
    id: RecordId
    connection: OfConnection


class GetRecord(ExplainRecord):
    """A part of a record."""

    part: Annotated[Part, Field("changes", description="What differs from core; core row; versions; events; payload.")]
    path: Annotated[
        str | None,
        Field(None, max_length=200, description="Of raw, changes or core: only this, billing.city or line_items.0."),
    ]


@tool("look")
def list_records(call: Call, given: ListRecords) -> ToolAnswer:
    """Captured records of an entity with status, choice and `version`. To decide about what you saw, give
    propose_selection the versions as `seen`, or the same filter with `as_of` and `matching` as `expected`."""
    one, stream = call.place(given.connection, given.entity)
    view = preview.RecordView(
        status=given.status, choice=given.choice, warned=given.warned, search=given.search, after=given.next
    )
    head: dict[str, Any] = {"connection": one.name, "entity": stream.name}
    if given.search and call.reads.masks(stream):
        found = preview.browse(call.db, one, stream, replace(view, after=None), size=MOST_FOUND)
        named = [row for row in found.rows if is_named(given.search, row.external_id, row.code, row.email)]
        exact = named[: given.limit]
        head |= {"matching": len(exact), "search": "Personal data is masked: what is named exactly is found."}
        return ToolAnswer({**head, "as_of": found.as_of}, [(row.external_id, _row(call, stream, row)) for row in exact])
    found = preview.browse(call.db, one, stream, view, size=given.limit)
    rows = [(row.external_id, _row(call, stream, row)) for row in found.rows]
    head |= {"matching": found.total, "can_be_decided": found.differ, "as_of": found.as_of}
    if found.capped:
        head["capped"] = "The search stops at 1,000 matches. Make it narrower."
    return ToolAnswer(head, rows, more=found.after is not None)


def _row(call: Call, stream: Stream, row: preview.RecordRow) -> dict[str, Any]:
    told = {
        "id": record_id(row.external_id),
        "version": row.version,
        "status": row.status,
        "choice": row.decision,
        "draft": row.draft or None,
        "warnings": row.warned or None,
        "modified_at": row.modified_at,
    }
    said_by_store = {
        **call.reads.record(stream, row.name, row.code, row.email),
        "changed_fields": list(row.changed_fields or ())[:20],
    }
    return {name: value for name, value in told.items() if value is not None} | store_text(**said_by_store)


@tool("look")
def get_record(call: Call, given: GetRecord) -> ToolAnswer:
    """One record: `part` is what to show of it, `path` narrows it. Numbers keep all their digits."""
    one, stream = call.place(given.connection, given.entity)
    found = preview.record(call.db, one, stream, given.id)
    head: dict[str, Any] = {
        "connection": one.name,
        "entity": stream.name,
        "id": record_id(found.external_id),
        "version": found.version,
        "status": found.status,
        "core": {"table": found.mapping["table"], "id": found.mapping["id"]} if found.mapping else None,
        "look_at": call.record_address(one, stream, found.external_id),
    }
    if found.deleted:
        head["deleted"] = {"at": found.deleted["at"], "in_core": found.deleted["in_core"]}
    if found.decision:
        head["choice"] = found.decision["decision"]
        if found.decision["draft"]:
            head["draft"] = True
        head["decided"] = quoted(by=found.decision["by"], why=found.decision["why"])
    return ToolAnswer({**head, **_PARTS[given.part](_Asked(call, one, stream, found, given.path))})


@dataclass(frozen=True, slots=True)
class _Asked:
    """A part of a record that is asked for."""

    call: Call
    one: Connection
    stream: Stream
    found: preview.RecordDetail
    path: str | None


def _changes(of: _Asked) -> dict[str, Any]:
    changes = of.call.reads.changes(of.stream, of.found.changes)
    return {**store_text(LONG, changes=_at(changes, of.path)), "warnings": said.warnings(of.found.warnings)}


def _core(of: _Asked) -> dict[str, Any]:
    core = trace.in_core(of.call.db, of.one, of.stream, of.found.external_id)
    now = of.call.reads.core(of.stream, core.table, {field.name: field.now for field in core.fields})
    after = of.call.reads.core(of.stream, core.table, {field.name: field.after for field in core.fields})
    fields = {
        name: {"now": now[name], "after": after[name]} if now[name] != after[name] else {"now": now[name]}
        for name in now
        if now[name] not in (None, "", [], {}) or after[name] not in (None, "", [], {})
    }
    others = [
        {"connection": other["connection"], "entity": other["entity_type"], "id": record_id(other["external_id"])}
        for other in core.others[:20]
    ]
    return {
        "table": core.table,
        "same_row_as": others,
        **store_text(LONG, fields=_at(fields, of.path), problem=core.problem),
    }


def _versions(of: _Asked) -> dict[str, Any]:
    listed = [
        {"version_no": version["version_no"], "captured_at": version["captured_at"], "run": version["run_id"]}
        for version in of.found.versions[:_VERSIONS]
    ]
    told: dict[str, Any] = {"versions": listed, "number_of_versions": len(of.found.versions)}
    if len(of.found.versions) > 1:
        later, earlier = of.found.versions[0]["version_no"], of.found.versions[1]["version_no"]
        changes = preview.version_changes(of.call.db, of.one, of.stream, of.found.external_id, earlier, later)
        shown = of.call.reads.changes(of.stream, changes)
        told |= {"between": [earlier, later], **store_text(LONG, changes=_at(shown, of.path))}
    return told


def _events(of: _Asked) -> dict[str, Any]:
    events = trace.record_events(of.call.db, of.one, of.stream, of.found.external_id)
    return {
        "events": [
            {"at": event.at, "event": event.event, **({"plan": event.plan} if event.plan else {})}
            | quoted(by=event.actor)
            | store_text(detail=event.detail)
            for event in events[:50]
        ]
    }


def _raw(of: _Asked) -> dict[str, Any]:
    text = preview.version_text(of.call.db, of.one, of.stream, of.found.external_id)
    if len(text) > _LONGEST_PAYLOAD:
        return {"too_long": f"The payload has {len(text):,} characters. A person can open it at look_at."}
    payload = exact_json.loads(text)
    return store_text(LONG, payload=_at(of.call.reads.payload(of.stream, payload), of.path))


_PARTS: Mapping[Part, Callable[[_Asked], dict[str, Any]]] = {
    "changes": _changes, "core": _core, "versions": _versions, "events": _events, "raw": _raw,
}  # fmt: skip


def _at(value: Any, path: str | None) -> Any:
    """The part of a value that a path names.

    Raises:
        NotFound: there is nothing.
    """
    for step in path.split(".") if path else ():
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and len(step) < 9 and int(step) < len(value):
            value = value[int(step)]
        else:
            raise NotFound("The record has nothing at this path. Leave it out to see what there is.")
    return value


@tool("look")
def explain_record(call: Call, given: ExplainRecord) -> ToolAnswer:
    """Why a record is or is not in core: facts in order, each with what to do next. Works for ids that were never
    captured too."""
    one, stream = call.place(given.connection, given.entity)
    found = trace.explain(call.db, one, stream, given.id)
    return ToolAnswer(
        {
            "connection": one.name,
            "entity": stream.name,
            "id": record_id(given.id),
            "state": found.state,
            "facts": [said.fact(fact) for fact in found.facts],
            "look_at": call.record_address(one, stream, given.id),
        }
    )
