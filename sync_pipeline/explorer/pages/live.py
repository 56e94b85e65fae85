"""The stream of what is at work, as parts of pages."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from sync_pipeline.api.auth import Caller, Right, may
from sync_pipeline.explorer import render
from sync_pipeline.explorer.live import Live
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps.observe import WorkProgress

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ))]


@router.get("/ui/{org}/live", response_class=EventSourceResponse)
async def live(request: Request, caller: Reader) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: what is at work, by key, each as HTML. What is no longer named has ended."""
    hub: Live = request.app.state.live
    async for now in hub.follow(caller):
        yield ServerSentEvent(data=parts_of(now), retry=1000)


def parts_of(now: Sequence[WorkProgress]) -> dict[str, str]:
    """Each piece of work by its key, and lists: `work` of all, `work:ID` of a connection's pulls; `work:` is empty and
    says so, `beside:` is empty and says nothing."""
    parts = {one.key: render.part("parts/progress.html", one=one) for one in now}
    pulls: dict[str, list[WorkProgress]] = {"work:": []}
    for one in now:
        if one.kind == "pull":
            pulls.setdefault(f"work:{one.connection_id}", []).append(one)
    for key, found in pulls.items():
        parts[key] = render.part("parts/work.html", found=found, within=True, beside=False)
    parts["beside:"] = render.part("parts/work.html", found=[], within=True, beside=True)
    return {**parts, "work": render.part("parts/work.html", found=now, within=False, beside=False)}
