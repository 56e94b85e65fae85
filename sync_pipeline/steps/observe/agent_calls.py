"""The record of agents' calls: which token called which tool, through which program, and what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.exact_json import dumps
from sync_pipeline.steps.connect import Organization

_SQL = load(__package__, "agent_calls.sql")
_DIGEST = 16


@dataclass(frozen=True, slots=True)
class AgentCall:
    """One call. Of its arguments only a digest is written down: they may hold a store's text."""

    token_id: int
    tool: str
    arguments: Mapping[str, Any]
    ids: Sequence[str]
    transport: str
    client: str | None
    outcome: str
    bytes: int
    milliseconds: int


def record_agent_call(db: Database, org: Organization, call: AgentCall) -> None:
    """Write down a call."""
    digest = hashlib.sha256(dumps(call.arguments).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    columns = {name: getattr(call, name) for name in ("token_id", "tool", "transport", "outcome", "bytes")}
    with db.org(org.org_id, async_commit=True) as conn:
        execute(
            conn,
            _SQL["record_agent_call"],
            **columns,
            milliseconds=call.milliseconds,
            ids=list(call.ids),
            client=call.client,
            digest=digest,
        )
