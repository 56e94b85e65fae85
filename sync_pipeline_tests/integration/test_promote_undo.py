"""A promotion can be taken back, row for row."""

from __future__ import annotations

from functools import partial

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Conflict
from sync_pipeline.steps import connect, promote
from sync_pipeline.steps.connect import Organization
from sync_pipeline_tests.compared import stored_warnings
from sync_pipeline_tests.integration.interleaved import interleaved
from sync_pipeline_tests.integration.promote_world import World, customer, order, product, variation


@pytest.fixture
def world(database: Database, org: Organization) -> World:
    return World(database, org.org_id)


def _everything(world: World, mark: str, *, price: str) -> list[tuple[int, str, str]]:
    return [
        world.capture("category", {"id": 5, "name": f"Cat {mark}", "parent": 6}),
        world.capture("category", {"id": 6, "name": f"Root {mark}", "parent": 0}),
        world.capture("customer", customer(3, first_name=mark)),
        world.capture(
            "product",
            product(
                1, price=price, categories=[{"id": 5}, {"id": 99}], type="variable", manage_stock=True, stock_quantity=4
            ),
        ),
        world.capture("product", product(2, name=mark, categories=[{"id": 5 if mark == "a" else 6}])),
        world.capture("variation", variation(7, 1, price=price)),
        world.capture("order", order(20, total=price, customer_id=3)),
        world.capture("order", order(21, total=price, number=mark)),
        world.capture("refund", {"id": 30, "parent_id": 20, "amount": price, "reason": mark, "line_items": []}),
        world.capture("tag", {"id": 4, "name": mark, "slug": mark}),
    ]


def test_undo_of_a_first_promotion_leaves_nothing_and_shows_the_records_as_new(world: World) -> None:
    empty = world.dump()
    report = world.apply(*_everything(world, "a", price="10.00"))
    assert (report.state, report.errors) == ("done", [])
    assert world.sql("SELECT 1 FROM core.sales_order_items WHERE item_type = 'refund'")
    world.undo(report)
    assert world.dump() == empty
    statuses = {r[0] for r in world.sql("SELECT status FROM preview.difference")}
    assert statuses == {"new"}
    assert world.one("SELECT count(*) FROM preview.difference")[0] == 10
    assert world.one("SELECT state, undone_by FROM selection.sync_plan")[:2] == ("undone", "tester")


def test_undo_shows_the_records_with_the_warnings_that_they_had(world: World) -> None:
    """Values, a parent, a circle, a SKU and an e-mail: each kind that a comparison warns of."""
    other = world.connect("second")
    world.capture("product", product(9, sku="X"), connection=other)
    world.capture("customer", customer(9, email="x@a.test"), connection=other)
    records = [
        world.capture("product", product(1, sku="X")),
        world.capture("product", product(2, sku="Y")),
        world.capture("product", product(3, sku="y")),
        world.capture("customer", customer(3, email="x@a.test")),
        world.capture("category", {"id": 5, "name": "a", "parent": 6}),
        world.capture("category", {"id": 6, "name": "b", "parent": 5}),
        world.capture("category", {"id": 7, "name": "c", "parent": 77}),
        world.capture("order", order(20, status="new-state")),
        world.capture("order", order(21, status="processing")),
    ]
    for kind in ("product", "customer", "category", "order"):
        world.preview(kind)
    before = stored_warnings(world.db, world.org_id)
    codes = {
        row[0] for row in world.sql("SELECT jsonb_path_query(warnings, '$[*].code') #>> '{}' FROM preview.difference")
    }
    assert codes == {
        "shared_sku", "duplicate_sku", "shared_email", "circular_parent", "missing_category", "unknown_status"
    }  # fmt: skip
    world.undo(world.apply(*records))
    assert stored_warnings(world.db, world.org_id) == before


def test_undo_of_an_update_returns_every_row_to_the_version_before(world: World) -> None:
    world.apply(*_everything(world, "a", price="10.00"))
    before = world.dump()
    second = world.apply(*_everything(world, "b", price="12.00"))
    assert second.errors == []
    assert world.dump() != before
    report = world.undo(second)
    assert world.dump() == before
    assert report.rows > 0
    assert {r[0] for r in world.sql("SELECT status FROM preview.difference")} == {"updated"}
    again = world.undo(second)
    assert (again.rows, world.dump()) == (0, before)


