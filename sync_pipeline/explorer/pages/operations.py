"""A connection at work: refresh it, see how far that is, what the last pulls found, and what could not be captured."""

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from sync_pipeline.api.auth import RIGHTS, Caller, Right, may, sync_call
from sync_pipeline.api.contracts.base import Shape
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import Conflict, NotFound
from sync_pipeline.explorer import forms, nav, render
from sync_pipeline.explorer.dagster_ui import DagsterUi
from sync_pipeline.explorer.live import by_key
from sync_pipeline.explorer.pages.data import ConnectionName
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps import connect, observe, preview
from sync_pipeline.steps.preview import EntityTotals

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ))]
Fetcher = Annotated[Caller, Depends(may(Right.FETCH))]
Everywhere = Annotated[Caller, Depends(may(Right.FETCH, everywhere=True))]
Number = Annotated[int, Path(ge=1, le=2**53)]
SIZE = 50
Kind = Literal["pull", "preview", "reconcile"]


class Refresh(Shape):
    """What to read of the store: what changed, or everything; of one entity, or of all."""

    what: Literal["changed", "everything"] = "changed"
    entity: str | None = Field(None, max_length=60)


class Compare(Shape):
    """What to compare with core: one entity, or all."""

    entity: str | None = Field(None, max_length=60)


def connection_address(caller: Caller, connection: connect.Connection, page: str = "") -> str:
    """The address of a page of a connection."""
    base = f"/ui/{caller.org.slug}/{quote(connection.name, safe='')}"
    return f"{base}/{page}" if page else base


