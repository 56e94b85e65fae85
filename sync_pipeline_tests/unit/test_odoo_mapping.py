"""Odoo payloads as entities: each rule of docs/mapping.md."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sync_pipeline.entities.address import Address
from sync_pipeline.entities.base import Entity, Ref, Unmappable
from sync_pipeline.entities.customer import Customer
from sync_pipeline.entities.order import Order, OrderStatus
from sync_pipeline.entities.order_item import ItemType, OrderLines
from sync_pipeline.entities.reference import Reference
from sync_pipeline.entities.stock import InventoryItem
from sync_pipeline.entities.variant import Variant
from sync_pipeline.errors import SyncError
from sync_pipeline.sources.base import source
from sync_pipeline.steps.capture.related import Key, Place, embed
from sync_pipeline_tests.odoo_stores import PAYLOADS, held, payloads

STREAMS = source("odoo").streams

Store = Mapping[str, Mapping[int, Mapping[str, Any]]]
GERMANY = {"id": 57, "code": "DE", "name": "Germany"}
STORE: Store = {
    "currency": {126: {"id": 126, "name": "EUR"}},
    "country": {57: GERMANY},
    "state": {9: {"id": 9, "code": "BE", "name": "Berlin"}},
    "partner_tag": {3: {"id": 3, "name": "Gold"}},
    "unit": {1: {"id": 1, "name": "Units"}},
    "tax": {4: {"id": 4, "name": "19%", "amount": 19.0, "amount_type": "percent"}},
    "location": {
        8: {"id": 8, "usage": "internal", "complete_name": "WH/Stock"},
        5: {"id": 5, "usage": "customer", "complete_name": "Partners/Customers"},
    },
    "attribute": {7: {"id": 7, "name": "Fabric"}},
    "attribute_value": {83: {"id": 83, "name": "Velvet"}},
    "template_attribute_value": {23: {"id": 23, "attribute_id": 7, "product_attribute_value_id": 83}},
    "variation": {
        66: {"id": 66, "product_tmpl_id": 46, "default_code": "NB-A5", "is_storable": True, "type": "consu"},
        67: {"id": 67, "product_tmpl_id": 47, "default_code": "INSTALL", "is_storable": False, "type": "service"},
    },
    "customer": {
        47: {"id": 47, "type": "contact", "parent_id": False, "is_company": True, "name": "Müller & Söhne GmbH",
             "email": " Einkauf@Mueller.example ", "email_normalized": "einkauf@mueller.example",
             "street": "Hauptstr. 1", "zip": "10115", "city": "Berlin", "country_id": 57, "state_id": 9},
        49: {"id": 49, "type": "delivery", "parent_id": 50, "name": "Lager", "street": "Hafen 2", "city": "Hamburg",
             "email": False, "country_id": 57, "state_id": False},
        50: {"id": 50, "type": "invoice", "parent_id": 47, "name": False, "street": "Rechnungsweg 2",
             "customer_rank": 1, "email": False, "country_id": 57},
    },
}  # fmt: skip


class _Known:
    """Looks up in a `Store`."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def named(self, entity_type: str, fields: Sequence[str], keys: Sequence[Key]) -> Mapping[Key, dict[str, Any]]:
        found = {key: self.store.get(entity_type, {}).get(int(key[1])) for key in keys}
        return {key: self._cut(record, fields) for key, record in found.items() if record is not None}

    def naming(
        self, entity_type: str, by: str | None, fields: Sequence[str], keys: Sequence[Key]
    ) -> Mapping[Key, Sequence[dict[str, Any]]]:
        field = by or STREAMS_BY_TYPE[entity_type].parent_field or ""
        naming: dict[Key, list[dict[str, Any]]] = {key: [] for key in keys}
        for record in self.store.get(entity_type, {}).values():
            value = record.get(field)
            for key in keys:
                if int(key[1]) in (value if isinstance(value, list) else [value]):
                    naming[key].append(self._cut(record, ("id", *fields)))
        return naming

    def _cut(self, record: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
        return copy.deepcopy({name: record[name] for name in fields if name in record})


def mapped(entity_type: str, payload: Mapping[str, Any], store: Store = STORE) -> Any:
    """The payload as promotion maps it: what it names looked up in `store`."""
    to = STREAMS_BY_TYPE[entity_type].to_entity
    assert to is not None

    mine = copy.deepcopy(dict(payload))
    fields = getattr(to, "reads", ())
    if fields:
        mine = {name: value for name, value in mine.items() if name in fields}
    embed([Place(1, mine, getattr(to, "follows", ()))], _Known(store))
    return to(mine)


STREAMS_BY_TYPE = {stream.entity_type: stream for stream in STREAMS.values()}


def test_a_partner_is_a_customer_with_its_address_company_and_tags() -> None:
    customer = mapped(
        "customer",
        {
            **STORE["customer"][47],
            "id": 60,
            "name": " Ana Müller ",
            "is_company": False,
            "parent_id": 47,
            "email": "Ana <ana@mueller.example>",
            "email_normalized": "ana@mueller.example",
            "phone": "+49 30 1",
            "category_id": [3, 99],
            "create_date": "2026-11-21 02:01:04",
            "vat": "DE1",
            "active": True,
        },
    )
    assert isinstance(customer, Customer)
    assert (customer.name, customer.email, customer.phone) == ("Ana Müller", "ana@mueller.example", "+49 30 1")
    assert customer.company == "Müller & Söhne GmbH"
    assert customer.tags == ["Gold"]
    assert customer.registered_at == datetime(2026, 11, 21, 2, 1, 4, tzinfo=UTC)
    assert customer.address == {
        "address_1": "Hauptstr. 1",
        "city": "Berlin",
        "state": "BE",
        "postcode": "10115",
        "country": "DE",
        "name": "Ana Müller",
        "company": "Müller & Söhne GmbH",
        "email": "ana@mueller.example",
        "phone": "+49 30 1",
    }
    assert customer.metadata == {"odoo_partner_id": 60, "vat": "DE1", "parent_id": 47}


def test_an_e_mail_counts_as_odoo_cleans_it_and_an_archived_partner_is_inactive() -> None:
    customer = mapped("customer", {**STORE["customer"][47], "active": False})
    assert (customer.email, customer.active, customer.company) == (
        "einkauf@mueller.example",
        False,
        "Müller & Söhne GmbH",
    )
    older = mapped("customer", {"id": 1, "name": "A", "email": " A@B.c ", "mobile": "7"})
    assert (older.email, older.phone, older.address) == ("A@B.c", "7", None)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"type": "invoice"}, "billing"),
        ({"type": "delivery"}, "shipping"),
        ({"type": "other", "email": "x@y.z"}, "other"),
        ({"type": "contact", "email": False}, "contact"),
        ({"type": "contact", "email": "x@y.z"}, None),
        ({"type": "contact", "email": False, "customer_rank": 1}, None),
        ({"type": "contact", "email": False, "is_company": True}, None),
        ({"type": "delivery", "parent_id": False}, None),
    ],
)
def test_an_address_belongs_to_the_partner_above_it(fields: dict[str, Any], kind: str | None) -> None:
    entity = mapped("customer", {"id": 70, "name": "N", "parent_id": 47, "street": "S 1", **fields})
    if kind is None:
        assert isinstance(entity, Customer)
    else:
        assert isinstance(entity, Address)
        assert (entity.kind, entity.customer) == (kind, Ref("customer", "47"))
        assert entity.address is not None
        assert entity.address["company"] == "Müller & Söhne GmbH"


