"""A migration that somebody proposes: tried on a branch, reported, approved by its hash, applied once as tried."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, NullPool, create_engine

from sync_pipeline.db import migrate as migration
from sync_pipeline.db import revision
from sync_pipeline.db.branch import HOT_QUERIES
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.db.migrate import current_revision, migrate
from sync_pipeline.db.owner import ensure_login
from sync_pipeline.db.proposed.report import HeldLock, TrialReport
from sync_pipeline.db.proposed.trial import try_migration
from sync_pipeline.db.revision import digest
from sync_pipeline.errors import Busy, ConfigurationError, Conflict, Forbidden, GateClosed, NotApproved, RateLimited
from sync_pipeline.gates import migration as asking
from sync_pipeline.steps import connect, observe
from sync_pipeline.steps.approve import apply_proposed as applying
from sync_pipeline.steps.approve import migrations
from sync_pipeline.steps.approve.proposed_migration import ProposedMigration
from sync_pipeline.steps.connect.party import Party
from sync_pipeline_tests.databases import Template
from sync_pipeline_tests.integration.migrating import NEWEST, add_revision, copy_revisions, fill, migrated, rows

ANN = Party("ann", "command")
AGENT = Party("agent of ann", "mcp", client="test-client")
COLOUR = ("ALTER TABLE core.products ADD COLUMN colour text;\n", "ALTER TABLE core.products DROP COLUMN colour;\n")
KEEP_SLUG = "ALTER TABLE core.products ADD COLUMN slug text"


@pytest.fixture(scope="module")
def template(server: EmbeddedPostgres) -> Iterator[Template]:
    """With captured and promoted rows."""
    with migrated(server) as url:
        fill(url)
        yield Template(str(url.database))


@pytest.fixture(scope="module")
def filled(server: EmbeddedPostgres, template: Template) -> Iterator[URL]:
    """A database with such rows, which no trial changes."""
    with migrated(server, template.name) as url:
        yield url


@pytest.fixture
def own(server: EmbeddedPostgres, template: Template) -> Iterator[URL]:
    """The same for a test that changes it."""
    with migrated(server, template.name) as url:
        yield url


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copy_revisions(tmp_path, monkeypatch)


@contextmanager
def somebody_at_work(url: URL) -> Iterator[list[int]]:
    """Another connection inserts and deletes captured rows until the end. Yields the numbers of what it left there."""
    stop, left = threading.Event(), list[int]()
    engine = create_engine(url, poolclass=NullPool)

    def work() -> None:
        number = 0
        with engine.connect() as conn:
            while not stop.is_set():
                number += 1
                conn.exec_driver_sql(
                    "INSERT INTO capture.record_history (org_id, connection_id, entity_type, external_id, "
                    "content_hash, provider, version_no, sync_data, captured_at) SELECT min(org_id), 1, 'product', "
                    "%(id)s, 'h', 'woocommerce', 1, '{}', now() FROM connect.organization",
                    {"id": f"w{number}"},
                )
                conn.commit()
                if number % 2:
                    conn.exec_driver_sql(
                        "DELETE FROM capture.record_history WHERE external_id = %(id)s", {"id": f"w{number}"}
                    )
                    conn.commit()
                else:
                    left.append(number)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        while not left:
            worker.join(0.01)
            assert worker.is_alive()
        yield left
    finally:
        stop.set()
        worker.join()
        engine.dispose()


def lock_on(report: TrialReport, table: str) -> HeldLock:
    return next(one for one in report.locks if one.table == table)


def propose(url: URL, up: str = COLOUR[0], down: str = COLOUR[1], by: Party = ANN) -> ProposedMigration:
    made = migrations.propose_migration(url, up, down, why="Products have a colour.", by=by)
    return migrations.try_proposed(url, made.migration_id, by=by)


def test_a_report_of_what_adds(filled: URL) -> None:
    before = rows(filled, "SELECT count(*) FROM core.products")
    up = COLOUR[0] + (
        "SELECT set_config('sync.org_id', (SELECT min(org_id) FROM core.products)::text, true);\n"
        "UPDATE core.products SET colour = 'red';\n"
        "CREATE INDEX products_colour ON core.products (org_id, colour);\n"
    )
    report = try_migration(filled, up, COLOUR[1])
    assert (report.verdict, report.reasons, report.failure) == ("passed", [], None)
    assert report.branch == "full"
    assert {one.object for one in report.schema} == {
        "column core.products.colour", "index core.products_colour",
    }  # fmt: skip
    assert [(one.number, one.line) for one in report.statements] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert [lock.mode for lock in report.statements[0].locks if lock.table == "core.products"] == [
        "AccessExclusiveLock"
    ]
    lock = lock_on(report, "core.products")
    assert (lock.stops, lock.rows) == ("reads and writes", 1)
    assert lock.seconds == pytest.approx(sum(one.seconds for one in report.statements), abs=0.01)
    counted = {one.table: (one.before, one.after) for one in report.rows}
    assert counted["core.products"] == (1, 1)
    assert counted["capture.record_history"] == (1, 1)
    assert counted["connect.organization"] == (2, 2)
    assert [one.query for one in report.plans] == list(HOT_QUERIES)
    assert all(one.by_index for one in report.plans)
    assert report.losses == []
    assert [(one.script, one.line, one.rule) for one in report.findings] == [
        ("up", 4, "require-concurrent-index-creation"),
        ("down", 1, "ban-drop-column"),
    ]
    assert rows(filled, "SELECT count(*) FROM core.products") == before
    assert rows(filled, "SELECT 1 FROM pg_attribute WHERE attname = 'colour'") == []
    assert rows(filled, "SELECT datname FROM pg_database WHERE datname LIKE '%%branch%%'") == []


FOREIGN = """
    SELECT c.oid::regclass FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner WHERE r.rolname LIKE '%%migrator'
    UNION ALL
    SELECT p.oid FROM pg_proc AS p JOIN pg_roles AS r ON r.oid = p.proowner WHERE r.rolname LIKE '%%migrator'
