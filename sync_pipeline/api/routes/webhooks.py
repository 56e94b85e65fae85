"""Webhooks: signed deliveries, stored at once and processed later, and the secret that signs them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from sync_pipeline.api.auth import Caller, CallerFirst, Right, may
from sync_pipeline.api.contracts.base import Answer, Name
from sync_pipeline.api.contracts.push import DeliveryTaken, GivenWebhookSecret, WebhookInfo
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.sources.base import all_sources
from sync_pipeline.steps import connect, push

router = APIRouter(prefix="/api/v1", tags=["webhooks"], route_class=CallerFirst)
Provider = Annotated[str, Path(min_length=1, max_length=63, examples=["woocommerce"])]
ConnectionNumber = Annotated[
    int,
    Path(ge=1, le=2**63 - 1, description="The connection's number, as in the `path` that setting its secret answers."),
]
# A token of one connection may for that one: `the_connection` finds it no other.
Connector = Annotated[Caller, Depends(may(Right.CONNECT))]


# The body is signed over its bytes, so it is not read before the signature is checked. OpenAPI says what it is.
_DELIVERY = {
    "parameters": [
        {"name": name, "in": "header", "description": f"{one.title}: {words}", "schema": {"type": "string"}}
        for one in all_sources().values()
        if one.webhooks is not None
        for name, words in one.webhooks.headers.items()
    ],
    "requestBody": {
        "required": True,
        "description": "The record as the store sends it, unchanged: the signature is over its bytes.",
        "content": {
            "application/json": {"schema": {"type": "object", "description": "The record; of a deletion, its id."}},
            "application/x-www-form-urlencoded": {
                "schema": {"type": "object", "description": "The ping of a new webhook."}
            },
        },
    },
}


@router.post("/webhooks/{provider}/{connection}", responses=problems(404, 413), openapi_extra=_DELIVERY)
async def deliver(
    request: Request, runtime: RuntimeDep, provider: Provider, connection: ConnectionNumber
) -> Answer[DeliveryTaken]:
    """Receive a store's webhook. Its signature authenticates it; it needs no token."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = await request.body()
    taken = await runtime.run(push.receive, runtime.db, runtime.settings, provider, connection, headers, body)
    return Answer(data=DeliveryTaken.model_validate({"taken": taken}))


@router.post("/connections/{connection}/webhook", responses=problems(404, 413, 415))
async def set_webhook_secret(
    runtime: RuntimeDep, caller: Connector, connection: Name, given: GivenWebhookSecret
) -> Answer[WebhookInfo]:
    """Set the secret that signs a connection's webhooks; the answer says where the store must send them."""
    return Answer(data=await runtime.run(_set, runtime, caller, connection, given.secret.get_secret_value()))


def _set(runtime: ApiRuntime, caller: Caller, name: str, value: str) -> WebhookInfo:
    found = the_connection(runtime.db, caller, name)
    connect.set_webhook_secret(runtime.db, runtime.settings, found, value, actor=caller.actor)
    return WebhookInfo(connection=found.name, path=found.webhook_path, secret_set=bool(value.strip()))
