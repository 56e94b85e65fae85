"""What a promotion says that it wrote to each core table is what is different there afterwards."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.entities.core import core_tables
from sync_pipeline.steps import promote
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.promote import WrittenRows
from sync_pipeline.steps.promote.core_check import NOISE
from sync_pipeline_tests.integration.promote_world import World, customer, order, product, variation

Rows = Mapping[str, Mapping[int, dict[str, Any]]]
NOTHING = WrittenRows(0, 0, 0, 0)
MAKERS = {"product": product, "customer": customer, "order": order}


@pytest.fixture
def world(database: Database, org: Organization) -> World:
    return World(database, org.org_id)


def core(world: World) -> Rows:
    dumped = world.dump()
    return {table: {row["id"]: row for row in map(json.loads, dumped[table])} for table in core_tables()}


def without_noise(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in NOISE} | {"gone": row["deleted_at"] is not None}


def by_comparing(before: Rows, after: Rows, queue: str) -> dict[str, WrittenRows]:
    found = {}
    for name, table in core_tables().items():
        counts: Counter[str] = Counter()
        for number, row in after[name].items():
            was = before[name].get(number)
            if was is None:
                counts["created"] += 1
            elif was["deleted_at"] is None and row["deleted_at"] is not None:
                counts["removed"] += 1
            elif without_noise(was) != without_noise(row):
                counts["updated"] += 1
            elif row["queue_id"] == queue and was["queue_id"] != queue:
                counts["unchanged"] += 1
        found[table.short] = WrittenRows(*(counts[one] for one in ("created", "updated", "removed", "unchanged")))
    return found


def test_rows_are_made_changed_removed_and_written_as_they_were(world: World) -> None:
    kept, sold, gone = product(1), product(2), product(3)
    world.apply(*(world.capture("product", one) for one in (kept, sold, gone)))
    since = promote.database_time(world.db, world.org_id)
    report = world.apply(
        world.capture("product", {**kept, "meta_data": [{"key": "_plugin", "value": "1"}]}),
        world.capture("product", {**sold, "price": "12.00"}),
        world.capture("product", gone, deleted=True),
        world.capture("product", product(4)),
        world.capture("variation", variation(40, 4)),
    )
    assert report.errors == []
    found = promote.rows_written(world.db, world.org_id, [report.queue], since=since)
    assert found["products"] == WrittenRows(created=1, updated=1, removed=1, unchanged=1)
    assert found["product_variants"] == WrittenRows(created=1, updated=0, removed=0, unchanged=0)
    assert found["customers"] == NOTHING
    assert set(found) == {table.short for table in core_tables().values()}
    later = promote.database_time(world.db, world.org_id)
    again = promote.apply(world.db, world.org_id, report.plan, actor="tester")
    found = promote.rows_written(world.db, world.org_id, [again.queue], since=later)
    assert set(found.values()) == {NOTHING}, "applied again, it writes nothing"


@pytest.mark.parametrize("seed", range(6))
def test_any_promotion_says_what_is_different_afterwards(world: World, seed: int) -> None:
    dice = random.Random(seed)
    known: dict[tuple[str, int], dict[str, Any]] = {}
    for _ in range(5):
        picked = {(dice.choice(list(MAKERS)), dice.randrange(1, 6)) for _ in range(dice.randrange(1, 6))}
        records = []
        for kind, number in sorted(picked):
            payload = {**known.get((kind, number), MAKERS[kind](number)), "menu_order": dice.randrange(1000)}
            if dice.random() < 0.5:
                payload |= {"name": f"N{dice.randrange(9)}", "first_name": f"F{dice.randrange(9)}"}
            payload |= {"customer_id": dice.randrange(6)} if kind == "order" else {}
            known[kind, number] = payload
            deleted = dice.random() < 0.2
            records.append(world.capture(kind, payload, deleted=deleted))
        before, since = core(world), promote.database_time(world.db, world.org_id)
        report = world.apply(*records)
        found = promote.rows_written(world.db, world.org_id, [report.queue], since=since)
        assert found == by_comparing(before, core(world), report.queue)
