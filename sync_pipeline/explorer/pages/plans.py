"""Plans: what waits, and what people do with it."""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from sync_pipeline.api.auth import RIGHTS, Caller, Right, may
from sync_pipeline.api.contracts.base import Shape, Why
from sync_pipeline.api.contracts.sync import ApprovedHash
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import Conflict, StalePlan
from sync_pipeline.explorer import forms, nav, render
from sync_pipeline.explorer.plan_view import EVERYTHING, LookedFor, lines_of, plan_address, show_plan
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps import approve, promote, select
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.select import Plan, PlanStage

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ, everywhere=True))]
Proposer = Annotated[Caller, Depends(may(Right.PROPOSE, everywhere=True))]
Promoter = Annotated[Caller, Depends(may(Right.PROMOTE, everywhere=True))]


class PlanFor(Shape):
    """What to plan: everything that is included, or an entity of a connection."""

    connection: str | None = Field(None, max_length=63)
    entity: str | None = Field(None, max_length=60)


class Refusal(Shape):
    """Why a plan is refused."""

    why: Why = None


@router.get("/ui/{org}/plans")
async def plan_list(
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    state: PlanStage | None = None,
    failed: bool = False,
    after: UUID | None = None,
) -> Response:
    """The plans, newest first, and what a new one would hold."""
    rights = RIGHTS[caller.role]
    proposes = Right.PROPOSE in rights

    def look() -> dict[str, Any]:
        plans, more = select.browse_plans(runtime.db, caller.org, stage=state, failed=failed, after=after)
        waiting = Right.PROMOTE in rights
        return {
            "plans": plans,
            "more": more,
            "states": select.plan_stages(runtime.db, caller.org),
            "included": select.included(
                runtime.db, caller.org, actor=Party.of(caller, "explorer"), waiting=waiting, planned=True
            )
            if proposes
            else [],
            "where": select.where_included(runtime.db, caller.org) if proposes else None,
            "left_out": select.left_out(runtime.db, caller.org) if proposes and caller.role != "agent" else [],
            "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
        }

    shown = await runtime.run(look)
    base = f"/ui/{caller.org.slug}/plans"
    return render.page(
        request,
        "plans/list.html",
        here=("", "plans"),
        state="failed" if failed else state,
        after=after,
        base=base,
        proposes=proposes,
        **shown,
    )


@router.post("/ui/{org}/plans")
async def new_plan(request: Request, runtime: RuntimeDep, caller: Proposer) -> Response:
    """Make a plan of what is included, or show the one that holds it already."""
    given = await forms.form(request, PlanFor)

    def make() -> Plan:
        kind = None
        if given.connection is not None and given.entity is not None:
            one = the_connection(runtime.db, caller, given.connection)
            kind = (one.connection_id, one.source.stream(given.entity).entity_type)
        by, entities = Party.of(caller, "explorer"), [kind] if kind else None
        made = select.make_plan(
            runtime.db,
            caller.org,
            actor=by,
            origin="agent" if caller.role == "agent" else "explorer",
            entities=entities,
            waiting=Right.PROMOTE in RIGHTS[caller.role],
            reuse=True,
        )
        found = made or select.plan_that_waits(runtime.db, caller.org, entities)
        if found is None:
            raise Conflict(select.nothing_to_plan(runtime.db, caller.org, actor=by, entities=entities))
        return found

    made = await runtime.slowly(make)
    return forms.then(plan_address(caller, made.plan_id))


@router.get("/ui/{org}/plans/{plan_id}")
async def plan_page(
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    plan_id: UUID,
    wanted: Annotated[LookedFor, Depends(lines_of)],
) -> Response:
    """What it does to each record, how far it is, and what can be done with it."""
    return await show_plan(request, runtime, caller, plan_id, wanted)


async def _acted(
    request: Request, runtime: ApiRuntime, caller: Caller, plan_id: UUID, act: Callable[[], Any]
) -> Response:
    """Carry out an action and show the plan. Where it is refused, the plan is shown as it is now, with why."""
    try:
        await runtime.slowly(act)
    except StalePlan as stale:
        return await show_plan(request, runtime, caller, plan_id, EVERYTHING, stale)
    except Conflict as error:
        return await show_plan(request, runtime, caller, plan_id, EVERYTHING, refused=str(error))
    return forms.then(plan_address(caller, plan_id))


