"""check --core: core is compared with what the promoted versions say, and repaired by a plan."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from sync_pipeline.cli.check import _core
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect, promote, select
from sync_pipeline.steps.approve.verdict import plan_facts
from sync_pipeline.steps.observe.validation import RowsOfPeople, rows_of_people
from sync_pipeline.steps.preview.paths import told as told_deeply
from sync_pipeline.steps.promote import CoreCheck
from sync_pipeline_tests.integration.promote_world import World, customer, order, product, variation


@pytest.fixture
def world(database: Database) -> World:
    org = connect.add_organization(database, "acme")
    return World(database, org.org_id)


def compared(world: World) -> CoreCheck:
    return promote.check_core(world.db, organization(world), size=3)


def organization(world: World) -> connect.Organization:
    return next(one for one in connect.organizations(world.db) if one.org_id == world.org_id)


def told(found: CoreCheck) -> Sequence[tuple[str, str]]:
    return sorted((one.table, one.field) for one in found.differences)


@pytest.fixture
def shop(world: World) -> World:
    line = {"id": 1, "name": "x", "product_id": 1, "quantity": 1, "subtotal": "9", "total": "9"}
    guest = {"email": "guest@a.test", "first_name": "Guest"}
    world.apply(
        world.capture("category", {"id": 5, "name": "Five", "parent": 0}),
        world.capture("product", product(1, sku="A", categories=[{"id": 5}], manage_stock=True, stock_quantity=4)),
        world.capture("product", product(2, sku="A", name="the same SKU")),
        world.capture("variation", variation(7, 1, sku="V", manage_stock=True, stock_quantity=2)),
        world.capture("customer", customer(3, email="three@a.test")),
        world.capture("order", order(20, customer_id=3, total="9", line_items=[line])),
        world.capture("order", order(21, customer_id=0, total="9", line_items=[line], billing=guest)),
        world.capture("order", order(22, customer_id=0, total="9", line_items=[line], billing=guest)),
        world.capture("refund", {"id": 30, "parent_id": 20, "amount": "2.00"}),
        world.capture("order", order(23, customer_id=8, total="1", line_items=[])),  # waits for its customer
    )
    return world


def test_what_was_promoted_is_what_core_should_be(shop: World) -> None:
    before = shop.dump()
    found = compared(shop)
    assert (found.differences, found.records, found.older) == ([], 10, 0)
    assert shop.dump() == before, "nothing was kept of the comparison"


@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        ("UPDATE core.products SET name = 'x' WHERE sku = 'A'", [("core.products", "name")]),
        ("UPDATE core.products SET metadata = metadata || '{\"a\": 1}' WHERE sku = 'A'",
         [("core.products", "metadata.a")]),
        ("UPDATE core.customers SET lifetime_value = 1 WHERE name LIKE '%%3'", [("core.customers", "lifetime_value")]),
        ("UPDATE core.customers SET order_count = 1 WHERE metadata ? 'guest'", [("core.customers", "order_count")]),
        ("UPDATE core.sales_orders SET customer_id = NULL WHERE number = '21'", [("core.sales_orders", "customer_id")]),
        ("UPDATE core.sales_orders SET refunded_total = 0", [("core.sales_orders", "refunded_total")]),
        ("UPDATE core.sales_order_items SET product_id = NULL WHERE item_type = 'line' AND id = (SELECT min(id) FROM "
         "core.sales_order_items)", [("core.sales_order_items", "product_id")]),
        ("DELETE FROM core.sales_order_items WHERE item_type = 'refund'",
         [("core.sales_order_items", ""), ("core.sales_orders", "refunded_total"),
          ("promote.integration_mapping", "internal_id")]),
        ("UPDATE core.inventory_items SET quantity = 1 WHERE quantity = 4", [("core.inventory_items", "quantity")]),
        ("UPDATE core.inventory_items SET product_id = NULL", [("core.inventory_items", "product_id")] * 3),
        ("DELETE FROM core.product_categories", [("core.product_categories", "")]),
        ("DELETE FROM promote.pending_link WHERE from_table = 'core.sales_orders'", [("promote.pending_link", "")]),
        ("UPDATE core.products SET sku = NULL WHERE sku = 'A'", [("core.products", "sku")]),
    ],
)  # fmt: skip
def test_damage_is_seen_and_repaired_by_a_plan(shop: World, damage: str, seen: Sequence[tuple[str, str]]) -> None:
    right = _plain(shop)
    shop.sql(damage)
    found = compared(shop)
    assert told(found) == sorted(seen)
    plan = promote.make_repair_plan(shop.db, organization(shop), found, actor="ann")
    assert plan is not None
    assert (plan.origin, plan.state) == ("repair", "proposed")
    report = promote.apply(shop.db, shop.org_id, plan.plan_id, actor="ann")
    assert (report.state, report.errors) == ("done", [])
    assert compared(shop).ok
    assert _plain(shop) == right


def test_a_record_that_the_store_changed_since_is_repaired_in_the_version_that_core_has(shop: World) -> None:
    shop.capture("product", product(1, sku="A", name="newer"))
    assert compared(shop).ok
    shop.sql("UPDATE core.products SET name = 'x' WHERE sku = 'A'")
    plan = promote.make_repair_plan(shop.db, organization(shop), compared(shop), actor="ann")
    assert plan is not None
    promote.apply(shop.db, shop.org_id, plan.plan_id, actor="ann")
    assert shop.one("SELECT name FROM core.products WHERE sku = 'A'").name == product(1)["name"]


def test_what_is_left_of_a_deleted_record_is_seen(shop: World) -> None:
    shop.apply(shop.capture("product", product(1), deleted=True))
    assert compared(shop).ok
    shop.sql("UPDATE core.inventory_items SET deleted_at = NULL, active = true")
    shop.sql("UPDATE core.products SET deleted_at = NULL")
    found = compared(shop)
    assert ("core.products", "deleted") in told(found)
    plan = promote.make_repair_plan(shop.db, organization(shop), found, actor="ann")
    assert plan is not None
    assert plan.deletes
    promote.apply(shop.db, shop.org_id, plan.plan_id, actor="ann")
    assert compared(shop).ok


def test_a_row_that_nobody_stands_behind_is_seen(shop: World) -> None:
    shop.apply(*(shop.capture("order", order(n, customer_id=0), deleted=True) for n in (21, 22)))
    assert compared(shop).ok
    shop.sql("UPDATE core.customers SET deleted_at = NULL WHERE metadata ? 'guest'")
    assert ("core.customers", "deleted") in told(compared(shop))


def test_figures_wait_for_the_promotion_of_a_newer_order(shop: World) -> None:
    shop.capture("order", order(24, customer_id=3, total="100"))
    assert compared(shop).ok, "nothing of this customer's was promoted since"
    shop.sql("UPDATE capture.sync_record SET captured_at = captured_at - interval '1 hour' WHERE external_id = '24'")
    shop.promote("order", order(25, customer_id=3, total="1"))
    assert compared(shop).ok
    shop.sql("UPDATE core.customers SET lifetime_value = 1 WHERE email = 'three@a.test'")
    assert told(compared(shop)) == [("core.customers", "lifetime_value")]


def test_nothing_to_repair_makes_no_plan(shop: World) -> None:
    assert promote.make_repair_plan(shop.db, organization(shop), compared(shop), actor="ann") is None
    assert select.plans(shop.db, organization(shop), state="proposed")[1] == 0


def _plain(world: World) -> Any:
    """Core without when and by whom it was written, and without ids of parts that were written anew."""
    names = ("products", "product_variants", "customers", "sales_orders")
    noise = "'{updated_at,created_at,queue_id}'::text []"
    rows = {name: world.sql(f"SELECT to_jsonb(t) - {noise} FROM core.{name} AS t ORDER BY id") for name in names}
    parts = {
        name: world.sql(
            f"SELECT to_jsonb(t) - {noise} - 'id' FROM core.{name} AS t ORDER BY entity_type, external_id, 1"
        )
        for name in ("inventory_items", "sales_order_items")
    }
    return {**rows, **parts, "pairs": world.sql("SELECT product_id, category_id FROM core.product_categories")}


def test_ids_of_a_check_are_real_and_the_same_and_no_sequence_of_core_moves(shop: World) -> None:
    """Rows that stand are named by their id, missing ones by their record and item."""
    item = shop.one("DELETE FROM core.sales_order_items WHERE id = (SELECT min(id) FROM core.sales_order_items) "
                    "RETURNING external_id, item_type, external_item_id")  # fmt: skip
    product_id = shop.one("UPDATE core.products SET name = 'Hacked', price = 145.1 WHERE sku = 'A' RETURNING id").id
    shop.sql("DELETE FROM core.product_categories")
    shop.sql("DELETE FROM promote.pending_link WHERE from_table = 'core.sales_orders'")
    shop.sql("DELETE FROM core.inventory_items WHERE product_id IS NOT NULL AND variant_id IS NULL")
    before = _sequences(shop)
    found, again = (
        [(one.table, one.id, one.row, one.field, one.found, one.should) for one in compared(shop).differences]
        for _ in range(2)
    )
    assert found == again
    assert _sequences(shop) == before, "no id of core is used up by a check"
    named = {(table, row) for table, _, row, _, _, _ in found}
    missing = f"{item.external_id}, {item.item_type} {item.external_item_id}"
    assert any(table == "core.sales_order_items" and row.endswith(missing) for table, row in named), named
    assert ("core.products", str(product_id)) in named
    for table, number, _, _, _, _ in found:
        if number is not None:
            assert shop.sql(f"SELECT 1 FROM {table} WHERE id = {number}"), (table, number)
        else:
            assert table != "core.products"
    assert not [one for one in found if str(2**62)[:6] in repr(one)], "no id that only the check had"


def test_the_answer_for_programs_names_each_difference(shop: World) -> None:
    shop.sql("DELETE FROM core.sales_order_items WHERE item_type = 'line'")
    differences = _core(compared(shop))["differences"]
    names = {(one["table"], one["id"], one["field"]) for one in differences}
    assert len(names) == len(differences) == 3
    assert not [one for one in differences if one["id"] is None or str(one["id"]) != one["row"]]


def test_a_repair_plan_says_what_it_changes_in_core(shop: World) -> None:
    row = shop.one("UPDATE core.products SET name = 'Hacked', price = 145.1 WHERE sku = 'A' RETURNING id").id
    item = shop.one("DELETE FROM core.sales_order_items WHERE item_type = 'line' AND external_id = '20' "
                    "RETURNING external_item_id").external_item_id  # fmt: skip
    plan = promote.make_repair_plan(shop.db, organization(shop), compared(shop), actor="ann")
    assert plan is not None
    items, _ = select.plan_items(shop.db, organization(shop), plan.plan_id, effects=promote.effects)
    changes = {one["field"]: one for item in items for one in item.changes}
    right = product(1)
    assert changes[f"products[id={row}].name"] == {
        "field": f"products[id={row}].name", "before": "Hacked", "after": right["name"],
    }  # fmt: skip
    assert (changes[f"products[id={row}].price"]["before"], str(changes[f"products[id={row}].price"]["after"])) == (
        Decimal("145.1"), right["price"],
    )  # fmt: skip
    [missing] = [one for field, one in changes.items() if field.endswith(f"20, line {item}]")]
    assert "before" not in missing
    assert missing["after"]["external_item_id"] == item
    assert "id" not in missing["after"]
    promote.apply(shop.db, shop.org_id, plan.plan_id, actor="ann")
    assert compared(shop).ok


def test_a_plan_says_what_an_update_changes_in_child_rows_of_core(shop: World) -> None:
    line = {"id": 1, "name": "x", "product_id": 2, "quantity": 1, "subtotal": "9", "total": "9"}
    items, _ = select.plan_items(
        shop.db,
        organization(shop),
        shop.plan(
            [
                shop.capture("order", order(20, customer_id=3, total="9", line_items=[line])),
                shop.capture("product", product(1, sku="A", categories=[], manage_stock=True, stock_quantity=4)),
            ]
        ),
        effects=promote.effects,
    )
    core = {item.entity: {one["field"]: told_deeply(one["field"], one) for one in item.core} for item in items}
    assert [one["path"] for one in core["orders"]["sales_order_items"]["paths"]] == [
        "sales_order_items[id=line:1].product.external_id"
    ]
    assert core["products"].keys() == {"product_categories"}


def _sequences(world: World) -> dict[str, int | None]:
    """Where every sequence of a core table stands, and of links that wait."""
    found = world.sql(
        "SELECT schemaname || '.' || sequencename AS name, last_value AS last FROM pg_sequences "
        "WHERE schemaname = 'core' OR sequencename = 'pending_link_id_seq'"
    )
    assert sum(one.last is not None for one in found) > 5, "they can be read"
    return {one.name: one.last for one in found}


def test_a_repair_changes_money_where_a_column_or_a_row_of_money_does(shop: World) -> None:
    def money(damage: str) -> dict[str, int]:
        shop.sql(damage)
        plan = promote.make_repair_plan(shop.db, organization(shop), compared(shop), actor="ann")
        assert plan is not None
        with shop.db.org(shop.org_id) as conn:
            facts = plan_facts(conn, plan.plan_id)
        promote.apply(shop.db, shop.org_id, plan.plan_id, actor="ann")
        return {one.entity_type: one.money for one in facts}

    assert money("UPDATE core.products SET name = 'x', metadata = '{}' WHERE sku = 'A'") == {"product": 0}
    assert money("UPDATE core.products SET price = 1 WHERE sku = 'A'") == {"product": 1}
    assert money("UPDATE core.sales_orders SET payment_method = 'x' WHERE number = '21'") == {"order": 0}
    assert money("DELETE FROM core.sales_order_items WHERE external_id = '20' AND item_type = 'line'") == {"order": 1}


def test_rows_that_people_made_are_counted_and_no_difference(shop: World) -> None:
    assert rows_of_people(shop.db, organization(shop)) == {}
    made = shop.one(
        "INSERT INTO core.products (org_id, sku, name) VALUES (connect.current_org(), 'MINE', 'By hand') RETURNING id"
    )[0]
    assert compared(shop).ok
    assert rows_of_people(shop.db, organization(shop)) == {"core.products": RowsOfPeople(1, (made,))}
