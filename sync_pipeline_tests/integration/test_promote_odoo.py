"""Odoo's records in core: what names other records, and parts that are records of their own."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import Organization
from sync_pipeline_tests.integration.test_promote_odoo_one_core import (
    Erp,
    order,
    order_line,
    partner,
    quant,
    template,
    variant,
)
from sync_pipeline_tests.odoo_stores import PAYLOADS, payloads

MUELLER = partner(47, name="Müller GmbH", is_company=True, email="info@mueller.example", country_id=57, city="Berlin")


@pytest.fixture
def world(database: Database, org: Organization) -> Erp:
    return Erp(database, org.org_id)


def test_a_catalogue_with_stock_by_location(world: Erp) -> None:
    world.promote("category", {"id": 5, "name": "Office", "parent_id": 4})
    world.promote("category", {"id": 4, "name": "Furniture", "parent_id": False})
    world.promote("product", template(46, default_code="NB", categ_id=5))
    world.promote("variation", variant(66, 46, default_code="NB", product_template_attribute_value_ids=[23]))
    world.apply(
        world.capture("stock", quant(1, 66, 8, 12.0)),
        world.capture("stock", quant(2, 66, 9, -3.0, lot_id=4, reserved_quantity=1.5)),
        world.capture("stock", quant(3, 66, 5, 40.0)),
    )
    stock = world.sql(
        "SELECT i.location, i.quantity::text, i.stock_status, p.sku, v.sku FROM core.inventory_items i "
        "JOIN core.products p ON p.id = i.product_id JOIN core.product_variants v ON v.id = i.variant_id ORDER BY 1"
    )
    assert [tuple(one) for one in stock] == [
        ("WH/Shelf", "-3.0", "out_of_stock", "NB", "NB"),
        ("WH/Stock", "12.0", "in_stock", "NB", "NB"),
    ]
    told = world.one("SELECT metadata FROM core.inventory_items WHERE external_id = '2'")[0]
    assert told == {"odoo_quant_id": 2, "lot_id": 4, "reserved_quantity": 1.5}
    assert [tuple(one) for one in world.sql("SELECT kind, code FROM core.reference_data")] == [("stock", "3")]
    product = world.one("SELECT currency, price::text, metadata FROM core.products")
    assert (product.currency, product.price, product.metadata["unit"]) == ("EUR", "10.0", "Units")
    assert world.one("SELECT attributes FROM core.product_variants")[0] == [{"name": "Fabric", "option": "Velvet"}]
    names = world.one(
        "SELECT c.name, u.name FROM core.product_categories JOIN core.categories c ON c.id = category_id "
        "JOIN core.categories u ON u.id = c.parent_id"
    )
    assert tuple(names) == ("Office", "Furniture")


def test_stock_that_is_not_counted_has_no_quantity(world: Erp) -> None:
    world.promote("variation", variant(66, 46, is_storable=False))
    row = world.one("SELECT quantity, manage_stock, deleted_at FROM core.inventory_items")
    assert tuple(row) == (None, False, None)
    world.promote("variation", variant(66, 46, is_storable=True))
    assert world.one("SELECT deleted_at IS NOT NULL FROM core.inventory_items")[0]


def test_stock_before_its_article_is_linked_when_that_comes(world: Erp) -> None:
    world.capture("variation", variant(66, 46))
    report = world.promote("stock", quant(1, 66, 8, 12.0))
    assert len(world.lines(report)[0].warnings) == 2
    world.promote("product", template(46))
    world.promote("variation", variant(66, 46))
    assert world.one("SELECT count(*) FROM core.inventory_items WHERE product_id > 0 AND variant_id > 0")[0] == 1


def test_stock_whose_location_is_unknown_fails_alone_and_can_be_retried(world: Erp) -> None:
    report = world.apply(world.capture("stock", quant(1, 66, 77, 12.0)), world.capture("stock", quant(2, 66, 8, 1.0)))
    assert (report.done, report.failed) == (1, 1)
    assert "Pull locations" in report.errors[0]["reason"]
    world.capture("location", {"id": 77, "usage": "internal", "complete_name": "WH/New"})
    world.promote("stock", quant(1, 66, 77, 12.0))
    assert world.one("SELECT location FROM core.inventory_items WHERE external_id = '1'")[0] == "WH/New"


def test_archived_is_inactive(world: Erp) -> None:
    world.promote("product", template(46, active=False))
    world.promote("variation", variant(66, 46, active=False))
    world.promote("customer", partner(1, active=False))
    for table in ("products", "product_variants", "customers"):
        assert world.one(f"SELECT active, deleted_at FROM core.{table}")[:] == (False, None)


def _order_with_lines(world: Erp) -> list[tuple[int, str, str]]:
    return [
        world.capture("order", order(25, partner_id=47, amount_untaxed=123.12, amount_tax=23.39, amount_total=146.51)),
        world.capture("order_line", order_line(51, 25, product_id=66, price_subtotal=129.48)),
        world.capture("order_line", order_line(52, 25, is_delivery=True, price_subtotal=3.98)),
        world.capture("order_line", order_line(53, 25, is_reward_line=True, price_subtotal=-10.34)),
        world.capture("order_line", order_line(54, 25, display_type="line_section", price_subtotal=0.0)),
        world.capture("order_line", order_line(55, 25, display_type="line_note", price_subtotal=0.0)),
    ]


_ITEMS = "SELECT item_type, total::text FROM core.sales_order_items WHERE deleted_at IS NULL ORDER BY 1, 2"
_TOTALS = (
    "SELECT subtotal::text, shipping_total::text, discount_total::text, fee_total::text, tax_total::text, total::text, "
    "metadata ->> 'items_difference' FROM core.sales_orders"
)


@pytest.mark.parametrize("first", ["order", "lines", "together"])
def test_the_items_of_an_order_add_up_to_its_total(world: Erp, first: str) -> None:
    world.promote("customer", MUELLER)
    header, *lines = _order_with_lines(world)
    for records in {"order": [[header], lines], "lines": [lines, [header]], "together": [[header, *lines]]}[first]:
        assert world.apply(*records).errors == []
    assert [tuple(one) for one in world.sql(_ITEMS)] == [
        ("discount", "-10.34"),
        ("line", "129.48"),
        ("shipping", "3.98"),
        ("tax", "23.39"),
    ]
    assert tuple(world.one(_TOTALS)) == ("129.48", "3.98", "10.34", "0", "23.39", "146.51", None)
    assert world.one("SELECT sum(total) = 146.51 FROM core.sales_order_items")[0]
    texts = world.sql("SELECT code FROM core.reference_data WHERE kind = 'order_line' ORDER BY 1")
    assert [one[0] for one in texts] == ["54", "55"]
    # A new version of the order alone keeps what its lines add up to.
    world.promote("order", order(25, partner_id=47, amount_tax=23.38, amount_total=146.50, client_order_ref="PO-1"))
    assert tuple(world.one(_TOTALS)) == ("129.48", "3.98", "10.34", "0", "23.38", "146.5", None)


def test_what_rounding_leaves_is_noted(world: Erp) -> None:
    _, *lines = _order_with_lines(world)
    header = world.capture("order", order(25, amount_tax=23.39, amount_total=146.52))
    world.apply(header, *lines)
    assert world.one(_TOTALS)[6] == "0.01"
    assert world.one(
        "SELECT sum(i.total) + (o.metadata ->> 'items_difference')::numeric = o.total "
        "FROM core.sales_order_items i, core.sales_orders o GROUP BY o.id, o.metadata, o.total"
    )[0]


def test_a_deleted_line_leaves_the_order_and_undo_brings_it_back(world: Erp) -> None:
    world.apply(*_order_with_lines(world))
    before = world.dump()
    report = world.apply(
        world.capture("order_line", order_line(52, 25, is_delivery=True, price_subtotal=3.98), deleted=True)
    )
    assert report.errors == []
    assert tuple(world.one(_TOTALS))[:2] == ("129.48", "0")
    assert world.one(_TOTALS)[6] == "3.98"
    world.undo(report)
    assert world.dump() == before


def test_a_line_that_becomes_a_note_takes_its_amount_away(world: Erp) -> None:
    world.apply(*_order_with_lines(world))
    before = world.dump()
    report = world.promote("order_line", order_line(52, 25, display_type="line_note", price_subtotal=0.0))
    assert world.one(_TOTALS)[1] == "0"
    assert world.one("SELECT count(*) FROM core.reference_data WHERE code = '52'")[0] == 1
    world.undo(report)
    assert world.dump() == before
    world.promote("order_line", order_line(52, 25, display_type="line_note", price_subtotal=0.0))
    world.promote("order_line", order_line(52, 25, is_delivery=True, price_subtotal=4.00))
    assert world.one(_TOTALS)[1] == "4.0"
    assert world.one("SELECT active FROM core.reference_data WHERE code = '52'")[0] is False


def test_order_names_customer_addresses_currency_and_articles(world: Erp) -> None:
    world.promote("customer", MUELLER)
    world.capture(
        "customer", partner(50, name=False, type="invoice", parent_id=47, street="Rechnungsweg 2", email=False)
    )
    world.promote("product", template(46))
    world.promote("variation", variant(66, 46, default_code="NB"))
    world.apply(
        world.capture("order", order(25, partner_id=47, partner_invoice_id=50, partner_shipping_id=47)),
        world.capture("order_line", order_line(51, 25, product_id=66, tax_ids=[4])),
    )
    row = world.one("SELECT o.*, c.name FROM core.sales_orders o JOIN core.customers c ON c.id = o.customer_id")
    assert (row.name, row.currency, row.customer_email) == ("Müller GmbH", "EUR", "info@mueller.example")
    assert row.billing_address["address_1"] == "Rechnungsweg 2"
    assert row.billing_address["company"] == "Müller GmbH"
    assert row.shipping_address["country"] == "DE"
    assert row.ordered_at.isoformat() == "2026-11-21T01:50:35+00:00"
    item = world.one(
        "SELECT i.sku, i.metadata, p.name, v.name FROM core.sales_order_items i JOIN core.products p "
        "ON p.id = i.product_id JOIN core.product_variants v ON v.id = i.variant_id"
    )
    assert item.sku == "NB"
    assert item.metadata["taxes"] == [{"odoo_tax_id": 4, "name": "19%", "rate": 19.0}]


@pytest.mark.parametrize("first", ["address", "customer", "together"])
def test_an_address_is_its_customers_whichever_comes_first(world: Erp, first: str) -> None:
    owner = world.capture("customer", MUELLER)
    address = world.capture("customer", partner(9, type="delivery", parent_id=47, street="Hafen 2", name="Lager"))
    for records in {"address": [[address], [owner]], "customer": [[owner], [address]]}.get(first, [[owner, address]]):
        assert world.apply(*records).errors == []
    assert world.one("SELECT count(*) FROM core.customers")[0] == 1
    row = world.one(
        "SELECT a.kind, a.name, a.address ->> 'address_1', c.name FROM core.customer_addresses a "
        "JOIN core.customers c ON c.id = a.customer_id"
    )
    assert tuple(row) == ("shipping", "Lager", "Hafen 2", "Müller GmbH")
    assert world.sql("SELECT 1 FROM promote.pending_link") == []


def test_a_contact_that_becomes_an_address_is_no_customer_any_more(world: Erp) -> None:
    world.promote("customer", MUELLER)
    world.promote("customer", partner(48, parent_id=47, email="ana@mueller.example", name="Ana"))
    assert world.one("SELECT company FROM core.customers WHERE name = 'Ana'")[0] == "Müller GmbH"
    before = world.dump()
    report = world.promote("customer", partner(48, parent_id=47, type="delivery", name="Ana"))
    assert world.one("SELECT active, deleted_at IS NULL FROM core.customers WHERE name = 'Ana'")[:] == (False, False)
    assert world.one("SELECT core_table FROM promote.integration_mapping WHERE external_id = '48'")[0] == (
        "core.customer_addresses"
    )
    world.undo(report)
    assert world.dump() == before


def test_an_order_never_takes_an_addresss_row_for_a_customers(world: Erp) -> None:
    """Ids of two tables may be equal: only the right table's count."""
    world.promote("customer", partner(9, type="delivery", parent_id=47))
    world.sql("DELETE FROM capture.sync_record WHERE entity_type = 'customer'")
    report = world.promote("order", order(25, partner_id=9))
    assert world.one("SELECT customer_id FROM core.sales_orders")[0] is None
    assert "Customer 9 is not promoted" in world.lines(report)[0].warnings[0]


