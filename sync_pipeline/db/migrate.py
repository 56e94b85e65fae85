"""Migrations: Alembic revisions of plain SQL, tried on a branch of the database before the real one.

A branch is a clone (`CREATE DATABASE … TEMPLATE`) where nobody else is connected, otherwise a schema-only copy, made
by running the revisions the real database already has. The pending revisions are applied to it and verified there:
every table has its policy, no captured row is gone, and the hot queries use their indexes.
"""

import hashlib
import hmac
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from sync_pipeline.config import PROJECT
from sync_pipeline.db import losses
from sync_pipeline.db.engine import psycopg_url
from sync_pipeline.errors import Busy, ConfigurationError, DatabaseUnavailable

SQL = PROJECT / "sql"
APP_ROLE = "sync_app"
_OLDEST = 180_000
# A statement that waits longer for its lock fails: everybody else would wait behind it.
_LOCK_TIMEOUT = "10s"


@dataclass(frozen=True, slots=True)
class Migration:
    """What `migrate` did: revisions before and after, and what was checked on the branch."""

    before: str | None
    after: str
    applied: int
    verified: tuple[str, ...]


def current_revision(url: str | URL) -> str | None:
    """The revision the database is at; None when it is empty or not there."""
    with _engine(url) as engine, engine.connect() as conn:
        if conn.exec_driver_sql("SELECT to_regclass('public.alembic_version')").scalar_one() is None:
            return None
        revision: str | None = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
        return revision


def head() -> str:
    """The newest revision in `sql/migrations`."""
    known = _revisions()
    return next(iter(set(known) - set(known.values())))


def is_known(revision: str | None) -> bool:
    """False for the revision of a newer version of this program: nothing here can read that database."""
    return revision is None or revision in _revisions()


def too_new(revision: str | None) -> str:
    """What to say of a database that a newer version migrated."""
    return (
        f"The database is at revision {revision}, which this version does not know: a newer one migrated it. Install "
        "that version, or restore the backup that was made before."
    )


def _revisions() -> dict[str, str | None]:
    """Each revision in `sql/migrations` and the one before it."""
    # Read from the files: importing Alembic would cost every command a good part of its second.
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
        ConfigurationError: the server is too old, the branch did not verify, or a newer version migrated it before; the
            real database is untouched.
        GateClosed: it would lose data, and a person must answer first; likewise.
    """
    url = psycopg_url(url)
    create_database(url)
    with _engine(url) as engine, engine.connect() as conn:
        new_enough(int(conn.exec_driver_sql("SHOW server_version_num").scalar_one()))
    before = current_revision(url)
    verified: tuple[str, ...] = ()
    target = head()
    if not is_known(before):
        raise ConfigurationError(f"{too_new(before)} Nothing was changed.")
    if before != target and branch:
        verified = _try_on_branch(url, before, approval)
    if before != target:
        _upgrade(url, "head")
        if approval is not None:
            with _engine(url) as engine, engine.connect() as conn:
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


def create_database(url: URL) -> bool:
    """Create the database of `url` if it is not there. True if it was made."""
    with _engine(url.set(database="postgres")) as engine, engine.connect() as conn:
        conn = conn.execution_options(isolation_level="AUTOCOMMIT")
        if conn.execute(text("SELECT 1 FROM pg_database WHERE datname = :d"), {"d": url.database}).scalar():
            return False
        conn.exec_driver_sql(f"CREATE DATABASE {_quote(url.database or '')} TEMPLATE template0 ENCODING 'UTF8'")
        return True


def login_role(database: str) -> str:
    """The application's login for one database of a server (several databases may share it)."""
    return f"{database[:56]}_login"


def ensure_login(url: URL, secret: bytes | None) -> URL:
    """Make the application's login, a member of sync_app that owns nothing; return its URL."""
    database = url.database or ""
    role = login_role(database)
    password = app_password(secret, database)
    with _engine(url) as engine, engine.begin() as conn:
        known = conn.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": role}).scalar()
        if not known:
            conn.exec_driver_sql(
                f"CREATE ROLE {_quote(role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS IN ROLE {APP_ROLE}"
            )
        if password is not None:
            conn.exec_driver_sql(f"ALTER ROLE {_quote(role)} PASSWORD '{password}'")
    return url.set(username=role, password=password)


def app_password(secret: bytes | None, database: str) -> str | None:
    """The login's password, derived, so that it need not be stored."""
    if secret is None:
        return None
    return hmac.new(secret, f"application login of {database}".encode(), hashlib.sha256).hexdigest()


def _try_on_branch(url: URL, before: str | None, approval: losses.LossApproval | None) -> tuple[str, ...]:
    branch = url.set(database=f"{(url.database or 'sync')[:40]}_branch_{uuid4().hex[:8]}")
    admin = url.set(database="postgres")
    cloned = False
    with _engine(admin) as engine, engine.connect() as conn:
        conn = conn.execution_options(isolation_level="AUTOCOMMIT")
        others = conn.execute(
            text("SELECT count(*) FROM pg_stat_activity WHERE datname = :d"), {"d": url.database}
        ).scalar_one()
        cloned = before is not None and others == 0
        template = _quote(url.database or "") if cloned else "template0"
        conn.exec_driver_sql(f"CREATE DATABASE {_quote(branch.database or '')} TEMPLATE {template}")
    try:
        if not cloned and before is not None:
            _upgrade(branch, before)
        counts = row_counts(branch) if cloned else {}
        before_all = _look(branch, cloned)
        _upgrade(branch, "head")
        after_all = _look(branch, cloned)
        if before is not None:
            _ask(url, before_all, after_all, approval)
        return verify(branch, counts)
    finally:
        with _engine(admin) as engine, engine.connect() as conn:
            conn = conn.execution_options(isolation_level="AUTOCOMMIT")
            conn.exec_driver_sql(f"DROP DATABASE {_quote(branch.database or '')} WITH (FORCE)")


