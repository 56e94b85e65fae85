"""A login that may change the schema and nothing else: what somebody proposed runs with it, on branches and for real.

It is no superuser and a member of no role, and the session begins as this login: there is nothing that a script could
go back to. What it may change is lent to it and taken back: it owns tables, views, functions and types of the schemas
below while the script runs. On the real database both happen in the script's own transaction, so however that ends,
nothing is the login's afterwards. What governs the deployment stays the owner's: people, tokens, credentials,
approvals, the audit log.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
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
    login = _login(url)
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
            _end(server, url, login)


def login_left(server: Connection, url: URL) -> str | None:
    """The name of the login, if a process that was killed left it behind. `server`: a session at the server's own."""
    login = _login(url)
    if not _exists(server, login):
        return None
    try:
        with _alone(server, url.database):
            return login.name
    except Busy:
        return None  # somebody works with it


def end_login_left(server: Connection, url: URL) -> str | None:
    """End the login that a killed process left behind, and what was lent to it in the real database at `url`.

    Its branches are to be dropped before. Returns its name, or None if there is none.
    """
    login = _login(url)
    if not _exists(server, login):
        return None
    try:
        with _alone(server, url.database):
            _end(server, url, login)
    except Busy:
        return None
    return login.name


def _login(url: URL) -> LimitedLogin:
    return LimitedLogin(f"{(url.database or '')[:54]}_migrator", secrets.token_urlsafe(24))


def _end(server: Connection, url: URL, login: LimitedLogin) -> None:
    end_rights(url, login)
    try:
        server.exec_driver_sql(f"DROP ROLE {quote(login.name)}")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _STILL_USED:
            raise  # else a branch that a killed process left has something of it
        server.exec_driver_sql(f"ALTER ROLE {quote(login.name)} NOLOGIN PASSWORD NULL")


def lend(url: URL, login: LimitedLogin) -> None:
    """Lend the objects of a branch to the login; committed at once. The branch is dropped, so it is not taken back."""
    with owner_engine(url) as engine, engine.begin() as conn:
        for statement in (*_rights(conn, url, login), *_owners(conn, login, None)):
            conn.exec_driver_sql(statement)


@dataclass(frozen=True, slots=True)
class Loan:
    """What the login borrows in a transaction of its own, and gives back before it commits.

    Two procedures of the owner do it. The one that gives back needs a word that the script never sees: else it could
    make its own functions the owner's, and then run them.
    """

    login: LimitedLogin
    word: str = field(repr=False)

    def borrow(self, conn: Connection) -> None:
        """Own the objects from here on; they are locked until the transaction ends."""
        conn.exec_driver_sql(f"CALL connect.{_borrow(self.login)}()")

    def give_back(self, conn: Connection) -> None:
        """Give the owner all of it, and what was made among it. Nothing waits: the locks are there."""
        conn.exec_driver_sql(f"CALL connect.{_give_back(self.login)}(%(word)s)", {"word": self.word})


def loan(url: URL, login: LimitedLogin, only: Collection[str]) -> Loan:
    """Prepare a loan of the relations that `only` names, and of all functions and types, in the real database at `url`.

    The login may also record the revision. Nobody owns anything else by it yet.
    """
    made = Loan(login, secrets.token_urlsafe(24))
    known = hashlib.sha256(made.word.encode()).hexdigest()
    role, mark = quote(login.name), f"$of_{secrets.token_hex(8)}$"
    definer = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
    with owner_engine(url) as engine, engine.begin() as conn:
        owners = " ".join(f"{one};" for one in _owners(conn, login, only))
        for statement in (
            *_rights(conn, url, login),
            f"GRANT SELECT, UPDATE ON public.alembic_version TO {role}",
            f"CREATE OR REPLACE PROCEDURE connect.{_borrow(login)}() {definer} AS {mark} BEGIN {owners} END {mark}",
            f"CREATE OR REPLACE PROCEDURE connect.{_give_back(login)}(word text) {definer} AS {mark} BEGIN "
            f"IF encode(sha256(convert_to(word, 'UTF8')), 'hex') IS DISTINCT FROM '{known}' THEN "
            f"RAISE insufficient_privilege USING MESSAGE = 'permission denied to give back'; END IF; "
            f"REASSIGN OWNED BY {role} TO CURRENT_USER; END {mark}",
            *(
                f"{verb} ON PROCEDURE connect.{one} {whom}"
                for one in (f"{_borrow(login)}()", f"{_give_back(login)}(text)")
                for verb, whom in (("REVOKE ALL", "FROM PUBLIC"), ("GRANT EXECUTE", f"TO {role}"))
            ),
        ):
            conn.exec_driver_sql(statement)
    return made


