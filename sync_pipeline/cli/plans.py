"""plans, refuse: read what plans do, and say no to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import Json, Org, Why
from sync_pipeline.cli.output import answer, cell, emit, named, note, row, say, show, spelled
from sync_pipeline.cli.plan import PlanId, counts_of, held_back, missing_parts, say_counts

if TYPE_CHECKING:
    from uuid import UUID

    from sync_pipeline.steps.observe import PlanResult

    Results = Mapping[UUID, PlanResult]

_SHOWN = 50
_NAMED = 20  # of the records that changed
_LONGEST = 200  # characters of a value


def register(app: typer.Typer) -> None:
    app.command("plans")(plans)
    app.command("refuse")(refuse)


def plans(
    org: Org,
    plan: Annotated[
        str | None, typer.Argument(metavar="[PLAN]", help="This plan, with its items; its id, or the beginning.")
    ] = None,
    state: Annotated[
        Literal["proposed", "approved", "applied", "refused", "undone"] | None,
        typer.Option("--state", help="Only plans in this state."),
    ] = None,
    page: Annotated[int, typer.Option("--page", metavar="N", min=1)] = 1,
    page_size: Annotated[
        int | None, typer.Option("--page-size", metavar="N", min=1, help="50; with --json all items of a plan.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the plans and what became of them; or one, with what it does to each record: fields before and after."""
    from sync_pipeline.steps import observe, promote, select
    from sync_pipeline.steps.preview.paths import told_list

    with opened() as context:
        tenant = context.org(org)
        if plan is None:
            listed, count = select.plans(context.db, tenant, state=state, page=page, page_size=page_size or _SHOWN)
            queues = [one.queue for one in listed if one.queue is not None]
        else:
            found = select.read_plan(context.db, tenant, plan)
            queues = [found.queue] if found.queue is not None else []
            waits = found.state in ("proposed", "approved")
            moved = promote.stale(context.db, tenant.org_id, found.plan_id) if waits else None
            size = page_size or (max(1, found.items) if as_json else _SHOWN)
            items, count = select.plan_items(
                context.db, tenant, found.plan_id, effects=promote.effects, page=page, page_size=size
            )
        results = observe.plan_results(context.db, tenant.org_id, queues)
    if plan is None:
        if as_json:
            emit({"plans": [_told(one, results) for one in listed], "rowCount": count, "page": page})
        else:
            _list(org, listed, results, count)
    elif as_json:
        shown = [{**row(one), "changes": told_list(one.changes), "core": told_list(one.core)} for one in items]
        emit({**_told(found, results), "stale": moved.records if moved else [], "items": shown, "rowCount": count})
    else:
        _print(org, found, results, moved, items, count)


def refuse(org: Org, plan: PlanId, why: Why = None, as_json: Json = False) -> None:
    """Refuse a plan: it is never applied, and what it included is undecided again."""
    from sync_pipeline.steps import select

    with opened() as context:
        found = select.refuse(context.db, context.org(org), plan, actor=context.party, why=why)
    answer(as_json, _summary(found), f"Plan {found.plan_id} is refused. What it included is undecided again.")


def _summary(plan: Any) -> dict[str, Any]:
    rest = row(plan, without=("plan_id", "creates", "updates", "deletes"))
    return {"plan": plan.plan_id, "counts": counts_of(plan), **rest}


def _told(plan: Any, results: Results) -> dict[str, Any]:
    result = results.get(plan.queue)
    return {**_summary(plan), "result": result and {**row(result), "reasons": [row(one) for one in result.reasons]}}


def _state(plan: Any, result: PlanResult | None) -> str:
    """Its state, and its queue's until that is done: “applied” alone reads as if all of it were in core."""
    return f"applied, {result.state}" if result and plan.state == "applied" and result.state != "done" else plan.state


def _list(org: str, listed: Any, results: Results, count: int) -> None:
    if not listed:
        say(f"No plans. Next: sync-pipeline plan {org}")
        return
    rows = []
    for p in listed:
        result = results.get(p.queue)
        became = (result.done, result.failed, result.cancelled) if result else (None, None, None)
        made = (p.creates, p.updates, p.deletes, *became, _maker(p), p.created_at, _approver(p))
        rows.append((str(p.plan_id), _state(p, result), *made))
    show(_COLUMNS, rows, zeros=("create", "update", "delete", "failed", "cancelled"))
    for p in listed:
        if (result := results.get(p.queue)) and result.failed and p.state != "undone":
            say(f"{str(p.plan_id)[:8]}: {result.failure}. See: sync-pipeline queue show {org} {p.plan_id}")
    say(f"{len(listed):,} of {count:,} plans. Next: sync-pipeline plans {org} PLAN")


