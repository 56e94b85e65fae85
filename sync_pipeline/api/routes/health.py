"""Monitoring: liveness, readiness, metrics."""

import hmac
from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from sync_pipeline.api.errors import RETRY_SECONDS, problems
from sync_pipeline.api.metrics import STREAMS, exposition
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.errors import DatabaseUnavailable, Unauthenticated
from sync_pipeline.steps.observe.figures import Figures, figures
from sync_pipeline.steps.observe.heartbeat import SILENT_SECONDS, last_heartbeat

router = APIRouter(tags=["health"])
_LOOPBACK = ("127.0.0.1", "::1")


class Alive(BaseModel):
    """The process is running."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """The state of what the process needs. It is not ready without the database; without Dagster, requests wait."""

    status: Literal["ok", "degraded", "unavailable"]
    database: Literal["ok", "unavailable"]
    dagster: Literal["ok", "silent", "unknown"] = Field(
        description="silent: no sensor has run lately; unknown: none ever has."
    )
    connections: dict[str, int] = Field(description="How many connections are healthy, failing, unknown.")
    waiting: dict[str, int] = Field(
        description="What waits for Dagster: requests, and entities with webhook deliveries. `GET /api/v1/status` "
        "counts those, too, that wait because their store did not answer."
    )


@router.get("/healthz")
async def alive() -> Alive:
    """Check that the process is running. Needs no token, database or Dagster."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready, "description": "The database does not answer."}})
async def ready(runtime: RuntimeDep, response: Response) -> Ready:
    """Check that calls can be served: the database, Dagster, the connections. Needs no token."""

    def look() -> Ready:
        found: dict[str, int] = {"healthy": 0, "failing": 0, "unknown": 0}
        now = figures(runtime.db)
        for one in now.connections:
            found[one.health] += 1
        seen = last_heartbeat(runtime.db)
        dagster: Literal["ok", "silent", "unknown"] = "unknown"
        if seen is not None:
            dagster = "ok" if (datetime.now(UTC) - seen).total_seconds() < SILENT_SECONDS else "silent"
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
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        return Ready(status="unavailable", database="unavailable", dagster="unknown", connections={}, waiting={})


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        401: problems()[401],
        200: {
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "description": "Metrics in Prometheus's text format.",
        },
    },
)
async def metrics(request: Request, runtime: RuntimeDep) -> Response:
    """Prometheus metrics: durations of calls; records pulled, created, updated, mapped; errors, throttles, slow calls;
    queue depth; lag of each connection. Pipeline counts come from the database, so every process returns the same.
    They cover every organization, so send `SYNC_METRICS_TOKEN`; without it, only direct calls on loopback succeed.
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
        raise Unauthenticated("/metrics needs the token in SYNC_METRICS_TOKEN.")
    # Behind a proxy every caller is on loopback. A proxy adds these headers.
    forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip"))
    if forwarded or request.client is None or request.client.host not in _LOOPBACK:
        raise Unauthenticated("/metrics covers every organization. Set SYNC_METRICS_TOKEN and send it as the token.")
