"""Connect a store by a form made from its provider's settings."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response

from sync_pipeline.api.auth import RIGHTS, Caller, Right, may, sync_call
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.errors import ConfigurationError, Conflict
from sync_pipeline.explorer import forms, nav, render
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.explorer.settings_form import fields_of, read
from sync_pipeline.sources.base import all_sources, source
from sync_pipeline.steps import connect

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ))]
Connector = Annotated[Caller, Depends(may(Right.CONNECT, everywhere=True))]
Provider = Annotated[str | None, Query(max_length=40)]
_OWN = frozenset({"provider", "name"})


@router.get("/ui/{org}/connect")
async def connect_page(request: Request, runtime: RuntimeDep, caller: Reader, provider: Provider = None) -> Response:
    """Choose a provider, then the form of its settings."""
    chosen = source(provider) if provider else None
    former = [] if caller.connection_id else await runtime.run(connect.former_connections, runtime.db, caller.org)
    return render.page(
        request,
        "connect/page.html",
        links=[] if render.is_fragment(request) else await runtime.run(nav.links, runtime, caller),
        former=former,
        here=("", "connect"),
        providers=list(all_sources().values()),
        chosen=chosen,
        fields=fields_of(chosen.name) if chosen else (),
        connects=Right.CONNECT in RIGHTS[caller.role] and caller.connection_id is None,
    )


@router.post("/ui/{org}/connect")
async def connect_store(request: Request, runtime: RuntimeDep, caller: Connector) -> Response:
    """Save the connection and test it; its configuration shows what the doctor found."""
    given = {name: values[-1] for name, values in (await forms.fields(request)).items()}
    name = given.get("name", "").strip()
    provider = source(given.get("provider", ""))
    settings = _settings(provider.name, given)

    def add() -> connect.Connection:
        if any(one.name == name for one in connect.connections(runtime.db, caller.org)):
            raise Conflict(f"The connection “{name}” exists already. Choose another name, or open its configuration.")
        made = connect.add_connection(
            runtime.db, runtime.settings, caller.org, provider.name, name, settings, actor=caller.actor
        )
        connect.diagnose(runtime.db, runtime.settings, made)
        return made

    await sync_call(runtime, caller, None)
    made = await runtime.ask_store(caller.org.org_id, add)
    return forms.then(f"/ui/{caller.org.slug}/{quote(made.name, safe='')}/configuration?connected=1")


def _settings(provider: str, given: Mapping[str, str]) -> dict[str, object]:
    """The settings in the form.

    Raises:
        ConfigurationError: it has a field that is none of the provider's.
    """
    fields = fields_of(provider)
    unknown = sorted(given.keys() - {one.name for one in fields} - _OWN)
    if unknown:
        raise ConfigurationError(f"No such setting: {', '.join(unknown)[:200]}.")
    return read(provider, fields, given)
