"""pull: capture records from the stores and compare them with core."""

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import AnyConnection, Entities, Json, Org
from sync_pipeline.cli.output import emit, note, say, show, size

if TYPE_CHECKING:
    from sync_pipeline.cli.pipeline import RunOutcome

_COUNTS = ("new", "changed", "unchanged", "quarantined", "vanished", "requests", "bytes", "seconds")


def register(app: typer.Typer) -> None:
    app.command("pull")(pull)


def pull(
    org: Org,
    connection: AnyConnection = None,
    entity: Entities = None,
    full: Annotated[bool, typer.Option("--full", help="Read every record, not only the changed ones.")] = False,
    no_sweep: Annotated[
        bool, typer.Option("--no-sweep", help="Skip the sweep, which finds changes that the store does not signal.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Capture the records that changed (all of them the first time) and compare them with core."""
    from sync_pipeline.cli.pipeline import Stages, flow
    from sync_pipeline.cli.progress import listener

    with opened() as context, listener() as progress:
        tenant = context.org(org)
        chosen = context.streams(tenant, connection, entity)
        outcome = flow(
            context,
            tenant,
            chosen,
            Stages.PULL,
            connection=connection,
            named=bool(entity),
            full=full,
            sweep=False if no_sweep else None,
            listener=progress,
        )
    if as_json:
        emit({"org": org, "connections": outcome.rows(outcome.pulls, _COUNTS)})
    else:
        show_pull(outcome)
        for message in messages(outcome):
            say(message)
    if report_problems(org, outcome):
        raise typer.Exit(1)
    if not as_json:
        say(f"Next: sync-pipeline status {org}")


def show_pull(outcome: "RunOutcome") -> None:
    """Print what was captured, in one table for each connection."""
    for one, streams in outcome.chosen:
        rows: list[tuple[Any, ...]] = []
        same: list[str] = []
        for stream in streams:
            r = outcome.pulls.get((one.name, stream.name))
            if r is None:
                rows.append((stream.name, *[None] * 9, "FAILED"))
                continue
            failed = outcome.problem(one.name, stream.name) is not None
            if not (failed or r.new or r.changed or r.deleted or r.quarantined or r.vanished):
                same.append(stream.name)
                continue
            rows.append(
                (stream.name, r.mode, r.new, r.changed, r.unchanged, r.deleted, r.quarantined, r.vanished, r.requests,
                 r.seconds, "FAILED" if failed else None)
            )  # fmt: skip
        title = f"{one.name} ({one.provider})"
        if rows:
            show(
                ["entity", "mode", "new", "changed", "unchanged", "deleted", "quarantined", "vanished", "requests",
                 "seconds", "ledger"],
                rows,
                title=title,
                zeros=("changed", "unchanged", "deleted", "quarantined", "vanished"),
            )  # fmt: skip
        if same:
            say(f"{title}: nothing new in {', '.join(same)}.")
        say(f"{title}: {_sum(outcome, one.name)}")


def _sum(outcome: "RunOutcome", connection: str) -> str:
    reports = [r for (name, _), r in outcome.pulls.items() if name == connection]
    read = sum(r.bytes for r in reports)
    return (
        f"{sum(r.new for r in reports):,} new, {sum(r.changed for r in reports):,} changed, "
        f"{sum(r.unchanged for r in reports):,} unchanged; {sum(r.requests for r in reports):,} requests, "
        f"{size(read)}, {sum(r.seconds for r in reports):,.1f} s."
    )


def messages(outcome: "RunOutcome") -> list[str]:
    """Notes on pulls and previews: fields this user cannot read, a wrong clock, an initial import, schema drift."""
    from sync_pipeline.steps.preview.entity import initial_import_of_all

    said = [
        f"{connection} {entity}: the store's user cannot read {', '.join(report.missing)}. "
        "Why: sync-pipeline doctor ORG"
        for (connection, entity), report in outcome.pulls.items()
        if report.missing
    ]
    clocks = {connection: report.clock for (connection, _), report in outcome.pulls.items() if report.clock}
    said += [f"{connection}: {clock}" for connection, clock in clocks.items()]  # once for each store
    imports: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for (connection, entity), report in outcome.previews.items():
        pulled = outcome.pulls.get((connection, entity))
        if report.message and (pulled is None or pulled.first):
            imports[connection][entity] = report.message
    said += filter(None, (initial_import_of_all(entities, of=name) for name, entities in imports.items()))
    said += [
        f"{connection} {entity}: schema drift: {d['field']} {d['change']} ({d['detail']})."
        for (connection, entity), report in outcome.previews.items()
        for d in report.drift
    ]
    return said


def report_problems(org: str, outcome: "RunOutcome") -> bool:
    """Print what failed or is in quarantine, on stderr; True if anything did or is."""
    for (connection, entity), report in outcome.pulls.items():
        if report.gate:
            note(f"{connection} {entity}: decision {report.gate} is open. See: sync-pipeline decisions list {org}")
    problems = outcome.problems()
    for problem in problems:
        note(f"FAILED {problem}")
    kept = [
        f"{connection} {entity}: {report.quarantined:,} in quarantine ({', '.join(report.quarantine[:20])})"
        for (connection, entity), report in outcome.pulls.items()
        if report.quarantined or report.quarantine
    ]
    for line in kept:
        note(f"{line}. Why: sync-pipeline quarantine {org}")
    if outcome.refused():
        stores = ", ".join(dict.fromkeys(connection for connection, _ in outcome.refused()))
        note(f"The credentials of {stores} were refused. Why, and what to do: sync-pipeline doctor {org}")
    elif problems:
        note("Committed work is safe; the next pull continues from there.")
    return bool(problems or kept)