def test_what_captured_orders_say_of_a_customer(world: Erp) -> None:
    world.capture("customer", partner(9, type="delivery", parent_id=47))
    world.capture("order", order(1, partner_id=47, amount_total=100.0, invoice_status="invoiced"))
    world.capture("order", order(2, partner_id=47, amount_total=5000.0, state="sent"))
    world.capture("order", order(3, partner_id=47, amount_total=70.0, state="cancel"))
    world.capture("order", order(4, partner_id=47, amount_total=7.5, currency_id=1))
    world.capture("order", order(5, partner_id=9, amount_total=11.0))
    world.organize(currency="EUR")
    address = world.capture("customer", partner(9, type="delivery", parent_id=47))
    world.apply(world.capture("customer", MUELLER), address)
    row = world.one("SELECT * FROM core.customers")
    assert (row.lifetime_value, row.lifetime_currency, row.order_count) == (Decimal(111), "EUR", 3)
    assert (row.status, row.segment) == ("active", "individual")
    assert row.metadata["other_currencies"] == {"USD": 7.5}
    assert row.last_interaction_date.isoformat() == "2026-11-21T01:50:35+00:00"


def test_an_address_that_changes_hands_takes_its_orders_along(world: Erp) -> None:
    world.organize(currency="EUR")
    other = partner(60, email="other@example.test", name="Other")
    address = partner(9, type="delivery", parent_id=47)
    world.capture("order", order(5, partner_id=9, amount_total=11.0))
    world.apply(*(world.capture("customer", one) for one in (MUELLER, other, address)))
    values = "SELECT name, lifetime_value::text FROM core.customers ORDER BY name"
    assert [tuple(one) for one in world.sql(values)] == [("Müller GmbH", "11.0"), ("Other", "0")]
    world.promote("customer", {**address, "parent_id": 60})
    assert [tuple(one) for one in world.sql(values)] == [("Müller GmbH", "0"), ("Other", "11.0")]


