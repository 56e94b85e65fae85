"""db: the database: start, stop, migrate, status, url."""

from typing import TYPE_CHECKING, Any

import typer

from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import emit, note, say

if TYPE_CHECKING:
    from sync_pipeline.config import Settings

commands = typer.Typer(no_args_is_help=True, help="The database: the embedded one, or the one SYNC_DATABASE_URL names.")


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
    if as_json:
        emit({"running": True, "embedded": True, "home": str(settings.home)})
    else:
        say(f"PostgreSQL runs with its data in {settings.home}. It stops with: sync-pipeline db stop")


@commands.command("stop")
def stop(as_json: Json = False) -> None:
    """Stop the embedded PostgreSQL. What was committed is safe."""
    from sync_pipeline.config import Settings
    from sync_pipeline.db.open import embedded

    settings = Settings()
    _only_embedded(settings, "stop")
    was_running = embedded(settings).stop()
    if as_json:
        emit({"running": False, "was_running": was_running})
    else:
        say("PostgreSQL has stopped." if was_running else "PostgreSQL was not running.")


@commands.command("migrate")
def migrate(as_json: Json = False) -> None:
    """Bring the database to the newest revision; tried on a branch of it first. Applying twice is harmless."""
    from sync_pipeline.config import Settings
    from sync_pipeline.db.open import migrate_to_head
    from sync_pipeline.gates import migration

    done = migrate_to_head(Settings(), migration)
    if as_json:
        emit({"before": done.before, "after": done.after, "applied": done.applied, "verified": list(done.verified)})
    elif done.applied:
        say(f"Migrated from {done.before or 'nothing'} to {done.after}.")
        for check in done.verified:
            say(f"  verified on a branch: {check}")
    else:
        say(f"The database is at the newest revision, {done.after}.")


@commands.command("status")
def status(as_json: Json = False) -> None:
    """Is it running, and at which revision?"""
    from sync_pipeline.config import Settings
    from sync_pipeline.db.open import embedded

    settings = Settings()
    facts: dict[str, Any] = {"embedded": settings.embedded, "running": False, "revision": None, "newest": None}
    if settings.embedded:
        facts["home"] = str(settings.home)
        facts["running"] = embedded(settings).running()
    if facts["running"] or not settings.embedded:
        facts.update(_revision(settings))
    if as_json:
        emit(facts)
    elif not facts["running"]:
        say("PostgreSQL is not running. Commands start it while they need it; `sync-pipeline db start` keeps it up.")
    else:
        behind = "" if facts["revision"] == facts["newest"] else f", behind {facts['newest']}: sync-pipeline db migrate"
        say(f"PostgreSQL runs, at revision {facts['revision'] or 'none'}{behind}.")
    if not settings.embedded and not facts["running"]:
        raise typer.Exit(1)


@commands.command("url")
def url(as_json: Json = False) -> None:
    """The owner's address, for psql and other tools. Holds its password where there is one."""
    from sync_pipeline.config import Settings
    from sync_pipeline.db.open import owner_url

    settings = Settings()
    address = owner_url(settings).set(drivername="postgresql").render_as_string(hide_password=False)
    if as_json:
        emit({"url": address})
    else:
        say(address)
    if settings.embedded and not (settings.home / "postgres.keep").exists():
        note("The embedded server ends with this command; `sync-pipeline db start` keeps it running.")


def _only_embedded(settings: "Settings", verb: str) -> None:
    from sync_pipeline.errors import ConfigurationError

    if not settings.embedded:
        raise ConfigurationError(
            f"SYNC_DATABASE_URL names the database, so there is no embedded one to {verb}. Unset it, or {verb} yours."
        )


def _make(settings: "Settings") -> None:
    from sync_pipeline.db.open import open_database
    from sync_pipeline.errors import ConfigurationError

    try:
        open_database(settings).close()
    except ConfigurationError as error:  # it runs, and an older release's data waits to be migrated
        note(str(error))


def _revision(settings: "Settings") -> dict[str, Any]:
    from sqlalchemy.exc import SQLAlchemyError

    from sync_pipeline.db.migrate import current_revision, head
    from sync_pipeline.db.open import owner_url

    try:
        return {"running": True, "revision": current_revision(owner_url(settings)), "newest": head()}
    except SQLAlchemyError:
        return {"running": False, "newest": head()}
