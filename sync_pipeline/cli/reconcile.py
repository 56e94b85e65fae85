"""reconcile: compare ids and counts in the store, in capture and in core."""

from pathlib import Path
from typing import Annotated

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import AnyConnection, Entities, Json, Org
from sync_pipeline.cli.output import emit, note, row, say, show
from sync_pipeline.cli.pipeline import by_reason
from sync_pipeline.cli.reconcile_report import check, verdict, write


def register(app: typer.Typer) -> None:
    app.command("reconcile")(reconcile)


def reconcile(
    org: Org,
    connection: AnyConnection = None,
    entity: Entities = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Also write a report: FILE.html or FILE.xlsx.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the store's ids and compare them with what is captured, and what is promoted with core.

    Exits 1 if an id is missing in capture or captured and gone from the store, if something promoted is not in core, or
    if a store cannot be listed. What was not promoted, or deleted and still in core, is counted and no difference.
    """
    from sync_pipeline.steps import observe

    if report is not None:
        check(report)
    with opened() as context:
        tenant = context.org(org)
        context.streams(tenant, connection, entity)  # unknown names fail before any work
        found = observe.reconcile(
            context.db,
            context.settings,
            tenant,
            connection=connection,
            entities=entity or (),
            actor=context.actor,
        )
        if report is not None:
            write(report, tenant, found)
            note(f"The report is in {report}.")
    if as_json:
        emit({"entities": [row(e, without=("quarantined", "orphans")) for e in found.entities], "ok": found.ok})
    else:
        show(
            _COLUMNS,
            [
                (
                    *(e.connection, e.entity, e.store, e.captured, e.core, e.missing, e.extra),
                    *(e.not_in_core, e.deleted_in_core, e.quarantined, verdict(e)),
                )
                for e in found.entities
            ],
            zeros=("not in core", "deleted, in core", "quarantined"),
        )
        for line in by_reason((e.connection, e.entity, e.outside_words) for e in found.entities if e.outside_words):
            say(line)
    if not found.ok:
        for line in by_reason((e.connection, e.entity, e.words) for e in found.entities if not e.ok):
            note(line)
        if any(e.error is None and not e.ok for e in found.entities):
            note(f"Next: sync-pipeline pull {org} --full, then reconcile again.")
        raise typer.Exit(1)
    if not as_json:
        say("The store and capture have the same ids, and everything promoted is in core.")


_COLUMNS = [
    "connection", "entity", "store", "captured", "core", "missing", "extra", "not in core", "deleted, in core",
    "quarantined", "verdict",
]  # fmt: skip
