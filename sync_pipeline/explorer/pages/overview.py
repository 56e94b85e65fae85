"""The first page of an organization: its connections and what differs from core."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from sync_pipeline.api.auth import Caller, Right, may
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.explorer import nav, render
from sync_pipeline.explorer.session import PageRoute

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ))]


@router.get("/ui/{org}")
async def overview(request: Request, runtime: RuntimeDep, caller: Reader) -> Response:
    """Each connection: is it healthy, when did it last deliver, what would change."""
    found = await runtime.run(nav.links, runtime, caller)
    return render.page(request, "overview/page.html", links=found, here=())
