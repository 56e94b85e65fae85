"""plans, refuse: read what plans do, and say no to one."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import Json, Org, Why
from sync_pipeline.cli.output import answer, cell, emit, named, note, row, say, show, spelled
from sync_pipeline.cli.plan import PlanId, counts_of, say_counts

_SHOWN = 50


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
    """Show the plans; or one, with what it does to each record: fields before and after, and warnings."""
    from sync_pipeline.steps import select

    with opened() as context:
        tenant = context.org(org)
        if plan is None:
            listed, count = select.plans(context.db, tenant, state=state, page=page, page_size=page_size or _SHOWN)
        else:
            found = select.plan(context.db, tenant, plan)
            size = page_size or (max(1, found.items) if as_json else _SHOWN)
            items, count = select.plan_items(context.db, tenant, found.plan_id, page=page, page_size=size)
    if plan is None:
        if as_json:
            emit({"plans": [_summary(one) for one in listed], "rowCount": count, "page": page})
        else:
            _list(org, listed, count)
    elif as_json:
        emit({**_summary(found), "items": items, "rowCount": count})
    else:
        _print(org, found, items, count)


def refuse(org: Org, plan: PlanId, why: Why = None, as_json: Json = False) -> None:
    """Refuse a plan: it is never applied, and what it included is undecided again."""
    from sync_pipeline.steps import select

    with opened() as context:
        found = select.refuse(context.db, context.org(org), plan, actor=context.party, why=why)
    answer(as_json, _summary(found), f"Plan {found.plan_id} is refused. What it included is undecided again.")


def _summary(plan: Any) -> dict[str, Any]:
    rest = row(plan, without=("plan_id", "creates", "updates", "deletes"))
    return {"plan": plan.plan_id, "counts": counts_of(plan), **rest}


def _list(org: str, listed: Any, count: int) -> None:
    if not listed:
        say(f"No plans. Next: sync-pipeline plan {org}")
        return
    columns = ["plan", "state", "create", "update", "delete", "made by", "made at", "approved by"]
    rows = [
        (str(p.plan_id), p.state, p.creates, p.updates, p.deletes, p.created_by, p.created_at, p.approved_by)
        for p in listed
    ]
    show(columns, rows, zeros=("create", "update", "delete"))
    say(f"{len(listed):,} of {count:,} plans. Next: sync-pipeline plans {org} PLAN")


def _print(org: str, plan: Any, items: Any, count: int) -> None:
    if plan.agent:
        said = f": “{plan.why}”" if plan.why else ""
        say(f"It holds what an agent proposed{said}. A person approves it.")
    say(f"Plan {plan.plan_id}, {plan.state}, made by {plan.created_by} at {cell(plan.created_at)}")
    say_counts(plan)
    for item in items:
        what = " ".join(part for part in (named(item.name), f"({named(item.code)})" if item.code else None) if part)
        say(f"{_SIGNS[item.action]} {item.connection} {item.entity} {item.external_id}  {what}")
        say_changes(item.changes)
        for warning in item.warnings:
            say(f"    ! {warning.get('message', warning.get('code'))}")
    if count > len(items):
        note(f"{len(items):,} of {count:,} items. Next: --page N, or --json for all of them.")
    if plan.state == "proposed":
        say(f"Next: sync-pipeline apply {org} {plan.plan_id}   (or refuse)")


_SIGNS = {"create": "+", "update": "~", "delete": "-"}


def say_changes(changes: Iterable[Mapping[str, Any]]) -> None:
    """Print each changed field with its value before and after."""
    for change in changes:
        through = f"  (through {change['through']})" if "through" in change else ""
        say(f"    {change['field']}: {_value(change, 'before')} → {_value(change, 'after')}{through}")


def _value(change: Mapping[str, Any], side: str) -> str:
    """A side of a change in one line."""
    if side not in change:
        return "(no such field)"
    text = spelled(change[side])
    return text if len(text) <= 100 else text[:97] + "…"