def end_rights(url: URL, login: LimitedLogin) -> None:
    """End the rights of the login in the real database at `url`. It owns nothing there, so no table is locked."""
    with owner_engine(url) as engine, engine.begin() as conn:
        conn.exec_driver_sql(f"DROP PROCEDURE IF EXISTS connect.{_borrow(login)}(), connect.{_give_back(login)}(text)")
        conn.exec_driver_sql(f"DROP OWNED BY {quote(login.name)}")


def _borrow(login: LimitedLogin) -> str:
    return quote(f"{login.name[:50]}_borrow")


def _give_back(login: LimitedLogin) -> str:
    return quote(f"{login.name[:50]}_give_back")


def _rights(conn: Connection, url: URL, login: LimitedLogin) -> list[str]:
    """The statements by which the login comes in, and what it makes has the rights that the owner's would have."""
    role = quote(login.name)
    return [
        f"GRANT CONNECT ON DATABASE {quote(url.database)} TO {role}",
        f"GRANT USAGE ON SCHEMA connect, {', '.join(SCHEMAS)} TO {role}",
        f"GRANT CREATE ON SCHEMA {', '.join(SCHEMAS)} TO {role}",
        f"GRANT REFERENCES ON connect.organization TO {role}",
        *(
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA {one.schema} GRANT {one.rights} ON {one.objects} "
            f"TO {one.grantee}"
            for one in execute(conn, _SQL["default_rights"], schemas=list(SCHEMAS)).all()
        ),
    ]


def _owners(conn: Connection, login: LimitedLogin, only: Collection[str] | None) -> list[str]:
    """The statements that lend: those relations alone that `only` names, and what is no relation."""
    relations = execute(conn, _SQL["lendable_relations"], schemas=list(SCHEMAS), kept=list(KEPT)).all()
    others = execute(conn, _SQL["lendable_others"], schemas=list(SCHEMAS)).scalars().all()
    lent = [f"{one.kind} {one.name}" for one in relations if only is None or one.name in only]
    return [f"ALTER {one} OWNER TO {quote(login.name)}" for one in (*lent, *others)]


def forget_secrets(conn: Connection) -> None:
    """Take credentials, passwords and tokens out of a branch, before anything runs there."""
    for org_id in organizations(conn):
        act_for(conn, org_id)
        conn.exec_driver_sql("UPDATE connect.integration_connector SET credentials = ''::bytea")
        conn.exec_driver_sql("UPDATE connect.app_user SET password_hash = NULL")
        conn.exec_driver_sql("UPDATE connect.api_token SET token_hash = sha256(gen_random_uuid()::text::bytea)")


def _make(server: Connection, login: LimitedLogin) -> None:
    role = quote(login.name)
    if _exists(server, login):
        server.exec_driver_sql(f"ALTER ROLE {role} LOGIN PASSWORD '{login.password}'")
    else:
        server.exec_driver_sql(
            f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT "
            f"CONNECTION LIMIT {_CONNECTIONS} PASSWORD '{login.password}'"
        )
    # An owner that is no superuser gives away, and takes back, as a member.
    server.exec_driver_sql(f"GRANT {role} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE")


def _exists(server: Connection, login: LimitedLogin) -> bool:
    return bool(server.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": login.name}).scalar())


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