"""  # what a login of a migration owns
UNGUARDED = "ALTER TABLE {0} NO FORCE ROW LEVEL SECURITY; {1}; ALTER TABLE {0} FORCE ROW LEVEL SECURITY"
DESTRUCTIVE = {
    "deletes": (
        UNGUARDED.format("capture.record_history", "DELETE FROM capture.record_history WHERE external_id = '1'"),
        "SELECT 1",
        "capture.record_history (1 row is deleted)",
    ),
    "drops a table": (
        "DROP TABLE capture.record_history CASCADE", "SELECT 1",
        "capture.record_history (the table is dropped; ",
    ),
    "drops a column": (
        "ALTER TABLE capture.sync_record DROP COLUMN name CASCADE",
        "ALTER TABLE capture.sync_record ADD COLUMN name text",
        "capture.sync_record.name (the column is dropped; 1 value)",
    ),
    "loses it on the way back": (
        "SELECT 1",
        "ALTER TABLE capture.sync_record DROP COLUMN name CASCADE; "
        "ALTER TABLE capture.sync_record ADD COLUMN name text",
        "capture.sync_record.name (the column is dropped; 1 value)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("up", "down", "lost"), DESTRUCTIVE.values(), ids=DESTRUCTIVE)
def test_a_destructive_one_stops_at_the_branch_while_others_work(own: URL, up: str, down: str, lost: str) -> None:
    with somebody_at_work(own) as left:
        made = propose(own, up, down)
        with pytest.raises(Conflict, match="Only what passed its trial can go on"):
            migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN)
    assert made.state == "blocked"
    assert made.report is not None
    assert made.report.branch == "full"
    assert "others are connected" in made.report.branch_why
    assert any(lost in one for one in made.report.reasons), made.report.reasons
    kept = rows(own, "SELECT external_id FROM capture.record_history WHERE external_id LIKE 'w%%'")
    assert {f"w{number}" for number in left} <= {str(one[0]) for one in kept}


def test_a_revision_that_deletes_is_refused_while_others_insert_and_delete(own: URL, scripts: Path) -> None:
    """Of the file kind: `db migrate` compares the real rows in the migrating transaction, which others wait for."""
    add_revision(scripts, "DELETE FROM capture.record_history WHERE external_id = '1'")
    with somebody_at_work(own) as left, pytest.raises(ConfigurationError, match=r"record_history \(1 row is deleted\)"):
        migrate(own, approval=asking)
    assert current_revision(own) == NEWEST
    kept = rows(own, "SELECT external_id FROM capture.record_history")
    assert {"1", *(f"w{number}" for number in left)} <= {str(one[0]) for one in kept}


def test_one_that_locks_a_big_table_says_for_how_long(own: URL) -> None:
    with create_engine(own, poolclass=NullPool).begin() as conn:
        conn.exec_driver_sql("SET session_replication_role = replica")
        conn.exec_driver_sql(
            "INSERT INTO observe.request (org_id, kind, requested_by, parameters) SELECT (SELECT min(org_id) FROM "
            "connect.organization), 'pull', 'x', jsonb_build_object('n', n) FROM generate_series(1, 60000) AS n"
        )
    report = try_migration(
        own,
        "ALTER TABLE observe.request ALTER COLUMN requested_by TYPE varchar(50);",
        "ALTER TABLE observe.request ALTER COLUMN requested_by TYPE text;",
    )
    lock = lock_on(report, "observe.request")
    assert (lock.mode, lock.stops, lock.rows) == ("AccessExclusiveLock", "reads and writes", 60_000)
    assert lock.seconds > 0.02
    assert report.statements[0].seconds == lock.seconds


def priced(url: URL) -> None:
    """The second organization has two products, too: one with a price, one without."""
    with create_engine(url, poolclass=NullPool).begin() as conn:
        conn.exec_driver_sql(
            "INSERT INTO core.products (org_id, name, price) SELECT max(org_id), n, p FROM connect.organization, "
            "(VALUES ('a', 3), ('b', NULL)) AS v (n, p) GROUP BY n, p"
        )


PRICES = "UPDATE core.products SET price = {}"


def test_values_that_are_overwritten_are_reported_and_are_losses(own: URL) -> None:
    priced(own)
    for up, down, back in (
        (PRICES.format("0"), "SELECT 1", False),
        (PRICES.format("price + 1"), UNGUARDED.format("core.products", PRICES.format("price - 1")), True),
    ):
        made = propose(own, UNGUARDED.format("core.products", up), down)
        report = made.report
        assert report is not None
        assert (made.state, report.unreached) == ("waiting", [])
        changed = {(one.table, one.column, one.how): one for one in report.changed}
        rewritten = changed.pop(("core.products", "price", "rewritten"))
        assert (rewritten.values, rewritten.organizations, rewritten.back) == (2, 2, back)
        filled = changed.pop(("core.products", "price", "filled"), None)
        assert (filled is not None and (filled.values, filled.organizations, filled.back)) == (
            False if back else (1, 1, False)  # NULL + 1 is NULL
        )
        assert changed == {}
        assert report.losses == ["core.products.price (2 values are rewritten)"]
        assert 0 < report.compare_seconds < report.seconds
        with pytest.raises(ConfigurationError, match="--with-losses"):
            migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN)
        approved = migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN, with_losses=True)
        assert approved.state == "approved"


def test_an_update_that_row_level_security_hides_rows_from_is_told(own: URL, scripts: Path) -> None:
    """Neither on a branch nor in service does it work on the organization that our questions were asked for last."""
    priced(own)
    before = rows(own, "SELECT org_id, price FROM core.products ORDER BY id")
    made = propose(own, PRICES.format("0"), PRICES.format("1"))
    report = made.report
    assert report is not None
    assert (made.state, report.changed, report.losses) == ("waiting", [], [])
    assert report.unreached == ["core.products"]
    migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN)
    applying.apply_proposed(own, made.migration_id, by=ANN, approval=asking)
    assert rows(own, "SELECT org_id, price FROM core.products ORDER BY id") == before


def test_a_report_kept_by_an_earlier_version_is_read(own: URL) -> None:
    made = propose(own)
    with create_engine(own, poolclass=NullPool).begin() as conn:
        conn.exec_driver_sql(
            "UPDATE selection.proposed_migration SET report = report - 'changed' - 'unreached' - 'compare_seconds'"
        )
    report = migrations.proposed_migration(own, made.migration_id).report
    assert report is not None
    assert (report.changed, report.unreached, report.compare_seconds) == ((), (), 0.0)


def test_without_rows_nothing_that_may_delete_or_rewrite_passes(filled: URL) -> None:
    report = try_migration(filled, "DELETE FROM core.products", "SELECT 1", wanted="empty")
    assert (report.branch, report.verdict) == ("empty", "blocked")
    assert "It may delete or rewrite rows of core.products" in report.reasons[0]
    assert try_migration(filled, *COLOUR, wanted="empty").verdict == "passed"


def test_a_sample_has_rows_of_every_table(filled: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    from sync_pipeline.db.proposed import trial

    monkeypatch.setattr(trial, "_SAMPLE", 1)
    report = try_migration(filled, "ALTER TABLE core.products DROP COLUMN slug CASCADE", KEEP_SLUG, wanted="sampled")
    assert report.branch == "sampled"
    assert report.losses == ["core.products.slug (the column is dropped; 1 value)"]
    counted = {one.table: one.before for one in report.rows}
    whole = rows(filled, "SELECT (SELECT count(*) FROM promote.sync_queue), (SELECT count(*) FROM selection.sync_plan)")
    assert whole == [(2, 2)]
    assert (counted["promote.sync_queue"], counted["selection.sync_plan"]) == (1, 2)  # lines name their plan


def test_what_postgresql_says_of_a_statement_is_reported_with_its_line(filled: URL) -> None:
    report = try_migration(filled, "SELECT 1;\n\nALTER TABLE core.nothing ADD COLUMN x text;", "SELECT 1")
    assert report.verdict == "failed"
    assert report.failure is not None
    found = report.failure
    assert (found.branch, found.script, found.statement, found.line, found.sqlstate) == ("empty", "up", 2, 3, "42P01")
    assert found.message == 'relation "core.nothing" does not exist'


def test_a_schema_made_of_rows_is_refused(filled: URL) -> None:
    """A comment, a name, a default: else somebody's data could leave by the report."""
    up = (
        "DO $$ DECLARE n text; BEGIN PERFORM set_config('sync.org_id', '1', true); SELECT string_agg(sku, ',') INTO n "
        "FROM core.products; EXECUTE format('COMMENT ON TABLE core.products IS %L', n); END $$"
    )
    with create_engine(filled, poolclass=NullPool).connect() as conn:
        first = conn.exec_driver_sql("SELECT min(org_id) FROM core.products").scalar_one()
    report = try_migration(filled, up.replace("'1'", f"'{first}'"), "SELECT 1")
    assert report.verdict == "blocked"
    assert any("another one where there are rows" in one for one in report.reasons), report.reasons


