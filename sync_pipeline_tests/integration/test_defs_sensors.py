"""Sensors against an ephemeral instance: one row is one run, whatever happens in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from sandbox.woocommerce import Store, running, seed
from sync_pipeline import gates
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.defs import definitions
from sync_pipeline.defs.graph import ORG_NAME
from sync_pipeline.defs.jobs import ACTOR, batches, nightly_delta, weekly_reconcile
from sync_pipeline.defs.requests import durable_requests
from sync_pipeline.defs.resources import Runtime, SyncResource, use_runtime
from sync_pipeline.defs.run_status_sensors import close_request, orgs_of_run, reconciliation_after, record_failures
from sync_pipeline.defs.sensors import committed_selections, decisions, left_promotions, organizations
from sync_pipeline.errors import StalePlan
from sync_pipeline.steps import capture, connect, observe, preview, promote, select
from sync_pipeline_tests.folders import data_folder


@pytest.fixture(scope="module")
def kept() -> Iterator[dg.DagsterInstance]:
    """A sensor checks partitions only in an instance that lasts."""
    with data_folder() as folder, dg.DagsterInstance.local_temp(str(folder)) as made:
        yield made


@pytest.fixture
def instance(kept: dg.DagsterInstance) -> dg.DagsterInstance:
    kept.wipe()
    for slug in kept.get_dynamic_partitions(ORG_NAME):
        kept.delete_dynamic_partition(ORG_NAME, slug)
    return kept


@pytest.fixture
def runtime(database: Database, settings: Settings) -> Iterator[Runtime]:
    made = Runtime(settings, database)
    with use_runtime(made):
        yield made


@pytest.fixture
def shop(runtime: Runtime, org: connect.Organization) -> Iterator[connect.Connection]:
    """A connection of acme, with its products captured and previewed."""
    store = Store()
    seed(store, products=6, variable=0, customers=2, orders=2)
    with running(store) as server:
        given = {"store_url": server.url, "consumer_key": server.key, "consumer_secret": server.secret}
        made = connect.add_connection(runtime.db, runtime.settings, org, "woocommerce", "shop", given, actor="test")
        with capture.session(runtime.db, runtime.settings, made) as session:
            session.pull(made.source.stream("products"))
        preview.recompute(runtime.db, made, made.source.stream("products"))
        yield made


def tick(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    with dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        repository_def=definitions().get_repository_def(),
        sensor_name=sensor.name,
        instance_ref=instance.get_ref(),
        resources={"sync": SyncResource()},
    ) as context:
        return sensor.evaluate_tick(context)


def ask(runtime: Runtime, org: connect.Organization, kind: str, **parameters: Any) -> int:
    with runtime.db.org(org.org_id) as conn:
        return int(
            conn.exec_driver_sql(
                "INSERT INTO observe.request (org_id, kind, parameters, requested_by) "
                "VALUES (connect.current_org(), %(kind)s, %(p)s::jsonb, 'test') RETURNING request_id",
                {"kind": kind, "p": json.dumps(parameters)},
            ).scalar_one()
        )


def request_state(runtime: Runtime, org: connect.Organization, request_id: int) -> tuple[str, str | None]:
    with runtime.db.org(org.org_id) as conn:
        row = conn.exec_driver_sql(
            "SELECT state, error FROM observe.request WHERE request_id = %(id)s", {"id": request_id}
        ).one()
    return row.state, row.error


def test_partitions_follow_the_organizations(
    runtime: Runtime, org: connect.Organization, shop: connect.Connection, instance: dg.DagsterInstance
) -> None:
    """An organization is a partition of a provider's assets when it has a connection of it, so that none is missing."""
    connect.add_organization(runtime.db, "second")
    instance.add_dynamic_partitions(ORG_NAME, ["gone"])
    instance.add_dynamic_partitions("org_odoo", ["acme"])  # it had one
    asked = tick(organizations, instance).dynamic_partitions_requests
    assert [(type(one).__name__, one.partitions_def_name, list(one.partition_keys)) for one in asked] == [
        ("AddDynamicPartitionsRequest", "org", ["acme", "second"]),
        ("DeleteDynamicPartitionsRequest", "org", ["gone"]),
        ("DeleteDynamicPartitionsRequest", "org_odoo", ["acme"]),
        ("AddDynamicPartitionsRequest", "org_woocommerce", ["acme"]),
    ]


def test_a_committed_selection_is_one_run_with_its_plan(
    runtime: Runtime, org: connect.Organization, shop: connect.Connection, instance: dg.DagsterInstance
) -> None:
    assert not tick(committed_selections, instance).run_requests
    select.select(runtime.db, shop, shop.source.stream("products"), everything=True, include=True, actor="ann")
    result = tick(committed_selections, instance)
    [asked] = result.run_requests
    assert asked.partition_key == "acme"
    assert (asked.tags["user"], asked.tags[ACTOR]) == ("ann", "selection")
    assert [list(one.partition_keys) for one in result.dynamic_partitions_requests] == [["acme"]]
    plan_id = asked.run_config["ops"]["apply_plans"]["config"]["plan"]
    assert asked.run_key == f"plan/{plan_id}"
    plan = select.plan(runtime.db, org, plan_id)
    assert (plan.creates, plan.state) == (6, "approved")
    assert not tick(committed_selections, instance).run_requests


