"""connect, disconnect, connections, settings, webhook, doctor: connect, configure and test stores."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.context import opened, warn_of_variables
from sync_pipeline.cli.options import CONNECT, AnyConnection, ConnectionArgument, Json, Org, json_or_text
from sync_pipeline.cli.output import answer, emit, note, say, show
from sync_pipeline.cli.provider_options import ConnectCommand, from_environment, given_settings

if TYPE_CHECKING:
    from sync_pipeline.cli.context import Context
    from sync_pipeline.sources.base import Finding
    from sync_pipeline.steps.connect import Connection


_CORRECT = (
    "The test found errors. If the address or the credentials are wrong, connect it again under the same name: "
    "sync-pipeline connect {org} {provider} --name {name} … "
    "What was corrected at the store is tested by: sync-pipeline doctor {org} --connection {name}"
)


def register(app: typer.Typer) -> None:
    app.command("connect", cls=ConnectCommand)(connect)
    app.command("disconnect")(disconnect)
    app.command("connections")(connections)
    app.command("settings")(settings)
    app.command("webhook")(webhook)
    app.command("doctor")(doctor)


def connect(
    ctx: typer.Context,
    org: Org,
    provider: Annotated[
        str,
        typer.Argument(
            metavar="PROVIDER", help="The store's provider. Each option below names the providers that take it."
        ),
    ],
    name: Annotated[
        str,
        typer.Option("--name", metavar="C", help="The connection's name. An existing one gets these credentials."),
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Give an existing connection another address: the same store has moved.")
    ] = False,
    untested: Annotated[
        bool, typer.Option("--untested", help="Replace credentials in use even if the test of the new ones fails.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Connect a store: test it, and save its encrypted credentials. Secrets are read from environment variables."""
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.sources.base import source
    from sync_pipeline.steps import connect as step

    given = given_settings(source(provider), ctx.obj)
    with opened() as context:
        tenant = context.org(org)
        moved = None if replace else step.moved_by(context.db, tenant, provider, name, given)
        if moved is not None:
            raise ConfigurationError(
                f"{org} already has a connection “{name}”, to {moved.store_url}. What was captured from there and is "
                "not at the new address would count as deleted. Use --replace if the same store has moved, or choose "
                "another --name."
            )
        in_use = next((one for one in step.connections(context.db, tenant, name) if one.provider == provider), None)
        findings = step.try_settings(context.settings, source(provider), given) if in_use and not untested else []
        kept = in_use if _wrong(findings) else None
        made = kept or step.add_connection(
            context.db, context.settings, tenant, provider, name, given, actor=context.actor
        )
        if not kept:
            findings = step.diagnose(context.db, context.settings, made)
    wrong = _wrong(findings)
    if as_json:
        emit({"connection": _public(made), "findings": findings, "saved": not kept, "ok": not wrong})
    else:
        if not kept:
            say(f"{made.name} is saved: {made.provider} at {made.store_url}.")
        _show(made.name, findings)
        if not wrong:
            say(f"Next: sync-pipeline pull {org} --connection {made.name}")
    if kept:
        note(f"{step.NOT_REPLACED} The old ones stay in use. To save the new ones even if the test fails: --untested")
    elif wrong:
        note(_CORRECT.format(org=org, provider=provider, name=name))
    if wrong:
        raise typer.Exit(1)


def disconnect(
    org: Org,
    connection: ConnectionArgument,
    why: Annotated[str | None, typer.Option("--why", help="Why, for the audit log.")] = None,
    as_json: Json = False,
) -> None:
    """Stop using a store. What was captured and promoted stays; connect it again under the same name to go on."""
    from sync_pipeline.steps import connect as step

    with opened() as context:
        found = context.connection(context.org(org), connection)
        step.disconnect(context.db, found, actor=context.actor, why=why)
    done = {"org": org, "connection": found.name, "disconnected": True}
    answer(as_json, done, f"{found.name} is disconnected. Its credentials are erased; what came from it stays.")


def connections(org: Org, as_json: Json = False) -> None:
    """List the organization's connections, without their secrets."""
    from sync_pipeline.steps import connect as step

    with opened() as context:
        found = step.connections(context.db, context.org(org))
    if as_json:
        emit({"org": org, "connections": [_public(one) for one in found]})
    elif found:
        show(
            ["connection", "provider", "address", "health", "last pull"],
            [(c.name, c.provider, c.store_url, c.health, c.last_sync_at) for c in found],
        )
    else:
        say(f"{org} has no connection yet. Connect a store: {CONNECT.format(org=org)}")


