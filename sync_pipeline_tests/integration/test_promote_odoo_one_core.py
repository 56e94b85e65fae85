"""One core for two providers: one row, two mappings, the same whichever is promoted first, and undo of either."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.steps.connect import Organization
from sync_pipeline_tests.integration import promote_world
from sync_pipeline_tests.integration.promote_world import World
from sync_pipeline_tests.shares import every


class Erp(World):
    """An organization with a WooCommerce shop and an Odoo, whose records a test captures and promotes by default."""

    def __init__(self, database: Database, org_id: int, *, furnished: bool = True) -> None:
        super().__init__(database, org_id)
        self.erp = self.connect("erp", "odoo")
        for entity_type, payload in _FURNITURE if furnished else ():
            self.capture(entity_type, payload)

    def capture(
        self, entity_type: str, payload: dict[str, Any], *, connection: int | None = None, deleted: bool = False
    ) -> tuple[int, str, str]:
        return super().capture(entity_type, payload, connection=connection or self.erp, deleted=deleted)

    def prefer(self, *providers: str) -> None:
        """Set the organization's provider priority."""
        self.sql("UPDATE connect.organization SET provider_priority = %(p)s", p=list(providers))


_FURNITURE: list[tuple[str, dict[str, Any]]] = [
    ("currency", {"id": 1, "name": "USD"}),
    ("currency", {"id": 126, "name": "EUR"}),
    ("country", {"id": 57, "code": "DE", "name": "Germany"}),
    ("unit", {"id": 1, "name": "Units"}),
    ("tax", {"id": 4, "name": "19%", "amount": 19.0}),
    ("location", {"id": 8, "usage": "internal", "complete_name": "WH/Stock"}),
    ("location", {"id": 9, "usage": "internal", "complete_name": "WH/Shelf"}),
    ("location", {"id": 5, "usage": "customer", "complete_name": "Partners/Customers"}),
    ("attribute", {"id": 7, "name": "Fabric"}),
    ("attribute_value", {"id": 83, "name": "Velvet"}),
    ("template_attribute_value", {"id": 23, "attribute_id": 7, "product_attribute_value_id": 83}),
]


def template(number: int, /, **fields: Any) -> dict[str, Any]:
    """An Odoo product template."""
    return {
        "id": number,
        "name": f"Template {number}",
        "active": True,
        "default_code": False,
        "barcode": False,
        "list_price": 10.0,
        "currency_id": 126,
        "categ_id": False,
        "uom_id": 1,
        "taxes_id": [4],
        "type": "consu",
        "is_storable": True,
        "description_sale": False,
        **fields,
    }


def variant(number: int, template_id: int, /, **fields: Any) -> dict[str, Any]:
    """An Odoo product variant."""
    return {
        "id": number,
        "name": f"Template {template_id}",
        "product_tmpl_id": template_id,
        "active": True,
        "default_code": False,
        "barcode": False,
        "lst_price": 10.0,
        "standard_price": 6.0,
        "currency_id": 126,
        "product_template_attribute_value_ids": [],
        "type": "consu",
        "is_storable": True,
        **fields,
    }


def quant(number: int, product_id: int, location_id: int, quantity: float, /, **fields: Any) -> dict[str, Any]:
    """An Odoo quant."""
    return {"id": number, "product_id": product_id, "location_id": location_id, "quantity": quantity, **fields}


def partner(number: int, /, **fields: Any) -> dict[str, Any]:
    """An Odoo partner: a person who buys for themselves."""
    email = fields.get("email", False)
    return {
        "id": number,
        "name": f"Partner {number}",
        "type": "contact",
        "parent_id": False,
        "is_company": False,
        "email": email,
        "email_normalized": email.strip().lower() if email else False,
        "phone": False,
        "street": False,
        "city": False,
        "zip": False,
        "country_id": False,
        "state_id": False,
        "customer_rank": 0,
        "category_id": [],
        "active": True,
        "create_date": "2026-11-01 10:00:00",
        **fields,
    }


def order(number: int, /, **fields: Any) -> dict[str, Any]:
    """An Odoo sale order that is confirmed and delivered."""
    return {
        "id": number,
        "name": f"S{number:05}",
        "state": "sale",
        "locked": False,
        "invoice_status": "to invoice",
        "delivery_status": "full",
        "currency_id": 126,
        "partner_id": False,
        "partner_invoice_id": False,
        "partner_shipping_id": False,
        "date_order": "2026-11-21 01:50:35",
        "amount_untaxed": 100.0,
        "amount_tax": 0.0,
        "amount_total": 100.0,
        **fields,
    }


def order_line(number: int, order_id: int, /, **fields: Any) -> dict[str, Any]:
    """A line of an Odoo sale order."""
    return {
        "id": number,
        "order_id": order_id,
        "display_type": False,
        "name": f"Line {number}",
        "product_id": False,
        "product_uom_qty": 1.0,
        "product_uom_id": 1,
        "price_unit": 10.0,
        "discount": 0.0,
        "price_subtotal": 10.0,
        "price_tax": 0.0,
        "price_total": 10.0,
        "tax_ids": [],
        **fields,
    }


