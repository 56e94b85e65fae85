"""quarantine, activity: show what could not be captured, and what happened."""

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import AnyConnection, Json, Org, Page, PageSize
from sync_pipeline.cli.output import details, emit, say, show


def register(app: typer.Typer) -> None:
    app.command("quarantine")(quarantine)
    app.command("activity")(activity)


def quarantine(org: Org, connection: AnyConnection = None, as_json: Json = False) -> None:
    """List records and pages that could not be captured, and why. Their bytes are kept."""
    from sync_pipeline.steps import observe

    with opened() as context:
        tenant = context.org(org)
        one = context.connection(tenant, connection) if connection else None
        found = observe.quarantine(context.db, tenant, one)
    if as_json:
        emit({"org": org, "quarantine": found})
    elif found:
        show(
            ["connection", "entity", "id", "status", "reason", "first seen", "times"],
            [(q.connection, q.entity, q.external_id, q.status, q.reason, q.first_seen_at, q.seen) for q in found],
        )
        say(f"Every pull tries them again. Correct them in the store, then: sync-pipeline pull {org}")
    else:
        say("Nothing is in quarantine.")


def activity(
    org: Org,
    page: Page = 1,
    page_size: PageSize = 50,
    as_json: Json = False,
) -> None:
    """Show the audit log, newest first."""
    from sync_pipeline.steps import observe

    with opened() as context:
        found = observe.activity(context.db, context.org(org), page=page, page_size=page_size)
    if as_json:
        emit({"data": found.data, "rowCount": found.row_count})
        return
    show(
        ["when", "event", "who", "connection", "entity", "detail"],
        [
            (row["occurred_at"], row["event"], row["actor"], row["connection"], row["entity_type"],
             details(row["detail"]))
            for row in found.data
        ],
    )  # fmt: skip
    say(f"{found.row_count:,} events, page {page}.")