def test_an_address_below_an_address_belongs_to_the_customer_at_the_top() -> None:
    address = mapped("customer", STORE["customer"][49])
    assert address.customer == Ref("customer", "47")
    unknown = mapped("customer", {"id": 1, "type": "delivery", "parent_id": 999})
    assert unknown.customer == Ref("customer", "999")


def test_a_template_is_a_product_and_false_is_nothing() -> None:
    product = mapped(
        "product",
        {
            "id": 46,
            "name": "Notebook",
            "active": True,
            "default_code": "NB-A5",
            "barcode": "401",
            "list_price": 10.343287500000002,
            "currency_id": 126,
            "categ_id": [8, "Office"],
            "uom_id": 1,
            "taxes_id": [4, 5],
            "type": "consu",
            "is_storable": True,
            "description_sale": False,
            "weight": 0.0,
        },
    )
    assert (product.sku, product.barcode, product.type, product.status) == ("NB-A5", "401", "simple", "active")
    assert (str(product.price), product.currency, product.short_description) == ("10.3432875", "EUR", None)
    assert product.categories == [Ref("category", "8")]
    assert product.stock is None
    assert product.metadata == {
        "odoo_template_id": 46,
        "type": "consu",
        "is_storable": True,
        "unit": "Units",
        "taxes": [{"odoo_tax_id": 4, "name": "19%", "rate": Decimal("19.0")}, {"odoo_tax_id": 5}],
    }


