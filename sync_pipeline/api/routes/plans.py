"""Plans: make, show, approve, refuse, apply and undo them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from sync_pipeline import exact_json
from sync_pipeline.api.auth import RIGHTS, Caller, CallerFirst, Right, may
from sync_pipeline.api.contracts.base import Answer, Listing, Page, PageSize
from sync_pipeline.api.contracts.sync import (
    Application,
    ApprovedHash,
    MadePlan,
    NewPlan,
    QueueAnswer,
    Reason,
)
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.masking import Masking
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.errors import Conflict
from sync_pipeline.steps import approve, connect, promote, select
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.promote import UndoReport
from sync_pipeline.steps.select import Plan, PlanItem, PlanState, ReadPlan

router = APIRouter(prefix="/api/v1/plans", tags=["plans"], route_class=CallerFirst)
Reader = Annotated[Caller, Depends(may(Right.READ, everywhere=True))]
Proposer = Annotated[Caller, Depends(may(Right.PROPOSE, everywhere=True))]
Promoter = Annotated[Caller, Depends(may(Right.PROMOTE, everywhere=True))]


@router.post("", status_code=201, responses=problems(404, 413, 415))
async def make_plan(runtime: RuntimeDep, caller: Proposer, given: NewPlan | None = None) -> Answer[MadePlan]:
    """Make a plan of everything that is included and not yet in core, including people's drafts. Nothing is promoted
    until someone applies the plan. What agents proposed is left out, and `left_out` says how much; a person can name
    their selections in `batches`. With `remap`, plan the records in core that an older mapper mapped, whatever is
    selected.
    """
    wanted, by = given or NewPlan(), Party.of(caller, "api")

    def make() -> MadePlan:
        chosen = None
        if wanted.connection is not None or wanted.entities:
            one = the_connection(runtime.db, caller, wanted.connection)
            streams = [one.source.stream(name) for name in wanted.entities] or one.source.streams.values()
            chosen = [(one, stream) for stream in streams]
        if wanted.remap:
            made = select.make_remap_plan(runtime.db, caller.org, chosen, actor=by)
            return MadePlan(plan=made, message=None if made else select.NOTHING_TO_RENEW)
        entities = None if chosen is None else [(one.connection_id, stream.entity_type) for one, stream in chosen]
        made = select.make_plan(
            runtime.db,
            caller.org,
            actor=by,
            origin="agent" if by.is_agent else "api",
            entities=entities,
            batches=wanted.batches,
            why=wanted.why,
            waiting=Right.PROMOTE in RIGHTS[caller.role],
        )
        if made is None:
            return MadePlan(
                plan=None, message=select.nothing_to_plan(runtime.db, caller.org, actor=by, entities=entities)
            )
        left_out = [] if by.is_agent or wanted.batches else select.left_out(runtime.db, caller.org, entities)
        return MadePlan(plan=made, left_out=select.say_left_out(left_out))

    return Answer(data=await runtime.slowly(make))


@router.get("", responses=problems())
async def list_plans(
    runtime: RuntimeDep,
    caller: Reader,
    state: PlanState | None = None,
    page: Page = 1,
    page_size: PageSize = 50,
) -> Listing[Plan]:
    """List the organization's plans, newest first."""
    found, count = await runtime.run(select.plans, runtime.db, caller.org, state=state, page=page, page_size=page_size)
    return Listing(data=found, rowCount=count, page=page, pageSize=page_size)


@router.get("/{plan_id}", responses=problems(404))
async def show_plan(runtime: RuntimeDep, caller: Reader, plan_id: UUID) -> Answer[ReadPlan]:
    """Show a plan: its state, counts and hash, and who included or proposed its records."""
    return Answer(data=await runtime.run(select.read_plan, runtime.db, caller.org, plan_id))


@router.get(
    "/{plan_id}/items",
    response_class=Response,
    responses={**problems(404), 200: {"model": Listing[PlanItem], "description": "A page of items."}},
)
async def show_plan_items(
    runtime: RuntimeDep, caller: Reader, plan_id: UUID, page: Page = 1, page_size: PageSize = 50
) -> Response:
    """List what a plan does, record by record. Numbers keep all their digits."""
    found, count = await runtime.run(
        select.plan_items, runtime.db, caller.org, plan_id, effects=promote.effects, page=page, page_size=page_size
    )
    reads = Masking.of(runtime.settings, caller)
    sources = {one.name: one.source for one in await runtime.run(connect.connections, runtime.db, caller.org)}
    shown = [reads.item(sources[item.connection].stream(item.entity), item) for item in found]
    answer = {"data": shown, "rowCount": count, "page": page, "pageSize": page_size}
    return Response(exact_json.dumps(answer), media_type="application/json")


@router.post("/{plan_id}/approve", responses=problems(404, 409, 413, 415))
async def approve_plan(runtime: RuntimeDep, caller: Promoter, plan_id: UUID, given: ApprovedHash) -> Answer[Plan]:
    """Approve a plan. `hash` must be the plan's hash. The approval can be spent once, within 24 hours. What an agent
    proposed is approved by a person's session, never by a token without one.
    """
    by = Party.of(caller, "api")
    return Answer(data=await runtime.run(approve.approve, runtime.db, caller.org, plan_id, plan_hash=given.hash, by=by))


@router.post("/{plan_id}/refuse", responses=problems(404, 409, 413, 415))
async def refuse_plan(
    runtime: RuntimeDep, caller: Promoter, plan_id: UUID, given: Reason | None = None
) -> Answer[Plan]:
    """Refuse a plan. It can never be applied, and the records that it included are undecided again."""
    why = given.why if given else None
    by = Party.of(caller, "api")
    return Answer(data=await runtime.run(select.refuse, runtime.db, caller.org, plan_id, actor=by, why=why))


@router.post("/{plan_id}/apply", status_code=202, responses=problems(404, 409, 413, 415))
async def apply_plan(
    runtime: RuntimeDep, caller: Promoter, plan_id: UUID, given: Application | None = None
) -> Answer[QueueAnswer]:
    """Promote the plan's records; whoever may approve the plan approves it by applying it. A stale plan returns 409
    with the changed records, and a plan that waits for a person returns 409 too: nothing changes.

    The queue and the request for its run are written in one transaction; the run starts when Dagster is available.
    Applying a plan twice returns the same queue.
    """
    wanted = given or Application()

    def apply() -> promote.Requested:
        found = select.plan(runtime.db, caller.org, plan_id)
        if wanted.hash is not None and wanted.hash != found.hash:
            raise Conflict("The plan has a different hash. Read the plan again before you apply it.")
        return promote.create_request(
            runtime.db,
            caller.org.org_id,
            plan_id,
            actor=Party.of(caller, "api"),
            batch_size=wanted.batch_size,
            batch_delay_ms=wanted.batch_delay_ms,
        )

    return Answer(data=QueueAnswer.of(await runtime.slowly(apply)))


@router.post("/{plan_id}/undo", responses=problems(404, 409, 413, 415))
async def undo_plan(
    runtime: RuntimeDep, caller: Promoter, plan_id: UUID, given: Reason | None = None
) -> Answer[UndoReport]:
    """Undo a promotion in one transaction: restore its core rows to their state before it. Its records are undecided
    again.
    """
    why = given.why if given else None
    done = await runtime.slowly(promote.undo, runtime.db, caller.org.org_id, plan_id, actor=caller.actor, why=why)
    return Answer(data=done)
