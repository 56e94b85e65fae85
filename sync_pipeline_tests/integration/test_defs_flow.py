"""Many organizations in one run: a failure affects only its organization, and Dagster shows which."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from sandbox.woocommerce import Server, Store, running, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.defs import definitions
from sync_pipeline.defs.events import SMALL_RUN
from sync_pipeline.defs.graph import Stage, key, orgs_with
from sync_pipeline.defs.parallel import each_org
from sync_pipeline.defs.resources import Runtime, use_runtime
from sync_pipeline.steps import connect

WITH_SHOPS = orgs_with("woocommerce")
PRODUCTS = key(Stage.RAW, "woocommerce", "products")
CHECKS = ("ledger_closed", "nothing_in_quarantine")


def small(products: int = 6) -> Store:
    store = Store()
    seed(store, products=products, variable=1, customers=2, orders=3)
    return store


@pytest.fixture
def shop() -> Iterator[Server]:
    with running(small()) as server:
        yield server


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def add(database: Database, settings: Settings, slug: str, url: str | None, server: Server) -> None:
    org = connect.add_organization(database, slug)
    if url is not None:
        given = {"store_url": url, "consumer_key": server.key, "consumer_secret": server.secret}
        connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="test")


def pull(
    runtime: Runtime,
    instance: dg.DagsterInstance,
    orgs: list[str],
    *,
    range_: bool = False,
    entities: tuple[str, ...] = (),
    named: tuple[str, ...] = (),
) -> dg.ExecuteInProcessResult:
    instance.add_dynamic_partitions(str(WITH_SHOPS.name), orgs)
    config = {"entities": list(entities), "orgs": list(named) if range_ else orgs}
    tags = {"dagster/asset_partition_range_start": orgs[0], "dagster/asset_partition_range_end": orgs[-1]}
    with use_runtime(runtime):
        return (
            definitions()
            .resolve_job_def("pull")
            .execute_in_process(
                run_config={
                    "ops": {"woocommerce": {"config": config}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
                asset_selection=[key(Stage.RAW, "woocommerce", name) for name in ("categories", "products")],
                instance=instance,
                tags=tags if range_ else {},
                raise_on_error=False,
            )
        )


def partitions(instance: dg.DagsterInstance, asset: dg.AssetKey) -> tuple[set[str], set[str]]:
    """Materialized and failed, as the UI counts them."""
    status = get_and_update_asset_status_cache_value(instance, asset, WITH_SHOPS)
    assert status is not None
    done = status.deserialize_materialized_partition_subsets(WITH_SHOPS)
    failed = status.deserialize_failed_partition_subsets(WITH_SHOPS)
    return set(done.get_partition_keys()), set(failed.get_partition_keys()) - set(done.get_partition_keys())


@pytest.mark.parametrize("range_", [False, True], ids=["named in the configuration", "a range of partitions"])
def test_an_unavailable_store_fails_only_its_organization(
    database: Database, settings: Settings, shop: Server, instance: dg.DagsterInstance, range_: bool
) -> None:
    with running(Store()) as dead:
        url = dead.url
    for slug in ("a", "b", "d"):
        add(database, settings, slug, shop.url, shop)
    add(database, settings, "c", url, shop)

    result = pull(Runtime(settings, database), instance, ["a", "b", "c", "d"], range_=range_)

    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure).step_failure_data.user_failure_data
    assert failure is not None
    reasons = failure.metadata["failed"].value
    assert isinstance(reasons, Mapping)
    assert set(reasons) == {"c"}
    assert "shop" in str(reasons["c"])
    done, failed = partitions(instance, PRODUCTS)
    assert done == {"a", "b", "d"}
    assert failed == {"c"}


@pytest.mark.parametrize(
    ("entities", "said"),
    [
        (("prodcts",), "WooCommerce has no entity “prodcts”. There are: "),
        (("orders",), "`entities` names orders, of which"),
    ],
)
def test_an_entity_that_is_not_there_or_not_selected_fails_the_run(
    database: Database, settings: Settings, instance: dg.DagsterInstance, entities: tuple[str, ...], said: str
) -> None:
    result = pull(Runtime(settings, database), instance, ["a"], entities=entities)
    assert not result.success
    assert said in failure_of(result)


def test_organizations_besides_the_partition_are_not_passed_over(
    database: Database, settings: Settings, instance: dg.DagsterInstance
) -> None:
    result = pull(Runtime(settings, database), instance, ["a", "b"], range_=True, named=("a", "c"))
    assert not result.success
    assert "`orgs` names c, which is no partition of this run." in failure_of(result)


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    data = next(event for event in result.all_events if event.is_step_failure).step_failure_data.user_failure_data
    assert data is not None
    return str(data.description)


def test_each_materialization_has_its_own_numbers(
    database: Database, settings: Settings, shop: Server, instance: dg.DagsterInstance
) -> None:
    with running(small(products=3)) as second:
        add(database, settings, "a", shop.url, shop)
        add(database, settings, "b", second.url, second)
        assert pull(Runtime(settings, database), instance, ["a", "b"]).success
    counts = {}
    for record in instance.fetch_materializations(PRODUCTS, limit=10).records:
        materialization = record.asset_materialization
        assert materialization is not None
        metadata = materialization.metadata
        counts[materialization.partition] = metadata["dagster/row_count"].value
        assert metadata["closed"].value is True
        assert metadata["mode"].value == "full"
        assert metadata["expected"].value == metadata["captured"].value
    assert counts == {"a": 6, "b": 3}


def test_the_row_count_is_of_what_is_there_and_the_others_are_beside_it(
    database: Database, settings: Settings, shop: Server, instance: dg.DagsterInstance
) -> None:
    """Also in a delta, which reads few of the records."""
    add(database, settings, "a", shop.url, shop)
    assert pull(Runtime(settings, database), instance, ["a"]).success
    shop.store.delete("products", max(shop.store.ids("products")))
    assert pull(Runtime(settings, database), instance, ["a"]).success
    [last] = instance.fetch_materializations(PRODUCTS, limit=1).records
    assert last.asset_materialization is not None
    metadata = last.asset_materialization.metadata
    told = {name: metadata[name].value for name in ("mode", "dagster/row_count", "deleted_rows", "quarantined_records")}
    assert told == {"mode": "delta", "dagster/row_count": 5, "deleted_rows": 1, "quarantined_records": 0}


def test_no_event_holds_a_secret(
    database: Database, settings: Settings, shop: Server, instance: dg.DagsterInstance
) -> None:
    add(database, settings, "a", shop.url, shop)
    shop.store.permissions = "none"
    result = pull(Runtime(settings, database), instance, ["a"])
    logged = "".join(str(log) for log in instance.all_logs(result.run_id))
    assert shop.secret not in logged
    assert shop.key not in logged


def test_many_organizations_are_written_in_batches(
    database: Database, settings: Settings, shop: Server, instance: dg.DagsterInstance
) -> None:
    orgs = [f"o{number:02}" for number in range(25)]
    for slug in orgs:
        add(database, settings, slug, shop.url if slug == "o00" else None, shop)
    assert pull(Runtime(settings, database), instance, orgs).success
    assert partitions(instance, PRODUCTS) == ({"o00"}, set())


def test_work_stops_when_the_caller_stops_reading(settings: Settings, database: Database) -> None:
    runtime = Runtime(settings, database)
    begun: list[str] = []

    def work(org: str) -> None:
        begun.append(org)
        time.sleep(0.01)

    for _ in each_org(runtime, [str(n) for n in range(100)], work, workers=2):
        break
    assert len(begun) <= 4


def backfill(runtime: Runtime, instance: dg.DagsterInstance, first: str, last: str) -> dg.ExecuteInProcessResult:
    """As the UI launches one: the job of all assets, a range of partitions, and the checks of what is selected."""
    with use_runtime(runtime):
        return (
            definitions()
            .resolve_implicit_global_asset_job_def()
            .get_subset(
                asset_selection={PRODUCTS},
                asset_check_selection={dg.AssetCheckKey(PRODUCTS, name) for name in CHECKS},
            )
            .execute_in_process(
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                instance=instance,
                tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
                raise_on_error=False,
            )
        )


def evaluated(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {one.check_name: one.passed for one in result.get_asset_check_evaluations()}


def test_a_backfill_of_some_organizations_evaluates_the_checks_of_its_assets(
    database: Database, settings: Settings, shop: Server, instance: dg.DagsterInstance
) -> None:
    with running(small(products=3)) as second:
        add(database, settings, "a", shop.url, shop)
        add(database, settings, "b", second.url, second)
        instance.add_dynamic_partitions(str(WITH_SHOPS.name), ["a", "b"])
        result = backfill(Runtime(settings, database), instance, "a", "b")
    assert result.success
    assert evaluated(result) == dict.fromkeys(CHECKS, True)
    counts = {
        one.partition: one.metadata["dagster/row_count"].value
        for one in result.asset_materializations_for_node("woocommerce")
    }
    assert counts == {"a": 6, "b": 3}


@pytest.mark.parametrize("orgs", [2, SMALL_RUN + 1], ids=["few", "many"])
def test_checks_are_evaluated_although_a_store_is_away(
    database: Database, settings: Settings, shop: Server, instance: dg.DagsterInstance, orgs: int
) -> None:
    """They are of all organizations. The one whose store is away has a run that did not close: that is a violation."""
    with running(Store()) as dead:
        url = dead.url
    slugs = [f"o{number:02}" for number in range(orgs)]
    for slug in slugs:
        add(database, settings, slug, url if slug == "o00" else shop.url if slug == "o01" else None, shop)
    instance.add_dynamic_partitions(str(WITH_SHOPS.name), slugs)
    result = backfill(Runtime(settings, database), instance, slugs[0], slugs[-1])
    assert not result.success
    assert evaluated(result) == {"ledger_closed": False, "nothing_in_quarantine": True}
    for name in CHECKS:
        key_ = dg.AssetCheckKey(PRODUCTS, name)
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key([key_])[key_]
        assert (found.run_id, found.status.value) == (
            result.run_id,
            "SUCCEEDED" if name != "ledger_closed" else "FAILED",
        )


def test_a_backfill_of_many_organizations_evaluates_them_too(
    database: Database, settings: Settings, shop: Server, instance: dg.DagsterInstance
) -> None:
    slugs = [f"o{number:02}" for number in range(SMALL_RUN + 1)]
    for slug in slugs:
        add(database, settings, slug, shop.url if slug == "o00" else None, shop)
    instance.add_dynamic_partitions(str(WITH_SHOPS.name), slugs)
    result = backfill(Runtime(settings, database), instance, slugs[0], slugs[-1])
    assert result.success
    assert evaluated(result) == dict.fromkeys(CHECKS, True)
