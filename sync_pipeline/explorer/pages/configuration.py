"""A connection's configuration: its address, what the doctor found, its credentials, and who may send to it."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, SecretStr

from sync_pipeline.api.auth import RIGHTS, Caller, Right, may, sync_call
from sync_pipeline.api.contracts.base import Shape
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.explorer import forms, nav, render
from sync_pipeline.explorer.pages.data import ConnectionName
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.explorer.settings_form import fields_of
from sync_pipeline.steps import connect, observe

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ))]
Fetcher = Annotated[Caller, Depends(may(Right.FETCH))]
Connector = Annotated[Caller, Depends(may(Right.CONNECT, everywhere=True))]
PAGE = "/ui/{org}/{connection}/configuration"
_EVENTS = ("connect.saved", "connect.webhook_secret_set")


class WebhookSecret(Shape):
    """A secret for the store's webhooks: made here, given by somebody, or none."""

    how: Literal["make", "take", "remove"]
    secret: SecretStr | None = Field(None, min_length=16, max_length=500)


class Farewell(Shape):
    """Why a store is disconnected."""

    why: str = Field(min_length=1, max_length=2000)


@router.get(PAGE)
async def configuration_page(
    request: Request, runtime: RuntimeDep, caller: Reader, connection: ConnectionName, connected: bool = False
) -> Response:
    """Everything about the connection but its secrets."""
    shown = await runtime.run(_look, request, runtime, caller, connection)
    return render.page(request, "configuration/page.html", connected=connected, made=None, **shown)


@router.post(PAGE)
async def set_webhook_secret(
    request: Request, runtime: RuntimeDep, caller: Connector, connection: ConnectionName
) -> Response:
    """Set the webhook secret. One that is made here is in this answer, and in no other."""
    given = await forms.form(request, WebhookSecret)
    if given.how == "take" and given.secret is None:
        raise ConfigurationError("Type the secret that the store has.")
    made = secrets.token_urlsafe(32) if given.how == "make" else None
    value = made or (given.secret.get_secret_value() if given.how == "take" and given.secret else "")

    def save() -> dict[str, Any]:
        one = the_connection(runtime.db, caller, connection)
        connect.set_webhook_secret(runtime.db, runtime.settings, one, value, actor=caller.actor)
        return _look(request, runtime, caller, connection)

    shown = await runtime.run(save)
    return render.page(request, "configuration/page.html", connected=False, made=made, **shown)


@router.post(f"{PAGE}/test")
async def test_store(runtime: RuntimeDep, caller: Fetcher, connection: ConnectionName) -> Response:
    """Let the doctor look at the store now."""
    one = await runtime.run(the_connection, runtime.db, caller, connection)
    await sync_call(runtime, caller, one.connection_id)
    await runtime.ask_store(caller.org.org_id, connect.diagnose, runtime.db, runtime.settings, one)
    return forms.then(_address(caller, one.name))


@router.post(f"{PAGE}/credentials")
async def replace_credentials(
    request: Request, runtime: RuntimeDep, caller: Connector, connection: ConnectionName
) -> Response:
    """Replace the secrets, and the address if it is another, once the store has accepted them."""
    given = {name: values[-1] for name, values in (await forms.fields(request)).items() if values[-1]}

    def replace() -> None:
        one = the_connection(runtime.db, caller, connection)
        connect.replace_credentials(
            runtime.db,
            runtime.settings,
            caller.org,
            one,
            _credentials(one, given),
            tested="untested" not in given,
            actor=caller.actor,
        )

    one = await runtime.run(the_connection, runtime.db, caller, connection)
    await sync_call(runtime, caller, one.connection_id)
    await runtime.ask_store(caller.org.org_id, replace)
    return forms.then(_address(caller, one.name))


@router.post(f"{PAGE}/disconnect")
async def disconnect_store(
    request: Request, runtime: RuntimeDep, caller: Connector, connection: ConnectionName
) -> Response:
    """Stop using the connection. What was captured and promoted stays."""
    given = await forms.form(request, Farewell)

    def disconnect() -> None:
        one = the_connection(runtime.db, caller, connection)
        connect.disconnect(runtime.db, one, actor=caller.actor, why=given.why)

    await runtime.run(disconnect)
    return forms.then(f"/ui/{caller.org.slug}/connect")


def _credentials(one: connect.Connection, given: Mapping[str, str]) -> dict[str, str]:
    """The credentials in the form.

    Raises:
        ConfigurationError: there are none, or the address is another and nobody said that the store has moved.
    """
    address = one.source.address_field
    own = {name: value for name, value in given.items() if name not in ("untested", "moved")}
    if own.get(address, "").strip() in ("", one.store_url):
        own.pop(address, None)
    elif "moved" not in given:
        raise ConfigurationError(
            f"{one.name} leads to {one.store_url}. What was captured from there and is not at the new address would "
            "count as deleted. Confirm that the same store has moved, or connect the other store under a name of its "
            "own."
        )
    if not own:
        raise ConfigurationError("Type the new credentials first.")
    return own


def _look(request: Request, runtime: ApiRuntime, caller: Caller, name: str) -> dict[str, Any]:
    one = the_connection(runtime.db, caller, name)
    rights = RIGHTS[caller.role]
    hooks = one.source.webhooks
    administers = Right.CONNECT in rights and caller.connection_id is None
    changes = observe.settings_changes(runtime.db, caller.org, one, _EVENTS, limit=5)
    return {
        "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
        "here": (one.name, "@configuration"),
        "connection": one,
        "test": connect.last_test(runtime.db, one),
        "changes": changes,
        "address": _address(caller, one.name),
        "service": str(request.base_url).rstrip("/"),
        "secret_fields": [one_field for one_field in fields_of(one.provider) if _rotated(one, one_field.name)],
        "address_title": one.source.settings.model_fields[one.source.address_field].title or "Address",
        "webhook_set": hooks is not None and _has_secret(runtime, one, hooks.secret_field),
        "tests": Right.FETCH in rights,
        "administers": administers,
    }


def _has_secret(runtime: ApiRuntime, one: connect.Connection, name: str) -> bool | None:
    """Is it set? None: no key opens the stored credentials."""
    try:
        return connect.secret(runtime.settings, one, name) is not None
    except ConfigurationError:
        return None


def _rotated(one: connect.Connection, name: str) -> bool:
    """Is this one of the credentials? The webhook's secret has a form of its own."""
    hooks = one.source.webhooks
    return name in one.source.secret_fields and (hooks is None or name != hooks.secret_field)


def _address(caller: Caller, name: str) -> str:
    return f"/ui/{caller.org.slug}/{quote(name, safe='')}/configuration"
