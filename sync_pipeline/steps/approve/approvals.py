"""Approvals: a person's yes to exactly one thing, bound to its hash, spent once, worth nothing after a day.

A plan's is spent in the transaction that makes its queue, after it was found not stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import Connection as Transaction
from sqlalchemy import Row

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import Conflict, Forbidden, NotApproved, NotFound, StalePlan
from sync_pipeline.steps.approve.staleness import seen_stale
from sync_pipeline.steps.approve.verdict import let_through
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.connect.party import Actor, Party, party
from sync_pipeline.steps.select import Plan, plan

SQL = load("sync_pipeline.steps.approve", "approvals.sql")
HOLDS = timedelta(hours=24)
Subject = Literal["plan", "answer", "migration"]


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval: what of, by whom and how, and what became of it.

    It is open while it can be spent; void if its plan was refused or undone meanwhile.
    """

    approval_id: int
    subject: Subject
    subject_id: str
    hash: Annotated[str, Field(description="Of what was approved: nothing else can be done with it.")]
    granted_by: str
    via: Annotated[Literal["explorer", "api", "command", "run", "policy"], Field(description="How it was granted.")]
    policy_id: int | None
    granted_at: datetime
    expires_at: datetime
    state: Literal["open", "spent", "withdrawn", "expired", "void"]
    spent_at: datetime | None
    spent_by: str | None
    withdrawn_at: datetime | None
    withdrawn_by: str | None


def approve(db: Database, org: Organization, plan_id: UUID | str, *, plan_hash: str, by: Actor) -> Plan:
    """Approve a plan, which must have this hash. Approving it again changes nothing.

    Raises:
        NotFound: no such plan.
        Conflict: the plan has another hash, or does not wait for approval.
        Forbidden: they may not approve this plan.
        StalePlan: its records changed since it was made: nothing was approved.
    """
    found, approver = plan(db, org, plan_id), party(by)
    with db.org(org.org_id) as conn:
        now = _locked(conn, found.plan_id)
        if plan_hash != now.hash:
            raise Conflict("The plan has a different hash. Read the plan again before you approve it.")
        if now.state not in ("proposed", "approved"):
            raise Conflict(f"The plan is already {now.state}.")
        if not (now.queued or now.origin == "selection"):
            if refusal := _refusal(conn, now, approver):
                raise Forbidden(refusal)
            _refuse_stale(conn, str(now.plan_id))
            grant(conn, "plan", str(now.plan_id), now.hash, approver)
    return plan(db, org, found.plan_id)


def _refuse_stale(conn: Transaction, plan_id: str) -> None:
    """Nobody approves what a plan says of records that are other ones by now; applying it would refuse it anyway."""
    moved = seen_stale(conn, plan_id)
    if moved.count:
        raise StalePlan(
            f"{moved.count:,} of {moved.of:,} records changed since the plan was made. It was not approved. "
            "Make a new plan.",
            stale=moved.records,
            of=moved.of,
        )


def grant(conn: Transaction, subject: Subject, subject_id: str, subject_hash: str, by: Party) -> int:
    """Approve a subject in the caller's transaction, which has checked that they may; returns the approval's id."""
    what = {"subject": subject, "subject_id": subject_id, "hash": subject_hash}
    held = execute(conn, SQL["held_approval"], **what).scalar_one_or_none()
    if held is not None:
        return int(held)
    return _grant(conn, what, by.name, via=by.way)


def spend(conn: Transaction, subject: Subject, subject_id: str, subject_hash: str, by: Party) -> Row[Any] | None:
    """Spend an approval of exactly this, in the caller's transaction; None if there is none to spend.

    Returns approval_id, granted_by, granted_at, via and policy_id.
    """
    what = {"subject": subject, "subject_id": subject_id, "hash": subject_hash}
    return execute(conn, SQL["spend"], **what, spent_by=by.name).one_or_none()


def spend_on_plan(conn: Transaction, plan_id: UUID | str, actor: Actor) -> dict[str, Any]:
    """Let a plan be queued, in the caller's transaction, which has found it not stale; returns what the log says of it.

    An approval that was granted is spent. Without one, who applies a plan and may approve it approves it now; else a
    policy may let it through.

    Raises:
        NotApproved: the plan waits for a person; says what to do.
    """
    by = party(actor)
    now = _locked(conn, plan_id)
    if now.queued or (now.origin == "selection" and now.state == "approved"):
        return {}
    spent = spend(conn, "plan", str(now.plan_id), now.hash, by)
    if spent is None:
        _approve_now(conn, now, by)
        spent = spend(conn, "plan", str(now.plan_id), now.hash, by)
        assert spent is not None  # it was granted in this transaction
    execute(conn, SQL["plan_approved"], plan=now.plan_id, granted_by=spent.granted_by, granted_at=spent.granted_at)
    execute(conn, SQL["commit_drafts"], plan=now.plan_id)
    return {"approval": spent.approval_id, "approver": spent.granted_by, "via": spent.via, "policy": spent.policy_id}