def test_a_proposal_is_approved_by_its_hash_and_applied_once(own: URL, scripts: Path) -> None:
    made = propose(own)
    assert (made.state, made.hash) == ("waiting", digest(COLOUR[0].encode(), COLOUR[1].encode()))
    number = made.migration_id
    assert propose(own).migration_id == number  # the same scripts are the same proposal
    with pytest.raises(NotApproved, match=f"--hash {made.hash}"):
        applying.apply_proposed(own, number, by=ANN, approval=asking)
    with pytest.raises(Conflict, match="different hash"):
        migrations.approve_migration(own, number, sha256="0" * 64, by=ANN)
    for nobody in (AGENT, Party("token:x", "api", role="admin")):
        with pytest.raises(Forbidden):
            migrations.approve_migration(own, number, sha256=made.hash, by=nobody)
    assert migrations.approve_migration(own, number, sha256=made.hash, by=ANN).state == "approved"
    with pytest.raises(Forbidden):
        applying.apply_proposed(own, number, by=AGENT, approval=asking)

    done = applying.apply_proposed(own, number, by=ANN, approval=asking)
    assert (done.migration.state, done.migration.applied_by) == ("applied", "ann")
    assert done.migration.applied_as == current_revision(own) == migration.head() == f"{int(NEWEST) + 1:04}"
    assert done.folder == scripts / f"{done.migration.applied_as}_products_have_a_colour"
    assert (done.folder / "up.sql").read_bytes() == COLOUR[0].encode()
    assert (done.folder / "down.sql").read_bytes() == COLOUR[1].encode()
    assert f'sha256 = "{made.hash}"' in done.folder.with_suffix(".py").read_text()
    assert rows(own, "SELECT colour FROM core.products") == [(None,)]
    owner = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'core.products'::regclass"
    assert rows(own, owner) == [("postgres",)]
    with pytest.raises(Conflict, match="applied"):
        applying.apply_proposed(own, number, by=ANN, approval=asking)
    spent = rows(own, "SELECT org_id, granted_by, spent_by, hash FROM selection.approval WHERE subject = 'migration'")
    assert spent == [(0, "ann", "ann", made.hash)]
    events = rows(own, "SELECT event FROM observe.sync_activity WHERE org_id = 0 ORDER BY activity_id")
    told = [str(event) for (event,) in events]
    assert told == ["migration.proposed", "migration.tried", "migration.tried", "approval.granted", "migration.applied"]
    assert migrate(own, approval=asking).applied == 0


