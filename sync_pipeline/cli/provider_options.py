"""The options of `connect`, which the providers' settings declare, and secrets from environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.once import OnceCommand

if TYPE_CHECKING:
    from sync_pipeline.sources.base import Source


@cache
def _options() -> Mapping[str, Any]:
    """Parameter → option, for each option that a provider's settings declare. Providers can share an option."""
    from sync_pipeline.sources.base import all_sources

    words: dict[str, list[str]] = {}
    metavars: dict[str, str] = {}
    for source in all_sources().values():
        for name, option in source.settings.connect_options().items():
            field = source.settings.model_fields[name]
            title = f"{field.title or name}{', in an environment variable' if option.env else ''}"
            words.setdefault(option.name, []).append(f"{source.name}: {title}. {field.description or ''}".strip())
            metavars.setdefault(option.name, option.metavar)
    # Typer makes options only from a function's signature. Only the options of this command are used.
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


class ConnectCommand(OnceCommand):
    """`connect` with the options of all providers. They are collected when it runs, because providers load slowly."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [*super().get_params(ctx), *_options().values()]

    def invoke(self, ctx: Any) -> Any:
        ctx.obj = {name: ctx.params.pop(name) for name in _options()}
        return super().invoke(ctx)


def given_settings(source: Source, options: Mapping[str, str | None]) -> dict[str, str]:
    """The provider's settings, from the options on the command line and from the environment.

    Raises:
        ConfigurationError: an option is missing or belongs to another provider, or its variable is not set.
    """
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.sources.settings import LOCAL

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
            given[name] = from_environment(value) if option.env else value
            if name in LOCAL:
                given[name] = str(Path(value).expanduser().resolve())  # other processes have other folders
        elif source.settings.model_fields[name].is_required():
            missing.append(option.name)
    if missing:
        raise ConfigurationError(f"A {source.name} connection also needs {' and '.join(missing)}.")
    return given


def from_environment(variable: str, holds: str = "secret") -> str:
    """The secret in an environment variable.

    Raises:
        ConfigurationError: it is not set or empty.
    """
    from sync_pipeline.errors import ConfigurationError

    value = os.environ.get(variable, "")
    if not value:
        raise ConfigurationError(
            f"The environment variable {variable} is not set. Put the {holds} in it, for example with "
            f"`read -rs {variable}; export {variable}`, and run the same command again."
        )
    return value