def test_undo_of_a_deletion(world: World) -> None:
    world.apply(*_everything(world, "a", price="10.00"))
    before = world.dump()
    records = [
        world.capture("product", product(2), deleted=True),
        world.capture("customer", customer(3, first_name="a"), deleted=True),
        world.capture("order", order(20, total="10.00", customer_id=3), deleted=True),
        world.capture("refund", {"id": 30, "parent_id": 20, "amount": "10.00"}, deleted=True),
    ]
    report = world.apply(*records)
    assert (report.done, world.one("SELECT count(*) FROM core.products WHERE deleted_at IS NOT NULL")[0]) == (4, 1)
    world.undo(report)
    assert world.dump() == before
    assert {r[0] for r in world.sql("SELECT status FROM preview.difference")} == {"deleted"}


def test_undo_takes_links_back_that_the_promotion_filled(world: World) -> None:
    world.promote("order", order(20, customer_id=3))
    world.promote("variation", variation(7, 1))
    world.promote("product", product(2, categories=[{"id": 5}]))
    before = world.dump()
    report = world.apply(
        world.capture("customer", customer(3)),
        world.capture("product", product(1)),
        world.capture("category", {"id": 5, "name": "Five", "parent": 0}),
    )
    assert world.sql("SELECT 1 FROM promote.pending_link") == []
    world.undo(report)
    assert world.dump() == before


def test_a_promotion_that_another_built_upon_is_not_undone_over_its_head(world: World) -> None:
    first = world.promote("product", product(1))
    second = world.promote("product", product(1, name="Later"))
    before = world.dump()
    with pytest.raises(Conflict, match=second.plan):
        world.undo(first)
    assert world.dump() == before
    world.undo(second)
    world.undo(first)
    assert world.products() == []


def test_what_a_later_promotion_hangs_on_a_row_is_named(world: World) -> None:
    first = world.promote("product", product(1, type="variable"))
    second = world.promote("variation", variation(7, 1))
    third = world.promote("category", {"id": 5, "name": "x", "parent": 0})
    with pytest.raises(Conflict, match=second.plan) as caught:
        world.undo(first)
    assert third.plan not in str(caught.value)


def test_a_link_filled_by_a_later_promotion_blocks_the_undo_of_its_source(world: World) -> None:
    first = world.promote("product", product(1, categories=[{"id": 5}]))
    second = world.promote("category", {"id": 5, "name": "x", "parent": 0})
    with pytest.raises(Conflict, match=second.plan):
        world.undo(first)
    world.undo(second)
    world.undo(first)
    assert world.products() == []


def test_undo_of_one_of_two_stores_sharing_a_sku_keeps_the_others_values(world: World) -> None:
    other = world.connect("second")
    empty = world.dump()
    first = world.promote("product", product(1, sku="X", name="First", barcode="", description="only first"))
    second = world.promote("product", product(9, sku="x ", name="Second"), connection=other)
    assert world.products() == [("X", "First", True)]
    report = world.undo(first)
    assert report.merged == 1
    assert world.one("SELECT name, description FROM core.products")[:2] == ("Second", None)
    assert world.one("SELECT count(*) FROM promote.integration_mapping")[0] == 1
    world.undo(second)
    assert world.dump() == empty


def test_what_leads_to_a_shared_row_through_the_promotion_is_named(world: World) -> None:
    """The row stays, for the first store: but the line's product is in core no longer."""
    other = world.connect("second")
    world.promote("product", product(1, sku="X"))
    second = world.promote("product", product(9, sku="X"), connection=other)
    line = {"id": 4, "name": "x", "product_id": 9, "quantity": 1, "subtotal": "3", "total": "3"}
    third = world.promote("order", order(20, line_items=[line]), connection=other)
    with pytest.raises(Conflict, match=third.plan):
        world.undo(second)
    world.undo(third)
    world.undo(second)
    assert world.one("SELECT count(*) FROM promote.integration_mapping")[0] == 1


