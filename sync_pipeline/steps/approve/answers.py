"""Answers of gates that agents propose: a person accepts one, or answers the gate otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import Connection as Transaction
from sqlalchemy import Row

from sync_pipeline import gates, journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, Conflict, Forbidden, NotFound
from sync_pipeline.steps.approve.approvals import grant, spend
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.connect.party import Actor, party

SQL = load("sync_pipeline.steps.approve", "answers.sql")


@dataclass(frozen=True, slots=True)
class ProposedAnswer:
    """How somebody would answer a gate. It is past if the gate was answered otherwise."""

    proposal_id: int
    decision_id: int
    choice: Annotated[str, Field(description="One of the decision's options.")]
    why: Annotated[str | None, Field(description="In the words of whoever proposes it.")]
    proposed_by: str
    client: Annotated[str | None, Field(description="What the agent's program calls itself.")]
    proposed_at: datetime
    state: Literal["open", "accepted", "withdrawn", "past"]
    accepted_by: str | None
    accepted_at: datetime | None


def propose_answer(
    db: Database, org: Organization, decision_id: int, choice: str, *, by: Actor, why: str | None = None
) -> ProposedAnswer:
    """Propose an answer to an open gate. Nothing resumes by it. Proposing the same again changes nothing.

    Raises:
        NotFound: no such decision.
        ConfigurationError: `choice` is not one of its options.
        Conflict: it is answered already.
    """
    who = party(by)
    with db.org(org.org_id) as conn:
        gate = _open_gate(conn, org, decision_id)
        choices = [option["choice"] for option in gate.options]
        if choice not in choices:
            raise ConfigurationError(
                f"“{choice}” is not an answer to decision {decision_id}. Use one of: {', '.join(choices)} "
                f"(the safest is {gate.recommended})."
            )
        what: dict[str, Any] = {"decision": decision_id, "choice": choice, "why": why}
        known = execute(conn, SQL["same_answer"], **what, actor=who.name, own_token=who.own_token).scalar_one_or_none()
        if known is not None:
            return _proposal(conn, org, known)
        made = int(
            execute(
                conn, SQL["propose_answer"], **what, actor=who.name, token_id=who.token_id, client=who.client
            ).scalar_one()
        )
        journal.record(conn, "gate.answer_proposed", actor=who.name, **who.trace, proposal=made, **what)
        return _proposal(conn, org, made)


def accept_answer(db: Database, org: Organization, proposal_id: int, *, by: Actor) -> ProposedAnswer:
    """Answer the gate as proposed. What it stopped resumes with the next run.

    Raises:
        NotFound: no such proposal.
        Forbidden: no person accepts it.
        Conflict: it was withdrawn, or the gate is answered already.
    """
    who = party(by)
    with db.org(org.org_id) as conn:
        wanted = _proposal(conn, org, proposal_id)
        if not who.is_person:
            raise Forbidden(
                "A person accepts what an agent proposes, logged in with a password: a token without a person does "
                f"not. Open /ui/{org.slug}/decisions/{wanted.decision_id} there."
            )
        _open_gate(conn, org, wanted.decision_id)
        if execute(conn, SQL["accept_answer"], proposal=proposal_id, actor=who.name).one_or_none() is None:
            raise Conflict(f"Proposal {proposal_id} was {wanted.state}.")
        said = f"{wanted.decision_id}/{wanted.choice}"
        what = (str(wanted.decision_id), hashlib.sha256(said.encode()).hexdigest())
        grant(conn, "answer", *what, who)
        spend(conn, "answer", *what, who)
        gates.answer_gate(conn, wanted.decision_id, wanted.choice, actor=who.name, why=wanted.why)
        return _proposal(conn, org, proposal_id)


def withdraw_answer(db: Database, org: Organization, proposal_id: int, *, by: Actor) -> ProposedAnswer:
    """Take a proposal back; an agent only its own. Withdrawing it twice changes nothing.

    Raises:
        NotFound: no such proposal of theirs.
        Conflict: it was accepted.
    """
    who = party(by)
    with db.org(org.org_id) as conn:
        own = {"proposal": proposal_id, "token_id": who.token_id}
        if who.is_agent and not execute(conn, SQL["own_answer"], **own).scalar_one():
            raise NotFound(f"{org.slug} has no proposal {proposal_id}.")
        gone = execute(conn, SQL["withdraw_answer"], proposal=proposal_id).scalar_one_or_none()
        found = _proposal(conn, org, proposal_id)
        if gone is not None:
            journal.record(
                conn, "gate.answer_withdrawn", actor=who.name, **who.trace, proposal=proposal_id, decision=gone
            )
        elif found.state == "accepted":
            raise Conflict(f"Proposal {proposal_id} was accepted by {found.accepted_by}.")
        return found


def proposed_answers(
    db: Database, org: Organization, *, decision_id: int | None = None, only_open: bool = False
) -> Sequence[ProposedAnswer]:
    """Proposed answers, of one gate or of all, newest first; only those that wait, if asked."""
    with db.org(org.org_id) as conn:
        return _read(conn, decision=decision_id, proposal=None, open=only_open)


def _proposal(conn: Transaction, org: Organization, proposal_id: int) -> ProposedAnswer:
    found = _read(conn, decision=None, proposal=proposal_id, open=False)
    if not found:
        raise NotFound(f"{org.slug} has no proposal {proposal_id}.")
    return found[0]


def _read(conn: Transaction, **wanted: Any) -> list[ProposedAnswer]:
    return [ProposedAnswer(**row._mapping) for row in execute(conn, SQL["proposed_answers"], **wanted)]


def _open_gate(conn: Transaction, org: Organization, decision_id: int) -> Row[Any]:
    gate = execute(conn, SQL["gate_to_answer"], decision=decision_id).one_or_none()
    if gate is None:
        raise NotFound(f"{org.slug} has no decision {decision_id}.")
    if gate.answer is not None:
        raise Conflict(f"Decision {decision_id} was already answered: {gate.answer} by {gate.answered_by}.")
    return gate
