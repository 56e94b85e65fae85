"""Approvals: who may grant one, what it is bound to, how often it is spent; and policies, limit by limit."""

from __future__ import annotations

import importlib
import json
import threading
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import ConfigurationError, Conflict, Forbidden, NotApproved, NotFound, StalePlan
from sync_pipeline.steps import approve, connect, promote, select, trace
from sync_pipeline.steps.approve import ApprovalPolicy
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.connect.party import Actor, Party
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.stores import Shop, shop

APPROVALS = importlib.import_module("sync_pipeline.steps.approve.approvals")
ANN, BEN = Party("ann", "command"), Party("ben@acme.test", "explorer", "operator", 901, 77)
MACHINE = Party("token:ci", "api", "operator", 902)
DEE = Party("dee@acme.test", "api", "operator", 905, 80)  # a person, over the API
ADMINS_AGENT = Party("cy@acme.test", "mcp", "admin", 903, 78, "some client")


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    made.shuffle_related = False
    seed(made, products=4, variable=0, customers=2, orders=0, random_seed=9)
    return made


def in_core(opened: Shop) -> None:
    """Tags and products are in core; customers were never promoted."""
    opened.pull("tags", "products", "customers", full=True)
    for name in ("tags", "products", "customers"):
        opened.preview(name)
    for name in ("tags", "products"):
        include(opened, name, everything=True)
    apply(opened, plan_of(opened, "ann"))


def include(opened: Shop, entity: str, actor: Actor = "ann", **which: Any) -> select.Selected:
    stream = opened.connection.source.stream(entity)
    return select.select(opened.db, opened.connection, stream, include=True, actor=actor, draft=True, **which)


def plan_of(opened: Shop, actor: Actor, **more: Any) -> select.Plan:
    made = select.make_plan(opened.db, opened.org, actor=actor, **more)
    assert made is not None
    return made


def apply(opened: Shop, plan: select.Plan, actor: Actor = "ann") -> promote.ApplyReport:
    return promote.apply(opened.db, opened.org.org_id, plan.plan_id, actor=actor)


template = captured_once(shop, fill, in_core)


@dataclass
class World:
    """A shop whose tags and products are in core, and an agent with a token."""

    shop: Shop
    agent: Party

    def change(self, entity: str, number: int = 1, **fields: Any) -> list[str]:
        """The first records of an entity change at the store, and are compared."""
        ids = sorted(self.shop.ids(entity), key=int)[:number]
        for one in ids:
            self.shop.store.update(entity, int(one), **(fields or {"name": f"Other {one}"}))
        self.shop.pull(entity)
        self.shop.preview(entity)
        return ids

    def propose_broken(self) -> select.Plan:
        """The agent plans a product whose price nobody can read."""
        store, one = self.shop.store, min(self.shop.ids("products"), key=int)
        store.raw_override("products", int(one), json.dumps({**store.payload("products", int(one)), "price": "ten"}))
        self.shop.pull("products", full=True)
        self.shop.preview("products")
        include(self.shop, "products", self.agent, ids=[one])
        return plan_of(self.shop, self.agent, origin="agent")

    def propose(self, entity: str = "tags", number: int = 1, **fields: Any) -> select.Plan:
        """The agent plans what changed."""
        ids = self.change(entity, number, **fields)
        include(self.shop, entity, self.agent, ids=ids)
        return plan_of(self.shop, self.agent, origin="agent")

    def approve(self, plan: select.Plan, by: Actor = ANN) -> select.Plan:
        return approve.approve(self.shop.db, self.shop.org, plan.plan_id, plan_hash=plan.hash, by=by)

    def plan(self, plan: select.Plan) -> select.Plan:
        return select.plan(self.shop.db, self.shop.org, plan.plan_id)

    def policy(self, **limits: Any) -> ApprovalPolicy:
        given: dict[str, Any] = {
            "connections": ["shop"],
            "entities": ["tags", "products", "customers"],
            "actions": ("create", "update", "delete"),
            "max_plan": 100,
            "max_day": 100,
            "max_share": Decimal(1),
            "allows": ("money", "warnings", "conflicts", "first"),
            **limits,
        }
        token = self.agent.token_id
        assert token is not None
        holds = given.pop("holds", timedelta(days=90))
        by = given.pop("by", ANN)
        return approve.add_policy(
            self.shop.db, self.shop.org, token, approve.Limits(**given), holds=holds, by=by, why="a trial"
        )

    def verdict(self, plan: select.Plan) -> str | None:
        """The limit that stops it, in words; None where a policy lets it through."""
        found = approve.verdict(self.shop.db, self.shop.org, plan.plan_id)
        return None if found.policy_id is not None else found.words

    def events(self, event: str) -> list[Any]:
        return self.shop.rows(
            "SELECT actor, detail FROM observe.sync_activity WHERE event = %(e)s ORDER BY activity_id", e=event
        )


