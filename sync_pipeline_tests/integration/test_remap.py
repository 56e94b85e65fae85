"""A mapper that changes: what an older one wrote is counted, planned on request, renewed and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import StalePlan
from sync_pipeline.sources.base import source
from sync_pipeline.steps import connect, observe, preview, promote, select
from sync_pipeline.steps.capture import mapped
from sync_pipeline_tests.stores import Shop, shop

PRODUCTS, CUSTOMERS = 12, 5


@pytest.fixture
def opened(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Shop]:
    """A shop whose products, categories and customers are in core."""
    store = Store()
    store.shuffle_related = False
    seed(store, products=PRODUCTS, variable=0, customers=4, orders=0, random_seed=5)
    with shop(database, settings, org, store) as made:
        made.pull("categories", "products", "customers", full=True)
        promote_all(made)
        yield made


@pytest.fixture
def upgrade(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give one entity of WooCommerce another mapper: names end with a mark."""

    def change(entity: str, mark: str = "*") -> None:
        streams = source("woocommerce").streams
        before: Any = streams[entity].to_entity

        def mapper(payload: Any) -> Any:
            entity = before(payload)
            return msgspec.structs.replace(entity, name=f"{entity.name}{mark}")

        for name in ("reads", "follows"):
            setattr(mapper, name, getattr(before, name, ()))
        monkeypatch.setitem(streams, entity, replace(streams[entity], to_entity=mapper))
        forget()

    yield change
    monkeypatch.undo()
    forget()


def forget() -> None:
    mapped.mapping_of.cache_clear()
    mapped.mapper_of.cache_clear()


def promote_all(opened: Shop) -> promote.ApplyReport:
    for name in ("categories", "products", "customers"):
        opened.preview(name)
        include(opened, name, everything=True)
    return apply(opened, select.make_plan(opened.db, opened.org, actor="ann"))


def include(opened: Shop, name: str, include: bool = True, **which: Any) -> None:
    select.select(
        opened.db, opened.connection, opened.connection.source.stream(name), include=include, actor="ann", **which
    )


def apply(opened: Shop, plan: select.Plan | None) -> promote.ApplyReport:
    assert plan is not None
    report = promote.apply(opened.db, opened.org.org_id, plan.plan_id, actor="ann")
    assert (report.state, report.errors) == ("done", [])
    return report


def remap(opened: Shop, *entities: str) -> select.Plan | None:
    chosen = [(opened.connection, opened.connection.source.stream(name)) for name in entities] or None
    return select.make_remap_plan(opened.db, opened.org, chosen, actor="ann")


def older(opened: Shop) -> dict[str, int]:
    (one,) = observe.status(opened.db, opened.org)
    return {e.entity: e.mapped_by_older for e in one.entities if e.mapped_by_older}


def names(opened: Shop, table: str = "products") -> list[str]:
    return [row.name for row in opened.rows(f"SELECT name FROM core.{table} ORDER BY id")]


def test_a_changed_mapper_is_counted_renewed_and_taken_back(opened: Shop, upgrade: Any) -> None:
    before = names(opened)
    assert (older(opened), remap(opened)) == ({}, None)
    upgrade("products")
    assert older(opened) == {"products": PRODUCTS}
    seen = opened.preview("products")
    assert (seen.mapped_by_older, seen.in_sync, seen.updated) == (PRODUCTS, PRODUCTS, 0)
    assert opened.preview("customers").mapped_by_older == 0
    summaries = {one.entity: one.mapped_by_older for one in preview.summaries(opened.db, opened.connection)}
    assert summaries == {"categories": 0, "products": PRODUCTS, "customers": 0}
    assert select.make_plan(opened.db, opened.org, actor="ann") is None  # nothing about them is news

    categories = opened.rows("SELECT * FROM core.categories ORDER BY id")
    customers = opened.rows("SELECT * FROM core.customers ORDER BY id")
    assert remap(opened, "categories", "customers") is None
    plan = remap(opened)
    assert plan is not None
    assert (plan.creates, plan.updates, plan.deletes, plan.origin) == (0, PRODUCTS, 0, "remap")
    report = apply(opened, plan)
    assert report.done == PRODUCTS
    assert names(opened) == [f"{name}*" for name in before]
    assert opened.rows("SELECT * FROM core.categories ORDER BY id") == categories
    assert opened.rows("SELECT * FROM core.customers ORDER BY id") == customers
    assert (older(opened), remap(opened)) == ({}, None)
    assert opened.preview("products").in_sync == PRODUCTS

    promote.undo(opened.db, opened.org.org_id, plan.plan_id, actor="ann")
    assert names(opened) == before
    assert older(opened) == {"products": PRODUCTS}
    assert opened.preview("products").in_sync == PRODUCTS


