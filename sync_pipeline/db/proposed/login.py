"""A login that may change the schema and nothing else: what somebody proposed runs with it, on branches and for real.

It is no superuser and a member of no role, and the session begins as this login: there is nothing that a script could
go back to. What it may change is lent to it and taken back: it owns tables, views, functions and types of the schemas
below while the script runs. What governs the deployment stays the owner's: people, tokens, credentials, approvals, the
audit log.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from sync_pipeline.db.kept import act_for, organizations
from sync_pipeline.db.owner import owner_engine, quote, server_connection
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import Busy, ConfigurationError

SCHEMAS = ("capture", "preview", "selection", "promote", "core", "observe", "compat", "report")
KEPT = (
    "selection.approval", "selection.approval_policy", "selection.proposed_answer", "selection.proposed_migration",
    "observe.sync_activity", "observe.agent_call", "observe.decision",
)  # fmt: skip
_SQL = load(__package__, "login.sql")
_CONNECTIONS = 4
_DENIED, _STILL_USED = "42501", "2BP01"
_LOCK_TIMEOUT = "10s"


@dataclass(frozen=True, slots=True)
class LimitedLogin:
    """The login, which exists for as long as `limited_login` is open."""

    name: str
    password: str = field(repr=False)

    def at(self, url: URL) -> URL:
        """The address of the database at `url` for this login."""
        return url.set(username=self.name, password=self.password)


@contextmanager
def limited_login(url: URL) -> Iterator[LimitedLogin]:
    """Make the login for the database at `url` (the owner's) and its branches, one process at a time.

    Raises:
        Busy: another process tries or applies a migration of this database.
        ConfigurationError: the owner may not make logins.
    """
    login = LimitedLogin(f"{(url.database or '')[:54]}_migrator", secrets.token_urlsafe(24))
    with server_connection(url) as server, _alone(server, url.database):
        try:
            _make(server, login)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _DENIED:
                raise
            raise ConfigurationError(
                "A proposed migration runs with a login of its own, and the owner of this database may not make one. "
                "Give it the right to create roles (ALTER ROLE … CREATEROLE), or write the revision by hand."
            ) from error
        try:
            yield login
        finally:
            # Somebody at work holds a table: the login ends all the same, and the next one gives it back.
            with suppress(Busy):
                take_back(url, login)
            try:
                server.exec_driver_sql(f"DROP ROLE {quote(login.name)}")
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != _STILL_USED:
                    raise  # else a branch that a killed process left has something of it
                server.exec_driver_sql(f"ALTER ROLE {quote(login.name)} NOLOGIN PASSWORD NULL")


def lend(url: URL, login: LimitedLogin, *, only: Collection[str] | None = None, applying: bool = False) -> None:
    """Lend the schema's objects to the login, those relations alone that `only` names; committed at once.

    `applying`: it may also record the revision.

    Raises:
        Busy: somebody holds a lock on one of them.
    """
    role = quote(login.name)
    with owner_engine(url) as engine, busy(), engine.begin() as conn:
        relations = execute(conn, _SQL["lendable_relations"], schemas=list(SCHEMAS), kept=list(KEPT)).all()
        others = execute(conn, _SQL["lendable_others"], schemas=list(SCHEMAS)).scalars().all()
        lent = [f"{one.kind} {one.name}" for one in relations if only is None or one.name in only]
        defaults = execute(conn, _SQL["default_rights"], schemas=list(SCHEMAS)).all()
        for statement in (
            f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'",
            f"GRANT CONNECT ON DATABASE {quote(url.database)} TO {role}",
            f"GRANT USAGE ON SCHEMA connect, {', '.join(SCHEMAS)} TO {role}",
            f"GRANT CREATE ON SCHEMA {', '.join(SCHEMAS)} TO {role}",
            f"GRANT REFERENCES ON connect.organization TO {role}",
            *(f"GRANT SELECT, UPDATE ON public.alembic_version TO {role}" for _ in range(applying)),
            *(f"ALTER {one} OWNER TO {role}" for one in (*lent, *others)),
            *(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA {one.schema} GRANT {one.rights} ON {one.objects} "
                f"TO {one.grantee}"
                for one in defaults
            ),
        ):
            conn.exec_driver_sql(statement)


def take_back(url: URL, login: LimitedLogin) -> None:
    """Give the owner what the login owns in the database at `url`, what it has made among it, and end its rights there.

    Raises:
        Busy: somebody holds a lock on one of them.
    """
    role = quote(login.name)
    with owner_engine(url) as engine, busy(), engine.begin() as conn:
        conn.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        conn.exec_driver_sql(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
        conn.exec_driver_sql(f"DROP OWNED BY {role}")


def forget_secrets(conn: Connection) -> None:
    """Take credentials, passwords and tokens out of a branch, before anything runs there."""
    for org_id in organizations(conn):
        act_for(conn, org_id)
        conn.exec_driver_sql("UPDATE connect.integration_connector SET credentials = ''::bytea")
        conn.exec_driver_sql("UPDATE connect.app_user SET password_hash = NULL")
        conn.exec_driver_sql("UPDATE connect.api_token SET token_hash = sha256(gen_random_uuid()::text::bytea)")


def _make(server: Connection, login: LimitedLogin) -> None:
    role = quote(login.name)
    if server.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": login.name}).scalar():
        server.exec_driver_sql(f"ALTER ROLE {role} LOGIN PASSWORD '{login.password}'")
    else:
        server.exec_driver_sql(
            f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT "
            f"CONNECTION LIMIT {_CONNECTIONS} PASSWORD '{login.password}'"
        )
    # An owner that is no superuser gives away, and takes back, as a member.
    server.exec_driver_sql(f"GRANT {role} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE")


@contextmanager
def _alone(server: Connection, database: str | None) -> Iterator[None]:
    # On the server's own database: a connection to ours would keep PostgreSQL from cloning it.
    key: dict[str, Any] = {"key": f"migration of {database}"}
    if not server.execute(text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"), key).scalar_one():
        raise Busy("Another process tries or applies a migration of this database. Wait for it, then run this again.")
    try:
        yield
    finally:
        server.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), key)


@contextmanager
def busy() -> Iterator[None]:
    """Say a lock that was not had in time, or a deadlock, as `Busy`."""
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in ("55P03", "40P01"):
            raise
        raise Busy(
            f"The migration did not get a lock that it needs within {_LOCK_TIMEOUT}, and nothing was changed. Stop "
            "what works on the database (`sync-pipeline up`, the service, Dagster), then run it again."
        ) from error
