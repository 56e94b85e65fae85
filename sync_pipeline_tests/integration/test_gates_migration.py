"""A migration that would lose data waits for those whose data it is; one that would lose captured data never runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine

from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.db.migrate import current_revision, migrate
from sync_pipeline.db.owner import ensure_login
from sync_pipeline.errors import ConfigurationError, GateClosed
from sync_pipeline.gates import migration as asking
from sync_pipeline.steps import connect, observe
from sync_pipeline_tests.integration.migrating import NEWEST, copy_revisions, fill, migrated, rows
from sync_pipeline_tests.integration.migrating import add_revision as add


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copy_revisions(tmp_path, monkeypatch)


@pytest.fixture
def url(server: EmbeddedPostgres) -> Iterator[URL]:
    with migrated(server) as made:
        yield made


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
    assert "core.products.slug (the column is dropped; 1 value)" in str(question)
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
    assert "core.inventory_items (the table is dropped; 1 row)" in str(question)
    assert "promote.integration_mapping (1 row is deleted)" in str(question)
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
