"""Sync logs: what became of each pull, push and run of webhook deliveries; why records of a push were skipped."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from sync_pipeline.api.auth import Caller, CallerFirst, Right, may
from sync_pipeline.api.contracts.base import Answer, Listing, Number, Page, PageSize
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import the_connection, visible_connections
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.steps import observe
from sync_pipeline.steps.observe import LogKind, LogStatus, SyncLog, SyncLogDetail

router = APIRouter(route_class=CallerFirst)
Plugin = Annotated[Caller, Depends(may(Right.PUSH))]
Reader = Annotated[Caller, Depends(may(Right.READ))]


@router.get("/api/sync/logs/{log_id}", tags=["push"], responses=problems(404))
async def push_log(runtime: RuntimeDep, caller: Plugin, log_id: Number) -> Answer[SyncLogDetail]:
    """Show what became of a batch, and why each record was skipped. A plugin sees the logs of its connection."""
    return Answer(data=await runtime.run(_one, runtime, caller, log_id))


@router.get("/api/v1/logs", tags=["push"], responses=problems(404))
async def list_sync_logs(
    runtime: RuntimeDep,
    caller: Reader,
    connection: Annotated[str | None, Query(max_length=63, description="Of this connection; else of all.")] = None,
    kind: LogKind | None = None,
    status: LogStatus | None = None,
    page: Page = 1,
    page_size: PageSize = 50,
) -> Listing[SyncLog]:
    """List the sync logs, newest first: one for each pull of an entity, push, and run of webhook deliveries."""

    def look() -> Listing[SyncLog]:
        named = [the_connection(runtime.db, caller, connection)] if connection is not None else None
        of = named or visible_connections(runtime.db, caller)
        found, count = observe.sync_logs(
            runtime.db, caller.org, of, kind=kind, status=status, page=page, page_size=page_size
        )
        return Listing(data=found, rowCount=count, page=page, pageSize=page_size)

    return await runtime.run(look)


@router.get("/api/v1/logs/{log_id}", tags=["push"], responses=problems(404))
async def show_sync_log(runtime: RuntimeDep, caller: Reader, log_id: Number) -> Answer[SyncLogDetail]:
    """Show one sync log, with the records that it skipped."""
    return Answer(data=await runtime.run(_one, runtime, caller, log_id))


def _one(runtime: ApiRuntime, caller: Caller, log_id: int) -> SyncLogDetail:
    return observe.sync_log(runtime.db, caller.org, visible_connections(runtime.db, caller), log_id)
