"""Rows of core that people made: whoever claims their SKU, and in whatever order, finds them as the policy says."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Conflict
from sync_pipeline.steps import connect, promote
from sync_pipeline.steps.connect import Organization
from sync_pipeline_tests.integration.promote_world import World, product, variation


@pytest.fixture
def world(database: Database, org: Organization) -> World:
    return World(database, org.org_id)


def by_hand(world: World, sku: str = "A", table: str = "products") -> int:
    return int(
        world.one(
            f"INSERT INTO core.{table} (org_id, sku, name, price) "
            "VALUES (connect.current_org(), %(s)s, 'By hand', 5) RETURNING id",
            s=sku,
        )[0]
    )


def is_right(world: World) -> bool:
    (org,) = (one for one in connect.organizations(world.db) if one.org_id == world.org_id)
    assert promote.check_core(world.db, org).differences == []
    return True


def rows(world: World, table: str = "products") -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Which records are behind each live row, and its SKU and name."""
    found = world.sql(
        "SELECT array(SELECT m.external_id FROM promote.integration_mapping AS m WHERE NOT m.promoted_deleted "
        f"AND m.core_table = 'core.{table}' AND m.internal_id = p.id ORDER BY m.external_id) AS behind, p.sku, p.name "
        f"FROM core.{table} AS p WHERE p.deleted_at IS NULL"
    )
    return {tuple(row.behind): (row.sku, row.name) for row in found}


def gone(world: World, number: int) -> None:
    world.apply(world.capture("product", product(number, sku="A"), deleted=True))


def test_a_record_that_was_set_aside_finds_the_row_when_it_becomes_the_lowest(world: World) -> None:
    world.organize(sku_policy="core_wins")
    row = by_hand(world)
    world.promote("product", product(1, sku="A"))
    world.promote("product", product(2, sku="A", name="Two"))
    assert rows(world) == {("1",): ("A", "By hand"), ("2",): (None, "Two")}
    gone(world, 1)
    assert rows(world) == {("2",): ("A", "By hand")}
    assert is_right(world)
    gone(world, 2)
    assert rows(world) == {(): ("A", "By hand")}
    assert world.one("SELECT id FROM core.products WHERE deleted_at IS NULL").id == row
    assert is_right(world)


def test_a_record_that_gets_another_sku_leaves_the_row_as_it_was(world: World) -> None:
    world.organize(sku_policy="core_wins")
    row = by_hand(world)
    world.promote("category", {"id": 5, "name": "Five", "parent": 0})
    world.promote("product", product(1, sku="A", categories=[{"id": 5}], manage_stock=True, stock_quantity=3))
    renamed = world.promote(
        "product", product(1, sku="B", name="One", categories=[{"id": 5}], manage_stock=True, stock_quantity=3)
    )
    assert rows(world) == {(): ("A", "By hand"), ("1",): ("B", "One")}
    own = world.one("SELECT internal_id FROM promote.integration_mapping WHERE entity_type = 'product'").internal_id
    assert [tuple(one) for one in world.sql("SELECT product_id FROM core.product_categories")] == [(own,)]
    assert [tuple(one) for one in world.sql("SELECT product_id FROM core.inventory_items")] == [(own,)]
    assert is_right(world)
    world.promote("product", product(1, sku="A", name="One", categories=[{"id": 5}]))
    assert rows(world) == {("1",): ("A", "By hand")}
    assert world.sql("SELECT 1 FROM core.product_categories") == []
    assert is_right(world)
    assert renamed.state == "done"
    assert world.one("SELECT id FROM core.products WHERE deleted_at IS NULL").id == row


@pytest.mark.parametrize("policy", ["core_wins", "source_wins"])
def test_a_record_that_has_a_row_finds_the_one_that_people_made_as_a_new_one_does(world: World, policy: str) -> None:
    world.organize(sku_policy=policy)
    by_hand(world)
    other = world.connect("second")
    world.promote("product", product(2, sku="B", name="Two"))
    world.promote("product", product(3, sku="A", name="Three"), connection=other)
    world.promote("product", product(2, sku="A", name="Two"))
    assert rows(world) == {("2", "3"): ("A", "By hand" if policy == "core_wins" else "Two")}
    decided = world.sql("SELECT decision FROM promote.conflict WHERE kind = 'unmapped_sku'")
    assert {one.decision for one in decided} == {policy}
    assert is_right(world)