def test_a_stale_selection_is_planned_again_without_what_changed(
    runtime: Runtime, org: connect.Organization, shop: connect.Connection, instance: dg.DagsterInstance
) -> None:
    select.select(runtime.db, shop, shop.source.stream("products"), everything=True, include=True, actor="ann")
    [asked] = tick(committed_selections, instance).run_requests
    stale = asked.tags["sync/plan"]
    with runtime.db.org(org.org_id) as conn:
        conn.exec_driver_sql(
            "UPDATE capture.sync_record SET content_hash = sha256('changed') WHERE external_id = "
            "(SELECT min(external_id) FROM capture.sync_record WHERE entity_type = 'product')"
        )
    with pytest.raises(StalePlan):
        promote.apply(runtime.db, org.org_id, stale, actor="selection")
    assert select.plan(runtime.db, org, stale).state == "refused"
    [again] = tick(committed_selections, instance).run_requests
    assert again.tags["sync/plan"] != stale
    report = promote.apply(runtime.db, org.org_id, again.tags["sync/plan"], actor="selection")
    assert (report.state, report.done) == ("done", 5)
    with runtime.db.org(org.org_id) as conn:
        conn.exec_driver_sql("UPDATE selection.sync_plan SET approved_at = now() - interval '10 minutes'")
    assert not tick(left_promotions, instance).run_requests  # the stale plan is not retried
    assert not tick(committed_selections, instance).run_requests


def test_a_draft_promotes_nothing(runtime: Runtime, shop: connect.Connection, instance: dg.DagsterInstance) -> None:
    stream = shop.source.stream("products")
    select.select(runtime.db, shop, stream, everything=True, include=True, actor="ann", draft=True)
    assert not tick(committed_selections, instance).run_requests


def test_a_plan_is_resumed_if_its_run_was_lost(
    runtime: Runtime, org: connect.Organization, shop: connect.Connection, instance: dg.DagsterInstance
) -> None:
    select.select(runtime.db, shop, shop.source.stream("products"), everything=True, include=True, actor="ann")
    [lost] = tick(committed_selections, instance).run_requests
    assert not tick(left_promotions, instance).run_requests  # it may still be on its way
    with runtime.db.org(org.org_id) as conn:
        conn.exec_driver_sql("UPDATE selection.sync_plan SET approved_at = now() - interval '10 minutes'")
    [again] = tick(left_promotions, instance).run_requests
    assert again.run_config == lost.run_config
    promote.apply(runtime.db, org.org_id, again.tags["sync/plan"], actor="test")
    assert not tick(left_promotions, instance).run_requests


def test_the_log_of_a_pushed_batch_that_was_killed_is_closed(
    runtime: Runtime, org: connect.Organization, shop: connect.Connection, instance: dg.DagsterInstance
) -> None:
    with runtime.db.org(org.org_id) as conn:
        for minutes in (1, 11):
            conn.exec_driver_sql(
                "INSERT INTO capture.sync_logs (org_id, connection_id, entity_type, kind, started_at) "
                "VALUES (connect.current_org(), %(c)s, 'product', 'push', now() - make_interval(mins => %(m)s))",
                {"c": shop.connection_id, "m": minutes},
            )
    tick(left_promotions, instance)
    with runtime.db.org(org.org_id) as conn:
        logs = conn.exec_driver_sql(
            "SELECT status FROM capture.sync_logs WHERE kind = 'push' ORDER BY log_id"
        ).scalars()
        assert list(logs) == ["running", "failed"]


def test_a_request_is_one_run_and_is_launched_once_that_run_exists(
    runtime: Runtime, org: connect.Organization, shop: connect.Connection, instance: dg.DagsterInstance
) -> None:
    number = ask(runtime, org, "pull", connection="shop", entities=["product"], full=True, actor="token:7")
    [asked] = tick(durable_requests, instance).run_requests
    assert asked.run_key == f"request/{number}"
    assert {key.to_user_string() for key in asked.asset_selection} == {
        "raw/woocommerce/products",
        "preview/woocommerce/products",
        "selected/woocommerce/products",
    }
    assert asked.run_config["ops"]["woocommerce"]["config"]["full"] is True
    assert asked.asset_check_keys == []  # none is planned, so none is shown as skipped
    who = {name: asked.tags[name] for name in ("user", ACTOR, "sync/org", "sync/connection")}
    assert who == {"user": "token:7", ACTOR: "token:7", "sync/org": "acme", "sync/connection": "shop"}
    # The daemon died before it made the run: the next tick asks for the same one.
    assert tick(durable_requests, instance).run_requests[0].run_key == asked.run_key
    assert request_state(runtime, org, number) == ("waiting", None)

    made = instance.create_run_for_job(definitions().resolve_job_def("pull"), tags=asked.tags)
    assert not tick(durable_requests, instance).run_requests
    assert request_state(runtime, org, number) == ("launched", None)

    close_request(runtime, made, dg.DagsterRunStatus.FAILURE, {"acme": "the store is down"})
    assert request_state(runtime, org, number) == ("failed", "the store is down")


