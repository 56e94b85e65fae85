"""Pushes: batches of records from a store's plugin. The providers declare what can be pushed."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request

from sync_pipeline.api.auth import Caller, CallerFirst, Right, may
from sync_pipeline.api.contracts.base import Answer
from sync_pipeline.api.contracts.push import PushCounts
from sync_pipeline.api.errors import problems
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import Forbidden
from sync_pipeline.sources.base import Pushed, all_sources
from sync_pipeline.steps import connect
from sync_pipeline.steps import push as step

_log = structlog.get_logger("sync_pipeline.api")
router = APIRouter(prefix="/api/sync", tags=["push"], route_class=CallerFirst)
Plugin = Annotated[Caller, Depends(may(Right.PUSH))]
_RESPONSES = problems(404, 413, 415)


def _add_route(kind: str, taken: Mapping[str, Pushed]) -> None:
    """Add `POST /api/sync/{kind}`. `taken`: the providers, by title, that accept this kind."""

    async def push(request: Request, runtime: RuntimeDep, caller: Plugin) -> Answer[PushCounts]:
        return await _push(request, runtime, caller, kind)

    # The body is not validated here, because one invalid record must not refuse the others. OpenAPI shows its schema.
    records = [one.record.model_json_schema() for one in taken.values()]
    items = records[0] if len(records) == 1 else {"anyOf": records}
    described = {"type": "array", "maxItems": step.MAX_RECORDS, "items": items,
                 "description": "Invalid records are skipped and counted."}  # fmt: skip
    schema = {"type": "object", "required": [kind], "properties": {kind: described}, "additionalProperties": False}
    router.add_api_route(
        f"/{kind}",
        push,
        methods=["POST"],
        name=f"push_{kind}",
        description=f"Push {kind} in one transaction; known records are updated with the given fields. "
        + " ".join(f"{title}: {one.record.__doc__}" for title, one in taken.items()),
        responses=_RESPONSES,
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}},
    )


async def _push(request: Request, runtime: ApiRuntime, caller: Caller, kind: str) -> Answer[PushCounts]:
    body = await request.body()
    try:
        done = await runtime.batch(_store, runtime, caller, kind, body)
    except step.PushFailed as error:
        _log.error("push_failed", kind=kind, cause=type(error.__cause__).__name__)
        raise
    became = Counter(done.outcomes)
    return Answer(
        data=PushCounts(
            syncedCount=done.synced,
            skippedCount=done.skipped,
            syncLogId=done.log_id,
            newCount=became["new"],
            changedCount=became["changed"],
            unchangedCount=became["unchanged"],
            olderCount=became["older"],
            deletedCount=became["deleted"],
            supersededCount=became["superseded"],
            quarantinedCount=became["quarantined"],
            outcomes=done.outcomes,
        )
    )


def _store(runtime: ApiRuntime, caller: Caller, kind: str, body: bytes) -> step.PushReport:
    found = next(
        (one for one in connect.connections(runtime.db, caller.org) if one.connection_id == caller.connection_id), None
    )
    if found is None:
        raise Forbidden(
            "A push goes into the connection of its token, and this token has none. Ask an admin for a token of the "
            "role plugin, which belongs to a connection."
        )
    return step.push(runtime.db, found, kind, body, actor=caller.actor)


for _kind in dict.fromkeys(kind for one in all_sources().values() for kind in one.pushed):
    _add_route(_kind, {one.title: one.pushed[_kind] for one in all_sources().values() if _kind in one.pushed})
