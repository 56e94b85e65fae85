"""For machines that watch: is it alive, is it ready, how is it."""

import hmac
from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from sync_pipeline.api.errors import problems
from sync_pipeline.api.metrics import STREAMS, exposition
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.errors import DatabaseUnavailable, Unauthenticated
from sync_pipeline.steps.observe.figures import Figures, figures
from sync_pipeline.steps.observe.heartbeat import daemon_seen

router = APIRouter(tags=["health"])
_DAEMON_SECONDS = 120.0
_LOOPBACK = ("127.0.0.1", "::1")


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """What the process needs. Without the database it is not ready; without Dagster what is asked for waits."""

    status: Literal["ok", "degraded", "unavailable"]
    database: Literal["ok", "unavailable"]
    dagster: Literal["ok", "silent", "unknown"] = Field(
        description="silent: no sensor has ticked lately; unknown: none ever has."
    )
    connections: dict[str, int] = Field(description="How many are healthy, failing, unknown.")
    waiting: dict[str, int] = Field(
        description="What Dagster has still to do: requests, and entities with webhook deliveries."
    )


@router.get("/healthz")
async def alive() -> Alive:
    """The process answers. Needs no token, no database, no Dagster."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready, "description": "The database does not answer."}})
async def ready(runtime: RuntimeDep, response: Response) -> Ready:
    """Whether calls can be served: the database, Dagster, the connections. Needs no token."""

    def look() -> Ready:
        found: dict[str, int] = {"healthy": 0, "failing": 0, "unknown": 0}
        now = figures(runtime.db)
        for one in now.connections:
            found[one.health] += 1
        seen = daemon_seen(runtime.db)
        dagster: Literal["ok", "silent", "unknown"] = "unknown"
        if seen is not None:
            dagster = "ok" if (datetime.now(UTC) - seen).total_seconds() < _DAEMON_SECONDS else "silent"
        waiting = {"requests": sum(queue.requests for queue in now.queues), "deliveries": now.deliveries}
        away = dagster == "silent" or (dagster == "unknown" and any(waiting.values()))
        return Ready(
            status="degraded" if away or found["failing"] else "ok",
            database="ok",
            dagster=dagster,
            connections=found,
            waiting=waiting,
        )

    try:
        return await runtime.run(look)
    except DatabaseUnavailable:
        response.status_code = 503
        return Ready(status="unavailable", database="unavailable", dagster="unknown", connections={}, waiting={})


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        401: problems()[401],
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus's text format."},
    },
)
async def metrics(request: Request, runtime: RuntimeDep) -> Response:
    """Prometheus: durations of calls; records pulled, created, updated, mapped; errors, throttles, slow calls; queue
    depth; lag per connection. Counts of the pipeline come from the database, so any process tells all. It concerns
    every organization: it needs `SYNC_METRICS_TOKEN`, or a direct caller on loopback where none is set.
    """
    _may_watch(request, runtime)
    STREAMS.set(request.app.state.hub.following)
    found: Figures | None
    try:
        found = await runtime.run(figures, runtime.db)
    except DatabaseUnavailable:
        found = None
    return Response(exposition(found), media_type=CONTENT_TYPE_LATEST)


def _may_watch(request: Request, runtime: RuntimeDep) -> None:
    wanted = runtime.settings.metrics_token
    if wanted is not None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
        if hmac.compare_digest(given, wanted.get_secret_value().encode()):
            return
        raise Unauthenticated("/metrics needs its own token: SYNC_METRICS_TOKEN.")
    # Behind a proxy everybody comes from loopback; proxies say for whom they ask.
    forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip"))
    if forwarded or request.client is None or request.client.host not in _LOOPBACK:
        raise Unauthenticated("Set SYNC_METRICS_TOKEN and send it: /metrics concerns every organization.")
