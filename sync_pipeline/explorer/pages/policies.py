"""Policies: within them plans of agents need no approval of their own. People grant, revoke and resume them."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from sync_pipeline.api.auth import RIGHTS, Caller, Right, may
from sync_pipeline.api.contracts.base import Shape
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.explorer import forms, nav, render
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps import approve, connect
from sync_pipeline.steps.approve.policies import Action, Limits, Risk
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.connect.party import Party

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ, everywhere=True))]
Promoter = Annotated[Caller, Depends(may(Right.PROMOTE, everywhere=True))]
PolicyId = Annotated[int, Path(ge=1, le=2**63 - 1)]


class PolicyForm(Shape):
    """A policy as the form has it. `entities`: names with commas between them; `share`: percent."""

    token: int = Field(ge=1, le=2**63 - 1)
    connections: list[str] = Field(min_length=1, max_length=50)
    entities: str = Field(max_length=2000)
    actions: list[Action] = Field(min_length=1, max_length=3)
    plan: int = Field(ge=1, le=2**53)
    day: int = Field(ge=1, le=2**53)
    share: Decimal = Field(gt=0, le=100)
    allows: list[Risk] = Field(default_factory=list, max_length=4)
    opens: str | None = Field(None, pattern=r"^\d\d:\d\d$")
    closes: str | None = Field(None, pattern=r"^\d\d:\d\d$")
    zone: str | None = Field(None, max_length=60)
    days: float = Field(gt=0, le=90)
    why: str = Field(min_length=1, max_length=2000)

    def limits(self) -> Limits:
        """The limits, as the step takes them."""
        return Limits(
            connections=self.connections,
            entities=[name.strip() for name in self.entities.split(",") if name.strip()],
            actions=self.actions,
            max_plan=self.plan,
            max_day=self.day,
            max_share=self.share / 100,
            allows=self.allows,
            window=(self.opens, self.closes, self.zone) if self.opens and self.closes and self.zone else None,
        )


@router.get("/ui/{org}/policies")
async def policy_page(request: Request, runtime: RuntimeDep, caller: Reader) -> Response:
    """Which plans of agents need no approval of their own, and what became of these policies."""

    def look() -> dict[str, Any]:
        agents = [
            one
            for one in tokens.list_tokens(runtime.db, caller.org)
            if one.role == "agent" and one.revoked_at is None and one.user is None
        ]
        return {
            "policies": approve.policies(runtime.db, caller.org),
            "agents": agents,
            "connections": [one.name for one in connect.connections(runtime.db, caller.org)],
            "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
        }

    shown = await runtime.run(look)
    promotes = Right.PROMOTE in RIGHTS[caller.role]
    return render.page(
        request,
        "policies/page.html",
        here=("", "policies"),
        address=f"/ui/{caller.org.slug}/policies",
        promotes=promotes,
        grants=promotes and Party.of(caller, "explorer").is_person,
        actions=approve.ACTIONS,
        risks=approve.RISKS,
        **shown,
    )


@router.post("/ui/{org}/policies")
async def add_policy(request: Request, runtime: RuntimeDep, caller: Promoter) -> Response:
    """Grant a policy, as a person who is logged in with a password."""
    given = await forms.form(request, PolicyForm)
    await runtime.run(
        approve.add_policy,
        runtime.db,
        caller.org,
        given.token,
        given.limits(),
        holds=timedelta(days=given.days),
        by=Party.of(caller, "explorer"),
        why=given.why,
    )
    return forms.then(f"/ui/{caller.org.slug}/policies")


@router.post("/ui/{org}/policies/{policy_id}/revoke")
async def revoke_policy(runtime: RuntimeDep, caller: Promoter, policy_id: PolicyId) -> Response:
    """Revoke a policy. What it let through stays."""
    await runtime.run(approve.revoke_policy, runtime.db, caller.org, policy_id, by=Party.of(caller, "explorer"))
    return forms.then(f"/ui/{caller.org.slug}/policies")


@router.post("/ui/{org}/policies/{policy_id}/resume")
async def resume_policy(runtime: RuntimeDep, caller: Promoter, policy_id: PolicyId) -> Response:
    """Let a policy go on that has paused itself."""
    await runtime.run(approve.resume_policy, runtime.db, caller.org, policy_id, by=Party.of(caller, "explorer"))
    return forms.then(f"/ui/{caller.org.slug}/policies")
