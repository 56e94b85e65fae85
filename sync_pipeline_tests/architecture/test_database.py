"""What the database promises: isolation for every table, a schema that equals its migrations, statements that run."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, NullPool, create_engine

from sync_pipeline.config import PROJECT
from sync_pipeline.db.branch import UNPROTECTED_TABLES
from sync_pipeline.db.core_sql import for_each_table, for_table
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.db.migrate import _config, current_revision, migrate
from sync_pipeline.db.owner import create_database
from sync_pipeline.db.queries import load
from sync_pipeline.db.revision import begin, digest
from sync_pipeline.entities.core import core_tables, undo_order
from sync_pipeline.errors import Busy
from sync_pipeline.sources.base import all_sources
from sync_pipeline.steps import connect
from sync_pipeline.steps.approve.shared import with_sharing
from sync_pipeline.steps.observe.decision_log import DEPLOYMENT_LOG, LOG
from sync_pipeline.steps.observe.export import tables as export_tables
from sync_pipeline.steps.observe.validation import copied, criteria, probes
from sync_pipeline.steps.observe.validation.sight import SQL as MATRIX
from sync_pipeline.steps.promote.write.child_rows import SQL as FIGURES
from sync_pipeline.steps.promote.write.child_rows import with_refunded
from sync_pipeline_tests.databases import cloned, dump, opened_as_the_application, schema_difference
from sync_pipeline_tests.shares import rarely

SCHEMAS = ("connect", "capture", "preview", "selection", "promote", "core", "observe", "compat", "report")
_BASELINE = "72c00f199a7b3de172996589ab44f5fadbde6bbe58195af49f0faf77d3831257"
_TABLES = """
SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname = ANY (%(schemas)s) ORDER BY 1
"""


def test_every_table_with_an_organization_forces_its_policy(owner_url: str) -> None:
    engine = create_engine(owner_url, poolclass=NullPool)
    with engine.connect() as conn:
        assert conn.exec_driver_sql(UNPROTECTED_TABLES).scalars().all() == []
        conn.exec_driver_sql("CREATE TABLE core.forgotten (org_id bigint)")
        assert conn.exec_driver_sql(UNPROTECTED_TABLES).scalars().all() == ["core.forgotten"]
        conn.rollback()


def test_every_provider_has_a_partition_for_its_records(owner_url: str) -> None:
    with create_engine(owner_url, poolclass=NullPool).connect() as conn:
        partitions = conn.exec_driver_sql(
            "SELECT relid::regclass::text FROM pg_partition_tree('capture.sync_record') WHERE isleaf"
        ).scalars()
        missing = {f"capture.{name}_sync" for name in all_sources()} - set(partitions)
        assert not missing, "CONTRIBUTING, “A new provider”, says how to add them"
        unkept = conn.exec_driver_sql(
            "SELECT relid::regclass::text FROM pg_partition_tree('capture.sync_record') "
            "WHERE NOT has_table_privilege('sync_app', relid, 'MAINTAIN')"
        ).scalars()
        assert unkept.all() == [], "capture analyzes them after a large pull: GRANT MAINTAIN (“A new provider”)"


def test_every_view_reads_as_the_one_who_asks(owner_url: str) -> None:
    engine = create_engine(owner_url, poolclass=NullPool)
    with engine.connect() as conn:
        loose = conn.exec_driver_sql(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind = 'v' AND n.nspname = ANY (%(schemas)s) "
            "AND NOT coalesce(c.reloptions::text[] && ARRAY['security_invoker=true', 'security_invoker=on'], false)",
            {"schemas": list(SCHEMAS)},
        )
        assert loose.scalars().all() == []


def test_the_application_owns_nothing_and_cannot_bypass(database: Database) -> None:
    with database.unscoped() as conn:
        role = conn.exec_driver_sql(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).one()
        assert tuple(role) == (False, False, False, False)
        owned = conn.exec_driver_sql(
            "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
        )
        assert owned.scalar_one() == 0


def test_another_organization_sees_and_changes_nothing(
    owner_url: str, database: Database, org: connect.Organization
) -> None:
    """Rows are put into every table as the owner, who is not held by policies."""
    other = connect.add_organization(database, "other")
    owner = create_engine(owner_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with owner.connect() as conn:
        conn.exec_driver_sql("SET session_replication_role = replica")  # no foreign keys, no triggers: any row will do
        tables = conn.exec_driver_sql(_TABLES, {"schemas": list(SCHEMAS)}).scalars().all()
        partitioned = {"capture.sync_record"}  # its rows come through its partitions
        for table in tables:
            if table in partitioned:
                continue
            _fill(conn, table, org.org_id)
        filled = {t for t in tables if conn.exec_driver_sql(f"SELECT count(*) FROM {t}").scalar_one()}
    base = {t for t in tables if t.split(".")[0] != "compat"}
    assert len(filled & base) >= 30, sorted(base - filled)
    for table in sorted(filled):
        with database.org(other.org_id) as conn:
            seen = conn.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE org_id = {org.org_id}").scalar_one()
            assert seen == 0, table
        with database.unscoped() as conn:
            assert conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0, table
        with database.org(org.org_id) as conn:
            assert conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() > 0, table
    with database.org(other.org_id) as conn:
        changed = conn.exec_driver_sql(
            f"UPDATE connect.integration_connector SET name = 'stolen' WHERE org_id = {org.org_id}"
        )
        assert changed.rowcount == 0


def _fill(conn: object, table: str, org_id: int) -> None:
    """One row of nothing in particular, if the table can be written to."""
    columns = conn.exec_driver_sql(  # type: ignore[attr-defined]
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS kind FROM pg_attribute a JOIN pg_class c "
        "ON c.oid = a.attrelid WHERE a.attrelid = %(t)s::regclass AND a.attnum > 0 AND NOT a.attisdropped "
        "AND a.attnotnull AND a.attidentity <> 'a' AND a.attgenerated = '' AND c.relkind IN ('r', 'p')",
        {"t": table},
    ).all()
    if not columns:
        return
    checks = " ".join(
        conn.exec_driver_sql(  # type: ignore[attr-defined]
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %(t)s::regclass AND contype = 'c'",
            {"t": table},
        ).scalars()
    )
    values = {name: _any(name, kind, checks, table) for name, kind in columns}
    values["org_id"] = str(org_id)
    if table == "selection.standing_rule":
        values["kind"] = "'include_new'"
    if table == "connect.organization":
        return
    names = ", ".join(values)
    conn.exec_driver_sql(  # type: ignore[attr-defined]
        f"INSERT INTO {table} ({names}) VALUES ({', '.join(values.values())})".replace("%", "%%")
    )


def _any(name: str, kind: str, checks: str, table: str) -> str:
    allowed = re.search(rf"\(?{name}\)? = ANY \(+ARRAY\['([^']*)'", checks) or re.search(
        rf"\({name} = '([^']*)'", checks
    )
    if name == "provider":
        return "'odoo'" if "odoo" in table else "'woocommerce'"
    if allowed:
        return f"'{allowed.group(1)}'"
    if kind.endswith("[]"):
        return "'{}'"
    return {
        "bigint": "1",
        "integer": "1",
        "smallint": "1",
        "real": "1",
        "double precision": "1",
        "numeric": "1",
        "boolean": "false",
        "jsonb": "'{}'",
        "bytea": "'x'",
        "uuid": "gen_random_uuid()",
        "timestamp with time zone": "now()",
        "date": "now()",
    }.get(kind, "'x'")


def test_the_schema_equals_its_migrations(server: EmbeddedPostgres) -> None:
    admin = create_engine(server.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        for name in ("from_schema", "from_migrations"):
            conn.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        conn.exec_driver_sql("CREATE DATABASE from_schema")
    engine = create_engine(server.url("from_schema"), poolclass=NullPool)
    with engine.begin() as conn:
        driver = conn.connection.driver_connection
        assert driver is not None
        for file in sorted((PROJECT / "sql" / "schema").glob("*.sql")):
            driver.execute(file.read_text("utf-8"))
    migrate(server.url("from_migrations"), branch=False)
    schema, migrated = dump(server.url("from_schema")), dump(server.url("from_migrations"))
    assert schema == migrated, schema_difference(
        schema, migrated, only_here="only in sql/schema", only_there="only in sql/migrations"
    )


def test_a_difference_of_schemas_names_the_statement() -> None:
    view = ["CREATE VIEW compat.product AS", " SELECT org_id,", "    id", "   FROM core.products;"]
    table = ["CREATE TABLE core.products (", "    id bigint", "    org_id bigint", ")"]
    grown = [*view[:2], "    id,", "    colour", view[3]]
    words = {"only_here": "schema", "only_there": "migrations"}
    assert schema_difference(grown, view, **words) == "schema: CREATE VIEW compat.product AS colour"
    coloured = [*table[:1], "    colour text", *table[1:]]
    assert schema_difference(table, coloured, **words) == "migrations: CREATE TABLE core.products ( colour text"
    assert "last in its table" in schema_difference(
        [view[0], "    id,", "    org_id"], [view[0], "    org_id,", "    id"], **words
    )


def test_the_baseline_is_frozen() -> None:
    """Databases in use were made by it: what changes since is a revision of its own (CONTRIBUTING.md)."""
    folder = PROJECT / "sql" / "migrations" / "versions"
    files = [folder / "0001_baseline.py", *sorted((folder / "0001_baseline").glob("*.sql"))]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    assert digest == _BASELINE, "The baseline is frozen. Undo the change and write a revision: make migration NAME=…"


def test_revisions_follow_one_another_each_with_its_way_back(tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    shutil.copytree(PROJECT / "sql" / "migrations" / "versions", versions, ignore=shutil.ignore_patterns("__pycache__"))
    begin(versions, "one_more")
    newest = begin(versions, "and_another")
    files = sorted(versions.glob("[0-9]*.py"))
    assert files[-1].stem == newest.name
    for number, file in enumerate(files, 1):
        text = file.read_text("utf-8")
        assert file.name.startswith(f"{number:04}_")
        assert f'revision = "{number:04}"' in text
        assert number == 1 or f'down_revision = "{number - 1:04}"' in text
        assert number == 1 or {one.name for one in file.with_suffix("").iterdir()} == {"up.sql", "down.sql"}
    with pytest.raises(ValueError, match="lower-case"):
        begin(versions, "No Name")


@pytest.mark.parametrize(
    "file", sorted((PROJECT / "sql/migrations/versions").glob("[0-9]*.py")), ids=lambda one: one.stem
)
def test_a_revision_that_was_proposed_is_the_one_that_was_tried(file: Path) -> None:
    """Its file names the hash that a person approved."""
    if hashed := re.search(r'^sha256 = "([0-9a-f]{64})"$', file.read_text("utf-8"), re.MULTILINE):
        folder = file.with_suffix("")
        assert digest((folder / "up.sql").read_bytes(), (folder / "down.sql").read_bytes()) == hashed[1]


_REVISIONS = sorted(file.name[:4] for file in (PROJECT / "sql/migrations/versions").glob("[0-9]*.py"))


@pytest.mark.parametrize("first", [_REVISIONS[-7], rarely(_REVISIONS[0])])
def test_every_revision_can_be_taken_back_and_applied_again(server: EmbeddedPostgres, first: str) -> None:
    """One by one, after the first: back to what the revisions before it make, and forth to the same schema.

    Those of long ago, which nobody changes, in `make torture`.
    """
    url = server.url(f"back_to_{first}")
    _move(url, first)
    dumps = {first: dump(url)}
    for revision in _REVISIONS[_REVISIONS.index(first) + 1 :]:
        _move(url, revision)
        dumps[revision] = dump(url)
    for revision in reversed(list(dumps)[:-1]):
        _move(url, revision, down=True)
        left = dump(url)
        assert left == dumps[revision], f"down.sql of the revision after {revision} leaves something else:\n" + (
            schema_difference(left, dumps[revision], only_here="left behind", only_there="gone")
        )
    _move(url, "head")
    assert dump(url) == dumps[_REVISIONS[-1]]


def _move(url: URL, revision: str, *, down: bool = False) -> None:
    from alembic import command

    create_database(url)
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as conn:
        config = _config(PROJECT / "sql" / "migrations")
        config.attributes["connection"] = conn
        (command.downgrade if down else command.upgrade)(config, revision)
    engine.dispose()


def test_a_statement_that_waits_too_long_for_a_lock_is_said_in_a_sentence(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another session holds the table; nothing is changed, and the error says what to do."""
    from sync_pipeline.db import migrate as migration

    url = server.url("waits")
    _move(url, "0001")
    monkeypatch.setattr(migration, "_LOCK_TIMEOUT", "50ms")
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as conn:
        conn.exec_driver_sql("LOCK TABLE promote.integration_mapping IN ACCESS SHARE MODE")
        with pytest.raises(Busy, match=r"did not get the lock .* within 50ms"):
            migrate(url, branch=False)
    engine.dispose()
    assert current_revision(url) == "0001"
    assert migrate(url, branch=False).applied == len(_REVISIONS) - 1


