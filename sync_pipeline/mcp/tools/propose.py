"""Proposals: selections as drafts, plans of them, rules and answers. A person decides about each."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from sync_pipeline.errors import ConfigurationError, Conflict, Forbidden
from sync_pipeline.mcp.answers import ToolAnswer
from sync_pipeline.mcp.text import quoted, record_id
from sync_pipeline.mcp.tool import Arguments, Call, Entity, OfConnection, RecordId, Why, tool
from sync_pipeline.mcp.tools.plans import is_own, summary, verdict
from sync_pipeline.steps import approve, select

ORIGIN = "agent"  # of plans: whatever role the token has, what comes this way waits for a person
_OPEN = 20  # plans of a token that wait
_NAMED = 20
Seen = dict[RecordId, Annotated[str, Field(max_length=100)]]


class SelectionFilter(Arguments):
    """Records that match; only those that differ from core can be decided."""

    status: Literal["new", "updated", "deleted"] | None = None
    choice: Literal["include", "ignore", "undecided"] | None = None
    search: Annotated[str | None, Field(None, min_length=1, max_length=200)]
    all: bool = False


class ProposeSelection(Arguments):
    """A decision about records, as they were seen."""

    entity: Entity
    connection: OfConnection
    decision: Literal["include", "ignore"]
    seen: Annotated[Seen | None, Field(None, max_length=1000, description="{id: version} as list_records showed them.")]
    filter: Annotated[
        SelectionFilter | None, Field(None, description="Instead of seen: all that match, with as_of, expected.")
    ]
    excluding: Annotated[list[RecordId], Field(default_factory=list, max_length=1000)]
    as_of: AwareDatetime | None = None
    expected: Annotated[int | None, Field(None, ge=0, le=2**31, description="`matching` of the list.")]
    why: Why

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.seen is None) == (self.filter is None):
            raise ValueError("give either seen or filter")
        if self.filter is not None and (self.as_of is None or self.expected is None):
            raise ValueError("a filter needs as_of and expected, from the list that was read")
        return self


class ProposePlan(Arguments):
    """Which selections."""

    batches: Annotated[
        list[Annotated[int, Field(ge=1, le=2**63 - 1)]] | None,
        Field(None, max_length=200, description="Of propose_selection; all of yours, if left out."),
    ]
    why: Why


class ProposeRule(Arguments):
    """A standing rule."""

    entity: Entity
    connection: OfConnection
    kind: Literal["follow_updates", "include_new", "ignore_where"]
    field: Annotated[str | None, Field(None, max_length=100, description="ignore_where: a top-level field.")]
    value: Annotated[str | None, Field(None, max_length=200, description="ignore_where: JSON or plain text.")]
    why: Why


class ProposeAnswer(Arguments):
    """An answer to a decision."""

    decision: Annotated[int, Field(ge=1, le=2**63 - 1)]
    choose: Annotated[str, Field(max_length=60)]
    why: Why


class WithdrawProposal(Arguments):
    """A proposal of one's own: a plan, or records."""

    plan: Annotated[str | None, Field(None, min_length=4, max_length=36)]
    proposal: Annotated[int | None, Field(None, ge=1, le=2**63 - 1, description="Of propose_answer.")]
    entity: Annotated[str | None, Field(None, max_length=60)]
    connection: OfConnection
    ids: Annotated[list[RecordId], Field(default_factory=list, max_length=1000)]
    why: Why


@tool("propose")
def propose_selection(call: Call, given: ProposeSelection) -> ToolAnswer:
    """Propose to include or ignore records in the versions you saw, as a draft: nothing is promoted. What changed
    since, and what others decided, drafted or planned, is left out and named. Next: propose_plan with the `batch`."""
    one, stream = call.place(given.connection, given.entity)
    wanted = given.filter
    which: select.Which = {"seen": given.seen, "as_of": given.as_of, "expected": given.expected, "replace": False}
    which["excluding"] = given.excluding
    if wanted is not None:
        which |= {
            "status": wanted.status, "selection": wanted.choice, "search": wanted.search, "everything": wanted.all,
        }  # fmt: skip
        call.reads.may_decide_by(stream, wanted.search)
    include = given.decision == "include"
    done = select.select(call.db, one, stream, include=include, actor=call.party, why=given.why, draft=True, **which)
    told: dict[str, Any] = {
        "batch": done.batch_id,
        "decided": done.records,
        "changed_since": done.moved_count,
        "decided_by_others": done.replaced_by_others_count,
        "left_out": [record_id(row["external_id"]) for row in done.moved[:_NAMED]],
        "others": [
            {
                "id": record_id(row["external_id"]), "decision": row["decision"], "when": row["when"],
                **quoted(who=row["who"]),
            }
            for row in done.replaced_by_others[:_NAMED]
        ],
    }  # fmt: skip
    return ToolAnswer(told, ids=[done.batch_id])


