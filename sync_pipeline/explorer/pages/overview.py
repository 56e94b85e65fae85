"""The first page of an organization: what waits, its connections, what is at work."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from sync_pipeline.api.auth import RIGHTS, Caller, Right, may
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.explorer import nav, render
from sync_pipeline.explorer.charts import spark
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps import observe

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ))]
SPARK_DAYS = 14


@router.get("/ui/{org}")
async def overview(request: Request, runtime: RuntimeDep, caller: Reader) -> Response:
    """What waits for a person first; then each connection: is it healthy, when did it last deliver, what differs."""

    def look() -> dict[str, Any]:
        links = nav.links(runtime, caller)
        seen = {one.connection.connection_id: one for one in links}
        working = observe.progress(runtime.db, caller.org.org_id)
        waiting = observe.waiting(runtime.db, caller.org)
        days = observe.days(runtime.db, caller.org, SPARK_DAYS)
        late = datetime.now(UTC) - timedelta(hours=runtime.settings.stale_hours)
        return {
            "links": links,
            "waiting": waiting,
            "held": [(one, _held(seen, one)) for one in waiting.held],
            "failing": [one.connection for one in links if one.connection.health == "failing"],
            "whole": caller.connection_id is None,
            "undecided": _undecided(seen, waiting),
            "quarantined": [(seen[one].connection, n) for one, n in waiting.quarantined.items() if one in seen],
            "working": [one for one in working if caller.connection_id in (None, one.connection_id)],
            "sparks": {number: spark([day.changes for day in found]) for number, found in days.items()},
            "late": {
                one.connection.connection_id
                for one in links
                if one.connection.last_sync_at is not None and one.connection.last_sync_at < late
            },
        }

    shown = await runtime.run(look)
    connects = Right.CONNECT in RIGHTS[caller.role] and caller.connection_id is None
    most = observe.MOST_COUNTED
    return render.page(
        request, "overview/page.html", here=(), connects=connects, most=most, spark_days=SPARK_DAYS, **shown
    )


def _held(seen: dict[int, nav.ConnectionLinks], held: observe.HeldPart) -> str:
    """What is on hold, in words."""
    found = seen.get(held.connection_id or 0)
    if found is None:
        return ""
    return f"{', '.join(found.connection.source.stream(one).title for one in held.blocks)} of {found.connection.name}"


def _undecided(seen: dict[int, nav.ConnectionLinks], waiting: observe.Waiting) -> list[tuple[Any, int, Any]]:
    """(connection, records, [(entity, records)]) of each connection that has some."""
    found = []
    for number, one in seen.items():
        titles = {stream.entity_type: stream for stream in one.connection.source.streams.values()}
        parts = [
            (titles[entity_type], records)
            for place, entity_type, records in waiting.undecided
            if place == number and entity_type in titles
        ]
        if parts:
            found.append((one.connection, sum(records for _, records in parts), parts))
    return found
