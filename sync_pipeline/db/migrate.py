"""Migrations: Alembic revisions of plain SQL, tried on branches of the database before the real one."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection

from sync_pipeline.config import PROJECT
from sync_pipeline.db import schema
from sync_pipeline.db.branch import try_from_nothing, try_on_clone
from sync_pipeline.db.engine import psycopg_url
from sync_pipeline.db.guard import GuardedUpgrade
from sync_pipeline.db.kept import organizations
from sync_pipeline.db.losses import Declared, LossApproval, to_ask
from sync_pipeline.db.owner import create_database, ensure_login, ensure_roles, naming_rights, owner_engine
from sync_pipeline.errors import ConfigurationError

SQL = PROJECT / "sql"
_OLDEST = 180_000
# A statement that waits longer for its lock fails, because every other session would wait behind it.
_LOCK_TIMEOUT = "10s"
_ON_BRANCHES = (
    "row-level security on every table",
    "hot queries use their indexes",
    "the schema is the one that the revisions make",
)


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
    """Each revision in `sql/migrations` and the one before it.

    Raises:
        ConfigurationError: the folder is not there.
    """
    # Read from the files, because importing Alembic would slow every command down.
    known: dict[str, str | None] = {}
    if not (files := list((SQL / "migrations" / "versions").glob("*.py"))):
        raise ConfigurationError(
            f"There are no migrations in {SQL}: sync_pipeline runs from a clone of its repository, installed with "
            "`pip install --editable .` (docs/deploy.md). A wheel lacks sql/, and so does a copy of the package alone."
        )
    for file in files:
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
    login: bool = True,
    branch: bool = True,
    approval: LossApproval | None = None,
) -> Migration:
    """Bring the database at `url` (the owner's) to the newest revision. Applying twice is harmless.

    `login_secret` derives the password of the application's login; None leaves it without one (a private socket).
    `login` False makes none: the deployment has one of its own.
    `approval` asks people about a migration that loses data; without it such a migration is refused.

    Raises:
        ConfigurationError: the server is too old, the owner lacks a right, the branch failed its checks, or a newer
            version migrated the database before. Nothing was changed.
        GateClosed: the migration would lose data, and a person must answer first. Nothing was changed.
    """
    url = psycopg_url(url)
    create_database(url)
    with owner_engine(url) as engine, engine.connect() as conn:
        new_enough(int(conn.exec_driver_sql("SHOW server_version_num").scalar_one()))
    before = current_revision(url)
    target = head()
    if not is_known(before):
        raise ConfigurationError(f"{too_new(before)} Nothing was changed.")
    verified: tuple[str, ...] = ()
    if before != target:
        with naming_rights(url):
            ensure_roles(url)
            verified = _apply(url, before, target, approval, branch=branch)
    if login:
        ensure_login(url, login_secret)
    return Migration(before, target, 0 if before == target else len(_after(before)), verified)


def _apply(
    url: URL, before: str | None, target: str, approval: LossApproval | None, *, branch: bool
) -> tuple[str, ...]:
    """Migrate branches, then the database; return what was verified."""

    def ask(lost: Mapping[int, Sequence[str]]) -> None:
        if not lost:
            return
        if approval is None:
            raise ConfigurationError(
                f"The migration to {target} would lose data, and nothing was changed. Run `sync-pipeline db migrate`: "
                "it asks whose data it is."
            )
        with owner_engine(url) as engine, engine.connect() as conn:
            approval.approve(conn, target, lost)

    declared = _declared(before)
    guarded = GuardedUpgrade(
        partial(_upgrade, target), lambda found: to_ask(target, found, declared), ask, _LOCK_TIMEOUT
    )
    expected: Mapping[str, str] = {}
    if branch:
        expected = try_from_nothing(
            url, lambda empty: prepare(empty, before), lambda empty: guarded.run(empty, lambda _: None)
        )
        if before is not None:
            try_on_clone(url, lambda clone: guarded.run(clone, lambda conn: schema.compare(conn, expected)))
    guarded.run(url, lambda conn: schema.compare(conn, expected))
    compared = f"{', '.join(sorted(guarded.compared))} compared row by row" if guarded.compared else "no row written to"
    verified = (*(_ON_BRANCHES if branch else ()), f"no captured row lost: {compared}")
    if approval is not None:
        with owner_engine(url) as engine, engine.connect() as conn:
            approval.record_migrated(conn, target, organizations(conn), verified)
    return verified


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


def _upgrade(revision: str, conn: Connection) -> None:
    """Upgrade in the caller's transaction."""
    from alembic import command

    config = _config(SQL / "migrations")
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


def prepare(url: URL, revision: str | None) -> None:
    """Bring an empty branch to the revision of the database."""
    if revision is not None:
        with owner_engine(url) as engine, engine.begin() as conn:
            _upgrade(revision, conn)


def _declared(before: str | None) -> Declared:
    """What the revisions to come say of themselves: `loses` and `computes` in their files, {place: why}."""
    loses: dict[str, str] = {}
    computes: dict[str, str] = {}
    for revision in _after(before):
        loses |= getattr(revision.module, "loses", {})
        computes |= getattr(revision.module, "computes", {})
    return Declared(loses, computes)


def _config(scripts: Path) -> Any:
    from alembic.config import Config

    config = Config(stdout=io.StringIO(), output_buffer=io.StringIO())
    config.set_main_option("script_location", str(scripts))
    return config


def _after(before: str | None) -> list[Any]:
    """The revisions after `before`, as Alembic has loaded them."""
    from alembic.script import ScriptDirectory

    return list(ScriptDirectory(str(SQL / "migrations")).iterate_revisions("head", before or "base"))
