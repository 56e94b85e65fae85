"""Who bought and what it counts: guests, former addresses, credit notes, a sale in two stores, links in any order."""

from __future__ import annotations

import sys
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.entities.values import fold
from sync_pipeline.steps import connect, preview, promote
from sync_pipeline.steps.connect import Organization
from sync_pipeline_tests.integration.promote_world import World, customer, order, product, variation
from sync_pipeline_tests.integration.test_promote_odoo_one_core import Erp, partner
from sync_pipeline_tests.integration.test_promote_odoo_one_core import order as erp_order


@pytest.fixture
def world(database: Database, org: Organization) -> World:
    return World(database, org.org_id)


@pytest.fixture
def erp(database: Database, org: Organization) -> Erp:
    return Erp(database, org.org_id)


def worth(world: World) -> list[tuple[Any, ...]]:
    """E-mail, lifetime value and orders of every live customer."""
    rows = world.sql(
        "SELECT email, lifetime_value, order_count FROM core.customers WHERE deleted_at IS NULL ORDER BY email, id"
    )
    return [(row[0], row[1], row[2]) for row in rows]


def is_right(world: World) -> bool:
    (org,) = (one for one in connect.organizations(world.db) if one.org_id == world.org_id)
    found = promote.check_core(world.db, org)
    assert found.differences == []
    return found.ok


def guest(number: int, email: str, total: str = "10", **fields: Any) -> dict[str, Any]:
    return order(number, customer_id=0, total=total, billing={"email": email, "first_name": "Guest"}, **fields)


def test_the_database_and_the_program_fold_alike(world: World) -> None:
    """Every character, in the middle of a text and around it; those that this Python's Unicode does not know aside."""
    texts = [
        f"{chr(one)}a{chr(one)}B"
        for one in range(1, sys.maxunicode + 1)
        if not 0xD800 <= one <= 0xDFFF and chr(one).isprintable() | chr(one).isspace()
    ]
    rows = world.sql(
        "SELECT t.n, core.fold(t.value) FROM unnest(%(texts)s::text[]) WITH ORDINALITY AS t (value, n)", texts=texts
    )
    assert [texts[n - 1] for n, folded in rows if folded != fold(texts[n - 1])] == []


@pytest.mark.parametrize(
    ("typed", "elsewhere"),
    [("ann@x.test\t", "ann@x.test"), ("ann@x.test\u00a0", "ANN@x.test"), ("stra\u00dfe@x.test", "STRASSE@x.test"),
     ("\u0130da@x.test", "i\u0307da@x.test")],
)  # fmt: skip
def test_one_address_however_it_is_written(world: World, typed: str, elsewhere: str) -> None:
    world.apply(
        world.capture("customer", customer(1, email=typed)),
        world.capture("order", guest(20, elsewhere)),
    )
    assert [row[1:] for row in worth(world)] == [(10, 1)]
    assert is_right(world)


def test_an_order_follows_its_email_from_guest_to_customer_and_back(world: World) -> None:
    world.promote("order", guest(20, "ann@x.test"))
    assert worth(world) == [("ann@x.test", 10, 1)]
    registered = world.apply(world.capture("customer", customer(1, email="ann@x.test")))
    assert worth(world) == [("ann@x.test", 10, 1)]
    world.promote("customer", customer(1, email="new@x.test"))
    assert worth(world) == [("new@x.test", 10, 1)], "a former address still leads to the customer"
    assert is_right(world)
    world.promote("customer", customer(2, email="ann@x.test"))
    assert worth(world) == [("ann@x.test", 10, 1), ("new@x.test", 0, 0)], "it is somebody else's by now"
    assert is_right(world)
    world.apply(world.capture("customer", customer(2), deleted=True))
    world.apply(world.capture("customer", customer(1), deleted=True))
    assert worth(world) == [("ann@x.test", 10, 1)], "a guest again"
    assert is_right(world)
    assert registered.state == "done"


def test_the_last_order_of_a_guest_takes_the_guest_with_it(world: World) -> None:
    first = world.apply(world.capture("order", guest(20, "ann@x.test")))
    second = world.apply(world.capture("order", guest(21, "ann@x.test")))
    world.apply(world.capture("order", guest(20, "ann@x.test"), deleted=True))
    assert worth(world) == [("ann@x.test", 10, 1)]
    world.apply(world.capture("order", guest(21, "other@x.test")))
    assert worth(world) == [("other@x.test", 10, 1)]
    assert is_right(world)
    assert (first.done, second.done) == (1, 1)