@pytest.mark.parametrize(
    ("fields", "status", "active", "kind"),
    [
        ({"active": False}, "archived", False, "simple"),
        ({"sale_ok": False}, "hidden", True, "simple"),
        ({"has_configurable_attributes": True, "default_code": False}, "active", True, "variable"),
        ({"type": "service"}, "active", True, "service"),
        ({"type": "combo"}, "active", True, "grouped"),
    ],
)
def test_product_status_and_kind(fields: dict[str, Any], status: str, active: bool, kind: str) -> None:
    product = mapped("product", {"id": 1, "name": "x", **fields})
    assert (product.status, product.active, product.type, product.sku) == (status, active, kind, None)


def test_a_variant_has_its_own_sku_price_and_attributes() -> None:
    variant = mapped(
        "variation",
        {
            "id": 44,
            "product_tmpl_id": 27,
            "name": "Sofa",
            "default_code": "SOFA-V",
            "barcode": False,
            "lst_price": 1500.0,
            "standard_price": 600.5,
            "currency_id": 126,
            "product_template_attribute_value_ids": [23, 999],
            "is_storable": True,
            "active": True,
        },
    )
    assert isinstance(variant, Variant)
    assert (variant.product, variant.sku, variant.barcode) == (Ref("product", "27"), "SOFA-V", None)
    assert (variant.price, variant.currency, variant.stock) == (Decimal(1500), "EUR", None)
    assert variant.attributes == [{"name": "Fabric", "option": "Velvet"}]
    assert variant.metadata == {"odoo_product_id": 44, "odoo_template_id": 27, "cost": Decimal("600.5")}


@pytest.mark.parametrize("fields", [{"is_storable": False, "type": "consu"}, {"type": "service"}, {"type": "consu"}])
def test_stock_that_nobody_counts_is_not_zero(fields: dict[str, Any]) -> None:
    stock = mapped("variation", {"id": 67, "product_tmpl_id": 47, **fields}).stock
    assert (stock.quantity, stock.manage_stock) == (None, False)


def test_a_quant_is_stock_at_its_location() -> None:
    item = mapped("stock", {"id": 3, "product_id": 66, "location_id": 8, "quantity": -2.5, "reserved_quantity": 1.0})
    assert isinstance(item, InventoryItem)
    assert (item.product, item.variant) == (Ref("product", "46"), Ref("variation", "66"))
    assert (item.stock.location, item.stock.quantity, item.stock.manage_stock) == ("WH/Stock", Decimal("-2.5"), True)
    assert item.stock.stock_status == "out_of_stock"
    uncounted = mapped("stock", {"id": 3, "product_id": 67, "location_id": 8, "quantity": 4.0})
    assert (uncounted.stock.quantity, uncounted.stock.manage_stock) == (None, False)


def test_only_internal_locations_hold_stock_of_the_business() -> None:
    payload = {"id": 3, "product_id": 66, "location_id": 5, "quantity": 25.0, "write_uid": 2}
    other = mapped("stock", payload)
    assert isinstance(other, Reference)
    assert (other.kind, other.data) == ("stock", payload)
    with pytest.raises(SyncError, match="location 12 is not captured"):
        mapped("stock", {**payload, "location_id": 12})


def test_a_category_names_its_parent() -> None:
    child = mapped("category", {"id": 5, "name": "Office", "complete_name": "Furniture / Office", "parent_id": 4})
    assert (child.name, child.parent) == ("Office", Ref("category", "4"))
    assert mapped("category", {"id": 4, "name": "Furniture", "parent_id": False}).parent is None


def _order(**fields: Any) -> dict[str, Any]:
    return {
        "id": 25,
        "name": "S00025",
        "state": "sale",
        "locked": False,
        "invoice_status": "to invoice",
        "delivery_status": "pending",
        "currency_id": 126,
        "partner_id": 47,
        "partner_invoice_id": 50,
        "partner_shipping_id": 49,
        "date_order": "2026-11-21 01:50:35",
        "amount_untaxed": 45.4,
        "amount_tax": 8.63,
        "amount_total": 54.03,
        **fields,
    }


