"""db: start, stop, migrate and inspect the database."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import answer, emit, note, say

if TYPE_CHECKING:
    from sync_pipeline.config import Settings

commands = typer.Typer(
    no_args_is_help=True, help="Manage the database: the embedded one, or the one that SYNC_DATABASE_URL names."
)


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="db")


@commands.command("start")
def start(as_json: Json = False) -> None:
    """Start the embedded PostgreSQL and keep it running until `db stop`."""
    from sync_pipeline.config import Settings
    from sync_pipeline.db.open import embedded

    settings = Settings()
    _only_embedded(settings, "start")
    embedded(settings).keep()
    _make(settings)
    said = f"PostgreSQL is running with its data in {settings.home}. Stop it with: sync-pipeline db stop"
    answer(as_json, {"running": True, "embedded": True, "home": str(settings.home)}, said)


@commands.command("stop")
def stop(as_json: Json = False) -> None:
    """Stop the embedded PostgreSQL. Committed work is safe."""
    from sync_pipeline.config import Settings
    from sync_pipeline.db.open import embedded

    settings = Settings()
    _only_embedded(settings, "stop")
    was_running = embedded(settings).stop()
    said = "PostgreSQL has stopped." if was_running else "PostgreSQL was not running."
    answer(as_json, {"running": False, "was_running": was_running}, said)


@commands.command("migrate")
def migrate(as_json: Json = False) -> None:
    """Migrate the database to the newest revision, after a trial on branches of it. Safe to repeat.

    What killed trials left behind is dropped.
    """
    from sync_pipeline.config import Settings
    from sync_pipeline.db.leftovers import drop_leftovers
    from sync_pipeline.db.open import migrate_to_head, owner_url
    from sync_pipeline.gates import migration

    settings = Settings()
    dropped = drop_leftovers(owner_url(settings)).names
    done = migrate_to_head(settings, migration)
    if dropped and not as_json:
        say(f"Dropped what killed trials left: {', '.join(dropped)}.")
    if as_json:
        facts = {"before": done.before, "after": done.after, "applied": done.applied, "verified": list(done.verified)}
        emit({**facts, "dropped": list(dropped)})
    elif done.applied:
        say(f"Migrated from {done.before or 'nothing'} to {done.after}.")
        for check in done.verified:
            say(f"  verified: {check}")
    else:
        say(f"The database is at the newest revision: {done.after}.")


@commands.command("status")
def status(as_json: Json = False) -> None:
    """Show whether the database is running, its revision, and what killed trials of migrations left there."""
    from sync_pipeline.config import Settings
    from sync_pipeline.db.open import embedded

    settings = Settings()
    facts: dict[str, Any] = {"embedded": settings.embedded, "running": False, "revision": None, "newest": None}
    if settings.embedded:
        facts["home"] = str(settings.home)
        facts["running"] = embedded(settings).running()
    if facts["running"] or not settings.embedded:
        facts.update(_revision(settings))
    if facts["running"]:
        facts["left_behind"] = _left_behind(settings)
    if as_json:
        emit(facts)
    elif not facts["running"]:
        say("PostgreSQL is not running. Commands start it when needed. To keep it running: sync-pipeline db start")
    else:
        behind = "" if facts["revision"] == facts["newest"] else f", behind {facts['newest']}: sync-pipeline db migrate"
        say(f"PostgreSQL is running at revision {facts['revision'] or 'none'}{behind}.")
        if facts["left_behind"]:
            say(facts["left_behind"])
    if not settings.embedded and not facts["running"]:
        raise typer.Exit(1)


@commands.command("url")
def url(
    application: Annotated[
        bool,
        typer.Option(
            "--application",
            help="The application's login, which owns nothing and sees the rows of one organization at a time.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the owner's URL for psql and other tools. It includes the password, if there is one."""
    from sync_pipeline.config import Settings
    from sync_pipeline.db.engine import libpq_url
    from sync_pipeline.db.open import app_url, open_database, owner_url

    settings = Settings()
    if application:
        open_database(settings).close()  # the login is made with the tables
    address = libpq_url(app_url(settings) if application else owner_url(settings))
    answer(as_json, {"url": address}, address)
    if settings.embedded and not (settings.home / "postgres.keep").exists():
        note("The embedded server stops with the last command that uses it. To keep it running: sync-pipeline db start")


def _only_embedded(settings: "Settings", verb: str) -> None:
    from sync_pipeline.errors import ConfigurationError

    if not settings.embedded:
        raise ConfigurationError(
            f"SYNC_DATABASE_URL is set, so there is no embedded database to {verb}. Unset it, or {verb} that server."
        )


def _make(settings: "Settings") -> None:
    from sync_pipeline.db.open import open_database
    from sync_pipeline.errors import ConfigurationError

    try:
        open_database(settings).close()
    except ConfigurationError as error:  # it is running, and an older release's data must be migrated
        note(str(error))


def _revision(settings: "Settings") -> dict[str, Any]:
    from sqlalchemy.exc import SQLAlchemyError

    from sync_pipeline.db.migrate import current_revision, head
    from sync_pipeline.db.open import owner_url

    try:
        return {"running": True, "revision": current_revision(owner_url(settings)), "newest": head()}
    except SQLAlchemyError:
        return {"running": False, "newest": head()}


def _left_behind(settings: "Settings") -> str | None:
    """What killed trials left, in words."""
    from sync_pipeline.db.leftovers import leftovers
    from sync_pipeline.db.open import owner_url

    return leftovers(owner_url(settings)).words