def test_who_leaves_the_row_to_a_lower_id_has_its_own_categories(world: World) -> None:
    world.organize(sku_policy="core_wins")
    by_hand(world)
    world.promote("category", {"id": 5, "name": "Five", "parent": 0})
    world.promote("product", product(2, sku="A", name="Two", categories=[{"id": 5}, {"id": 6}]))
    world.promote("product", product(1, sku="A", name="One", categories=[{"id": 5}]))
    assert rows(world) == {("1",): ("A", "By hand"), ("2",): (None, "Two")}
    two = world.one("SELECT internal_id FROM promote.integration_mapping WHERE external_id = '2'").internal_id
    assert [tuple(one) for one in world.sql("SELECT product_id FROM core.product_categories")] == [(two,)]
    assert is_right(world)
    world.promote("category", {"id": 6, "name": "Six", "parent": 0})
    assert world.one("SELECT count(*) AS n FROM core.product_categories").n == 2
    assert is_right(world)


def test_variants_keep_what_people_wrote_when_their_product_comes(world: World) -> None:
    world.organize(sku_policy="core_wins")
    by_hand(world, "V", "product_variants")
    world.promote("variation", variation(7, 1, sku="V", manage_stock=True, stock_quantity=3))
    world.promote("product", product(1, type="variable"))
    found = world.one("SELECT v.product_id, i.product_id AS of_stock FROM core.product_variants AS v, "
                      "core.inventory_items AS i WHERE i.variant_id = v.id")  # fmt: skip
    assert found.product_id is None
    assert found.of_stock is not None
    assert is_right(world)
    world.promote("variation", variation(7, 1, sku="W", manage_stock=True, stock_quantity=3))
    assert rows(world, "product_variants") == {(): ("V", "By hand"), ("7",): ("W", "Product 7")}
    assert is_right(world)


def test_under_halt_what_others_leave_to_a_record_waits_for_a_person(world: World) -> None:
    world.organize(sku_policy="core_wins")
    by_hand(world)
    world.promote("product", product(1, sku="A"))
    world.promote("product", product(2, sku="A", name="Two"))
    world.organize(sku_policy="halt")
    assert is_right(world), "what was decided before is not asked again"
    gone(world, 1)
    assert rows(world) == {(): ("A", "By hand"), ("2",): (None, "Two")}
    assert is_right(world)
    report = world.apply(world.capture("product", product(2, sku="A", name="Two again")))
    assert report.failed == 1
    world.sql("UPDATE observe.decision SET answer = 'core_wins', answered_by = 'me', answered_at = now()")
    promote.retry(world.db, world.org_id, report.queue, actor="me")
    assert promote.apply(world.db, world.org_id, report.plan, actor="me").state == "done"
    assert rows(world) == {("2",): ("A", "By hand")}
    assert is_right(world)


@pytest.mark.parametrize("later", ["halt", "source_wins"])
def test_a_policy_decides_what_comes_after_it(world: World, later: str) -> None:
    world.organize(sku_policy="core_wins")
    by_hand(world)
    world.promote("product", product(1, sku="A"))
    world.apply(*(world.capture("product", product(n, sku="B", name=str(n))) for n in (2, 3)))
    world.promote("product", product(3, sku="A", name="3"))
    world.organize(sku_policy=later)
    assert is_right(world)
    world.promote("product", product(1, sku="A", name="One"))
    assert rows(world)["1",] == ("A", "By hand"), "it was decided when it came"
    assert is_right(world)


def test_undo_gives_no_row_away_that_nobody_could_bring_back(world: World) -> None:
    by_hand(world)
    before = world.dump()
    first = world.promote("product", product(1, sku="A", name="One"))
    second = world.promote("product", product(2, sku="A", name="Two"))
    with pytest.raises(Conflict, match="Undo the promotions of these records first"):
        world.undo(first)
    world.undo(second)
    world.undo(first)
    assert world.dump() == before


def test_a_record_that_the_same_plan_renames_overwrites_nothing(world: World) -> None:
    world.sql("UPDATE connect.integration_connector SET settings = jsonb_build_object('batch_size', 1)")
    world.organize(sku_policy="core_wins")
    by_hand(world)
    world.promote("product", product(1, sku="A", name="One"))
    world.promote("product", product(2, sku="A", name="Two"))
    world.organize(sku_policy="source_wins")
    world.apply(
        world.capture("product", product(1, sku="A", name="One"), deleted=True),
        world.capture("product", product(2, sku="C", name="Two")),
    )
    assert rows(world) == {(): ("A", "By hand"), ("2",): ("C", "Two")}
    assert is_right(world)


def test_undo_in_another_order_leaves_the_row_as_it_was(world: World) -> None:
    world.organize(sku_policy="core_wins")
    by_hand(world)
    before = world.dump()
    first = world.promote("product", product(1, sku="A", name="One"))
    second = world.promote("product", product(2, sku="A", name="Two"))
    world.undo(first)
    assert rows(world) == {("2",): ("A", "By hand")}
    assert is_right(world)
    world.undo(second)
    assert world.dump() == before
