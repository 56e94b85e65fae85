"""What reads when a record had a content: retention, what others follow, selections, the way back of the revision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import NullPool, create_engine

from sync_pipeline import frames
from sync_pipeline.config import PROJECT, Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import NotFound
from sync_pipeline.steps import connect, observe, preview, select
from sync_pipeline.steps.capture.related import looking
from sync_pipeline_tests.integration.promote_world import World, product, variation


@pytest.fixture
def world(database: Database, org: connect.Organization) -> World:
    return World(database, org.org_id)


@pytest.fixture
def as_owner(owner_url: str) -> Callable[[str], None]:
    def execute(statement: str) -> None:
        with create_engine(owner_url, poolclass=NullPool).begin() as conn:
            conn.exec_driver_sql(statement)

    return execute


def now(world: World) -> datetime:
    found: datetime = world.one("SELECT clock_timestamp()")[0]
    return found


def test_intervals_go_with_their_age_and_with_their_content(
    world: World, org: connect.Organization, settings: Settings, as_owner: Callable[[str], None]
) -> None:
    keep = settings.model_copy(update={"keep_versions_days": 30})
    for name in "ABAC":
        world.capture("product", product(1, name=name))
    world.sql("UPDATE capture.sync_record SET first_captured_at = now() - interval '90 days'")
    ages = "SELECT version_no FROM capture.former_interval UNION ALL SELECT version_no FROM capture.record_history"
    assert sorted(row[0] for row in world.sql(ages)) == [1, 2, 3]

    def age(table: str, version: int, begin: int, end: int) -> None:
        as_owner(
            f"UPDATE capture.{table} SET captured_at = now() - interval '{begin} days', "
            f"superseded_at = now() - interval '{end} days' WHERE version_no = {version}"
        )

    age("former_interval", 1, 90, 80)
    age("record_history", 2, 80, 20)
    age("record_history", 3, 20, 10)
    then = datetime.now(UTC) - timedelta(days=85)
    assert list(frames.records("acme", "shop", "products", as_of=then, database=world.db)["version_no"]) == [1]
    assert observe.delete_old(world.db, org, keep)["capture.former_interval"] == 1
    with pytest.raises(NotFound, match=r"no longer kept \(SYNC_KEEP_VERSIONS_DAYS\)"):
        frames.records("acme", "shop", "products", as_of=then, database=world.db)
    assert list(frames.versions("acme", "shop", "products", database=world.db)["version_no"]) == [2, 3, 4]


def test_a_hole_in_what_is_kept_is_refused(world: World, as_owner: Callable[[str], None]) -> None:
    moments = []
    for name in "ABCD":
        world.capture("product", product(1, name=name))
        moments.append(now(world))
    as_owner("DELETE FROM capture.record_history WHERE version_no = 3")  # as where core has what was before it
    for place, moment in enumerate(moments):
        if place == 2:
            with pytest.raises(NotFound, match="no longer kept"):
                frames.records("acme", "shop", "products", as_of=moment, database=world.db)
        else:
            found = frames.records("acme", "shop", "products", as_of=moment, database=world.db)
            assert list(found["version_no"]) == [place + 1]


def test_what_others_follow_is_looked_up_as_it_was(world: World) -> None:
    """A product's name, and the variations that hang on it: promotion asks what they were when it mapped them."""
    moments: list[tuple[datetime, str, int]] = []
    for name, price, gone in (
        ("A", "1", False),
        ("B", "2", True),
        ("A", "1", False),
        ("B", "2", True),
        ("C", "3", False),
    ):
        world.capture("product", product(1, name=name))
        world.capture("variation", variation(2, 1, price=price), deleted=gone)
        moments.append((now(world), name, 0 if gone else int(price)))
    key = (world.shop, "1")
    for moment, name, wanted in moments:
        with world.db.org(world.org_id) as conn:
            look = looking(conn, as_of=moment)
            assert look.named("product", ["name"], [key]) == {key: {"name": name}}
            found = look.naming("variation", None, ["price"], [key]).get(key, ())
            assert [one["price"] for one in found] == ([str(wanted)] if wanted else [])


def test_a_selection_by_filter_names_the_version_that_the_list_had(world: World) -> None:
    for name in "AB":
        world.capture("product", product(1, name=name))
    world.capture("product", product(1, name="A"))
    world.preview("product")
    org = next(one for one in connect.organizations(world.db) if one.org_id == world.org_id)
    shop_ = connect.connection(world.db, org, "shop")
    stream = shop_.source.stream("product")
    page = preview.table(world.db, shop_, stream, status="new")
    for name in "BABC":
        world.capture("product", product(1, name=name))
    world.preview("product")
    chosen = select.select(
        world.db, shop_, stream, include=True, actor="tester", status="new", as_of=page.as_of, expected=page.row_count
    )
    assert [one["seen"] for one in chosen.moved] == [page.data[0]["version"]]


def test_the_way_back_keeps_what_an_older_version_knows_and_the_way_forth_what_that_knew(
    world: World, as_owner: Callable[[str], None]
) -> None:
    moments = []
    for name in "ABAC":
        world.capture("product", product(1, name=name))
        moments.append((now(world), name))
    revision = PROJECT / "sql" / "migrations" / "versions" / "0027_intervals"
    as_owner((revision / "down.sql").read_text().replace("%", "%%"))
    times = world.sql("SELECT version_no, captured_at FROM capture.record_history ORDER BY captured_at")
    assert [row[0] for row in times] == [3, 2]  # as capture wrote it then: the last number, and the first time
    as_owner((revision / "up.sql").read_text().replace("%", "%%"))
    for name in "AB":
        world.capture("product", product(1, name=name))
        moments.append((now(world), name))
    for moment, name in moments:
        found = frames.records("acme", "shop", "products", as_of=moment, database=world.db)
        assert [payload["name"] for payload in found["payload"]] == [name]