def settings(
    org: Org,
    connection: ConnectionArgument,
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Settings to change; without any, they are shown.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show or change a connection's settings, for example: max_concurrency=8 promote_on_select=false"""
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.steps import connect as step

    wanted: dict[str, Any] = {}
    for change in changes or ():
        name, separator, value = change.partition("=")
        if not separator:
            raise ConfigurationError(f"“{change}” is not KEY=VALUE.")
        wanted[name.strip()] = json_or_text(value)
    with opened() as context:
        tenant = context.org(org)
        found = context.connection(tenant, connection)
        if wanted:
            step.update_settings(context.db, found, wanted, actor=context.actor)
            found = context.connection(tenant, connection)
    if as_json:
        emit({"org": org, "connection": found.name, "settings": found.effective()})
    else:
        show(["setting", "value"], [(k, _shown(v)) for k, v in sorted(found.effective().items())])


def webhook(
    org: Org,
    connection: ConnectionArgument,
    secret_env: Annotated[
        str | None,
        typer.Option("--secret-env", metavar="VAR", help="Set the secret, from this environment variable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show where the store must send its webhooks; set the secret that signs them."""
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.steps import connect as step

    with opened() as context:
        found = context.connection(context.org(org), connection)
        hooks = found.source.webhooks
        if hooks is None:
            raise ConfigurationError(
                f"{found.source.title} connections do not support webhooks: a pull finds what changed."
            )
        if secret_env is not None:
            value = from_environment(secret_env)
            step.set_webhook_secret(context.db, context.settings, found, value, actor=context.actor)
            found = context.connection(context.org(org), connection)
        there = step.secret(context.settings, found, hooks.secret_field) is not None
    said = [f"Send webhooks of {found.name} to <this service's address>{found.webhook_path}"]
    if not there:
        said.append("No secret is set, so every webhook is rejected. Set one:")
        said.append(f"  sync-pipeline webhook {org} {found.name} --secret-env VAR")
    hook = {"org": org, "connection": found.name, "path": found.webhook_path, "secret_set": there}
    answer(as_json, hook, *said)


def doctor(org: Org, connection: AnyConnection = None, as_json: Json = False) -> None:
    """Test connections and name the cause of any failure; name what killed trials of migrations left."""
    from sync_pipeline.steps import connect as step

    reports = []
    warn_of_variables()
    with opened() as context:
        for one in context.connections(context.org(org), connection):
            findings = step.diagnose(context.db, context.settings, one)
            reports.append((one, findings))
            if not as_json:
                _show(one.name, findings)
        left = _left_behind(context)
    wrong = [one.name for one, findings in reports if _wrong(findings)]
    if as_json:
        tested = [
            {"name": one.name, "provider": one.provider, "ok": not _wrong(f), "findings": f} for one, f in reports
        ]
        emit({"org": org, "connections": tested, "left_behind": left, "ok": not wrong})
    elif left:
        say(left)
    if wrong:
        note(f"Failing connections: {', '.join(wrong)}.")
        raise typer.Exit(1)


def _left_behind(context: "Context") -> str | None:
    """What killed trials left in the database, in words. The stores are tested whoever may see that."""
    from contextlib import suppress

    from sqlalchemy.exc import SQLAlchemyError

    from sync_pipeline.db.leftovers import leftovers
    from sync_pipeline.db.open import owner_url
    from sync_pipeline.errors import SyncError

    with suppress(SyncError, SQLAlchemyError):
        return leftovers(owner_url(context.settings)).words
    return None


def _shown(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value)


def _public(one: "Connection") -> dict[str, Any]:
    return {
        "name": one.name,
        "provider": one.provider,
        "store_url": one.store_url,
        "settings": dict(one.settings),
        "health": one.health,
        "health_detail": one.health_detail,
        "last_sync_at": one.last_sync_at,
    }


def _wrong(findings: "Sequence[Finding]") -> bool:
    return any(f.level == "error" for f in findings)


def _show(name: str, findings: "Sequence[Finding]") -> None:
    signs = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}
    say(f"{name}:")
    for f in findings:
        say(f"  {signs.get(f.level, f.level)}  {f.message}")
        if f.remedy:
            say(f"           → {f.remedy}")
