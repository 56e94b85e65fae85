"""Apply what a person approved."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sync_pipeline.errors import Conflict, NotApproved
from sync_pipeline.mcp.answers import ToolAnswer
from sync_pipeline.mcp.text import quoted
from sync_pipeline.mcp.tool import Arguments, Call, PlanId, tool
from sync_pipeline.mcp.tools.plans import verdict
from sync_pipeline.steps import promote, select


class ApplyPlan(Arguments):
    """A plan, as it was read."""

    plan: PlanId
    hash: Annotated[str, Field(min_length=64, max_length=64, description="Of get_plan.")]


@tool("act", everywhere=True)
def apply_plan(call: Call, given: ApplyPlan) -> ToolAnswer:
    """Apply a plan that a person approved: exactly it, once. Without an approval the answer is `waiting` and the page
    where a person approves. Follow the work with get_work. A stale plan changes nothing: propose a new one."""
    found = select.plan(call.db, call.caller.org, given.plan)
    if given.hash != found.hash:
        raise Conflict("The plan has a different hash. Read it again with get_plan.")
    if found.queue is not None:
        return _work(call, promote.status(call.db, call.caller.org.org_id, found.queue))
    try:
        done = promote.create_request(call.db, call.caller.org.org_id, found.plan_id, actor=call.party)
    except NotApproved:
        return ToolAnswer({"state": "waiting", "plan": found.plan_id, "hash": found.hash, **verdict(call, found)})
    return _work(call, done.queue, request=f"request:{done.request_id}")


def _work(call: Call, queue: promote.QueueStatus, **more: str) -> ToolAnswer:
    found = select.plan(call.db, call.caller.org, queue.plan_id)
    told = {"state": queue.state, "plan": queue.plan_id, "id": f"queue:{queue.queue_id}", **more}
    return ToolAnswer(told | quoted(approved_by=found.approved_by), ids=[queue.queue_id])
