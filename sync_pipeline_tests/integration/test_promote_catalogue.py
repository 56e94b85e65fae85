"""Categories, products, variants and stock on their way into core."""

from __future__ import annotations

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.steps.connect import Organization
from sync_pipeline_tests.integration.promote_world import World, product, variation


@pytest.fixture
def world(database: Database, org: Organization) -> World:
    return World(database, org.org_id)


def test_a_product_reaches_core_with_its_stock_and_categories(world: World) -> None:
    world.organize(currency="EUR")
    report = world.apply(
        world.capture("category", {"id": 5, "name": "Shirts &amp; more", "parent": 0}),
        world.capture(
            "product",
            product(
                1, name="T&amp;C", regular_price="12.345", manage_stock=True, stock_quantity=-3, categories=[{"id": 5}]
            ),
        ),
    )
    assert (report.state, report.done, report.failed) == ("done", 2, 0)
    row = world.one("SELECT * FROM core.products")
    assert (row.name, row.sku, str(row.regular_price), row.sale_price, row.currency) == (
        "T&C",
        "P-1",
        "12.345",
        None,
        "EUR",
    )
    assert row.metadata["woo_product_id"] == 1
    stock = world.one("SELECT * FROM core.inventory_items")
    assert (stock.product_id, stock.quantity, stock.manage_stock) == (row.id, -3, True)
    linked = world.one(
        "SELECT c.name, c.metadata FROM core.product_categories p JOIN core.categories c ON c.id = p.category_id"
    )
    assert linked.name == "Shirts & more"
    assert linked.metadata["woo_category_id"] == 5
    assert world.lines(report)[0].state == "done"


def test_unmanaged_stock_is_not_zero_stock(world: World) -> None:
    world.promote("product", product(1, manage_stock=False, stock_quantity=None))
    stock = world.one("SELECT quantity, manage_stock, stock_status FROM core.inventory_items")
    assert tuple(stock) == (None, False, "in_stock")
    world.promote("product", product(1, manage_stock=True, stock_quantity=0, stock_status="outofstock"))
    stock = world.one("SELECT quantity, manage_stock, stock_status FROM core.inventory_items")
    assert tuple(stock) == (0, True, "out_of_stock")


def test_a_later_promotion_updates_the_same_row(world: World) -> None:
    world.promote("product", product(1))
    before = world.one("SELECT id, created_at FROM core.products")
    world.promote("product", product(1, name="New name", price="11.00", status="draft"))
    row = world.one("SELECT id, created_at, name, price, active, status FROM core.products")
    assert tuple(row)[:2] == tuple(before)
    assert (row.name, str(row.price), row.active, row.status) == ("New name", "11.00", False, "draft")


def test_a_variant_waits_for_its_product(world: World) -> None:
    report = world.promote("variation", variation(7, 1, sku="V-7"))
    assert world.one("SELECT product_id FROM core.product_variants").product_id is None
    assert "not promoted" in world.lines(report)[0].warnings[0]
    assert world.one("SELECT variant_id, product_id FROM core.inventory_items").product_id is None
    world.promote("product", product(1, type="variable", regular_price=""))
    row = world.one("SELECT v.product_id, p.id FROM core.product_variants v, core.products p")
    assert row.product_id == row.id
    assert world.sql("SELECT 1 FROM promote.pending_link") == []


def test_categories_that_come_later_are_linked_then(world: World) -> None:
    world.promote("product", product(1, categories=[{"id": 5}, {"id": 6}]))
    world.promote("category", {"id": 6, "name": "Child", "parent": 5})
    assert world.one("SELECT parent_id FROM core.categories").parent_id is None
    world.promote("category", {"id": 5, "name": "Root", "parent": 0})
    root = world.one("SELECT id FROM core.categories WHERE name = 'Root'").id
    assert world.one("SELECT parent_id FROM core.categories WHERE name = 'Child'").parent_id == root
    assert world.one("SELECT count(*) FROM core.product_categories")[0] == 2
    assert world.sql("SELECT 1 FROM promote.pending_link") == []
    world.promote("product", product(1, categories=[{"id": 6}]))
    assert (
        world.one("SELECT c.name FROM core.product_categories p JOIN core.categories c ON c.id = p.category_id").name
        == "Child"
    )


def test_a_price_that_is_no_number_fails_alone_and_names_field_and_value(world: World) -> None:
    report = world.apply(
        world.capture("product", product(1)),
        world.capture("product", product(2, regular_price="12,50")),
        world.capture("product", product(3)),
    )
    assert (report.state, report.done, report.failed) == ("partial", 2, 1)
    (error,) = report.errors
    assert error["external_id"] == "2"
    assert "regular_price" in error["reason"]
    assert "12,50" in error["reason"]
    (failed,) = [line for line in world.lines(report) if line.state == "failed"]
    assert failed.is_action_required


def test_what_the_database_refuses_fails_alone(world: World) -> None:
    world.sql("SELECT 1")
    report = world.apply(
        *[world.capture("product", product(number, price="1e140000" if number == 3 else "1")) for number in range(1, 8)]
    )
    assert (report.done, report.failed) == (6, 1)
    assert report.errors[0]["external_id"] == "3"
    assert world.one("SELECT count(*) FROM core.products")[0] == 6


def test_every_entity_can_be_promoted(world: World) -> None:
    report = world.apply(
        world.capture("tag", {"id": 4, "name": "bio &amp; fair", "slug": "bio"}),
        world.capture("payment_gateway", {"id": "bacs", "title": "Bank", "enabled": False}),
    )
    assert report.state == "done"
    rows = [tuple(r) for r in world.sql("SELECT kind, code, name, active FROM core.reference_data ORDER BY kind")]
    assert rows == [("payment_gateway", "bacs", "Bank", False), ("tag", "bio", "bio & fair", True)]


def test_a_deletion_marks_the_row_and_a_restore_brings_it_back(world: World) -> None:
    world.promote("product", product(1))
    world.apply(world.capture("product", product(1), deleted=True))
    row = world.one("SELECT active, deleted_at FROM core.products")
    assert not row.active
    assert row.deleted_at is not None
    assert world.one("SELECT promoted_deleted FROM promote.integration_mapping").promoted_deleted
    assert world.one("SELECT active FROM core.inventory_items").active is False
    world.apply(world.capture("product", product(1)))
    row = world.one("SELECT active, deleted_at FROM core.products")
    assert (row.active, row.deleted_at) == (True, None)
    assert not world.one("SELECT promoted_deleted FROM promote.integration_mapping").promoted_deleted
    assert world.one("SELECT active FROM core.inventory_items").active is True
