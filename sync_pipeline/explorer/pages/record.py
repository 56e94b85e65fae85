"""One record: what would change in core, its payload, its versions, its core row, and what happened to it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response

from sync_pipeline.api.auth import RIGHTS, Caller, Right, may
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.explorer import nav, render
from sync_pipeline.explorer.pages.data import ConnectionName, Entity, list_address, record_address
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.explorer.text import visible
from sync_pipeline.sources.base import source
from sync_pipeline.steps import connect, observe, preview, trace

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ))]
Tab = Literal["changes", "raw", "versions", "core", "related", "events"]
Number = Annotated[int | None, Query(ge=1, le=2**31 - 1)]


@router.get("/ui/{org}/{connection}/data/{entity}/{external_id:path}")
async def record_page(  # noqa: PLR0913 - where, who, and what of it is shown
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    connection: ConnectionName,
    entity: Entity,
    external_id: str,
    tab: Tab = "changes",
    version: Number = None,
    earlier: Annotated[int | None, Query(alias="from", ge=1, le=2**31 - 1)] = None,
    later: Annotated[int | None, Query(alias="to", ge=1, le=2**31 - 1)] = None,
) -> Response:
    """One record, a tab at a time."""

    def look() -> dict[str, Any]:
        one = the_connection(runtime.db, caller, connection)
        stream = one.source.stream(entity)
        here = (runtime.db, one, stream, external_id)
        record = preview.record(*here)
        shown: dict[str, Any] = {"record": record, "stream": stream, "connection": one, "version": version}
        [shown["row"]] = preview.browse_some(runtime.db, one, stream, [external_id])
        if tab in ("changes", "core"):
            shown["core"] = trace.in_core(*here)
        elif tab == "events":
            shown["events"] = trace.record_events(*here)
        elif tab == "related":
            shown["related"] = preview.relatives(*here)
        elif tab == "versions":
            first, second = _compared(record.versions, earlier, later)
            shown |= {"earlier": first, "later": second}
            shown["changes"] = preview.version_changes(*here, first, second) if first and second else {}
        shown["links"] = [] if render.is_fragment(request) else nav.links(runtime, caller)
        shown["back"] = list_address(caller, one, stream)
        shown["quarantined"] = observe.quarantined_record(*here)
        shown["address_of"] = lambda other, of_it: record_address(caller, one, other)(of_it)
        shown["record_at"] = lambda other: _address_of(caller, other)
        shown["address"] = record_address(caller, one, stream)(external_id)
        shown["code_title"] = "SKU" if stream.code_is == "sku" else stream.code_is.replace("_", " ").capitalize()
        return shown

    asked_at = datetime.now(UTC)  # what others decide from now on, this page does not show
    shown = await runtime.run(look)
    rights = RIGHTS[caller.role]
    return render.page(
        request,
        "record/page.html",
        here=(shown["connection"].name, shown["stream"].name),
        tab=tab,
        as_of=asked_at,
        decides=Right.PROPOSE in rights,
        proposes=Right.SELECT not in rights,
        **shown,
    )


def _address_of(caller: Caller, other: Mapping[str, Any]) -> str:
    """The page of a record that is the same core row, of whichever connection."""
    stream = source(other["provider"]).stream(other["entity_type"])
    place = f"{quote(other['connection'], safe='')}/data/{stream.name}/{quote(other['external_id'], safe='')}"
    return f"/ui/{caller.org.slug}/{place}"


@router.get("/ui/{org}/{connection}/raw/{entity}/{external_id:path}")
async def raw_text(
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    connection: ConnectionName,
    entity: Entity,
    external_id: str,
    version: Number = None,
) -> Response:
    """The payload of a version as text, for the JSON view and to be saved."""

    def look() -> tuple[connect.Connection, str]:
        one = the_connection(runtime.db, caller, connection)
        return one, preview.version_text(runtime.db, one, one.source.stream(entity), external_id, version)

    _, text = await runtime.run(look)
    if render.is_fragment(request):  # to be looked at; a file has every character as it is
        text = visible(text)
    body = text.encode("utf-8", "surrogatepass")
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in f"{entity}-{external_id}")[:100]
    headers = {"Content-Disposition": f'attachment; filename="{name}.json"', "X-Content-Type-Options": "nosniff"}
    return render.answer(request, body, "application/json", headers=headers)


def _compared(
    versions: list[Mapping[str, Any]] | Any, earlier: int | None, later: int | None
) -> tuple[int | None, int | None]:
    """The two versions to compare: those that are named, else the last two."""
    numbers = [one["version_no"] for one in versions]
    second = later or (numbers[0] if numbers else None)
    first = earlier or next((one for one in numbers if second and one < second), None)
    return first, second