def test_an_order_has_its_customer_addresses_currency_and_tax() -> None:
    order = mapped("order", _order())
    assert isinstance(order, Order)
    assert (order.number, order.currency, order.total) == ("S00025", "EUR", Decimal("54.03"))
    assert (order.customer, order.customer_email) == (Ref("customer", "47"), "einkauf@mueller.example")
    assert order.billing_address == {"address_1": "Rechnungsweg 2", "country": "DE", "company": "Müller & Söhne GmbH"}
    assert order.shipping_address is not None
    assert order.shipping_address["city"] == "Hamburg"
    assert order.ordered_at == datetime(2026, 11, 21, 1, 50, 35, tzinfo=UTC)
    assert [(one.item_type, one.total) for one in order.items] == [(ItemType.TAX, Decimal("8.63"))]
    assert order.lines_apart
    assert order.metadata["partner_shipping_id"] == 49


def test_an_order_of_an_address_is_its_owners() -> None:
    assert mapped("order", _order(partner_id=49)).customer == Ref("customer", "47")
    assert mapped("order", _order(partner_id=[999, "Unknown"])).customer == Ref("customer", "999")
    assert mapped("order", _order(partner_id=False)).customer is None


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"state": "draft"}, OrderStatus.DRAFT),
        ({"state": "sent"}, OrderStatus.DRAFT),
        ({"state": "cancel", "locked": True}, OrderStatus.CANCELLED),
        ({}, OrderStatus.PROCESSING),
        ({"invoice_status": "invoiced"}, OrderStatus.PROCESSING),
        ({"locked": True}, OrderStatus.PROCESSING),
        ({"invoice_status": "invoiced", "delivery_status": "full"}, OrderStatus.COMPLETED),
        ({"invoice_status": "invoiced", "delivery_status": False}, OrderStatus.COMPLETED),
        ({"locked": True, "delivery_status": "full"}, OrderStatus.COMPLETED),
        ({"delivery_status": "full"}, OrderStatus.PROCESSING),
        ({"state": "done", "delivery_status": "full"}, OrderStatus.COMPLETED),
    ],
)
def test_order_states(fields: dict[str, Any], status: OrderStatus) -> None:
    order = mapped("order", _order(**fields))
    assert (order.status, order.source_status, order.warnings) == (status, fields.get("state", "sale"), ())


def test_a_state_that_is_not_known_counts_as_open() -> None:
    order = mapped("order", _order(state="packed", date_order="soon"))
    assert order.status is OrderStatus.PROCESSING
    assert "packed" in order.warnings[0]
    assert "date_order" in order.warnings[1]


def _line(**fields: Any) -> dict[str, Any]:
    return {
        "id": 51,
        "order_id": 25,
        "display_type": False,
        "name": "[NB-A5] Notebook",
        "product_id": 66,
        "product_uom_qty": 3.0,
        "product_uom_id": 1,
        "price_unit": 10.3432875,
        "discount": 5.0,
        "price_subtotal": 29.48,
        "price_tax": 5.6,
        "price_total": 35.08,
        "tax_ids": [4],
        **fields,
    }


def test_a_line_is_an_item_without_tax_after_its_discount() -> None:
    lines = mapped("order_line", _line())
    assert isinstance(lines, OrderLines)
    assert lines.order == Ref("order", "25")
    (item,) = lines.items
    assert (item.item_type, item.sku, item.total, item.tax_total) == (
        ItemType.LINE,
        "NB-A5",
        Decimal("29.48"),
        Decimal("5.6"),
    )
    assert (item.product, item.variant) == (Ref("product", "46"), Ref("variation", "66"))
    assert (item.quantity, item.unit_price) == (Decimal(3), Decimal("10.3432875"))
    assert item.metadata == {
        "odoo_line_id": 51,
        "discount_percent": Decimal("5.0"),
        "unit": "Units",
        "taxes": [{"odoo_tax_id": 4, "name": "19%", "rate": Decimal("19.0")}],
    }


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"is_delivery": True, "price_subtotal": 3.98}, ItemType.SHIPPING),
        ({"is_reward_line": True, "price_subtotal": -10.34}, ItemType.DISCOUNT),
        ({"reward_id": 4, "coupon_id": 2, "price_subtotal": -10.34}, ItemType.DISCOUNT),
        ({"is_downpayment": True, "price_subtotal": 0.0}, ItemType.LINE),
    ],
)
def test_deliveries_are_shipping_and_rewards_are_discounts(fields: dict[str, Any], kind: ItemType) -> None:
    (item,) = mapped("order_line", _line(**fields)).items
    assert (item.item_type, item.total) == (kind, Decimal(str(fields["price_subtotal"])))
    assert (item.variant is None) == (kind is not ItemType.LINE)


