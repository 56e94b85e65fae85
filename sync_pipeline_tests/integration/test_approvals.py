"""What was proposed, refused, ignored or undone reaches core by nobody's doing but its own approved plan.

A table: each state of a record against each way in which something is promoted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Conflict, NotApproved, StalePlan
from sync_pipeline.steps import approve as step
from sync_pipeline.steps import connect, promote, select
from sync_pipeline.steps.connect.party import Party
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.served import Served, served
from sync_pipeline_tests.shares import every
from sync_pipeline_tests.stores import Shop, shop

PLANS = "/api/v1/plans"
APPROVALS = import_module("sync_pipeline.steps.approve.approvals")
PERSON = Party("ann", "command")
SYNC = "/api/v1/integrations/sync"
SELECT = f"{SYNC}/preview?action=select&entity_type=tags"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=2, variable=0, customers=2, orders=0, random_seed=9)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("tags", "customers", full=True)
    opened.preview("tags")
    opened.preview("customers")


template = captured_once(shop, fill, capture_all)


@dataclass
class Case:
    """The record X, the other records, and who calls."""

    api: Served
    shop: Shop
    x: str
    others: list[str]
    plans: dict[str, str]
    queue: str | None = None

    def call(self, role: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        answer = self.api.call("POST", path, self.shop.org, role, json=body)
        assert answer.status_code == status, answer.text
        return answer.json().get("data")

    def choose(self, role: str, ids: list[str], **more: Any) -> Any:
        return self.call(role, SELECT, {"decision": "include", "ids": ids, **more})

    def plan(self, role: str) -> str | None:
        made = self.call(role, PLANS, status=201)["plan"]
        return made and str(made["plan_id"])

    def apply(self, plan: str | None) -> None:
        if plan is not None:
            promote.apply(self.shop.db, self.shop.org.org_id, plan, actor="run")

    @property
    def promoted(self) -> set[str]:
        rows = self.shop.rows(
            "SELECT external_id FROM promote.integration_mapping WHERE entity_type = 'tag' AND NOT promoted_deleted"
        )
        return {row[0] for row in rows}


@pytest.fixture
def case(template: Captured[Shop], database: Database, settings: Settings, org: connect.Organization) -> Iterator[Case]:
    opened = template.copy(database, settings, org)
    with served(database, settings) as api:
        x, *others = sorted(opened.ids("tags"))
        yield Case(api, opened, x, others, {})


def drafted(case: Case) -> None:
    """An agent proposes it, and makes no plan of it."""
    case.choose("agent", [case.x])


def proposed(case: Case) -> None:
    case.choose("agent", [case.x])
    case.plans["agent"] = case.plan("agent") or ""


def expired(case: Case) -> None:
    """Approved by a person, who is not asked again when nobody applies it."""
    proposed(case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(APPROVALS, "HOLDS", timedelta(microseconds=1))
        approve(case)


def refused(case: Case) -> None:
    proposed(case)
    case.call("operator", f"{PLANS}/{case.plans['agent']}/refuse", {"why": "no"})


def ignored(case: Case) -> None:
    proposed(case)
    case.call("operator", SELECT, {"decision": "ignore", "ids": [case.x]})


def taken_back(case: Case) -> None:
    proposed(case)
    assert case.call("operator", SELECT, {"decision": "undecided", "ids": [case.x]})["records"] == 1


def undone(case: Case) -> None:
    case.choose("operator", [case.x], draft=True)
    case.plans["operator"] = case.plan("operator") or ""
    case.apply(case.plans["operator"])
    case.queue = str(case.shop.value("SELECT queue_id FROM promote.sync_queue"))
    case.call("operator", f"{PLANS}/{case.plans['operator']}/undo", {"why": "no"})


def approve(case: Case) -> None:
    plan = select.plan(case.shop.db, case.shop.org, case.plans["agent"])
    step.approve(case.shop.db, case.shop.org, plan.plan_id, plan_hash=plan.hash, by=PERSON)


def by_sensor(case: Case) -> None:
    case.choose("operator", case.others)
    plan = select.make_plan(case.shop.db, case.shop.org, actor="selection", origin="selection")
    case.apply(str(plan.plan_id) if plan else None)


def by_plans_of_people(case: Case) -> None:
    """People who may approve everything plan what is included and apply it: on the machine, a page, over the API."""
    db, org, connection = case.shop.db, case.shop.org, case.shop.connection
    stream, kind = connection.source.stream("tags"), [(connection.connection_id, "tag")]
    select.select(db, connection, stream, ids=case.others, include=True, actor=PERSON, draft=True)
    for by in (
        PERSON,
        Party("bo@acme.test", "explorer", "operator", None, 5),
        Party("bo@acme.test", "api", "admin", None, 5),
    ):
        for entities in (None, kind):
            made = select.make_plan(db, org, actor=by, entities=entities)
            if made is not None:
                promote.apply(db, org.org_id, made.plan_id, actor=by)


def by_a_machines_plan(case: Case) -> None:
    case.choose("operator", case.others, draft=True)
    case.apply(case.plan("operator"))


def by_an_admins_plan_of_nothing_new(case: Case) -> None:
    case.apply(case.plan("admin"))
    by_sensor(case)


def by_a_request_for_what_is_included(case: Case) -> None:
    case.choose("operator", case.others, draft=True)
    queue = case.call("operator", f"{SYNC}/materialize", {"entities": ["tags"]})["queue"]["queue_id"]
    promote.work(case.shop.db, case.shop.org.org_id, queue)


def by_a_request_for_named_records(case: Case) -> None:
    body = {"action": "start", "ids": case.others}
    queue = case.call("operator", "/api/v1/integrations/woocommerce/sync/tags", body)["queue"]["queue_id"]
    promote.work(case.shop.db, case.shop.org.org_id, queue)


def by_standing_rules(case: Case) -> None:
    stream = case.shop.connection.source.stream("tags")
    for kind in ("include_new", "follow_updates"):
        select.add_rule(case.shop.db, case.shop.connection, stream, kind=kind, actor="ann")
    select.apply_rules(case.shop.db, case.shop.connection, stream)
    by_sensor(case)


def by_what_was_left(case: Case) -> None:
    """Plans and queues from before, as sensors and gates take them up again."""
    by_sensor(case)
    for plan in case.plans.values():
        with pytest.raises((Conflict, StalePlan, NotApproved)):
            case.apply(plan)
    if case.queue is not None:
        with pytest.raises(Conflict):
            promote.retry(case.shop.db, case.shop.org.org_id, case.queue, actor="ann")


def by_those_who_may_not(case: Case) -> None:
    by_sensor(case)
    for plan in case.plans.values():  # a machine's token, and an agent with the token of an admin
        found = select.plan(case.shop.db, case.shop.org, plan)
        for role in ("operator", "admin"):
            for act in ("approve", "apply"):
                answer = case.api.call("POST", f"{PLANS}/{plan}/{act}", case.shop.org, role, json={"hash": found.hash})
                assert answer.status_code in (403, 409), answer.text
        with pytest.raises((Conflict, NotApproved)):
            promote.create_request(case.shop.db, case.shop.org.org_id, plan, actor=Party("cy", "mcp", "admin", 7, 8))
    for role in ("agent", "viewer", "plugin"):
        for plan in case.plans.values():
            for act, body in (("approve", {"hash": "0" * 64}), ("apply", None), ("refuse", None), ("undo", None)):
                case.call(role, f"{PLANS}/{plan}/{act}", body, status=403)
        case.call(role, f"{SYNC}/materialize", {"entities": ["tags"]}, status=403)
    replace = {"decision": "include", "ids": [case.x], "replace": True}
    case.call("agent", SELECT, replace, status=403)
    case.choose("agent", [case.x])
    case.plan("agent")
    select.make_plan(case.shop.db, case.shop.org, actor="selection", origin="selection")
    case.apply(case.plan("operator"))


STATES: list[Callable[[Case], None]] = [drafted, proposed, expired, refused, ignored, taken_back, undone]
# How others are promoted; and what people and machines try with the plans of the record itself.
AROUND_IT: list[Callable[[Case], None]] = [
    by_sensor,
    by_plans_of_people,
    by_a_machines_plan,
    by_an_admins_plan_of_nothing_new,
    by_a_request_for_what_is_included,
    by_a_request_for_named_records,
    by_standing_rules,
]
WITH_ITS_PLANS: list[Callable[[Case], None]] = [by_what_was_left, by_those_who_may_not]


@pytest.mark.parametrize(
    ("state", "way"),
    [*every(3, STATES, AROUND_IT), *every(1, STATES, WITH_ITS_PLANS)],
    ids=lambda one: one.__name__,
)
def test_nothing_but_its_own_approved_plan_promotes_a_record(case: Case, state: Any, way: Any) -> None:
    state(case)
    way(case)
    assert case.promoted == set(case.others)


def test_its_own_approved_plan_does(case: Case) -> None:
    proposed(case)
    by_sensor(case)
    approve(case)
    case.apply(case.plans["agent"])
    assert case.promoted == {case.x, *case.others}
