"""No call turns what the sensor is to promote into what nothing promotes.

A committed inclusion that waits for the sensor, or that its open queue has, meets calls of every door in any order, by
whom it is and by others. Then every queue that is open goes stale, and the sensor has its turn: the record is in core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Conflict, StalePlan
from sync_pipeline.steps import connect, promote, select
from sync_pipeline_tests.databases import cloned, opened_as_the_application
from sync_pipeline_tests.integration.promote_world import World, product


class Story:
    """Two products, both included by ann, committed."""

    def __init__(self, db: Database, org: connect.Organization, world: World, first: int) -> None:
        self.db, self.org, self.world = db, org, world
        self.one, self.two = str(first), str(first + 1)
        for each in (first, first + 1):
            world.capture("product", product(each))
        world.preview("product")
        self.connection = next(iter(connect.connections(db, org)))
        self.stream = self.connection.source.stream("products")
        self.include("ann", [self.one, self.two], draft=False)

    def include(self, actor: str, ids: Sequence[str], *, draft: bool, replace: bool = False) -> None:
        select.select(
            self.db, self.connection, self.stream, ids=ids, include=True, actor=actor, draft=draft, replace=replace
        )

    def by_sensor(self, *, queue: bool) -> None:
        plan = select.make_plan(self.db, self.org, actor="selection", origin="selection")
        if plan is not None and queue:
            promote.create_request(self.db, self.org.org_id, plan.plan_id, actor="selection")

    def materialize(self, actor: str, ids: Sequence[str] | None) -> None:
        """As the API does it."""
        picks = [promote.Pick(self.connection, self.stream, ids)]
        plan = promote.plan_of(self.db, self.org, picks, actor=actor, why=None)
        if plan is None:
            promote.queue_with(self.db, self.org, picks, actor=actor, once=None)
        else:
            promote.create_request(self.db, self.org.org_id, plan.plan_id, actor=actor)

    def plans(self, state: str) -> list[str]:
        found = self.world.sql(
            "SELECT p.plan_id FROM selection.sync_plan AS p WHERE p.state = %(state)s AND (%(state)s = 'proposed' OR "
            "NOT EXISTS (SELECT 1 FROM promote.sync_queue AS q WHERE q.plan_id = p.plan_id AND q.waiting = 0)) "
            "ORDER BY p.created_at", state=state,
        )  # fmt: skip
        return [str(row[0]) for row in found]


Call = Callable[[Story, str], None]
CALLS: dict[str, Call] = {
    "draft of one": lambda it, who: it.include(who, [it.one], draft=True),
    "draft of one, replacing": lambda it, who: it.include(who, [it.one], draft=True, replace=True),
    "committed once more": lambda it, who: it.include(who, [it.one], draft=False),
    "materialize one": lambda it, who: it.materialize(who, [it.one]),
    "materialize both": lambda it, who: it.materialize(who, [it.one, it.two]),
    "sensor plans": lambda it, _: it.by_sensor(queue=False),
    "sensor plans and queues": lambda it, _: it.by_sensor(queue=True),
}


@pytest.fixture(scope="module")
def world(server: Any) -> Iterator[tuple[Database, connect.Organization, World, Iterator[int]]]:
    with cloned(server) as owner_url, opened_as_the_application(owner_url) as database:
        org = connect.add_organization(database, "acme")
        yield database, org, World(database, org.org_id), iter(range(1, 100_000, 2))


@settings(max_examples=25, phases=[Phase.explicit, Phase.generate])
@example([("sensor plans and queues", "ann"), ("materialize one", "ann")])
@example([("sensor plans", "ann"), ("draft of one, replacing", "bo")])
@example([("materialize one", "bo"), ("everything planned", "bo")])
@given(
    st.lists(
        st.tuples(st.sampled_from([*CALLS, "everything planned"]), st.sampled_from(["ann", "bo"])),
        min_size=1,
        max_size=5,
    )
)
def test_what_the_sensor_is_to_promote_it_promotes_whatever_is_called(
    world: tuple[Database, connect.Organization, World, Iterator[int]], calls: Sequence[tuple[str, str]]
) -> None:
    database, org, place, numbers = world
    it = Story(database, org, place, next(numbers))
    for call, who in calls:
        with suppress(Conflict):
            if call != "everything planned":
                CALLS[call](it, who)
            # A person's plan that takes the selection is the person's to apply: then the sensor promotes it no more.
            elif select.make_plan(database, org, actor=who) is not None:
                for plan in it.plans("proposed"):
                    promote.apply(database, org.org_id, plan, actor=who)
    place.capture("product", product(int(it.two), name="Other"))
    place.preview("product")
    for _ in range(2):
        for plan in it.plans("approved"):
            with suppress(StalePlan):
                promote.apply(database, org.org_id, plan, actor="selection")
        it.by_sensor(queue=True)
    for plan in it.plans("approved"):
        promote.apply(database, org.org_id, plan, actor="selection")
    mapped = place.sql("SELECT external_id FROM promote.integration_mapping WHERE external_id = %(x)s", x=it.one)
    assert mapped, "nobody promotes it any more"