def test_an_impossible_request_fails_with_its_reason(
    runtime: Runtime, org: connect.Organization, shop: connect.Connection, instance: dg.DagsterInstance
) -> None:
    number = ask(runtime, org, "pull", entities=["unicorns"])
    assert not tick(durable_requests, instance).run_requests
    state, error = request_state(runtime, org, number)
    assert state == "failed"
    assert "unicorns" in str(error)


@pytest.mark.parametrize("kind", ["pull", "promote", "reconcile"])
def test_a_request_of_a_removed_organization_fails_without_a_run(
    runtime: Runtime, org: connect.Organization, instance: dg.DagsterInstance, kind: str
) -> None:
    number = ask(runtime, org, kind)
    with runtime.db.org(org.org_id) as conn:
        conn.exec_driver_sql("UPDATE connect.organization SET removed_at = now()")
        gates.open_gate(
            conn,
            gates.by_name("mass_deletion"),
            subject="s",
            values={"store": "shop", "missing": 9, "known": 10, "title": "products", "share": "20%"},
        )
    result = tick(durable_requests, instance)
    assert not result.run_requests
    assert not result.dynamic_partitions_requests
    assert request_state(runtime, org, number)[0] == "failed"
    assert json.loads(tick(decisions, instance).cursor or "{}") == {}  # no decision waits


def test_a_failed_run_is_in_the_audit_log_of_each_failed_organization(
    runtime: Runtime, org: connect.Organization, instance: dg.DagsterInstance
) -> None:
    other = connect.add_organization(runtime.db, "other")
    made = instance.create_run_for_job(definitions().resolve_job_def("pull"))
    record_failures(runtime, made, {"acme": "the store is down"})
    assert [line["event"] for line in observe.activity(runtime.db, org).data] == ["run.failed"]
    assert observe.activity(runtime.db, other).data == []


def test_an_answered_gate_resumes_its_work(
    runtime: Runtime, org: connect.Organization, shop: connect.Connection, instance: dg.DagsterInstance
) -> None:
    with runtime.db.org(org.org_id) as conn:
        gate = gates.open_gate(
            conn,
            gates.by_name("mass_deletion"),
            subject="product",
            values={"store": "shop", "missing": 9, "known": 10, "title": "products", "share": "20%"},
            connection_id=shop.connection_id,
            entity_type="product",
        )
    waiting = tick(decisions, instance)
    assert not waiting.run_requests
    observe.answer(runtime.db, org, gate, "keep", actor="ann")
    [asked] = tick(decisions, instance).run_requests  # also where it was opened and answered between two ticks
    assert asked.run_key.startswith(f"decision/{gate}/")
    assert asked.asset_selection[0].to_user_string() == "raw/woocommerce/products"


def test_a_nightly_schedule_launches_few_runs() -> None:
    slugs = [f"org{number:04}" for number in range(1000)]
    parts = list(batches(slugs, Settings().orgs_per_run))
    assert len(parts) == 4
    assert [slug for part in parts for slug in part] == slugs


@pytest.mark.parametrize(("schedule", "full"), [(nightly_delta, False), (weekly_reconcile, True)])
def test_schedules_ask_for_every_organization_with_a_connection(
    runtime: Runtime,
    org: connect.Organization,
    shop: connect.Connection,
    instance: dg.DagsterInstance,
    schedule: dg.ScheduleDefinition,
    full: bool,
) -> None:
    connect.add_organization(runtime.db, "empty")
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime(2026, 1, 4, 3, tzinfo=UTC),
        resources={"sync": SyncResource()},
    ) as context:
        [asked] = schedule.evaluate_tick(context).run_requests or ()
    config = asked.run_config["ops"]["woocommerce"]["config"]
    assert (config["orgs"], config["full"]) == (["acme"], full)
    assert asked.tags[ACTOR] == schedule.name
    made = instance.create_run_for_job(
        definitions().resolve_job_def(schedule.job_name), run_config=asked.run_config, tags=asked.tags
    )
    assert orgs_of_run(made) == ["acme"]
    assert reconciliation_after(made).run_config["ops"]["compare_stores"]["config"]["orgs"] == ["acme"]
