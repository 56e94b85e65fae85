"""reconcile: compare ids and counts in the store, in capture and in core."""

from typing import TYPE_CHECKING

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import AnyConnection, Entities, Json, Org
from sync_pipeline.cli.output import emit, note, row, say, show
from sync_pipeline.cli.pipeline import by_reason

if TYPE_CHECKING:
    from sync_pipeline.steps.observe import EntityReconciliation


def register(app: typer.Typer) -> None:
    app.command("reconcile")(reconcile)


def reconcile(org: Org, connection: AnyConnection = None, entity: Entities = None, as_json: Json = False) -> None:
    """List the store's ids and compare them with what is captured and promoted. Exits 1 on a difference."""
    from sync_pipeline.steps import observe

    with opened() as context:
        tenant = context.org(org)
        context.streams(tenant, connection, entity)  # unknown names fail before any work
        found = observe.reconcile(context.db, context.settings, tenant, connection=connection, entities=entity or ())
    if as_json:
        emit({"entities": [row(e, without=("quarantined", "orphans")) for e in found.entities], "ok": found.ok})
    else:
        show(
            ["connection", "entity", "store", "captured", "core", "missing", "extra", "quarantined", "verdict"],
            [
                (e.connection, e.entity, e.store, e.captured, e.core, e.missing, e.extra, e.quarantined, _verdict(e))
                for e in found.entities
            ],
        )
        waiting = sum(max(0, e.captured - e.core) for e in found.entities)
        if waiting:
            say(f"{waiting:,} captured records are not in core: they are undecided, ignored, or not applied yet.")
    if not found.ok:
        for line in by_reason((e.connection, e.entity, _explain(e)) for e in found.entities if not e.ok):
            note(line)
        if any(e.error is None and not e.ok for e in found.entities):
            note(f"Next: sync-pipeline pull {org} --full, then reconcile again.")
        raise typer.Exit(1)
    if not as_json:
        say("The store and capture have the same ids, and everything promoted is in core.")


def _verdict(e: "EntityReconciliation") -> str:
    if e.error:
        return "could not be listed"
    return "ok" if e.ok else "DIFFERENT"


def _explain(e: "EntityReconciliation") -> str:
    parts = [e.error] if e.error else []
    for count, name, words in (
        (e.missing, "missing", "in the store and not captured"),
        (e.extra, "extra", "captured and not in the store"),
        (e.orphans, "orphans", "promoted and not in core"),
    ):
        if count:
            more = " …" if count > len(e.examples.get(name, ())) else ""
            parts.append(f"{count:,} {words} ({', '.join(e.examples.get(name, ()))}{more})")
    return "; ".join(parts)
