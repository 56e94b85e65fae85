"""Revisions that a test adds to a copy of the migrations, and a database to apply them to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine, make_url

from sync_pipeline.db import migrate as migration
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.db.owner import ensure_login
from sync_pipeline.steps import connect
from sync_pipeline_tests.databases import MIGRATED, Template, cloned
from sync_pipeline_tests.integration.promote_world import World, product

NEWEST = migration.head()


def copy_revisions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, to which a test adds one. Returns the folder of the revisions."""
    shutil.copytree(migration.SQL / "migrations", folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migration, "SQL", folder)
    return folder / "migrations" / "versions"


def add_revision(scripts: Path, *statements: str, **declared: dict[str, str]) -> None:
    body = "\n".join(f"    op.get_bind().connection.driver_connection.execute({one!r})" for one in statements)
    (scripts / "9999_test.py").write_text(
        f'from alembic import op\n\nrevision = "9999"\ndown_revision = "{NEWEST}"\n'
        + "".join(f"{name} = {places!r}\n" for name, places in declared.items())
        + f"\n\ndef upgrade():\n{body}\n"
    )


@contextmanager
def migrated(server: EmbeddedPostgres, template: str = MIGRATED.name) -> Iterator[URL]:
    """A database at the newest revision, as its owner sees it; dropped afterwards."""
    with cloned(server, Template(template)) as url:
        yield make_url(url)


def fill(url: URL) -> tuple[int, int]:
    """Two organizations; only the first has products, of which one had another content before. Their ids."""
    db = Database(ensure_login(url, None))
    first, second = connect.add_organization(db, "first", "First"), connect.add_organization(db, "second")
    world = World(db, first.org_id)
    world.promote("product", product(1, name="As it was"))
    world.promote("product", product(1))
    world.sql("UPDATE capture.sync_record SET name = sync_data ->> 'name'")
    World(db, second.org_id)
    db.close()
    return first.org_id, second.org_id


def rows(url: URL, statement: str) -> list[tuple[object, ...]]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as conn:
        found = [tuple(row) for row in conn.exec_driver_sql(statement)]
    engine.dispose()
    return found
