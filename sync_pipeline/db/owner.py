"""What only a database's owner does: connect as the owner, create the database, and make roles and the application's
login. A right that it lacks is named, with the statement that grants it.
"""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from sync_pipeline.db.engine import is_full, psycopg_url
from sync_pipeline.db.kept import act_for
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, DatabaseUnavailable, DiskFull

APP_ROLE = "sync_app"
DEPLOYMENT = 0  # as an organization: there is none of this number
_SQL = load("sync_pipeline.db", "owner.sql")
_DENIED = "42501"
_SERVERS_OWN = "postgres"


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
    """A connection to the server of `url`, for statements that cannot run in a transaction.

    Raises:
        ConfigurationError: the owner may not connect to the server's own database.
        DatabaseUnavailable: the server does not answer.
    """
    with owner_engine(url.set(database=_SERVERS_OWN)) as engine, _connected(engine, url) as conn:
        conn = conn.execution_options(isolation_level="AUTOCOMMIT")
        conn.exec_driver_sql("SET idle_session_timeout = 0")  # locks are held by it while others work
        yield conn


def _connected(engine: Engine, url: URL) -> Connection:
    try:
        return engine.connect()
    except OperationalError as error:
        # libpq tells no SQLSTATE of a refused connection; in any language the server names the database.
        if url.username == _SERVERS_OWN or f'"{_SERVERS_OWN}"' not in str(error.orig):
            raise
        raise ConfigurationError(
            f"{url.username}, the owner of {url.database}, needs to connect to the database {_SERVERS_OWN} of its "
            f"server, from which it makes others: {str(error.orig).strip()}. As an administrator of the server: "
            f"GRANT CONNECT ON DATABASE {_SERVERS_OWN} TO {quote(url.username)}; and where pg_hba.conf lists "
            "databases, add it there."
        ) from error


@contextmanager
def naming_rights(url: URL) -> Iterator[None]:
    """Say which rights the owner at `url` lacks where the server denies it what happens inside.

    Raises:
        ConfigurationError: it lacks some; the message has the statements that grant them.
    """
    try:
        yield
    except Exception as error:
        if getattr(getattr(error, "orig", error), "sqlstate", None) != _DENIED:
            raise
        with server_connection(url) as conn:
            facts = {"database": url.database, "login": login_role(url.database or "")}
            missing = execute(conn, _SQL["missing_rights"], **facts).all()
        if not missing:
            raise  # something else was denied
        needed = ", ".join(row.needed for row in missing)
        statements = " ".join(f"{row.granted_by};" for row in missing)
        raise ConfigurationError(
            f"{url.username}, the owner of {url.database}, may not do what is needed, and nothing was changed. It must "
            f"be able to {needed}. As an administrator of the server: {statements} Then run this again."
        ) from error


def create_database(url: URL) -> bool:
    """Create the database of `url` unless it exists. True if it was created.

    Raises:
        ConfigurationError: its owner may not create databases.
    """
    with naming_rights(url), server_connection(url) as conn:
        if conn.execute(text("SELECT 1 FROM pg_database WHERE datname = :d"), {"d": url.database}).scalar():
            return False
        conn.exec_driver_sql(f"CREATE DATABASE {quote(url.database)} TEMPLATE template0 ENCODING 'UTF8'")
        return True


def ensure_roles(url: URL) -> None:
    """Let the owner act as the server's roles `sync_app` and `sync_router`, which are made if they are not there.

    It gives functions to one, and looks at a migrated branch as the other. Who is no superuser administers a role that
    it makes, and is no member that could do that (PostgreSQL 16).
    """
    with owner_engine(url) as engine, engine.begin() as conn:
        for role in execute(conn, _SQL["roles"]).all():
            if not role.there:
                conn.exec_driver_sql(f"CREATE ROLE {role.name} NOLOGIN")
            if not role.may_act:
                conn.exec_driver_sql(f"GRANT {role.name} TO CURRENT_USER WITH INHERIT {role.inherits}, SET TRUE")


def login_role(database: str) -> str:
    """The application's login for one database of a server (several databases may share it)."""
    return f"{database[:56]}_login"


def app_password(secret: bytes | None, database: str) -> str | None:
    """The login's password. It is derived from `secret`, so it need not be stored."""
    if secret is None:
        return None
    return hmac.new(secret, f"application login of {database}".encode(), hashlib.sha256).hexdigest()


def ensure_login(url: URL, secret: bytes | None) -> URL:
    """Make the application's login, a member of sync_app that owns nothing; return its URL.

    Raises:
        ConfigurationError: the owner may not make it, or not set its password.
    """
    database = url.database or ""
    role = login_role(database)
    password = app_password(secret, database)
    with naming_rights(url), owner_engine(url) as engine, engine.begin() as conn:
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