@pytest.mark.parametrize("length", [300, 400, 600])
def test_an_address_of_any_length_is_one_address(world: World, length: int) -> None:
    email = "a" * length + "@x.test"
    world.apply(
        world.capture("customer", customer(1, email=email.upper())),
        world.capture("customer", customer(2, email="b" + email)),
        world.capture("order", guest(20, email)),
        world.capture("order", guest(21, "b" + email.title())),
    )
    assert [row[1:] for row in worth(world)] == [(10, 1), (10, 1)]
    assert is_right(world)


@pytest.mark.parametrize("way", list(permutations(range(3))))
def test_stock_is_linked_in_any_order(world: World, way: tuple[int, ...]) -> None:
    records = [
        ("product", product(1, type="variable")),
        ("variation", variation(7, 1, sku="V", manage_stock=True, stock_quantity=2)),
        ("category", {"id": 5, "name": "Five", "parent": 0}),
    ]
    for place in way:
        world.promote(*records[place])
    row = world.one("SELECT i.product_id = p.id AS linked FROM core.inventory_items AS i, core.products AS p "
                    "WHERE i.variant_id IS NOT NULL")  # fmt: skip
    assert row.linked
    assert is_right(world)


def test_a_line_keeps_the_product_that_an_earlier_version_named(world: World) -> None:
    line = {"id": 1, "name": "Cup", "product_id": 1, "sku": "CUP", "quantity": 1, "subtotal": "10", "total": "10"}
    world.apply(
        world.capture("product", product(1, sku="CUP")),
        world.capture("order", guest(20, "a@x.test", line_items=[line])),
    )
    emptied = {**line, "product_id": 0, "sku": ""}
    world.capture("order", guest(20, "a@x.test", line_items=[emptied], note="captured and never promoted"))
    world.apply(
        world.capture("product", product(1), deleted=True),
        world.capture("order", guest(20, "a@x.test", line_items=[emptied])),
    )
    row = world.one(
        "SELECT i.sku, p.sku AS product FROM core.sales_order_items AS i JOIN core.products AS p ON p.id = i.product_id"
    )
    assert tuple(row) == ("CUP", "CUP")
    assert is_right(world)


def test_a_line_that_never_named_a_product_names_none(world: World) -> None:
    line = {"id": 1, "name": "By hand", "product_id": 0, "quantity": 1, "subtotal": "10", "total": "10"}
    world.promote("order", guest(20, "a@x.test", line_items=[line]))
    world.promote("order", guest(20, "a@x.test", line_items=[{**line, "name": "By hand, again"}]))
    assert world.one("SELECT product_id FROM core.sales_order_items").product_id is None


def _credit(erp: Erp, number: int, lines: dict[int, float], **fields: Any) -> None:
    """A credit note over lines of orders: order line → amount."""
    note = {"id": number, "move_type": "out_refund", "state": "posted", "currency_id": 126, "name": f"R{number}"}
    for n, (line, total) in enumerate(lines.items()):
        erp.capture("order_line", {"id": line, "order_id": line // 10})
        erp.capture("invoice_line", {"id": number * 10 + n, "move_id": number, "sale_line_ids": [line],
                                     "price_total": total, "display_type": "product"})  # fmt: skip
    erp.capture("invoice", {**note, **fields})


def test_posted_credit_notes_lower_what_a_customer_is_worth(erp: Erp) -> None:
    _credit(erp, 500, {901: 20.0, 911: 5.0})
    _credit(erp, 501, {901: 1.0}, state="draft")
    _credit(erp, 502, {901: 1.0}, move_type="out_invoice")
    _credit(erp, 503, {901: 1.0}, currency_id=1)
    erp.capture("invoice_line", {"id": 5009, "move_id": 500, "sale_line_ids": [901, 902], "price_total": 2.0})
    erp.capture("order_line", {"id": 902, "order_id": 90})
    sold = {"amount_total": 100.0, "amount_tax": 0.0, "currency_id": 126, "state": "sale", "partner_id": 70}
    erp.apply(
        erp.capture("customer", partner(70, email="c@x.test")),
        erp.capture("order", erp_order(90, **sold)),
        erp.capture("order", erp_order(91, **sold)),
    )
    assert worth(erp) == [("c@x.test", 173, 2)]
    refunded = erp.sql("SELECT refunded_total FROM core.sales_orders ORDER BY number")
    assert [row[0] for row in refunded] == [22, 5], "a line of the note that names two lines of the order counts once"
    assert is_right(erp)


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"client_order_ref": "WC-5001"}, 1),
        ({"origin": "WooCommerce #5001"}, 1),
        ({"client_order_ref": "5001"}, 1),
        ({"client_order_ref": "5002"}, 2),
        ({"client_order_ref": "WC-5001", "amount_total": 99.0}, 2),
        ({"client_order_ref": "WC-5001", "currency_id": 1}, 1),  # two currencies: shown apart, the org's has one order
        ({"client_order_ref": "PO 12 5001"}, 2),
    ],
)
def test_a_sale_that_two_stores_know_counts_once(erp: Erp, fields: dict[str, Any], counts: int) -> None:
    erp.organize(currency="EUR")
    copied = {"amount_total": 100.0, "amount_tax": 0.0, "currency_id": 126, "state": "sale", "partner_id": 70, **fields}
    key = erp.capture("order", erp_order(90, **copied))
    original = order(11, number="5001", total="100.00", currency="EUR", customer_id=3)
    erp.apply(
        erp.capture("customer", customer(3, email="c@x.test"), connection=erp.shop),
        erp.capture("customer", partner(70, email="c@x.test")),
        erp.capture("order", original, connection=erp.shop),
        key,
    )
    value = Decimal(100) if counts == 1 else Decimal(100) + Decimal(str(copied["amount_total"]))
    (row,) = worth(erp)
    assert row[1] == value
    assert is_right(erp)
    erp.sql("UPDATE connect.integration_connector SET settings = '{\"same_sales\": false}'")
    erp.apply(erp.capture("order", erp_order(90, **{**copied, "note": "again"})))
    (row,) = worth(erp)
    assert row[2] == 2, "the store's references mean something else"


