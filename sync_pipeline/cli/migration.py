"""migration: propose, try, approve and apply a migration of the deployment's database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sync_pipeline.cli.options import Json, Why
from sync_pipeline.cli.output import answer, emit, row, say, show

if TYPE_CHECKING:
    from sqlalchemy import URL

    from sync_pipeline.db.proposed.report import TrialReport, ValueChange
    from sync_pipeline.steps.approve.proposed_migration import ProposedMigration
    from sync_pipeline.steps.connect.party import Party

commands = typer.Typer(
    no_args_is_help=True,
    help="Change the database's schema by a proposal: it is tried on a branch, approved by its hash, and applied once.",
)
MigrationId = Annotated[int, typer.Argument(metavar="MIGRATION", help="The migration's number.", show_default=False)]
Rows = Annotated[
    Literal["full", "sampled", "empty"] | None,
    typer.Option("--branch", help="How much of the rows the branch has. Default: all, of a large database a sample."),
]
_STATES = {
    "proposed": "It was not tried.",
    "failed": "It failed on a branch. Propose another one.",
    "blocked": "It stops at the branch. Propose another one, or write the revision by hand (CONTRIBUTING.md).",
    "refused": "It is refused.",
}


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="migration")


@commands.command("propose")
def propose(
    up: Annotated[Path, typer.Argument(metavar="UP.SQL", exists=True, dir_okay=False, help="What changes.")],
    down: Annotated[Path, typer.Argument(metavar="DOWN.SQL", exists=True, dir_okay=False, help="The way back.")],
    why: Annotated[str, typer.Option("--why", metavar="W", help="The reason, for who approves it.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="N", help="The revision's name, in a few words.")
    ] = None,
    branch: Rows = None,
    as_json: Json = False,
) -> None:
    """Propose a migration and try it on a branch of the database, which is not changed."""
    from sync_pipeline.steps.approve import migrations

    with _owner() as (url, party):
        scripts = (up.read_bytes().decode(), down.read_bytes().decode())
        made = migrations.propose_migration(url, *scripts, why=why, by=party, name=name)
        if made.state not in ("refused", "applied"):
            made = migrations.try_proposed(url, made.migration_id, by=party, branch=branch)
    _print(made, as_json)


@commands.command("try")
def try_again(migration: MigrationId, branch: Rows = None, as_json: Json = False) -> None:
    """Try a proposal again on a branch of the database as it is now."""
    from sync_pipeline.steps.approve import migrations

    with _owner() as (url, party):
        found = migrations.try_proposed(url, migration, by=party, branch=branch)
    _print(found, as_json)


@commands.command("list")
def list_all(as_json: Json = False) -> None:
    """List the proposals and what became of them."""
    from sync_pipeline.steps.approve import migrations

    with _owner() as (url, _):
        found = migrations.proposed_migrations(url)
    if as_json:
        emit({"migrations": [_listed(one) for one in found]})
    elif found:
        columns = ["migration", "name", "state", "by", "proposed", "branch", "why"]
        show(
            columns,
            [
                (m.migration_id, m.name, m.state, m.proposed_by, m.proposed_at, m.report and m.report.branch, m.why)
                for m in found
            ],
        )
    else:
        say("Nobody has proposed a migration.")


@commands.command("show")
def show_one(
    migration: MigrationId,
    sql: Annotated[bool, typer.Option("--sql", help="Also both scripts, as they are applied.")] = False,
    as_json: Json = False,
) -> None:
    """Show a proposal: its report, and what to do next."""
    from sync_pipeline.steps.approve import migrations

    with _owner() as (url, _):
        found = migrations.proposed_migration(url, migration)
    _print(found, as_json, sql=sql)


@commands.command("approve")
def approve(
    migration: MigrationId,
    sha256: Annotated[str, typer.Option("--hash", metavar="HASH", help="The migration's hash, as you read it.")],
    with_losses: Annotated[
        bool, typer.Option("--with-losses", help="Also if rows or values of core would be lost.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Approve a migration, as a person: it can be applied once within 24 hours."""
    from sync_pipeline.steps.approve import migrations

    with _owner() as (url, party):
        found = migrations.approve_migration(url, migration, sha256=sha256, by=party, with_losses=with_losses)
    until = f"{found.approved_until:%Y-%m-%d %H:%M} UTC" if found.approved_until else ""
    answer(
        as_json,
        _listed(found),
        f"Migration {migration} is approved until {until}.",
        f"Next: sync-pipeline migration apply {migration}",
    )


@commands.command("refuse")
def refuse(migration: MigrationId, why: Why = None, as_json: Json = False) -> None:
    """Refuse a migration. An approval of it is worth nothing any more."""
    from sync_pipeline.steps.approve import migrations

    with _owner() as (url, party):
        found = migrations.refuse_migration(url, migration, by=party, why=why)
    answer(as_json, _listed(found), f"Migration {migration} is refused.")


@commands.command("apply")
def apply(migration: MigrationId, as_json: Json = False) -> None:
    """Apply what was approved, through the checks of every migration, and write it as a revision to commit."""
    from sync_pipeline.gates import migration as asking
    from sync_pipeline.steps.approve import apply_proposed as step

    with _owner(opens=False) as (url, party):
        done = step.apply_proposed(url, migration, by=party, approval=asking)
    said = [f"Migration {migration} is applied: the database is at revision {done.migration.applied_as}."]
    said += [f"  verified: {one}" for one in done.verified]
    said += [
        f"Next: commit {done.folder} and {done.folder.with_suffix('.py').name} beside it, with the same change in "
        "sql/schema. A program without this revision does not open the database."
    ]
    value = {**_listed(done.migration), "folder": str(done.folder), "verified": list(done.verified)}
    answer(as_json, value, *said)