def test_what_is_another_in_service_than_on_the_branch_is_not_applied(own: URL, scripts: Path) -> None:
    """A script that knows where it runs: it loses nothing on a branch and rows here, or makes another schema here."""
    there = "IF current_database() NOT LIKE '%branch%' THEN {}; END IF;"
    delete = UNGUARDED.format("capture.record_history", "DELETE FROM capture.record_history")
    for up, said in (
        (f"DO $$ BEGIN {there.format(delete)} END $$", "must be owner of table record_history"),
        (
            f"LOCK TABLE capture.record_history IN ACCESS EXCLUSIVE MODE; DO $$ BEGIN {there.format(delete)} END $$",
            "would lose captured data",
        ),
        (f"DO $$ BEGIN {there.format('CREATE TABLE core.evil (n int)')} END $$", "the schema becomes another one here"),
        (f"DO $$ BEGIN {there.format('CREATE ROLE evil SUPERUSER')} END $$", "permission denied to create role"),
    ):
        made = propose(own, up, "SELECT 1")
        assert made.state == "waiting", made.report
        migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN)
        files = sorted([*scripts.glob("*.py"), *scripts.glob("*/*.sql")])
        with pytest.raises(ConfigurationError, match=said):
            applying.apply_proposed(own, made.migration_id, by=ANN, approval=asking)
        assert current_revision(own) == NEWEST
        assert sorted([*scripts.glob("*.py"), *scripts.glob("*/*.sql")]) == files
        assert migrations.proposed_migration(own, made.migration_id).state == "approved"  # it was not spent
    assert rows(own, "SELECT count(*) FROM capture.record_history") == [(1,)]


