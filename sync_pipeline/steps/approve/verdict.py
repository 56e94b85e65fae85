"""What the policies say to a plan that no person has approved: which lets it through, or which limit stops it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection as Transaction
from sqlalchemy import Row

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.entities.core import core_tables
from sync_pipeline.exact_json import to_json
from sync_pipeline.sources.base import all_sources
from sync_pipeline.steps.approve.policies import SQL, ApprovalPolicy, pause_policies, read_policies
from sync_pipeline.steps.approve.shared import matched, with_sharing
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.select import plan as find_plan


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """Which policy lets a plan through, or (None) the limits that stop it, in words."""

    policy_id: int | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityFacts:
    """What a plan does to an entity of a connection, as limits ask: numbers of its records."""

    connection: str
    connection_id: int
    provider: str
    entity_type: str
    creates: int
    updates: int
    deletes: int
    money: int
    warned: int
    conflicts: int
    captured: int
    promoted_before: bool

    @property
    def records(self) -> int:
        """How many records of it the plan has."""
        return self.creates + self.updates + self.deletes


def verdict(db: Database, org: Organization, plan_id: UUID | str) -> PolicyVerdict:
    """What the policies say to a plan now.

    Raises:
        NotFound: no such plan.
    """
    found = find_plan(db, org, plan_id)
    with db.org(org.org_id) as conn:
        token_id = execute(conn, SQL["plan_token"], plan=found.plan_id).scalar_one()
        return _judge(conn, found.plan_id, token_id)


def let_through(conn: Transaction, plan: Row[Any]) -> PolicyVerdict:
    """The same in the caller's transaction, which approves by it: one plan of a token after the other."""
    if plan.token_id is not None:
        execute(conn, SQL["lock_policies"], token_id=plan.token_id)
        pause_policies(conn)
    return _judge(conn, plan.plan_id, plan.token_id)


def _judge(conn: Transaction, plan_id: UUID, token_id: int | None) -> PolicyVerdict:
    candidates = read_policies(conn, token_id=token_id, only_open=True) if token_id is not None else []
    if not candidates:
        return PolicyVerdict(None, "No policy holds for it.")
    records = int(execute(conn, SQL["plan_records"], plan=plan_id).scalar_one())
    facts: Sequence[EntityFacts] | None = None
    stopped = []
    for policy in candidates:
        limit = _limit_of_size(policy, records)
        if limit is None:  # only now: reading a plan of many records for nothing would take long
            facts = _facts(conn, plan_id) if facts is None else facts
            limit = limit_passed(policy, facts)
        if limit is None:
            return PolicyVerdict(policy.policy_id, f"Policy {policy.policy_id} of {policy.granted_by} lets it through.")
        stopped.append(f"Policy {policy.policy_id} of {policy.granted_by} does not let it through: {limit}.")
    return PolicyVerdict(None, " ".join(stopped))


def limit_passed(policy: ApprovalPolicy, facts: Sequence[EntityFacts]) -> str | None:
    """The first limit of a policy that a plan passes, in words; None if it keeps all of them."""
    limits = (_limit_of_entity(policy, one) for one in facts)
    return _limit_of_size(policy, sum(one.records for one in facts)) or next(filter(None, limits), None)


def _limit_of_size(policy: ApprovalPolicy, records: int) -> str | None:
    """What can be said without a look at the plan's records."""
    if policy.state == "paused":
        return f"it has paused itself, because {policy.paused_why}"
    if policy.state != "open":
        return f"it is {policy.state}"
    if not policy.in_window:
        return f"it holds from {policy.window_from} to {policy.window_to} in {policy.zone}"
    if records > policy.max_plan:
        return f"at most {_records(policy.max_plan)} a plan, and it has {records:,}"
    if records + policy.rows_today > policy.max_day:
        return f"at most {_records(policy.max_day)} in 24 hours, and with it there are {records + policy.rows_today:,}"
    return None


def _limit_of_entity(policy: ApprovalPolicy, one: EntityFacts) -> str | None:
    here = f"{one.connection} {one.entity_type}"
    if one.connection_id not in policy.connection_ids:
        return f"the connection {one.connection} is not among its connections"
    if one.entity_type not in policy.entity_types:
        return f"{one.entity_type} is not among its entities"
    for action, count in (("create", one.creates), ("update", one.updates), ("delete", one.deletes)):
        if count and action not in policy.actions:
            return f"it does not let {action}s through, and {here} has {count:,}"
    if Decimal(one.records) > policy.max_share * one.captured:
        return f"at most {policy.max_share:%} of an entity, and it has {one.records:,} of {one.captured:,} {here}"
    if one.money and "money" not in policy.allows:
        return f"money changes in {_records(one.money)} of {here}"
    if one.warned and "warnings" not in policy.allows:
        return f"there are warnings about {_records(one.warned)} of {here}"
    if one.conflicts and "conflicts" not in policy.allows:
        return f"{_records(one.conflicts)} of {here} {'is' if one.conflicts == 1 else 'are'} in conflict with others"
    if not one.promoted_before and "first" not in policy.allows:
        return f"it would be the first promotion of {here}"
    return None


def _records(number: int) -> str:
    return f"{number:,} {'record' if number == 1 else 'records'}"


def _facts(conn: Transaction, plan_id: UUID) -> list[EntityFacts]:
    return [EntityFacts(**row._mapping) for row in plan_facts(conn, plan_id)]


def plan_facts(conn: Transaction, plan_id: UUID) -> Sequence[Row[Any]]:
    """What a plan does to each entity, as limits ask."""
    where = {"plan": plan_id, **matched(), "of_one_store": False}
    return execute(conn, with_sharing(SQL["plan_facts"]), **where, **money_paths()).all()


@cache
def money_paths() -> dict[str, list[str]]:
    """The money paths of every stream that has some, as PostgreSQL reads them: arrays are unwrapped on the way. And the
    columns of money in core, as repairs name them."""
    streams = [
        (provider.name, stream.entity_type, to_json([_jsonpath(path) for path in stream.money_paths]))
        for provider in all_sources().values()
        for stream in provider.streams.values()
        if stream.money_paths
    ]
    return {
        "providers": [one[0] for one in streams],
        "types": [one[1] for one in streams],
        "paths": [one[2] for one in streams],
        "amounts": [
            name
            for table in core_tables().values()
            if table.amounts
            for name in (table.short, *(f"{table.short}.{column}" for column in table.amounts))
        ],
    }


def _jsonpath(path: str) -> str:
    steps = "".join(f'."{step}"' for step in path.split("."))
    # Comparing values of two kinds is unknown in a path, which leaves the value out: so kinds are asked too.
    return f'lax ${steps} ? (@ != null && (@ != "" || @.type() != "string") && (@ != false || @.type() != "boolean"))'