@pytest.mark.parametrize("first", [0, 1])
def test_promotions_at_once_are_taken_back_as_if_the_other_stayed(database: Database, first: int) -> None:
    """In whatever order their batches came: what one wrote between two batches of the other stays."""
    refused = 0
    for turns in range(8):
        org = connect.add_organization(database, f"turns-{first}-{turns}")
        world = World(database, org.org_id)
        other, empty = world.connect("second"), world.dump()
        plans = [
            world.plan(
                [
                    world.capture("customer", customer(1, email="x@a.test", first_name="One"), connection=store),
                    world.capture("product", product(1, sku="X", name=str(store)), connection=store),
                    world.capture("order", order(1, customer_id=1), connection=store),
                ]
            )
            for store in (world.shop, other)
        ]
        apply = promote.apply
        reports = interleaved(turns, [partial(apply, database, org.org_id, plan, actor="tester") for plan in plans])
        assert [(report.done, report.errors) for report in reports] == [(3, []), (3, [])]
        for report in (reports[first], reports[1 - first]):
            try:
                world.undo(report)
            except Conflict:
                refused += 1
                break
            assert promote.check_core(database, org).differences == []
        else:
            assert world.dump() == empty
    assert refused < 8, "two stores share their rows"


def test_undo_in_the_usual_order_returns_a_shared_row_too(world: World) -> None:
    other = world.connect("second")
    world.promote("product", product(1, sku="X", name="First"), connection=other)
    before = world.dump()
    second = world.promote("product", product(9, sku="X", name="Second", description="more"))
    assert world.products() == [("X", "Second", True)]
    world.undo(second)
    assert world.dump() == before


def test_an_undone_plan_is_not_applied_again(world: World) -> None:
    from sync_pipeline.steps import promote

    report = world.promote("product", product(1))
    world.undo(report)
    with pytest.raises(Conflict, match="undone"):
        promote.apply(world.db, world.org_id, report.plan, actor="tester")
    assert world.products() == []
    world.apply(world.capture("product", product(1)))
    assert len(world.products()) == 1


def test_the_preview_after_an_undo_is_what_a_comparison_finds(world: World) -> None:
    first = world.promote("product", product(1, name="One"))
    second = world.promote("product", product(1, name="Two"))
    world.capture("product", product(1, name="One"))
    world.preview("product")
    assert [row.status for row in world.sql("SELECT status FROM preview.difference")] == ["updated"]
    world.undo(second)
    assert world.sql("SELECT status FROM preview.difference") == [], "core has again what the store has"
    world.capture("product", product(1, name="One"), deleted=True)
    world.preview("product")
    assert [row.status for row in world.sql("SELECT status FROM preview.difference")] == ["deleted"]
    world.undo(first)
    assert world.sql("SELECT status FROM preview.difference") == [], "it is neither in core nor in the store"


def test_figures_that_an_undo_returns_are_those_of_the_orders_that_are_captured_now(world: World) -> None:
    world.capture("order", order(20, total="10.00", customer_id=3))
    world.promote("customer", customer(3, first_name="a"))
    moved = world.capture("order", order(20, total="10.00", customer_id=4))
    second = world.promote("customer", customer(3, first_name="b"))
    world.apply(moved)
    assert world.one("SELECT order_count FROM core.customers").order_count == 0
    world.undo(second)
    assert world.one("SELECT order_count FROM core.customers").order_count == 0, "it is somebody else's by now"
    org = next(one for one in connect.organizations(world.db) if one.org_id == world.org_id)
    assert promote.check_core(world.db, org).differences == []


def test_what_a_moved_record_waited_for_is_taken_back_with_it(world: World) -> None:
    """The record joins another store's row with what it waits for, and waits for nothing there."""
    other = world.connect("second")
    world.promote("product", product(2, sku="A"))
    world.promote("product", product(1, sku="B", categories=[{"id": 5}]), connection=other)
    before = world.dump()
    moved = world.promote("product", product(1, sku="A", categories=[]), connection=other)
    world.undo(moved)
    assert world.dump() == before
