"""Killed at random moments, the process or PostgreSQL: the next run completes; nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sandbox.woocommerce import Server, Store, running, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.db.open import app_url, dagster_url, open_database
from sync_pipeline.db.queries import execute
from sync_pipeline.steps import capture, connect, preview, select
from sync_pipeline_tests.waiting import wait_until

VICTIM = Path(__file__).with_name("victim.py")
TABLES = {
    "core.customers": "name, email, company, segment, status, lifetime_value, order_count, deleted_at IS NULL",
    "core.categories": "name, active",
    "core.products": "name, sku, regular_price, sale_price, active, type",
    "core.product_variants": "sku, regular_price, active",
    "core.inventory_items": "quantity, manage_stock, stock_status",
    "core.sales_orders": "number, status, total, customer_id IS NULL",
    "core.sales_order_items": "item_type, name, quantity, total, order_id IS NULL, product_id IS NULL",
    "core.reference_data": "kind, code, name, active",
}


class World:
    """An embedded PostgreSQL, a shop, and organizations that were never killed to compare with."""

    def __init__(self, home: Path, server: Server, store: Store) -> None:
        self.settings = Settings(home=home, allow_private_hosts=True)
        self.server, self.store = server, store
        self.env = {
            **os.environ,
            "SYNC_HOME": str(home),
            "SYNC_ALLOW_PRIVATE_HOSTS": "1",
        }
        self.db = open_database(self.settings)
        self.number = 0
        self._undisturbed: dict[tuple[str, bool], tuple[connect.Organization, float]] = {}

    def org(self, *, upto: str | None = None) -> tuple[connect.Organization, str]:
        """A new organization, brought to the end of `upto`; and its plan, if there is one."""
        self.number += 1
        org = connect.add_organization(self.db, f"k{self.number}-{random.randrange(10**9)}")
        made = connect.add_connection(
            self.db,
            self.settings,
            org,
            "woocommerce",
            "shop",
            {
                "store_url": self.server.url,
                "consumer_key": self.server.key,
                "consumer_secret": self.server.secret,
                "promote_on_select": False,
            },
            actor="test",
        )
        plan = ""
        streams = list(made.source.streams.values())
        if upto in ("pull", "plan"):
            with capture.session(self.db, self.settings, made) as session:
                for stream in streams:
                    assert session.pull(stream, full=True).closed
        if upto == "plan":
            for stream in streams:
                preview.recompute(self.db, made, stream)
                select.select(self.db, made, stream, everything=True, include=True, actor="test")
            drawn = select.make_plan(self.db, org, actor="test")
            assert drawn is not None
            plan = str(drawn.plan_id)
        return org, plan

    def start(self, step: str, org: connect.Organization, plan: str) -> subprocess.Popen[str]:
        victim = subprocess.Popen(
            [sys.executable, str(VICTIM), step, org.slug, plan],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert victim.stdout is not None
        line = victim.stdout.readline()
        assert line == "working\n", victim.communicate()
        return victim

    def command(self, step: str, org: connect.Organization, plan: str) -> subprocess.Popen[str]:
        """The same step as people start it: a command, with its run of Dagster's in it."""
        more = {"pull": ["--full"], "preview": [], "apply": [plan]}[step]
        return subprocess.Popen(
            [Path(sys.executable).parent / "sync-pipeline", step, org.slug, *more, "--json"],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def runs_going(self) -> int:
        """Runs that Dagster believes to be under way."""
        with psycopg.connect(dagster_url(self.settings).set(drivername="postgresql").render_as_string(False)) as conn:
            found = conn.execute("SELECT count(*) FROM runs WHERE status IN ('STARTED', 'STARTING')").fetchone()
        assert found is not None
        return int(found[0])

    def finish(self, step: str, org: connect.Organization, plan: str) -> float:
        """Run it again, to its end; a server that was killed is started by it. Returns how many seconds it worked."""
        victim = self.start(step, org, plan)
        begun = time.monotonic()
        out, err = victim.communicate(timeout=240)
        assert victim.returncode == 0, out + err
        return time.monotonic() - begun

    def undisturbed(self, step: str, *, command: bool = False) -> tuple[connect.Organization, float]:
        """An organization whose step was never killed, and how many seconds it took; one for all tests of the step."""
        if (step, command) not in self._undisturbed:
            org, plan = self.org(upto=UPTO[step])
            begun = time.monotonic()
            if command:
                out, err = self.command(step, org, plan).communicate(timeout=240)
                seconds = time.monotonic() - begun
                assert out.count("\n") == 1, out + err
            else:
                seconds = self.finish(step, org, plan)
            self._undisturbed[step, command] = (org, seconds)
        return self._undisturbed[step, command]

    def kill_postgres(self) -> None:
        pid = int((self.settings.home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)

    def reopen(self) -> None:
        """A fresh pool, to a server that may be a new one."""
        self.db.close()
        open_database(self.settings).close()
        self.db = Database(app_url(self.settings))

    def rows(self, org: connect.Organization, sql: str) -> list[Any]:
        with self.db.org(org.org_id) as conn:
            return sorted(map(tuple, execute(conn, sql).all()), key=repr)

    def state(self, org: connect.Organization, step: str) -> dict[str, Any]:
        """What must be the same however often a step was killed; no ids, no times."""
        if step == "pull":
            return {
                "records": self.rows(
                    org,
                    "SELECT entity_type, external_id, version_no, deletion_state, encode(content_hash, 'hex') "
                    "FROM capture.sync_record",
                ),
                "versions": self.rows(org, "SELECT count(*) FROM capture.sync_record_version"),
                "quarantine": self.rows(org, "SELECT external_id FROM capture.sync_quarantine"),
                "open": self.rows(org, "SELECT count(*) FROM capture.sync_ledger WHERE state = 'open'"),
                "closed": self.rows(
                    org,
                    "SELECT DISTINCT entity_type, expected, captured FROM capture.sync_ledger WHERE state = 'closed'",
                ),
            }
        if step == "preview":
            return {
                "differences": self.rows(
                    org, "SELECT entity_type, external_id, status, warnings::text FROM preview.difference"
                ),
                "summary": self.rows(org, "SELECT entity_type, new, updated, deleted, in_sync FROM preview.summary"),
            }
        found: dict[str, Any] = {
            table: self.rows(org, f"SELECT {columns} FROM {table}") for table, columns in TABLES.items()
        }
        found["mapped"] = self.rows(org, "SELECT entity_type, external_id FROM promote.integration_mapping")
        found["lines"] = self.rows(org, "SELECT state, count(*) FROM promote.sync_queue_line GROUP BY state")
        found["queues"] = self.rows(org, "SELECT state, total, done, failed FROM promote.sync_queue")
        found["differences"] = self.rows(org, "SELECT count(*) FROM preview.difference")
        return found


def reachable(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="module")
def world(module_home: Path) -> Iterator[World]:
    store = Store()
    store.shuffle_related = False
    seed(store, products=230, variable=10, customers=40, orders=130, random_seed=11)
    with running(store) as server:
        made = World(module_home, server, store)
        yield made
        made.db.close()


UPTO = {"pull": None, "preview": "pull", "apply": "plan"}


def _kill_and_compare(world: World, step: str, target: str, moment: float) -> None:
    calm, whole = world.undisturbed(step)
    org, plan = world.org(upto=UPTO[step])
    victim = world.start(step, org, plan)
    time.sleep(moment * whole)
    if target == "process":
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
    else:
        world.kill_postgres()
        _, error = victim.communicate(timeout=240)
        assert victim.returncode in (0, 1, 3), error
        assert "Traceback" not in error
    world.finish(step, org, plan)
    world.reopen()
    assert world.state(org, step) == world.state(calm, step)


def _kill_the_command_and_compare(world: World, step: str, target: str, moment: float) -> None:
    calm, whole = world.undisturbed(step, command=True)
    org, plan = world.org(upto=UPTO[step])
    victim = world.command(step, org, plan)
    time.sleep(moment * whole)
    if target == "process":
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
    else:
        world.kill_postgres()
        _, error = victim.communicate(timeout=240)
        assert "Traceback" not in error
    again = world.command(step, org, plan)
    out, err = again.communicate(timeout=240)
    assert again.returncode == 0, out + err
    world.reopen()
    assert world.state(org, step) == world.state(calm, step)
    assert world.runs_going() == 0


def test_the_command_killed_once(world: World) -> None:
    _kill_the_command_and_compare(world, "pull", "process", random.uniform(0.3, 0.95))


@pytest.mark.torture
@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("step", ["pull", "preview", "apply"])
@pytest.mark.parametrize("target", ["process", "postgres"])
def test_the_command_killed_at_many_moments(world: World, step: str, target: str, number: int) -> None:
    _kill_the_command_and_compare(world, step, target, 0.25 + 0.75 * (number + random.random()) / 5)


@pytest.mark.parametrize(("step", "target"), [("pull", "postgres"), ("apply", "process")])
def test_killed_once(world: World, step: str, target: str) -> None:
    _kill_and_compare(world, step, target, random.random())


@pytest.mark.torture
@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("step", ["pull", "preview", "apply"])
@pytest.mark.parametrize("target", ["process", "postgres"])
def test_killed_at_many_moments(world: World, step: str, target: str, number: int) -> None:
    _kill_and_compare(world, step, target, (number + random.random()) / 20)


def test_a_stuck_child_of_a_killed_server_does_not_keep_a_new_one_from_starting(tmp_path: Path) -> None:
    """A child that waits for a lock of one that has ended waits for ever; here it is stopped instead."""
    first = EmbeddedPostgres(tmp_path)
    first.use()
    dsn = first.url("postgres").set(drivername="postgresql").render_as_string(False)
    stuck = psycopg.connect(dsn)
    stuck.execute("CREATE TABLE kept AS SELECT 1 AS one")
    stuck.commit()
    os.kill(stuck.info.backend_pid, signal.SIGSTOP)
    os.kill(int((tmp_path / "postgres" / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
    wait_until(lambda: not reachable(dsn), "its socket is closed")
    second = EmbeddedPostgres(tmp_path)
    second.use()
    try:
        with psycopg.connect(dsn) as again:
            assert again.execute("SELECT one FROM kept").fetchone() == (1,)
    finally:
        second.stop()
        second.release()
        first.release()