def _maker(plan: Any) -> str:
    """Who made it. The sensor's name is no person's."""
    return "the sensor" if plan.origin == "selection" else named(plan.created_by)


def _approver(plan: Any) -> str | None:
    """Who approved it: what is included where connections promote it is approved by those who include it."""
    return "who included it" if plan.origin == "selection" and plan.approved_by else plan.approved_by


def _print(org: str, plan: Any, results: Results, moved: Any, items: Any, count: int) -> None:
    why, result = f": “{plan.why}”" if plan.why else "", results.get(plan.queue)
    say(f"Plan {plan.plan_id}, {_state(plan, result)}, made by {_maker(plan)} at {cell(plan.created_at)}{why}")
    say_counts(plan)
    if result is not None:
        counts = ((result.failed, "failed"), (result.cancelled, "cancelled"), (result.open, "open"))
        said = [f"{result.done:,} done", *(f"{number:,} {word}" for number, word in counts if number)]
        say(f"  of these {', '.join(said)}{f': {result.why}' if result.failed else ''}")
    for one in plan.proposers:
        agent = f" (an agent{f', with {named(one.client)}' if one.client else ''})" if one.agent else ""
        did = "proposed" if one.agent else "included"
        reasons = "".join(f" “{named(reason)}”" for reason in one.reasons)
        say(f"  {named(one.name)}{agent} {did} {one.records:,}{':' if reasons else ''}{reasons}")
    for sentence in held_back(org, plan.held_back) + missing_parts(org, plan.missing_parts):
        say(sentence)
    if plan.agent:
        say("It holds what an agent proposed. A person approves it.")
    if moved and moved.count:
        say(f"{moved.count:,} of {moved.of:,} records changed since it was made, so nothing can approve or apply it:")
        for one in moved.records[:_NAMED]:
            say(f"  {one['connection']} {one['entity']} {one['external_id']}: {one['moved']}")
        if moved.count > _NAMED:
            say(f"  … and {moved.count - _NAMED:,} more")
    for item in items:
        what = " ".join(part for part in (named(item.name), f"({named(item.code)})" if item.code else None) if part)
        say(f"{_SIGNS[item.action]} {item.connection} {item.entity} {item.external_id}  {what}")
        say_changes(item.changes)
        if item.sharing is not None:
            say(f"    {_shared(item)}")
        if item.core:
            say("    in core:")
            say_changes(item.core, "      ")
        for warning in item.warnings:
            say(f"    ! {warning.get('message', warning.get('code'))}")
    if count > len(items):
        note(f"{len(items):,} of {count:,} items. Next: --page N, or --json for all of them.")
    if moved and moved.count:
        say(f"Next: review these records, select them again, then: sync-pipeline plan {org}")
    elif plan.state == "proposed":
        say(f"Next: sync-pipeline apply {org} {plan.plan_id}   (or refuse)")
    elif result is not None and result.failed and plan.state == "applied":
        say(f"Next: correct the cause, then: sync-pipeline queue retry {org} {plan.plan_id}")


def _shared(item: Any) -> str:
    """What core row it has beside others, in words."""
    others = [f"{one['connection']} {one['entity']} {one['external_id']}" for one in item.sharing.others]
    rest = max(0, len(others) - _SHARERS) + item.sharing.more
    more = f" and {rest:,} more" if rest else ""
    if others:
        stays = "stays: it is" if item.action == "delete" else "is"
        row = f"its core row {stays} also that of {', '.join(others[:_SHARERS])}{more}"
    else:
        row = f"it gets {item.sharing.row}, which is there and of no other record"
    if not item.sharing.tried:
        return f"{row}; what becomes of it is not known now: core is being written, or hundreds are of this row"
    return row if item.core else f"{row}; nothing changes in that row"


_SHARERS = 5  # named of those that share a row
_COLUMNS = [
    "plan", "state", "create", "update", "delete", "done", "failed", "cancelled", "made by", "made at", "approved by",
]  # fmt: skip
_SIGNS = {"create": "+", "update": "~", "delete": "-"}


def say_changes(changes: Iterable[Mapping[str, Any]], margin: str = "    ") -> None:
    """Print each changed field with its value before and after; of lists and objects, what differs in them."""
    from sync_pipeline.steps.preview.paths import told

    for change in changes:
        through = f"  (through {change['through']})" if "through" in change else ""
        shown = told(str(change["field"]), change)
        for one in shown.get("paths") or [{**change, "path": change["field"]}]:
            say(f"{margin}{one['path']}: {value(one, 'before')} → {value(one, 'after')}{through}")
        if "more" in shown:
            say(f"{margin}… and {shown['more']:,} more in {change['field']}")


def value(change: Mapping[str, Any], side: str) -> str:
    """A side of a change in one line."""
    if side not in change:
        return "(none)"
    text = spelled(change[side])
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
