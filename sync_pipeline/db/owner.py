"""What only a database's owner does: connect as the owner, create the database, and make the application's login."""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from sync_pipeline.db.engine import is_full, psycopg_url
from sync_pipeline.db.kept import act_for
from sync_pipeline.errors import DatabaseUnavailable, DiskFull

APP_ROLE = "sync_app"
DEPLOYMENT = 0  # as an organization: there is none of this number


@contextmanager
def owner_engine(url: str | URL) -> Iterator[Engine]:
    """An engine for a few statements at `url`; it keeps no connection.

    Raises:
        DatabaseUnavailable: the server does not answer.
    """
    engine = create_engine(psycopg_url(url), poolclass=NullPool)
    try:
        yield engine
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) is not None:
            raise  # the server answers, and refuses a statement
        raise unavailable(error) from error
    finally:
        engine.dispose()


@contextmanager
def deployment(url: URL) -> Iterator[Connection]:
    """A transaction of the owner, in no organization."""
    with owner_engine(url) as engine, engine.begin() as conn:
        act_for(conn, DEPLOYMENT)
        yield conn


@contextmanager
def server_connection(url: URL) -> Iterator[Connection]:
    """A connection to the server of `url`, for statements that cannot run in a transaction."""
    with owner_engine(url.set(database="postgres")) as engine, engine.connect() as conn:
        conn = conn.execution_options(isolation_level="AUTOCOMMIT")
        conn.exec_driver_sql("SET idle_session_timeout = 0")  # locks are held by it while others work
        yield conn


def create_database(url: URL) -> bool:
    """Create the database of `url` unless it exists. True if it was created."""
    with server_connection(url) as conn:
        if conn.execute(text("SELECT 1 FROM pg_database WHERE datname = :d"), {"d": url.database}).scalar():
            return False
        conn.exec_driver_sql(f"CREATE DATABASE {quote(url.database)} TEMPLATE template0 ENCODING 'UTF8'")
        return True


def login_role(database: str) -> str:
    """The application's login for one database of a server (several databases may share it)."""
    return f"{database[:56]}_login"


def app_password(secret: bytes | None, database: str) -> str | None:
    """The login's password. It is derived from `secret`, so it need not be stored."""
    if secret is None:
        return None
    return hmac.new(secret, f"application login of {database}".encode(), hashlib.sha256).hexdigest()


def ensure_login(url: URL, secret: bytes | None) -> URL:
    """Make the application's login, a member of sync_app that owns nothing; return its URL."""
    database = url.database or ""
    role = login_role(database)
    password = app_password(secret, database)
    with owner_engine(url) as engine, engine.begin() as conn:
        known = conn.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": role}).scalar()
        if not known:
            conn.exec_driver_sql(
                f"CREATE ROLE {quote(role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS IN ROLE {APP_ROLE}"
            )
        if password is not None:
            conn.exec_driver_sql(f"ALTER ROLE {quote(role)} PASSWORD '{password}'")
    return url.set(username=role, password=password)


def unavailable(error: SQLAlchemyError) -> DatabaseUnavailable:
    """The error that says what to do when a server does not let us in, or has no room."""
    if is_full(error):
        return DiskFull()
    return DatabaseUnavailable(
        f"The database does not answer: {str(getattr(error, 'orig', error)).strip()}. Start it "
        "(`sync-pipeline db start` for the embedded one) or correct SYNC_DATABASE_URL, and run the command again."
    )


def quote(identifier: str | None) -> str:
    """`identifier` as SQL writes it."""
    return '"' + (identifier or "").replace('"', '""') + '"'
