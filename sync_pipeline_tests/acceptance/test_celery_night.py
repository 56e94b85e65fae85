"""A night on several machines: Celery's workers, one of which loses its power, and one its way to the database.

Nothing is lost, nothing is doubled, every organization's result is told, and no store ever has more requests in flight
than its connections allow, whichever machines ask it.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.timestamp import TimestampWithTimezone
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget

from sandbox.woocommerce import Server, Store, running, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.open import open_database
from sync_pipeline.defs.run_status_sensors import orgs_of_run
from sync_pipeline.defs.servers import LOCATION
from sync_pipeline.steps import capture, connect, preview, promote, select
from sync_pipeline_tests.acceptance.machines import BIN, Cluster, Machine, cluster
from sync_pipeline_tests.waiting import wait_until

pytestmark = [
    pytest.mark.torture,
    pytest.mark.dagster,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="There is no redis-server: install it."),
]
ORGS, ORGS_PER_RUN = 60, 6
SHARED = 3  # requests at a time of the store that two of five organizations have
OTHERS = 2  # of each of the nine stores of the others
RECORDS = (
    "SELECT entity_type, external_id, version_no, deletion_state, encode(content_hash, 'hex') "
    "FROM capture.sync_record JOIN connect.organization o USING (org_id) WHERE o.slug = %s"
)
DONE = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


class Night:
    """The machines, the stores, and 60 organizations that nobody has pulled."""

    def __init__(self, machines: Cluster, stores: list[Server]) -> None:
        self.machines, self.stores = machines, stores
        self.settings = Settings()
        self.db: Database = open_database(self.settings)
        self.store_of: dict[str, Server] = {}
        for number in range(ORGS):
            self.add(f"o{number:02}", 0 if number % 5 < 2 else 1 + number % 9)

    def add(self, slug: str, store: int) -> connect.Connection:
        org = connect.add_organization(self.db, slug)
        server = self.store_of[slug] = self.stores[store]
        given = {
            "store_url": server.url, "consumer_key": server.key, "consumer_secret": server.secret,
            "promote_on_select": False, "max_concurrency": OTHERS if store else SHARED,
        }  # fmt: skip
        return connect.add_connection(self.db, self.settings, org, "woocommerce", "shop", given, actor="test")

    def ask(self, sql: str, *parameters: Any) -> list[Any]:
        """As the server's superuser, who sees every organization."""
        with psycopg.connect(self.machines.postgres.url("sync")) as conn:
            return conn.execute(sql, parameters).fetchall()

    def finished(self) -> int:
        """Organizations of which a list was read to its end."""
        return int(self.ask("SELECT count(DISTINCT org_id) FROM capture.sync_ledger WHERE state = 'closed'")[0][0])


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    with ExitStack() as stack:
        machines = stack.enter_context(cluster(SYNC_ORGS_PER_RUN=str(ORGS_PER_RUN)))
        stores = []
        for number in range(10):
            store = Store()
            store.shuffle_related = False
            seed(store, products=24, variable=2, customers=8, orders=16, random_seed=number)
            stores.append(stack.enter_context(running(store, latency=0.05)))
        for name, value in machines.environment("test").items():
            monkeypatch.setenv(name, value)
        made = Night(machines, stores)
        stack.callback(made.db.close)
        yield made


def begin(night: Night, instance: dg.DagsterInstance, when: datetime) -> list[str]:
    """What the daemon does when it is time for nightly_delta: the runs it submits."""
    import dagster._daemon.daemon  # it and the scheduler import each other
    from dagster._scheduler.scheduler import _submit_run_request

    del dagster
    # As the daemon names it: the runs of another location are none of its sensors' business.
    target = GrpcServerTarget(host="127.0.0.1", port=night.machines.code_port, socket=None, location_name=None)
    submitted = []
    with WorkspaceProcessContext(instance, target) as process:
        [location] = process.create_request_context().code_locations
        [repository] = location.get_repositories().values()
        schedule = repository.get_schedule("nightly_delta")
        asked = location.get_schedule_execution_data(
            instance, repository.handle, schedule.name, TimestampWithTimezone(when.timestamp(), "UTC"), None
        )
        for one in asked.run_requests or ():
            made = _submit_run_request(one, process, schedule, when, logging.getLogger(__name__), None)
            assert made.error_info is None, made.error_info
            assert made.submitted_run is not None
            submitted.append(made.submitted_run.run_id)
    return submitted


def at_work(machines: Cluster) -> set[str]:
    """The workers that are doing a run."""
    from celery import Celery

    found = Celery(broker=f"{machines.broker}/0").control.inspect(timeout=2).active() or {}
    return {name.partition("@")[0] for name, tasks in found.items() if tasks}


def ended(instance: dg.DagsterInstance, runs: list[str], seconds: float) -> dict[str, dg.DagsterRun]:
    """Wait until all of them are over."""
    deadline = time.monotonic() + seconds
    while True:
        found = {run.run_id: run for run in instance.get_runs(dg.RunsFilter(run_ids=runs))}
        if all(run.status in DONE for run in found.values()):
            return found
        assert time.monotonic() < deadline, Counter(run.status.value for run in found.values())
        time.sleep(1)


