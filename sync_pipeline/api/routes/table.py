"""The table of captured records, and one record in full."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Response

from sync_pipeline import exact_json
from sync_pipeline.api.auth import Caller, CallerFirst, Right, may
from sync_pipeline.api.contracts.base import Answer, Page, PageSize
from sync_pipeline.api.contracts.table import RecordInfo, Status, TablePage
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.steps import preview
from sync_pipeline.steps.preview import DECISIONS

router = APIRouter(prefix="/api/v1/integrations/{provider}", tags=["table"], route_class=CallerFirst)
Reader = Annotated[Caller, Depends(may(Right.READ))]
Provider = Annotated[str, Path(max_length=40, examples=["woocommerce"])]
Entity = Annotated[str, Path(max_length=60, examples=["products"])]
ConnectionName = Annotated[
    str | None, Query(max_length=63, description="Required if the provider has several.", examples=["shop"])
]
_DECISION = "^(" + "|".join(DECISIONS) + ")$"


def _unparsed(text: str) -> msgspec.Raw:
    """A payload, to be copied into a response as the store wrote it."""
    return msgspec.Raw(text.encode("utf-8", "surrogatepass"))


@router.get(
    "/table",
    response_class=Response,
    responses={**problems(404), 200: {"model": TablePage, "description": "A page of records."}},
)
async def table(  # noqa: PLR0913 - query parameters
    runtime: RuntimeDep,
    caller: Reader,
    provider: Provider,
    entity: Annotated[str, Query(max_length=60, examples=["products"])],
    connection: ConnectionName = None,
    page: Page = 1,
    page_size: PageSize = 50,
    search: Annotated[
        str | None,
        Query(max_length=200, description="An id, the beginning of a SKU, email or order number, or words of a name."),
    ] = None,
    status: Status | None = None,
    selection: Annotated[str | None, Query(pattern=_DECISION, description=", ".join(DECISIONS))] = None,
    sort: Annotated[
        str | None,
        Query(
            pattern="^(external_id|name|modified|captured)(:(asc|desc))?$",
            description="external_id, name, modified or captured; add `:desc` for descending order.",
        ),
    ] = None,
) -> Response:
    """List captured records with their status, searched, filtered and paged."""

    def look() -> bytes:
        one = the_connection(runtime.db, caller, connection, provider=provider)
        found = preview.table(
            runtime.db,
            one,
            one.source.stream(entity),
            status=status,
            search=search,
            selection=selection,
            sort=sort,
            page=page,
            page_size=page_size,
            raw=_unparsed,
        )
        answer: dict[str, Any] = {"data": found.data, "rowCount": found.row_count, "page": page, "pageSize": page_size}
        answer["as_of"] = found.as_of
        if found.capped:
            answer["capped"] = True
        if found.message:
            answer["message"] = found.message
        return msgspec.json.encode(answer)

    return Response(await runtime.run(look), media_type="application/json")


@router.get(
    "/records/{entity}/{external_id}",
    response_class=Response,
    responses={**problems(404), 200: {"model": Answer[RecordInfo], "description": "The record."}},
)
async def record(
    runtime: RuntimeDep,
    caller: Reader,
    provider: Provider,
    entity: Entity,
    external_id: Annotated[str, Path(max_length=200, examples=["101"])],
    connection: ConnectionName = None,
) -> Response:
    """Show one record in full: fields before and after, versions, mapping, decision."""

    def look() -> str:
        one = the_connection(runtime.db, caller, connection, provider=provider)
        return exact_json.dumps(
            {"success": True, "data": preview.record(runtime.db, one, one.source.stream(entity), external_id)}
        )

    return Response(await runtime.run(look), media_type="application/json")
