"""Odd but legal records of an Odoo: captured, promoted, and what core says of them.

Where a case is marked, core does not do it yet; the mark fails as soon as it does.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.steps.connect import Organization
from sync_pipeline_tests.integration.test_promote_odoo_one_core import Erp, order, partner, quant, template, variant


@pytest.fixture
def erp(database: Database, org: Organization) -> Erp:
    """An organization with an Odoo whose records a test captures."""
    return Erp(database, org.org_id)


def test_a_contact_with_the_companys_e_mail_is_kept(erp: Erp) -> None:
    office = {"email": "office@example.test"}
    report = erp.apply(
        erp.capture("customer", partner(70, name="Works AG", is_company=True, **office)),
        erp.capture("customer", partner(71, name="Cleo Clerk", parent_id=70, **office)),
        erp.capture("order", order(90, partner_id=71, partner_invoice_id=71, partner_shipping_id=71)),
    )
    assert report.errors == []
    names = {
        row.name for row in erp.sql("SELECT name FROM core.customers UNION SELECT name FROM core.customer_addresses")
    }
    assert names == {"Works AG", "Cleo Clerk"}
    assert erp.sql("SELECT 1 FROM core.customers WHERE metadata ->> 'parent_id' = metadata ->> 'odoo_partner_id'") == []


def test_a_field_with_several_addresses_is_the_one_odoo_cleaned(erp: Erp) -> None:
    several = {"email": "p1@pair.test, p2@pair.test", "email_normalized": "p1@pair.test"}
    erp.apply(
        erp.capture("customer", partner(70, **several)),
        erp.capture("customer", partner(71, email="p2@pair.test")),
        erp.capture("customer", partner(72, email='"Doe, J." <j@doe.test>', email_normalized="j@doe.test")),
    )
    rows = erp.sql("SELECT email FROM core.customers ORDER BY email")
    assert [row.email for row in rows] == ["j@doe.test", "p1@pair.test", "p2@pair.test"]


def test_each_quant_is_a_row_without_its_binary_tail(erp: Erp) -> None:
    amounts = {81: -2.0, 82: 5.0, 83: 5.0, 84: 0.1 + 0.7, 85: -8.0}
    erp.apply(
        erp.capture("product", template(60)),
        erp.capture("variation", variant(61, 60)),
        *(
            erp.capture("stock", quant(number, 61, {84: 9, 85: 5}.get(number, 8), amount, lot_id=number))
            for number, amount in amounts.items()
        ),
    )
    rows = erp.sql("SELECT quantity FROM core.inventory_items ORDER BY external_id")
    assert [row.quantity for row in rows] == [Decimal(-2), Decimal(5), Decimal(5), Decimal("0.8")]


def test_two_products_swap_their_codes_in_one_plan(erp: Erp) -> None:
    def coded(first: str, second: str) -> list[tuple[int, str, str]]:
        return [
            erp.capture("product", template(60, name="one", default_code=first)),
            erp.capture("product", template(62, name="two", default_code=second)),
            erp.capture("variation", variant(61, 60, default_code=first)),
            erp.capture("variation", variant(63, 62, default_code=second)),
        ]

    erp.apply(*coded("NEAR", "FAR"))
    erp.apply(*coded("FAR", "NEAR"))
    assert [tuple(row) for row in erp.sql("SELECT name, sku FROM core.products ORDER BY name")] == [
        ("one", "FAR"),
        ("two", "NEAR"),
    ]
    assert [
        row.sku for row in erp.sql("SELECT sku FROM core.product_variants ORDER BY metadata ->> 'odoo_product_id'")
    ] == [
        "FAR",
        "NEAR",
    ]


def test_an_order_of_an_address_far_below_its_company_finds_the_customer(erp: Erp) -> None:
    partners = [erp.capture("customer", partner(70, name="Top AG", is_company=True, email="top@example.test"))]
    for number in range(71, 76):
        below = partner(number, type="other", parent_id=number - 1)
        partners.append(erp.capture("customer", below))
    erp.apply(*partners, erp.capture("order", order(90, partner_id=75)))
    row = erp.one("SELECT c.name FROM core.sales_orders AS o LEFT JOIN core.customers AS c ON c.id = o.customer_id")
    assert row.name == "Top AG"


def test_a_product_that_cannot_be_sold_is_inactive_with_its_variants(erp: Erp) -> None:
    erp.apply(
        erp.capture("product", template(60, active=False)),
        erp.capture("variation", variant(61, 60, active=True)),
    )
    assert [
        row.active
        for row in erp.sql("SELECT active FROM core.products UNION ALL SELECT active FROM core.product_variants")
    ] == [
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0.666666666667, "0.666666666667"),
        (1e-10, "0.0000000001"),
        (0.1 + 0.2, "0.3"),
        (12.345600000000001, "12.3456"),
        (1 / 3, "0.3333333333333333"),
        (1234567.1 + 1e-9, "1234567.1"),
    ],
)
def test_only_the_binary_tail_of_a_float_goes(erp: Erp, value: float, kept: str) -> None:
    erp.promote("product", template(60, list_price=value))
    assert erp.one("SELECT price FROM core.products").price == Decimal(kept)


def test_dates_that_are_none_are_said(erp: Erp) -> None:
    erp.capture("order", order(90, date_order="0001-01-01 00:00:00", create_date=False))
    erp.capture("order", order(91, date_order="2026-02-30 00:00:00", create_date=False))
    erp.preview("order", erp.erp)
    warned = erp.sql("SELECT external_id, warnings FROM preview.difference WHERE entity_type = 'order' ORDER BY 1")
    assert [(row.external_id, [one["code"] for one in row.warnings]) for row in warned] == [
        ("90", ["unparsable_date"]),
        ("91", ["unparsable_date"]),
    ]
