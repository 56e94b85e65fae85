"""Core and captured records as of an earlier time: what they were then, or a sentence why that is no longer known."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from sync_pipeline import frames
from sync_pipeline.db.engine import Database
from sync_pipeline.entities.core import undo_order
from sync_pipeline.errors import NotFound
from sync_pipeline.steps.connect import Organization
from sync_pipeline_tests.integration.promote_world import World, customer, order, product, variation
from sync_pipeline_tests.shares import first

TABLES = [name.partition(".")[2] for name in undo_order()]


@pytest.fixture
def world(database: Database, org: Organization) -> World:
    made = World(database, org.org_id)
    made.organize(currency="USD")
    return made


def core(world: World, as_of: datetime | None = None) -> Mapping[str, pd.DataFrame]:
    return {table: frames.core("acme", table, as_of=as_of, database=world.db, json="text") for table in TABLES}


def now(world: World) -> datetime:
    found: datetime = world.one("SELECT clock_timestamp()")[0]
    return found


def differing(one: Mapping[str, pd.DataFrame], other: Mapping[str, pd.DataFrame]) -> list[str]:
    return [table for table in TABLES if not one[table].equals(other[table])]


def category(number: int, parent: int = 0, **fields: Any) -> dict[str, Any]:
    return {"id": number, "name": f"Category {number}", "slug": f"c-{number}", "parent": parent, **fields}


def some_records(world: World, chance: random.Random, step: int) -> list[tuple[int, str, str]]:
    """Records of every kind, changed at random: new names, other categories, other SKUs, other lines, deleted ones."""
    made = []
    for number in chance.sample(range(1, 6), 3):
        gone = chance.random() < 0.2
        categories = [{"id": one} for one in chance.sample((1, 2, 3), chance.randrange(3))]
        sku = f"P-{chance.choice((number, number, 9))}"
        made.append(
            world.capture(
                "product",
                product(
                    number, name=f"Product {number} at {step}", sku=sku, categories=categories,
                    manage_stock=chance.random() < 0.5, stock_quantity=step,
                ),
                deleted=gone,
            )
        )  # fmt: skip
    made.append(
        world.capture("variation", variation(chance.randrange(11, 14), chance.randrange(1, 4), price=str(step)))
    )
    made.append(world.capture("category", category(chance.choice((1, 2, 3)), slug=f"c-{step}")))
    made.append(world.capture("customer", customer(chance.randrange(1, 4), first_name=f"Ada {step}")))
    number = chance.randrange(1, 4)
    lines = [
        {"id": number * 10 + at, "name": f"Thing {step}", "product_id": chance.randrange(1, 6), "variation_id": 0,
         "quantity": 1, "subtotal": "50.00", "total": "50.00", "total_tax": "0.00", "sku": "x"}
        for at in range(chance.randrange(1, 4))
    ]  # fmt: skip
    payload = order(number, total=f"{50 * len(lines)}.00", line_items=lines, customer_id=chance.randrange(0, 4))
    made.append(world.capture("order", payload, deleted=chance.random() < 0.2))
    return made


@pytest.mark.parametrize("seed", first(2, range(4)))
def test_core_is_what_it_was_after_every_promotion(world: World, seed: int) -> None:
    chance = random.Random(seed)
    were = [(now(world), core(world))]
    for step in range(5):
        world.apply(*some_records(world, chance, step))
        were.append((now(world), core(world)))
    assert any(differing(one, other) for (_, one), (_, other) in itertools.pairwise(were))
    for moment, was in were:
        assert differing(core(world, moment), was) == []


@pytest.mark.parametrize("seed", first(1, range(3)))
def test_what_was_undone_counts_as_never_made(world: World, seed: int) -> None:
    chance = random.Random(100 + seed)
    were, reports = [(now(world), core(world))], []
    for step in range(4):
        reports.append(world.apply(*some_records(world, chance, step)))
        were.append((now(world), core(world)))
    for _ in range(2):
        world.undo(reports.pop())
        after, _ = were.pop()
        # After the promotion that was undone: as if it had not been made.
        assert differing(core(world, after), core(world)) == []
        assert differing(core(world), were[-1][1]) == []
        for moment, was in were:
            assert differing(core(world, moment), was) == []
    world.apply(*some_records(world, chance, 9))
    for moment, was in were:
        assert differing(core(world, moment), was) == []


def test_undoing_what_another_store_shares_leaves_what_was_before(world: World) -> None:
    other = world.connect("shop2")
    world.promote("product", product(1, sku="A", name="first"))
    began, before = now(world), core(world)
    second = world.promote("product", product(1, sku="A", name="renamed"))
    world.promote("product", product(7, sku="A", name="third"), connection=other)
    world.undo(second)
    assert differing(core(world, began), before) == []
    assert differing(core(world, now(world)), core(world)) == []


def test_a_row_that_was_taken_away_is_there_before(world: World) -> None:
    world.promote("category", category(1))
    world.promote("product", product(1, categories=[{"id": 1}]))
    there, pairs = now(world), frames.core("acme", "product_categories", database=world.db)
    world.promote("product", product(1, categories=[]))
    between = now(world)
    world.promote("product", product(1, categories=[{"id": 1}], name="again"))
    assert len(pairs) == 1
    assert frames.core("acme", "product_categories", as_of=there, database=world.db).equals(pairs)
    assert len(frames.core("acme", "product_categories", as_of=between, database=world.db)) == 0
    assert len(frames.core("acme", "product_categories", database=world.db)) == 1


def test_images_without_a_time_count_from_the_start_of_their_promotion(
    world: World, owner: Any
) -> None:  # what was promoted before the time was kept
    world.promote("product", product(1, name="first"))
    began, before = now(world), core(world)
    world.promote("product", product(1, name="second"))
    after, then = now(world), core(world)
    world.promote("product", product(1, name="third"))
    owner("UPDATE promote.core_change SET changed_at = NULL")
    assert differing(core(world, began), before) == []
    assert differing(core(world, after), then) == []


@pytest.fixture
def owner(owner_url: str) -> Any:
    from sqlalchemy import NullPool, create_engine

    def execute(statement: str) -> None:
        with create_engine(owner_url, poolclass=NullPool).begin() as conn:
            conn.exec_driver_sql(statement)

    return execute


def test_a_time_whose_images_are_deleted_is_refused(world: World, owner: Any, org: Organization) -> None:
    from sync_pipeline.config import Settings
    from sync_pipeline.steps import observe

    settings = Settings(keep_undo_days=30)
    world.promote("product", product(1, name="first"))
    world.promote("product", product(1, name="second"))
    owner(
        "UPDATE promote.sync_queue SET created_at = created_at - interval '40 days', "
        "finished_at = now() - interval '40 days'"
    )
    assert observe.delete_old(world.db, org, settings)["promote.core_change"] > 0
    kept = now(world)
    world.promote("product", product(1, name="third"))
    with pytest.raises(NotFound, match=r"is no longer known.*SYNC_KEEP_UNDO_DAYS.*later time"):
        core(world, datetime.now(UTC) - timedelta(days=41))
    # Also when the promotion itself is forgotten.
    owner("DELETE FROM promote.sync_queue WHERE undo_ended_at IS NOT NULL")
    with pytest.raises(NotFound, match="is no longer known"):
        core(world, datetime.now(UTC) - timedelta(days=41))
    assert list(core(world, kept)["products"]["name"]) == ["second"]


def test_a_time_to_come_is_refused(world: World) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(NotFound, match="still to come"):
        frames.core("acme", "products", as_of=later, database=world.db)
    for read in (frames.records, frames.versions):
        with pytest.raises(NotFound, match="still to come"):
            read("acme", "shop", "products", as_of=later, database=world.db)


def names(frame: pd.DataFrame) -> list[str]:
    return [payload["name"] for payload in frame["payload"]]


def test_captured_records_are_what_they_were(world: World) -> None:
    def read(**options: Any) -> list[str]:
        return names(frames.records("acme", "shop", "products", database=world.db, **options))

    moments = [now(world)]
    were: list[list[str]] = [[]]
    for name in ("a", "b", "a", "c"):  # a content that comes back, too
        world.capture("product", product(1, name=name))
        world.capture("product", product(2, name="still"))
        moments.append(now(world))
        were.append([name, "still"])
    world.capture("product", product(10, name="new"))
    world.sql(
        "UPDATE capture.sync_record SET deletion_state = 'deleted', deletion_at = clock_timestamp() "
        "WHERE external_id = '2'"
    )
    assert read() == ["c", "new"]
    assert read(deleted=True) == ["c", "still", "new"]
    for moment, was in zip(moments, were, strict=True):
        assert read(as_of=moment) == was
    assert read(as_of=now(world)) == ["c", "new"]


def test_versions_are_every_content_once(world: World) -> None:
    for name in ("a", "b", "c"):
        world.capture("product", product(1, name=name))
    between = now(world)
    world.capture("product", product(1, name="d"))
    found = frames.versions("acme", "shop", "products", database=world.db)
    assert names(found) == ["a", "b", "c", "d"]
    assert list(found["version_no"]) == [1, 2, 3, 4]
    assert list(found["superseded_at"].isna()) == [False, False, False, True]
    assert names(frames.versions("acme", "shop", "products", as_of=between, database=world.db)) == ["a", "b", "c"]


def test_contents_that_are_no_longer_kept_are_not_made_up(world: World, owner: Any) -> None:
    moments = []
    for name in ("a", "b", "c"):
        world.capture("product", product(1, name=name))
        moments.append(now(world))
    for version, moment in ((2, moments[1]), (1, moments[0])):
        owner(f"DELETE FROM capture.record_history WHERE version_no = {version}")
        with pytest.raises(NotFound, match=r"What 1 products were .* is no longer kept \(SYNC_KEEP_VERSIONS_DAYS\)"):
            frames.records("acme", "shop", "products", as_of=moment, database=world.db)
    assert names(frames.records("acme", "shop", "products", as_of=moments[2], database=world.db)) == ["c"]


def test_a_payload_that_jsonb_cannot_hold_comes_as_it_was(world: World) -> None:
    exact = '{"id": 1, "name": "\\u0000", "price": 0.10000000000000000000000000000000000000001}'
    world.capture("product", product(1))
    world.sql("UPDATE capture.sync_record SET exact_text = %(t)s", t=exact)
    (text,) = frames.records("acme", "shop", "products", json="text", database=world.db)["payload"]
    assert text == exact
    (found,) = frames.records("acme", "shop", "products", database=world.db)["payload"]
    assert (found["name"], str(found["price"])) == ("\x00", "0.10000000000000000000000000000000000000001")