@pytest.fixture
def world(template: Captured[Shop], database: Database, settings: Settings, org: connect.Organization) -> World:
    token = tokens.add_token(database, org, "agent", name="bot", actor="test")
    agent = Party("token:bot", "mcp", "agent", token.token_id, client="a client 1.0")
    return World(template.copy(database, settings, org), agent)


def test_a_persons_approval_is_spent_by_one_of_twenty(world: World) -> None:
    made = world.propose()
    assert (made.agent, made.client) == (True, "a client 1.0")
    with pytest.raises(NotApproved, match=f"approve acme {made.plan_id} --hash {made.hash}"):
        apply(world.shop, made, world.agent)
    assert world.plan(made).state == "proposed"
    granted = world.approve(made, BEN)
    assert (granted.state, granted.approved_by) == ("approved", BEN.name)
    assert world.approve(made, ANN).approved_by == BEN.name  # approving it again changes nothing
    queues: list[str] = []
    many = [
        threading.Thread(
            target=lambda: queues.append(
                str(
                    promote.create_request(
                        world.shop.db, world.shop.org.org_id, made.plan_id, actor=world.agent
                    ).queue.queue_id
                )
            )
        )
        for _ in range(20)
    ]
    for one in many:
        one.start()
    for one in many:
        one.join(60)
    assert len(queues) == 20
    assert len(set(queues)) == 1
    (only,), count = approve.approvals(world.shop.db, world.shop.org, subject="plan", subject_id=made.plan_id)
    assert (count, only.state, only.spent_by, only.granted_by, only.via) == (
        1, "spent", "token:bot", BEN.name, "explorer",
    )  # fmt: skip
    with world.shop.db.org(world.shop.org.org_id) as conn:  # there is nothing to spend a second time
        assert approve.spend(conn, "plan", str(made.plan_id), made.hash, world.agent) is None
    [(actor, told)] = [one for one in world.events("promote.queued") if one.detail["plan"] == str(made.plan_id)]
    assert (actor, told["approver"], told["token"], told["client"]) == (
        "token:bot", BEN.name, world.agent.token_id, "a client 1.0",
    )  # fmt: skip
    with pytest.raises(Conflict, match="spent by token:bot"):
        approve.withdraw_approval(world.shop.db, world.shop.org, only.approval_id, by=ANN)


def test_who_may_approve_what(world: World) -> None:
    theirs = world.propose()
    include(world.shop, "customers", "ann", everything=True)
    own = plan_of(world.shop, ANN)
    assert own.agent is False  # what waits in the agent's plan is left to it
    for by in (world.agent, ADMINS_AGENT, MACHINE, "a run"):
        with pytest.raises(Forbidden, match="logged in with a password"):
            world.approve(theirs, by)
        with pytest.raises(NotApproved):
            apply(world.shop, theirs, by)
    for by in (world.agent, ADMINS_AGENT):
        with pytest.raises(Forbidden, match="An agent approves nothing"):
            world.approve(own, by)
        with pytest.raises(NotApproved):
            apply(world.shop, own, by)
    world.approve(own, MACHINE)
    world.approve(theirs, BEN)
    assert apply(world.shop, theirs, MACHINE).done == 1  # a machine applies what a person approved
    assert apply(world.shop, own, MACHINE).done == own.items