@pytest.fixture
def world(database: Database, org: Organization) -> Erp:
    return Erp(database, org.org_id)


ORDERS = ["shop", "erp", "together", "together, erp first"]
FIRST = pytest.mark.parametrize("first", ORDERS)
FIRST_AND_PREFERRED = pytest.mark.parametrize(
    ("first", "priority"), every(2, ORDERS, [("woocommerce", "odoo"), ("odoo", "woocommerce")])
)


def _apply(world: Erp, first: str, shop: Any, erp: Any) -> None:
    plans = {"shop": [[shop], [erp]], "erp": [[erp], [shop]], "together": [[shop, erp]]}
    for records in plans.get(first, [[erp, shop]]):
        assert world.apply(*records).errors == []


_MAPPED = "SELECT count(*), count(DISTINCT internal_id) FROM promote.integration_mapping WHERE core_table = %(table)s"


@FIRST_AND_PREFERRED
def test_one_sku_is_one_product(world: Erp, first: str, priority: tuple[str, str]) -> None:
    world.prefer(*priority)
    shop = world.capture(
        "product",
        promote_world.product(50, sku=" wc-1001", name="Mug", description="A mug", price="9.90", global_unique_id=""),
        connection=world.shop,
    )
    erp = world.capture("product", template(9, default_code="WC-1001 ", name="Becher", barcode="401", list_price=8.0))
    _apply(world, first, shop, erp)
    row = world.one("SELECT * FROM core.products")
    woo = priority[0] == "woocommerce"
    assert (row.name, row.sku, str(row.price)) == (("Mug", "wc-1001", "9.90") if woo else ("Becher", "WC-1001", "8.0"))
    # What only one of them knows is there in any case.
    assert (row.description, row.barcode) == ("A mug", "401")
    assert (row.metadata["woo_product_id"], row.metadata["odoo_template_id"]) == (50, 9)
    assert tuple(world.one(_MAPPED, table="core.products")) == (2, 1)
    assert world.sql("SELECT 1 FROM promote.conflict") == []


@FIRST
def test_one_variants_sku_is_one_variant_of_one_product(world: Erp, first: str) -> None:
    shop = [
        world.capture("product", promote_world.product(50, sku="SOFA", type="variable"), connection=world.shop),
        world.capture("variation", promote_world.variation(51, 50, sku="SOFA-V"), connection=world.shop),
    ]
    erp = [
        world.capture("product", template(9, default_code="sofa")),
        world.capture("variation", variant(10, 9, default_code="sofa-v", barcode="77")),
    ]
    plans = {"shop": [shop, erp], "erp": [erp, shop], "together": [shop + erp]}
    for records in plans.get(first, [erp + shop]):
        assert world.apply(*records).errors == []
    row = world.one(
        "SELECT v.sku, v.barcode, p.sku FROM core.product_variants v JOIN core.products p ON p.id = product_id"
    )
    assert tuple(row) == ("SOFA-V", "77", "SOFA")
    assert tuple(world.one(_MAPPED, table="core.product_variants")) == (2, 1)


@FIRST_AND_PREFERRED
def test_one_e_mail_is_one_customer(world: Erp, first: str, priority: tuple[str, str]) -> None:
    world.prefer(*priority)
    shop = world.capture(
        "customer",
        promote_world.customer(7, email="Ada@Example.test", billing={"city": "Paris", "country": "FR", "phone": ""}),
        connection=world.shop,
    )
    erp = world.capture(
        "customer",
        partner(3, email=" ada@example.test ", name="Ada L.", phone="+49", city="Berlin", zip="10115", country_id=57),
    )
    _apply(world, first, shop, erp)
    row = world.one("SELECT * FROM core.customers")
    woo = priority[0] == "woocommerce"
    assert (row.name, row.phone) == ("Ada N7" if woo else "Ada L.", "+49")
    # An address is taken whole: Paris has no German postcode.
    assert (row.address["city"], row.address.get("postcode")) == (("Paris", None) if woo else ("Berlin", "10115"))
    assert row.registered_at.isoformat() == ("2026-01-02T03:04:05+00:00" if woo else "2026-11-01T10:00:00+00:00")
    assert (row.metadata["woo_customer_id"], row.metadata["odoo_partner_id"]) == (7, 3)
    assert tuple(world.one(_MAPPED, table="core.customers")) == (2, 1)


@FIRST
def test_orders_of_both_stores_are_one_customers(world: Erp, first: str) -> None:
    world.organize(currency="EUR")
    world.capture("order", order(1, partner_id=3, amount_total=100.0, invoice_status="invoiced"))
    world.capture("order", promote_world.order(9, customer_id=7, total="50.00", currency="EUR"), connection=world.shop)
    world.capture(
        "order",
        promote_world.order(10, total="1.00", billing={"email": "ADA@example.test"}, currency="EUR"),
        connection=world.shop,
    )
    shop = world.capture("customer", promote_world.customer(7, email="ada@example.test"), connection=world.shop)
    erp = world.capture("customer", partner(3, email="ada@example.test"))
    _apply(world, first, shop, erp)
    row = world.one("SELECT lifetime_value::text, order_count, metadata ->> 'completed_orders' FROM core.customers")
    assert tuple(row) == ("151.0" if row[0] == "151.0" else "151.00", 3, "3")