def test_a_foreign_currency_is_a_warning_and_the_own_is_none(world: Erp) -> None:
    world.organize(currency="EUR")
    world.capture("order", order(1))
    world.capture("order", order(2, currency_id=1))
    world.preview("order", world.erp)
    found = world.sql("SELECT external_id, warnings FROM preview.difference WHERE entity_type = 'order'")
    assert {one.external_id: [w["code"] for w in one.warnings if w["code"] != "missing_customer"] for one in found} == {
        "1": [],
        "2": ["currency_differs"],
    }
    (warning,) = [w for one in found for w in one.warnings if w["code"] == "currency_differs"]
    assert warning["message"] == "its currency is USD, the organization's is EUR"


def test_promoting_everything_again_changes_nothing(world: Erp) -> None:
    world.promote("customer", MUELLER)
    records = [
        world.capture("product", template(46)),
        world.capture("variation", variant(66, 46)),
        world.capture("stock", quant(1, 66, 8, 3.0)),
        world.capture("customer", partner(9, type="delivery", parent_id=47)),
        *_order_with_lines(world),
    ]
    world.apply(*records)
    columns = "to_jsonb(t) - '{updated_at,queue_id,last_promoted_at,promoted_at}'::text[]"
    tables = ("products", "product_variants", "inventory_items", "customers", "customer_addresses", "sales_orders",
              "sales_order_items", "reference_data")  # fmt: skip
    content = {t: [r[0] for r in world.sql(f"SELECT {columns} FROM core.{t} AS t ORDER BY id")] for t in tables}
    world.apply(*records)
    assert content == {t: [r[0] for r in world.sql(f"SELECT {columns} FROM core.{t} AS t ORDER BY id")] for t in tables}


