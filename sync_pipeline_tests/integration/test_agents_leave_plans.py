"""Whatever an agent calls, what others decided, drafted and planned is as it was.

Two agents of one name, whose tokens differ, and a person propose, plan, approve, ignore and take back the same few
records in any order. After each call of an agent every plan of others is as stale as it was, and every decision that it
did not draft is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import Conflict, StalePlan
from sync_pipeline.steps import approve, connect, promote, select
from sync_pipeline.steps.connect.party import Party
from sync_pipeline_tests.databases import cloned, opened_as_the_application
from sync_pipeline_tests.integration.promote_world import World, product

ANN = Party("ann", "command")
BOT, NAMESAKE = Party("bot", "mcp", "agent", 7), Party("bot", "mcp", "agent", 8)
PARTIES = {"ann": ANN, "bot": BOT, "namesake": NAMESAKE}
Place = tuple[Database, connect.Organization, World, Iterator[int]]
# An item of each record, whatever is selected: as a plan that maps core again or repairs it has them.
OF_EACH = """
INSERT INTO selection.sync_plan_item
(org_id, plan_id, connection_id, entity_type, external_id, action, content_hash)
SELECT org_id, %(plan)s, connection_id, entity_type, external_id, 'create', content_hash FROM capture.sync_record
WHERE org_id = connect.current_org() AND external_id = ANY (%(ids)s)
"""


class Story:
    """Three products that differ from core, of which nothing is decided."""

    def __init__(self, db: Database, org: connect.Organization, world: World, first: int) -> None:
        self.db, self.org, self.world = db, org, world
        self.ids = [str(one) for one in range(first, first + 3)]
        for one in self.ids:
            world.capture("product", product(int(one)))
        world.preview("product")
        self.here: tuple[Any, Any, Any]
        connection = next(iter(connect.connections(db, org)))
        self.here = db, connection, connection.source.stream("products")

    def choose(self, by: Party, ids: Sequence[str], *, include: bool = True) -> None:
        select.select(*self.here, ids=ids, include=include, actor=by, draft=True, replace=not by.is_agent)

    def take_back(self, by: Party, ids: Sequence[str]) -> None:
        select.undecide(*self.here, ids=ids, actor=by, own=by.is_agent)

    def plan(self, by: Party, *, named: bool = False) -> None:
        batches = [
            int(row[0])
            for row in self.world.sql(
                "SELECT DISTINCT batch_id FROM selection.sync_selective_config WHERE external_id = ANY (%(ids)s)",
                ids=self.ids,
            )
        ]
        select.make_plan(self.db, self.org, actor=by, batches=batches if named else None, waiting=False)

    def plan_again(self, by: Party) -> None:
        select.make_filled_plan(
            self.db, self.org, origin="remap", actor=by,
            fill=lambda conn, plan: execute(conn, OF_EACH, plan=plan, ids=self.ids).rowcount,
        )  # fmt: skip

    def approve(self) -> None:
        for plan in self.plans():
            approve.approve(self.db, self.org, plan.plan_id, plan_hash=plan.hash, by=ANN)

    def withdraw(self, by: Party) -> None:
        for plan in self.plans(of=by):
            select.refuse(self.db, self.org, plan.plan_id, actor=by)

    def plans(self, *, of: Party | None = None, but: Party | None = None) -> list[select.Plan]:
        """Those that wait or are approved, of a party or of all others."""
        rows = self.world.sql(
            "SELECT p.plan_id, p.token_id FROM selection.sync_plan AS p "
            "WHERE p.state = 'proposed' AND EXISTS (SELECT 1 FROM selection.sync_plan_item AS i "
            "WHERE i.plan_id = p.plan_id AND i.external_id = ANY (%(ids)s))", ids=self.ids,
        )  # fmt: skip
        return [
            select.plan(self.db, self.org, plan)
            for plan, token in rows
            if (of is None or token == of.token_id) and (but is None or token != but.token_id)
        ]

    def stale(self, plan: select.Plan) -> int:
        return promote.stale(self.db, self.org.org_id, plan.plan_id).count

    def decisions(self, by: Party) -> dict[str, Any]:
        """Those that this party did not draft."""
        rows = self.world.sql(
            "SELECT s.external_id, s.decision, s.draft, s.batch_id FROM selection.sync_selective_config AS s "
            "JOIN selection.selection_batch AS b USING (org_id, batch_id) WHERE s.external_id = ANY (%(ids)s) "
            "AND NOT (s.draft AND b.agent AND b.token_id = %(token)s)", ids=self.ids, token=by.token_id,
        )  # fmt: skip
        return {row[0]: tuple(row) for row in rows}


Call = Callable[[Story, Party], None]
CALLS: dict[str, Call] = {
    "includes one": lambda it, by: it.choose(by, it.ids[:1]),
    "includes two": lambda it, by: it.choose(by, it.ids[1:]),
    "ignores one": lambda it, by: it.choose(by, it.ids[:1], include=False),
    "ignores all": lambda it, by: it.choose(by, it.ids, include=False),
    "takes back": lambda it, by: it.take_back(by, it.ids),
    "plans": lambda it, by: it.plan(by),
    "withdraws": lambda it, by: it.withdraw(by),
}
OF_PEOPLE: dict[str, Call] = {
    "approves": lambda it, _: it.approve(),
    "plans what is named": lambda it, by: it.plan(by, named=True),
    "plans core again": lambda it, by: it.plan_again(by),
}
STEPS = [*((who, call) for who in PARTIES for call in CALLS), *(("ann", call) for call in OF_PEOPLE)]


@pytest.fixture(scope="module")
def place(server: Any) -> Iterator[Place]:
    with cloned(server) as owner_url, opened_as_the_application(owner_url) as database:
        org = connect.add_organization(database, "acme")
        yield database, org, World(database, org.org_id), iter(range(1, 100_000, 3))


# A story is short as it is; to make it shorter takes minutes.
@settings(max_examples=25, phases=[Phase.explicit, Phase.generate])
@example([("bot", "includes one"), ("bot", "plans"), ("namesake", "ignores one")])
@example([("bot", "includes one"), ("bot", "plans"), ("ann", "approves"), ("namesake", "includes one")])
@example([("bot", "includes one"), ("namesake", "ignores all"), ("namesake", "takes back")])
@example([("bot", "includes one"), ("ann", "plans what is named"), ("bot", "ignores one"), ("bot", "takes back")])
@example([("ann", "plans core again"), ("bot", "ignores all")])
@example([("ann", "includes one"), ("ann", "plans"), ("ann", "takes back"), ("bot", "includes one")])
@given(st.lists(st.sampled_from(STEPS), min_size=2, max_size=7))
def test_an_agent_spoils_nothing_of_others(place: Place, steps: Sequence[tuple[str, str]]) -> None:
    database, org, world, numbers = place
    it = Story(database, org, world, next(numbers))
    for who, call in steps:
        by = PARTIES[who]
        plans = {one.plan_id: it.stale(one) for one in it.plans(but=by)} if by.is_agent else {}
        decided = it.decisions(by)
        with suppress(Conflict, StalePlan):
            {**CALLS, **OF_PEOPLE}[call](it, by)
        if by.is_agent:
            assert {one.plan_id: it.stale(one) for one in it.plans(but=by)} == plans, (who, call)
            assert it.decisions(by).items() >= decided.items(), (who, call)


def test_what_a_plan_holds_is_named_with_whose_it_is(place: Place) -> None:
    """Its maker, where nobody decided, or the agent itself did."""
    database, org, world, numbers = place
    it = Story(database, org, world, next(numbers))
    one, two, three = it.ids
    it.choose(BOT, [one])
    it.plan(ANN, named=True)
    it.choose(NAMESAKE, [two])
    done = select.select(*it.here, ids=[one, two], include=False, actor=BOT, draft=True)
    assert (done.records, done.replaced_by_others_count) == (0, 2)
    assert [(k["external_id"], k["who"], k["decision"]) for k in done.replaced_by_others] == [
        (one, "ann", "include"), (two, "bot", "include"),
    ]  # fmt: skip
    it.plan_again(ANN)
    [left] = select.select(*it.here, ids=[three], include=False, actor=BOT, draft=True).replaced_by_others
    assert (left["external_id"], left["who"], left["decision"]) == (three, "ann", "include")
    assert select.select(*it.here, ids=[one, three], include=False, actor=ANN, draft=True).records == 2, "people may"