@tool("propose", everywhere=True)
def propose_plan(call: Call, given: ProposePlan) -> ToolAnswer:
    """Make a plan of what you proposed, and of nothing else. Read it with get_plan; a person approves it at
    `approve_at`; then apply_plan. The same proposal twice is the same plan."""
    if select.open_plan_count(call.db, call.caller.org, actor=call.party) >= _OPEN:
        raise Conflict(f"{_OPEN} of your plans wait already. Withdraw one, or ask a person to decide about them.")
    made = select.make_plan(
        call.db,
        call.caller.org,
        actor=call.party,
        origin=ORIGIN,
        batches=given.batches,
        why=given.why,
        waiting=False,
        reuse=True,
    )
    if made is None:
        return ToolAnswer({"plan": None, "note": "There is nothing to plan: you have no drafts that differ from core."})
    return ToolAnswer({**summary(call, made), "hash": made.hash, **verdict(call, made)}, ids=[made.plan_id])


@tool("propose")
def propose_rule(call: Call, given: ProposeRule) -> ToolAnswer:
    """Propose a standing rule: says how many undecided records it would decide now, and where a person adds it. It does
    not take effect by itself."""
    one, stream = call.place(given.connection, given.entity)
    call.reads.may_test(stream, given.field)
    value = select.rule_value(given.value)
    count = select.count_rule(call.db, one, stream, kind=given.kind, field=given.field, value=value)
    select.note_proposed_rule(call.db, one, stream, kind=given.kind, actor=call.caller.actor, why=given.why)
    add_at = call.address(
        one.name, "settings", entity=stream.name, kind=given.kind, field=given.field, value=given.value
    )
    return ToolAnswer({"would_decide": count, "add_at": add_at})


@tool("propose", everywhere=True)
def propose_answer(call: Call, given: ProposeAnswer) -> ToolAnswer:
    """Propose an answer to a decision. A person answers it at `answer_at`."""
    made = approve.propose_answer(call.db, call.caller.org, given.decision, given.choose, by=call.party, why=given.why)
    told = {"proposal": made.proposal_id, "decision": given.decision, "proposed": made.choice}
    return ToolAnswer({**told, "answer_at": call.address("decisions", str(given.decision))}, ids=[made.proposal_id])


@tool("propose")
def withdraw_proposal(call: Call, given: WithdrawProposal) -> ToolAnswer:
    """Take back a proposal of your own: a plan that waits (its records are undecided again), an answer, or drafts of an
    entity."""
    if given.plan is None and given.proposal is None and not (given.entity and given.ids):
        raise ConfigurationError("Name a plan, the proposal of an answer, or an entity and the ids of your drafts.")
    if call.caller.connection_id is not None and not given.ids:
        raise Forbidden("This concerns the whole organization, and your token belongs to one connection.")
    if given.proposal is not None:
        gone = approve.withdraw_answer(call.db, call.caller.org, given.proposal, by=call.party)
        return ToolAnswer({"proposal": gone.proposal_id, "state": gone.state}, ids=[gone.proposal_id])
    if given.plan is not None:
        found = select.plan(call.db, call.caller.org, given.plan)
        if found.state == "applied":
            where = call.address("plans", str(found.plan_id), "undo")
            raise Conflict(f"The plan is already applied. A person can undo it: {where}")
        if not is_own(call, found):
            raise Forbidden("This plan is not yours. Only who proposed a plan withdraws it; a person may refuse it.")
        done = select.refuse(call.db, call.caller.org, found.plan_id, actor=call.party, why=given.why)
        return ToolAnswer({"plan": done.plan_id, "state": done.state}, ids=[done.plan_id])
    assert given.entity is not None
    one, stream = call.place(given.connection, given.entity)
    took = select.undecide(call.db, one, stream, actor=call.party, why=given.why, own=True, ids=given.ids)
    return ToolAnswer({"taken_back": took.records, "not_yours": took.replaced_by_others_count})