def _look(branch: URL, cloned: bool) -> tuple[losses.Catalogue, losses.Counts]:
    with _engine(branch) as engine, engine.connect() as conn:
        columns = losses.catalogue(conn)
        return columns, losses.row_counts(conn, sorted({table for table, _ in columns})) if cloned else {}


def _ask(
    url: URL,
    before: tuple[losses.Catalogue, losses.Counts],
    after: tuple[losses.Catalogue, losses.Counts],
    approval: losses.LossApproval | None,
) -> None:
    there = {table for table, _ in after[0]}
    fewer = {
        place: rows - after[1].get(place, 0)
        for place, rows in before[1].items()
        if place[1] in there and after[1].get(place, 0) < rows
    }
    with _engine(url) as engine, engine.connect() as conn:
        lost = losses.by_organization(conn, head(), losses.between(before[0], after[0]), fewer)
        if lost and approval is None:
            raise ConfigurationError(
                f"The migration to {head()} would lose data, and nothing was changed. Run `sync-pipeline db migrate`: "
                "it asks whose data it is."
            )
        if lost and approval is not None:
            approval.approve(conn, head(), lost)


def verify(url: URL, counts: dict[str, int]) -> tuple[str, ...]:
    """Check a migrated branch; `counts` are its rows before.

    Raises:
        ConfigurationError: naming what is wrong.
    """
    wrong: list[str] = []
    with _engine(url) as engine, engine.begin() as conn:
        unprotected = conn.exec_driver_sql(UNPROTECTED_TABLES).scalars().all()
        wrong += [f"{name} has org_id and no forced policy" for name in unprotected]
        wrong += [f"{sql.split()[0]} does not use its index: {plan}" for sql, plan in _without_index(conn)]
    after = row_counts(url)
    wrong += [
        f"{table} had {n} rows and has {after.get(table, 0)}"
        for table, n in counts.items()
        if table.startswith("capture.") and after.get(table, 0) < n
    ]
    if wrong:
        raise ConfigurationError(
            "The migration was tried on a branch and does not hold; the database is untouched: " + "; ".join(wrong)
        )
    return ("row-level security on every table", "no captured row lost", "hot queries use their indexes")


UNPROTECTED_TABLES = """
SELECT c.oid::regclass::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%%'
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity
           AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'organization'))
ORDER BY 1
"""

# Statements that must stay quick at hundreds of millions of rows: each must reach its rows through an index.
HOT_QUERIES = {
    "capture: a page of records by id": (
        "SELECT raw_hash FROM capture.sync_record WHERE org_id = 1 AND connection_id = 1 AND entity_type = 'product' "
        "AND external_id = ANY ('{1,2}'::text[]) AND provider = 'woocommerce'"
    ),
    "capture: orders of a customer": (
        "SELECT external_id FROM capture.sync_record WHERE org_id = 1 AND connection_id = 1 "
        "AND entity_type = 'order' AND parent_id = ANY ('{1,2}'::text[]) AND provider = 'woocommerce'"
    ),
    "preview: differences by status": (
        "SELECT external_id FROM preview.difference WHERE org_id = 1 AND connection_id = 1 "
        "AND entity_type = 'product' AND status = 'new' LIMIT 50"
    ),
    "promote: mapping of a record": (
        "SELECT internal_id FROM promote.integration_mapping WHERE org_id = 1 AND connection_id = 1 "
        "AND entity_type = 'product' AND external_id = ANY ('{1,2}'::text[])"
    ),
}


def _without_index(conn: Connection) -> Iterator[tuple[str, str]]:
    conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
    conn.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
    conn.exec_driver_sql("SET LOCAL ROLE sync_app")
    conn.exec_driver_sql("SELECT set_config('sync.org_id', '1', true)")
    for name, sql in HOT_QUERIES.items():
        plan = "\n".join(conn.exec_driver_sql("EXPLAIN " + sql).scalars())
        if "Index Cond" not in plan or "Seq Scan" in plan:
            yield name, plan


def row_counts(url: URL) -> dict[str, int]:
    """Exact rows of every table of ours, as the owner sees them."""
    with _engine(url) as engine, engine.connect() as conn:
        tables = conn.exec_driver_sql(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind = 'r' AND n.nspname IN ('connect', 'capture', 'preview', 'selection', 'promote', "
            "'core', 'observe')"
        ).scalars()
        counted = "SELECT count(*) FROM {}"  # names come from the catalogue, quoted by it
        return {table: conn.exec_driver_sql(counted.format(table)).scalar_one() for table in list(tables)}


def _upgrade(url: URL, revision: str) -> None:
    from alembic import command

    with _engine(url) as engine, engine.begin() as conn:
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


@contextmanager
def _engine(url: str | URL) -> Iterator[Engine]:
    engine = create_engine(psycopg_url(url), poolclass=NullPool)
    try:
        yield engine
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) is not None:
            raise  # it answers, and refuses a statement
        raise unavailable(error) from error
    finally:
        engine.dispose()


def unavailable(error: SQLAlchemyError) -> DatabaseUnavailable:
    """The error that says what to do when a server does not let us in."""
    return DatabaseUnavailable(
        f"The database does not answer: {str(getattr(error, 'orig', error)).strip()}. Start it "
        "(`sync-pipeline db start` for the embedded one) or correct SYNC_DATABASE_URL, and run the command again."
    )


def _quote(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
