"""The owner of a database need not be a superuser, and one that lacks a right is told which, and what grants it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import URL, make_url

from sync_pipeline.config import PROJECT, Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.migrate import head, migrate
from sync_pipeline.db.open import dagster_url, migrate_to_head, open_database
from sync_pipeline.db.owner import ensure_login
from sync_pipeline.errors import ConfigurationError
from sync_pipeline_tests.tcp_postgres import TcpPostgres, tcp_postgres

_SECRET = b"of this test"
_PASSWORD = "owner"


@pytest.fixture(scope="module")
def postgres() -> Iterator[TcpPostgres]:
    """A server without any role of the pipeline."""
    with tcp_postgres() as made:
        yield made


@dataclass(frozen=True)
class Owner:
    """An owner without rights, and the server's administrator."""

    url: URL
    admin: psycopg.Connection

    def settings(self, settings: Settings) -> Settings:
        named = {"database_url": self.url.render_as_string(hide_password=False)}
        return Settings.model_validate({**settings.model_dump(exclude={"database_url"}), **named})


@pytest.fixture
def owner(postgres: TcpPostgres) -> Iterator[Owner]:
    name = f"owner_{uuid4().hex[:8]}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{_PASSWORD}'".encode())
        admin.execute(f"CREATE DATABASE {name}".encode())
        url = make_url(postgres.url(name)).set(drivername="postgresql+psycopg", username=name, password=_PASSWORD)
        yield Owner(url, admin)
        # What an owner has made goes with it, so that each finds a server without the pipeline's roles.
        made = admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'owner%%'").fetchall()
        for (database,) in made:
            admin.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())
        roles = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'owner%%' OR rolname IN ('sync_app', 'sync_router')"
        for (role,) in admin.execute(roles + " ORDER BY rolname = %s", [name]).fetchall():
            admin.execute(f"DROP OWNED BY {role} CASCADE".encode())
            admin.execute(f"DROP ROLE {role}".encode())


def denied(owner: Owner) -> list[str]:
    """The statements that the owner is told to have run."""
    with pytest.raises(ConfigurationError, match="As an administrator of the server: ") as told:
        migrate(owner.url, login_secret=_SECRET)
    assert str(owner.url.username) in str(told.value)
    return [one for one in str(told.value).partition("server: ")[2].split("; ") if not one.startswith("Then")]


def test_what_is_missing_is_told_at_once_and_is_enough(owner: Owner, settings: Settings) -> None:
    name = owner.url.username
    statements = denied(owner)
    assert statements == [
        f"ALTER ROLE {name} CREATEDB", f"ALTER ROLE {name} CREATEROLE", f"ALTER DATABASE {name} OWNER TO {name}"
    ]  # fmt: skip
    for statement in statements:
        owner.admin.execute(statement.encode())
    done = migrate(owner.url, login_secret=_SECRET)
    assert (done.before, done.after) == (None, head())
    assert "row-level security on every table" in done.verified
    # It is no superuser, and the application comes in with its own login.
    with Database(ensure_login(owner.url, _SECRET)).unscoped() as conn:
        assert conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == head()


@pytest.mark.parametrize("right", ["CREATEDB", "CREATEROLE"])
def test_each_right_is_named_alone(owner: Owner, right: str) -> None:
    name = owner.url.username
    owner.admin.execute(f"ALTER ROLE {name} CREATEDB CREATEROLE".encode())
    owner.admin.execute(f"ALTER DATABASE {name} OWNER TO {name}".encode())
    owner.admin.execute(f"ALTER ROLE {name} NO{right}".encode())
    assert denied(owner) == [f"ALTER ROLE {name} {right}"]
    owner.admin.execute(f"ALTER ROLE {name} {right}".encode())
    assert migrate(owner.url, login_secret=_SECRET).after == head()


def test_roles_that_somebody_else_made_are_asked_for(owner: Owner) -> None:
    name = owner.url.username
    owner.admin.execute(f"ALTER ROLE {name} CREATEDB CREATEROLE".encode())
    owner.admin.execute(f"ALTER DATABASE {name} OWNER TO {name}".encode())
    owner.admin.execute(f"CREATE ROLE sync_app; CREATE ROLE sync_router; CREATE ROLE {name}_login LOGIN".encode())
    statements = denied(owner)
    for role in ("sync_app", "sync_router", f"{name}_login"):
        assert any(role in one for one in statements), role
    for statement in statements:
        owner.admin.execute(statement.encode())
    assert migrate(owner.url, login_secret=_SECRET).after == head()


def test_a_login_of_the_deployments_own_is_used_and_no_other_is_made(owner: Owner, settings: Settings) -> None:
    name = owner.url.username
    owner.admin.execute(f"ALTER ROLE {name} CREATEDB CREATEROLE".encode())
    owner.admin.execute(f"ALTER DATABASE {name} OWNER TO {name}".encode())
    mine = owner.settings(settings)
    own = owner.url.set(username=f"{name}_shop", password=_PASSWORD).render_as_string(hide_password=False)
    mine = Settings.model_validate({**mine.model_dump(), "app_database_url": own})
    assert migrate_to_head(mine).after == head()
    owner.admin.execute(f"CREATE ROLE {name}_shop LOGIN PASSWORD '{_PASSWORD}' IN ROLE sync_app".encode())
    with open_database(mine).unscoped() as conn:
        assert conn.exec_driver_sql("SELECT current_user").scalar_one() == f"{name}_shop"
    logins = owner.admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [f"{name}_login"]).fetchall()
    assert logins == []


def test_dagsters_database_and_the_way_to_it_are_named(owner: Owner, settings: Settings) -> None:
    name = owner.url.username
    owner.admin.execute(f"ALTER DATABASE {name} OWNER TO {name}".encode())
    with pytest.raises(ConfigurationError, match=f"ALTER ROLE {name} CREATEDB"):
        dagster_url(owner.settings(settings))
    owner.admin.execute(b"REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
    try:
        with pytest.raises(ConfigurationError, match=f'GRANT CONNECT ON DATABASE postgres TO "{name}"'):
            migrate(owner.url)
    finally:
        owner.admin.execute(b"GRANT CONNECT ON DATABASE postgres TO PUBLIC")


def test_the_document_lists_the_rights() -> None:
    text = (PROJECT / "docs" / "deploy.md").read_text("utf-8")
    for statement in ("ALTER ROLE sync CREATEDB", "ALTER ROLE sync CREATEROLE", "ALTER DATABASE sync OWNER TO sync",
                      "GRANT CONNECT ON DATABASE postgres TO sync", "WITH ADMIN OPTION"):  # fmt: skip
        assert statement in text
