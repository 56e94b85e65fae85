"""Connections: add, show, change, test, rotate, always without secrets; and the settings of each provider."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from sync_pipeline.api.auth import Caller, CallerFirst, Right, may, sync_call
from sync_pipeline.api.contracts.base import Answer, Listing, Name, Page, PageSize
from sync_pipeline.api.contracts.connections import (
    ChoiceCounts,
    ConnectionInfo,
    Credentials,
    Disconnected,
    EntityCounts,
    NewConnection,
    ProviderInfo,
    SettingInfo,
    SettingsChange,
    Tested,
    WorkInfo,
)
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import part, the_connection, visible_connections
from sync_pipeline.api.masking import Masking
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import ConfigurationError, Conflict
from sync_pipeline.sources.base import Source, Stream, all_sources
from sync_pipeline.sources.settings import LOCAL, ConnectionSettings
from sync_pipeline.steps import connect, observe, preview

router = APIRouter(prefix="/api/v1", route_class=CallerFirst)
Reader = Annotated[Caller, Depends(may(Right.READ))]
Fetcher = Annotated[Caller, Depends(may(Right.FETCH))]
Connector = Annotated[Caller, Depends(may(Right.CONNECT, everywhere=True))]


def _not_local(given: Mapping[str, Any]) -> None:
    """Refuse settings that name files of this machine: the response would reveal which files exist."""
    for name in given:
        if name in LOCAL:
            raise ConfigurationError(f"{name} is a file on the server. Set it with the command line.")


def _info(one: connect.Connection) -> ConnectionInfo:
    shown = {name: getattr(one, name) for name in ConnectionInfo.model_fields}
    return ConnectionInfo.model_validate({**shown, "settings": one.effective()})


def _tested(runtime: ApiRuntime, caller: Caller, name: str) -> Tested:
    found = connect.diagnose(runtime.db, runtime.settings, connect.connection(runtime.db, caller.org, name))
    return Tested(
        connection=_info(connect.connection(runtime.db, caller.org, name)),
        ok=not any(one.level == "error" for one in found),
        findings=found,
    )


@router.get("/connections", tags=["connections"], responses=problems())
async def list_connections(
    runtime: RuntimeDep, caller: Reader, page: Page = 1, page_size: PageSize = 50
) -> Listing[ConnectionInfo]:
    """List the organization's stores, without their secrets."""

    def look() -> list[ConnectionInfo]:
        return [_info(one) for one in visible_connections(runtime.db, caller)]

    return part(await runtime.run(look), page, page_size)


@router.post("/connections", tags=["connections"], status_code=201, responses=problems(404, 409, 413, 415, 424))
async def add_connection(runtime: RuntimeDep, caller: Connector, given: NewConnection) -> Answer[Tested]:
    """Connect a store and test it. Its secrets are encrypted and never returned."""
    _not_local(given.settings)

    def add() -> Tested:
        if any(one.name == given.name for one in connect.connections(runtime.db, caller.org)):
            raise Conflict(f"The connection “{given.name}” exists already. Use rotate to give it new credentials.")
        connect.add_connection(
            runtime.db, runtime.settings, caller.org, given.provider, given.name, given.settings, actor=caller.actor
        )
        return _tested(runtime, caller, given.name)

    await sync_call(runtime, caller, None)
    return Answer(data=await runtime.ask_store(caller.org.org_id, add))


@router.get("/connections/{connection}", tags=["connections"], responses=problems(404))
async def show_connection(runtime: RuntimeDep, caller: Reader, connection: Name) -> Answer[ConnectionInfo]:
    """Show one store, without its secrets."""
    return Answer(data=_info(await runtime.run(the_connection, runtime.db, caller, connection)))


@router.get("/connections/{connection}/progress", tags=["connections"], responses=problems(404))
async def connection_progress(runtime: RuntimeDep, caller: Reader, connection: Name) -> Answer[list[WorkInfo]]:
    """Show what is at work on one store now, whichever process does it: pulls with rate and ETA, and requests."""

    def look() -> list[WorkInfo]:
        one = the_connection(runtime.db, caller, connection)
        return [
            WorkInfo.of(work)
            for work in observe.progress(runtime.db, caller.org.org_id)
            if work.connection_id == one.connection_id
        ]

    return Answer(data=await runtime.run(look))


