"""Customers, what their orders make of them, orders and refunds."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.steps.connect import Organization
from sync_pipeline_tests.integration.promote_world import World, customer, order, product


@pytest.fixture
def world(database: Database, org: Organization) -> World:
    made = World(database, org.org_id)
    made.organize(currency="USD")
    return made


def _customer(world: World, **fields: Any) -> Any:
    world.promote("customer", customer(3, **fields))
    return world.one("SELECT * FROM core.customers WHERE metadata ->> 'woo_customer_id' = '3'")


def test_lifetime_value_counts_what_was_sold_less_refunds_in_the_organizations_currency(world: World) -> None:
    orders: tuple[dict[str, Any], ...] = (
        {"total": "100.10"},
        {"total": "50.00", "status": "processing", "refunds": [{"id": 1, "total": "-20.05"}]},
        {"total": "7.00", "currency": "EUR"},
        {"total": "30.00", "status": "refunded", "refunds": [{"id": 2, "total": "-30.00"}]},
        *({"total": "999.00", "status": s} for s in ("cancelled", "failed", "checkout-draft", "trash", "auto-draft")),
    )
    for number, fields in enumerate(orders, start=100):
        world.capture("order", order(number, customer_id=3, **fields))
    world.capture("order", order(200, customer_id=3, total="999.00"), deleted=True)
    world.capture("order", order(201, customer_id=4, total="999.00"))
    row = _customer(world)
    assert (str(row.lifetime_value), row.lifetime_currency, row.order_count) == ("130.05", "USD", 4)
    assert row.metadata["other_currencies"] == {"EUR": 7.00}
    assert (row.segment, row.status, row.metadata["completed_orders"]) == ("individual", "active", 2)
    assert row.acquisition_date.isoformat() == "2026-01-02T03:04:05+00:00"
    assert row.last_interaction_date.isoformat() == "2026-02-03T04:05:06+00:00"
    assert (row.name, row.company) == ("Ada N3", "ACME & Co")


@pytest.mark.parametrize(
    ("value", "completed", "segment", "status"),
    [
        ("50000.01", 1, "enterprise", "active"),
        ("50000.00", 1, "mid_market", "active"),
        ("20000.00", 1, "smb", "active"),
        ("5000.00", 1, "individual", "active"),
        ("1.00", 51, "mid_market", "active"),
        ("1.00", 11, "smb", "active"),
        ("1.00", 10, "startup", "active"),
        ("1.00", 3, "startup", "active"),
        ("1.00", 2, "individual", "active"),
        ("1.00", 0, "individual", "prospect"),
    ],
)
def test_segments(world: World, value: str, completed: int, segment: str, status: str) -> None:
    world.capture("order", order(100, customer_id=3, total=value, status="completed" if completed else "on-hold"))
    for number in range(101, 100 + completed):
        world.capture("order", order(number, customer_id=3, total="0.00"))
    row = _customer(world)
    assert (row.segment, row.status) == (segment, status)


def test_without_an_organizations_currency_the_commonest_counts(database: Database, org: Organization) -> None:
    world = World(database, org.org_id)
    for number, currency in enumerate(("USD", "EUR", "EUR")):
        world.capture("order", order(100 + number, customer_id=3, currency=currency, total="10.00"))
    row = _customer(world)
    assert (row.lifetime_currency, str(row.lifetime_value)) == ("EUR", "20.00")


def test_a_promoted_order_renews_its_customers_figures_but_not_without_need(world: World) -> None:
    before = _customer(world)
    assert (before.order_count, before.status) == (0, "prospect")
    world.promote("order", order(100, customer_id=3, total="10.00"))
    row = world.one("SELECT * FROM core.customers")
    assert (str(row.lifetime_value), row.order_count, row.status) == ("10.00", 1, "active")
    world.promote("order", order(100, customer_id=3, total="10.00", customer_note="hi"))
    assert world.one("SELECT updated_at FROM core.customers").updated_at == row.updated_at
    world.apply(world.capture("order", order(100, customer_id=3, total="10.00"), deleted=True))
    assert world.one("SELECT order_count FROM core.customers").order_count == 0


def test_an_order_reaches_core_with_items_that_add_up(world: World) -> None:
    world.promote("product", product(1))
    _customer(world)
    payload = order(
        100,
        customer_id=3,
        status="on-hold",
        total="123.45",
        total_tax="8.45",
        discount_total="15.00",
        shipping_total="5.00",
        line_items=[
            {
                "id": 1,
                "name": "A &amp; B",
                "product_id": 1,
                "variation_id": 0,
                "quantity": 3,
                "subtotal": "120.00",
                "total": "105.00",
                "total_tax": "8.00",
                "sku": "P-1",
                "price": 35,
            },
        ],
        coupon_lines=[{"id": 2, "code": "ten", "discount": "10", "discount_tax": "0"}],
        shipping_lines=[{"id": 3, "method_title": "Flat", "total": "5.00", "total_tax": "0.45"}],
        fee_lines=[{"id": 4, "name": "Gift", "total": "5.00", "total_tax": "0.00"}],
        tax_lines=[{"id": 5, "label": "VAT", "tax_total": "8.00", "shipping_tax_total": "0.45"}],
        date_paid_gmt=None,
    )
    report = world.promote("order", payload)
    assert world.lines(report)[0].warnings == []
    row = world.one("SELECT * FROM core.sales_orders")
    assert (row.number, row.status, row.source_status, row.currency) == ("100", "on_hold", "on-hold", "USD")
    assert (str(row.total), str(row.subtotal), str(row.fee_total)) == ("123.45", "120.00", "5.00")
    assert row.customer_id == world.one("SELECT id FROM core.customers").id
    assert row.ordered_at.isoformat() == "2026-02-03T04:05:06+00:00"
    items = [tuple(r) for r in world.sql("SELECT item_type, name, total::text FROM core.sales_order_items ORDER BY id")]
    assert items == [
        ("line", "A & B", "120.00"),
        ("discount", "ten", "-10"),
        ("discount", "Discount without a coupon", "-5.00"),
        ("shipping", "Flat", "5.00"),
        ("fee", "Gift", "5.00"),
        ("tax", "VAT", "8.45"),
    ]
    line = world.one("SELECT * FROM core.sales_order_items WHERE item_type = 'line'")
    assert (line.product_id, str(line.unit_price), str(line.quantity)) == (
        world.one("SELECT id FROM core.products").id,
        "40",
        "3",
    )
    payload["fee_lines"] = []
    report = world.promote("order", payload)
    assert world.one("SELECT count(*) FROM core.sales_order_items WHERE item_type = 'fee'")[0] == 0
    assert str(world.one("SELECT metadata FROM core.sales_orders").metadata["items_difference"]) == "5.00"
    assert "5.00" in world.lines(report)[0].warnings[0]


def test_an_order_whose_customer_and_product_are_not_promoted_is_linked_later(world: World) -> None:
    report = world.promote("order", order(100, customer_id=3))
    assert len(world.lines(report)[0].warnings) == 2
    assert world.one("SELECT customer_id FROM core.sales_orders").customer_id is None
    world.apply(world.capture("customer", customer(3)), world.capture("product", product(1)))
    linked = world.one(
        "SELECT o.customer_id = c.id AS customer, i.product_id = p.id AS product FROM core.sales_orders o, "
        "core.customers c, core.sales_order_items i, core.products p"
    )
    assert tuple(linked) == (True, True)
    assert world.sql("SELECT 1 FROM promote.pending_link") == []


def test_a_refund_becomes_negative_items_of_its_order_whichever_comes_first(world: World) -> None:
    refund = {
        "id": 30,
        "parent_id": 100,
        "amount": "23.75",
        "reason": "broken",
        "line_items": [
            {"id": 9, "name": "Thing", "product_id": 1, "quantity": -1, "total": "-20.00", "total_tax": "-1.75"}
        ],
        "shipping_lines": [],
    }
    report = world.promote("refund", refund)
    assert world.one("SELECT count(*) FROM core.sales_order_items WHERE order_id IS NULL")[0] == 3
    assert world.lines(report)[0].warnings
    world.promote("order", order(100, customer_id=3, refunds=[{"id": 30, "total": "-23.75"}]))
    row = world.one(
        "SELECT o.refunded_total::text AS refunded, sum(i.total)::text AS items FROM core.sales_orders o JOIN "
        "core.sales_order_items i ON i.order_id = o.id AND i.item_type = 'refund' GROUP BY 1"
    )
    assert tuple(row) == ("23.75", "-23.75")
    world.apply(world.capture("refund", refund, deleted=True))
    assert world.one("SELECT count(*) FROM core.sales_order_items WHERE item_type = 'refund' AND active")[0] == 0
    world.apply(world.capture("refund", refund))
    assert world.one("SELECT count(*) FROM core.sales_order_items WHERE item_type = 'refund' AND active")[0] == 3


def test_guests_are_customers_by_email_and_become_the_registered_one(world: World) -> None:
    billing = {"first_name": "Gu", "last_name": "Est", "email": "Guest@Example.test"}
    world.apply(*[world.capture("order", order(n, total="10.00", billing=billing)) for n in (100, 101)])
    guest = world.one("SELECT * FROM core.customers")
    assert (guest.name, guest.metadata["guest"], guest.order_count, str(guest.lifetime_value)) == (
        "Gu Est",
        True,
        2,
        "20.00",
    )
    assert world.one("SELECT count(*) FROM core.sales_orders WHERE customer_id = %(id)s", id=guest.id)[0] == 2
    world.promote("customer", customer(3, email="guest@example.test"))
    row = world.one("SELECT * FROM core.customers")
    assert (row.id, row.name, row.order_count, "guest" in row.metadata) == (guest.id, "Ada N3", 2, False)
    assert world.sql("SELECT 1 FROM promote.conflict") == []


def test_a_customer_of_two_stores_is_worth_both(world: World) -> None:
    other = world.connect("second")
    world.capture("order", order(100, customer_id=3, total="10.00"))
    world.capture("order", order(100, customer_id=77, total="5.00"), connection=other)
    first = world.promote("customer", customer(3, email="a@x.test"))
    world.promote("customer", customer(77, email="A@x.test"), connection=other)
    assert str(world.one("SELECT lifetime_value FROM core.customers").lifetime_value) == "15.00"
    world.undo(first)
    assert str(world.one("SELECT lifetime_value FROM core.customers").lifetime_value) == "5.00"