@pytest.mark.parametrize("kind", ["line_section", "line_subsection", "line_note"])
def test_sections_and_notes_are_texts(kind: str) -> None:
    payload = _line(display_type=kind, product_id=False, name="Extras", tax_ids=[], product_uom_id=1)
    entity = mapped("order_line", payload)
    assert isinstance(entity, Reference)
    assert (entity.kind, entity.name, entity.data) == ("order_line", "Extras", payload)


def test_reference_data_keeps_the_payload() -> None:
    euro = mapped("currency", {"id": 126, "name": "EUR", "full_name": "Euro", "active": True})
    assert (euro.kind, euro.code, euro.name, euro.active) == ("currency", "EUR", "Euro", True)
    assert euro.data == {"id": 126, "name": "EUR", "full_name": "Euro", "active": True}
    assert not mapped("payment_provider", {"id": 1, "name": "x", "code": "none", "state": "disabled"}).active
    assert not mapped("unit", {"id": 1, "name": "in³", "active": False}).active
    draft = mapped("invoice", {"id": 59, "name": False, "invoice_partner_display_name": "Acme", "state": "draft"})
    assert (draft.code, draft.name, draft.active) == ("59", "Acme", True)


@pytest.mark.parametrize(
    ("entity_type", "payload", "field"),
    [
        ("product", {"id": 1, "name": "x", "list_price": "12,50"}, "list_price"),
        ("product", {"id": 1, "name": "x", "list_price": True}, "list_price"),
        ("product", {"id": 1, "name": "x", "list_price": []}, "list_price"),
        ("order", _order(amount_total="NaN"), "amount_total"),
        ("order_line", _line(product_uom_qty={}), "product_uom_qty"),
        ("stock", {"id": 1, "product_id": 66, "location_id": 8, "quantity": "many"}, "quantity"),
    ],
)
def test_what_is_no_number_names_field_and_value(entity_type: str, payload: dict[str, Any], field: str) -> None:
    with pytest.raises(Unmappable, match=field):
        mapped(entity_type, payload)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.1, "0.1"), (1990.0, "1990.0"), (10.343287500000002, "10.3432875"), (2.9999999999999996, "3"),
     (1e-05, "0.00001"), (5, "5"), (199.99999999999997, "200"), (-0.30000000000000004, "-0.3")],
)  # fmt: skip
def test_a_float_loses_its_binary_tail_and_nothing_else(value: float, expected: str) -> None:
    price = mapped("product", {"id": 1, "name": "x", "list_price": value}).price
    assert format(price, "f") == expected


def test_a_number_with_more_digits_than_a_float_keeps_them_all() -> None:
    price = Decimal("1234567890123456789012345.12345678901234")
    assert mapped("product", {"id": 1, "name": "x", "list_price": price}).price == price


@pytest.mark.parametrize(
    ("origin", "name"), [(origin, one) for origin in PAYLOADS for one in sorted(STREAMS) if held(origin, STREAMS[one])]
)
@pytest.mark.parametrize("bare", [False, True], ids=["named", "bare"])
def test_every_payload_of_a_store_maps(origin: str, name: str, bare: bool) -> None:
    """With [id, name] as Odoo answers by default, and with bare ids as captured."""
    store = payloads(origin, bare=bare, number=Decimal)
    stream = STREAMS[name]
    records = store[stream.entity_type]
    assert records, f"there is no {stream.path}"
    for record in records.values():
        entity = mapped(stream.entity_type, record, store)
        assert isinstance(entity, Entity)
        assert entity.warnings == ()


@pytest.mark.parametrize("origin", PAYLOADS)
def test_lines_add_up_to_their_orders(origin: str) -> None:
    store = payloads(origin, bare=False, number=Decimal)
    sums: dict[str, Decimal] = {}
    for line in store["order_line"].values():
        entity = mapped("order_line", line, store)
        if isinstance(entity, OrderLines):
            assert entity.order is not None
            sums[entity.order.external_id] = sums.get(entity.order.external_id, Decimal(0)) + entity.items[0].total
    orders = {str(number): mapped("order", order, store) for number, order in store["order"].items()}
    assert len(orders) >= 27
    for number, order in orders.items():
        assert sums[number] + sum((one.total for one in order.items), Decimal(0)) == order.total
        assert order.currency in ("USD", "EUR")