@commands.command("export")
def export(
    migration: MigrationId,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", file_okay=False, help="Default: this project's revisions.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a proposal as a revision's files, byte for byte, without applying it."""
    from sync_pipeline.db.migrate import SQL
    from sync_pipeline.steps.approve import apply_proposed, migrations

    with _owner() as (url, _):
        found = migrations.proposed_migration(url, migration)
    folder = apply_proposed.write_revision(found, out or SQL / "migrations" / "versions")
    answer(as_json, {**_listed(found), "folder": str(folder)}, f"Written: {folder}")


@contextmanager
def _owner(*, opens: bool = True) -> Iterator[tuple[URL, Party]]:
    """The owner's address of the database, and who works on the machine.

    `opens`: the database must be at this program's revision. What was interrupted is at one that has no files yet.
    """
    from sync_pipeline.cli.context import begin_work, system_user
    from sync_pipeline.config import Settings
    from sync_pipeline.db.open import open_database, owner_url
    from sync_pipeline.steps.connect.party import Party

    settings = Settings()
    if opens:
        open_database(settings).close()  # it is there, and at the newest revision; nobody of us stays connected
    begin_work()
    yield owner_url(settings), Party(system_user(), "command")


def _listed(found: ProposedMigration) -> dict[str, Any]:
    kept = row(found, without=("migration_id", "up", "down", "report"))
    return {"migration": found.migration_id, **kept, "branch": found.report and found.report.branch}


def _print(found: ProposedMigration, as_json: bool, *, sql: bool = False) -> None:
    report = found.report
    if as_json:
        scripts = {"up": found.up, "down": found.down} if sql else {}
        emit({**_listed(found), **scripts, "report": report})
    else:
        say(f"Migration {found.migration_id}, {found.name}: {found.state}. {found.why}")
        say(f"  hash {found.hash}")
        if report is not None:
            _say_report(report)
        if sql:
            say("\nup.sql\n------")
            for script in (found.up, "\ndown.sql\n--------", found.down):
                for line in script.splitlines():
                    say(line)
        say(_next(found))
    if found.state in ("failed", "blocked"):
        raise typer.Exit(1)


def _say_report(report: TrialReport) -> None:
    branch = f"{report.branch} ({report.branch_why})"
    compared = f", {report.compare_seconds:.1f} of them to compare rows" if report.compare_seconds >= 0.05 else ""
    say(f"  tried on a branch of revision {report.revision}: {branch}, {report.seconds:.1f} s{compared}")
    for reason in report.reasons:
        say(f"  {report.verdict}: {reason}")
    if report.failure is not None:
        say(f"  PostgreSQL says: {report.failure.message}")
    for loss in report.losses:
        say(f"  lost: {loss}")
    for value in report.changed:
        say(f"  changed: {_changed(value)}")
    for table in report.unreached:
        say(
            f"  no row of {table} is changed, though up.sql writes to it: row-level security hides the rows unless the "
            "script takes it off meanwhile (docs/migrations.md)"
        )
    for lock in report.locks:
        stops = f"{lock.stops} wait" if lock.stops != "nothing" else "nobody waits"
        say(f"  locks {lock.table} ({lock.rows:,} rows) for {lock.seconds:.3f} s: {stops} ({lock.mode})")
    for change in report.schema:
        sign = "+" if change.before is None else "-" if change.after is None else "~"
        say(f"  {sign} {change.object}")
    for one in report.rows:
        if one.before != one.after:
            say(f"  rows of {one.table}: {_number(one.before)} before, {_number(one.after)} after")
    for plan in report.plans:
        if plan.before != plan.after:
            say(f"  another plan for “{plan.query}”: {plan.after.splitlines()[0].strip()}")
    for finding in report.findings:
        say(f"  squawk, line {finding.line} of {finding.script}.sql: {finding.rule}: {finding.message}")


def _changed(value: ValueChange) -> str:
    values = f"{value.values:,} value{'' if value.values == 1 else 's'}"
    orgs = f"{value.organizations:,} organization{'' if value.organizations == 1 else 's'}"
    back = {True: "brings them back", False: "does not bring them back", None: "failed"}[value.back]
    return f"{value.table}.{value.column}: {values} {value.how} in {orgs}; down.sql {back}"


def _number(rows: int | None) -> str:
    return "no table" if rows is None else f"{rows:,}"


def _next(found: ProposedMigration) -> str:
    if found.state == "waiting":
        losses = " --with-losses" if found.report and found.report.losses else ""
        return (
            f"Next: read both scripts (migration show {found.migration_id} --sql), then sync-pipeline migration "
            f"approve {found.migration_id} --hash {found.hash}{losses}"
        )
    if found.state == "approved":
        return f"Approved by {found.approved_by}. Next: sync-pipeline migration apply {found.migration_id}"
    if found.state == "applied":
        return f"Applied by {found.applied_by} as revision {found.applied_as}."
    return _STATES[found.state]
