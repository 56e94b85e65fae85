"""Validations: every check as a matrix with evidence; sign-offs; the decision log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from sync_pipeline.api.auth import Caller, CallerFirst, Right, may, sync_call
from sync_pipeline.api.contracts.base import Answer, Listing, Number, Page, PageSize
from sync_pipeline.api.contracts.observe import RequestInfo
from sync_pipeline.api.contracts.validation import NewSignoff, ValidationInfo
from sync_pipeline.api.errors import problems
from sync_pipeline.api.routes.observe import Wait, ended
from sync_pipeline.api.routes.preview import Key
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps import observe
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.observe import DecisionKind, LoggedDecision
from sync_pipeline.steps.observe import validation as step
from sync_pipeline.steps.observe.validation import Signoff, Validation, Verdict

router = APIRouter(prefix="/api/v1", route_class=CallerFirst)
Reader = Annotated[Caller, Depends(may(Right.READ, everywhere=True))]
Fetcher = Annotated[Caller, Depends(may(Right.FETCH, everywhere=True))]
Decider = Annotated[Caller, Depends(may(Right.DECIDE, everywhere=True))]


@router.post("/validations", status_code=202, tags=["validation"], responses=problems(409))
async def request_validation(
    runtime: RuntimeDep, caller: Fetcher, wait: Wait = 0, idempotency_key: Key = None
) -> Answer[RequestInfo]:
    """Ask for a validation, in a Dagster run: every check at every place, and the stores' lists. Returns the request
    at once; to follow it, set `wait` or call `GET /api/v1/requests/{id}`.
    """
    await sync_call(runtime, caller, None)
    asked = await runtime.run(
        observe.create_request,
        runtime.db,
        caller.org,
        "validate",
        actor=caller.actor,
        idempotency_key=idempotency_key,
    )
    return Answer(data=await ended(runtime, caller, asked.request_id, wait))


@router.get("/validations", tags=["validation"], responses=problems())
async def list_validations(
    runtime: RuntimeDep, caller: Reader, page: Page = 1, page_size: PageSize = 50
) -> Listing[Validation]:
    """List the validations, newest first, with their counts and hashes."""
    found, count = await runtime.run(step.validations, runtime.db, caller.org, page=page, page_size=page_size)
    return Listing(data=found, rowCount=count, page=page, pageSize=page_size)


@router.get("/validations/{validation_id}", tags=["validation"], responses=problems(404))
async def show_validation(
    runtime: RuntimeDep,
    caller: Reader,
    validation_id: Number,
    verdict: Annotated[list[Verdict] | None, Query(description="Only rows of these verdicts; can be repeated.")] = None,
    page: Page = 1,
    page_size: PageSize = 50,
) -> Answer[ValidationInfo]:
    """Show the matrix of a validation: check by connection and entity, red rows first, each with its evidence."""

    def look() -> ValidationInfo:
        found = step.validation(runtime.db, caller.org, validation_id)
        rows, count = step.matrix_rows(
            runtime.db,
            caller.org,
            validation_id,
            verdicts=verdict or (),
            offset=(page - 1) * page_size,
            limit=page_size,
        )
        return ValidationInfo(validation=found, rows=list(rows), rowCount=count, page=page, pageSize=page_size)

    return Answer(data=await runtime.run(look))


@router.get("/validations/{validation_id}/statements", tags=["validation"], responses=problems(404))
async def show_statements(runtime: RuntimeDep, caller: Reader, validation_id: Number) -> Answer[dict[str, str]]:
    """Show the statements that found a validation's rows, by their SHA-256."""

    def look() -> dict[str, str]:
        step.validation(runtime.db, caller.org, validation_id)
        return dict(step.statements_of(runtime.db, caller.org, validation_id))

    return Answer(data=await runtime.run(look))


@router.get("/signoffs", tags=["validation"], responses=problems())
async def list_signoffs(
    runtime: RuntimeDep, caller: Reader, page: Page = 1, page_size: PageSize = 50
) -> Listing[Signoff]:
    """List the sign-offs, newest first: who signed which matrix for what, and whether a later one outdated it."""
    found, count = await runtime.run(step.signoffs, runtime.db, caller.org, page=page, page_size=page_size)
    return Listing(data=found, rowCount=count, page=page, pageSize=page_size)


@router.post("/signoffs", status_code=201, tags=["validation"], responses=problems(404, 409, 413, 415))
async def sign_off(runtime: RuntimeDep, caller: Decider, given: NewSignoff) -> Answer[Signoff]:
    """Sign the newest matrix off: a person's session does, a token without one does not. Each red row is accepted by
    name, with a reason.
    """
    accept = {one.row: one.why for one in given.accept}
    if len(accept) < len(given.accept):
        raise ConfigurationError("A row is accepted twice.")
    made = await runtime.run(
        step.sign_off,
        runtime.db,
        caller.org,
        given.hash,
        milestone=given.milestone,
        note=given.note,
        accept=accept,
        by=Party.of(caller, "api"),
    )
    return Answer(data=made)


@router.get("/decision-log", tags=["validation"], responses=problems())
async def list_decision_log(
    runtime: RuntimeDep, caller: Reader, kind: DecisionKind | None = None, page: Page = 1, page_size: PageSize = 50
) -> Listing[LoggedDecision]:
    """List every decision, newest first: gates, schema, settings, policies and sign-offs, with what came of them."""

    def look() -> tuple[list[LoggedDecision], int]:
        found = observe.decision_log(runtime.db, caller.org, kind=kind, page=page, page_size=page_size)
        return list(found), observe.decision_log_count(runtime.db, caller.org, kind=kind)

    found, count = await runtime.run(look)
    return Listing(data=found, rowCount=count, page=page, pageSize=page_size)