def test_what_an_agent_proposes_is_in_no_machines_plan_and_is_a_persons_to_approve(world: World) -> None:
    """Whoever plans it: a draft of an agent stays an agent's."""
    batch = include(world.shop, "tags", world.agent, ids=world.change("tags", 2))
    assert select.make_plan(world.shop.db, world.shop.org, actor=MACHINE) is None
    assert select.included(world.shop.db, world.shop.org, actor=MACHINE) == []
    other = Party("token:bot", "mcp", "agent", 9999)
    assert select.make_plan(world.shop.db, world.shop.org, actor=other) is None  # it is not its own
    assert select.included(world.shop.db, world.shop.org, actor=ANN) == []
    assert batch.batch_id is not None
    made = plan_of(world.shop, ANN, batches=[batch.batch_id])
    assert (made.agent, made.items) == (True, 2)
    with pytest.raises(NotApproved):
        apply(world.shop, made, MACHINE)
    select.refuse(world.shop.db, world.shop.org, made.plan_id, actor=ANN)
    again = include(world.shop, "tags", world.agent, everything=True)
    own = plan_of(world.shop, world.agent, batches=[again.batch_id], why="the supplier says so")
    assert (own.items, own.why) == (2, "the supplier says so")


def held(world: World, made: select.Plan | None) -> set[str]:
    """The ids of a plan's records; none where there is nothing to plan."""
    if made is None:
        return set()
    items, _ = select.plan_items(world.shop.db, world.shop.org, made.plan_id, effects=promote.effects)
    return {one.external_id for one in items}


def test_what_an_agent_proposed_is_in_no_plan_that_does_not_name_it(world: World) -> None:
    """Every party, every way to a plan: the agent's draft waits beside a record that the party includes itself."""
    db, org, connection = world.shop.db, world.shop.org, world.shop.connection
    stream = connection.source.stream("tags")
    theirs, own = world.change("tags", 2)
    batch = include(world.shop, "tags", world.agent, ids=[theirs], why="<b>trust me</b>")
    entities = [(connection.connection_id, "tag")]
    ways: dict[str, Any] = {
        "everything": lambda by: select.make_plan(db, org, actor=by),
        "what does not wait for the sensor": lambda by: select.make_plan(db, org, actor=by, waiting=False),
        "an entity": lambda by: select.make_plan(db, org, actor=by, entities=entities, reuse=True),
        "materialize": lambda by: promote.plan_of(db, org, [promote.Pick(connection, stream)], actor=by, why=None),
        "ids": lambda by: promote.plan_of(db, org, [promote.Pick(connection, stream, [own])], actor=by, why=None),
    }
    for by in (ANN, BEN, DEE, MACHINE, "a run"):
        for way, made in ways.items():
            include(world.shop, "tags", by, ids=[own])
            plan = made(by)
            assert (held(world, plan), plan.agent) == ({own}, False), (by, way)
        [left] = select.left_out(db, org)
        assert (left.connection, left.stream.name, left.records) == ("shop", "tags", 1)
    select.select(db, connection, stream, include=True, actor=BEN, ids=[own])
    by_sensor = select.make_plan(db, org, actor="selection", origin="selection")
    assert held(world, by_sensor) == {own}
    assert batch.batch_id is not None
    for by in (MACHINE, "a run"):  # to name it helps a person only
        assert select.make_plan(db, org, actor=by, batches=[batch.batch_id]) is None
    for by in (ANN, BEN, DEE):
        named = plan_of(world.shop, by, batches=[batch.batch_id])
        assert (held(world, named), named.agent) == ({theirs}, True)
        with pytest.raises(NotApproved):
            apply(world.shop, named, MACHINE)
        assert select.left_out(db, org) == []  # it is in a plan that waits
        select.refuse(db, org, named.plan_id, actor=by)
        batch = include(world.shop, "tags", world.agent, ids=[theirs])
    ticked = promote.plan_of(db, org, [promote.Pick(connection, stream, [theirs])], actor=BEN, why="I looked at it")
    assert (held(world, ticked), ticked and ticked.agent) == ({theirs}, False)
    assert ticked is not None
    assert [(one.name, one.agent) for one in select.proposers(db, org, ticked.plan_id)] == [(BEN.name, False)]


