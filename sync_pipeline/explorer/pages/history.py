"""What happened to a connection: charts by day, then one time line."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from sync_pipeline.api.auth import Caller, Right, may
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.explorer import nav, render
from sync_pipeline.explorer.charts import Chart, chart
from sync_pipeline.explorer.dagster_ui import DagsterUi
from sync_pipeline.explorer.pages.data import ConnectionName
from sync_pipeline.explorer.pages.operations import connection_address
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps import observe

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ))]
SIZE = 50
DAYS = (7, 30, 90, 365)
Kind = Literal["runs", "plans", "pushes", "webhooks", "decisions"]


@router.get("/ui/{org}/{connection}/history")
async def history_page(
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    connection: ConnectionName,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
    kind: Kind | None = None,
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The last days of a connection, of one kind or of all."""

    def look() -> dict[str, Any]:
        one = the_connection(runtime.db, caller, connection)
        found = observe.time_line(runtime.db, one, days=days, kind=kind, after=after, limit=SIZE + 1)
        by_day = observe.days(runtime.db, caller.org, days, one)[one.connection_id]
        return {
            "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
            "connection": one,
            "base": connection_address(caller, one),
            "streams": {stream.entity_type: stream for stream in one.source.streams.values()},
            "events": found[:SIZE],
            "more": len(found) > SIZE,
            "charts": _charts(by_day),
        }

    shown = await runtime.run(look)

    def at(**changes: Any) -> str:
        wanted = {"days": days if days != 30 else None, "kind": kind, "after": None, **changes}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        return f"{shown['base']}/history{f'?{query}' if query else ''}"

    return render.page(
        request,
        "history/page.html",
        here=(shown["connection"].name, "@history"),
        days=days,
        day_choices=DAYS,
        kinds=observe.KINDS,
        kind=kind,
        after=after,
        at=at,
        run_at=DagsterUi.of(runtime.settings).run,
        **shown,
    )


Figure = tuple[str, Chart, Sequence[tuple[str, str]], Sequence[str], Sequence[tuple[Any, ...]]]


def _charts(found: Sequence[observe.Day]) -> Sequence[Figure]:
    """Title, bars, legend, and the columns and rows of the table."""
    dates = [one.day for one in found]
    changes = chart(
        dates,
        [
            ("new", "new", [one.new for one in found]),
            ("updated", "updated", [one.updated for one in found]),
            ("deleted", "deleted", [one.deleted for one in found]),
        ],
    )
    seconds = chart(dates, [("bar", "seconds", [round(one.longest, 2) for one in found])])
    asked = chart(
        dates,
        [
            ("bar", "requests", [one.requests for one in found]),
            ("deleted", "slowed down by the store", [one.throttled for one in found]),
        ],
        stacked=False,
    )
    return [
        (
            "Changes a day",
            changes,
            [("new", "+ new"), ("updated", "~ updated"), ("deleted", "− deleted")],
            ("New", "Updated", "Deleted"),
            [(one.day, f"{one.new:,}", f"{one.updated:,}", f"{one.deleted:,}") for one in found],
        ),
        (
            "Longest run of the day, in seconds",
            seconds,
            [],
            ("Runs", "Failed", "Longest, s", "All, s"),
            [(one.day, one.runs, one.failed, f"{one.longest:,.1f}", f"{one.seconds:,.1f}") for one in found],
        ),
        (
            "Requests to the store",
            asked,
            [("bar", "requests"), ("deleted", "▲ throttled by the store")],
            ("Requests", "Throttled"),
            [(one.day, f"{one.requests:,}", f"{one.throttled:,}") for one in found],
        ),
    ]
