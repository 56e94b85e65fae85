"""Views of a list that people name, save and delete."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from sync_pipeline.api.auth import RIGHTS, Caller, Right, may
from sync_pipeline.api.contracts.base import Number, Shape
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.explorer import forms
from sync_pipeline.explorer.pages.data import ConnectionName, Entity, View, addresses, list_address
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps import preview
from sync_pipeline.steps.connect.party import Party

router = APIRouter(route_class=PageRoute)
Proposer = Annotated[Caller, Depends(may(Right.PROPOSE))]


class ViewName(Shape):
    """What a view is called."""

    name: str = Field(min_length=1, max_length=preview.LONGEST_NAME)


@router.post("/ui/{org}/{connection}/views/{entity}")
async def save_view(
    request: Request, runtime: RuntimeDep, caller: Proposer, connection: ConnectionName, entity: Entity, view: View
) -> Response:
    """Save the view that the address shows under a name, for everybody in the organization."""
    given = await forms.form(request, ViewName)

    def save() -> str:
        one = the_connection(runtime.db, caller, connection)
        stream = one.source.stream(entity)
        preview.save_view(runtime.db, one, stream, given.name, view, actor=Party.of(caller, "explorer"))
        return str(addresses(caller, one, stream, view)())

    return forms.then(await runtime.run(save))


@router.post("/ui/{org}/{connection}/views/{entity}/{view_id}/delete")
async def delete_view(
    runtime: RuntimeDep,
    caller: Proposer,
    connection: ConnectionName,
    entity: Entity,
    view_id: Annotated[Number, Path()],
) -> Response:
    """Delete a view of one's own; an admin deletes anybody's."""

    def delete() -> str:
        one = the_connection(runtime.db, caller, connection)
        stream = one.source.stream(entity)
        anybodys = Right.CONNECT in RIGHTS[caller.role]
        preview.delete_view(runtime.db, one, view_id, any_of=anybodys, actor=Party.of(caller, "explorer"))
        return list_address(caller, one, stream)

    return forms.then(await runtime.run(delete))
