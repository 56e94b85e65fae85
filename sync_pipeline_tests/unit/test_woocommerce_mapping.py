"""WooCommerce payloads as entities: each rule of docs/mapping.md."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sync_pipeline.entities.base import Ref, Unmappable
from sync_pipeline.entities.order import OrderStatus
from sync_pipeline.entities.order_item import ItemType
from sync_pipeline.sources.woocommerce.mappers.category import to_category
from sync_pipeline.sources.woocommerce.mappers.customer import to_customer
from sync_pipeline.sources.woocommerce.mappers.order import to_order
from sync_pipeline.sources.woocommerce.mappers.product import to_product
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference
from sync_pipeline.sources.woocommerce.mappers.refund import to_refund
from sync_pipeline.sources.woocommerce.mappers.variation import to_variant


def _order(**fields: Any) -> dict[str, Any]:
    return {"id": 1, "number": "1", "status": "completed", "currency": "USD", "total": "0.00", **fields}


def test_prices_keep_their_digits_and_empty_is_unset() -> None:
    product = to_product({"id": 1, "name": "x", "price": "12.345", "regular_price": "100", "sale_price": ""})
    assert (str(product.price), str(product.regular_price), product.sale_price) == ("12.345", "100", None)


@pytest.mark.parametrize("value", ["12,50", "abc", "NaN", "Infinity", "1 000", [], {}, True])
def test_a_price_that_is_no_number_names_field_and_value(value: Any) -> None:
    with pytest.raises(Unmappable, match="regular_price") as caught:
        to_product({"id": 1, "name": "x", "regular_price": value})
    assert repr(value)[:20] in str(caught.value)


@pytest.mark.parametrize(
    ("status", "expected", "active"),
    [("publish", "active", True), ("draft", "draft", False), ("private", "hidden", False), ("trash", "trashed", False)],
)
def test_product_status(status: str, expected: str, active: bool) -> None:
    product = to_product({"id": 1, "name": "x", "status": status})
    assert (product.status, product.source_status, product.active) == (expected, status, active)


def test_names_are_decoded_and_categories_are_references() -> None:
    product = to_product({"id": 1, "name": "<b>A</b> &amp; &#8220;B&#8221;", "categories": [{"id": 7}, {"id": 9}]})
    assert product.name == "<b>A</b> & “B”"
    assert product.categories == [Ref("category", "7"), Ref("category", "9")]
    assert product.metadata["woo_product_id"] == 1


@pytest.mark.parametrize(
    ("payload", "quantity", "managed"),
    [
        ({"manage_stock": True, "stock_quantity": -12}, Decimal(-12), True),
        ({"manage_stock": True, "stock_quantity": 0}, Decimal(0), True),
        ({"manage_stock": True, "stock_quantity": "1.5"}, Decimal("1.5"), True),
        ({"manage_stock": False, "stock_quantity": None}, None, False),
        ({"manage_stock": False, "stock_quantity": 5}, None, False),
        ({"manage_stock": "parent", "stock_quantity": 5}, None, False),
    ],
)
def test_stock(payload: dict[str, Any], quantity: Decimal | None, managed: bool) -> None:
    stock = to_variant({"id": 1, "parent_id": 2, **payload}).stock
    assert stock is not None
    assert (stock.quantity, stock.manage_stock) == (quantity, managed)


def test_a_variable_product_has_stock_only_where_it_counts_its_own() -> None:
    assert to_product({"id": 1, "name": "x", "type": "variable", "manage_stock": False}).stock is None
    own = to_product({"id": 1, "name": "x", "type": "variable", "manage_stock": True, "stock_quantity": 3}).stock
    assert own is not None
    assert own.quantity == 3


def test_a_category_names_its_parent() -> None:
    assert to_category({"id": 5, "name": "a &amp; b", "parent": 3}).parent == Ref("category", "3")
    root = to_category({"id": 5, "name": "x", "parent": 0, "image": {"id": 1, "src": "s", "alt": ""}})
    assert root.parent is None
    assert root.metadata == {"woo_category_id": 5, "image": {"src": "s", "alt": ""}}


def test_a_customer_without_a_name_is_called_by_what_there_is() -> None:
    base = {"id": 1, "email": "a@b.c", "username": "user"}
    assert to_customer(base).name == "user"
    assert to_customer({**base, "billing": {"company": "A &amp; B"}}).name == "A & B"
    assert to_customer({**base, "billing": {"first_name": "Bo", "last_name": ""}}).name == "Bo"
    assert to_customer({**base, "first_name": "Al", "last_name": "X"}).name == "Al X"
    assert to_customer({**base, "date_created_gmt": "2026-01-02T03:04:05"}).registered_at == datetime(
        2026, 1, 2, 3, 4, 5, tzinfo=UTC
    )


def test_a_date_that_is_none_is_a_warning() -> None:
    customer = to_customer({"id": 1, "date_created_gmt": "yesterday"})
    assert customer.registered_at is None
    assert "date_created_gmt" in customer.warnings[0]


def test_items_add_up_with_coupons_fees_negative_fees_and_edited_lines() -> None:
    order = to_order(
        _order(
            total="98.19",
            line_items=[
                {"id": 1, "product_id": 4, "variation_id": 5, "quantity": 3, "subtotal": "100.00", "total": "80.00"},
                {"id": 2, "product_id": 0, "quantity": 0, "subtotal": "0.00", "total": "0.00", "sku": None},
            ],
            coupon_lines=[{"id": 3, "code": "a", "discount": "12.5"}, {"id": 4, "code": "b", "discount": "2.5"}],
            shipping_lines=[{"id": 5, "method_title": "Flat", "total": "10.00"}],
            fee_lines=[{"id": 6, "name": "Rebate", "total": "-1.00"}],
            tax_lines=[{"id": 7, "label": "VAT", "tax_total": "8.19", "shipping_tax_total": "1.00"}],
        )
    )
    assert order.items is not None
    totals = [(one.item_type, one.total) for one in order.items]
    assert totals == [
        (ItemType.LINE, Decimal("100.00")),
        (ItemType.LINE, Decimal("0.00")),
        (ItemType.DISCOUNT, Decimal("-12.5")),
        (ItemType.DISCOUNT, Decimal("-2.5")),
        (ItemType.DISCOUNT, Decimal("-5.0")),
        (ItemType.SHIPPING, Decimal("10.00")),
        (ItemType.FEE, Decimal("-1.00")),
        (ItemType.TAX, Decimal("9.19")),
    ]
    assert sum(total for _, total in totals) == order.total
    line, empty = order.items[:2]
    assert (line.product, line.variant) == (Ref("product", "4"), Ref("variation", "5"))
    assert (line.unit_price, empty.unit_price, empty.product, empty.sku) == (Decimal("33.333333"), None, None, None)


def test_an_order_without_a_customer_has_a_guest() -> None:
    guest = to_order(_order(customer_id=0, billing={"email": "g@x.y", "first_name": "G"})).guest
    assert guest is not None
    assert (guest.email, guest.name, guest.metadata) == ("g@x.y", "G", {"guest": True})
    assert to_order(_order(customer_id=0, billing={"email": ""})).guest is None
    known = to_order(_order(customer_id=9, billing={"email": "g@x.y"}))
    assert known.customer == Ref("customer", "9")
    assert known.guest is not None, "for where the store does not list that customer"


def test_order_states() -> None:
    assert to_order(_order(status="checkout-draft")).status is OrderStatus.DRAFT
    trashed = to_order(_order(status="trash"))
    assert (trashed.status, trashed.active) == (OrderStatus.TRASHED, False)
    strange = to_order(_order(status="packed"))
    assert (strange.status, strange.source_status) == (OrderStatus.PROCESSING, "packed")
    assert "packed" in strange.warnings[0]


def test_refunded_total_is_positive_however_it_is_written() -> None:
    order = to_order(_order(refunds=[{"id": 1, "total": "-1.50"}, {"id": 2, "total": "2.00"}]))
    assert order.refunded_total == Decimal("3.50")


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        ({"amount": "5.00"}, ["amount"]),
        ({"amount": "-5.00", "line_items": []}, ["amount"]),
        ({"amount": "0.00"}, ["amount"]),
        (
            {"amount": "12.00", "line_items": [{"id": 1, "quantity": -1, "total": "-10.00", "total_tax": "-1.00"}]},
            ["line:1", "tax", "amount"],
        ),
        (
            {"amount": "11.00", "line_items": [{"id": 1, "quantity": -1, "total": "-10.00", "total_tax": "-1.00"}]},
            ["line:1", "tax"],
        ),
        ({"amount": "3.00", "shipping_lines": [{"id": 2, "total": "-3.00"}]}, ["shipping:2"]),
    ],
)
def test_refund_items_add_up_to_minus_the_amount(payload: dict[str, Any], names: list[str]) -> None:
    refund = to_refund({"id": 30, "parent_id": 20, **payload})
    assert refund.order == Ref("order", "20")
    assert [one.external_item_id for one in refund.items] == names
    assert {one.item_type for one in refund.items} == {ItemType.REFUND}
    assert sum((one.total for one in refund.items), Decimal(0)) == -refund.amount


def test_reference_data_keeps_the_payload() -> None:
    payload = {"id": 3, "slug": "xl", "name": "X &amp; L", "_links": {"self": []}}
    kept = to_reference("attribute_term")(payload)
    assert (kept.kind, kept.code, kept.name, kept.active) == ("attribute_term", "xl", "X & L", True)
    assert kept.data == {"id": 3, "slug": "xl", "name": "X &amp; L"}
    assert not to_reference("payment_gateway")({"id": "cod", "enabled": False}).active