@router.post("/ui/{org}/plans/{plan_id}/approve")
async def approve_plan(request: Request, runtime: RuntimeDep, caller: Promoter, plan_id: UUID) -> Response:
    """Approve the plan that was shown: the one with this hash, unless its records have changed since."""
    given, by = await forms.form(request, ApprovedHash), Party.of(caller, "explorer")

    def grant() -> None:
        approve.approve(runtime.db, caller.org, plan_id, plan_hash=given.hash, by=by)

    return await _acted(request, runtime, caller, plan_id, grant)


@router.post("/ui/{org}/plans/{plan_id}/withdraw")
async def withdraw_approval(request: Request, runtime: RuntimeDep, caller: Promoter, plan_id: UUID) -> Response:
    """Take back the approval of a plan that was not applied: it waits again."""

    def withdraw() -> None:
        held, _ = approve.approvals(runtime.db, caller.org, subject="plan", subject_id=plan_id)
        for one in held:
            if one.state == "open":
                by = Party.of(caller, "explorer")
                approve.withdraw_approval(runtime.db, caller.org, one.approval_id, by=by)

    return await _acted(request, runtime, caller, plan_id, withdraw)


@router.post("/ui/{org}/plans/{plan_id}/apply")
async def apply_plan(request: Request, runtime: RuntimeDep, caller: Promoter, plan_id: UUID) -> Response:
    """Approve the plan that was shown, if nobody has, and request the run that applies it."""
    given = await forms.form(request, ApprovedHash)

    def apply() -> None:
        found = select.plan(runtime.db, caller.org, plan_id)
        if given.hash != found.hash:
            raise Conflict("The plan has a different hash. Read the plan again before you apply it.")
        promote.create_request(runtime.db, caller.org.org_id, plan_id, actor=Party.of(caller, "explorer"))

    return await _acted(request, runtime, caller, plan_id, apply)


@router.post("/ui/{org}/plans/{plan_id}/refuse")
async def refuse_plan(request: Request, runtime: RuntimeDep, caller: Promoter, plan_id: UUID) -> Response:
    """Refuse the plan: what it included is undecided again."""
    given, by = await forms.form(request, Refusal), Party.of(caller, "explorer")

    def refuse() -> None:
        select.refuse(runtime.db, caller.org, plan_id, actor=by, why=given.why)

    return await _acted(request, runtime, caller, plan_id, refuse)


@router.post("/ui/{org}/plans/{plan_id}/replace")
async def replace_plan(request: Request, runtime: RuntimeDep, caller: Promoter, plan_id: UUID) -> Response:
    """A new plan of what has not changed since; the old one is never applied."""
    by = Party.of(caller, "explorer")
    try:
        made = await runtime.slowly(select.replace_plan, runtime.db, caller.org, plan_id, actor=by)
    except Conflict as error:
        return await show_plan(request, runtime, caller, plan_id, EVERYTHING, refused=str(error))
    return forms.then(plan_address(caller, made.plan_id))


@router.post("/ui/{org}/plans/{plan_id}/queue/{action}")
async def queue_action(
    request: Request,
    runtime: RuntimeDep,
    caller: Promoter,
    plan_id: UUID,
    action: Literal["retry", "cancel", "force-done"],
) -> Response:
    """Retry what failed, cancel what is open, or close the queue as done."""
    acts: dict[str, Callable[..., Any]] = {
        "retry": promote.retry_request,
        "cancel": promote.cancel,
        "force-done": promote.force_done,
    }

    def act() -> None:
        found = select.plan(runtime.db, caller.org, plan_id)
        if found.queue is None:
            raise Conflict("This plan was not applied yet.")
        acts[action](runtime.db, caller.org.org_id, str(found.queue), actor=caller.actor)

    return await _acted(request, runtime, caller, plan_id, act)
