"""Views of a list that people named: list, save, delete."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from sync_pipeline.api.auth import RIGHTS, Caller, CallerFirst, Right, may
from sync_pipeline.api.contracts.base import Answer, Listing, Name, Number, Page, PageSize
from sync_pipeline.api.contracts.views import DeletedView, NewView
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import part, the_connection
from sync_pipeline.api.masking import Masking
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.steps import preview
from sync_pipeline.steps.connect.party import Party

router = APIRouter(prefix="/api/v1/connections/{connection}/views", tags=["table"], route_class=CallerFirst)
Reader = Annotated[Caller, Depends(may(Right.READ))]
Proposer = Annotated[Caller, Depends(may(Right.PROPOSE))]


@router.post("", status_code=201, responses=problems(404, 409, 413, 415))
async def save_view(
    runtime: RuntimeDep, caller: Proposer, connection: Name, given: NewView
) -> Answer[preview.SavedView]:
    """Save a view of an entity's list under a name. Everybody in the organization finds it; at most 50 an entity."""

    def save() -> preview.SavedView:
        one = the_connection(runtime.db, caller, connection)
        view = preview.RecordView(**given.model_dump(exclude={"entity", "name"}))
        stream = one.source.stream(given.entity)
        return preview.save_view(runtime.db, one, stream, given.name, view, actor=Party.of(caller, "api"))

    return Answer(data=await runtime.run(save))


@router.get("", responses=problems(404))
async def list_views(
    runtime: RuntimeDep,
    caller: Reader,
    connection: Name,
    entity: Annotated[str, Query(max_length=60, examples=["products"])],
    page: Page = 1,
    page_size: PageSize = 50,
) -> Listing[preview.SavedView]:
    """List the saved views of an entity, by name."""

    def look() -> list[preview.SavedView]:
        one = the_connection(runtime.db, caller, connection)
        stream, reads = one.source.stream(entity), Masking.of(runtime.settings, caller)
        found = preview.saved_views(runtime.db, one, stream)
        return [replace(view, search=reads.searched(stream, view.search)) for view in found]

    return part(await runtime.run(look), page, page_size)


@router.delete("/{view_id}", responses=problems(404))
async def delete_view(runtime: RuntimeDep, caller: Proposer, connection: Name, view_id: Number) -> Answer[DeletedView]:
    """Delete a view that you made. An admin deletes any."""

    def delete() -> None:
        one = the_connection(runtime.db, caller, connection)
        anybodys = Right.CONNECT in RIGHTS[caller.role]
        preview.delete_view(runtime.db, one, view_id, any_of=anybodys, actor=Party.of(caller, "api"))

    await runtime.run(delete)
    return Answer(data=DeletedView(view_id=view_id))
