"""preview: show what would change in core, in the words of a plan."""

from typing import TYPE_CHECKING

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import AnyConnection, Entities, Json, Org
from sync_pipeline.cli.output import emit, note, say, show
from sync_pipeline.cli.pull import messages

if TYPE_CHECKING:
    from sync_pipeline.cli.pipeline import RunOutcome

_HEADS = (
    "+ new", "~ updated", "- deleted", "= in sync", "included", "ignored", "undecided", "warnings", "older mapper",
)  # fmt: skip
_COUNTS = ("new", "updated", "deleted", "in_sync", "included", "ignored", "undecided", "warnings", "mapped_by_older")


def register(app: typer.Typer) -> None:
    app.command("preview")(preview)


def preview(org: Org, connection: AnyConnection = None, entity: Entities = None, as_json: Json = False) -> None:
    """Compare captured records with core: + new, ~ updated, - deleted, = in sync."""
    from sync_pipeline.cli.pipeline import Stages, flow
    from sync_pipeline.cli.progress import Listener

    with opened() as context:
        tenant = context.org(org)
        chosen = context.streams(tenant, connection, entity)
        outcome = flow(
            context, tenant, chosen, Stages.PREVIEW, connection=connection, named=bool(entity), listener=Listener()
        )
    if as_json:
        emit({"org": org, "connections": outcome.rows(outcome.previews, _COUNTS)})
    else:
        show_preview(outcome)
        for message in messages(outcome):
            say(message)
    for problem in outcome.problems():
        note(f"FAILED {problem}")
    if outcome.problems():
        raise typer.Exit(1)
    if not as_json:
        undecided = sum(r.undecided for r in outcome.previews.values())
        then = f"select {org} --connection C --entity E --all --include" if undecided else f"plan {org}"
        say(f"{undecided:,} records are undecided. Next: sync-pipeline {then}")


def show_preview(outcome: "RunOutcome") -> None:
    """Print the differences, in one table for each connection. Entities without a record are named below it."""
    for one, streams in outcome.chosen:
        rows = []
        empty = []
        for stream in streams:
            r = outcome.previews.get((one.name, stream.name))
            if r is not None and not any(getattr(r, name) for name in _COUNTS):
                empty.append(stream.name)
            else:
                rows.append((stream.name, *(getattr(r, name, None) for name in _COUNTS)))
        title = f"{one.name} ({one.provider})"
        if rows:
            show(["entity", *_HEADS], rows, title=title, zeros=_HEADS[1:3] + _HEADS[4:6] + _HEADS[7:])
        if empty:
            say(f"{title}: no records in {', '.join(empty)}.")
