"""Full syncs, queues and their actions, and promotions of several entities in the order of their dependencies."""

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from sync_pipeline.api.auth import Caller, CallerFirst, Right, may, sync_call
from sync_pipeline.api.contracts.base import Answer, Listing, Page, PageSize
from sync_pipeline.api.contracts.sync import (
    FullSync,
    Materialization,
    Orchestration,
    QueueAction,
    QueueAnswer,
    QueueEvent,
    QueueLines,
)
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.routes.observe import Wait, requested
from sync_pipeline.api.routes.preview import Key
from sync_pipeline.api.routes.table import ConnectionName, Entity, Provider
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.api.sse import OVER, Hub
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps import connect, promote, select
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.promote import LineState, Pick, QueueState, QueueStatus

router = APIRouter(prefix="/api/v1/integrations", tags=["sync"], route_class=CallerFirst)
Fetcher = Annotated[Caller, Depends(may(Right.FETCH))]
Reader = Annotated[Caller, Depends(may(Right.READ, everywhere=True))]
# A token of one connection reads a queue that has that connection's records only.
QueueReader = Annotated[Caller, Depends(may(Right.READ))]
Promoter = Annotated[Caller, Depends(may(Right.PROMOTE, everywhere=True))]
QueueId = Annotated[UUID, Path(description="The queue's id.")]
StartKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=200, description="A repeated key returns the same queue."),
]
Start = QueueAction | Orchestration | Materialization


@router.post("/{provider}/sync/{entity}/full", status_code=202, responses=problems(404, 409))
async def full_sync(
    runtime: RuntimeDep,
    caller: Fetcher,
    provider: Provider,
    entity: Entity,
    connection: ConnectionName = None,
    wait: Wait = 0,
    idempotency_key: Key = None,
) -> Answer[FullSync]:
    """Read an entity of a store in full and compare it with core, in a Dagster run. Returns the request at once; to
    follow it, set `wait` or call `GET /api/v1/requests/{id}`.
    """
    one = await runtime.run(the_connection, runtime.db, caller, connection, provider=provider)
    stream = one.source.stream(entity)
    request = await requested(runtime, caller, "pull", one, stream, idempotency_key, wait, full=True)
    return Answer(data=FullSync(request=request, run_id=request.run_id))


@router.post("/{provider}/sync/{entity}", responses=problems(404, 409, 413, 415, 424))
async def queue_action(
    runtime: RuntimeDep,
    caller: Promoter,
    provider: Provider,
    entity: Entity,
    given: QueueAction,
    idempotency_key: StartKey = None,
) -> Answer[QueueAnswer]:
    """Control the queue of an entity. `start` tests the connection, creates the queue and returns at once; a Dagster
    run processes it. `retry` reopens the failed lines, `cancel` closes the open ones, `force-done` closes the queue as
    done.
    """
    one = await runtime.run(the_connection, runtime.db, caller, given.connection, provider=provider)
    stream = one.source.stream(entity)
    if given.action == "start":
        if given.plan_id is not None and given.ids is not None:
            raise ConfigurationError("Give plan_id or ids, not both.")
        await sync_call(runtime, caller, one.connection_id)
        await runtime.ask_store(caller.org.org_id, connect.ensure_tested, runtime.db, runtime.settings, one)
        once = _once(idempotency_key, f"{provider}/{entity}", given)
        return Answer(data=await _start(runtime, caller, [Pick(one, stream, given.ids)], given, once))
    if given.queue_id is None:
        raise ConfigurationError(f"{given.action} needs the queue_id that start returned.")
    here = (runtime.db, caller.org.org_id, str(given.queue_id))
    if given.action == "retry":
        return Answer(data=QueueAnswer.of(await runtime.run(promote.retry_request, *here, actor=caller.actor)))
    if given.action == "status":
        status = await runtime.run(promote.status, *here)
    else:
        act = promote.cancel if given.action == "cancel" else promote.force_done
        status = await runtime.slowly(act, *here, actor=caller.actor)
    return Answer(data=QueueAnswer(queue=status, plan_id=status.plan_id))


@router.post("/sync/orchestrate", responses=problems(404, 409, 413, 415, 424))
async def orchestrate(
    runtime: RuntimeDep, caller: Promoter, given: Orchestration, idempotency_key: StartKey = None
) -> Answer[QueueAnswer]:
    """Include these records of several entities and promote them: one plan and one queue, in the order of their
    dependencies (categories, customers, products, orders).
    """
    one = await runtime.run(the_connection, runtime.db, caller, given.connection)
    picks = [Pick(one, one.source.stream(part.entity), part.ids) for part in given.entities]
    if len({pick.stream.name for pick in picks}) < len(picks):
        raise ConfigurationError("Name each entity once.")
    await sync_call(runtime, caller, one.connection_id)
    await runtime.ask_store(caller.org.org_id, connect.ensure_tested, runtime.db, runtime.settings, one)
    return Answer(data=await _start(runtime, caller, picks, given, _once(idempotency_key, "orchestrate", given)))