def test_rows_from_before_the_version_was_kept_count_as_older(opened: Shop) -> None:
    opened.rows("UPDATE promote.integration_mapping SET mapper = NULL WHERE entity_type = 'customer' RETURNING 1")
    assert older(opened) == {"customers": CUSTOMERS}
    apply(opened, remap(opened))
    assert older(opened) == {}


def test_a_record_that_changed_is_mapped_by_its_own_update(opened: Shop, upgrade: Any) -> None:
    changed, ignored, deleted = sorted(opened.ids("products"), key=int)[:3]
    upgrade("products")
    opened.store.update("products", int(changed), name="Renamed")
    opened.store.delete("products", int(deleted))
    opened.pull("products", full=True)
    opened.preview("products")
    include(opened, "products", include=False, ids=[ignored])
    left = PRODUCTS - 3
    assert older(opened) == {"products": left}
    plan = remap(opened)
    assert plan is not None
    assert plan.updates == left
    planned = {
        item.external_id for item in select.plan_items(opened.db, opened.org, plan.plan_id, effects=promote.effects)[0]
    }
    assert planned == opened.ids("products") - {changed, ignored}
    apply(opened, plan)
    assert older(opened) == {}
    include(opened, "products", ids=[changed])
    apply(opened, select.make_plan(opened.db, opened.org, actor="ann"))
    assert "Renamed*" in names(opened)
    include(opened, "products", ids=[ignored])  # no longer ignored: it counts again
    assert older(opened) == {"products": 1}


def test_a_remap_plan_gets_stale_by_a_new_version_and_by_an_undo(opened: Shop, upgrade: Any) -> None:
    first = select.plans(opened.db, opened.org)[0][0]
    upgrade("products")
    upgrade("customers")
    products, customers = remap(opened, "products"), remap(opened, "customers")
    assert products is not None
    assert customers is not None
    (one, *_) = opened.ids("products")
    opened.store.update("products", int(one), name="Renamed")
    opened.pull("products", full=True)
    before = names(opened)
    with pytest.raises(StalePlan) as error:
        promote.apply(opened.db, opened.org.org_id, products.plan_id, actor="ann")
    assert [record["external_id"] for record in error.value.stale] == [one]
    assert names(opened) == before
    promote.undo(opened.db, opened.org.org_id, first.plan_id, actor="ann")
    with pytest.raises(StalePlan) as error:  # undone records do not come back by it
        promote.apply(opened.db, opened.org.org_id, customers.plan_id, actor="ann")
    assert len(error.value.stale) == CUSTOMERS
    assert names(opened, "customers") == []


def test_two_stores_that_share_a_row(
    opened: Shop, upgrade: Any, database: Database, settings: Settings, org: connect.Organization
) -> None:
    with shop(database, settings, org, opened.store, name="second") as second:
        second.pull("categories", "products", "customers", full=True)
        promote_all(second)
        before = names(opened)
        assert len(before) == PRODUCTS  # both stores' products are one row each
        upgrade("products")
        plan = remap(opened, "products")  # the first store's alone
        assert plan is not None
        assert plan.updates == PRODUCTS
        apply(opened, plan)
        assert names(opened) == [f"{name}*" for name in before]
        counts = {one.name: sum(e.mapped_by_older for e in one.entities) for one in observe.status(database, org)}
        assert counts == {"shop": 0, "second": PRODUCTS}
        again = remap(opened)
        stores = [row.name for row in opened.rows("SELECT DISTINCT c.name FROM selection.sync_plan_item AS i "
                  "JOIN connect.integration_connector AS c USING (org_id, connection_id) WHERE plan_id = %(p)s",
                  p=again and again.plan_id)]  # fmt: skip
        assert stores == ["second"]
        apply(opened, again)
        assert remap(opened) is None
        assert names(opened) == [f"{name}*" for name in before]
        assert again is not None
        for one in (again, plan):
            promote.undo(database, org.org_id, one.plan_id, actor="ann")
        assert len(names(opened)) == PRODUCTS
        counts = {one.name: sum(e.mapped_by_older for e in one.entities) for one in observe.status(database, org)}
        assert counts == {"shop": PRODUCTS, "second": PRODUCTS}
