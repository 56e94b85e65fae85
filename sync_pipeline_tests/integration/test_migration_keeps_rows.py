"""A migration loses no captured row, whoever else is connected: rows are compared before it commits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine

from sync_pipeline.config import PROJECT
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import driver
from sync_pipeline.db.kept import Watch
from sync_pipeline.db.migrate import _config, _upgrade, current_revision, migrate
from sync_pipeline.db.owner import create_database
from sync_pipeline.errors import ConfigurationError, GateClosed
from sync_pipeline.gates import migration as asking
from sync_pipeline_tests.integration.migrating import NEWEST, add_revision, copy_revisions, fill, migrated, rows

HELD = ("capture.sync_record", "capture.record_history", "core.products", "promote.core_change", "selection.sync_plan")
# A revision, and how the refusal names what it loses.
HOSTILE = {
    "deletes a version": ("DELETE FROM capture.record_history", "record_history (1 row is deleted)"),
    "swallows what happens": (
        "DO $$ BEGIN BEGIN DELETE FROM capture.record_history; EXCEPTION WHEN division_by_zero THEN NULL; END; END $$",
        "record_history (1 row is deleted)",
    ),
    "empties a table": ("TRUNCATE capture.record_history", "record_history (1 row is deleted)"),
    "empties a column": ("UPDATE capture.sync_record SET name = NULL", "sync_record.name (1 value is emptied)"),
    "rewrites a payload": (
        """UPDATE capture.sync_record SET sync_data = sync_data || '{"price": "0.01"}'""",
        "sync_record.sync_data (1 value is rewritten)",
    ),
    "lays a text over a payload": (
        "UPDATE capture.record_history SET exact_text = '{}'",
        "record_history.exact_text (1 empty value is filled)",
    ),
    "replaces a row": (
        "CREATE TEMP TABLE kept AS SELECT * FROM capture.record_history; DELETE FROM capture.record_history; "
        "UPDATE kept SET external_id = '2'; INSERT INTO capture.record_history SELECT * FROM kept",
        "record_history (1 row is deleted)",
    ),
    "gives a row to another organization": (
        "UPDATE capture.record_history SET org_id = (SELECT max(org_id) FROM connect.organization)",
        "record_history (1 row is deleted)",
    ),
    "drops a table": ("DROP TABLE capture.record_history CASCADE", "record_history (the table is dropped; 1 row)"),
    "drops a column": (
        "ALTER TABLE capture.sync_record DROP COLUMN name CASCADE",
        "sync_record.name (the column is dropped; 1 value)",
    ),
    "makes a column again": (
        "ALTER TABLE capture.sync_record DROP COLUMN name CASCADE; "
        "ALTER TABLE capture.sync_record ADD COLUMN name text",
        "sync_record.name (the column is dropped; 1 value)",
    ),
    "changes a type": (
        "ALTER TABLE capture.sync_record ALTER COLUMN first_captured_at TYPE date",
        "sync_record.first_captured_at (1 value is rewritten)",
    ),
    "takes a partition away": (
        "ALTER TABLE capture.sync_record DETACH PARTITION capture.woocommerce_sync; "
        "ALTER TABLE capture.woocommerce_sync RENAME TO gone; "
        "CREATE TABLE capture.woocommerce_sync PARTITION OF capture.sync_record FOR VALUES IN ('woocommerce'); "
        "CALL connect.isolate('capture.woocommerce_sync')",
        "sync_record (1 row is deleted)",
    ),
    "waits for the commit": (
        "CREATE FUNCTION public.later() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN DELETE FROM capture.record_history; RETURN NULL; END $$; "
        "CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON connect.organization DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION public.later(); UPDATE connect.organization SET slug = slug",
        "record_history (1 row is deleted)",
    ),
    "deletes in a partition": ("DELETE FROM capture.woocommerce_sync", "sync_record (1 row is deleted)"),
    "makes a table again": (
        "CREATE TABLE capture.other (LIKE capture.record_history INCLUDING ALL); DROP TABLE capture.record_history "
        "CASCADE; ALTER TABLE capture.other RENAME TO record_history; CALL connect.isolate('capture.record_history')",
        "record_history (1 row is deleted)",
    ),
}


@pytest.fixture(scope="module")
def filled(server: EmbeddedPostgres) -> Iterator[URL]:
    """A database with captured rows, which no test of this module may change."""
    with migrated(server) as url:
        fill(url)
        yield url


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copy_revisions(tmp_path, monkeypatch)


@pytest.fixture
def somebody(filled: URL) -> Iterator[None]:
    """Another connection is open, as always in service: PostgreSQL makes no clone."""
    with create_engine(filled, poolclass=NullPool).connect() as conn:
        conn.exec_driver_sql("SELECT 1")
        conn.commit()
        yield


def held(url: URL) -> list[list[tuple[object, ...]]]:
    return [rows(url, f"SELECT t::text FROM {table} AS t ORDER BY 1") for table in HELD]


@pytest.mark.parametrize(("statement", "said"), HOSTILE.values(), ids=HOSTILE)
def test_what_loses_captured_rows_is_refused(
    filled: URL, scripts: Path, somebody: None, statement: str, said: str
) -> None:
    before = held(filled)
    add_revision(scripts, statement)
    with pytest.raises(ConfigurationError) as refused:
        migrate(filled, approval=asking)
    text = str(refused.value)
    assert "The migration to 9999 would lose captured data, and nothing was changed" in text
    assert f"capture.{said}" in text
    assert "Keep the version that is installed" in text
    assert current_revision(filled) == NEWEST
    assert held(filled) == before
    assert rows(filled, "SELECT 1 FROM observe.decision") == []


def test_a_clone_with_its_rows_shows_it_before_the_database_is_touched(filled: URL, scripts: Path) -> None:
    add_revision(scripts, "DELETE FROM capture.record_history")
    with pytest.raises(ConfigurationError, match=r"record_history \(1 row is deleted\)"):
        migrate(filled, approval=asking)
    assert current_revision(filled) == NEWEST


def test_other_data_is_asked_about(filled: URL, scripts: Path, somebody: None) -> None:
    before = held(filled)
    add_revision(scripts, "UPDATE core.products SET name = 'x'", "DELETE FROM promote.core_change")
    with pytest.raises(ConfigurationError, match="would lose data, and nothing was changed"):
        migrate(filled)
    assert held(filled) == before


def test_an_owner_that_is_no_superuser_sees_all_organizations(server: EmbeddedPostgres, scripts: Path) -> None:
    """Row-level security holds for such an owner, so each organization is looked at by itself."""
    admin = create_engine(server.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.exec_driver_sql("CREATE ROLE plain LOGIN CREATEDB CREATEROLE")
        conn.exec_driver_sql("GRANT sync_app, sync_router TO plain WITH ADMIN OPTION")
    url = server.url("of_plain").set(username="plain")
    migrate(url)
    fill(url)
    add_revision(
        scripts,
        "ALTER TABLE capture.record_history NO FORCE ROW LEVEL SECURITY",
        "DELETE FROM capture.record_history",
        "ALTER TABLE capture.record_history FORCE ROW LEVEL SECURITY",
    )
    with create_engine(url, poolclass=NullPool).connect() as conn:
        conn.exec_driver_sql("SELECT 1")
        with pytest.raises(ConfigurationError, match=r"record_history \(1 row is deleted\)"):
            migrate(url, approval=asking)
    assert rows(server.url("of_plain"), "SELECT count(*) FROM capture.record_history") == [(1,)]


def test_a_revision_that_ends_its_transaction_is_refused_on_a_branch(
    filled: URL, scripts: Path, somebody: None
) -> None:
    before = held(filled)
    add_revision(scripts, "DELETE FROM capture.record_history", "COMMIT")
    with pytest.raises(ConfigurationError, match="ends its own transaction"):
        migrate(filled, approval=asking)
    assert held(filled) == before


def test_a_schema_that_somebody_changed_is_said(filled: URL, scripts: Path, somebody: None) -> None:
    add_revision(scripts, "ALTER TABLE core.products ADD COLUMN colour text")
    engine = create_engine(filled, poolclass=NullPool)
    with engine.begin() as conn:
        conn.exec_driver_sql("ALTER INDEX capture.sync_record_email RENAME TO by_hand")
    with pytest.raises(ConfigurationError, match=r"index capture.sync_record_email is missing. Somebody changed"):
        migrate(filled, approval=asking)
    with engine.begin() as conn:
        conn.exec_driver_sql("ALTER INDEX capture.by_hand RENAME TO sync_record_email")
    assert current_revision(filled) == NEWEST


@pytest.fixture
def url(server: EmbeddedPostgres) -> Iterator[URL]:
    with migrated(server) as made:
        fill(made)
        yield made


def test_a_loss_that_the_revision_declares_is_a_question(url: URL, scripts: Path) -> None:
    add_revision(scripts, "DELETE FROM capture.record_history", loses={"capture.record_history": "They were wrong."})
    with pytest.raises(GateClosed):
        migrate(url, approval=asking)
    [(question,)] = rows(url, "SELECT question FROM observe.decision")
    assert "capture.record_history (1 row is deleted): They were wrong." in str(question)
    assert rows(url, "SELECT count(*) FROM capture.record_history") == [(1,)]


def test_the_way_back_of_every_revision_loses_no_captured_data(filled: URL) -> None:
    from alembic import command

    with create_engine(filled, poolclass=NullPool).connect() as conn:
        relations = "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p')"
        watch = Watch(conn, {str(row[0]) for row in rows(filled, relations)})
        config = _config(PROJECT / "sql" / "migrations")
        config.attributes["connection"] = conn
        command.downgrade(config, "0001")
        assert [one for one in watch.losses() if one.table.startswith("capture.")] == []
        conn.rollback()
    assert current_revision(filled) == NEWEST


def test_what_loses_nothing_is_applied_and_says_what_was_compared(url: URL, scripts: Path) -> None:
    """Columns that are new, renamed or wider, rows that are new, a table of another name."""
    before = held(url)
    with create_engine(url, poolclass=NullPool).connect():
        add_revision(
            scripts,
            "ALTER TABLE capture.sync_record ADD COLUMN colour text",
            "UPDATE capture.sync_record SET colour = 'red'",
            "ALTER TABLE capture.record_history RENAME COLUMN version_no TO number",
            "ALTER TABLE capture.record_history RENAME TO former",
            "ALTER TABLE capture.sync_page ALTER COLUMN low TYPE numeric",
            "UPDATE capture.sync_record SET name = upper(name)",
            "UPDATE core.products SET short_description = 'none' WHERE short_description IS NULL",
            "INSERT INTO observe.sync_activity (org_id, event, actor) SELECT org_id, 'x', 'y' "
            "FROM connect.organization",
            computes={"capture.sync_record.name": "The payload has it."},
        )
        done = migrate(url, approval=asking)
    [said] = [one for one in done.verified if one.startswith("no captured row lost")]
    assert "capture.sync_record" in said
    assert "capture.record_history" not in said  # renamed, not written to
    assert rows(url, "SELECT colour FROM capture.sync_record") == [("red",)]
    assert len(rows(url, "SELECT 1 FROM capture.former")) == len(before[1]) == 1


_AT_THE_BASELINE = """
SET session_replication_role = replica;
INSERT INTO connect.organization (slug, name) VALUES ('first', 'First');
INSERT INTO capture.sync_record (org_id, connection_id, entity_type, external_id, provider, sync_data, content_hash,
    raw_hash, code, email)
