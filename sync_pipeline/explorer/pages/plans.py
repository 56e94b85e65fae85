"""Plans: what waits, what one does to each record, and what people do with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from sync_pipeline.api.auth import RIGHTS, Caller, Right, may
from sync_pipeline.api.contracts.base import Shape, Why
from sync_pipeline.api.contracts.sync import ApprovedHash
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import ConfigurationError, Conflict, StalePlan
from sync_pipeline.explorer import forms, nav, render
from sync_pipeline.explorer.live import by_key
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps import approve, observe, promote, select
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.observe.heartbeat import is_alive
from sync_pipeline.steps.select import Plan, PlanState
from sync_pipeline.steps.select.reading import Action

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ, everywhere=True))]
Proposer = Annotated[Caller, Depends(may(Right.PROPOSE, everywhere=True))]
Promoter = Annotated[Caller, Depends(may(Right.PROMOTE, everywhere=True))]
SIZE = 25
_NAMED = 20  # of the records that changed, and of lines that failed, so many are shown
_FAILED = 50


class PlanFor(Shape):
    """What to plan: everything that is included, or an entity of a connection."""

    connection: str | None = Field(None, max_length=63)
    entity: str | None = Field(None, max_length=60)


class Refusal(Shape):
    """Why a plan is refused."""

    why: Why = None


@dataclass(frozen=True, slots=True)
class LookedFor:
    """Which lines of a plan are shown."""

    action: Action | None
    search: str | None
    entity: str | None
    after: int


EVERYTHING = LookedFor(None, None, None, 0)


def lines_of(
    action: Action | None = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
    entity: Annotated[str | None, Query(max_length=130)] = None,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> LookedFor:
    """What the address asks for."""
    return LookedFor(action, (q or "").strip() or None, entity, after)


def plan_address(caller: Caller, plan_id: UUID) -> str:
    """The address of a plan."""
    return f"/ui/{caller.org.slug}/plans/{plan_id}"


@router.get("/ui/{org}/plans")
async def plan_list(
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    state: PlanState | None = None,
    failed: bool = False,
    after: UUID | None = None,
) -> Response:
    """The plans, newest first, and what a new one would hold."""
    rights = RIGHTS[caller.role]
    proposes = Right.PROPOSE in rights

    def look() -> dict[str, Any]:
        plans, more = select.browse_plans(runtime.db, caller.org, state=state, failed=failed, after=after)
        waiting = Right.PROMOTE in rights
        return {
            "plans": plans,
            "more": more,
            "states": select.plan_states(runtime.db, caller.org),
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
    return await _shown(request, runtime, caller, plan_id, wanted)


async def _shown(
    request: Request,
    runtime: ApiRuntime,
    caller: Caller,
    plan_id: UUID,
    wanted: LookedFor,
    stale: StalePlan | None = None,
    refused: str | None = None,
) -> Response:
    """The page of a plan. `stale`: an action was refused for what moved; the page names it, instead of the old one.
    `refused`: why an action was, where the page that asked for it was an old one."""
    shown = await runtime.run(_read, runtime, caller, plan_id, wanted)
    if stale is not None and not (shown["stale"] and shown["stale"].count):
        shown["stale"] = promote.Staleness(len(stale.stale), stale.of, stale.stale)  # no comparison saw it yet
    rights = RIGHTS[caller.role]
    return render.page(
        request,
        "plans/page.html",
        status=200 if stale is None and refused is None else 409,
        headers=None if stale is None and refused is None else render.INSTEAD,
        refused=refused,
        here=("", "plans"),
        links=[] if render.is_fragment(request) else await runtime.run(nav.links, runtime, caller),
        wanted=wanted,
        size=SIZE,
        named=_NAMED,
        may_promote=Right.PROMOTE in rights,
        may_propose=Right.PROPOSE in rights,
        address=plan_address(caller, plan_id),
        at=_addresses(plan_address(caller, plan_id), wanted),
        record_at=record_at(caller),
        **shown,
    )


def _read(runtime: ApiRuntime, caller: Caller, plan_id: UUID, wanted: LookedFor) -> dict[str, Any]:
    db, org = runtime.db, caller.org
    found = select.plan(db, org, plan_id)
    kinds = select.plan_kinds(db, org, plan_id)
    some = [one for one in kinds if wanted.entity in (None, f"{one.connection}/{one.stream.name}")]
    if wanted.entity is not None and not some:
        raise ConfigurationError("The plan has no records of this entity.")
    queue = promote.status(db, org.org_id, found.queue) if found.queue else None
    idle = queue is None or (queue.open > 0 and queue.started_at is None)
    waits = found.state == "proposed" or (found.state == "approved" and idle)
    granted, _ = approve.approvals(db, org, subject="plan", subject_id=plan_id, page_size=_NAMED)
    failed = queue is not None and queue.failed > 0
    return {
        "plan": found,
        "approvals": granted,
        "verdict": approve.verdict(db, org, plan_id) if found.agent and found.state == "proposed" else None,
        "may_approve": not found.agent or Party.of(caller, "explorer").is_person,
        "kinds": kinds,
        "page": select.browse_items(
            db,
            org,
            plan_id,
            some,
            effects=promote.effects,
            action=wanted.action,
            search=wanted.search,
            after=wanted.after,
            size=SIZE,
        ),
        "proposers": select.proposers(db, org, plan_id),
        "left_out": select.left_out(db, org, [(one.connection_id, one.stream.entity_type) for one in kinds])
        if found.state == "proposed" and found.origin not in ("agent", "remap", "repair")
        else [],
        "events": select.plan_events(db, org, found),
        "queue": queue,
        "stale": promote.stale(db, org.org_id, plan_id) if waits else None,
        "failed": promote.lines(db, org.org_id, queue.queue_id, state="failed", limit=_FAILED)
        if queue is not None and failed
        else [],
        "running": by_key(observe.progress(db, org.org_id)) if queue is not None and queue.open else {},
        "dagster_away": queue is not None and queue.open > 0 and queue.started_at is None and not is_alive(db),
    }


def _addresses(base: str, wanted: LookedFor) -> Callable[..., str]:
    def at(**changes: Any) -> str:
        given = {"action": wanted.action, "entity": wanted.entity, "q": wanted.search, "after": None, **changes}
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{base}?{query}" if query else base

    return at


def record_at(caller: Caller) -> Callable[[str, str, str], str]:
    """The addresses of records, by connection, entity and id."""
    return lambda connection, entity, external_id: (
        f"/ui/{caller.org.slug}/{quote(connection, safe='')}/data/{entity}/{quote(external_id, safe='')}"
    )


async def _acted(
    request: Request, runtime: ApiRuntime, caller: Caller, plan_id: UUID, act: Callable[[], Any]
) -> Response:
    """Carry out an action and show the plan. Where it is refused, the plan is shown as it is now, with why."""
    try:
        await runtime.slowly(act)
    except StalePlan as stale:
        return await _shown(request, runtime, caller, plan_id, EVERYTHING, stale)
    except Conflict as error:
        return await _shown(request, runtime, caller, plan_id, EVERYTHING, refused=str(error))
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
        return await _shown(request, runtime, caller, plan_id, EVERYTHING, refused=str(error))
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
