"""A process that tries a migration and is killed: what it leaves on the server is found, named and dropped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import URL

from sync_pipeline.config import Settings
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database, libpq_url, psycopg_url
from sync_pipeline.db.held import branch_name
from sync_pipeline.db.leftovers import drop_leftovers, leftovers
from sync_pipeline.db.owner import ensure_login, quote, server_connection
from sync_pipeline.db.proposed.trial import try_migration
from sync_pipeline.defs import definitions
from sync_pipeline.defs.resources import Runtime, use_runtime
from sync_pipeline_tests.commands import commands
from sync_pipeline_tests.integration.migrating import migrated, rows
from sync_pipeline_tests.processes import free_port
from sync_pipeline_tests.waiting import wait_until

COLOUR = ("ALTER TABLE core.products ADD COLUMN colour text;\n", "ALTER TABLE core.products DROP COLUMN colour;\n")
_TRIES = """
import sys
from sync_pipeline.db.engine import psycopg_url
from sync_pipeline.db.proposed.trial import try_migration
try_migration(psycopg_url(sys.argv[1]), "SELECT pg_sleep(600)", "SELECT 1")
"""


_APPLIES = """
import sys, time
from sync_pipeline.db.engine import psycopg_url
from sync_pipeline.db.proposed.login import limited_login, loan
url = psycopg_url(sys.argv[1])
with limited_login(url) as login:
    loan(url, login, ["core.products"])
    print("lent", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def own(server: EmbeddedPostgres) -> Iterator[URL]:
    with migrated(server) as url:
        yield url
        wait_until(lambda: cleared(url), "the server has seen that the processes are gone")


def cleared(url: URL) -> bool:
    """Drop what is left. The login belongs to the whole server, which other tests use."""
    drop_leftovers(url)
    return not branches_of(url) and not login_of(url)


def branches_of(url: URL) -> list[str]:
    found = rows(url.set(database="postgres"), "SELECT datname FROM pg_database ORDER BY datname")
    return [str(name) for (name,) in found if str(name).startswith(f"{url.database}_branch_")]


def login_of(url: URL) -> bool:
    return bool(rows(url, f"SELECT 1 FROM pg_roles WHERE rolname = '{url.database}_migrator'"))


@contextmanager
def trying(url: URL) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the middle of a trial: its script runs on a branch."""
    address = url.render_as_string(hide_password=False)
    process = subprocess.Popen([sys.executable, "-c", _TRIES, address])
    try:
        wait_until(lambda: process.poll() is not None or asleep(url), "its script runs on the branch")
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()


def asleep(url: URL) -> bool:
    sleeping = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(600)%%' AND datname LIKE '%%branch%%'"
    return bool(rows(url, f"{sleeping} AND starts_with(datname, '{url.database}')"))


@contextmanager
def killed(url: URL) -> Iterator[str]:
    """A trial that was killed; yields the name of the branch that it left."""
    with trying(url) as process:
        [name] = branches_of(url)
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(lambda: name in leftovers(url).branches, "the server has seen that the process is gone")
    yield name


def test_what_a_living_process_has_is_neither_named_nor_dropped(own: URL) -> None:
    with trying(own) as process:
        [name] = branches_of(own)
        assert leftovers(own).words is None
        assert list(drop_leftovers(own).names) == []
        process.send_signal(signal.SIGSTOP)  # it hangs, and is not dead
        assert leftovers(own).words is None
        process.send_signal(signal.SIGCONT)
        with branch_name(own):  # somebody else's migration begins
            assert branches_of(own) == [name]
        assert login_of(own)


def test_the_next_trial_drops_what_a_killed_one_left(own: URL) -> None:
    with killed(own) as name:
        assert branches_of(own) == [name]  # its statement still runs there, for nobody
        assert login_of(own)
        report = try_migration(own, *COLOUR)
    assert (report.verdict, branches_of(own), login_of(own)) == ("passed", [], False)
    assert leftovers(own).words is None


def test_a_killed_one_is_named_and_dropped_by_commands(own: URL, tmp_path: Path) -> None:
    env = {
        **os.environ,
        "SYNC_HOME": str(tmp_path),
        "SYNC_DATABASE_URL": libpq_url(own),
        "SYNC_APP_DATABASE_URL": libpq_url(ensure_login(own, None)),
        "SYNC_SECRET_KEY": Fernet.generate_key().decode(),
        "SYNC_ALLOW_PRIVATE_HOSTS": "1",
        "KEY": "secret",
    }
    with killed(own) as name, commands() as forked:
        assert forked.run("org", "add", "acme", env=env).returncode == 0
        shop = ("--name", "shop", "--url", f"http://127.0.0.1:{free_port()}", "--key", "k", "--secret-env", "KEY")
        forked.run("connect", "acme", "woocommerce", *shop, env=env)  # nobody answers there
        for command in (("db", "status"), ("doctor", "acme")):
            said = json.loads(forked.run(*command, "--json", env=env).stdout)["left_behind"]
            assert name in said
            assert f"{own.database}_migrator" in said
            assert "sync-pipeline db migrate" in said
            assert name in forked.run(*command, env=env).stdout
        done = forked.run("db", "migrate", env=env)
        assert name in done.stdout
        assert json.loads(forked.run("db", "status", "--json", env=env).stdout)["left_behind"] is None
    assert (branches_of(own), login_of(own)) == ([], False)


def test_databases_of_others_are_not_touched(own: URL) -> None:
    """A copy that somebody named by its date, another deployment's branch, one of an earlier version."""
    theirs = [
        f"{own.database}_branch_20261130",
        f"{own.database}_branch_202611301200",
        f"{own.database}_branch_0123456789abcdeX",
        f"{own.database}x_branch_0123456789abcdef",
        f"{own.database}_branch_by_hand",
    ]
    with server_connection(own) as server:
        for name in theirs:
            server.exec_driver_sql(f"CREATE DATABASE {quote(name)} TEMPLATE template0")
        try:
            assert list(drop_leftovers(own).names) == []
            found = leftovers(own)
            assert (list(found.branches), list(found.earlier)) == ([], [theirs[0]])
            assert theirs[0] in (found.words or "")
            there = rows(own, "SELECT datname FROM pg_database")
            assert {(name,) for name in theirs} <= set(there)
        finally:
            for name in theirs:
                server.exec_driver_sql(f"DROP DATABASE {quote(name)}")


def test_a_long_name_and_one_with_quotes_have_branches(server: EmbeddedPostgres) -> None:
    for name in ("m_\"q'_", "m_" + "é" * 30, "m_" + "a" * 61):
        url = server.url(name)
        with server_connection(url) as conn:
            conn.exec_driver_sql(f"CREATE DATABASE {quote(name)} TEMPLATE template0")
        try:
            with branch_name(url) as branch:
                made = branch.database or ""
                assert len(made.encode()) <= 63
                with server_connection(url) as conn:
                    conn.exec_driver_sql(f"CREATE DATABASE {quote(made)} TEMPLATE template0")
                assert list(leftovers(url).branches) == []
            assert list(leftovers(url).branches) == [made]
            assert list(drop_leftovers(url).branches) == [made]
        finally:
            with server_connection(url) as conn:
                conn.exec_driver_sql(f"DROP DATABASE {quote(name)}")


def test_what_was_lent_in_the_real_database_is_taken_back(own: URL) -> None:
    """A process that is killed while it applies: its login, its rights, and the procedures of the loan."""
    lent = (
        "SELECT proname FROM pg_proc WHERE proname LIKE '%%\\_borrow' OR proname LIKE '%%\\_give\\_back' UNION ALL "
        "SELECT 'rights' FROM pg_namespace, aclexplode(nspacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee "
        "WHERE nspname = 'core' AND r.rolname LIKE '%%\\_migrator'"
    )
    address = own.render_as_string(hide_password=False)
    with subprocess.Popen([sys.executable, "-c", _APPLIES, address], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"lent\n"
        assert drop_leftovers(own).login is None
        assert len(rows(own, lent)) >= 3
        process.kill()
    wait_until(lambda: drop_leftovers(own).login is not None, "the server has seen that the process is gone")
    assert (rows(own, lent), login_of(own)) == ([], False)


def test_retention_drops_what_is_left_every_day(owner_url: str, database: Database, settings: Settings) -> None:
    url = psycopg_url(owner_url)
    left = f"{url.database}_branch_0123456789abcdef"
    with server_connection(url) as server:
        server.exec_driver_sql(f"CREATE DATABASE {quote(left)} TEMPLATE template0")
    job = definitions().resolve_job_def("tidy")
    known = settings.model_copy(update={"database_url": SecretStr(owner_url)})
    elsewhere = settings.model_copy(update={"database_url": SecretStr("postgresql://nobody@127.0.0.1:9/sync")})
    with dg.DagsterInstance.ephemeral() as instance:
        for given, there in ((settings, [left]), (elsewhere, [left]), (known, [])):
            with use_runtime(Runtime(given, database)):
                assert job.execute_in_process(instance=instance).success, "rows were deleted all the same"
            assert branches_of(url) == there