def test_what_loses_promoted_values_asks_twice(own: URL, scripts: Path) -> None:
    up = UNGUARDED.format("promote.core_change", "DELETE FROM promote.core_change")
    [(kept,)] = rows(own, "SELECT count(*) FROM promote.core_change")
    made = propose(own, up, "SELECT 1")
    assert made.state == "waiting", made.report
    assert made.report is not None
    [lost] = made.report.losses
    assert lost.startswith(f"promote.core_change ({kept} row")
    with pytest.raises(ConfigurationError, match="--with-losses"):
        migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN)
    migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN, with_losses=True)
    with pytest.raises(GateClosed):
        applying.apply_proposed(own, made.migration_id, by=ANN, approval=asking)
    [(question,)] = rows(own, "SELECT question FROM observe.decision")
    assert lost in str(question)
    assert rows(own, "SELECT count(*) FROM promote.core_change") == [(kept,)]


def test_a_trial_is_of_a_revision(own: URL, scripts: Path) -> None:
    made = propose(own)
    migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN)
    add_revision(scripts, "SELECT 1")
    with pytest.raises(ConfigurationError, match="db migrate"):
        applying.apply_proposed(own, made.migration_id, by=ANN, approval=asking)
    migrate(own, approval=asking, branch=False)
    with pytest.raises(Conflict, match=f"was tried at revision {NEWEST}, the database is at 9999"):
        applying.apply_proposed(own, made.migration_id, by=ANN, approval=asking)


