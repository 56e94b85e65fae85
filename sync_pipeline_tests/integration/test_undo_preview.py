"""What the preview of an undo says is what the undo does."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Conflict
from sync_pipeline.steps import promote
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.promote import UndoneTable, UndoPreview
from sync_pipeline_tests.integration.promote_world import CORE, World, customer, order, product, variation
from sync_pipeline_tests.shares import first

NOISE = {
    "org_id", "created_at", "updated_at", "queue_id", "deleted_at", "sku_key", "email_key", "last_promoted_at",
    "mapper", "entity_hash",
}  # fmt: skip
IN_CORE = "SELECT connection_id, entity_type, external_id FROM promote.integration_mapping WHERE NOT promoted_deleted"
Rows = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture
def world(database: Database, org: Organization) -> World:
    return World(database, org.org_id)


def key_of(table: str, row: dict[str, Any]) -> str:
    names = {
        "promote.integration_mapping": ("connection_id", "entity_type", "external_id"),
        "core.product_categories": ("product_id", "category_id"),
        # A link that waits is a new row each time: it is what it says.
        "promote.pending_link": ("from_table", "from_id", "relation", "connection_id", "entity_type", "external_id"),
    }.get(table, ("id",))
    return json.dumps([row[name] for name in names])


def everything(world: World) -> Rows:
    """Each row of core, the mapping and the pending links: what it says, by its key."""
    found: Rows = {}
    for table, rows in world.dump().items():
        read = [json.loads(row) for row in rows]
        found[table] = {
            key_of(table, row): {
                **{name: value for name, value in row.items() if name not in NOISE},
                "deleted": row.get("deleted_at") is not None,
            }
            for row in read
        }
    found["promote.pending_link"] = {key: {} for key in found["promote.pending_link"]}
    return found


def differences(before: Rows, after: Rows) -> dict[str, tuple[int, int, int]]:
    """How many rows of each table were changed, removed and added."""
    found = {}
    for table in CORE:
        was, now = before[table], after[table]
        counts = (
            sum(was[key] != now[key] for key in was.keys() & now.keys()),
            len(was.keys() - now.keys()),
            len(now.keys() - was.keys()),
        )
        if any(counts):
            found[table] = counts
    return found


def said(tables: Any) -> dict[str, tuple[int, int, int]]:
    return {one.table_name: (one.changed, one.removed, one.added) for one in tables}


def check(world: World, plan: str) -> UndoPreview:
    """Preview and undo a plan; the undo does what was said, and the preview itself nothing."""
    before, kept = everything(world), world.dump()
    journal = world.one("SELECT count(*) FROM observe.sync_activity")[0]
    preview = promote.preview_undo(world.db, world.org_id, plan, limit=1000)
    assert world.dump() == kept
    assert world.one("SELECT count(*) FROM observe.sync_activity")[0] == journal
    if preview.blocking:
        with pytest.raises(Conflict) as refused:
            promote.undo(world.db, world.org_id, plan, actor="tester")
        assert all(str(other) in str(refused.value) for other, _ in preview.blocking)
        return preview
    report = promote.undo(world.db, world.org_id, plan, actor="tester")
    after = everything(world)
    assert (preview.rows, preview.merged) == (report.rows, report.merged)
    assert said(preview.tables) == differences(before, after)
    mapping = "promote.integration_mapping"
    assert preview.leaves == len(before[mapping].keys() - after[mapping].keys())
    connections = {row[0]: row[1] for row in world.sql("SELECT name, connection_id FROM connect.integration_connector")}
    for line in preview.lines:
        key = json.dumps([connections[line.connection], line.stream.entity_type, line.external_id])
        known = before[mapping][key]
        row = json.dumps([known["internal_id"]])
        was, now = before[known["core_table"]][row], after[known["core_table"]].get(row)
        assert (line.outcome == "leaves") == (key not in after[mapping])
        for name, sides in line.changes.items():
            assert sides.get("before") == was[name]
            assert ("after" in sides) == (now is not None)
            assert now is None or sides["after"] == now[name]
        if now is not None:
            assert line.changes.keys() == {name for name in was if was[name] != now[name]}
    return preview


def test_what_was_created_leaves_what_was_updated_goes_back_and_what_was_deleted_returns(world: World) -> None:
    world.apply(
        world.capture("product", product(1)),
        world.capture("product", product(2)),
        world.capture("customer", customer(3)),
    )
    second = world.apply(
        world.capture("product", product(1, name="Later", price="12.00", regular_price="12.00")),
        world.capture("product", product(2), deleted=True),
        world.capture("product", product(4)),
        world.capture("order", order(20, customer_id=3)),
    )
    preview = check(world, second.plan)
    assert (preview.leaves, preview.goes_back, preview.returns, preview.records) == (2, 1, 1, 4)
    [back] = [line for line in preview.lines if line.external_id == "1"]
    assert back.changes["name"] == {"before": "Later", "after": "Product 1"}
    [gone] = [line for line in preview.lines if line.external_id == "4"]
    assert gone.changes["sku"] == {"before": "P-4"}
    assert UndoneTable("core.customers", 1, 0, 0) in preview.tables  # its figures


def test_later_plans_that_use_its_rows_are_named_and_nothing_else_is_said(world: World) -> None:
    first = world.promote("product", product(1))
    second = world.promote("product", product(1, name="Later"))
    preview = check(world, first.plan)
    assert [str(plan) for plan, _ in preview.blocking] == [second.plan]
    assert preview.records == 0
    check(world, second.plan)
    assert check(world, first.plan).leaves == 1


def test_a_row_that_another_store_shares_is_merged_again(world: World) -> None:
    other = world.connect("second")
    first = world.promote("product", product(1, sku="X", name="First", description="only first"))
    world.promote("product", product(9, sku="X", name="Second"), connection=other)
    preview = check(world, first.plan)
    assert (preview.merged, preview.leaves) == (1, 1)
    [line] = preview.lines
    assert line.changes["name"] == {"before": "First", "after": "Second"}


def test_nothing_is_previewed_of_what_was_never_applied_or_is_undone(world: World) -> None:
    plan = world.plan([world.capture("product", product(1))])
    with pytest.raises(Conflict, match="never applied"):
        promote.preview_undo(world.db, world.org_id, plan)
    report = world.promote("product", product(1))
    world.undo(report)
    assert promote.preview_undo(world.db, world.org_id, report.plan).undone


@pytest.mark.parametrize("seed", first(3, range(8)))
def test_whatever_was_promoted_the_preview_agrees_with_the_undo(world: World, seed: int) -> None:
    chance = random.Random(seed)
    stores = [world.shop, world.connect("second"), world.connect("third")]
    made = {
        "product": lambda n: product(
            n,
            sku=f"S-{chance.randrange(4)}",
            name=f"N{chance.randrange(99)}",
            categories=[{"id": chance.randrange(1, 4)}],
        ),
        "variation": lambda n: variation(n, chance.randrange(1, 4)),
        "category": lambda n: {"id": n, "name": f"C{chance.randrange(99)}", "parent": 0},
        "customer": lambda n: customer(n, email=f"e{chance.randrange(4)}@example.test"),
        "order": lambda n: order(n, customer_id=chance.randrange(5), total=f"{chance.randrange(1, 99)}.00"),
    }
    plans: list[str] = []
    there: set[tuple[int, str, str]] = set()
    for _ in range(7):
        records: dict[tuple[int, str, str], bool] = {}
        for _ in range(chance.randrange(1, 5)):
            kind, number, store = chance.choice(sorted(made)), chance.randrange(1, 4), chance.choice(stores)
            gone = chance.random() < 0.15 and (store, kind, str(number)) in there
            one = world.capture(kind, made[kind](number), connection=store, deleted=gone)
            records[one] = gone
        plans.append(world.apply(*records).plan)
        there = {(one[0], one[1], one[2]) for one in world.sql(IN_CORE)}
    chance.shuffle(plans)
    seen = [check(world, plan) for plan in plans]
    assert any(preview.records for preview in seen)