@pytest.mark.parametrize("origin", PAYLOADS)
def test_everything_a_store_answers_is_promoted_and_adds_up(database: Database, origin: str) -> None:
    org = connect.add_organization(database, "recorded")
    world = Erp(database, org.org_id, furnished=False)
    empty = world.dump()
    kinds = payloads(origin, bare=True)
    records = [world.capture(kind, record) for kind, some in kinds.items() for record in some.values()]
    report = world.apply(*records)
    assert (report.errors, report.failed) == ([], 0)
    assert report.done == len(records) > 700
    assert world.sql("SELECT * FROM core.orphans()") == []
    mapped = world.one("SELECT count(*), count(*) FILTER (WHERE internal_id = 0) FROM promote.integration_mapping")
    assert tuple(mapped) == (len(records), 0)
    assert [tuple(one) for one in world.sql(
        "SELECT o.number, o.total, sum(i.total) FROM core.sales_orders o JOIN core.sales_order_items i "
        "ON i.order_id = o.id GROUP BY o.id, o.number, o.total HAVING sum(i.total) <> o.total")] == []  # fmt: skip
    orders = world.one("SELECT count(*) FROM core.sales_orders WHERE currency IN ('USD', 'EUR')")[0]
    assert orders == len(kinds["order"]) >= 27
    spent = world.sql("SELECT lifetime_value, lifetime_currency FROM core.customers WHERE lifetime_value > 0")
    if origin == "recordings":
        assert {(one.lifetime_value, one.lifetime_currency) for one in spent} == {
            (Decimal(750), "USD"),
            (Decimal("138.49"), "EUR"),
        }
    assert {one.lifetime_currency for one in spent} == {"USD", "EUR"}
    world.undo(report)
    assert world.dump() == empty


def test_amounts_wait_for_their_currency_and_nothing_else_does(database: Database, org: Organization) -> None:
    """Countries, units and the rest may not be captured: those fields stay empty."""
    world = Erp(database, org.org_id, furnished=False)
    records = [
        world.capture("product", template(46)),
        world.capture("variation", variant(66, 46)),
        world.capture("order", order(25, partner_id=47)),
    ]
    others = [world.capture("customer", MUELLER), world.capture("order_line", order_line(51, 25, product_id=66))]
    report = world.apply(*records, *others)
    assert (report.done, report.failed) == (2, 3)
    assert {one["reason"] for one in report.errors} == {
        "Its currency 126 is not captured. Pull currencies, then retry."
    }
    world.capture("currency", {"id": 126, "name": "EUR"})
    assert world.apply(*records).errors == []
    assert world.one("SELECT currency, customer_id IS NOT NULL FROM core.sales_orders")[:] == ("EUR", True)
    assert world.one("SELECT count(*) FROM core.sales_order_items WHERE order_id > 0 AND variant_id > 0")[0] == 1