def test_the_preview_warns_of_the_same_sale(erp: Erp) -> None:
    original = order(11, number="5001", total="100.00", currency="EUR", customer_id=3)
    erp.capture("order", original, connection=erp.shop)
    for number, reference in ((90, "WC-5001"), (91, "5002")):
        erp.capture("order", erp_order(number, amount_total=100.0, client_order_ref=reference))
    (org,) = (one for one in connect.organizations(erp.db) if one.org_id == erp.org_id)
    (one,) = (one for one in connect.connections(erp.db, org) if one.connection_id == erp.erp)
    preview.recompute(erp.db, one, one.source.stream("order"))
    said = erp.sql('SELECT external_id FROM preview.difference WHERE warnings @> \'[{"code": "same_sale"}]\'')
    assert [row[0] for row in said] == ["90"]


def test_an_address_that_comes_back_does_not_end_the_one_between(world: World) -> None:
    for email in ("x@a.test", "y@a.test", "x@a.test"):
        world.promote("customer", customer(1, email=email))
    world.promote("order", guest(20, "y@a.test"))
    assert worth(world) == [("x@a.test", 10, 1)]
    world.capture("customer", customer(1, email="z@a.test"))
    assert is_right(world), "what is only captured changes nothing"


def test_a_line_names_what_the_newest_earlier_version_named_also_where_that_came_back(world: World) -> None:
    world.apply(*(world.capture("product", product(n, sku=sku)) for n, sku in ((1, "ONE"), (2, "TWO"))))
    line = {"id": 1, "name": "x", "quantity": 1, "subtotal": "10", "total": "10"}
    for number, sku in ((1, "ONE"), (2, "TWO"), (1, "ONE"), (0, "")):
        world.promote("order", guest(20, "a@x.test", line_items=[{**line, "product_id": number, "sku": sku}]))
    assert world.one("SELECT sku FROM core.sales_order_items").sku == "ONE"
    assert is_right(world)


def test_a_contact_that_becomes_an_address_leaves_its_guest_order_to_a_guest(erp: Erp) -> None:
    erp.apply(
        erp.capture("customer", partner(70, email="firm@x.test", is_company=True)),
        erp.capture("customer", partner(71, email="p@x.test", parent_id=70)),
        erp.capture("order", guest(20, "p@x.test", currency="EUR"), connection=erp.shop),
    )
    erp.promote("customer", partner(71, email="p@x.test", parent_id=70, type="invoice"))
    assert [row[0] for row in worth(erp)] == ["firm@x.test", "p@x.test"]
    assert is_right(erp)


def test_orders_that_refer_to_each_other_count_once(erp: Erp) -> None:
    other = erp.connect("second erp", "odoo")
    erp.capture("currency", {"id": 126, "name": "EUR"}, connection=other)
    erp.organize(currency="EUR")
    sold = {"amount_total": 100.0, "amount_tax": 0.0, "currency_id": 126, "state": "sale"}
    erp.apply(
        erp.capture("customer", partner(70, email="c@x.test")),
        erp.capture("customer", partner(71, email="c@x.test"), connection=other),
        erp.capture("order", erp_order(90, name="S90", client_order_ref="P91", partner_id=70, **sold)),
        erp.capture("order", erp_order(91, name="P91", origin="S90", partner_id=71, **sold), connection=other),
    )
    assert worth(erp) == [("c@x.test", 100, 1)]