def test_nothing_to_plan_says_where_the_rest_is(world: World) -> None:
    db, org = world.shop.db, world.shop.org
    theirs, own = world.change("tags", 2)
    include(world.shop, "tags", world.agent, ids=[theirs])
    assert select.make_plan(db, org, actor=BEN) is None
    assert select.nothing_to_plan(db, org, actor=BEN) == (
        "Nothing to plan: everything that is included is in core. 1 record that agents proposed is left out: shop tags "
        "1. It is promoted by the agent's own plan, or once a person includes it."
    )
    products = [(world.shop.connection.connection_id, "product")]
    never = [(world.shop.connection.connection_id, "customer")]
    assert select.nothing_to_plan(db, org, actor=BEN, entities=never) == "Nothing to plan: nothing is included."
    include(world.shop, "tags", ANN, ids=[own])
    assert [(one.items, one.planned) for one in select.included(db, org, actor=ANN, planned=True)] == [(1, 0)]
    made = plan_of(world.shop, ANN)
    assert [(one.items, one.planned) for one in select.included(db, org, actor=ANN, planned=True)] == [(1, 1)]
    assert select.make_plan(db, org, actor=BEN) is None
    assert f"in core, or in a plan that waits: {made.plan_id}. 1 record" in select.nothing_to_plan(db, org, actor=BEN)
    assert str(made.plan_id) not in select.nothing_to_plan(db, org, actor=BEN, entities=products)
    queue = promote.start(db, org.org_id, made.plan_id, actor=ANN)
    tags = [(world.shop.connection.connection_id, "tag")]
    assert (
        f"everything that is included is in core, or in a queue that is not done: {queue}. 1 record"
        in select.nothing_to_plan(db, org, actor=BEN, entities=tags)
    )
    assert select.nothing_to_plan(db, org, actor=BEN, entities=products).endswith("is in core.")
    promote.work(db, org.org_id, queue)
    assert "is in core. 1 record" in select.nothing_to_plan(db, org, actor=BEN, entities=tags)


def test_a_plan_made_again_holds_no_proposal_that_came_since(world: World) -> None:
    db, org = world.shop.db, world.shop.org
    moves, stays = world.change("tags", 2)
    include(world.shop, "tags", ANN, ids=[moves, stays])
    made = plan_of(world.shop, ANN, why="spring")
    world.change("tags", name="Newer")
    include(world.shop, "tags", world.agent, ids=[moves])
    again = select.replace_plan(db, org, made.plan_id, actor=BEN)
    assert (held(world, again), again.agent, again.why) == ({stays}, False, None)
    theirs = plan_of(world.shop, world.agent, origin="agent", why="the supplier says so")
    kept = select.replace_plan(db, org, theirs.plan_id, actor=BEN)
    assert (held(world, kept), kept.agent) == ({moves}, True)
    assert kept.why is None, "these were the agent's words, and a person made this plan"


def test_a_plan_says_who_included_and_who_proposed_its_records(world: World) -> None:
    db, org = world.shop.db, world.shop.org
    one, two, three = world.change("tags", 3)
    namesake = Party("token:bot", "mcp", "agent", 9999)
    batches = [
        include(world.shop, "tags", by, ids=[which], why=why).batch_id or 0
        for by, which, why in ((ANN, one, "seen"), (world.agent, two, "the list"), (namesake, three, None))
    ]
    read = select.read_plan(db, org, plan_of(world.shop, BEN, batches=batches).plan_id)
    assert [(p.name, p.agent, p.client, p.records, p.reasons) for p in read.proposers] == [
        ("ann", False, None, 1, ["seen"]),
        ("token:bot", True, "a client 1.0", 1, ["the list"]),
        ("token:bot", True, None, 1, []),
    ]
    assert (read.created_by, read.agent, read.items) == (BEN.name, True, 3)


def test_a_records_history_keeps_who_included_it_before_and_by_which_plan_it_was_promoted(world: World) -> None:
    db, org, connection = world.shop.db, world.shop.org, world.shop.connection
    stream = connection.source.stream("tags")
    first = select.plans(db, org)[0][-1].plan_id  # the tags came into core with it
    theirs = world.propose()
    [one] = held(world, theirs)
    world.approve(theirs, BEN)
    apply(world.shop, theirs, world.agent)
    world.change("tags", name="Once more")
    include(world.shop, "tags", BEN, ids=[one])
    last = plan_of(world.shop, BEN)
    apply(world.shop, last, BEN)
    events = [(e.event, e.actor, e.plan) for e in trace.record_events(db, connection, stream, one)]
    assert [one for one in events if one[0] in ("included", "proposed")] == [
        ("included", BEN.name, last.plan_id),
        ("proposed", "token:bot", theirs.plan_id),
        ("included", "ann", first),
    ]
    assert [plan for event, _, plan in events if event == "promoted"] == [last.plan_id, first]


