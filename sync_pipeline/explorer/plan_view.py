"""The page of one plan: what it does to each record, how far it is, and what can be done with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import Query, Request, Response

from sync_pipeline.api.auth import RIGHTS, Caller, Right
from sync_pipeline.api.runtime import ApiRuntime
from sync_pipeline.errors import ConfigurationError, StalePlan
from sync_pipeline.explorer import nav, render
from sync_pipeline.explorer.live import by_key
from sync_pipeline.steps import approve, observe, promote, select
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.observe.heartbeat import is_alive
from sync_pipeline.steps.select.reading import Action

SIZE = 25
_NAMED = 20  # of the records that changed, and of lines that failed, so many are shown
_FAILED = 50


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


async def show_plan(
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
        "remarks": [
            *((select.say_held_back(one), "decisions") for one in select.held_back(db, org, found)),
            *(
                (select.say_missing_parts(one), f"{quote(one.connection, safe='')}/data/{one.entity}?choice=undecided")
                for one in select.missing_parts(db, org, found)
            ),
        ],
        "events": select.plan_events(db, org, found),
        "queue": queue,
        "stale": promote.stale(db, org.org_id, plan_id) if waits else None,
        "failed": promote.lines(db, org.org_id, queue.queue_id, state="failed", limit=_FAILED)
        if queue is not None and failed
        else [],
        "running": by_key(observe.progress(db, org.org_id)) if queue is not None and queue.open else {},
        "closed": next(
            (one.reason for one in promote.lines(db, org.org_id, queue.queue_id, state="cancelled", limit=1)), None
        )
        if queue is not None and queue.state == "cancelled"
        else None,
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
