"""What was accepted is done: the service killed after its answer, Dagster down, two services on one database."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.defs import definitions
from sync_pipeline.defs.graph import ORG_NAME
from sync_pipeline.defs.requests import durable_requests
from sync_pipeline.defs.resources import Runtime, SyncResource, use_runtime
from sync_pipeline.defs.run_status_sensors import close_request
from sync_pipeline.steps import connect, promote
from sync_pipeline.steps.connect import tokens
from sync_pipeline_tests.served import serving
from sync_pipeline_tests.stores import Shop, shop

SYNC = "/api/v1/integrations"


@pytest.fixture
def store(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Shop]:
    made = Store()
    seed(made, products=8, variable=0, customers=2, orders=2)
    with shop(database, settings, org, made) as opened:
        opened.pull("products")
        opened.preview("products")
        yield opened


def tick(runtime: Runtime, instance: dg.DagsterInstance) -> Any:
    with (
        use_runtime(runtime),
        dg.build_sensor_context(
            instance=instance,
            repository_def=definitions().get_repository_def(),
            sensor_name=durable_requests.name,
            instance_ref=instance.get_ref(),
            resources={"sync": SyncResource()},
        ) as context,
    ):
        return durable_requests.evaluate_tick(context)


def test_killed_after_its_answer_and_with_dagster_down(
    owner_url: str, database: Database, settings: Settings, store: Shop, tmp_path: Path
) -> None:
    plain = tokens.add_token(database, store.org, "operator", actor="t").plain
    client = httpx.Client(headers={"Authorization": f"Bearer {plain}"}, timeout=60)
    ids = sorted(store.ids("products"))
    with serving(owner_url, database, settings) as (child, url):
        woo = f"{url}{SYNC}/woocommerce/sync"
        full = client.post(f"{woo}/customers/full").json()["data"]["request"]
        started = client.post(f"{woo}/products", json={"action": "start", "ids": ids}).json()["data"]
        child.send_signal(signal.SIGKILL)
        child.wait(60)
    queue = started["queue"]["queue_id"]

    runtime = Runtime(settings, database)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.add_dynamic_partitions(ORG_NAME, ["acme"])
        asked = {request.run_key: request for request in tick(runtime, instance).run_requests}
        assert set(asked) == {f"request/{full['request_id']}", f"request/{started['request_id']}"}
        # Dagster died before it made the runs: the same are asked for again.
        assert {request.run_key for request in tick(runtime, instance).run_requests} == set(asked)
        run = asked[f"request/{started['request_id']}"]
        plan = run.run_config["ops"]["apply_plans"]["config"]["plan"]

        # The run's work, of which the first worker dies in mid-queue: its lines come back by themselves.
        with database.org(store.org.org_id) as conn:
            conn.exec_driver_sql("UPDATE promote.sync_queue SET started_at = now()")
            conn.exec_driver_sql(
                "UPDATE promote.sync_queue_line SET state = 'processing', worker = gen_random_uuid(), attempts = 1, "
                "lease_until = now() + interval '1 second' WHERE line_no <= 3"
            )
        with serving(owner_url, database, settings) as (_, url):
            path = f"{url}{SYNC}/sync/queue/{queue}"
            before = client.get(path).json()["data"]
            assert (before["state"], before["done"], before["open"]) == ("processing", 0, 8)
            promote.apply(database, store.org.org_id, plan, actor="run")
            after = client.get(path).json()["data"]
            assert (after["state"], after["done"], after["percent"]) == ("done", 8, 100.0)
            made = instance.create_run_for_job(definitions().resolve_job_def("promote"), tags=run.tags)
            assert len(tick(runtime, instance).run_requests) == 1  # the other one
            request = f"{url}/api/v1/requests/{started['request_id']}"
            launched = client.get(request).json()["data"]
            assert (launched["state"], launched["run_id"]) == ("launched", made.run_id)
            close_request(runtime, made, dg.DagsterRunStatus.SUCCESS, {})
            ended = client.get(f"{request}?wait=10").json()["data"]
            assert (ended["state"], ended["error"]) == ("done", None)
    assert store.value("SELECT count(*) FROM core.products") == 8