def test_nobody_approves_what_changed_since_it_was_planned(world: World) -> None:
    made = world.propose()
    [moved] = held(world, made)
    world.change("tags", name="Other now")
    for by in (ANN, BEN, DEE):
        with pytest.raises(StalePlan, match="1 of 1 records changed since the plan was made") as caught:
            world.approve(made, by)
        assert [(one["external_id"], one["moved"]) for one in caught.value.stale] == [
            (moved, "it changed in the store")
        ]
    assert approve.approvals(world.shop.db, world.shop.org, subject="plan", subject_id=made.plan_id)[1] == 0


def test_an_approval_that_ended_is_worth_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for end in ("expired", "withdrawn", "another hash", "refused", "replaced"):
        made = world.propose(name=f"Named {end}")
        _end(world, made, end, monkeypatch)
        gone = end in ("refused", "replaced")
        assert world.plan(made).state == ("refused" if gone else "proposed"), end  # it waits again
        with pytest.raises((NotApproved, Conflict)):
            apply(world.shop, made, world.agent)
        drafts = world.shop.value("SELECT count(*) FROM selection.sync_selective_config WHERE draft")
        assert drafts == (0 if end == "refused" else 1), end  # nothing was committed by it
        if not gone:
            world.approve(made)
            assert apply(world.shop, made, world.agent).done == 1, end


def _end(world: World, made: select.Plan, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    db, org = world.shop.db, world.shop.org
    if end == "another hash":
        with pytest.raises(Conflict, match="different hash"):
            approve.approve(db, org, made.plan_id, plan_hash="0" * 64, by=ANN)
        with db.org(org.org_id) as conn:
            approve.grant(conn, "plan", str(made.plan_id), "0" * 64, ANN)
        return
    with monkeypatch.context() as patch:
        if end == "expired":
            patch.setattr(APPROVALS, "HOLDS", timedelta(microseconds=1))
        world.approve(made)
    [one], _ = approve.approvals(db, org, subject="plan", subject_id=made.plan_id)
    if end == "withdrawn":
        for _ in range(2):  # twice changes nothing
            assert approve.withdraw_approval(db, org, one.approval_id, by=BEN).state == "withdrawn"
    elif end == "refused":
        select.refuse(db, org, made.plan_id, actor=ANN)
    elif end == "replaced":
        newer = select.replace_plan(db, org, made.plan_id, actor=MACHINE)
        assert newer.agent
        with pytest.raises(NotApproved):
            apply(world.shop, newer, MACHINE)


def test_after_a_change_or_an_undo_an_approval_is_worth_nothing(world: World) -> None:
    made = world.propose()
    world.approve(made)
    world.change("tags", name="Yet another")
    with pytest.raises(StalePlan):
        apply(world.shop, made, world.agent)
    [one], _ = approve.approvals(world.shop.db, world.shop.org, subject="plan", subject_id=made.plan_id)
    assert one.state == "open"  # it was not spent: nothing happened
    newer = world.propose(name="At last")
    world.approve(newer)
    apply(world.shop, newer, world.agent)
    promote.undo(world.shop.db, world.shop.org.org_id, newer.plan_id, actor="ann")
    with pytest.raises(Conflict, match="undone"):
        apply(world.shop, newer, world.agent)
    with pytest.raises(Conflict, match="undone"):
        world.approve(newer)


def test_with_four_eyes_somebody_else_approves(world: World) -> None:
    connect.set_policy(world.shop.db, world.shop.org, four_eyes=True, actor="ann")
    world.change("tags")
    stream = world.shop.connection.source.stream("tags")
    select.select(world.shop.db, world.shop.connection, stream, everything=True, include=True, actor=BEN)
    # The sensor promotes nothing of what one person alone has chosen.
    assert select.make_plan(world.shop.db, world.shop.org, actor="selection", origin="selection") is None
    made = plan_of(world.shop, ANN)
    for by in (ANN, BEN):  # who planned, and who selected
        with pytest.raises(Forbidden, match="four eyes"):
            world.approve(made, by)
        with pytest.raises(NotApproved, match="four eyes"):
            apply(world.shop, made, by)
    with pytest.raises(Forbidden, match="four eyes"):
        world.approve(made, MACHINE)
    world.approve(made, Party("cy@acme.test", "api", "operator", 904, 79))
    assert apply(world.shop, made, ANN).done == 1


# A limit, what is just inside it, and what is just outside, with the words that say so.
LIMITS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("plan", {"max_plan": 2}, {"max_plan": 1}, "at most 1 record a plan, and it has 2"),
    ("day", {"max_day": 2}, {"max_day": 1}, "at most 1 record in 24 hours, and with it there are 2"),
    ("share", {"max_share": Decimal("0.34")}, {"max_share": Decimal("0.33")}, "and it has 2 of 6 shop tag"),
    ("entity", {"entities": ["tags"]}, {"entities": ["products"]}, "tag is not among its entities"),
    ("action", {"actions": ("update",)}, {"actions": ("create", "delete")}, "does not let updates through"),
    ("window", {"window": ("00:00", "23:59:59.999999", "Europe/Vienna")}, {"window": None}, ""),
]  # fmt: skip