VALUES (1, 1, 'customer', '1', 'woocommerce', '{"email": "ann@x.example"}', 'b', 'b', NULL, U&'ann@x.example\\00A0'),
    (1, 1, 'product', '1', 'woocommerce', '{}', 'b', 'b', U&'\\00A0P-1', NULL),
    (1, 2, 'invoice_line', '5', 'odoo', '{"sale_line_ids": [7, 8]}', 'b', 'b', NULL, NULL);
INSERT INTO capture.record_history (org_id, connection_id, entity_type, external_id, content_hash, provider, version_no,
    sync_data, captured_at)
VALUES (1, 1, 'customer', '1', 'a', 'woocommerce', 1, '{"email": "old@x.example"}', now()),
    (1, 2, 'invoice_line', '5', 'a', 'odoo', 1, '{"sale_line_ids": [6, 7]}', now());
INSERT INTO promote.integration_mapping (org_id, connection_id, entity_type, external_id, provider, core_table,
    internal_id, promoted_hash)
VALUES (1, 1, 'customer', '1', 'woocommerce', 'core.customers', 1, 'b');
INSERT INTO core.customers (org_id, id, email) VALUES (1, 1, U&'ann@x.example\\00A0');
INSERT INTO selection.sync_plan (org_id, plan_hash, origin, created_by) VALUES (1, 'x', 'test', 'ann');
INSERT INTO selection.sync_plan_item (org_id, plan_id, connection_id, entity_type, external_id, action, content_hash,
    promoted_hash)
SELECT 1, plan_id, 1, 'customer', '1', 'update', 'b', 'b' FROM selection.sync_plan;
"""


def test_a_filled_database_goes_from_the_baseline_to_the_newest_revision_in_service(server: EmbeddedPostgres) -> None:
    """What the revisions compute again they say, so nobody is asked."""
    url = server.url("from_the_baseline")
    create_database(url)
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as conn:
        _upgrade("0001", conn)
    with engine.connect() as conn:
        driver(conn).execute(_AT_THE_BASELINE)
        driver(conn).commit()
        done = migrate(url, approval=asking)
        assert (done.before, done.after) == ("0001", NEWEST)
        assert "capture.sync_record" in done.verified[-1]
        found = conn.exec_driver_sql("SELECT count(*) FROM capture.record_history").scalar_one()
        named = conn.exec_driver_sql("SELECT field, named_id, external_id FROM capture.named_record ORDER BY 2").all()
    engine.dispose()
    assert found == 2
    assert [tuple(one) for one in named] == [("sale_line_ids", one, "5") for one in "678"]
