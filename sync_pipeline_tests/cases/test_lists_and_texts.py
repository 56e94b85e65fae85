"""Lists that PHP makes objects, entities, states and flags of plugins, long texts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.steps import promote
from sync_pipeline.steps.connect import Organization
from sync_pipeline_tests.cases.running import Case
from sync_pipeline_tests.integration.promote_world import World


def test_lists_that_arrive_as_objects_are_lists(case: Case) -> None:
    case.put("categories", 40)
    case.put(
        "products",
        100,
        categories={"1": {"id": 40, "name": "x", "slug": "x"}},
        attributes={"0": {"id": 0, "name": "Size", "options": {"0": "S", "2": "L"}, "variation": True}},
        images={"2": {"id": 1, "src": "http://shop.test/b.png", "alt": "b"}},
        tags={"5": {"id": 1, "name": "new"}},
    )
    line = {"name": "a", "product_id": 100, "quantity": 2, "subtotal": "8.00", "total": "8.00"}
    case.put(
        "orders",
        200,
        total="19.00",
        line_items={"0": {"id": 1, **line}, "3": {"id": 4, **line}},
        shipping_lines={"1": {"id": 2, "method_title": "Flat", "total": "3.00"}},
        refunds={"0": {"id": 300, "total": "-19.00"}},
    )
    case.run()
    assert case.errors() == []
    assert case.core("SELECT count(*) FROM core.product_categories") == [(1,)]
    assert case.core("SELECT attributes, tags, jsonb_array_length(images) FROM core.products") == [
        ([{"name": "Size", "options": ["S", "L"], "variation": True}], ["new"], 1)
    ]
    assert case.core("SELECT item_type, total FROM core.sales_order_items ORDER BY id") == [
        ("line", Decimal("8.00")),
        ("line", Decimal("8.00")),
        ("shipping", Decimal("3.00")),
    ]
    assert case.core("SELECT refunded_total, metadata ? 'items_difference' FROM core.sales_orders") == [
        (Decimal("19.00"), False)
    ]
    assert case.core("SELECT lifetime_value FROM core.customers") == [(Decimal("0.00"),)]


@pytest.mark.parametrize("value", ["none", {"id": 1, "name": "x"}, [3], 7])
def test_what_is_no_list_is_said_before_and_refused(case: Case, value: object) -> None:
    case.put("products", 100, categories=value)
    case.run()
    assert "categories" in case.foreseen("product", 100)
    assert case.foreseen("product", 100) == case.said("product", 100)
    assert case.core("SELECT count(*) FROM core.products") == [(0,)]


def test_an_ampersand_without_a_semicolon_is_no_entity(case: Case) -> None:
    case.put("products", 100, name="Hooks&notches", sku="NUT&DEG-4", slug="hooks")
    case.put("products", 101, name="R&amp;D &lt;kit&gt; &#8211; A&nbsp;", sku="R&amp;D-1")
    case.put("products", 102, name="R&amp;amp;D &unknown; &#0;", sku="")
    case.put("customers", 50, first_name="Ink&reg", last_name="Co&para", billing={"company": "Ink &amp; Co&copy"})
    case.run()
    assert case.core("SELECT name, sku FROM core.products ORDER BY id") == [
        ("Hooks&notches", "NUT&DEG-4"),
        ("R&D <kit> – A", "R&D-1"),
        ("R&amp;D &unknown; &#0;", None),
    ]
    assert case.core("SELECT name, company, address ->> 'company' FROM core.customers") == [
        ("Ink&reg Co&para", "Ink & Co&copy", "Ink & Co&copy")
    ]


def test_a_sku_with_an_entity_is_the_same_as_without(case: Case) -> None:
    case.put("products", 100, sku="R&D-1")
    case.put("products", 101, sku="R&amp;D-1")
    case.run()
    assert "lowest id" in case.foreseen("product", 101)
    assert case.core("SELECT count(*) FROM core.products WHERE sku = 'R&D-1'") == [(1,)]


def test_a_refunds_reason_is_decoded(case: Case) -> None:
    case.put("orders", 200, refunds=[{"id": 300, "total": "-4.00"}])
    case.put("refunds", 300, under=200, amount="4.00", reason="Late &amp; broken")
    case.run()
    assert case.core("SELECT name FROM core.sales_order_items WHERE item_type = 'refund'") == [("Late & broken",)]


def test_a_variation_belongs_to_the_product_it_was_listed_under(case: Case) -> None:
    case.put("products", 100, type="variable", variations=[110, 111])
    case.put("variations", 110, under=100, sku="A", without=("parent_id", "name", "type"))
    case.put("variations", 111, under=100, sku="B")
    case.run()
    assert case.core(
        "SELECT v.sku FROM core.product_variants AS v JOIN core.products AS p ON p.id = v.product_id ORDER BY v.id"
    ) == [("A",), ("B",)]


def test_states_of_plugins_are_not_in_cores_vocabulary(case: Case) -> None:
    case.put("orders", 200, status="awaiting-pickup")
    case.put("orders", 201, status="wc-completed")
    case.put("orders", 202, status="wc-awaiting-pickup")
    case.put("products", 100, status="wc-coming-soon")
    case.put("products", 101, status="wc-publish", stock_status="preorder")
    case.run()
    assert case.core("SELECT status, source_status FROM core.sales_orders ORDER BY id") == [
        ("processing", "awaiting-pickup"),
        ("completed", "wc-completed"),
        ("processing", "wc-awaiting-pickup"),
    ]
    assert case.core("SELECT status, active FROM core.products ORDER BY id") == [("hidden", False), ("active", True)]
    assert case.core("SELECT stock_status FROM core.inventory_items ORDER BY id") == [("in_stock",), (None,)]
    for kind, number, word in (("order", 200, "awaiting"), ("product", 100, "coming"), ("product", 101, "preorder")):
        assert word in case.foreseen(kind, number)
        assert word in case.said(kind, number)
    assert case.foreseen("order", 201) == ""


def test_stock_that_is_managed_in_words_counts(case: Case) -> None:
    for number, managed in enumerate(("yes", 1, "1", "no", 0, "parent", "maybe"), 100):
        case.put("products", number, manage_stock=managed, stock_quantity="7")
    case.run()
    assert case.core("SELECT quantity FROM core.inventory_items ORDER BY id") == [
        (Decimal(7),),
        (Decimal(7),),
        (Decimal(7),),
        (None,),
        (None,),
        (None,),
        (None,),
    ]
    assert "maybe" in case.foreseen("product", 106)
    assert "maybe" in case.said("product", 106)


def test_blanks_of_every_kind_are_blanks(case: Case) -> None:
    case.put("products", 100, sku="TWIN-1")
    case.put("products", 101, sku="\u00a0twin-1")
    case.put("products", 102, sku="twin-1\t")
    case.put("customers", 50, email="blank@example.test\t")
    case.put("orders", 200, billing={"email": "\u00a0blank@example.test"})
    case.run()
    assert case.core("SELECT sku FROM core.products ORDER BY id") == [("TWIN-1",), (None,), (None,)]
    assert case.core("SELECT email, order_count FROM core.customers") == [("blank@example.test", 1)]


def test_texts_of_any_length_reach_core(case: Case) -> None:
    letters = "".join(chr(97 + (n * n * 7 + n // 3) % 26) for n in range(3600))
    case.put("products", 100, sku=letters)
    case.put("products", 101, sku=letters + "x")
    case.put("customers", 50, email=f"{letters}@example.test")
    case.put("orders", 200, number=letters, billing={"email": f"{letters}@other.test"})
    case.run()
    assert case.errors() == []
    skus = [sku for (sku,) in case.core("SELECT sku FROM core.products ORDER BY id")]
    assert all(sku.startswith(letters[:400]) and len(sku) < 500 for sku in skus)
    assert case.core("SELECT metadata ->> 'sku' FROM core.products ORDER BY id LIMIT 1") == [(letters,)]
    assert case.core("SELECT metadata ->> 'number' FROM core.sales_orders") == [(letters,)]
    assert "3600 characters" in case.foreseen("product", 100)
    assert "3600 characters" in case.said("product", 100)


def test_a_tag_whose_slug_is_long_reaches_core(database: Database, org: Organization) -> None:
    world = World(database, org.org_id)
    slug = "".join(chr(97 + (n * n * 7 + n // 3) % 26) for n in range(3600))
    world.promote("tag", {"id": 1, "name": "t", "slug": slug})
    assert world.one("SELECT metadata ->> 'code' FROM core.reference_data")[0] == slug


def test_ids_of_any_size_are_linked(case: Case) -> None:
    case.put("products", 91_234_567_890_123, sku="FAR")
    line = {"id": 1, "product_id": 91_234_567_890_123, "quantity": 1, "subtotal": "9.00", "total": "9.00"}
    case.put("orders", 91_234_567_890_124, total="9.00", line_items=[line])
    case.run()
    assert case.core("SELECT product_id IS NOT NULL FROM core.sales_order_items") == [(True,)]


def test_a_circle_of_categories_is_cut(case: Case) -> None:
    case.put("categories", 40, parent=40)
    case.put("categories", 41, parent=42)
    case.put("categories", 42, parent=41)
    case.put("categories", 43, parent=41)
    case.run()
    parents = "SELECT metadata ->> 'woo_category_id', parent_id IS NOT NULL FROM core.categories ORDER BY 1"
    mine = [row for row in case.core(parents) if row[0] in ("40", "41", "42", "43")]
    assert mine == [("40", False), ("41", True), ("42", False), ("43", True)]
    for number in (40, 41, 42):
        assert "lead back" in case.foreseen("category", number)
        assert "lead back" in case.said("category", number)
    assert case.said("category", 43) == ""
    case.change("categories", 41, parent=0)
    case.run()
    assert case.errors() == []
    mine = [row for row in case.core(parents) if row[0] in ("40", "41", "42", "43")]
    assert mine == [("40", False), ("41", False), ("42", True), ("43", True)]


def test_a_cut_circle_is_taken_back_and_comes_again(case: Case) -> None:
    case.put("categories", 41, parent=42)
    case.put("categories", 42, parent=41)
    case.run()
    assert case.report is not None
    promote.undo(case.shop.db, case.shop.org.org_id, case.report.plan, actor="ann")
    assert case.core("SELECT 1 FROM core.categories UNION SELECT 2 FROM promote.pending_link") == []
    case.run()
    assert case.core("SELECT metadata ->> 'woo_category_id' FROM core.categories WHERE parent_id IS NOT NULL") == [
        ("41",)
    ]
    assert case.core("SELECT external_id FROM promote.pending_link") == [("41",)]