def _approve_now(conn: Transaction, now: Row[Any], by: Party) -> None:
    refusal = _refusal(conn, now, by)
    if refusal is None:
        grant(conn, "plan", str(now.plan_id), now.hash, by)
        return
    found = let_through(conn, now)
    if found.policy_id is None:
        raise NotApproved(" ".join(filter(None, (refusal, found.words))))
    what = {"subject": "plan", "subject_id": str(now.plan_id), "hash": now.hash}
    _grant(conn, what, f"policy:{found.policy_id}", via="policy", policy_id=found.policy_id)


def _refusal(conn: Transaction, now: Row[Any], by: Party) -> str | None:
    """Why they may not approve this plan, and what to do; None if they may."""
    where = (
        f"Open /ui/{now.org}/plans/{now.plan_id} there, or run "
        f"`sync-pipeline approve {now.org} {now.plan_id} --hash {now.hash}` on the machine."
    )
    if by.is_agent:
        return f"An agent approves nothing: a person does, logged in with a password. {where}"
    if now.agent and not by.is_person:
        return (
            "This plan holds what an agent proposed, and a token without a person cannot approve that: a person does, "
            f"logged in with a password. {where}"
        )
    if now.four_eyes and not by.is_person:
        return f"{now.org} asks for four eyes: a person approves its plans, logged in with a password. {where}"
    if now.four_eyes and by.name in execute(conn, SQL["proposers"], plan=now.plan_id).scalars().all():
        return f"{now.org} asks for four eyes: {by.name} proposed or planned this. Somebody else approves it. {where}"
    return None


def _grant(conn: Transaction, what: dict[str, Any], name: str, *, via: str, policy_id: int | None = None) -> int:
    approval = int(
        execute(
            conn,
            SQL["grant"],
            **what,
            granted_by=name,
            via=via,
            policy_id=policy_id,
            seconds=HOLDS.total_seconds(),
        ).scalar_one()
    )
    event = "plan.approved" if what["subject"] == "plan" else "approval.granted"
    detail = {what["subject"]: what["subject_id"], "hash": what["hash"], "policy": policy_id}
    journal.record(conn, event, actor=name, approval=approval, via=via, **detail)
    return approval


def _locked(conn: Transaction, plan_id: UUID | str) -> Row[Any]:
    return execute(conn, SQL["plan_to_approve"], plan=str(plan_id)).one()


def withdraw_approval(db: Database, org: Organization, approval_id: int, *, by: Actor) -> Approval:
    """Take back an approval that was not spent: what it was of waits again.

    Raises:
        NotFound: no such approval.
        Conflict: it was spent. (Withdrawing it twice changes nothing.)
    """
    who = party(by)
    with db.org(org.org_id) as conn:
        gone = execute(conn, SQL["withdraw_approval"], approval=approval_id, actor=who.name).one_or_none()
        if gone is not None:
            event = "plan.approval_withdrawn" if gone.subject == "plan" else "approval.withdrawn"
            journal.record(conn, event, actor=who.name, approval=approval_id, **{gone.subject: gone.subject_id})
    found, _ = approvals(db, org, approval_id=approval_id)
    if not found:
        raise NotFound(f"{org.slug} has no approval {approval_id}.")
    if found[0].state == "spent":
        raise Conflict(f"Approval {approval_id} was spent by {found[0].spent_by}. Undo the plan instead.")
    return found[0]


def approvals(
    db: Database,
    org: Organization,
    *,
    subject: Subject | None = None,
    subject_id: UUID | str | None = None,
    approval_id: int | None = None,
    page: int = 1,
    page_size: int = 50,
) -> tuple[Sequence[Approval], int]:
    """A page of the organization's approvals, newest first, and how many there are."""
    wanted = {"subject": subject, "subject_id": str(subject_id) if subject_id else None}
    part = {"limit": page_size, "offset": (page - 1) * page_size}
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["approvals"], **wanted, approval=approval_id, **part).all()
        count = int(execute(conn, SQL["count_approvals"], **wanted).scalar_one())
    return [Approval(**row._mapping) for row in rows], count
