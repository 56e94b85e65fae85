"""The stream of what is at work, as parts of pages."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from sync_pipeline.api.auth import Caller, Right, may
from sync_pipeline.explorer import render
from sync_pipeline.explorer.live import Live
from sync_pipeline.explorer.session import PageRoute

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ))]


@router.get("/ui/{org}/live", response_class=EventSourceResponse)
async def live(request: Request, caller: Reader) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: what is at work, by key, each as HTML. What is no longer named has ended."""
    hub: Live = request.app.state.live
    async for now in hub.follow(caller):
        yield ServerSentEvent(data={one.key: render.part("parts/progress.html", one=one) for one in now}, retry=1000)
