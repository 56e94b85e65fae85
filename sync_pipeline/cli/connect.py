"""connect, connections, settings, doctor: stores, their settings, and whether they answer."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from sync_pipeline.cli.options import CONNECT, AnyConnection, Json, Org
from sync_pipeline.cli.output import emit, note, say, show

if TYPE_CHECKING:
    from sync_pipeline.sources.base import Finding, Source
    from sync_pipeline.steps.connect import Connection


def register(app: typer.Typer) -> None:
    app.command("connect", cls=_ConnectCommand)(connect)
    app.command("connections")(connections)
    app.command("settings")(settings)
    app.command("webhook")(webhook)
    app.command("doctor")(doctor)


@cache
def _options() -> Mapping[str, Any]:
    """Parameter → option, for each option that some provider's settings declare. Two providers may share one."""
    from sync_pipeline.sources.base import all_sources

    words: dict[str, list[str]] = {}
    metavars: dict[str, str] = {}
    for source in all_sources().values():
        for name, option in source.settings.connect_options().items():
            field = source.settings.model_fields[name]
            title = f"{field.title or name}{', in an environment variable' if option.env else ''}"
            words.setdefault(option.name, []).append(f"{source.name}: {title}. {field.description or ''}".strip())
            metavars.setdefault(option.name, option.metavar)
    # A command is made of a function's signature; of this one only its options are used.
    command = typer.Typer(add_completion=False)

    def declared() -> None:
        pass

    declared.__signature__ = Signature(  # type: ignore[attr-defined]
        [
            Parameter(
                _parameter(flag),
                Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[
                    str | None, typer.Option(flag, metavar=metavars[flag], help=" ".join(texts), show_default=False)
                ],
            )
            for flag, texts in words.items()
        ]
    )
    command.command()(declared)
    return {str(one.name): one for one in typer.main.get_command(command).params}


