"""Decisions: the gates that wait for a person, their answers, and what happened after."""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from sync_pipeline import gates
from sync_pipeline.api.auth import RIGHTS, Caller, Right, may
from sync_pipeline.api.contracts.base import Shape
from sync_pipeline.api.contracts.observe import GivenAnswer
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Conflict, NotFound
from sync_pipeline.explorer import forms, nav, render
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps import approve, connect, observe
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.observe import Decision, DecisionKind
from sync_pipeline.steps.observe.decision_log import KINDS

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ, everywhere=True))]
Decider = Annotated[Caller, Depends(may(Right.DECIDE, everywhere=True))]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Record = tuple[str, str]  # its address, and as what it is shown
_LINES = 50  # of the log


class Accepted(Shape):
    """Which proposed answer is accepted."""

    proposal: int = Field(ge=1, le=2**63 - 1)


@router.get("/ui/{org}/decisions")
async def decision_list(
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    answered: bool = False,
    cause: Annotated[str | None, Query(max_length=60)] = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """Those that wait, or those that are answered."""

    def look() -> dict[str, Any]:
        found, more = observe.browse_decisions(runtime.db, caller.org, answered=answered, cause=cause, before=before)
        return {
            "decisions": found,
            "more": more,
            "causes": observe.decision_causes(runtime.db, caller.org),
            "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
        }

    shown = await runtime.run(look)
    base = f"/ui/{caller.org.slug}/decisions"

    def at(**changes: Any) -> str:
        wanted = {"answered": 1 if answered else None, "cause": cause, "before": None, **changes}
        query = urlencode({name: value for name, value in wanted.items() if value})
        return f"{base}?{query}" if query else base

    return render.page(
        request,
        "decisions/list.html",
        here=("", "decisions"),
        answered=answered,
        cause=cause,
        at=at,
        base=base,
        **shown,
    )


@router.get("/ui/{org}/decisions/log")
async def decision_log_page(
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    kind: DecisionKind | None = None,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Every decision: gates, schema, settings, policies, sign-offs and proposed migrations, newest first."""

    def look() -> dict[str, Any]:
        here = (runtime.db, caller.org)
        return {
            "lines": observe.decision_log(*here, kind=kind, page=page, page_size=_LINES),
            "count": observe.decision_log_count(*here, kind=kind),
            "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
        }

    shown = await runtime.run(look)
    base = f"/ui/{caller.org.slug}/decisions"

    def at(**changes: Any) -> str:
        query = urlencode({name: value for name, value in {"kind": kind, **changes}.items() if value})
        return f"{base}/log?{query}" if query else f"{base}/log"

    return render.page(
        request,
        "decisions/log.html",
        here=("", "decisions"),
        kind=kind,
        kinds=KINDS,
        number=page,
        more=shown["count"] > page * _LINES,
        at=at,
        base=base,
        **shown,
    )


@router.get("/ui/{org}/decisions/{decision_id}")
async def decision_page(request: Request, runtime: RuntimeDep, caller: Reader, decision_id: Number) -> Response:
    """One of them: why it stops, whom it concerns, what can be answered, and what came of it."""
    return await _show(request, runtime, caller, decision_id)


async def _show(
    request: Request, runtime: ApiRuntime, caller: Caller, decision_id: int, refused: str | None = None
) -> Response:
    """A decision as it is now. `refused`: why an answer was not taken, where the page that gave it was an old one."""

    def look() -> dict[str, Any]:
        found = observe.decisions(runtime.db, caller.org, everything=True, decision_id=decision_id)
        if not found:
            raise NotFound(f"There is no decision {decision_id}.")
        return {
            "decision": found[0],
            "blocks": gates.by_name(found[0].cause).blocks,
            "ends": gates.by_name(found[0].cause).ends,
            "parts": _parts(runtime.db, caller, found[0]),
            "resumes": gates.resumed_by(found[0].cause, found[0].answer) if found[0].answer else None,
            "records": _records(runtime.db, caller, found[0]),
            "proposals": approve.proposed_answers(runtime.db, caller.org, decision_id=decision_id),
            "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
        }

    shown = await runtime.run(look)
    return render.page(
        request,
        "decisions/page.html",
        status=200 if refused is None else 409,
        headers=None if refused is None else render.INSTEAD,
        refused=refused,
        here=("", "decisions"),
        base=f"/ui/{caller.org.slug}/decisions",
        decides=Right.DECIDE in RIGHTS[caller.role],
        accepts=Party.of(caller, "explorer").is_person,
        **shown,
    )


def _parts(db: Database, caller: Caller, found: Decision) -> list[str]:
    """The entities that it keeps out of core, in words."""
    one = next((one for one in connect.connections(db, caller.org) if one.name == found.connection), None)
    return [] if one is None else [one.source.stream(name).title for name in found.blocks]


def _records(db: Database, caller: Caller, found: Decision) -> list[Record]:
    """The records that a gate names; or the lists of the entities that it blocks."""
    one = next((one for one in connect.connections(db, caller.org) if one.name == found.connection), None)
    if one is None:  # it concerns the organization, or a connection that is not used any more
        return []
    base = f"/ui/{caller.org.slug}/{quote(one.name, safe='')}/data"
    if found.entity_type is None:
        streams = [one.source.stream(name) for name in found.blocks]
        return [(f"{base}/{stream.name}", stream.title) for stream in streams]
    stream = one.source.stream(found.entity_type)
    named = [found.detail["external_id"]] if "external_id" in found.detail else found.detail.get("examples", [])
    if not named:
        return [(f"{base}/{stream.name}", stream.title)]
    return [(f"{base}/{stream.name}/{quote(str(id_), safe='')}", f"{stream.entity_type} {id_}") for id_ in named]


@router.post("/ui/{org}/decisions/{decision_id}/accept")
async def accept_answer(request: Request, runtime: RuntimeDep, caller: Decider, decision_id: Number) -> Response:
    """Answer it as an agent proposed. What it stopped resumes by itself."""
    given = await forms.form(request, Accepted)
    by = Party.of(caller, "explorer")
    try:
        await runtime.run(approve.accept_answer, runtime.db, caller.org, given.proposal, by=by)
    except Conflict as error:
        return await _show(request, runtime, caller, decision_id, str(error))
    return forms.then(f"/ui/{caller.org.slug}/decisions/{decision_id}")


@router.post("/ui/{org}/decisions/{decision_id}")
async def answer_decision(request: Request, runtime: RuntimeDep, caller: Decider, decision_id: Number) -> Response:
    """Answer it. What it stopped resumes by itself."""
    given = await forms.form(request, GivenAnswer)
    try:
        await runtime.run(
            observe.answer, runtime.db, caller.org, decision_id, given.choose, actor=caller.actor, why=given.why
        )
    except Conflict as error:
        return await _show(request, runtime, caller, decision_id, str(error))
    return forms.then(f"/ui/{caller.org.slug}/decisions/{decision_id}")
