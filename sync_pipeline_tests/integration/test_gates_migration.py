"""A migration that would lose data waits for those whose data it is; one that would lose captured data never runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, NullPool, create_engine

from sync_pipeline.db import migrate as migration
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.db.migrate import current_revision, migrate
from sync_pipeline.db.owner import ensure_login
from sync_pipeline.errors import ConfigurationError, GateClosed
from sync_pipeline.gates import migration as asking
from sync_pipeline.steps import connect, observe
from sync_pipeline_tests.integration.promote_world import World, product

NEWEST = migration.head()


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, to which a test adds one."""
    shutil.copytree(migration.SQL / "migrations", tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migration, "SQL", tmp_path)
    return tmp_path / "migrations" / "versions"


@pytest.fixture
def url(server: EmbeddedPostgres) -> Iterator[URL]:
    name = f"m_{uuid4().hex[:12]}"
    admin = create_engine(server.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template STRATEGY file_copy")
    yield server.url(name)
    with admin.connect() as conn:
        conn.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        conn.exec_driver_sql(f"DROP ROLE IF EXISTS {name}_login")
    admin.dispose()


def add(scripts: Path, *statements: str) -> None:
    body = "\n".join(f"    op.get_bind().exec_driver_sql({statement!r})" for statement in statements)
    (scripts / "9999_test.py").write_text(
        f'from alembic import op\n\nrevision = "9999"\ndown_revision = "{NEWEST}"\n\n\ndef upgrade():\n{body}\n'
    )


def fill(url: URL) -> tuple[int, int]:
    """Two organizations; only the first has products. Their ids."""
    db = Database(ensure_login(url, None))
    first, second = connect.add_organization(db, "first", "First"), connect.add_organization(db, "second")
    World(db, first.org_id).promote("product", product(1))
    World(db, second.org_id)
    db.close()
    return first.org_id, second.org_id


def rows(url: URL, statement: str) -> list[tuple[object, ...]]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as conn:
        found = [tuple(row) for row in conn.exec_driver_sql(statement)]
    engine.dispose()
    return found


def decide(url: URL, org_id: int, choice: str) -> None:
    db = Database(ensure_login(url, None))
    org = next(one for one in connect.organizations(db) if one.org_id == org_id)
    [gate] = observe.decisions(db, org)
    observe.answer(db, org, gate.decision_id, choice, actor="ann", why="looked at it")
    db.close()


def test_a_renamed_column_loses_nothing(url: URL, scripts: Path) -> None:
    fill(url)
    add(scripts, "ALTER TABLE core.products RENAME COLUMN slug TO handle")
    assert migrate(url, approval=asking).applied == 1


@pytest.mark.parametrize("connected", [False, True])
def test_a_dropped_column_waits_for_whose_values_it_has(url: URL, scripts: Path, connected: bool) -> None:
    first, _ = fill(url)
    add(scripts, "ALTER TABLE core.products DROP COLUMN slug CASCADE")
    db = Database(ensure_login(url, None))
    if connected:  # then the branch is a copy without rows
        with db.org(first) as conn:
            conn.exec_driver_sql("SELECT 1")
    else:
        db.close()
    for _ in range(2):  # asked twice it is one gate
        with pytest.raises(GateClosed, match="would lose data, and nothing was changed"):
            migrate(url, approval=asking)
    assert current_revision(url) == NEWEST
    told = "SELECT org_id, cause, question, owner, answer FROM observe.decision"
    [(org_id, cause, question, owner, answer)] = rows(url, told)
    assert (org_id, cause, owner, answer) == (first, "destructive_migration", "First", None)
    assert "core.products.slug (the column is dropped; 1 values)" in str(question)
    assert rows(url, "SELECT slug FROM core.products") == [("product-1",)]  # all else goes on
    decide(url, first, "migrate")
    db.close()
    done = migrate(url, approval=asking)
    assert (done.applied, current_revision(url)) == (1, "9999")
    [(outcome, resumed)] = rows(url, "SELECT outcome, resumed_at IS NOT NULL FROM observe.decision")
    assert str(outcome).startswith("migrated to 9999; verified: row-level security")
    assert resumed


def test_a_refused_migration_is_not_made(url: URL, scripts: Path) -> None:
    first, _ = fill(url)
    add(scripts, "DROP TABLE core.inventory_items CASCADE", "DELETE FROM promote.integration_mapping")
    with pytest.raises(GateClosed):
        migrate(url, approval=asking)
    [(question,)] = rows(url, "SELECT question FROM observe.decision")
    assert "core.inventory_items (the table is dropped; 1 rows)" in str(question)
    assert "promote.integration_mapping (1 rows are deleted)" in str(question)
    decide(url, first, "refuse")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="was refused"):
            migrate(url, approval=asking)
    assert current_revision(url) == NEWEST
    [(outcome, resumed)] = rows(url, "SELECT outcome, resumed_at IS NOT NULL FROM observe.decision")
    assert (outcome, resumed) == ("the database stays as it is", True)


def test_a_yes_is_no_yes_to_what_else_would_be_lost(url: URL, scripts: Path) -> None:
    first, _ = fill(url)
    add(scripts, "ALTER TABLE core.products DROP COLUMN slug CASCADE")
    with pytest.raises(GateClosed):
        migrate(url, approval=asking)
    decide(url, first, "migrate")
    add(scripts, "ALTER TABLE core.products DROP COLUMN slug CASCADE", "DROP TABLE core.inventory_items CASCADE")
    for _ in range(2):
        with pytest.raises(GateClosed):
            migrate(url, approval=asking)
    assert current_revision(url) == NEWEST
    told = rows(url, "SELECT question LIKE '%%inventory_items%%', answer FROM observe.decision ORDER BY decision_id")
    assert told == [(False, "migrate"), (True, None)]
    events = rows(url, "SELECT detail ->> 'cause' FROM observe.sync_activity WHERE event = 'gate.opened'")
    assert events == [("destructive_migration",)] * 2
    decide(url, first, "migrate")
    assert migrate(url, approval=asking).applied == 1


def test_a_database_of_a_newer_version_is_left_alone(url: URL) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    engine.dispose()
    with pytest.raises(ConfigurationError, match="0999, which this version does not know"):
        migrate(url, approval=asking)
    assert current_revision(url) == "0999"


def test_captured_data_is_no_question(url: URL, scripts: Path) -> None:
    fill(url)
    add(scripts, "ALTER TABLE capture.sync_record DROP COLUMN code CASCADE")
    with pytest.raises(ConfigurationError, match="would lose captured data"):
        migrate(url, approval=asking)
    assert current_revision(url) == NEWEST
    assert rows(url, "SELECT count(*) FROM observe.decision") == [(0,)]


def test_what_nobody_has_values_in_may_go(url: URL, scripts: Path) -> None:
    fill(url)
    add(scripts, "ALTER TABLE core.categories DROP COLUMN image CASCADE")
    assert migrate(url, approval=asking).applied == 1
    assert rows(url, "SELECT count(*) FROM observe.decision") == [(0,)]