@router.get("/connections/{connection}/counts", tags=["table"], responses=problems(404))
async def count_records(
    runtime: RuntimeDep,
    caller: Reader,
    connection: Name,
    entity: Annotated[str | None, Query(max_length=60, description="Only this one; else all.")] = None,
    search: Annotated[str | None, Query(min_length=1, max_length=200, description="As of the table.")] = None,
) -> Answer[list[EntityCounts]]:
    """Count the records of each entity by status and decision."""

    def look() -> list[EntityCounts]:
        one = the_connection(runtime.db, caller, connection)
        streams = [one.source.stream(entity)] if entity is not None else list(one.source.streams.values())
        for stream in streams:
            Masking.of(runtime.settings, caller).may_decide_by(stream, search)
        return [_counted(runtime, one, stream, search) for stream in streams]

    return Answer(data=await runtime.run(look))


def _counted(runtime: ApiRuntime, one: connect.Connection, stream: Stream, search: str | None) -> EntityCounts:
    counts, capped = preview.count_records(runtime.db, one, stream, search=search)

    def of(status: str) -> ChoiceCounts:
        choices = {choice: counts.of(status, choice) for choice in preview.DECISIONS}
        return ChoiceCounts(total=counts.of(status), **choices)

    return EntityCounts(
        entity=stream.name,
        total=counts.of(),
        in_sync=counts.in_sync,
        new=of("new"),
        updated=of("updated"),
        deleted=of("deleted"),
        capped=capped,
    )


@router.patch("/connections/{connection}", tags=["connections"], responses=problems(404, 413, 415))
async def change_connection(
    runtime: RuntimeDep, caller: Connector, connection: Name, given: SettingsChange
) -> Answer[ConnectionInfo]:
    """Change settings that are not secret."""
    _not_local(given.settings)

    def change() -> ConnectionInfo:
        one = the_connection(runtime.db, caller, connection)
        connect.update_settings(runtime.db, one, given.settings, actor=caller.actor)
        return _info(the_connection(runtime.db, caller, connection))

    return Answer(data=await runtime.run(change))


@router.post("/connections/{connection}/test", tags=["connections"], responses=problems(404, 424))
async def test_connection(runtime: RuntimeDep, caller: Fetcher, connection: Name) -> Answer[Tested]:
    """Test the connection; the findings name the cause of a failure."""
    one = await runtime.run(the_connection, runtime.db, caller, connection)
    await sync_call(runtime, caller, one.connection_id)
    return Answer(data=await runtime.ask_store(caller.org.org_id, _tested, runtime, caller, one.name))


@router.post("/connections/{connection}/rotate", tags=["connections"], responses=problems(404, 413, 415, 424))
async def rotate(runtime: RuntimeDep, caller: Connector, connection: Name, given: Credentials) -> Answer[Tested]:
    """Replace the store's credentials, and its address if given, and test it."""

    def replace() -> Tested:
        one = the_connection(runtime.db, caller, connection)
        connect.rotate_credentials(runtime.db, runtime.settings, caller.org, one, given.credentials, actor=caller.actor)
        return _tested(runtime, caller, one.name)

    one = await runtime.run(the_connection, runtime.db, caller, connection)
    await sync_call(runtime, caller, one.connection_id)
    return Answer(data=await runtime.ask_store(caller.org.org_id, replace))


@router.delete("/connections/{connection}", tags=["connections"], responses=problems(404, 409))
async def disconnect(
    runtime: RuntimeDep,
    caller: Connector,
    connection: Name,
    why: Annotated[str | None, Query(max_length=2000, description="The reason, for the audit log.")] = None,
) -> Answer[Disconnected]:
    """Stop using a store. What was captured and promoted stays; its credentials are erased and its tokens revoked. The
    same store, connected again under the same name, goes on where it was."""

    def end() -> None:
        one = the_connection(runtime.db, caller, connection)
        connect.disconnect(runtime.db, one, actor=caller.actor, why=why)

    await runtime.run(end)
    return Answer(data=Disconnected(name=connection))


@router.get("/providers", tags=["connections"], responses=problems())
async def list_providers(_caller: Reader, page: Page = 1, page_size: PageSize = 50) -> Listing[ProviderInfo]:
    """List the providers and the settings of their connections."""
    return part([_provider(one) for one in all_sources().values()], page, page_size)


def _provider(source: Source) -> ProviderInfo:
    shared = ConnectionSettings.model_fields
    # The provider's own settings come first.
    fields = sorted(source.settings.model_fields.items(), key=lambda one: one[0] in shared)
    settings = [
        SettingInfo(
            name=name,
            title=field.title or name.replace("_", " "),
            description=field.description or "",
            required=field.is_required(),
            secret=name in source.secret_fields,
            default=None if field.is_required() else field.get_default(call_default_factory=True),
        )
        for name, field in fields
        if name not in LOCAL
    ]
    return ProviderInfo(name=source.name, title=source.title, settings=settings, entities=list(source.streams))