def test_a_guest_is_made_of_the_next_order_when_the_first_goes(world: World) -> None:
    world.apply(
        world.capture("order", guest(20, "z@a.test")),
        world.capture("order", order(21, customer_id=0, billing={"email": "z@a.test", "first_name": "Bob"})),
    )
    world.promote("order", guest(20, "other@a.test"))
    names = world.sql("SELECT email, name FROM core.customers WHERE deleted_at IS NULL ORDER BY email")
    assert [tuple(row) for row in names] == [("other@a.test", "Guest"), ("z@a.test", "Bob")]
    assert is_right(world)


def test_a_refund_that_moves_counts_for_one_order(world: World) -> None:
    refund = {"id": 30, "amount": "5.00"}
    world.apply(
        *(world.capture("customer", customer(n)) for n in (1, 2)),
        *(world.capture("order", order(19 + n, customer_id=n, total="10")) for n in (1, 2)),
        world.capture("refund", {**refund, "parent_id": 20}),
    )
    world.promote("refund", {**refund, "parent_id": 21})
    assert [row[1] for row in worth(world)] == [10, 5]
    assert [row[0] for row in world.sql("SELECT refunded_total FROM core.sales_orders ORDER BY number")] == [0, 5]
    assert is_right(world)


def read_whole(world: World) -> None:
    """The shop's list of customers was read to its end."""
    world.sql(
        "INSERT INTO capture.sync_cursor AS c (org_id, connection_id, entity_type, full_at) "
        "VALUES (connect.current_org(), %(shop)s, 'customer', now()) "
        "ON CONFLICT (org_id, connection_id, entity_type) DO UPDATE SET full_at = excluded.full_at",
        shop=world.shop,
    )


def named(number: int, buyer: int, email: str) -> dict[str, Any]:
    return order(number, customer_id=buyer, total="10", billing={"email": email, "first_name": "Guest"})


@pytest.mark.parametrize("whole", [False, True])
def test_an_order_does_not_wait_for_a_customer_who_was_deleted_before_anybody_promoted_them(
    world: World, whole: bool
) -> None:
    if whole:
        read_whole(world)
    world.capture("customer", customer(8, email="ann@x.test"))
    first = world.apply(world.capture("order", named(20, 8, "ann@x.test")))
    assert worth(world) == [], "the store lists the customer"
    assert "Customer 8 is not promoted" in str(world.lines(first)[0].warnings)
    world.capture("customer", customer(8, email="ann@x.test"), deleted=True)
    world.promote("product", product(1))
    assert worth(world) == [("ann@x.test", 10, 1)]
    assert is_right(world)
    world.promote("customer", customer(9, email="ann@x.test"))
    assert worth(world) == [("ann@x.test", 10, 1)]
    assert is_right(world)


def test_an_order_does_not_wait_for_a_customer_who_is_not_in_the_list_that_was_read_since(world: World) -> None:
    world.promote("order", named(20, 8, "ann@x.test"))
    assert worth(world) == []
    read_whole(world)
    world.promote("product", product(1))
    assert worth(world) == [("ann@x.test", 10, 1)]
    assert is_right(world)


def test_a_plan_repairs_an_order_that_waits_for_nobody(world: World) -> None:
    world.capture("customer", customer(8))
    world.promote("order", named(20, 8, "ann@x.test"))
    world.capture("customer", customer(8), deleted=True)
    (org,) = (one for one in connect.organizations(world.db) if one.org_id == world.org_id)
    found = promote.check_core(world.db, org)
    assert ("core.sales_orders", "customer_id") in {(one.table, one.field) for one in found.differences}
    plan = promote.make_repair_plan(world.db, org, found, actor="ann")
    assert plan is not None
    assert promote.apply(world.db, world.org_id, plan.plan_id, actor="ann").errors == []
    assert worth(world) == [("ann@x.test", 10, 1)]
    assert is_right(world)


def test_an_order_that_undo_returns_to_an_earlier_version_does_not_wait_again(world: World) -> None:
    world.capture("customer", customer(8))
    world.promote("order", named(20, 8, "ann@x.test"))
    second = world.promote("order", {**named(20, 8, "ann@x.test"), "total": "12.00"})
    world.capture("customer", customer(8), deleted=True)
    world.promote("product", product(2))
    assert worth(world) == [("ann@x.test", 12, 1)]
    world.undo(second)
    assert is_right(world)
    assert [row[0] for row in worth(world)] == ["ann@x.test"]
    world.capture("customer", customer(8))
    world.promote("customer", customer(8))
    assert world.one("SELECT count(*) AS n FROM core.customers WHERE deleted_at IS NULL").n == 1, "who came has it"
    assert is_right(world)


