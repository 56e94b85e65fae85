"""table: show the captured records of an entity, with their status."""

from typing import Annotated, Any

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import (
    CHOICES,
    DECISIONS,
    Choice,
    Json,
    OneConnection,
    OneEntity,
    Org,
    Page,
    PageSize,
    Search,
    Sort,
    Status,
)
from sync_pipeline.cli.output import emit, named, note, say, show


def register(app: typer.Typer) -> None:
    app.command("table")(table)


def table(  # noqa: PLR0913 - the command's options
    org: Org,
    connection: OneConnection,
    entity: OneEntity,
    status: Annotated[Status | None, typer.Option("--status", help="Only records with this status.")] = None,
    search: Search = None,
    choice: Annotated[Choice | None, typer.Option("--choice", help="Only records about which this was chosen.")] = None,
    sort: Annotated[
        Sort | None,
        typer.Option("--sort", metavar="F", help="external_id, name, modified or captured; add :desc to descend."),
    ] = None,
    page: Page = 1,
    page_size: PageSize = 50,
    as_json: Json = False,
) -> None:
    """Show captured records with their status in the latest preview."""
    from sync_pipeline.steps import preview

    with opened() as context:
        one = context.connection(context.org(org), connection)
        stream = one.source.stream(entity)
        found = preview.table(
            context.db,
            one,
            stream,
            status=status,
            search=search,
            selection=DECISIONS[choice] if choice else None,
            sort=sort,
            page=page,
            page_size=page_size,
        )
    if as_json:
        emit({"data": found.data, "rowCount": found.row_count, "page": found.page, "pageSize": found.page_size,
              "as_of": found.as_of})  # fmt: skip
        if found.message:
            note(found.message)
        return
    if found.data:
        columns = ["id", "status", "name", "code", "email", "choice", "changed", "warnings"]
        show(columns, [_row(row) for row in found.data])
    first = (page - 1) * page_size + 1
    shown = f"{first:,}–{first + len(found.data) - 1:,} of " if found.data else ""
    say(f"{shown}{found.row_count:,} {stream.title.lower()}, page {found.page}.")
    if found.message:
        say(found.message)
    if found.row_count:
        say(
            f"Next: sync-pipeline record {org} --connection {connection} --entity {entity} ID, or select … --ids ID "
            "--include (or --ignore)"
        )
    elif not (status or search or choice):
        say(f"Next: sync-pipeline pull {org} --connection {connection} --entity {entity}")


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    display = row["display"]
    differs = row["status"] != "in_sync"
    return (
        row["external_id"],
        row["status"],
        named(display.get("name")),
        named(next((value for name, value in display.items() if name not in ("name", "email")), None)),
        display.get("email"),
        CHOICES.get(row["decision"], "undecided") if differs else None,
        ", ".join(row["changed_fields"]),
        "; ".join(str(warning.get("message", warning.get("code"))) for warning in row["warnings"]),
    )
