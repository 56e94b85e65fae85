"""Status, checks, the audit log, decisions and requests."""

from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter, Depends, Query

from sync_pipeline.api.auth import Caller, CallerFirst, Right, may, sync_call
from sync_pipeline.api.contracts.approvals import NewProposedAnswer
from sync_pipeline.api.contracts.base import Answer, Listing, Number, Page, PageSize
from sync_pipeline.api.contracts.connections import WorkInfo
from sync_pipeline.api.contracts.observe import (
    ActivityPage,
    ActivityRow,
    ChecksInfo,
    CompatInfo,
    DecisionInfo,
    GivenAnswer,
    RequestInfo,
    RequestProgress,
    StatusInfo,
)
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import part
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import NotFound
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps import approve, connect, observe
from sync_pipeline.steps.approve import ProposedAnswer
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.observe import checks

router = APIRouter(prefix="/api/v1", route_class=CallerFirst)
Reader = Annotated[Caller, Depends(may(Right.READ, everywhere=True))]
Proposer = Annotated[Caller, Depends(may(Right.PROPOSE, everywhere=True))]
Decider = Annotated[Caller, Depends(may(Right.DECIDE, everywhere=True))]
Wait = Annotated[float, Query(ge=0, le=30, description="Seconds to wait until it ends; 0 returns at once.")]
_POLL_SECONDS = 0.5


@router.get("/integrations/sync/activity", tags=["observe"], responses=problems())
async def activity(runtime: RuntimeDep, caller: Reader, page: Page = 1, page_size: PageSize = 50) -> ActivityPage:
    """List the audit log, newest first: who did what."""
    found = await runtime.run(observe.activity, runtime.db, caller.org, page=page, page_size=page_size)
    return ActivityPage(data=[ActivityRow.model_validate(row) for row in found.data], rowCount=found.row_count)


@router.get("/integrations/schema-compat", tags=["observe"], responses=problems())
async def schema_compat(runtime: RuntimeDep, caller: Reader) -> Answer[CompatInfo]:
    """Compare the legacy views with their core tables."""
    found = await runtime.run(observe.compat, runtime.db, caller.org)
    return Answer(data=CompatInfo(ok=found.ok, views=found.views, divergences=found.divergences))


@router.get("/checks", tags=["observe"], responses=problems())
async def run_checks(runtime: RuntimeDep, caller: Reader) -> Answer[ChecksInfo]:
    """Run the business checks: the ledger closes, money adds up, every mapping has a row, nothing waits forever."""
    found = await runtime.run(checks.check, runtime.db, caller.org)
    return Answer(data=ChecksInfo(ok=checks.ok(found), checks=found))


@router.get("/status", tags=["observe"], responses=problems())
async def status(runtime: RuntimeDep, caller: Reader) -> Answer[StatusInfo]:
    """Show the status of every connection and entity: captured, differences, decisions, promoted, ledger."""
    found = await runtime.run(observe.status, runtime.db, caller.org)
    return Answer(data=StatusInfo(org=caller.org.slug, connections=found))


@router.get("/decisions", tags=["decisions"], responses=problems())
async def decisions(
    runtime: RuntimeDep,
    caller: Reader,
    all: Annotated[bool, Query(description="Also the answered ones.")] = False,
    page: Page = 1,
    page_size: PageSize = 50,
) -> Listing[DecisionInfo]:
    """List the gates that wait for a person."""
    found = await runtime.run(observe.decisions, runtime.db, caller.org, everything=all)
    return part([_decision(one) for one in found], page, page_size)


@router.get("/decisions/{decision_id}", tags=["decisions"], responses=problems(404))
async def decision(runtime: RuntimeDep, caller: Reader, decision_id: Number) -> Answer[DecisionInfo]:
    """Show one gate, with its answer and outcome."""
    found = await runtime.run(observe.decisions, runtime.db, caller.org, everything=True, decision_id=decision_id)
    if not found:
        raise NotFound(f"There is no decision {decision_id}.")
    return Answer(data=_decision(found[0]))


@router.get("/decisions/{decision_id}/proposals", tags=["decisions"], responses=problems(404))
async def list_proposals(
    runtime: RuntimeDep, caller: Reader, decision_id: Number, page: Page = 1, page_size: PageSize = 50
) -> Listing[ProposedAnswer]:
    """List the proposed answers of a gate, newest first."""
    if not await runtime.run(observe.decisions, runtime.db, caller.org, everything=True, decision_id=decision_id):
        raise NotFound(f"There is no decision {decision_id}.")
    found = await runtime.run(approve.proposed_answers, runtime.db, caller.org, decision_id=decision_id)
    return part(found, page, page_size)


