"""Databases of tests: clones of a template, as their owner and as the application sees them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy import NullPool, create_engine

from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database, psycopg_url
from sync_pipeline.db.migrate import ensure_login


@contextmanager
def cloned(server: EmbeddedPostgres, template: str = "template") -> Iterator[str]:
    """The owner's URL of a clone, which is dropped afterwards. Nobody may be connected to the template."""
    name = f"t_{uuid4().hex[:12]}"
    admin = create_engine(server.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        # Copying files costs half of logging each page.
        conn.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield server.url(name).render_as_string(hide_password=False)
    with admin.connect() as conn:
        conn.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        conn.exec_driver_sql(f"DROP ROLE IF EXISTS {name}_login")
    admin.dispose()


@contextmanager
def opened_as_the_application(owner_url: str) -> Iterator[Database]:
    """The database through a role that owns nothing."""
    db = Database(ensure_login(psycopg_url(owner_url), None))
    yield db
    db.close()
