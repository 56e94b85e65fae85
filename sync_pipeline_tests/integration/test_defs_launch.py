"""Runs from the command line: the same assets, in this process, on Dagster's storage in PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from platform import node
from typing import Any

import dagster as dg
import pytest
from cryptography.fernet import Fernet
from dagster._core.storage.tags import HIDDEN_TAG_PREFIX
from pydantic import SecretStr
from sqlalchemy import NullPool, QueuePool, create_engine, make_url

from sandbox.woocommerce import Store, running, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.defs import definitions, launch
from sync_pipeline.defs.graph import ORG_NAME, Stage, core_key, key
from sync_pipeline.defs.instance import open_instance
from sync_pipeline.defs.jobs import actor_of, asked_by
from sync_pipeline.defs.orphaned_runs import PROCESS, fail_orphaned_runs
from sync_pipeline.errors import StalePlan
from sync_pipeline.steps import connect, observe, select


@pytest.fixture
def here(settings: Settings, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of a server that a person runs; Dagster's database beside the pipeline's."""
    for name in ("SYNC_HOME", *(n for n in os.environ if n.startswith("DAGSTER_"))):
        monkeypatch.setenv(name, "restored afterwards")
    yield Settings(
        home=settings.home,
        database_url=SecretStr(owner_url),
        secret_key=SecretStr(Fernet.generate_key().decode()),
        allow_private_hosts=True,
    )
    url = make_url(owner_url)
    admin = create_engine(url.set(database="postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.exec_driver_sql(f'DROP DATABASE IF EXISTS "{url.database}_dagster" WITH (FORCE)')
    admin.dispose()


def test_from_store_to_core(here: Settings, database: Database, org: connect.Organization) -> None:
    store = Store()
    seed(store, products=5, variable=0, customers=2, orders=2)
    reported: list[tuple[str, str, str]] = []

    def progress(slug: str, stage: Any, name: str, _what: Any) -> None:
        reported.append((slug, str(stage), name))

    with running(store) as server:
        given = {"store_url": server.url, "consumer_key": server.key, "consumer_secret": server.secret}
        shop = connect.add_connection(database, here, org, "woocommerce", "shop", given, actor="test")
        pulled = launch.materialize(
            here,
            database,
            launch.LaunchRequest(stages=["raw", "preview", "selected"], orgs=["acme"], entities=["products"]),
            progress=progress,
        )
        assert pulled.ok, pulled.failures
        assert [report.captured for report in pulled.reports("raw", "acme")] == [5]
        assert [report.new for report in pulled.reports("preview")] == [5]
        assert reported[0] == ("acme", "raw", "shop/products"), "while it is pulled: which connection's"
        assert reported.count(("acme", "raw", "products")) == 1, "when it has been"

        idle = launch.materialize(here, database, launch.LaunchRequest(stages=["core"], orgs=["acme"]))
        assert idle.ok, idle.failures
        with open_instance(here) as instance:
            note = str(last_of(instance, core_key("products"))["note"].value)
            assert note.startswith(
                "Nothing was promoted: nothing is selected. 5 records that differ from core are undecided"
            )
            assert f"acme: {note}" in [entry.user_message for entry in instance.all_logs(idle.run_ids[0])]

        stream = shop.source.stream("products")
        select.select(database, shop, stream, everything=True, include=True, actor="ann")
        plan = select.make_plan(database, org, actor="ann")
        assert plan is not None
        applied = launch.materialize(
            here, database, launch.LaunchRequest(stages=["core"], orgs=["acme"], plan=str(plan.plan_id))
        )
        assert applied.ok, applied.failures
        assert [(report.state, report.done) for report in applied.reports("core")] == [("done", 5)]

        with open_instance(here) as instance:
            assert instance.get_dynamic_partitions(ORG_NAME) == ["acme"]
            assert instance.get_dynamic_partitions("org_woocommerce") == ["acme"]
            assert instance.get_dynamic_partitions("org_odoo") == []
            run = instance.get_run_by_id(pulled.run_ids[0])
            assert run is not None
            assert (run.tags["user"], run.tags["sync/org"]) == ("command", "acme")
            of_checks = dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
            assert instance.get_records_for_run(run.run_id, of_type=of_checks).records == []
            said = [entry.user_message for entry in instance.all_logs(run.run_id)]
            assert any(line.startswith("acme, shop: products 5 read, 5 new, ") for line in said), said
            # What the UI needs to execute it again, and no tag of ours that says nothing to people.
            assert run.remote_job_origin is not None
            assert run.remote_job_origin.repository_origin.get_label() == "__repository__@sync_pipeline"
            assert run.asset_selection == {key(stage, "woocommerce", "products") for stage in list(Stage)[:3]}
            assert run.asset_check_selection == frozenset()
            shown = {name for name in run.tags if not name.startswith(HIDDEN_TAG_PREFIX)}
            assert shown == {"user", "sync/org", "sync/work", "dagster/partition", "dagster/code_location"}
            assert "acme, shop: products 5 new: 5 undecided" in said
            # Dagster's connections are kept: as many as are used at once, not one for each statement.
            assert instance.run_storage._engine is instance.event_log_storage._engine  # type: ignore[attr-defined]
            assert isinstance(instance.run_storage._engine.pool, QueuePool)  # type: ignore[attr-defined]
            written = ("created", "updated", "removed", "unchanged", "dagster/row_count")
            products, customers = (last_of(instance, core_key(name)) for name in ("products", "customers"))
            assert [products[name].value for name in written] == [5, 0, 0, 0, 5]
            assert [customers[name].value for name in written] == [0, 0, 0, 0, 0]
            assert "acme: core.products 5 created" in [
                entry.user_message for entry in instance.all_logs(applied.run_ids[0])
            ]
        log = observe.activity(database, org).data
        assert [line["actor"] for line in log if line["event"] == "promote.applied"] == ["command"]

        # A stale plan comes back as the error it is.
        store.update("products", min(store.ids("products")), name="another name")
        select.select(database, shop, stream, everything=True, include=True, actor="ann")
        launch.materialize(
            here, database, launch.LaunchRequest(stages=["raw", "preview"], orgs=["acme"], entities=["products"])
        )
        select.select(database, shop, stream, everything=True, include=True, actor="ann")
        old = select.make_plan(database, org, actor="ann")
        assert old is not None
        store.update("products", min(store.ids("products")), name="yet another name")
        launch.materialize(
            here, database, launch.LaunchRequest(stages=["raw", "preview"], orgs=["acme"], entities=["products"])
        )
        refused = launch.materialize(
            here, database, launch.LaunchRequest(stages=["core"], orgs=["acme"], plan=str(old.plan_id))
        )
        assert not refused.ok
        assert [type(error) for error in refused.errors()] == [StalePlan]


def test_who_launches_a_run_in_the_ui_is_nobody_else() -> None:
    """It has no login: neither the configuration nor a tag that people see is somebody's word."""
    job = definitions().resolve_job_def("promote")
    with dg.DagsterInstance.ephemeral() as instance:
        asked = instance.create_run_for_job(job, tags=asked_by("ann", shown="ann, bo"))
        assert (asked.tags["user"], actor_of(asked)) == ("ann, bo", "ann")
        assert actor_of(instance.create_run_for_job(job, tags={"user": "ann"})) == "dagster"
        again = instance.create_run_for_job(job, tags=asked.tags, parent_run_id=asked.run_id, root_run_id=asked.run_id)
        assert actor_of(again) == "dagster"


def last_of(instance: dg.DagsterInstance, asset: dg.AssetKey) -> Mapping[str, dg.MetadataValue[Any]]:
    """The metadata of acme's last materialization."""
    [last] = instance.fetch_materializations(asset, limit=1).records
    assert last.asset_materialization is not None
    assert last.asset_materialization.partition == "acme"
    return last.asset_materialization.metadata


def test_a_run_without_its_process_is_marked_as_failed() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions().resolve_job_def("pull")
        started = dg.DagsterRunStatus.STARTED
        dead, alive, elsewhere = (
            instance.create_run_for_job(job, status=started, tags={PROCESS: process})
            for process in (f"{node()}/{gone.pid}", f"{node()}/{os.getpid()}", f"another/{gone.pid}")
        )
        again = instance.create_run_for_job(  # the UI executes the dead one again, with its tags
            job, status=started, tags=dead.tags, parent_run_id=dead.run_id, root_run_id=dead.run_id
        )
        assert fail_orphaned_runs(instance) == 1
        found = {one.run_id: one.status for one in instance.get_runs()}
        assert found[dead.run_id] is dg.DagsterRunStatus.FAILURE
        assert found[alive.run_id] is found[elsewhere.run_id] is found[again.run_id] is started


def test_loading_stays_quick() -> None:
    """Not a benchmark: a bound of processor time that only a heavy import breaks. It is a second and a half."""
    code = "import time, sync_pipeline.definitions; assert time.process_time() < 15"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)