def test_each_limit_of_a_policy_lets_through_what_is_just_inside(world: World) -> None:
    made = world.propose(number=2)
    assert world.shop.value("SELECT count(*) FROM capture.sync_record WHERE entity_type = 'tag'") == 6
    assert world.verdict(made) == "No policy holds for it."
    for name, inside, outside, words in LIMITS:
        one = world.policy(**inside)
        assert world.verdict(made) is None, name
        approve.revoke_policy(world.shop.db, world.shop.org, one.policy_id, by=ANN)
        if words:
            one = world.policy(**outside)
            assert words in (world.verdict(made) or ""), name
            approve.revoke_policy(world.shop.db, world.shop.org, one.policy_id, by=ANN)
    hour = world.shop.value("SELECT to_char(now() AT TIME ZONE 'Asia/Tokyo' + interval '2 hours', 'HH24:MI')")
    late = world.shop.value("SELECT to_char(now() AT TIME ZONE 'Asia/Tokyo' + interval '3 hours', 'HH24:MI')")
    for window, is_inside in (((hour, late), False), ((late, hour), True)):  # the second is over midnight
        one = world.policy(window=(*window, "Asia/Tokyo"))
        assert (world.verdict(made) is None) is is_inside
        approve.revoke_policy(world.shop.db, world.shop.org, one.policy_id, by=ANN)
    other = tokens.add_token(world.shop.db, world.shop.org, "agent", name="other", actor="test")
    with world.shop.db.org(world.shop.org.org_id):
        stranger = World(world.shop, Party("token:other", "mcp", "agent", other.token_id))
    stranger.policy()
    assert world.verdict(made) == "No policy holds for it."  # it is another token's
    one = world.policy()
    tokens.revoke_token(world.shop.db, world.shop.org, world.agent.token_id or 0, actor="test")
    assert "it is ended" in (world.verdict(made) or "")


def test_what_a_policy_forbids_unless_it_is_allowed(world: World) -> None:
    """Each risk alone stops a plan, and is let through by the policy that names it."""
    shop_, every = world.shop, ("money", "warnings", "conflicts", "first")

    def stops(made: select.Plan, risk: str, words: str) -> None:
        refused = world.policy(allows=[one for one in every if one != risk])
        assert words in (world.verdict(made) or ""), risk
        approve.revoke_policy(shop_.db, shop_.org, refused.policy_id, by=ANN)
        let = world.policy(allows=[risk])
        assert world.verdict(made) is None, (risk, world.verdict(made))
        approve.revoke_policy(shop_.db, shop_.org, let.policy_id, by=ANN)
        select.refuse(shop_.db, shop_.org, made.plan_id, actor=ANN)

    named = world.propose("products", name="Another name")  # no money
    only = world.policy(allows=())
    assert world.verdict(named) is None
    approve.revoke_policy(shop_.db, shop_.org, only.policy_id, by=ANN)
    select.refuse(shop_.db, shop_.org, named.plan_id, actor=ANN)
    first, second = (
        shop_.store.payload("products", int(one))["sku"] for one in sorted(shop_.ids("products"), key=int)[:2]
    )
    stops(world.propose("products", sku=second), "conflicts", "1 record of shop product is in conflict with others")
    dearer = world.propose("products", sku=first, regular_price="7.77", price="7.77")
    stops(dearer, "money", "money changes in 1 record of shop product")