def test_squawk_refuses_a_revision_that_rewrites_a_table(tmp_path: Path) -> None:
    """`make check` reads every revision after the baseline with these rules."""
    bad = tmp_path / "up.sql"
    bad.write_text("ALTER TABLE core.products ALTER COLUMN name TYPE varchar(20);\n")
    command = [str(Path(sys.executable).with_name("squawk")), "--config", str(PROJECT / ".squawk.toml"), str(bad)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "changing-column-type" in done.stdout + done.stderr


def test_migrating_twice_is_harmless_and_goes_by_a_branch(server: EmbeddedPostgres) -> None:
    url = server.url("twice")
    first = migrate(url)
    assert first.applied >= 1
    assert "row-level security on every table" in first.verified
    second = migrate(url)
    assert second.applied == 0
    admin = create_engine(server.url("postgres"), poolclass=NullPool)
    with admin.connect() as conn:
        left = conn.exec_driver_sql("SELECT datname FROM pg_database WHERE datname LIKE '%%branch%%'").scalars().all()
        assert left == []


def _statements() -> list[tuple[str, str]]:
    found = []
    root = resources.files("sync_pipeline")
    for path in sorted(Path(str(root)).rglob("*.sql")):
        package = ".".join(path.relative_to(PROJECT).parent.parts)
        found += [(f"{package}/{path.name}", name) for name in load(package, path.name)]
    return found


# Statements that are composed otherwise than for a table.
_COMPOSED: Mapping[str, Callable[[], list[str]]] = {
    "sum_refunds": lambda: [with_refunded(FIGURES["sum_refunds"])],
    "refunded_of_order": lambda: [with_refunded(FIGURES["sum_refunds"])],  # a part of it
    "refunds_add_up": lambda: [with_refunded(MATRIX["refunds_add_up"])],
    "amounts_without_currency": lambda: [criteria.currency_statement(*one) for one in criteria.AMOUNTS.items()],
    "stored_secrets": lambda: [probes.secrets_statement(*one) for one in probes.TEXTS],
    "decision_log": lambda: [LOG],
    "deployment_log": lambda: [DEPLOYMENT_LOG],
    "copied_values": lambda: sorted(
        {
            copied.copied_statement(copied.copied_column(stream, column))
            for one in all_sources().values()
            for stream in one.streams.values()
            for column in stream.copied
        }
    ),
}


def _filled(name: str, statement: str) -> list[str]:
    """A statement that is written once for many core tables, as it is for each; any other as it stands."""
    if "{alive}" in statement or name == "core_ids":
        return [for_each_table(statement)]
    if name in ("exported_rows", "exported_rows_as_of"):
        return [export_tables.filled(statement, table, ["created_at"]) for table in undo_order()]
    if name in _COMPOSED:
        return _COMPOSED[name]()
    statement = with_sharing(statement)
    if "{" not in re.sub(r"'\{[^']*\}'", "", statement):
        return [statement]
    statement = statement.replace("{rows}", "SELECT '' AS core_table, 1::bigint AS id")
    found = []
    for table in core_tables().values():
        columns = [relation.column for relation in table.relations]
        if ("_parts" in name or name == "move_parts") != (table.row is not None):
            continue  # rows that are parts of records are written by other statements than those that are records
        if ("{match}" in statement and not table.match) or ("sku" in statement and table.match != "sku"):
            continue
        if "customer_id" in statement and "customer_id" not in columns:
            continue
        found += [for_table(statement, table, column) for column in (columns if "{column}" in statement else [""])]
    assert found, name
    return found


@pytest.mark.parametrize(("file", "name"), _statements())
def test_every_named_statement_is_understood_by_the_database(
    file: str, name: str, prepared: tuple[Database, connect.Organization]
) -> None:
    """Parsed and planned as the application, with parameters of no type in particular."""
    package, _, sql_file = file.rpartition("/")
    statements = _filled(name, load(package, sql_file)[name])
    body = re.sub(r"^\s*(--[^\n]*\n\s*)*", "", statements[0])
    if not re.match(r"(?i)(select|insert|update|delete|with)", body):
        pytest.skip("not a statement that can be planned alone")
    db, org = prepared
    for statement in statements:
        with owners(db) if _OWNERS & {file, name} else db.org(org.org_id) as conn:
            _plan(conn, re.sub(r"%\((\w+)\)[sb]", "NULL", statement).replace("%%", "%"))


# What the application may not even read.
_OWNERS = {"sync_pipeline.steps.approve/migrations.sql", "deployment_log"}  # files, statements


@contextmanager
def owners(db: Database) -> Iterator[Connection]:
    engine = create_engine(db.engine.url.set(username="postgres"), poolclass=NullPool)
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def _plan(conn: Connection, text: str) -> None:
    import psycopg

    driver = conn.connection.driver_connection
    assert driver is not None
    try:
        driver.execute("EXPLAIN (GENERIC_PLAN) " + text)
    except psycopg.errors.UndefinedTable as error:
        if not re.search(r'relation "(?!\w+\.)', str(error)):
            raise  # only a temporary table of the same transaction may be missing
    except (
        psycopg.errors.IndeterminateDatatype,
        psycopg.errors.AmbiguousFunction,
        psycopg.errors.DatatypeMismatch,
        psycopg.errors.WrongObjectType,
    ):
        pass  # NULL stands for a parameter whose type only the caller knows


@pytest.fixture(scope="module")
def prepared(server: EmbeddedPostgres) -> Iterator[tuple[Database, connect.Organization]]:
    with cloned(server) as url, opened_as_the_application(url) as db:
        yield db, connect.add_organization(db, "statements")


def test_a_connection_the_server_ended_is_replaced_before_it_is_used(database: Database, owner_url: str) -> None:
    with database.unscoped() as conn:
        before = conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    owner = create_engine(owner_url, poolclass=NullPool)
    with owner.connect() as conn:
        ended = conn.exec_driver_sql(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE pid = %(pid)s", {"pid": before}
        ).scalar_one()
    assert ended == 1
    with database.org(1) as conn:
        assert conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() != before
        assert conn.exec_driver_sql("SELECT connect.current_org()").scalar_one() == 1


def _fail_inside(database: Database) -> None:
    with database.org(7, async_commit=True) as conn:
        assert conn.exec_driver_sql("SELECT connect.current_org()").scalar_one() == 7
        assert conn.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "off"
        conn.exec_driver_sql("CREATE TEMP TABLE of_this_transaction (n int)")
        raise ZeroDivisionError


def test_a_transaction_rolls_back_whole_and_its_organization_ends_with_it(database: Database) -> None:
    with database.unscoped() as conn:
        waits = conn.exec_driver_sql("SHOW synchronous_commit").scalar_one()
    with pytest.raises(ZeroDivisionError):
        _fail_inside(database)
    with database.unscoped() as conn:
        assert conn.exec_driver_sql("SELECT to_regclass('of_this_transaction')").scalar_one() is None
        assert conn.exec_driver_sql("SELECT connect.current_org()").scalar_one() is None
        assert conn.exec_driver_sql("SHOW synchronous_commit").scalar_one() == waits


REVISIONS = sorted(
    one for one in (PROJECT / "sql" / "migrations" / "versions").glob("*/*.sql") if "0001_" not in str(one)
)


@pytest.mark.parametrize("file", REVISIONS, ids=lambda one: f"{one.parent.name}/{one.name}")
def test_a_revision_that_changes_rows_sees_them_all(file: Path) -> None:
    """Row-level security is forced on the owner too: without this an owner that is no superuser would change no row."""
    text = re.sub(r"\$\$.*?\$\$", "", file.read_text("utf-8"), flags=re.DOTALL)
    for table in re.findall(r"^(?:UPDATE|DELETE FROM|INSERT INTO)\s+(\w+\.\w+)", text, flags=re.MULTILINE):
        lifted = text.find(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;")
        assert 0 <= lifted < text.rfind(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;"), table
