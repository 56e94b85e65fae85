"""export: core, reports and captured records, to a file or stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Annotated

import typer

from sync_pipeline.cli.options import Json, Org

if TYPE_CHECKING:
    from sync_pipeline.cli.context import Context
    from sync_pipeline.steps.connect import Organization
    from sync_pipeline.steps.observe.export import Ask, Reading, Written

# Formats that are not text: a terminal cannot show them.
_BINARY = ("parquet", "xlsx")


def register(app: typer.Typer) -> None:
    app.command("export")(export)


def export(  # noqa: PLR0913 - the options of the command
    org: Org,
    core: Annotated[
        str | None, typer.Option("--core", metavar="TABLE", help="A core table, such as sales_orders (docs/core.md).")
    ] = None,
    report: Annotated[
        str | None, typer.Option("--report", metavar="VIEW", help="A report, such as sales_by_day (docs/core.md).")
    ] = None,
    connection: Annotated[
        str | None, typer.Option("--connection", metavar="C", help="The connection of --entity.", show_default=False)
    ] = None,
    entity: Annotated[
        str | None, typer.Option("--entity", metavar="E", help="The captured records of this entity.")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Captured: every version, oldest first.")] = False,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="As it was then; a date is its first moment, no zone is UTC."),
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", metavar="csv|parquet|xlsx|jsonl", help="Default: by the ending of FILE.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Default: stdout.")] = None,
    escape: Annotated[
        bool,
        typer.Option("--escape-formulas", help="csv: put ' before texts that a spreadsheet would run as formulas."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Print or save core tables, reports, or captured payloads. Numbers keep all their digits.

    Captured records are one payload a line, as the store sent it; with --format csv, parquet or xlsx a table of them.
    """
    from sync_pipeline.cli.context import opened
    from sync_pipeline.cli.output import emit
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.steps.observe.export import reading

    captured = entity is not None
    if as_json and out is None:
        raise ConfigurationError(
            "With --json stdout has one JSON object about the file: add --out FILE, or leave out --json."
        )
    chosen = form or (out.suffix.removeprefix(".").lower() if out else "") or ("jsonl" if captured else "csv")
    _check(chosen, out, core, report, entity, connection, history)
    payloads = captured and chosen == "jsonl"
    with opened() as context:
        tenant = context.org(org)
        ask = _ask(context, tenant, core, report, connection, entity, history, as_of)
        with (
            reading(context.db, tenant.org_id, ask, columns=["payload"] if payloads else None) as rows,
            _to(out, whole=chosen in _BINARY) as file,
        ):
            written = _lines(rows, file) if payloads else _table(rows, chosen, file, escape)
            name = rows.rows.name
    _tell(name, out, written)
    if as_json:
        emit({"table": name, "format": chosen, "file": str(out), "rows": written.rows})


def _check(
    form: str,
    out: Path | None,
    core: str | None,
    report: str | None,
    entity: str | None,
    connection: str | None,
    history: bool,
) -> None:
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.steps.observe.export import FORMATS

    if form not in FORMATS:
        raise ConfigurationError(f"Unknown format “{form}”. Use --format with one of: {', '.join(FORMATS)}.")
    if sum(one is not None for one in (core, report, entity)) != 1 or (entity is None) != (connection is None):
        raise ConfigurationError("Name one thing to export: --core TABLE, --report VIEW, or --connection C --entity E.")
    if history and entity is None:
        raise ConfigurationError("--history is of captured records. Core as it was at a time: --as-of TIME.")
    if out is not None and not out.parent.is_dir():
        raise ConfigurationError(f"There is no folder {out.parent}. Make it, or choose another --out.")
    if form in _BINARY and out is None and sys.stdout.isatty():
        raise ConfigurationError(f"A terminal cannot show {form}. Add --out FILE.")


def _ask(  # noqa: PLR0913 - what the command was given
    context: Context,
    tenant: Organization,
    core: str | None,
    report: str | None,
    connection: str | None,
    entity: str | None,
    history: bool,
    as_of: str | None,
) -> Ask:
    from sync_pipeline.steps.observe import export as of

    when = of.moment_of(as_of)
    if core is not None:
        return of.core(core, as_of=when)
    if report is not None:
        return of.report(report, as_of=when)
    one = context.connection(tenant, connection or "")
    stream = one.source.stream(entity or "")
    return (of.versions if history else of.records)(one, stream, as_of=when)


@contextmanager
def _to(out: Path | None, *, whole: bool) -> Iterator[IO[bytes]]:
    """The file, which is there only once it is whole; or stdout; what is `whole` cannot end in a closed pipe."""
    if out is None and whole:
        with TemporaryFile() as file:
            yield file
            file.seek(0)
            copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _lines(rows: Reading, file: IO[bytes]) -> Written:
    from sync_pipeline.steps.observe.export import Written

    lines = 0
    for line in rows.payloads():
        file.write(line.encode() + b"\n")
        lines += 1
    return Written(lines)


def _table(rows: Reading, form: str, file: IO[bytes], escape: bool) -> Written:
    from sync_pipeline.steps.observe.export import write

    return write(rows, form, file, escape=escape)


def _tell(name: str, out: Path | None, written: Written) -> None:
    from sync_pipeline.cli.output import note

    if out is not None or sys.stderr.isatty():
        note(f"{written.rows:,} {name.replace('_', ' ')}{f' in {out}' if out else ''}.")
    if written.formulas:
        note(
            f"{written.formulas:,} texts begin with = + - or @: a spreadsheet that opens this file would run them as "
            "formulas. Programs read it unchanged; for a spreadsheet use --format xlsx, or --escape-formulas."
        )
    if written.cut:
        note(f"{written.cut:,} texts are longer than a cell of a workbook can be (32,767) and end with “…”.")
