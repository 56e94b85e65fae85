"""Ask a store: refresh what is captured, or let the doctor look."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from sync_pipeline.mcp.answers import ToolAnswer
from sync_pipeline.mcp.text import SHORT, store_text
from sync_pipeline.mcp.tool import Arguments, Call, OfConnection, tool
from sync_pipeline.steps import connect, observe
from sync_pipeline.steps.connect import limits


class RefreshConnection(Arguments):
    """What to pull."""

    connection: OfConnection
    entities: Annotated[list[str], Field(default_factory=list, max_length=30, description="All, if none is named.")]
    everything: Annotated[bool, Field(False, description="Read all records again, not what changed.")]


class DiagnoseConnection(Arguments):
    """A connection."""

    connection: OfConnection


@tool("ask")
def refresh_connection(call: Call, given: RefreshConnection) -> ToolAnswer:
    """Ask for a pull from the store and a comparison with core. It is done as soon as the scheduler runs: follow it
    with get_work. Asked again while it waits, it is the same request."""
    one = call.connection(given.connection)
    entities = sorted({one.source.stream(name).name for name in given.entities})
    wanted: dict[str, Any] = {"connection": one.name}
    wanted |= ({"entities": entities} if entities else {}) | ({"full": True} if given.everything else {})
    for known in observe.asked(call.db, one):
        same = {name: value for name, value in known.parameters.items() if name in ("connection", "entities", "full")}
        if known.kind == "pull" and known.state == "waiting" and same == wanted:
            return ToolAnswer({"id": f"request:{known.request_id}", "state": known.state}, ids=[known.request_id])
    _consume(call, one)
    made = observe.create_request(call.db, call.caller.org, "pull", actor=call.caller.actor, **wanted)
    return ToolAnswer({"id": f"request:{made.request_id}", "state": made.state}, ids=[made.request_id])


@tool("ask", store=True)
def diagnose_connection(call: Call, given: DiagnoseConnection) -> ToolAnswer:
    """Let the doctor look at the store now: address, credentials, rights, versions, clock. What it found stands in
    `store_text`."""
    one = call.connection(given.connection)
    _consume(call, one)
    found = connect.diagnose(call.db, call.settings, one)
    findings = [
        {"level": finding.level, "code": finding.code}
        | store_text(SHORT * 2, message=finding.message, remedy=finding.remedy)
        for finding in found
    ]
    healthy = not any(finding.level == "error" for finding in found)
    return ToolAnswer({"connection": one.name, "healthy": healthy, "findings": findings})


def _consume(call: Call, one: connect.Connection) -> None:
    """Count a call that causes work for a store.

    Raises:
        RateLimited: the connection's limit is reached.
    """
    rate = call.settings.sync_calls_per_minute
    limits.consume(call.db, call.caller.org.org_id, f"connection:{one.connection_id}", per_minute=rate)