def test_who_holds_a_lock_is_not_waited_for(own: URL, scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sync_pipeline.db.proposed import apply

    monkeypatch.setattr(apply, "LOCK_TIMEOUT", "100ms")
    made = propose(own)
    migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN)
    with create_engine(own, poolclass=NullPool).begin() as conn:
        conn.exec_driver_sql("LOCK TABLE core.products IN ACCESS SHARE MODE")
        with pytest.raises(Busy, match=r"did not get the lock that it needs within 100ms, and nothing was changed"):
            applying.apply_proposed(own, made.migration_id, by=ANN, approval=asking)
        assert rows(own, FOREIGN) == []  # while the lock is held, everything is the owner's
    assert applying.apply_proposed(own, made.migration_id, by=ANN, approval=asking).migration.state == "applied"


def test_a_lock_that_comes_after_the_commit_leaves_nothing_with_the_login(
    own: URL, scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody reads the table at once: it was given back in the migrating transaction, for which nobody waits."""
    from sync_pipeline.db.proposed import login

    made = propose(own)
    migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN)
    ends, engine = login.end_rights, create_engine(own, poolclass=NullPool)
    with engine.connect() as reader:

        def held(url: URL, who: login.LimitedLogin) -> None:
            reader.exec_driver_sql("LOCK TABLE core.products IN ACCESS SHARE MODE")
            ends(url, who)

        monkeypatch.setattr(login, "end_rights", held)
        applying.apply_proposed(own, made.migration_id, by=ANN, approval=asking)
        assert rows(own, FOREIGN) == []
        assert rows(own, "SELECT 1 FROM pg_roles WHERE rolname LIKE '%%migrator'") == []
    engine.dispose()


@pytest.mark.parametrize(
    "stopped",
    [
        "before the commit",
        *(pytest.param(one, marks=pytest.mark.torture) for one in ("after the commit", "after the files")),
    ],
)
def test_a_process_that_is_killed_while_it_applies(
    own: URL, scripts: Path, monkeypatch: pytest.MonkeyPatch, stopped: str
) -> None:
    """Nothing of it stands among the revisions, which the owner would run, or the same call finishes it."""
    made = propose(own)
    migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN)
    apply, number = applying.apply_migration, made.migration_id

    def killed(*given: Any, **named: Any) -> Any:
        if stopped != "before the commit":
            apply(*given, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        # A process that is gone handles no exception: the files are not placed by its last breath.
        patched.setattr(applying, "apply_migration", killed)
        if stopped == "after the commit":
            patched.setattr(revision, "place", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            applying.apply_proposed(own, number, by=ANN, approval=asking)
    files = [file.name for file in scripts.glob("*products_have_a_colour*")]
    assert len(files) == (2 if stopped == "after the files" else 0)
    assert list(scripts.glob(".applying*")) == []
    done = applying.apply_proposed(own, number, by=ANN, approval=asking)
    assert (done.migration.state, done.migration.applied_as) == ("applied", current_revision(own))
    assert (done.folder / "up.sql").read_bytes() == COLOUR[0].encode()
    assert rows(own, "SELECT spent_by FROM selection.approval WHERE subject = 'migration'") == [("ann",)]
    assert migrate(own, approval=asking).applied == 0
    with pytest.raises(Conflict, match="applied"):
        applying.apply_proposed(own, number, by=ANN, approval=asking)


def test_folders_that_a_killed_process_left_are_removed_the_next_day(own: URL, scripts: Path) -> None:
    made = propose(own)
    migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN)
    old, young = scripts / ".applying_old", scripts / ".applying_young"
    for folder in (old, young):
        folder.mkdir()
        (folder / "0099_x").mkdir()
    os.utime(old, (0, 0))
    applying.apply_proposed(own, made.migration_id, by=ANN, approval=asking)
    assert [one.name for one in scripts.glob(".applying*")] == [".applying_young"]


def test_where_the_revision_cannot_be_written_nothing_is_changed(own: URL, tmp_path: Path) -> None:
    made = propose(own)
    migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN)
    (tmp_path / "a_file").write_text("")
    with pytest.raises(ConfigurationError, match=f"migration export {made.migration_id} --out DIR"):
        applying.apply_proposed(own, made.migration_id, by=ANN, approval=asking, versions=tmp_path / "a_file")
    written = applying.write_revision(made, tmp_path)
    assert written.name == f"{int(NEWEST) + 1:04}_products_have_a_colour"
    assert current_revision(own) == NEWEST
    assert migrations.proposed_migration(own, made.migration_id).state == "approved"


def test_a_refused_one_is_not_applied_whoever_approved_it(own: URL, scripts: Path) -> None:
    made = propose(own)
    migrations.approve_migration(own, made.migration_id, sha256=made.hash, by=ANN)
    assert migrations.refuse_migration(own, made.migration_id, by=ANN, why="not now").state == "refused"
    with pytest.raises(Conflict, match="refused"):
        applying.apply_proposed(own, made.migration_id, by=ANN, approval=asking)
    with pytest.raises(Conflict, match="refused"):
        migrations.try_proposed(own, made.migration_id, by=ANN)


def test_agents_propose_within_limits_and_the_application_sees_nothing(
    own: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sync_pipeline.db.owner import ensure_login

    monkeypatch.setattr(migrations, "AGENTS_AN_HOUR", 1)
    made = migrations.propose_migration(own, *COLOUR, why="Products have a colour.", by=AGENT)
    assert (made.agent, made.client, made.state) == (True, "test-client", "proposed")
    migrations.propose_migration(own, *COLOUR, why="the same", by=AGENT)
    with pytest.raises(RateLimited):
        migrations.propose_migration(own, "SELECT 1", "SELECT 1", why="another", by=AGENT)
    migrations.propose_migration(own, "SELECT 1", "SELECT 1", why="another", by=ANN)
    db = Database(ensure_login(own, None))
    for statement in ("SELECT 1 FROM", "DELETE FROM"):
        with pytest.raises(Exception, match="permission denied for table proposed_migration"), db.org(1) as conn:
            conn.exec_driver_sql(f"{statement} selection.proposed_migration")
    db.close()


def test_an_owner_that_is_no_superuser_tries_and_applies(server: EmbeddedPostgres, scripts: Path) -> None:
    admin = create_engine(server.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.exec_driver_sql("CREATE ROLE plain_owner LOGIN CREATEDB CREATEROLE")
        conn.exec_driver_sql("GRANT sync_app, sync_router TO plain_owner WITH ADMIN OPTION")
    url = server.url("proposed_plain").set(username="plain_owner")
    migrate(url)
    fill(url)
    made = propose(url)
    assert made.state == "waiting", made.report
    assert made.report is not None
    assert made.report.branch == "full"
    with create_engine(url, poolclass=NullPool).connect() as conn:
        conn.exec_driver_sql("SELECT 1")
        assert try_migration(url, *COLOUR).branch == "empty"
    migrations.approve_migration(url, made.migration_id, sha256=made.hash, by=ANN)
    assert applying.apply_proposed(url, made.migration_id, by=ANN, approval=asking).migration.state == "applied"
    owner = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'core'::regnamespace"
    assert rows(server.url("proposed_plain"), owner) == [("plain_owner",)]


def test_every_step_of_a_migration_is_in_the_log_of_decisions(own: URL, scripts: Path) -> None:
    """Organizations read who did what to which hash, and the verdict; what was written of it is the owner's."""
    secret = "The other shop needs a colour"
    made = migrations.propose_migration(own, *COLOUR, why=secret, by=AGENT)
    number, sha256 = made.migration_id, made.hash
    bad = migrations.propose_migration(own, "SELECT no_such()", "SELECT 1", why=secret, by=AGENT)
    bob = Party("bob", "command")
    migrations.refuse_migration(own, bad.migration_id, by=bob, why=secret)
    migrations.try_proposed(own, number, by=bob)
    migrations.approve_migration(own, number, sha256=sha256, by=ANN)
    applying.apply_proposed(own, number, by=bob, approval=asking)
    target = current_revision(own)

    passed = f"the trial passed, on a branch of revision {NEWEST} (full)"
    expected = [
        (number, "applied", "bob", f"{passed}; the database is at revision {target}"),
        (number, "approved", "ann", passed),
        (number, "tried", "bob", passed),
        (bad.migration_id, "refused", "bob", "not tried"),
        (bad.migration_id, "proposed", "agent of ann", "not tried"),
        (number, "proposed", "agent of ann", "not tried"),
    ]
    hashes = {number: sha256, bad.migration_id: bad.hash}
    db = Database(ensure_login(own, None))
    try:
        for org in connect.organizations(db):
            log = observe.decision_log(db, org, kind="migration")
            assert [(one.answer, one.answered_by, one.outcome) for one in log] == [one[1:] for one in expected]
            assert [one.question for one in log] == [
                f"Migration {id} of the database, hash {hashes[id]}" for id, *_ in expected
            ]
            assert {one.subject for one in log} == {f"migration.{one[1]}" for one in expected}
            assert all(one.answered_at == one.opened_at for one in log)
            assert observe.decision_log_count(db, org, kind="migration") == len(expected)
            assert secret not in str(log)
            assert "colour" not in str(log)
    finally:
        db.close()
    owners = observe.deployment_log(own)
    assert [(one.answer, one.answered_by, one.outcome) for one in owners] == [one[1:] for one in expected]
    assert [one.why for one in owners] == [None, None, None, secret, secret, secret]
    assert "the_other_shop" in owners[0].question
    assert observe.deployment_log(own, page=2, page_size=4) == owners[4:]


def test_a_trial_that_is_repeated_says_its_verdict_each_time(own: URL) -> None:
    made = propose(own, UNGUARDED.format("promote.core_change", "DELETE FROM promote.core_change"), "SELECT 1")
    migrations.try_proposed(own, made.migration_id, by=AGENT, branch="empty")
    said = [(one.answered_by, one.outcome) for one in observe.deployment_log(own)]
    here = f"on a branch of revision {NEWEST}"
    assert said == [
        (AGENT.name, f"the trial was blocked, {here} (empty)"),
        (ANN.name, f"the trial passed, {here} (full), and names 1 loss"),
        (ANN.name, "not tried"),
    ]
