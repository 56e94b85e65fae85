"""Each gate from its cause to its outcome: it blocks its part alone, and its row tells the whole story."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.defs import definitions
from sync_pipeline.defs.deliveries import webhook_deliveries
from sync_pipeline.defs.graph import ORG_NAME, orgs_with
from sync_pipeline.defs.resources import Runtime, SyncResource, use_runtime
from sync_pipeline.defs.sensors import decisions
from sync_pipeline.errors import Conflict, NotFound
from sync_pipeline.steps import connect, observe, preview, promote, select
from sync_pipeline_tests.folders import data_folder
from sync_pipeline_tests.stores import Shop, shop


@pytest.fixture(scope="module")
def kept() -> Iterator[dg.DagsterInstance]:
    with data_folder() as folder, dg.DagsterInstance.local_temp(str(folder)) as made:
        yield made


@pytest.fixture
def instance(kept: dg.DagsterInstance) -> dg.DagsterInstance:
    kept.wipe()
    kept.add_dynamic_partitions(ORG_NAME, ["acme"])
    kept.add_dynamic_partitions(str(orgs_with("woocommerce").name), ["acme"])
    return kept


@pytest.fixture
def store() -> Store:
    made = Store()
    made.payloads = dict(made.payloads)  # type: ignore[misc]  # this store's alone: a test changes what it writes
    seed(made, products=6, variable=0, customers=3, orders=3)
    return made


@pytest.fixture
def open_shop(database: Database, settings: Settings, org: connect.Organization, store: Store) -> Iterator[Shop]:
    with shop(database, settings, org, store, owner="ann@example.test") as made:
        yield made


def sql(here: Shop, statement: str, **parameters: Any) -> list[Any]:
    with here.db.org(here.org.org_id) as conn:
        result = conn.exec_driver_sql(statement, parameters)
        return list(result) if result.returns_rows else []


def promoted(here: Shop, *entities: str, connection: connect.Connection | None = None) -> promote.ApplyReport:
    store = connection or here.connection
    for name in entities:
        stream = store.source.stream(name)
        preview.recompute(here.db, store, stream)
        select.select(here.db, store, stream, everything=True, include=True, actor="bob")
    plan = select.make_plan(here.db, here.org, actor="bob")
    assert plan is not None
    return promote.apply(here.db, here.org.org_id, plan.plan_id, actor="bob")


def tick(sensor: dg.SensorDefinition, instance: dg.DagsterInstance) -> Any:
    with dg.build_sensor_context(
        instance=instance,
        repository_def=definitions().get_repository_def(),
        sensor_name=sensor.name,
        instance_ref=instance.get_ref(),
        resources={"sync": SyncResource()},
    ) as context:
        return sensor.evaluate_tick(context)


def run_by_dagster(here: Shop, instance: dg.DagsterInstance, sensor: dg.SensorDefinition = decisions) -> Any:
    """What the sensor asks for, run as the daemon would; the request."""
    with use_runtime(Runtime(here.settings, here.db)):
        [asked] = tick(sensor, instance).run_requests
        job = definitions().resolve_job_def(str(asked.job_name or sensor.job_name))
        done = job.execute_in_process(
            run_config=asked.run_config,
            instance=instance,
            partition_key=asked.partition_key,
            asset_selection=asked.asset_selection,
            tags=asked.tags,
            raise_on_error=False,
        )
        assert done.success, [e for e in done.all_events if e.is_failure]
        again = tick(sensor, instance)
        assert not getattr(again, "run_requests", None), "what was taken up is not taken up again"
    return asked


def the_story(here: Shop, cause: str, *, answer: str) -> observe.Decision:
    """The only gate, which must tell everything."""
    [gate] = observe.decisions(here.db, here.org, everything=True)
    assert gate.cause == cause
    assert gate.detail["constraint"]
    assert gate.detail["rules"]
    assert gate.recommended in {option["choice"] for option in gate.options}
    assert all(option["effect"] and option["risk"] for option in gate.options)
    assert gate.owner == "ann@example.test"
    assert (gate.answer, gate.answered_by, gate.why) == (answer, "ann", "looked at it")
    assert gate.answered_at is not None
    assert gate.resumed_at is not None
    assert gate.opened_at <= gate.answered_at <= gate.resumed_at
    assert gate.outcome
    return gate


def answer(here: Shop, choice: str) -> int:
    [gate] = observe.decisions(here.db, here.org)
    observe.answer(here.db, here.org, gate.decision_id, choice, actor="ann", why="looked at it")
    return gate.decision_id


def test_a_sku_conflict_stops_its_record_and_goes_on_after_the_answer(
    open_shop: Shop, store: Store, instance: dg.DagsterInstance
) -> None:
    sql(open_shop, "UPDATE connect.organization SET sku_policy = 'halt'")
    first, second = list(store.tables["products"].ids)[:2]
    sku = store.row("products", first).fields["sku"]
    store.row("products", second).fields["sku"] = sku
    store.tables["products"].touch(second)
    open_shop.pull("products")
    report = promoted(open_shop, "products")
    assert (report.state, report.failed) == ("partial", 1)
    assert report.done == len(store.tables["products"].ids) - 1  # everything else went on
    with use_runtime(Runtime(open_shop.settings, open_shop.db)):
        assert not getattr(tick(decisions, instance), "run_requests", None)
    number = answer(open_shop, "separate")
    asked = run_by_dagster(open_shop, instance)
    assert (asked.job_name, asked.tags["sync/decision"]) == ("promote", str(number))
    gate = the_story(open_shop, "sku_conflict", answer="separate")
    assert "separate" in str(gate.outcome)
    assert promote.status(open_shop.db, open_shop.org.org_id, report.queue).state == "done"
    assert len(sql(open_shop, "SELECT 1 FROM core.products")) == len(store.tables["products"].ids)
    # The same conflict is not asked again.
    store.update("products", second, regular_price="1.23")
    open_shop.pull("products")
    promoted(open_shop, "products")
    assert len(observe.decisions(open_shop.db, open_shop.org, everything=True)) == 1


def test_a_mass_deletion_stops_deleting_and_goes_on_after_the_answer(
    open_shop: Shop, store: Store, instance: dg.DagsterInstance
) -> None:
    open_shop.pull("products", "customers")
    for number in list(store.tables["products"].ids)[:4]:
        store.delete("products", number)
    store.update("customers", store.tables["customers"].ids[-1], first_name="Else")
    reports = open_shop.pull("products", "customers")
    assert reports["products"].gate is not None
    assert reports["customers"].changed == 1  # everything else goes on
    gone = "SELECT count(*) AS n FROM capture.sync_record WHERE deletion_state = 'deleted'"
    assert sql(open_shop, gone)[0].n == 0
    answer(open_shop, "confirm")
    asked = run_by_dagster(open_shop, instance)
    assert asked.job_name == "pull"
    assert sql(open_shop, gone)[0].n == 4
    gate = the_story(open_shop, "mass_deletion", answer="confirm")
    assert gate.outcome == "4 marked deleted, 0 still there"


def drift(store: Store, kind: str, change: Any) -> None:
    """From now on the store writes this kind otherwise."""
    whole = type(store).payloads[kind]

    def shaped(shop_store: Any, row: Any) -> dict[str, Any]:
        payload = dict(whole(shop_store, row))
        change(payload)
        return payload

    store.payloads[kind] = shaped
    store.tables[kind].forget_all()


def test_a_field_that_vanished_stops_promotion_of_its_entity_alone(
    open_shop: Shop, store: Store, instance: dg.DagsterInstance
) -> None:
    open_shop.pull("products", "customers")
    promoted(open_shop, "products", "customers")
    before = sql(open_shop, "SELECT id, regular_price FROM core.products ORDER BY id")
    drift(store, "products", lambda payload: payload.pop("regular_price"))
    store.update("customers", store.tables["customers"].ids[-1], first_name="Else")
    open_shop.pull("products", "customers", full=True)
    report = promoted(open_shop, "products", "customers")
    assert (report.done, report.failed) == (1, len(before))
    assert all("Decision" in error["reason"] for error in report.errors)
    assert sql(open_shop, "SELECT id, regular_price FROM core.products ORDER BY id") == before
    assert sql(open_shop, "SELECT 1 FROM core.customers WHERE name LIKE 'Else%%'")
    answer(open_shop, "accept")
    run_by_dagster(open_shop, instance)
    gate = the_story(open_shop, "schema_drift", answer="accept")
    assert gate.detail["field"] == "regular_price"
    assert gate.outcome == f"{len(before)} of the records it stopped are promoted"
    assert {row.regular_price for row in sql(open_shop, "SELECT regular_price FROM core.products")} == {None}
    # What was accepted is not asked again.
    open_shop.pull("products", full=True)
    open_shop.preview("products")
    assert len(observe.decisions(open_shop.db, open_shop.org, everything=True)) == 1


def test_a_list_that_became_an_object_is_read_as_a_list(open_shop: Shop, store: Store) -> None:
    open_shop.pull("orders")
    promoted(open_shop, "orders")
    items = sql(open_shop, "SELECT count(*) AS n FROM core.sales_order_items")[0].n

    def odd(payload: dict[str, Any]) -> None:
        payload["line_items"] = dict(enumerate(payload["line_items"]))  # PHP's idea of a list with a hole

    drift(store, "orders", odd)
    open_shop.pull("orders", full=True)
    assert promoted(open_shop, "orders").failed == 0
    assert not observe.decisions(open_shop.db, open_shop.org)
    assert sql(open_shop, "SELECT count(*) AS n FROM core.sales_order_items")[0].n == items


def test_a_list_that_is_gone_is_held_until_it_is_there_again(
    open_shop: Shop, store: Store, instance: dg.DagsterInstance
) -> None:
    open_shop.pull("orders")
    promoted(open_shop, "orders")
    items = sql(open_shop, "SELECT count(*) AS n FROM core.sales_order_items")[0].n

    drift(store, "orders", lambda payload: payload.pop("line_items"))
    for number in store.tables["orders"].ids:
        store.update("orders", number, customer_note="changed")
    open_shop.pull("orders", full=True)
    report = promoted(open_shop, "orders")
    assert report.done == 0
    number = answer(open_shop, "hold")
    with pytest.raises(Conflict):
        promote.resume(open_shop.db, open_shop.org, number, actor="ann")
    with use_runtime(Runtime(open_shop.settings, open_shop.db)):
        assert not getattr(tick(decisions, instance), "run_requests", None)
    assert promoted(open_shop, "orders").done == 0  # held as decided
    assert sql(open_shop, "SELECT count(*) AS n FROM core.sales_order_items")[0].n == items
    drift(store, "orders", lambda payload: None)
    open_shop.pull("orders", full=True)
    open_shop.preview("orders")
    run_by_dagster(open_shop, instance)
    gate = the_story(open_shop, "schema_drift", answer="hold")
    assert str(gate.outcome).startswith("the store writes it again as it did; 0 of the records it stopped are promoted")
    assert "wait for a new selection" in str(gate.outcome)
    assert promoted(open_shop, "orders").failed == 0


def test_a_field_that_comes_back_unasked_withdraws_its_gate(open_shop: Shop, store: Store) -> None:
    open_shop.pull("customers")
    open_shop.preview("customers")
    drift(store, "customers", lambda payload: payload.pop("billing"))
    open_shop.pull("customers", full=True)
    open_shop.preview("customers")
    assert len(observe.decisions(open_shop.db, open_shop.org)) == 1
    open_shop.preview("customers")
    drift(store, "customers", lambda payload: None)
    open_shop.pull("customers", full=True)
    open_shop.preview("customers")
    assert not observe.decisions(open_shop.db, open_shop.org)
    [gate] = observe.decisions(open_shop.db, open_shop.org, everything=True)
    assert (gate.answer, gate.answered_by) == ("withdrawn", "preview")


def test_fields_no_mapping_needs_may_come_and_go(open_shop: Shop, store: Store) -> None:
    open_shop.pull("products")
    drift(store, "products", lambda payload: (payload.pop("reviews_allowed"), payload.update(price=12.5, brand_new={})))
    open_shop.pull("products", full=True)
    open_shop.preview("products")
    assert not observe.decisions(open_shop.db, open_shop.org)


@pytest.fixture
def euros(open_shop: Shop, settings: Settings) -> Iterator[Shop]:
    """A second store of the organization, whose prices are in euros."""
    open_shop.pull("settings", "products")
    promoted(open_shop, "products")
    store = Store(currency="EUR")
    seed(store, products=4, variable=1, customers=2, orders=2, random_seed=9)
    for place, number in enumerate(store.tables["products"].ids):
        store.update("products", number, sku=f"EU-{place}")
    with shop(open_shop.db, settings, open_shop.org, store, name="europe", owner="ann@example.test") as made:
        made.pull("settings", "products", "variations", "orders", "customers")
        yield made


def test_prices_in_another_currency_wait_and_everything_else_goes_on(euros: Shop, instance: dg.DagsterInstance) -> None:
    report = promoted(euros, "products", "variations", "orders", "customers")
    kinds = sql(
        euros,
        "SELECT entity_type, state, count(*) AS n FROM promote.sync_queue_line WHERE queue_id = %(q)s::uuid "
        "GROUP BY 1, 2 ORDER BY 1",
        q=report.queue,
    )
    assert {(row.entity_type, row.state) for row in kinds} == {
        ("customer", "done"),
        ("order", "done"),
        ("product", "failed"),
        ("variation", "failed"),
    }
    answer(euros, "own_currency")
    run_by_dagster(euros, instance)
    gate = the_story(euros, "currency_conflict", answer="own_currency")
    assert "of the records it stopped are promoted" in str(gate.outcome)
    prices = sql(
        euros,
        "SELECT DISTINCT m.connection_id = %(c)s AS europe, p.currency FROM core.products p "
        "JOIN promote.integration_mapping m ON m.core_table = 'core.products' AND m.internal_id = p.id ORDER BY 1",
        c=euros.connection.connection_id,
    )
    assert [tuple(row) for row in prices] == [(False, "USD"), (True, "EUR")]
    assert {row.currency for row in sql(euros, "SELECT currency FROM core.product_variants")} == {"EUR"}
    assert promote.status(euros.db, euros.org.org_id, report.queue).state == "done"
    euros.pull("settings", full=True)
    assert not observe.decisions(euros.db, euros.org)


def test_prices_on_hold_go_on_when_a_person_says_what_they_are(euros: Shop, instance: dg.DagsterInstance) -> None:
    promoted(euros, "products")
    answer(euros, "hold")
    assert promoted(euros, "products").done == 0
    connect.update_settings(
        euros.db, connect.connection(euros.db, euros.org, "europe"), {"currency": "EUR"}, actor="test"
    )
    run_by_dagster(euros, instance)
    the_story(euros, "currency_conflict", answer="hold")
    rows = sql(euros, "SELECT currency, count(*) AS n FROM core.products GROUP BY 1")
    assert {row.currency: row.n for row in rows}["EUR"] == len(euros.store.tables["products"].ids)


def test_taken_as_the_organizations_they_are_that(euros: Shop) -> None:
    promoted(euros, "products")
    number = answer(euros, "as_organization")
    promote.resume(euros.db, euros.org, number, actor="ann")
    the_story(euros, "currency_conflict", answer="as_organization")
    assert {row.currency for row in sql(euros, "SELECT DISTINCT currency FROM core.products")} == {"USD"}


def test_an_open_decision_cannot_be_taken_up(open_shop: Shop) -> None:
    with pytest.raises(NotFound):
        promote.resume(open_shop.db, open_shop.org, 12345, actor="ann")


def test_deliveries_that_wait_become_one_run_of_their_assets(
    open_shop: Shop, store: Store, instance: dg.DagsterInstance
) -> None:
    from sync_pipeline_tests.integration.test_webhook_deliveries import SECRET, deliver

    open_shop.pull("products", "orders")
    connect.set_webhook_secret(open_shop.db, open_shop.settings, open_shop.connection, SECRET, actor="test")
    number, sold = store.tables["products"].ids[0], store.tables["orders"].ids[0]
    store.update("products", number, regular_price="42.00")
    store.update("orders", sold, status="completed")
    deliver(open_shop, "product.updated", b'{"id": %d}' % number)
    deliver(open_shop, "order.updated", b'{"id": %d}' % sold)
    asked = run_by_dagster(open_shop, instance, webhook_deliveries)
    assert {key.to_user_string() for key in asked.asset_selection} == {
        f"{stage}/woocommerce/{name}" for stage in ("raw", "preview", "selected") for name in ("products", "orders")
    }
    news = sql(
        open_shop,
        "SELECT entity_type, external_id FROM preview.difference WHERE external_id IN (%(a)s, %(b)s)",
        a=str(number),
        b=str(sold),
    )
    assert {tuple(row) for row in news} == {("product", str(number)), ("order", str(sold))}
    [row] = sql(
        open_shop,
        "SELECT sync_data ->> 'regular_price' AS price FROM capture.sync_record "
        "WHERE entity_type = 'product' AND external_id = %(x)s",
        x=str(number),
    )
    assert row.price == "42.00"
