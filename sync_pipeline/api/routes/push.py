"""For store plugins: batches of records, into the connection that the token belongs to."""

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from sync_pipeline.api.auth import Caller, CallerFirst, Right, may
from sync_pipeline.api.contracts.base import Answer
from sync_pipeline.api.contracts.push import PushCounts, PushedCategory, PushedCustomer, PushedOrder, PushedProduct
from sync_pipeline.api.errors import problems
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import Forbidden
from sync_pipeline.steps import connect
from sync_pipeline.steps import push as step

_log = structlog.get_logger("sync_pipeline.api")
router = APIRouter(prefix="/api/sync", tags=["push"], route_class=CallerFirst)
Plugin = Annotated[Caller, Depends(may(Right.PUSH))]
_RESPONSES = problems(404, 413, 415)


def _body(name: str, record: type[BaseModel]) -> dict[str, Any]:
    """The body as OpenAPI has it. It is read as it came: one wrong record must not refuse the others."""
    schema = {
        "type": "object",
        "required": [name],
        "properties": {
            name: {
                "type": "array",
                "maxItems": step.MAX_RECORDS,
                "items": record.model_json_schema(),
                "description": "Invalid records are skipped and counted.",
            }
        },
    }
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post("/products", responses=_RESPONSES, openapi_extra=_body("products", PushedProduct))
async def push_products(request: Request, runtime: RuntimeDep, caller: Plugin) -> Answer[PushCounts]:
    """Push products: laid over what is known of them, in one transaction."""
    return await _push(request, runtime, caller, "products")


@router.post("/customers", responses=_RESPONSES, openapi_extra=_body("customers", PushedCustomer))
async def push_customers(request: Request, runtime: RuntimeDep, caller: Plugin) -> Answer[PushCounts]:
    """Push customers. Addresses are stored as hashes, unless the connection's `pii_policy` is keep."""
    return await _push(request, runtime, caller, "customers")


@router.post("/categories", responses=_RESPONSES, openapi_extra=_body("categories", PushedCategory))
async def push_categories(request: Request, runtime: RuntimeDep, caller: Plugin) -> Answer[PushCounts]:
    """Push categories, in any order: a parent may come after its children."""
    return await _push(request, runtime, caller, "categories")


@router.post("/orders", responses=_RESPONSES, openapi_extra=_body("orders", PushedOrder))
async def push_orders(request: Request, runtime: RuntimeDep, caller: Plugin) -> Answer[PushCounts]:
    """Push orders, with the fields of the store's REST API."""
    return await _push(request, runtime, caller, "orders")


async def _push(request: Request, runtime: ApiRuntime, caller: Caller, kind: str) -> Answer[PushCounts]:
    body = await request.body()
    try:
        done = await runtime.batch(_store, runtime, caller, kind, body)
    except step.PushFailed as error:
        _log.error("push_failed", kind=kind, cause=type(error.__cause__).__name__)
        raise
    return Answer(
        data=PushCounts.model_validate(
            {"syncedCount": done.synced, "skippedCount": done.skipped, "syncLogId": done.log_id}
        )
    )


def _store(runtime: ApiRuntime, caller: Caller, kind: str, body: bytes) -> step.PushReport:
    found = next(
        (one for one in connect.connections(runtime.db, caller.org) if one.connection_id == caller.connection_id), None
    )
    if found is None:
        raise Forbidden(
            "A push goes into the connection of its token, and this token has none. Make one with "
            f"`sync-pipeline token add {caller.org.slug} --role plugin --connection C`."
        )
    return step.push(runtime.db, found, kind, body, actor=caller.actor)
