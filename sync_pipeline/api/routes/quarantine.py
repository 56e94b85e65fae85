"""The quarantine of a connection: what could not be captured, why, and the store's answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from sync_pipeline.api.auth import Caller, CallerFirst, Right, may
from sync_pipeline.api.contracts.base import Answer, Name, Number
from sync_pipeline.api.contracts.quarantine import QuarantineDetail, QuarantinePage, QuarantineRow
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.masking import Masking
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.steps import connect, observe

router = APIRouter(prefix="/api/v1/connections/{connection}/quarantine", tags=["observe"], route_class=CallerFirst)
Reader = Annotated[Caller, Depends(may(Right.READ))]


@router.get("", responses=problems(404))
async def list_quarantine(
    runtime: RuntimeDep,
    caller: Reader,
    connection: Name,
    entity: Annotated[str | None, Query(max_length=60, description="Of this entity; else of all.")] = None,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> QuarantinePage:
    """List what could not be captured, with the reason and what a person can do about it."""

    def look() -> QuarantinePage:
        one = the_connection(runtime.db, caller, connection)
        stream = one.source.stream(entity) if entity is not None else None
        found = observe.quarantine_page(runtime.db, one, stream, after=after, limit=limit)
        counts = observe.quarantine_counts(runtime.db, one)
        return QuarantinePage(
            data=[QuarantineRow.model_validate(_shown(one, row)) for row in found],
            rowCount=sum(counts.values()) if stream is None else counts.get(stream.entity_type, 0),
            next=found[-1].quarantine_id if len(found) == limit else None,
        )

    return await runtime.run(look)


@router.get("/{quarantine_id}", responses=problems(404))
async def show_quarantined(
    runtime: RuntimeDep, caller: Reader, connection: Name, quarantine_id: Number
) -> Answer[QuarantineDetail]:
    """Show one thing in quarantine, with the store's answer."""

    def look() -> QuarantineDetail:
        one = the_connection(runtime.db, caller, connection)
        found = observe.quarantined_one(runtime.db, one, quarantine_id)
        stream = one.source.stream(found.record.entity_type)
        return QuarantineDetail(
            **_shown(one, found.record),
            resolved_at=found.resolved_at,
            captured=found.captured,
            raw=Masking.of(runtime.settings, caller).text_of(stream, found.raw.decode("utf-8", "backslashreplace")),
        )

    return Answer(data=await runtime.run(look))


def _shown(one: connect.Connection, row: observe.SetAside) -> dict[str, object]:
    shown = {name: getattr(row, name) for name in QuarantineRow.model_fields if name != "entity"}
    return {**shown, "entity": one.source.stream(row.entity_type).name}
