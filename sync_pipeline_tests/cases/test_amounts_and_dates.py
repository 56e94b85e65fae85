"""Amounts, orders and their refunds, dates, currencies."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sync_pipeline.steps import preview
from sync_pipeline_tests.cases.running import Case

ITEMS = "SELECT item_type, total FROM core.sales_order_items ORDER BY id"
REFUNDED = "SELECT refunded_total FROM core.sales_orders ORDER BY id"


def test_prices_are_empty_or_numbers(case: Case) -> None:
    case.put("products", 100, price="", regular_price="", sale_price=False)
    case.put("products", 101, price=7.25, regular_price="7.250")
    case.put("products", 102, price=0, regular_price="0")
    case.put("products", 103, price=" 7.25\t")
    case.run()
    assert case.core("SELECT price, sale_price FROM core.products ORDER BY id") == [
        (None, None),
        (Decimal("7.25"), None),
        (Decimal(0), None),
        (Decimal("7.25"), None),
    ]


@pytest.mark.parametrize("value", ["2_500", "٢٥", "2 500", "2,5", True, "1e9999", ["1"]])
def test_what_is_no_amount_is_said_before_and_refused(case: Case, value: object) -> None:
    case.put("products", 100, regular_price=value)
    case.put("orders", 200, line_items=[{"id": 1, "quantity": 1, "total": value}])
    case.run()
    for kind, number, field in (("product", 100, "regular_price"), ("order", 200, "line_items.total")):
        assert field in case.foreseen(kind, number)
        assert case.foreseen(kind, number) == case.said(kind, number)
    assert len(case.errors()) == 2


def test_a_line_without_a_subtotal_was_not_discounted(case: Case) -> None:
    line = {"id": 1, "quantity": 4, "total": "10.00", "name": "a"}
    case.put("orders", 200, total="10.00", line_items=[{**line, "subtotal": ""}])
    case.put("orders", 201, total="10.00", line_items=[line])
    case.put("orders", 202, total="10.00", line_items=[{"id": 1, "quantity": 4, "subtotal": "10.00", "total": ""}])
    case.run()
    assert case.core(ITEMS) == [("line", Decimal("10.00"))] * 3
    assert case.core("SELECT DISTINCT unit_price FROM core.sales_order_items") == [(Decimal("2.5"),)]


def test_lines_with_one_id_stay_several(case: Case) -> None:
    line = {"id": 0, "quantity": 1, "subtotal": "5.00", "total": "5.00"}
    fee = {"id": None, "name": "Box", "total": "1.00"}
    case.put(
        "orders", 200, total="12.00", line_items=[{**line, "name": "a"}, {**line, "name": "b"}], fee_lines=[fee, fee]
    )
    case.run()
    assert case.errors() == []
    assert sum(total for _, total in case.core(ITEMS)) == Decimal("12.00")
    assert len(case.core(ITEMS)) == 4


def test_a_refund_counts_whether_the_header_lists_it_or_not(case: Case) -> None:
    case.put("customers", 50)
    case.put("orders", 200, customer_id=50, total="80.00", refunds=[])
    case.put("orders", 201, customer_id=50, total="20.00", refunds=[{"id": 301, "total": "-3.00"}])
    case.shop.store.refunds_route = True
    case.put("refunds", 300, under=200, amount="2.00")
    case.put("refunds", 301, under=201, amount="3.00")
    case.run()
    assert case.core(REFUNDED) == [(Decimal("2.00"),), (Decimal("3.00"),)]
    assert case.core("SELECT sum(total) FROM core.sales_order_items WHERE item_type = 'refund'") == [
        (Decimal("-5.00"),)
    ]
    assert case.core("SELECT lifetime_value FROM core.customers") == [(Decimal("95.00"),)]


def test_refunds_of_shipping_or_of_an_amount_alone(case: Case) -> None:
    shipping = {"id": 1, "method_title": "Flat", "total": "6.00"}
    case.put(
        "orders",
        200,
        total="106.00",
        shipping_total="6.00",
        shipping_lines=[shipping],
        line_items=[{"id": 1, "quantity": 1, "subtotal": "100.00", "total": "100.00"}],
        refunds=[{"id": 300, "total": "-6.00"}],
    )
    case.put("orders", 201, refunds=[{"id": 301, "total": "-7.00"}])
    case.put("refunds", 300, under=200, amount="6.00", shipping_lines=[{**shipping, "id": 5, "total": "-6.00"}])
    case.put("refunds", 301, under=201, amount="7.00")
    case.run()
    assert case.core(REFUNDED) == [(Decimal("6.00"),), (Decimal("7.00"),)]
    assert case.core(
        "SELECT sum(total) FROM core.sales_order_items WHERE item_type = 'refund' GROUP BY order_id ORDER BY 1 DESC"
    ) == [(Decimal("-6.00"),), (Decimal("-7.00"),)]


def test_a_refund_whose_payload_names_no_order_belongs_to_the_one_it_was_listed_under(case: Case) -> None:
    case.shop.store.refunds_route = False
    case.put("orders", 200, refunds=[{"id": 300, "total": "-4.00"}])
    case.put("refunds", 300, under=200, amount="4.00", without=("parent_id",))
    case.run()
    assert case.core("SELECT order_id IS NOT NULL FROM core.sales_order_items WHERE item_type = 'refund'") == [(True,)]


def test_a_fee_may_be_negative(case: Case) -> None:
    fee = {"id": 1, "name": "Voucher", "total": "-6.00", "total_tax": "0.00"}
    line = {"id": 2, "quantity": 1, "subtotal": "10.00", "total": "10.00"}
    case.put("orders", 200, total="4.00", line_items=[line], fee_lines=[fee])
    case.run()
    assert case.core(ITEMS) == [("line", Decimal("10.00")), ("fee", Decimal("-6.00"))]
    assert case.said("order", 200).find("add up") == -1


@pytest.mark.parametrize(("tax", "told"), [("1.0049", False), ("1.01", True)])
def test_a_difference_under_half_a_cent_is_none(case: Case, tax: str, told: bool) -> None:
    line = {"id": 1, "quantity": 1, "subtotal": "9.00", "total": "9.00"}
    case.put("orders", 200, total="10.00", line_items=[line], tax_lines=[{"id": 2, "label": "VAT", "tax_total": tax}])
    case.run()
    assert ("add up" in case.said("order", 200)) is told
    assert case.core("SELECT metadata ? 'items_difference' FROM core.sales_orders") == [(told,)]


def test_a_number_is_not_an_id(case: Case) -> None:
    case.put("orders", 200, number="SHOP-2026/000207")
    case.put("orders", 201, number="7")
    case.put("orders", 202, number="7")
    case.run()
    assert case.core("SELECT number FROM core.sales_orders ORDER BY id") == [("SHOP-2026/000207",), ("7",), ("7",)]
    orders = case.shop.connection.source.stream("orders")
    found = preview.table(case.shop.db, case.shop.connection, orders, search="SHOP-2026/000207")
    assert [row["external_id"] for row in found.data] == ["200"]


def test_dates_that_are_none_are_null_and_said(case: Case) -> None:
    local: dict[str, Any] = {"date_created": "2026-05-01T08:00:00"}
    dates: dict[int, dict[str, Any]] = {
        200: {**local, "date_created_gmt": None},
        201: {"date_created_gmt": "0000-00-00T00:00:00"},
        202: {"date_created_gmt": "0001-01-01T00:00:00"},
        203: {"date_created_gmt": "0001-01-01T00:00:00+02:00"},
        204: {"date_created_gmt": "-0001-11-30T00:00:00"},
        205: {"date_created_gmt": "9999-12-31T23:59:59-05:00"},
        206: {"date_created_gmt": "2026-02-30T00:00:00"},
        207: {"date_created_gmt": 20260501},
    }
    for number, given in dates.items():
        case.put("orders", number, **given)
    case.put("orders", 208, **local, without=("date_created_gmt",))
    case.run()
    assert case.errors() == []
    assert case.core("SELECT DISTINCT ordered_at FROM core.sales_orders") == [(None,)]
    for number in range(200, 209):
        assert "date_created_gmt" in case.foreseen("order", number)
        assert "date_created_gmt" in case.said("order", number)
    assert "no time zone" in case.said("order", 208)


def test_a_local_date_that_names_its_zone_counts(case: Case) -> None:
    case.put("orders", 200, date_created="2026-05-01T08:00:00+02:00", date_created_gmt=None)
    case.put("orders", 201, date_paid=None, date_paid_gmt=None)
    case.run()
    (first, _) = case.core("SELECT ordered_at FROM core.sales_orders ORDER BY id")
    assert first[0].isoformat() == "2026-05-01T06:00:00+00:00"
    assert "date" not in case.said("order", 201)


def test_currency_codes_are_folded(case: Case) -> None:
    case.put("customers", 50)
    for number, code in enumerate(("EUR", "eur", " Eur ", "", None), 200):
        case.put("orders", number, customer_id=50, currency=code, total="1.00")
    case.run()
    assert case.core("SELECT DISTINCT currency FROM core.sales_orders") == [("EUR",)]
    assert case.core("SELECT lifetime_value, lifetime_currency, metadata ? 'other_currencies' FROM core.customers") == [
        (Decimal("5.00"), "EUR", False)
    ]
    assert "currency" not in case.foreseen("order", 201)


def test_a_deleted_refund_counts_no_longer_whatever_the_header_lists(case: Case) -> None:
    case.put("customers", 50)
    case.put("orders", 200, customer_id=50, total="80.00", refunds=[{"id": 300, "total": "-2.00"}])
    case.put("refunds", 300, under=200, amount="2.00")
    case.run()
    case.remove("refunds", 300)
    case.run("refunds")
    assert case.core(REFUNDED) == [(Decimal(0),)]
    assert case.core("SELECT lifetime_value FROM core.customers") == [(Decimal("80.00"),)]