def test_a_policy_lets_a_plan_through_and_pauses_when_it_is_undone(world: World) -> None:
    one = world.policy(max_day=3)
    made = world.propose(number=2)
    assert apply(world.shop, made, world.agent).done == 2
    [spent], _ = approve.approvals(world.shop.db, world.shop.org, subject="plan", subject_id=made.plan_id)
    assert (spent.via, spent.policy_id, spent.granted_by) == ("policy", one.policy_id, f"policy:{one.policy_id}")
    second = world.propose(number=2, name="Again")
    with pytest.raises(NotApproved, match="at most 3 records in 24 hours, and with it there are 4"):
        apply(world.shop, second, world.agent)
    select.refuse(world.shop.db, world.shop.org, second.plan_id, actor=ANN)
    third = world.propose(name="Once more")
    promote.undo(world.shop.db, world.shop.org.org_id, made.plan_id, actor="ann")
    [now] = approve.policies(world.shop.db, world.shop.org)
    assert (now.state, now.paused_why) == ("paused", f"plan {made.plan_id} was undone by ann")
    with pytest.raises((NotApproved, StalePlan)):
        apply(world.shop, third, world.agent)
    assert [event.actor for event in world.events("policy.paused")] == [f"policy:{one.policy_id}"]
    with pytest.raises(Forbidden, match="A person grants a policy"):
        approve.resume_policy(world.shop.db, world.shop.org, one.policy_id, by=world.agent)
    assert approve.resume_policy(world.shop.db, world.shop.org, one.policy_id, by=ANN).state == "open"


def test_warnings_and_a_first_promotion_stop_a_plan(world: World) -> None:
    made = world.propose_broken()
    one = world.policy(allows=("money", "conflicts", "first"))
    assert "there are warnings about 1 record of shop product" in (world.verdict(made) or "")
    approve.revoke_policy(world.shop.db, world.shop.org, one.policy_id, by=ANN)
    one = world.policy(allows=("money", "warnings"))
    assert world.verdict(made) is None
    include(world.shop, "customers", world.agent, everything=True)
    first = plan_of(world.shop, world.agent, entities=[(world.shop.connection.connection_id, "customer")])
    assert "it would be the first promotion of shop customer" in (world.verdict(first) or "")
    approve.revoke_policy(world.shop.db, world.shop.org, one.policy_id, by=ANN)
    world.policy(allows=("money", "first"))
    assert world.verdict(first) is None


def test_what_was_undone_is_as_warned_of_as_it_was(world: World) -> None:
    """A person promotes a product that shares its SKU, and undoes it: a policy that forbids that forbids it still."""
    first, second = sorted(world.shop.ids("products"), key=int)[:2]
    sku = world.shop.store.payload("products", int(first))["sku"]
    world.shop.store.update("products", int(second), sku=sku)
    world.shop.pull("products")
    world.shop.preview("products")
    include(world.shop, "products", ids=[second])
    made = plan_of(world.shop, ANN)
    assert apply(world.shop, made, ANN).done == 1
    promote.undo(world.shop.db, world.shop.org.org_id, made.plan_id, actor="ann")
    world.policy(allows=("money", "warnings", "first"))
    include(world.shop, "products", world.agent, ids=[second])
    proposed = plan_of(world.shop, world.agent, origin="agent")
    assert "1 record of shop product is in conflict with others" in (world.verdict(proposed) or "")


def test_a_policy_pauses_when_more_than_one_record_of_a_hundred_failed(world: World) -> None:
    world.policy()
    made = world.propose_broken()
    assert apply(world.shop, made, world.agent).failed == 1
    [now] = approve.policies(world.shop.db, world.shop.org)
    assert (now.state, now.paused_why) == ("paused", f"1 of 1 records of plan {made.plan_id} failed")


def test_policies_are_a_persons_and_hold_for_ninety_days_at_most(world: World) -> None:
    for by in (world.agent, ADMINS_AGENT, MACHINE, "a name"):
        with pytest.raises(Forbidden, match="A person grants a policy"):
            world.policy(by=by)
    for wrong, words in (
        ({"holds": timedelta(days=91)}, "90 days at most"),
        ({"entities": []}, "names its connections, entities and actions"),
        ({"max_share": Decimal(2)}, "a share is more than 0"),
        ({"allows": ("everything",)}, "Unknown: everything"),
        ({"window": ("08:00", "18:00", "Mars/Base")}, "Unknown time zone"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            world.policy(**wrong)
    for missing in ({"connections": ["none"]}, {"entities": ["unicorns"]}):
        with pytest.raises(NotFound):
            world.policy(**missing)
    with pytest.raises(NotFound):
        approve.revoke_policy(world.shop.db, world.shop.org, 4711, by=ANN)