def test_figures_wait_for_the_promotion_of_an_order_whose_credit_note_was_cancelled(erp: Erp) -> None:
    sold = {"amount_total": 100.0, "amount_tax": 0.0, "currency_id": 126, "state": "sale", "partner_id": 70}
    _credit(erp, 500, {901: 20.0})
    erp.apply(
        erp.capture("customer", partner(70, email="c@x.test")),
        erp.capture("order", erp_order(90, **sold)),
    )
    erp.sql("UPDATE capture.sync_record SET captured_at = captured_at - interval '1 hour'")
    assert worth(erp) == [("c@x.test", 80, 1)]
    _credit(erp, 500, {901: 20.0}, state="cancel")
    assert worth(erp) == [("c@x.test", 80, 1)]
    assert is_right(erp), "the order is updated, and its promotion renews the figures"
    erp.apply(erp.capture("order", erp_order(90, **sold)))
    assert worth(erp) == [("c@x.test", 100, 1)]
    assert is_right(erp)
    erp.sql("UPDATE promote.integration_mapping SET last_promoted_at = last_promoted_at + interval '5 minutes'")
    erp.sql("UPDATE core.customers SET lifetime_value = 1")
    assert not promote.check_core(erp.db, connect.organizations(erp.db)[0]).ok


def test_figures_wait_where_the_store_lists_whom_an_order_names(world: World) -> None:
    read_whole(world)
    world.capture("order", named(20, 8, "ann@x.test"))
    world.promote("customer", customer(1, email="ann@x.test"))
    assert worth(world) == [("ann@x.test", 10, 1)]
    world.sql("UPDATE capture.sync_record SET captured_at = captured_at - interval '1 hour'")
    world.capture("customer", customer(8, email="c8@x.test"))
    assert is_right(world)
    world.promote("customer", customer(1, email="ann@x.test", first_name="Ann"))
    assert worth(world) == [("ann@x.test", 0, 0)]
    assert is_right(world)


def refunded(world: World) -> list[tuple[Any, Any]]:
    """What was refunded of each order, and what its customer is worth."""
    rows = world.sql(
        "SELECT o.refunded_total, c.lifetime_value FROM core.sales_orders AS o JOIN core.customers AS c "
        "ON c.id = o.customer_id ORDER BY o.number"
    )
    return [(row[0], row[1]) for row in rows]


def test_a_refund_that_was_deleted_before_anybody_promoted_it_counts_nothing(world: World) -> None:
    refund = {"id": 30, "parent_id": 20, "amount": "4.00"}
    listed = guest(20, "a@x.test", refunds=[{"id": 30, "total": "-4.00"}])
    world.capture("refund", refund)
    world.promote("order", listed)
    assert refunded(world) == [(4, 6)]
    world.capture("refund", refund, deleted=True)
    world.promote("product", product(2))
    assert refunded(world) == [(0, 10)], "what the order still lists is gone"
    assert is_right(world)
    world.capture("refund", {**refund, "id": 31, "parent_id": 21}, deleted=True)
    world.promote("order", guest(21, "a@x.test", refunds=[{"id": 31, "total": "-4.00"}]))
    assert [row[0] for row in refunded(world)] == [0, 0], "also of an order that is new"
    assert is_right(world)
    back = world.capture("refund", refund)
    world.promote("product", product(3))
    assert refunded(world)[0][0] == 4, "it came back"
    assert is_right(world)
    promoted = world.apply(back)
    assert refunded(world)[0][0] == 4
    world.capture("refund", refund, deleted=True)
    world.promote("product", product(4))
    assert refunded(world)[0][0] == 4, "its promoted record counts until its deletion is promoted"
    assert is_right(world)
    world.undo(promoted)
    assert refunded(world)[0][0] == 0
    assert is_right(world)


@pytest.mark.parametrize("before", [True, False])
def test_a_guests_order_that_gets_a_customer_waits_for_them_as_a_new_one_does(world: World, before: bool) -> None:
    world.capture("customer", customer(8))
    if before:
        world.promote("order", guest(20, "ann@x.test"))
        assert worth(world) == [("ann@x.test", 10, 1)]
    world.promote("order", named(20, 8, "ann@x.test"))
    assert worth(world) == []
    assert is_right(world)
    world.promote("customer", customer(8))
    assert worth(world) == [("c8@example.test", 10, 1)]
    assert is_right(world)