@router.get("/ui/{org}/{connection}/quarantine")
async def quarantine_page(
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    connection: ConnectionName,
    entity: Annotated[str | None, Query(max_length=60)] = None,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> Response:
    """What could not be captured, of one entity or of all."""

    def look() -> dict[str, Any]:
        one = the_connection(runtime.db, caller, connection)
        stream = one.source.stream(entity) if entity else None
        found = observe.quarantine_page(runtime.db, one, stream, after=after, limit=SIZE + 1)
        return {
            **_common(request, runtime, caller, one),
            "found": found[:SIZE],
            "more": len(found) > SIZE,
            "counts": observe.quarantine_counts(runtime.db, one),
            "stream": stream,
        }

    return render.page(request, "operations/quarantine.html", after=after, **await runtime.run(look))


@router.get("/ui/{org}/{connection}/quarantine/{quarantine_id}")
async def quarantined_page(
    request: Request, runtime: RuntimeDep, caller: Reader, connection: ConnectionName, quarantine_id: Number
) -> Response:
    """One of them: the reason, what to do, and the bytes as text."""

    def look() -> dict[str, Any]:
        one = the_connection(runtime.db, caller, connection)
        found = observe.quarantined_one(runtime.db, one, quarantine_id)
        text = found.raw.decode("utf-8", "backslashreplace")
        return {**_common(request, runtime, caller, one), "found": found, "text": text}

    return render.page(request, "operations/quarantined.html", **await runtime.run(look))


@router.post("/ui/{org}/{connection}/refresh")
async def refresh(request: Request, runtime: RuntimeDep, caller: Fetcher, connection: ConnectionName) -> Response:
    """Ask for a refresh; the page shows how far it is."""
    given = await forms.form(request, Refresh)
    full = True if given.what == "everything" else None
    return await _ask(runtime, caller, connection, "pull", given.entity, full=full)


@router.post("/ui/{org}/{connection}/compare")
async def compare(request: Request, runtime: RuntimeDep, caller: Fetcher, connection: ConnectionName) -> Response:
    """Ask for a comparison of what is captured with core."""
    given = await forms.form(request, Compare)
    return await _ask(runtime, caller, connection, "preview", given.entity)


@router.post("/ui/{org}/{connection}/reconcile")
async def reconcile(runtime: RuntimeDep, caller: Everywhere, connection: ConnectionName) -> Response:
    """Ask for a reconciliation: the ids of every store of the organization are listed and compared."""
    return await _ask(runtime, caller, connection, "reconcile", None)


@router.post("/ui/{org}/{connection}/requests/{request_id}/cancel")
async def cancel(runtime: RuntimeDep, caller: Fetcher, connection: ConnectionName, request_id: Number) -> Response:
    """Cancel a request: while it waits here, afterwards through Dagster."""

    def stop() -> str:
        one = the_connection(runtime.db, caller, connection)
        found = observe.request(runtime.db, caller.org, request_id)
        theirs = found.parameters.get("connection")
        if theirs != one.name and (theirs or caller.connection_id is not None):
            raise NotFound(f"There is no request {request_id}.")
        if found.state == "waiting":
            observe.cancel_request(runtime.db, caller.org, request_id, actor=caller.actor)
        elif found.state == "launched" and found.run_id:
            DagsterUi.of(runtime.settings).cancel(found.run_id)
        else:
            raise Conflict(f"Request {request_id} has ended: {found.error or found.state}.")
        return connection_address(caller, one)

    return forms.then(f"{await runtime.slowly(stop)}?asked={request_id}")


@router.get("/ui/{org}/{connection}")
async def operations_page(
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    connection: ConnectionName,
    asked: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """Refresh, what is at work, and each entity's last pull.

    `asked`: the request whose state is told; without it, the last one that ended.
    """

    def look() -> dict[str, Any]:
        one = the_connection(runtime.db, caller, connection)
        totals = preview.entity_totals(runtime.db, caller.org)
        working = observe.progress(runtime.db, caller.org.org_id)
        waiting = observe.asked(runtime.db, one)
        return {
            **_common(request, runtime, caller, one),
            "entities": [
                (run, totals.get((one.connection_id, run.stream.entity_type), EntityTotals()))
                for run in observe.entity_runs(runtime.db, one)
            ],
            "requests": waiting,
            "working": by_key(working),
            "pulls": [work for work in working if work.kind == "pull" and work.connection_id == one.connection_id],
            "reconciled": observe.last_reconciliation(runtime.db, one),
            "told": None if asked is None and waiting else _told(runtime, caller, one, asked),
        }

    rights = RIGHTS[caller.role]
    return render.page(
        request,
        "operations/page.html",
        fetches=Right.FETCH in rights,
        reconciles=Right.FETCH in rights and caller.connection_id is None,
        **await runtime.run(look),
    )


def _common(request: Request, runtime: ApiRuntime, caller: Caller, one: connect.Connection) -> dict[str, Any]:
    return {
        "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
        "here": (one.name, "@operations"),
        "connection": one,
        "base": connection_address(caller, one),
        "streams": {stream.entity_type: stream for stream in one.source.streams.values()},
        "run_at": DagsterUi.of(runtime.settings).run,
    }


def _told(runtime: ApiRuntime, caller: Caller, one: connect.Connection, number: int | None) -> observe.Request | None:
    """The request that this page was led to, or the last one that ended, if it concerns this connection."""
    if number is None:
        last = observe.last_ended(runtime.db, one)
        if last is None or (caller.connection_id is not None and last.parameters.get("connection") != one.name):
            return None
        return last
    try:
        found = observe.request(runtime.db, caller.org, number)
    except NotFound:
        return None
    theirs = found.parameters.get("connection")
    return found if theirs == one.name or (theirs is None and caller.connection_id is None) else None


async def _ask(
    runtime: ApiRuntime, caller: Caller, connection: str, kind: Kind, entity: str | None, **more: Any
) -> Response:
    """A request, unless the same already waits; then the page that shows it."""

    def find() -> tuple[connect.Connection, Stream | None]:
        one = the_connection(runtime.db, caller, connection)
        return one, one.source.stream(entity) if entity else None

    one, stream = await runtime.run(find)
    await sync_call(runtime, caller, one.connection_id)

    def ask() -> int:
        wanted: dict[str, Any] = {} if kind == "reconcile" else {"connection": one.name}
        if stream is not None:
            wanted["entities"] = [stream.name]
        wanted |= {name: value for name, value in more.items() if value is not None}
        for known in observe.asked(runtime.db, one):
            same = {name: value for name, value in known.parameters.items() if name != "actor"}
            if known.state == "waiting" and known.kind == kind and same == wanted:
                return known.request_id
        return observe.create_request(runtime.db, caller.org, kind, actor=caller.actor, **wanted).request_id

    return forms.then(f"{connection_address(caller, one)}?asked={await runtime.run(ask)}")