@router.post(
    "/decisions/{decision_id}/proposals", status_code=201, tags=["decisions"], responses=problems(404, 409, 413, 415)
)
async def propose_answer(
    runtime: RuntimeDep, caller: Proposer, decision_id: Number, given: NewProposedAnswer
) -> Answer[ProposedAnswer]:
    """Propose an answer to a gate. Nothing resumes by it."""
    by = Party.of(caller, "api")
    made = await runtime.run(
        approve.propose_answer, runtime.db, caller.org, decision_id, given.choose, by=by, why=given.why
    )
    return Answer(data=made)


@router.post("/proposals/{proposal_id}/accept", tags=["decisions"], responses=problems(404, 409))
async def accept_answer(runtime: RuntimeDep, caller: Decider, proposal_id: Number) -> Answer[ProposedAnswer]:
    """Answer the gate as proposed: a person's session does, a token without one does not."""
    by = Party.of(caller, "api")
    return Answer(data=await runtime.run(approve.accept_answer, runtime.db, caller.org, proposal_id, by=by))


@router.delete("/proposals/{proposal_id}", tags=["decisions"], responses=problems(404, 409))
async def withdraw_answer(runtime: RuntimeDep, caller: Proposer, proposal_id: Number) -> Answer[ProposedAnswer]:
    """Take a proposed answer back; an agent only its own."""
    by = Party.of(caller, "api")
    return Answer(data=await runtime.run(approve.withdraw_answer, runtime.db, caller.org, proposal_id, by=by))


@router.post("/decisions/{decision_id}/answer", tags=["decisions"], responses=problems(404, 409, 413, 415))
async def answer(runtime: RuntimeDep, caller: Decider, decision_id: Number, given: GivenAnswer) -> Answer[DecisionInfo]:
    """Answer a gate. The work it stopped resumes by itself."""
    done = await runtime.run(
        observe.answer, runtime.db, caller.org, decision_id, given.choose, actor=caller.actor, why=given.why
    )
    return Answer(data=_decision(done))


def _decision(found: observe.Decision) -> DecisionInfo:
    return DecisionInfo.model_validate(found, from_attributes=True)


@router.get("/requests", tags=["sync"], responses=problems())
async def requests(
    runtime: RuntimeDep,
    caller: Reader,
    state: Literal["waiting", "launched", "done", "failed"] | None = None,
    page: Page = 1,
    page_size: PageSize = 50,
) -> Listing[RequestInfo]:
    """List the requests to Dagster, newest first."""
    found, count = await runtime.run(
        observe.requests, runtime.db, caller.org, state=state, page=page, page_size=page_size
    )
    rows = [RequestInfo.model_validate(row, from_attributes=True) for row in found]
    return Listing(data=rows, rowCount=count, page=page, pageSize=page_size)


@router.get("/requests/{request_id}", tags=["sync"], responses=problems(404))
async def request(runtime: RuntimeDep, caller: Reader, request_id: Number, wait: Wait = 0) -> Answer[RequestProgress]:
    """Show a request: waiting, launched (with the Dagster run and its progress), done, or failed (with the reason)."""
    found = await ended(runtime, caller, request_id, wait)
    work = await runtime.run(_at_work, runtime, caller, found) if found.state in ("waiting", "launched") else []
    return Answer(data=RequestProgress(**found.model_dump(), progress=work))


def _at_work(runtime: ApiRuntime, caller: Caller, found: RequestInfo) -> list[WorkInfo]:
    """What is at work for a request: itself, and what its run does."""
    return [
        WorkInfo.of(work)
        for work in observe.progress(runtime.db, caller.org.org_id)
        if work.key == f"request:{found.request_id}" or (work.run_id is not None and work.run_id == found.run_id)
    ]


async def requested(
    runtime: ApiRuntime,
    caller: Caller,
    kind: str,
    one: connect.Connection,
    stream: Stream,
    key: str | None,
    wait: float,
    **parameters: Any,
) -> RequestInfo:
    """Request a run for an entity of a connection, once for each idempotency key; waits for its end, if asked to."""
    await sync_call(runtime, caller, one.connection_id)
    asked = await runtime.run(
        observe.create_request,
        runtime.db,
        caller.org,
        kind,
        actor=caller.actor,
        idempotency_key=key,
        connection=one.name,
        entities=[stream.name],
        **parameters,
    )
    return await ended(runtime, caller, asked.request_id, wait)


async def ended(runtime: ApiRuntime, caller: Caller, request_id: int, wait: float) -> RequestInfo:
    """The request, once it has ended or `wait` seconds have passed. Waiting holds no thread and no connection."""
    deadline = anyio.current_time() + wait
    while True:
        found = await runtime.run(observe.request, runtime.db, caller.org, request_id)
        if found.state in ("done", "failed") or anyio.current_time() >= deadline:
            return RequestInfo.model_validate(found, from_attributes=True)
        await anyio.sleep(min(_POLL_SECONDS, max(deadline - anyio.current_time(), 0.01)))
