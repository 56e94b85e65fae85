"""What waits for a person in an organization."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.connect import Organization

SQL = load(__package__, "waiting.sql")
MOST_COUNTED = 10_000  # differences of an entity
MOST_NAMED = 20  # decisions and plans


@dataclass(frozen=True, slots=True)
class WaitingDecision:
    """A gate without an answer."""

    decision_id: int
    question: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class HeldPart:
    """What a gate that was answered with “hold” keeps out of core."""

    decision_id: int
    connection_id: int | None
    blocks: Sequence[str]
    question: str
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingPlan:
    """A plan that waits for approval; `failed`: one that was applied and left records behind; `approved_until`: one
    that `approved_by` approved, to be applied until then.

    `agent`: an agent made it, and `why` is in its words; `proposed`: it holds what agents proposed, whoever made it.
    """

    plan_id: str
    at: datetime
    creates: int = 0
    updates: int = 0
    deletes: int = 0
    by: str | None = None
    failed: int = 0
    agent: bool = False
    proposed: bool = False
    why: str | None = None
    approved_by: str | None = None
    approved_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits. `undecided`: (connection, entity type, records), at most `MOST_COUNTED` records of an entity."""

    decisions: Sequence[WaitingDecision]
    plans: Sequence[WaitingPlan]
    approved: Sequence[WaitingPlan]
    failed: Sequence[WaitingPlan]
    undecided: Sequence[tuple[int, str, int]]
    quarantined: Mapping[int, int]  # by connection
    held: Sequence[HeldPart]


def _plan(row: Any, **more: Any) -> WaitingPlan:
    return WaitingPlan(str(row.plan_id), row.created_at, row.creates, row.updates, row.deletes, row.created_by, **more)


def waiting(db: Database, org: Organization) -> Waiting:
    """What waits for a person, the newest plans first; at most twenty of a kind are named."""
    most = {"at_most": MOST_NAMED}
    with db.org(org.org_id) as conn:
        return Waiting(
            [WaitingDecision(**row._mapping) for row in execute(conn, SQL["unanswered_decisions"], **most)],
            [
                _plan(row, agent=row.origin == "agent", proposed=row.agent, why=row.why)
                for row in execute(conn, SQL["waiting_plans"], **most)
            ],
            [
                _plan(row, approved_by=row.approved_by, approved_until=row.approved_until)
                for row in execute(conn, SQL["approved_plans"], **most)
            ],
            [
                WaitingPlan(str(row.plan_id), row.created_at, failed=row.failed)
                for row in execute(conn, SQL["failed_plans"], **most)
            ],
            [
                (row.connection_id, row.entity_type, row.records)
                for row in execute(conn, SQL["differences_up_to"], undecided=True, at_most=MOST_COUNTED)
            ],
            {row.connection_id: row.records for row in execute(conn, SQL["quarantined_by_connection"])},
            [HeldPart(**row._mapping) for row in execute(conn, SQL["held_decisions"], **most)],
        )


def nothing_to_promote(db: Database, org: Organization) -> str:
    """Why a promotion that was asked for without a plan has none to apply, and what to do."""
    found, slug = waiting(db, org), org.slug
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["differences_up_to"], undecided=False, at_most=MOST_COUNTED)
        included = sum(row.records for row in rows)
    undecided = sum(records for _, _, records in found.undecided)
    if found.plans:
        why = (
            f"no plan is approved. {_many(len(found.plans), MOST_NAMED)} {_one(len(found.plans), 'waits', 'wait')} for "
            f"approval: `sync-pipeline plans "
            f"{slug}` lists them, `sync-pipeline apply {slug} PLAN` approves and applies one."
        )
    elif included:
        why = (
            f"no plan is approved. {_many(included, MOST_COUNTED)} {_one(included, 'record is', 'records are')} "
            "included, and the sensor "
            f"committed_selections plans them; `sync-pipeline plan {slug}` and `apply` do it by hand."
        )
    elif undecided:
        why = (
            f"nothing is selected. {_many(undecided, MOST_COUNTED)} "
            f"{_one(undecided, 'record that differs from core is', 'records that differ from core are')} undecided: "
            f"include some in the Explorer or with `sync-pipeline select {slug}`; then they are promoted."
        )
    else:
        why = f"nothing that was captured waits. `sync-pipeline pull {slug}` captures what has changed in the stores."
    return " ".join([f"Nothing was promoted: {why}", *_stopped(found, slug)])


def _stopped(found: Waiting, slug: str) -> Iterator[str]:
    """What stops promotions, and which plan left records behind."""
    if waits := len(found.decisions):
        decisions = f"{_many(waits, MOST_NAMED)} {_one(waits, 'decision waits', 'decisions wait')}"
        yield f"{decisions} for a person: `sync-pipeline decisions list {slug}`."
    for plan in found.failed[:1]:
        records = f"{plan.failed:,} {_one(plan.failed, 'record', 'records')}"
        yield f"{records} of plan {plan.plan_id} failed: `sync-pipeline queue show {slug} {plan.plan_id}` says why."


def _many(count: int, most: int) -> str:
    """A count that may have been cut off."""
    return f"{count:,} or more" if count >= most else f"{count:,}"


def _one(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
