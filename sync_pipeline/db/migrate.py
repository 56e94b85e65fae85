"""Migrations: Alembic revisions of plain SQL, tried on a branch of the database before the real one."""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL

from sync_pipeline.config import PROJECT
from sync_pipeline.db import losses
from sync_pipeline.db.branch import try_on_branch
from sync_pipeline.db.engine import psycopg_url
from sync_pipeline.db.owner import create_database, ensure_login, owner_engine
from sync_pipeline.errors import Busy, ConfigurationError

SQL = PROJECT / "sql"
_OLDEST = 180_000
# A statement that waits longer for its lock fails, because every other session would wait behind it.
_LOCK_TIMEOUT = "10s"


@dataclass(frozen=True, slots=True)
class Migration:
    """What `migrate` did: revisions before and after, and what was checked on the branch."""

    before: str | None
    after: str
    applied: int
    verified: tuple[str, ...]


def current_revision(url: str | URL) -> str | None:
    """The revision the database is at; None if it is empty."""
    with owner_engine(url) as engine, engine.connect() as conn:
        if conn.exec_driver_sql("SELECT to_regclass('public.alembic_version')").scalar_one() is None:
            return None
        revision: str | None = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
        return revision


def head() -> str:
    """The newest revision in `sql/migrations`."""
    known = _revisions()
    return next(iter(set(known) - set(known.values())))


def is_known(revision: str | None) -> bool:
    """False if a newer version of this program migrated the database: this one cannot use it."""
    return revision is None or revision in _revisions()


def too_new(revision: str | None) -> str:
    """The message about a database that a newer version migrated."""
    return (
        f"The database is at revision {revision}, which this version does not know: a newer one migrated it. Install "
        "that version, or restore the backup that was made before."
    )


def _revisions() -> dict[str, str | None]:
    """Each revision in `sql/migrations` and the one before it."""
    # Read from the files, because importing Alembic would slow every command down.
    known: dict[str, str | None] = {}
    for file in (SQL / "migrations" / "versions").glob("*.py"):
        text = file.read_text("utf-8")
        revision, parent = (
            re.search(rf"^{name} = (.+)$", text, re.MULTILINE) for name in ("revision", "down_revision")
        )
        if revision and parent:
            known[revision.group(1).strip("'\"")] = parent.group(1).strip("'\"")
    return known


def migrate(
    url: str | URL,
    *,
    login_secret: bytes | None = None,
    branch: bool = True,
    approval: losses.LossApproval | None = None,
) -> Migration:
    """Bring the database at `url` (the owner's) to the newest revision. Applying twice is harmless.

    `login_secret` derives the password of the application's login; None leaves it without one (a private socket).
    `approval` asks people about a migration that loses data; without it such a migration is refused.

    Raises:
        ConfigurationError: the server is too old, the branch failed its checks, or a newer version migrated the
            database before. Nothing was changed.
        GateClosed: the migration would lose data, and a person must answer first. Nothing was changed.
    """
    url = psycopg_url(url)
    create_database(url)
    with owner_engine(url) as engine, engine.connect() as conn:
        new_enough(int(conn.exec_driver_sql("SHOW server_version_num").scalar_one()))
    before = current_revision(url)
    verified: tuple[str, ...] = ()
    target = head()
    if not is_known(before):
        raise ConfigurationError(f"{too_new(before)} Nothing was changed.")
    if before != target and branch:
        verified = try_on_branch(url, before, target, approval, _upgrade)
    if before != target:
        _upgrade(url, target)
        if approval is not None:
            with owner_engine(url) as engine, engine.connect() as conn:
                approval.record_migrated(conn, target, losses.organizations(conn), verified)
    ensure_login(url, login_secret)
    return Migration(before, target, 0 if before == target else _distance(before), verified)


def new_enough(version: int) -> None:
    """Refuse a server before 18: casefold and its collation, on which keys and search rest, came with it.

    Raises:
        ConfigurationError: `version` (server_version_num) is older.
    """
    if version < _OLDEST:
        raise ConfigurationError(
            f"This server is PostgreSQL {version // 10_000}; sync_pipeline needs {_OLDEST // 10_000} or newer. "
            "Upgrade it, or leave SYNC_DATABASE_URL out to use the embedded server."
        )


def _upgrade(url: URL, revision: str) -> None:
    from alembic import command

    with owner_engine(url) as engine, engine.begin() as conn:
        config = _config(SQL / "migrations")
        config.attributes["connection"] = conn
        conn.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        try:
            command.upgrade(config, revision)
        except psycopg.errors.LockNotAvailable as error:
            raise Busy(
                f"The migration did not get the lock that it needs within {_LOCK_TIMEOUT}, and nothing was changed. "
                "Stop what works on the database (`sync-pipeline up`, the service, Dagster), then run it again."
            ) from error


def _config(scripts: Path) -> Any:
    from alembic.config import Config

    config = Config(stdout=io.StringIO(), output_buffer=io.StringIO())
    config.set_main_option("script_location", str(scripts))
    return config


def _distance(before: str | None) -> int:
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(SQL / "migrations"))
    return sum(1 for _ in script.iterate_revisions("head", before or "base"))
