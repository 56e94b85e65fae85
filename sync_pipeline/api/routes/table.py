"""The table of captured records, and one record in full."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Response

from sync_pipeline import exact_json
from sync_pipeline.api.auth import Caller, CallerFirst, Right, may
from sync_pipeline.api.contracts.base import Answer, Page, PageSize
from sync_pipeline.api.contracts.table import RecordInfo, Status, TablePage
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.masking import MOST_FOUND, Masking, is_named
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps import preview
from sync_pipeline.steps.connect import Connection
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
    ids: Annotated[
        str | None,
        Query(
            max_length=20_000,
            description="These records alone, at most 500, separated by commas: those that are captured come in this "
            "order on one page. `in_sync` is in core as it is captured.",
            examples=["101,102"],
        ),
    ] = None,
    payload: Annotated[bool, Query(description="false: without payloads, `raw` is null.")] = True,
) -> Response:
    """List captured records with their status, searched, filtered and paged; or those with some ids."""

    def look() -> bytes | str:
        one = the_connection(runtime.db, caller, connection, provider=provider)
        stream, reads = one.source.stream(entity), Masking.of(runtime.settings, caller)
        wanted: dict[str, Any] = {"status": status, "search": search, "selection": selection, "sort": sort}
        named = [one.strip() for one in ids.split(",") if one.strip()] if ids is not None else None
        wanted |= {"ids": named, "payload": payload}
        if reads.masker is not None:
            return exact_json.dumps(_masked(runtime, reads, one, stream, wanted, page, page_size))
        found = preview.table(runtime.db, one, stream, **wanted, page=page, page_size=page_size, raw=_unparsed)
        answer: dict[str, Any] = {"data": found.data, "rowCount": found.row_count, "page": page, "pageSize": page_size}
        answer["as_of"] = found.as_of
        if found.capped:
            answer["capped"] = True
        if found.message:
            answer["message"] = found.message
        return msgspec.json.encode(answer)

    return Response(await runtime.run(look), media_type="application/json")


def _masked(
    runtime: ApiRuntime,
    reads: Masking,
    one: Connection,
    stream: Stream,
    wanted: Mapping[str, Any],
    page: int,
    size: int,
) -> Mapping[str, Any]:
    """The same for who reads masks: a search of people finds who is named exactly, and nobody else."""

    def rows(number: int, each: int) -> preview.RecordPage:
        return preview.table(runtime.db, one, stream, **wanted, page=number, page_size=each, raw=exact_json.loads)

    def raw_of(row: Mapping[str, Any]) -> Any:
        return reads.payload(stream, row["raw"]) if wanted["payload"] else None

    search = wanted["search"]
    reads.may_sort_by(stream, wanted["sort"])
    exactly = search if search and reads.masks(stream) else None
    found = rows(1, MOST_FOUND // 2) if exactly else rows(page, size)
    data, count = found.data, found.row_count
    if exactly:
        if count > len(data):
            data = [*data, *rows(2, MOST_FOUND // 2).data]
        named = [row for row in data if is_named(exactly, row["external_id"], *_codes(stream, row["display"]))]
        data, count = named[(page - 1) * size : page * size], len(named)
    shown = [{**row, "display": reads.display(stream, row["display"]), "raw": raw_of(row)} for row in data]
    told = {"data": shown, "rowCount": count, "page": page, "pageSize": size, "as_of": found.as_of}
    return {**told, **({"message": found.message} if found.message else {})}


def _codes(stream: Stream, shown: Mapping[str, str]) -> list[str | None]:
    return [shown.get(stream.code_is), shown.get("email")]


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
        stream, reads = one.source.stream(entity), Masking.of(runtime.settings, caller)
        found = preview.record(runtime.db, one, stream, external_id)
        if reads.masker is not None:
            found = replace(
                found,
                display=reads.display(stream, found.display),
                raw=reads.payload(stream, found.raw),
            )
        found = replace(found, changes=reads.changes(stream, found.changes))
        return exact_json.dumps({"success": True, "data": found})

    return Response(await runtime.run(look), media_type="application/json")
