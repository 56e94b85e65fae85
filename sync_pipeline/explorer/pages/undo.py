"""Undoing a promotion: what would go back, then the undo."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from sync_pipeline.api.auth import Caller, Right, may
from sync_pipeline.api.contracts.base import Shape
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.explorer import forms, nav, render
from sync_pipeline.explorer.plan_view import EVERYTHING, plan_address, record_at, show_plan
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps import promote, select

router = APIRouter(route_class=PageRoute)
Promoter = Annotated[Caller, Depends(may(Right.PROMOTE, everywhere=True))]


class UndoReason(Shape):
    """Why a promotion is undone."""

    why: str = Field(min_length=1, max_length=2000)


@router.get("/ui/{org}/plans/{plan_id}/undo")
async def undo_page(request: Request, runtime: RuntimeDep, caller: Promoter, plan_id: UUID) -> Response:
    """What an undo would do, and the form that does it."""

    def look() -> dict[str, Any]:
        found = select.plan(runtime.db, caller.org, plan_id)
        would = promote.preview_undo(runtime.db, caller.org.org_id, plan_id)
        later = [(select.plan(runtime.db, caller.org, one), rows) for one, rows in would.blocking if one is not None]
        return {"plan": found, "would": would, "later": later}

    shown = await runtime.slowly(look)
    return render.page(
        request,
        "plans/undo.html",
        here=("", "plans"),
        links=[] if render.is_fragment(request) else await runtime.run(nav.links, runtime, caller),
        address=plan_address(caller, plan_id),
        plan_at=lambda one: plan_address(caller, one),
        record_at=record_at(caller),
        **shown,
    )


@router.post("/ui/{org}/plans/{plan_id}/undo")
async def undo_plan(request: Request, runtime: RuntimeDep, caller: Promoter, plan_id: UUID) -> Response:
    """Undo the promotion. Where somebody did that before, the plan is shown as it is now, and that nothing was done."""
    given = await forms.form(request, UndoReason)

    def undo() -> bool:
        before = select.plan(runtime.db, caller.org, plan_id)
        promote.undo(runtime.db, caller.org.org_id, plan_id, actor=caller.actor, why=given.why)
        return before.state != "undone"

    if not await runtime.slowly(undo):
        said = "The plan was undone before: nothing was done now, and the reason that you gave is not kept."
        return await show_plan(request, runtime, caller, plan_id, EVERYTHING, refused=said)
    return forms.then(plan_address(caller, plan_id))
