"""What a hostile model could write into a migration: it fails, or what it leaves behind is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import URL, Connection, NullPool, create_engine

from sync_pipeline.db import branch as branches
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.kept import Watch
from sync_pipeline.db.losses import in_all
from sync_pipeline.db.owner import owner_engine
from sync_pipeline.db.proposed import script as scripts
from sync_pipeline.db.proposed.login import lend, limited_login, loan
from sync_pipeline.db.proposed.script import ScriptFailed
from sync_pipeline.db.proposed.trial import examine, session
from sync_pipeline.errors import ConfigurationError
from sync_pipeline_tests.databases import dump
from sync_pipeline_tests.integration.migrating import fill, migrated

_EVIL = (
    "CREATE FUNCTION core.evil(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS "
    "$$ BEGIN RAISE EXCEPTION 'it ran'; END $$; "
)
# What PostgreSQL refuses to a login without rights, and how it says so.
FAILS = {
    "reads credentials": ("SELECT credentials FROM connect.integration_connector", "permission denied for table"),
    "reads passwords": ("SELECT password_hash FROM connect.app_user", "permission denied for table app_user"),
    "reads tokens": ("SELECT token_hash FROM connect.api_token", "permission denied for table api_token"),
    "reads roles' passwords": ("SELECT rolpassword FROM pg_catalog.pg_authid", "permission denied"),
    "becomes superuser": ("ALTER ROLE CURRENT_USER SUPERUSER", "permission denied"),
    "bypasses row-level security": ("ALTER ROLE CURRENT_USER BYPASSRLS", "permission denied"),
    "sets the owner's role": ("SET ROLE postgres", "permission denied to set role"),
    "sets it in a block": ("DO $$ BEGIN EXECUTE 'SET ' || 'ROLE postgres'; END $$", "permission denied to set role"),
    "sets it by function": ("SELECT set_config('role', 'postgres', false)", "permission denied to set role"),
    "sets the application's role": ("SET ROLE sync_app", "permission denied to set role"),
    "sets the session": ("SET SESSION AUTHORIZATION postgres", "permission denied to set session authorization"),
    "goes back to who it was": (
        "RESET SESSION AUTHORIZATION; RESET ROLE; SET ROLE NONE; CREATE ROLE evil SUPERUSER", "permission denied",
    ),
    "joins a role": ("GRANT sync_router TO CURRENT_USER", "permission denied"),
    "runs a program": ("COPY core.products TO PROGRAM 'id'", "permission denied to COPY to or from an external"),
    "runs a program in a block": (
        "DO $$ BEGIN EXECUTE 'COPY core.products FROM PROGRAM ''id'''; END $$", "permission denied to COPY",
    ),
    "reads a file by COPY": ("COPY core.products FROM '/etc/passwd'", "permission denied to COPY from a file"),
    "writes a file": ("COPY core.products TO '/tmp/x'", "permission denied to COPY to a file"),
    "reads a file": ("SELECT pg_read_file('/etc/passwd')", "permission denied for function pg_read_file"),
    "reads a file if it may": (
        "SELECT CASE WHEN current_setting('is_superuser') = 'on' THEN pg_read_file('/etc/passwd') END",
        "permission denied for function pg_read_file",
    ),
    "lists a folder": ("SELECT pg_ls_dir('/')", "permission denied for function pg_ls_dir"),
    "imports a file": ("SELECT lo_import('/etc/passwd')", "permission denied for function lo_import"),
    "loads a library": ("LOAD '/tmp/evil.so'", "is not allowed"),
    "makes a function of C": (
        "CREATE FUNCTION core.evil() RETURNS int LANGUAGE c AS '/tmp/evil.so', 'evil'",
        "permission denied for language c",
    ),
    "calls a server's inside": (
        "CREATE FUNCTION core.evil(cstring) RETURNS int LANGUAGE internal AS 'system'",
        "permission denied for language internal",
    ),
    "commits": ("CREATE TABLE core.committed (n int); COMMIT", "ends its own transaction"),
    "commits and begins": ("COMMIT; BEGIN", "ends its own transaction"),
    "commits in chains": ("COMMIT AND CHAIN", "ends its own transaction"),
    "rolls back": ("ROLLBACK", "ends its own transaction"),
    "commits in a block": ("DO $$ BEGIN COMMIT; END $$", "invalid transaction termination"),
    "commits in a procedure": (
        "CREATE PROCEDURE core.evil() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$; CALL core.evil()",
        "invalid transaction termination",
    ),
    "hides a commit from whoever cuts the script": (
        "CREATE FUNCTION core.f() RETURNS int LANGUAGE sql AS $a$ SELECT 1 $a$; SELECT $b$ ; $b$; COMMIT",
        "ends its own transaction",
    ),
    "drops a schema": ("DROP SCHEMA core CASCADE", "must be owner of schema core"),
    "drops the database": ("DROP DATABASE postgres", "cannot run inside a transaction block"),
    "makes a schema": ("CREATE SCHEMA evil", "permission denied for database"),
    "writes beside the schemas": ("CREATE TABLE public.evil (n int)", "permission denied for schema public"),
    "writes into the catalogue": ("CREATE TABLE evil (n int)", "permission denied"),
    "makes an event trigger": (
        "CREATE FUNCTION core.evil() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; "
        "CREATE EVENT TRIGGER evil ON ddl_command_end EXECUTE FUNCTION core.evil()",
        "permission denied to create event trigger",
    ),
    "makes an extension": ("CREATE EXTENSION file_fdw", "extension|permission denied"),
    "publishes": ("CREATE PUBLICATION evil FOR TABLE core.products", "permission denied"),
    "changes the server": ("ALTER SYSTEM SET log_statement = 'all'", "cannot run inside a transaction block"),
    "changes the database": (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = core', current_database()); END $$",
        "must be owner of database",
    ),
    "ends other sessions": (
        "SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = 'postgres'",
        "permission denied to terminate process",
    ),
    "approves itself": (
        "INSERT INTO selection.approval (org_id, subject, subject_id, hash, granted_by, via, expires_at) "
        "VALUES (0, 'migration', '1', 'x', 'ann', 'command', now())",
        "permission denied for table approval",
    ),
    "changes its proposal": (
        "UPDATE selection.proposed_migration SET verdict = 'passed'", "permission denied for table proposed_migration",
    ),
    "rewrites the audit log": ("DELETE FROM observe.sync_activity", "permission denied for table sync_activity"),
    "answers gates": ("UPDATE observe.decision SET answer = 'migrate'", "permission denied for table decision"),
    "changes people's rights": ("UPDATE connect.app_user SET role = 'admin'", "permission denied for table app_user"),
    "changes the revision": (
        "UPDATE public.alembic_version SET version_num = '9999'", "permission denied for table alembic_version",
    ),
    "replaces who is asked": (
        "CREATE OR REPLACE FUNCTION connect.current_org() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
        "permission denied for schema connect",
    ),
    "gives a table away": ("ALTER TABLE core.products OWNER TO sync_app", "must be able to SET ROLE"),
    "sleeps": ("SELECT pg_sleep(30)", "statement timeout"),
    "sleeps without a limit": ("SET statement_timeout = 0; SELECT pg_sleep(30)", "statement timeout"),
    "lifts the limit and sleeps": (
        "DO $$ BEGIN PERFORM set_config('statement_timeout', '0', false); PERFORM pg_sleep(30); END $$",
        "statement timeout",
    ),
}  # fmt: skip
# What PostgreSQL allows to the owner of tables, and why it may not stay.
REFUSED = {
    "row-level security off": ("ALTER TABLE core.products DISABLE ROW LEVEL SECURITY", "off the table core.products"),
    "row-level security not for the owner": (
        "ALTER TABLE core.products NO FORCE ROW LEVEL SECURITY", "off the table core.products",
    ),
    "a policy dropped": (
        "DROP POLICY organization ON core.products", "changes the policy organization of core.products",
    ),
    "a policy for everybody": (
        "CREATE POLICY more ON core.products USING (true)", "changes the policy more of core.products",
    ),
    "a policy widened": ("ALTER POLICY organization ON core.products USING (true)", "changes the policy organization"),
    "a policy for another role": (
        "ALTER POLICY organization ON core.products TO sync_router", "changes the roles of policy organization",
    ),
    "a table that is not isolated": ("CREATE TABLE core.evil (org_id bigint)", "evil has org_id and no forced policy"),
    "a table isolated by name": (
        "CREATE TABLE core.evil (org_id bigint); ALTER TABLE core.evil ENABLE ROW LEVEL SECURITY; "
        "ALTER TABLE core.evil FORCE ROW LEVEL SECURITY; CREATE POLICY organization ON core.evil USING (true)",
        "is not the one that connect.isolate makes",
    ),
    "a table with a second policy": (
        "CREATE TABLE core.evil (org_id bigint); CALL connect.isolate('core.evil'); "
        "CREATE POLICY more ON core.evil USING (true)",
        "policy more of core.evil is not the one",
    ),
    "rights for everybody": ("GRANT SELECT ON core.products TO PUBLIC", "right of everybody to SELECT on core"),
    "rights to delete history": (
        "GRANT UPDATE ON capture.record_history TO sync_app", "right of sync_app to UPDATE on capture.record_history",
    ),
    "rights to a column": (
        "GRANT UPDATE (sync_data) ON capture.record_history TO sync_app",
        "right of sync_app to UPDATE on capture.record_history.sync_data",
    ),
    "rights of new tables": (
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC", "default acl",
    ),
    "a view with its owner's rights": (
        "CREATE VIEW report.evil AS SELECT * FROM core.customers", "report.evil reads with its owner's rights",
    ),
    "a function with its owner's rights": (
        "CREATE FUNCTION core.evil() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        r"core.evil\(\) runs with its owner's rights",
    ),
    "code in an index": (
        _EVIL + "CREATE INDEX evil ON core.products (org_id) WHERE core.evil(slug) = 'x'",
        "of its own .* index core.evil",
    ),
    "code in a constraint": (
        _EVIL + "ALTER TABLE core.products ADD CONSTRAINT evil CHECK (core.evil(slug) <> '') NOT VALID", "of its own",
    ),
    "code in a default": (
        _EVIL + "ALTER TABLE core.products ALTER COLUMN slug SET DEFAULT core.evil('x')", "of its own",
    ),
    "code in statistics": (
        _EVIL + "CREATE STATISTICS core.evil ON (core.evil(slug)), org_id FROM core.products", "of its own",
    ),
    "code in the key of partitions": (
        _EVIL + "CREATE TABLE core.parts (org_id bigint, slug text) PARTITION BY LIST (core.evil(slug)); "
        "CALL connect.isolate('core.parts')",
        "of its own",
    ),
    "a trigger for the commit": (
        "CREATE FUNCTION core.later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; "
        "CREATE CONSTRAINT TRIGGER later AFTER INSERT ON core.products DEFERRABLE FOR EACH ROW "
        "EXECUTE FUNCTION core.later()",
        "trigger later of core.products waits for the commit",
    ),
    "a trigger for the commit on a table of ours": (
        "CREATE FUNCTION core.later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; "
        "CREATE TEMP TABLE row_now (n int); CREATE CONSTRAINT TRIGGER later AFTER INSERT ON row_now DEFERRABLE "
        "FOR EACH ROW EXECUTE FUNCTION core.later()",
        "trigger later of row_now waits for the commit",
    ),
    "a type with code": (
        "CREATE FUNCTION core.evil(bigint, bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 1.0::float8'; "
        "CREATE TYPE core.span AS RANGE (SUBTYPE = bigint, SUBTYPE_DIFF = core.evil)",
        "of its own",
    ),
    "a table of everybody's rows": (
        "CREATE TABLE core.evil AS SELECT org_id AS shop, sku FROM core.products", "evil has no org_id",
    ),
    "a cast": (
        "CREATE TYPE core.mood AS ENUM ('good'); CREATE FUNCTION core.evil(core.mood) RETURNS text LANGUAGE sql "
        "IMMUTABLE AS $$ SELECT 'x'::text $$; CREATE CAST (core.mood AS text) WITH FUNCTION core.evil(core.mood)",
        "makes this: cast",
    ),
    "an operator": (
        "CREATE FUNCTION core.evil(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'; "
        "CREATE OPERATOR core.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = core.evil)",
        "makes this: operator",
    ),
    "a rule": ("CREATE RULE evil AS ON DELETE TO core.products DO INSTEAD NOTHING", "makes this: rule"),
    "a large object": ("SELECT lo_create(0)", "makes this: large object"),
    "a table that stands before the catalogue": (
        "CREATE TEMP TABLE pg_policy AS SELECT * FROM pg_catalog.pg_policy LIMIT 0; "
        "DROP POLICY organization ON core.products",
        "changes the policy organization of core.products",
    ),
    "functions that stand before ours": (
        "CREATE FUNCTION core.pg_get_expr(pg_node_tree, oid) RETURNS text LANGUAGE sql AS $$ SELECT 'x'::text $$; "
        "CREATE FUNCTION core.format_type(oid, int) RETURNS text LANGUAGE sql AS $$ SELECT 'x'::text $$; "
        "SET search_path = core, pg_catalog; ALTER POLICY organization ON core.products USING (true)",
        "changes the policy organization of core.products",
    ),
    "a setting of its own": ("ALTER ROLE CURRENT_USER SET search_path = core", "makes this: setting"),
    "a procedure that aggregates": (
        "CREATE AGGREGATE core.evil (text) (SFUNC = textcat, STYPE = text)", "makes this: aggregate",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def branch(server: EmbeddedPostgres) -> Iterator[URL]:
    """A branch as every trial has it, as the login sees it. What a script does there is rolled back."""
    with migrated(server) as url, limited_login(url) as login, branches.cloned(url) as made:
        assert made is not None
        lend(made, login)
        yield login.at(made)


@pytest.fixture(scope="module")
def connection(branch: URL) -> Iterator[Connection]:
    with owner_engine(branch) as engine, engine.connect() as conn:
        yield conn


@pytest.fixture
def conn(connection: Connection) -> Iterator[Connection]:
    yield connection
    connection.rollback()


@pytest.mark.parametrize(("script", "said"), FAILS.values(), ids=FAILS)
def test_what_a_login_without_rights_may_not(
    conn: Connection, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    if said == "statement timeout":
        monkeypatch.setattr(scripts, "STATEMENT_TIMEOUT", "3s")
    with pytest.raises(ScriptFailed) as failed:
        examine(conn, script, "SELECT 1")
    assert re.search(said, failed.value.failure.message), failed.value.failure


@pytest.mark.parametrize(("script", "said"), REFUSED.values(), ids=REFUSED)
def test_what_may_not_stay(conn: Connection, script: str, said: str) -> None:
    try:
        found = examine(conn, script, "SELECT 1").refused
    except ScriptFailed as failed:
        found = [failed.failure.message]
    assert [one for one in found if re.search(said, one)], found


def test_a_script_that_sends_rows_to_its_reader_fails(branch: URL) -> None:
    with session(branch) as conn, pytest.raises(ScriptFailed, match="COPY"):
        examine(conn, "COPY core.products TO STDOUT", "SELECT 1")


def test_what_adds_is_not_refused(conn: Connection) -> None:
    up = """
        CREATE TABLE core.brands (org_id bigint NOT NULL REFERENCES connect.organization, id bigint NOT NULL, name text,
            PRIMARY KEY (org_id, id));
        CALL connect.isolate('core.brands');
        ALTER TABLE core.products ADD COLUMN brand_id bigint;
        CREATE INDEX products_brand ON core.products (org_id, brand_id);
        COMMENT ON COLUMN core.products.brand_id IS 'The brand.';
        CREATE FUNCTION core.brand_count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM core.brands';
        CREATE VIEW report.brands WITH (security_invoker = true) AS SELECT * FROM core.brands;
    """
    down = """
        DROP VIEW report.brands;
        DROP FUNCTION core.brand_count();
        ALTER TABLE core.products DROP COLUMN brand_id;
        DROP TABLE core.brands;
    """
    found = examine(conn, up, down)
    assert (found.refused, found.reasons, found.back) == ([], [], None)
    assert "right of sync_app to INSERT on core.brands" in found.after.definitions
    assert "core.products" in found.touched
    assert found.written == frozenset()


def test_the_session_is_ours_again_after_each_statement(conn: Connection) -> None:
    """Functions before those of PostgreSQL, a cursor for the commit, statements under our names: none of it matters."""
    begun = scripts.begin(conn)
    scripts.run(
        conn,
        "CREATE FUNCTION core.current_database() RETURNS name LANGUAGE sql AS $$ SELECT 'x'::name $$; "
        "DECLARE later CURSOR WITH HOLD FOR SELECT 1; PREPARE _pg3_0 AS SELECT 1; SET search_path = core, pg_catalog",
        "up",
        "empty",
        begun,
    )
    assert conn.exec_driver_sql("SELECT current_database()").scalar_one() != "x"
    assert conn.exec_driver_sql("SELECT count(*) FROM pg_cursors").scalar_one() == 0
    assert conn.exec_driver_sql("SHOW search_path").scalar_one() == "pg_catalog, pg_temp"


@pytest.mark.parametrize(
    "script",
    [
        "DELETE FROM pg_temp.kept_row",
        "ALTER TABLE pg_temp.kept_row ENABLE ROW LEVEL SECURITY; ALTER TABLE pg_temp.kept_row FORCE ROW LEVEL SECURITY",
        "DROP TABLE pg_temp.kept_row",
        "ALTER TABLE pg_temp.kept_row RENAME TO other; "
        "CREATE TEMP TABLE kept_row (relation bigint, org_id bigint, key uuid, hashes bigint[])",
    ],
)
def test_what_is_kept_of_the_rows_cannot_be_changed_unseen(server: EmbeddedPostgres, script: str) -> None:
    with migrated(server) as url:
        fill(url)
        with limited_login(url) as login:
            lent = loan(url, login, ["capture.record_history"])
            with session(login.at(url)) as conn:
                lent.borrow(conn)
                watch = Watch(conn, {"capture.record_history"})
                begun = scripts.begin(conn)
                scripts.run(conn, script, "up", "full", begun)
                with pytest.raises(ConfigurationError, match="temporary tables that are not its own"):
                    watch.losses()


@pytest.mark.parametrize(
    ("script", "lost"),
    [
        (
            "ALTER TABLE capture.sync_record RENAME name TO x; ALTER TABLE capture.sync_record RENAME email TO name; "
            "ALTER TABLE capture.sync_record RENAME x TO email",
            "capture.sync_record.name (1 value is emptied)",
        ),
        (
            "ALTER TABLE capture.record_history RENAME TO elsewhere; "
            "CREATE TABLE capture.record_history (LIKE capture.elsewhere INCLUDING ALL)",
            "capture.record_history (1 row is deleted)",
        ),
    ],
    ids=["columns", "tables"],
)
def test_names_that_lead_to_something_else_lose_what_was_there(
    server: EmbeddedPostgres, script: str, lost: str
) -> None:
    """No row is written to, and whoever reads by the names finds other rows."""
    with migrated(server) as url:
        fill(url)
        with owner_engine(url) as engine, engine.connect() as conn:
            watch = Watch(conn, {"capture.record_history", "capture.sync_record"})
            conn.exec_driver_sql(script)
            assert lost.split(" ")[0] in {f"{one}.name" for one in watch.written()} | watch.written()
            assert lost in in_all(watch.losses())


def test_the_login_ends_and_leaves_nothing(server: EmbeddedPostgres) -> None:
    """What it made is the owner's; owners, rights and defaults are as before."""
    with migrated(server) as url:
        before = dump(url)
        with limited_login(url) as login:
            lent = loan(url, login, ["core.products"])
            with owner_engine(login.at(url)) as engine, engine.begin() as conn:
                lent.borrow(conn)
                conn.exec_driver_sql("ALTER TABLE core.products ADD COLUMN colour text")
                conn.exec_driver_sql("CREATE TABLE core.made (n int)")
                lent.give_back(conn)
        with create_engine(url, poolclass=NullPool).connect() as conn:
            left = conn.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %(name)s", {"name": login.name})
            assert left.all() == []
            owners = conn.exec_driver_sql(
                "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'core'::regnamespace"
            )
            assert owners.scalars().all() == ["postgres"]
            defaults = conn.exec_driver_sql("SELECT DISTINCT defaclrole::regrole::text FROM pg_default_acl")
            assert defaults.scalars().all() == ["postgres"]
            conn.exec_driver_sql("DROP TABLE core.made; ALTER TABLE core.products DROP COLUMN colour")
            conn.commit()
        assert dump(url) == before


