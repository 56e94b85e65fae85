"""export: print captured payloads as JSON lines."""

import sys
from typing import Annotated

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import Json, OneConnection, OneEntity, Org


def register(app: typer.Typer) -> None:
    app.command("export")(export)


def export(
    org: Org,
    connection: OneConnection,
    entity: OneEntity,
    history: Annotated[bool, typer.Option("--history", help="Every version, oldest first.")] = False,
    as_json: Json = False,
) -> None:
    """Print captured payloads as JSON lines, ordered by external id. Numbers keep all their digits."""
    del as_json  # every line is JSON anyway
    from sync_pipeline.cli.output import note
    from sync_pipeline.steps import capture

    lines = 0
    with opened() as context:
        one = context.connection(context.org(org), connection)
        stream = one.source.stream(entity)
        out = sys.stdout.buffer
        # A strict encoder would refuse lone surrogates, which are kept unchanged.
        for line in capture.export(context.db, one, stream, history=history):
            out.write(line.encode("utf-8", "surrogatepass") + b"\n")
            lines += 1
        out.flush()
    if sys.stderr.isatty():
        note(f"{lines:,} {stream.name}.")