def reason(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """What Dagster's log says of the run's end."""
    found = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
    return found[-1].event_log_entry.dagster_event.message or "" if found else ""  # type: ignore[union-attr]


def start(machines: Cluster) -> tuple[Machine, Machine, Machine]:
    code = str(machines.code_port)
    machines.machine(
        "code", str(BIN / "dagster"), "api", "grpc", "--module-name", "sync_pipeline.definitions",
        "--host", "127.0.0.1", "--port", code, "--location-name", LOCATION,
    )  # fmt: skip
    machines.machine("daemon", str(BIN / "dagster-daemon"), "run", "--grpc-host", "127.0.0.1", "--grpc-port", code)
    return machines.worker("a"), machines.worker("b"), machines.worker("c")


def test_a_night_on_three_machines_two_of_which_fail(night: Night) -> None:
    machines = night.machines
    began = time.monotonic()
    dying, cut, _ = start(machines)
    try:
        with dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as instance:
            wait_until(lambda: len(instance.get_dynamic_partitions("org_woocommerce")) == ORGS, "all are partitions")
            figures = _two_nights(night, instance, dying, cut)
    except BaseException:
        print(machines.logs(), file=sys.stderr)
        raise
    figures["seconds in all"] = round(time.monotonic() - began)
    _nothing_is_lost_or_doubled(night)
    _budgets_are_held(night)
    _core_is_what_was_promoted(night)
    figures["most in flight"] = [store.most_in_flight for store in night.stores]
    figures["requests"] = sum(len(store.requests) for store in night.stores)
    print("\nFIGURES " + "; ".join(f"{name}: {value}" for name, value in figures.items()))


def _two_nights(night: Night, instance: dg.DagsterInstance, dying: Machine, cut: Machine) -> dict[str, Any]:
    machines, figures = night.machines, dict[str, Any]()
    began = time.monotonic()
    runs = begin(night, instance, datetime(2026, 1, 5, 2, tzinfo=UTC))
    assert len(runs) == ORGS // ORGS_PER_RUN
    wait_until(lambda: night.finished() >= 12 and at_work(machines) >= {"a", "b"}, "it is in the middle of the night")
    figures["organizations begun at the faults"] = night.finished()
    dying.lose_power()
    cut.proxy.cut()
    found = ended(instance, runs, 600)
    figures["first night"] = f"{time.monotonic() - began:.0f} s"
    failed = [run for run in found.values() if run.status is dg.DagsterRunStatus.FAILURE]
    assert 2 <= len(failed) < len(runs), [run.status for run in found.values()]
    why = {run.run_id: reason(instance, run) for run in failed}
    assert all(why.values())
    figures["failed runs"] = sorted(text.splitlines()[0][:120] for text in why.values())
    lost = {slug for run in failed for slug in orgs_of_run(run)}

    def told() -> bool:
        rows = night.ask(
            "SELECT DISTINCT slug FROM observe.sync_activity JOIN connect.organization USING (org_id) "
            "WHERE event = 'run.failed' AND detail ->> 'reason' <> ''"
        )
        return {row[0] for row in rows} >= lost

    wait_until(told, "every organization of a failed run has it in its audit log")
    dying.start()  # the machine is back
    cut.proxy.mend()
    began = time.monotonic()
    again = begin(night, instance, datetime(2026, 1, 6, 2, tzinfo=UTC))
    second = ended(instance, again, 600).values()
    assert {reason(instance, run) for run in second if run.status is not dg.DagsterRunStatus.SUCCESS} == set()
    assert len(second) == ORGS // ORGS_PER_RUN
    figures["second night"] = f"{time.monotonic() - began:.0f} s"
    return figures


def _nothing_is_lost_or_doubled(night: Night) -> None:
    """Each organization has what one has whom nothing disturbed; and that is what its store has."""
    calm: dict[str, Any] = {}
    for number, server in enumerate(night.stores):
        slug = f"calm{number}"
        made = night.add(slug, number)
        with capture.session(night.db, night.settings, made) as session:
            assert all(session.pull(stream).closed for stream in made.source.streams.values())
        calm[server.url] = sorted(night.ask(RECORDS, slug))
        ids = {(row[0], row[1]) for row in calm[server.url]}
        for table, entity in (("products", "product"), ("orders", "order"), ("customers", "customer")):
            listed = {str(number) for number in server.store.tables[table].ids}
            assert {found for kind, found in ids if kind == entity} == listed, (slug, table)
    for slug, server in night.store_of.items():
        assert sorted(night.ask(RECORDS, slug)) == calm[server.url], slug
    doubled = (
        "SELECT org_id FROM capture.sync_record_version "
        "GROUP BY org_id, connection_id, entity_type, external_id, content_hash HAVING count(*) > 1"
    )
    assert night.ask(doubled) == []
    assert night.ask("SELECT count(*) FROM capture.sync_ledger WHERE state = 'open'") == [(0,)]
    assert night.ask("SELECT count(*) FROM capture.sync_quarantine") == [(0,)]
    assert night.ask("SELECT count(*) FROM connect.request_lease WHERE expires_at > now()") == [(0,)]


def _budgets_are_held(night: Night) -> None:
    most = [store.most_in_flight for store in night.stores]
    assert most[0] == SHARED
    assert max(most[1:]) == OTHERS


def _core_is_what_was_promoted(night: Night) -> None:
    for number in range(0, ORGS, 6):
        org = connect.organization(night.db, f"o{number:02}")
        [shop] = connect.connections(night.db, org)
        for stream in shop.source.streams.values():
            preview.recompute(night.db, shop, stream)
            select.select(night.db, shop, stream, everything=True, include=True, actor="test")
        plan = select.make_plan(night.db, org, actor="test")
        assert plan is not None
        assert promote.apply(night.db, org.org_id, plan.plan_id, actor="test").errors == []
        assert promote.check_core(night.db, org).differences == []