def test_a_script_cannot_give_back_what_it_made(server: EmbeddedPostgres) -> None:
    """Else a function that runs with its owner's rights would be the owner's before anybody looks."""
    with migrated(server) as url, limited_login(url) as login:
        lent = loan(url, login, ["core.products"])
        for word in ("NULL", "''", "'a guess'"):
            with session(login.at(url)) as conn:
                lent.borrow(conn)
                call = f'CALL connect."{login.name}_give_back"({word})'
                with pytest.raises(ScriptFailed, match="permission denied to give back"):
                    scripts.run(conn, call, "up", "full", scripts.begin(conn))
        with session(login.at(url)) as conn:
            lent.borrow(conn)
            conn.commit()  # as if the process were killed: it is not what a script may do, and can be undone
            lent.give_back(conn)
            conn.commit()


def test_a_loan_ends_with_its_transaction(server: EmbeddedPostgres) -> None:
    """A process that is killed in the middle: the server rolls back, and everything is the owner's."""
    with migrated(server) as url, limited_login(url) as login:
        lent = loan(url, login, ["core.products"])
        owner = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'core.products'::regclass"
        with session(login.at(url)) as conn:
            lent.borrow(conn)
            assert conn.exec_driver_sql(owner).scalar_one() == login.name
            conn.exec_driver_sql("SELECT 1")
            conn.rollback()
        with session(url) as conn:
            assert conn.exec_driver_sql(owner).scalar_one() == "postgres"
