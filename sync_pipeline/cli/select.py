"""select: include or ignore records: one, many, or all that match."""

from typing import Annotated

import typer

from sync_pipeline.cli.options import Json, OneConnection, OneEntity, Org, Why
from sync_pipeline.cli.output import emit, say


def register(app: typer.Typer) -> None:
    app.command("select")(select)


def select(  # noqa: PLR0913 - the command's options
    org: Org,
    connection: OneConnection,
    entity: OneEntity,
    include: Annotated[
        bool | None,
        typer.Option("--include/--ignore", help="Promote these records, or ignore them.", show_default=False),
    ] = None,
    ids: Annotated[str | None, typer.Option("--ids", metavar="1,2", help="These records.")] = None,
    status: Annotated[
        str | None, typer.Option("--status", metavar="S", help="All that are new, updated or deleted.")
    ] = None,
    search: Annotated[str | None, typer.Option("--search", metavar="T", help="All that match this search.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that differ from core.")] = False,
    excluding: Annotated[str | None, typer.Option("--except", metavar="1,2", help="All but these.")] = None,
    why: Why = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Promote nothing until someone makes and applies a plan.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Include or ignore records in their captured version."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.steps import select as step

    if include is None:
        raise ConfigurationError("Choose --include or --ignore.")
    listed = _ids(ids)
    if ids is not None and not listed:
        raise ConfigurationError("--ids is empty. Give ids separated by commas: --ids 12,15.")
    with opened() as context:
        one = context.connection(context.org(org), connection)
        stream = one.source.stream(entity)
        done = step.select(
            context.db,
            one,
            stream,
            ids=listed if ids is not None else None,
            status=status,
            search=search,
            everything=everything,
            excluding=_ids(excluding),
            include=include,
            actor=context.actor,
            why=why,
            draft=draft,
        )
        promotes = include and not draft and one.common().promote_on_select
    if as_json:
        decision = "include" if include else "ignore"
        emit({"org": org, "connection": one.name, "entity": stream.name, "decision": decision,
              "records": done.records, "batch": done.batch_id, "draft": draft})  # fmt: skip
        return
    say(f"{done.records:,} {stream.name} {'included' if include else 'ignored'}{' as a draft' if draft else ''}.")
    if not include:
        return
    if promotes:
        say("While `sync-pipeline up` is running, they are promoted within seconds. Otherwise:")
    say(f"Next: sync-pipeline plan {org}")


def _ids(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
