"""Approvals and policies: what a person grants."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from sync_pipeline.api.auth import Caller, CallerFirst, Right, may
from sync_pipeline.api.contracts.approvals import NewApproval, NewPolicy
from sync_pipeline.api.contracts.base import Answer, Listing, Number, Page, PageSize
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import part
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.steps import approve
from sync_pipeline.steps.approve import Approval, ApprovalPolicy, PolicyVerdict, Subject
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.select import Plan

router = APIRouter(prefix="/api/v1", route_class=CallerFirst)
Reader = Annotated[Caller, Depends(may(Right.READ, everywhere=True))]
Promoter = Annotated[Caller, Depends(may(Right.PROMOTE, everywhere=True))]


@router.get("/approvals", tags=["approvals"], responses=problems())
async def list_approvals(
    runtime: RuntimeDep,
    caller: Reader,
    subject: Subject | None = None,
    plan_id: UUID | None = None,
    page: Page = 1,
    page_size: PageSize = 50,
) -> Listing[Approval]:
    """List approvals, newest first: who granted them and how, until when, and who spent them."""
    found, count = await runtime.run(
        approve.approvals,
        runtime.db,
        caller.org,
        subject="plan" if plan_id else subject,
        subject_id=plan_id,
        page=page,
        page_size=page_size,
    )
    return Listing(data=found, rowCount=count, page=page, pageSize=page_size)


@router.post("/approvals", status_code=201, tags=["approvals"], responses=problems(404, 409, 413, 415))
async def grant_approval(runtime: RuntimeDep, caller: Promoter, given: NewApproval) -> Answer[Plan]:
    """Approve a plan, as `POST /plans/{plan_id}/approve` does. The approval can be spent once, within 24 hours."""
    by = Party.of(caller, "api")
    plan = await runtime.run(approve.approve, runtime.db, caller.org, given.plan_id, plan_hash=given.hash, by=by)
    return Answer(data=plan)


@router.delete("/approvals/{approval_id}", tags=["approvals"], responses=problems(404, 409))
async def withdraw_approval(runtime: RuntimeDep, caller: Promoter, approval_id: Number) -> Answer[Approval]:
    """Withdraw an approval that was not spent: the plan waits again."""
    by = Party.of(caller, "api")
    return Answer(data=await runtime.run(approve.withdraw_approval, runtime.db, caller.org, approval_id, by=by))


@router.get("/plans/{plan_id}/verdict", tags=["approvals"], responses=problems(404))
async def show_verdict(runtime: RuntimeDep, caller: Reader, plan_id: UUID) -> Answer[PolicyVerdict]:
    """Say which policy would let a plan through now, or which limit stops it. Nothing is approved by asking."""
    return Answer(data=await runtime.run(approve.verdict, runtime.db, caller.org, plan_id))


@router.get("/policies", tags=["approvals"], responses=problems())
async def list_policies(
    runtime: RuntimeDep, caller: Reader, page: Page = 1, page_size: PageSize = 50
) -> Listing[ApprovalPolicy]:
    """List the policies by which plans of agents need no approval of their own, newest first."""
    return part(await runtime.run(approve.policies, runtime.db, caller.org), page, page_size)


@router.post("/policies", status_code=201, tags=["approvals"], responses=problems(404, 413, 415))
async def add_policy(runtime: RuntimeDep, caller: Promoter, given: NewPolicy) -> Answer[ApprovalPolicy]:
    """Grant a policy: a person's session does, a token without one does not."""
    made = await runtime.run(
        approve.add_policy,
        runtime.db,
        caller.org,
        given.token_id,
        given.limits(),
        holds=timedelta(days=given.days),
        by=Party.of(caller, "api"),
        why=given.why,
    )
    return Answer(data=made)


@router.post("/policies/{policy_id}/resume", tags=["approvals"], responses=problems(404))
async def resume_policy(runtime: RuntimeDep, caller: Promoter, policy_id: Number) -> Answer[ApprovalPolicy]:
    """Let a policy go on that has paused itself because a plan of it was undone or failed."""
    by = Party.of(caller, "api")
    return Answer(data=await runtime.run(approve.resume_policy, runtime.db, caller.org, policy_id, by=by))


@router.delete("/policies/{policy_id}", tags=["approvals"], responses=problems(404))
async def revoke_policy(runtime: RuntimeDep, caller: Promoter, policy_id: Number) -> Answer[ApprovalPolicy]:
    """Revoke a policy. What it let through stays."""
    by = Party.of(caller, "api")
    return Answer(data=await runtime.run(approve.revoke_policy, runtime.db, caller.org, policy_id, by=by))