@router.post("/sync/materialize", responses=problems(404, 409, 413, 415))
async def materialize(
    runtime: RuntimeDep, caller: Promoter, given: Materialization | None = None, idempotency_key: StartKey = None
) -> Answer[QueueAnswer]:
    """Promote the selected records of these entities, or of all, in one queue in the order of dependencies. What an
    open queue has already is left to it: if that is all, the answer is that queue.
    """
    wanted = given or Materialization()

    def picks() -> list[Pick]:
        stores = (
            [the_connection(runtime.db, caller, wanted.connection)]
            if wanted.connection is not None or wanted.entities
            else connect.connections(runtime.db, caller.org)
        )
        return [
            Pick(one, stream)
            for one in stores
            for stream in [one.source.stream(name) for name in wanted.entities] or one.source.streams.values()
        ]

    chosen = await runtime.run(picks)
    await sync_call(runtime, caller, None)
    return Answer(data=await _start(runtime, caller, chosen, wanted, _once(idempotency_key, "materialize", wanted)))


def _once(key: str | None, call: str, given: Start) -> promote.Once | None:
    """The caller's idempotency key with a hash of the call it came with."""
    said = f"{call} {given.model_dump_json(exclude_defaults=True)}"
    return promote.Once(key, sha256(said.encode()).hexdigest()) if key is not None else None


async def _start(
    runtime: ApiRuntime, caller: Caller, picks: list[Pick], given: Start, once: promote.Once | None
) -> QueueAnswer:
    by = Party.of(caller, "api")

    def begin() -> promote.Requested | None:
        plan_id = getattr(given, "plan_id", None)
        if plan_id is None:
            plan = promote.plan_of(runtime.db, caller.org, picks, actor=by, why=getattr(given, "why", None))
            if plan is None:
                return promote.queue_with(runtime.db, caller.org, picks, actor=by, once=once)
            plan_id = plan.plan_id
        return promote.create_request(
            runtime.db,
            caller.org.org_id,
            plan_id,
            actor=by,
            batch_size=given.batch_size,
            batch_delay_ms=given.batch_delay_ms,
            once=once,
        )

    asked = await runtime.slowly(promote.request_once, runtime.db, caller.org.org_id, once, begin)
    entities = [(pick.connection.connection_id, pick.stream.entity_type) for pick in picks if pick.ids is None]
    if asked is None:
        nothing = await runtime.run(select.nothing_to_plan, runtime.db, caller.org, actor=by, entities=entities or None)
        return QueueAnswer(queue=None, message=nothing)
    left_out = await runtime.run(select.left_out, runtime.db, caller.org, entities) if entities else []
    return QueueAnswer.of(asked, select.say_left_out(left_out))


@router.get("/sync/queues", responses=problems())
async def list_queues(
    runtime: RuntimeDep, caller: Reader, state: QueueState | None = None, page: Page = 1, page_size: PageSize = 50
) -> Listing[QueueStatus]:
    """List the queues with their progress, newest first."""
    found, count = await runtime.run(
        promote.queues, runtime.db, caller.org.org_id, state=state, page=page, page_size=page_size
    )
    return Listing(data=found, rowCount=count, page=page, pageSize=page_size)


@router.get("/sync/queue/{queue_id}", responses=problems(404))
async def queue(runtime: RuntimeDep, caller: QueueReader, queue_id: QueueId) -> Answer[QueueStatus]:
    """Show the progress of a queue. A token of one connection sees queues of that connection's records only."""
    return Answer(data=await _read(runtime, caller, queue_id))


@router.get("/sync/queue/{queue_id}/lines", responses=problems(404))
async def queue_lines(
    runtime: RuntimeDep,
    caller: QueueReader,
    queue_id: QueueId,
    state: LineState | None = None,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> QueueLines:
    """List the queue's records in order, with reasons and warnings."""
    await _read(runtime, caller, queue_id)
    found = await runtime.run(
        promote.lines, runtime.db, caller.org.org_id, queue_id, state=state, after=after, limit=limit
    )
    return QueueLines(data=found, next=found[-1].line_no if len(found) == limit else None)


async def _read(runtime: ApiRuntime, caller: Caller, queue_id: UUID) -> QueueStatus:
    """The queue, if it concerns nothing but what the caller's token does."""
    return await runtime.run(
        promote.status, runtime.db, caller.org.org_id, queue_id, connection_id=caller.connection_id
    )


async def _first_look(runtime: RuntimeDep, caller: QueueReader, queue_id: QueueId) -> tuple[Caller, QueueStatus]:
    return caller, await _read(runtime, caller, queue_id)


@router.get(
    "/sync/queue/{queue_id}/events",
    response_class=EventSourceResponse,
    responses={
        **problems(404),
        200: {"model": QueueEvent, "description": "A stream of queue events, until the queue ends."},
    },
)
async def queue_events(
    request: Request, seen: Annotated[tuple[Caller, QueueStatus], Depends(_first_look)]
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: the queue's counts, at once and whenever they change, whichever process works on it. The last
    event is named `end`.
    """
    hub: Hub = request.app.state.hub
    caller, status = seen
    async for now in hub.follow(caller, status):
        status = now
        yield ServerSentEvent(data=QueueEvent.of(now), retry=3000)
    if status.state in OVER:  # otherwise the token ended, and the client learns that when it reconnects
        yield ServerSentEvent(data=QueueEvent.of(status), event="end")
