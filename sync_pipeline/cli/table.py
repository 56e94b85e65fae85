"""table: show the captured records of an entity, with their status."""

from typing import Annotated, Any

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import Json, OneConnection, OneEntity, Org, Page, PageSize, Search
from sync_pipeline.cli.output import emit, note, say, show


def register(app: typer.Typer) -> None:
    app.command("table")(table)


def table(  # noqa: PLR0913 - the command's options
    org: Org,
    connection: OneConnection,
    entity: OneEntity,
    status: Annotated[
        str | None, typer.Option("--status", metavar="S", help="new, updated, deleted or in_sync.")
    ] = None,
    search: Search = None,
    selection: Annotated[
        str | None, typer.Option("--selection", metavar="D", help="include, ignore or undecided.")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort", metavar="F", help="external_id, name, modified or captured; add :desc for descending order."
        ),
    ] = None,
    page: Page = 1,
    page_size: PageSize = 50,
    as_json: Json = False,
) -> None:
    """Show captured records with their status in the latest preview."""
    from sync_pipeline.steps import preview

    with opened() as context:
        one = context.connection(context.org(org), connection)
        found = preview.table(
            context.db,
            one,
            one.source.stream(entity),
            status=status,
            search=search,
            selection=selection,
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
        columns = ["id", "status", "name", "code", "email", "decision", "changed", "warnings"]
        show(columns, [_row(row) for row in found.data])
    first = (page - 1) * page_size + 1
    shown = f"{first:,}–{first + len(found.data) - 1:,} of " if found.data else ""
    say(f"{shown}{found.row_count:,} {entity}, page {found.page}.")
    if found.message:
        say(found.message)
    if found.row_count:
        say(
            f"Next: sync-pipeline select {org} --connection {connection} --entity {entity} --ids … --include "
            "(or --ignore)"
        )
    elif not (status or search or selection):
        say(f"Next: sync-pipeline pull {org} --connection {connection} --entity {entity}")


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    display = row["display"]
    return (
        row["external_id"],
        row["status"],
        display.get("name"),
        next((value for name, value in display.items() if name not in ("name", "email")), None),
        display.get("email"),
        row["decision"],
        ", ".join(row["changed_fields"]),
        "; ".join(str(warning.get("message", warning.get("code"))) for warning in row["warnings"]),
    )