def _state(world: Erp) -> list[Any]:
    tables = ("products", "product_variants", "customers", "inventory_items", "product_categories")
    columns = "to_jsonb(t) - '{updated_at,queue_id,created_at}'::text[]"
    return [[row[0] for row in world.sql(f"SELECT {columns} FROM core.{table} AS t ORDER BY 1")] for table in tables]


def _both(world: Erp) -> dict[str, list[tuple[int, str, str]]]:
    return {
        "shop": [
            world.capture("product", promote_world.product(50, sku="X", name="Mug"), connection=world.shop),
            world.capture("customer", promote_world.customer(7, email="ada@example.test"), connection=world.shop),
        ],
        "erp": [
            world.capture("product", template(9, default_code="x", name="Becher", barcode="401")),
            world.capture("customer", partner(3, email="ada@example.test", name="Ada L.", phone="+49", street="S 1")),
        ],
    }


@pytest.mark.parametrize("gone", ["shop", "erp"])
@pytest.mark.parametrize("first", ["shop", "erp"])
def test_undo_of_one_stores_promotion_leaves_the_others_values(world: Erp, first: str, gone: str) -> None:
    records = _both(world)
    empty = world.dump()
    second = "erp" if first == "shop" else "shop"
    reports = {first: world.apply(*records[first]), second: world.apply(*records[second])}
    kept = "erp" if gone == "shop" else "shop"
    world.undo(reports[gone])
    name = {"shop": ("Mug", "Ada N7"), "erp": ("Becher", "Ada L.")}[kept]
    assert (world.one("SELECT name FROM core.products")[0], world.one("SELECT name FROM core.customers")[0]) == name
    barcode, phone = world.one("SELECT (SELECT barcode FROM core.products), (SELECT phone FROM core.customers)")
    assert (barcode, phone) == (("401", "+49") if kept == "erp" else (None, "1"))
    assert tuple(world.one(_MAPPED, table="core.products")) == (1, 1)
    assert tuple(world.one(_MAPPED, table="core.customers")) == (1, 1)
    # Promoted again it is what it was with both; and undone altogether nothing is left.
    again = world.apply(*records[gone])
    assert again.errors == []
    both = _state(world)
    world.undo(again)
    world.undo(reports[kept])
    assert world.dump() == empty
    world.apply(*records["erp"])
    world.apply(*records["shop"])
    assert _without_ids(both) == _without_ids(_state(world))


def _without_ids(state: list[Any]) -> list[Any]:
    dropped = {"id", "product_id", "variant_id", "category_id"}
    return [[{key: value for key, value in row.items() if key not in dropped} for row in rows] for rows in state]


def test_the_preview_says_that_another_store_has_it_too(world: Erp) -> None:
    records = _both(world)
    world.preview("product", world.erp)
    world.preview("customer", world.erp)
    found = {
        one.entity_type: one.warnings
        for one in world.sql(
            "SELECT entity_type, warnings FROM preview.difference WHERE connection_id = %(c)s", c=world.erp
        )
    }
    assert [one["code"] for one in found["product"]] == ["shared_sku"]
    assert [one["code"] for one in found["customer"]] == ["shared_email"]
    assert found["customer"][0]["message"] == (
        "its e-mail is also in shop: one customer in core, whose fields follow the organization's provider priority"
    )
    world.capture("customer", partner(4, email="ADA@example.test "))
    world.preview("customer", world.erp)
    (warning,) = world.one("SELECT warnings FROM preview.difference WHERE external_id = '4'")[0]
    assert warning["message"].startswith("its e-mail is also in shop and on 1 more of this store: one customer in core")
    assert len(records["erp"]) == 2


def test_a_product_that_one_store_deletes_lives_on_with_the_others_values(world: Erp) -> None:
    records = _both(world)
    world.apply(*records["shop"], *records["erp"])
    gone = world.capture("product", promote_world.product(50, sku="X", name="Mug"), connection=world.shop, deleted=True)
    assert world.apply(gone).errors == []
    row = world.one("SELECT name, active, deleted_at, metadata ->> 'odoo_template_id' FROM core.products")
    assert tuple(row) == ("Becher", True, None, "9")


def test_a_template_that_gets_the_shops_sku_joins_its_product(world: Erp) -> None:
    world.promote("product", promote_world.product(50, sku="A", name="Mug"), connection=world.shop)
    world.promote("product", template(9, default_code="B", name="Becher"))
    world.promote("variation", variant(10, 9))
    world.promote("stock", quant(1, 10, 8, 5.0))
    before = world.dump()
    joined = world.promote("product", template(9, default_code="a", name="Becher"))
    assert world.products() == [("A", "Mug", True)]
    kept = world.one("SELECT id FROM core.products WHERE sku = 'A'").id
    assert world.one("SELECT product_id FROM core.product_variants")[0] == kept
    assert world.one("SELECT product_id FROM core.inventory_items WHERE entity_type = 'stock'")[0] == kept
    world.undo(joined)
    assert world.dump() == before
