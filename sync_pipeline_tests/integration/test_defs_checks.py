"""Asset checks: every statement runs, sound data passes, and violations are counted with an example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg
import pytest
from sqlalchemy import NullPool, create_engine

from sandbox.woocommerce import Server, Store, running, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database, psycopg_url
from sync_pipeline.defs import definitions
from sync_pipeline.defs.resources import Runtime, use_runtime
from sync_pipeline.steps import capture, connect, preview, promote, select
from sync_pipeline.steps.observe.checks import CheckResult, check

Failing = dict[tuple[str, str], dg.AssetCheckEvaluation]


@pytest.fixture
def shop() -> Iterator[Server]:
    store = Store()
    seed(store, products=4, variable=0, customers=2, orders=3)
    with running(store) as server:
        yield server


@pytest.fixture
def connection(database: Database, settings: Settings, org: connect.Organization, shop: Server) -> connect.Connection:
    """A connection with everything captured, compared, selected and promoted."""
    given = {"store_url": shop.url, "consumer_key": shop.key, "consumer_secret": shop.secret}
    made = connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="test")
    with capture.session(database, settings, made) as session:
        for stream in made.source.streams.values():
            assert session.pull(stream).closed
            preview.recompute(database, made, stream)
            select.select(database, made, stream, everything=True, include=True, actor="ann")
    plan = select.make_plan(database, org, actor="ann")
    assert plan is not None
    assert promote.apply(database, org.org_id, plan.plan_id, actor="ann").failed == 0
    return made


def evaluated(database: Database, settings: Settings, job: str) -> Sequence[dg.AssetCheckEvaluation]:
    with use_runtime(Runtime(settings, database)), dg.DagsterInstance.ephemeral() as instance:
        result = (
            definitions()
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
            )
        )
    return result.get_asset_check_evaluations()


def watch(database: Database, settings: Settings) -> Failing:
    evaluations = evaluated(database, settings, "watch")
    assert len(evaluations) > 50
    return {(one.check_name, one.asset_key.to_user_string()): one for one in evaluations if not one.passed}


@pytest.mark.usefixtures("connection")
def test_checks_pass_on_sound_data(database: Database, settings: Settings) -> None:
    assert watch(database, settings) == {}


def test_core_is_compared_by_a_job_of_its_own(
    database: Database, settings: Settings, org: connect.Organization, connection: connect.Connection
) -> None:
    (sound,) = evaluated(database, settings, "compare_core")
    assert sound.passed
    assert int(str(sound.metadata["records"].value)) > 50
    with database.org(org.org_id) as conn:
        conn.exec_driver_sql("UPDATE core.products SET name = 'x' WHERE id = (SELECT min(id) FROM core.products)")
    (damaged,) = evaluated(database, settings, "compare_core")
    assert not damaged.passed
    assert "core.products" in str(damaged.metadata["examples"].value)
    assert "In 1 organization 1 field or row is not what was promoted, among them 1 in core.products." in str(
        damaged.description
    )
    assert "`sync-pipeline check ORG --core` lists them" in str(damaged.description)


def test_a_reconciliation_that_fails_says_how_much_where_and_what_to_do(
    database: Database, settings: Settings, org: connect.Organization, connection: connect.Connection, shop: Server
) -> None:
    gone = max(shop.store.ids("products"))
    shop.store.delete("products", gone)
    shop.faults.burst(500, 10_000, None, "coupons")
    with use_runtime(Runtime(settings, database)), dg.DagsterInstance.ephemeral() as instance:
        result = (
            definitions()
            .resolve_job_def("reconcile")
            .execute_in_process(
                instance=instance,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )
        )
    [failed] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failed.user_failure_data is not None
    said = str(failed.user_failure_data.description)
    assert "acme: 1 captured and not in the store, 1 could not be listed. shop " in said
    assert f"shop products: 1 captured and not in the store ({gone})" in said
    assert "`sync-pipeline reconcile acme` lists all of it; `sync-pipeline pull acme --full` closes" in said
    table = failed.user_failure_data.metadata["differences"]
    assert isinstance(table, dg.TableMetadataValue)
    rows = [(one.data["organization"], one.data["entity"], one.data["extra"]) for one in table.records]
    assert sorted(rows) == [("acme", "coupons", 0), ("acme", "products", 1)]


def test_violations_are_counted_with_examples(
    database: Database,
    settings: Settings,
    org: connect.Organization,
    connection: connect.Connection,
    shop: Server,
    owner_url: str,
) -> None:
    shop.faults.down()
    with capture.session(database, settings, connection) as session:
        assert not session.pull(connection.source.stream("tags")).closed
    owner = create_engine(psycopg_url(owner_url), poolclass=NullPool)
    with owner.begin() as conn:
        conn.exec_driver_sql("SELECT set_config('sync.org_id', %(org)s, true)", {"org": str(org.org_id)})
        conn.exec_driver_sql(
            "UPDATE core.sales_orders SET total = total + 1 WHERE id = (SELECT min(id) FROM core.sales_orders)"
        )
        conn.exec_driver_sql(
            "UPDATE promote.integration_mapping SET internal_id = -1 WHERE entity_type = 'product' AND external_id = "
            "(SELECT min(external_id) FROM promote.integration_mapping WHERE entity_type = 'product')"
        )
        conn.exec_driver_sql("ALTER TABLE core.customers ADD COLUMN shoe_size integer")
        conn.exec_driver_sql("UPDATE connect.integration_connector SET last_sync_at = now() - interval '3 days'")
    owner.dispose()

    failing = watch(database, settings)

    assert set(failing) == {
        ("ledger_closed", "raw/woocommerce/tags"),
        ("money_adds_up", "core/sales_orders"),
        ("no_orphan_mapping", "core/products"),
        ("compat_agrees", "core/customers"),
        ("fresh", "store/woocommerce"),
    }
    money = failing["money_adds_up", "core/sales_orders"]
    assert money.metadata["found"].value == 1
    assert "acme: " in str(money.metadata["examples"].value)
    assert "Pull and promote" in str(money.description)
    assert "shoe_size" in str(failing["compat_agrees", "core/customers"].metadata["examples"].value)


def test_a_store_that_was_just_connected_is_no_fault_and_nothing_is_said_to_have_been_pulled(
    database: Database, settings: Settings, org: connect.Organization, shop: Server
) -> None:
    given = {"store_url": shop.url, "consumer_key": shop.key, "consumer_secret": shop.secret}
    connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="test")

    def fresh() -> CheckResult:
        return next(one for one in check(database, org) if one.name == "fresh")

    assert (fresh().ok, fresh().detail) == (
        True, "Every connected store was pulled within a day and a half, or connected in that time.",
    )  # fmt: skip
    with database.org(org.org_id) as conn:
        conn.exec_driver_sql("UPDATE connect.integration_connector SET created_at = now() - interval '3 days'")
    assert (fresh().ok, list(fresh().examples)) == (False, ["woocommerce: shop: never pulled"])