def _parameter(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


class _ConnectCommand(TyperCommand):
    """`connect` with the options of all providers. They are collected when the command runs: sources load slowly."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [*super().get_params(ctx), *_options().values()]

    def invoke(self, ctx: Any) -> Any:
        ctx.obj = {name: ctx.params.pop(name) for name in _options()}
        return super().invoke(ctx)


def connect(
    ctx: typer.Context,
    org: Org,
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="Its own options are named with it below.")],
    name: Annotated[str, typer.Option("--name", metavar="C", help="The name of the new connection.")],
    as_json: Json = False,
) -> None:
    """Connect a store: test it and save its credentials, encrypted. Secrets are read from environment variables."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.sources.base import source
    from sync_pipeline.steps import connect as step

    given = _given(source(provider), ctx.obj)
    with opened() as context:
        made = step.add_connection(
            context.db, context.settings, context.org(org), provider, name, given, actor=context.actor
        )
        findings = step.diagnose(context.db, context.settings, made)
    wrong = _wrong(findings)
    if as_json:
        emit({"connection": _public(made), "findings": _findings(findings), "ok": not wrong})
    else:
        say(f"{made.name} is saved: {made.provider} at {made.store_url}.")
        _show(made.name, findings)
        if not wrong:
            say(f"Next: sync-pipeline pull {org} --connection {made.name}")
    if wrong:
        note(
            f"The store does not answer as it should. Correct it, then: sync-pipeline doctor {org} --connection {name}"
        )
        raise typer.Exit(1)


def connections(org: Org, as_json: Json = False) -> None:
    """The organization's connections, without their secrets."""
    from sync_pipeline.cli.context import opened
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
    connection: Annotated[str, typer.Argument(metavar="CONNECTION")],
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="What to change; without it they are shown.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show or change a connection's settings: max_concurrency=8 sweep_every=4 promote_on_select=false …"""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.steps import connect as step

    wanted: dict[str, Any] = {}
    for change in changes or ():
        name, separator, value = change.partition("=")
        if not separator:
            raise ConfigurationError(f"“{change}” is not KEY=VALUE.")
        wanted[name.strip()] = _value(value)
    with opened() as context:
        tenant = context.org(org)
        found = context.connection(tenant, connection)
        if wanted:
            step.update_settings(context.db, found, wanted, actor=context.actor)
            found = context.connection(tenant, connection)
    effective = {**found.common().model_dump(mode="json"), **found.settings}
    if as_json:
        emit({"org": org, "connection": found.name, "settings": effective})
    else:
        show(["setting", "value"], [(k, _shown(v)) for k, v in sorted(effective.items())])


def webhook(
    org: Org,
    connection: Annotated[str, typer.Argument(metavar="CONNECTION")],
    secret_env: Annotated[
        str | None,
        typer.Option("--secret-env", metavar="VAR", help="Set the secret: the environment variable that holds it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show where the store sends its webhooks; set the secret that signs them, which is saved encrypted."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.steps import connect as step

    with opened() as context:
        found = context.connection(context.org(org), connection)
        hooks = found.source.webhooks
        if hooks is None:
            raise ConfigurationError(f"{found.source.title} stores send no webhooks here.")
        if secret_env is not None:
            value = _from_environment(secret_env)
            step.set_webhook_secret(context.db, context.settings, found, value, actor=context.actor)
            found = context.connection(context.org(org), connection)
        there = step.secret(context.settings, found, hooks.secret_field) is not None
    if as_json:
        emit({"org": org, "connection": found.name, "path": found.webhook_path, "secret_set": there})
        return
    say(f"Send webhooks of {found.name} to <this service's address>{found.webhook_path}")
    if not there:
        say("No secret is set, so all webhooks are rejected. Set one:")
        say(f"  sync-pipeline webhook {org} {found.name} --secret-env VAR")


def doctor(org: Org, connection: AnyConnection = None, as_json: Json = False) -> None:
    """Test connections and name the cause of a failure in plain words."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.steps import connect as step

    reports = []
    with opened() as context:
        for one in context.connections(context.org(org), connection):
            findings = step.diagnose(context.db, context.settings, one)
            reports.append((one, findings))
            if not as_json:
                _show(one.name, findings)
    wrong = [one.name for one, findings in reports if _wrong(findings)]
    if as_json:
        emit(
            {
                "org": org,
                "connections": [
                    {"name": one.name, "provider": one.provider, "ok": not _wrong(f), "findings": _findings(f)}
                    for one, f in reports
                ],
                "ok": not wrong,
            }
        )
    if wrong:
        note(f"Not healthy: {', '.join(wrong)}.")
        raise typer.Exit(1)


def _given(source: "Source", options: Mapping[str, str | None]) -> dict[str, str]:
    """The provider's settings, from the options on the command line and from the environment.

    Raises:
        ConfigurationError: an option is missing or belongs to another provider, or its variable is not set.
    """
    from sync_pipeline.errors import ConfigurationError

    own = source.settings.connect_options()
    flags = {_parameter(option.name): option.name for option in own.values()}
    foreign = [name for name, value in options.items() if value is not None and name not in flags]
    if foreign:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in foreign)
        raise ConfigurationError(f"{source.name} does not take {named}. It takes: {', '.join(flags.values())}.")
    given: dict[str, str] = {}
    missing = []
    for name, option in own.items():
        value = options[_parameter(option.name)]
        if value:
            given[name] = _from_environment(value) if option.env else value
        elif source.settings.model_fields[name].is_required():
            missing.append(option.name)
    if missing:
        raise ConfigurationError(f"A {source.name} connection also needs {' and '.join(missing)}.")
    return given


def _from_environment(variable: str) -> str:
    from sync_pipeline.errors import ConfigurationError

    value = os.environ.get(variable, "")
    if not value:
        raise ConfigurationError(
            f"The environment variable {variable} is not set. Put the secret there, for example with "
            f"`read -rs {variable}; export {variable}`, and run the same command again."
        )
    return value


def _value(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text


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


def _findings(findings: "Sequence[Finding]") -> list[dict[str, str]]:
    return [{"level": f.level, "code": f.code, "message": f.message, "remedy": f.remedy} for f in findings]


def _show(name: str, findings: "Sequence[Finding]") -> None:
    signs = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}
    say(f"{name}:")
    for f in findings:
        say(f"  {signs.get(f.level, f.level)}  {f.message}")
        if f.remedy:
            say(f"           → {f.remedy}")
