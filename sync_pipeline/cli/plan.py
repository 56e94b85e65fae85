"""plan, apply, undo: promote exactly what a plan lists, and take it back."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import AnyConnection, Entities, Json, Org, Why
from sync_pipeline.cli.output import answer, emit, note, row, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.cli.context import Context
    from sync_pipeline.steps.connect import Organization
    from sync_pipeline.steps.select import HeldBack, MissingParts, Plan, WhereIncluded

PlanHash = Annotated[
    str | None, typer.Option("--hash", metavar="HASH", help="The plan's hash, as it was read.", show_default=False)
]
PlanId = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id, or its beginning.", show_default=False)]


def register(app: typer.Typer) -> None:
    app.command("plan")(plan)
    app.command("apply")(apply)
    app.command("undo")(undo)


def counts_of(plan: Any | None) -> dict[str, int]:
    """What a plan does, in numbers; None does nothing."""
    return {
        "create": plan.creates if plan else 0,
        "update": plan.updates if plan else 0,
        "delete": plan.deletes if plan else 0,
    }


def say_counts(plan: Any) -> None:
    """The same in a line for people."""
    say(f"  + {plan.creates:,} create   ~ {plan.updates:,} update   - {plan.deletes:,} delete")


def plan(
    org: Org,
    connection: AnyConnection = None,
    entity: Entities = None,
    remap: Annotated[
        bool, typer.Option("--remap", help="Plan the records in core that an older mapper mapped.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a plan of everything that is included and not yet in core. Nothing is promoted until it is applied.

    What agents proposed is left out, and counted."""
    from sync_pipeline.steps import select

    with opened() as context:
        tenant = context.org(org)
        chosen, entities, told = None, None, list[str]()
        if connection or entity:
            chosen = [(one, s) for one, streams in context.streams(tenant, connection, entity) for s in streams]
        if remap:
            made = select.make_remap_plan(context.db, tenant, chosen, actor=context.party)
            told += [] if made else [select.NOTHING_TO_RENEW]
        else:
            entities = None if chosen is None else [(one.connection_id, s.entity_type) for one, s in chosen]
            made = select.make_plan(context.db, tenant, actor=context.party, entities=entities)
            left = select.left_out(context.db, tenant, entities)
            if made:
                told += filter(None, [select.say_left_out(left)])
                told += held_back(org, select.held_back(context.db, tenant, made))
                told += missing_parts(org, select.missing_parts(context.db, tenant, made))
            else:
                nothing = select.nothing_to_plan(context.db, tenant, actor=context.party, entities=entities)
                where = select.where_included(context.db, tenant, entities)
                told.append(f"{nothing} Next: sync-pipeline {_next(org, where)}")
            for one in left:
                of = f"--connection {one.connection} --entity {one.stream.name}"
                told.append(f"See them: sync-pipeline table {org} {of} --choice include")
    if as_json:
        plan_id, plan_hash = (made.plan_id, made.hash) if made else (None, None)
        emit({"plan": plan_id, "hash": plan_hash, "counts": counts_of(made)})
    elif made:
        say(f"Plan {made.plan_id}")
        say_counts(made)
        say(f"  hash {made.hash}")
        say(f"Next: sync-pipeline apply {org} {made.plan_id}")
    for sentence in told:
        note(sentence)


def held_back(org: str, held: "Sequence[HeldBack]") -> list[str]:
    """Which decisions keep records of a plan out of core, and where they are answered."""
    from sync_pipeline.steps import select

    return [f"{select.say_held_back(one)} See: sync-pipeline decisions list {org}" for one in held]


def missing_parts(org: str, missing: "Sequence[MissingParts]") -> list[str]:
    """Which parts of its records a plan leaves out, and where they are included."""
    from sync_pipeline.steps import select

    return [
        f"{select.say_missing_parts(one)} See them: sync-pipeline table {org} --connection {one.connection} "
        f"--entity {one.entity} --choice undecided"
        for one in missing
    ]


def _next(org: str, where: "WhereIncluded") -> str:
    """What to do with what is included where a new plan would be empty."""
    if where.queued_plan is not None:
        return f"apply {org} {where.queued_plan}"
    return f"plans {org} {where.plan.plan_id}" if where.plan is not None else f"status {org}"


def apply(org: Org, plan: PlanId, plan_hash: PlanHash = None, as_json: Json = False) -> None:
    """Approve a plan, if nobody has, and promote its records. If the plan is stale, nothing changes."""
    with opened() as context:
        applied(context, context.org(org), plan, as_json, plan_hash=plan_hash)


def applied(
    context: "Context", tenant: "Organization", plan: str, as_json: bool, *, plan_hash: str | None = None
) -> None:
    """Apply a plan, or go on with it, and print what came of it."""
    from sync_pipeline.cli.pipeline import promote
    from sync_pipeline.cli.progress import listener
    from sync_pipeline.errors import Conflict, StalePlan
    from sync_pipeline.steps import select

    found = select.plan(context.db, tenant, plan)  # an unknown plan fails before anything starts
    if plan_hash not in (None, found.hash):
        raise Conflict("The plan has a different hash. Read the plan again before you apply it.")
    approval = None
    try:
        approval = _approval(context, tenant, found)
        with listener() as progress:
            report = promote(context, tenant, str(found.plan_id), progress)
    except StalePlan as error:
        if approval is not None:
            _withdraw(context, tenant, approval)
        _stale(tenant.slug, found, error, as_json)
        raise typer.Exit(1) from None
    done = f"Plan {report.plan}: {report.state}, {report.done:,} done, {report.failed:,} failed."
    answer(as_json, row(report), done)
    for line in report.errors:
        note(f"FAILED {line['connection']} {line['entity']} {line['external_id']}: {line['reason']}")
    if report.failed or report.state != "done":
        note(f"Correct the cause, then: sync-pipeline queue retry {tenant.slug} {report.plan} (or make a new plan)")
        raise typer.Exit(1)
    if not as_json:
        say(f"To undo it: sync-pipeline undo {tenant.slug} {report.plan}")


def _approval(context: "Context", tenant: "Organization", found: "Plan") -> int | None:
    """Approve a plan that waits, as the person who runs the command: the run that applies it is nobody."""
    from sync_pipeline.steps import approve

    if found.state != "proposed":
        return None
    approve.approve(context.db, tenant, found.plan_id, plan_hash=found.hash, by=context.party)
    made, _ = approve.approvals(context.db, tenant, subject="plan", subject_id=found.plan_id, page_size=1)
    return made[0].approval_id


def _withdraw(context: "Context", tenant: "Organization", approval: int) -> None:
    """Nothing was done with it: the plan waits again."""
    from sync_pipeline.errors import Conflict
    from sync_pipeline.steps import approve

    with suppress(Conflict):
        approve.withdraw_approval(context.db, tenant, approval, by=context.party)


def undo(org: Org, plan: PlanId, why: Why = None, as_json: Json = False) -> None:
    """Undo a promotion: restore its core rows to their state before it. Its records are undecided again."""
    from sync_pipeline.steps import promote, select

    with opened() as context:
        tenant = context.org(org)
        found = select.plan(context.db, tenant, plan)
        report = promote.undo(context.db, tenant.org_id, str(found.plan_id), actor=context.actor, why=why)
    if found.state == "undone":
        said = [f"Plan {report.plan_id} was undone before: nothing was changed."]
    else:
        said = [f"Plan {report.plan_id} is undone: {report.rows:,} core rows restored."]
    if report.merged:
        said.append(f"{report.merged:,} more rows were merged again from their other records.")
    done = row(report, without=("plan_id", "queue_id"))
    answer(as_json, {"plan": report.plan_id, "queue": report.queue_id, "state": "undone", **done}, *said)


def _stale(org: str, found: Any, error: Any, as_json: bool) -> None:
    if as_json:
        emit(
            {"plan": found.plan_id, "queue": None, "state": "stale", "done": 0, "failed": 0, "stale": error.stale,
             "seconds": 0.0}
        )  # fmt: skip
    note_stale(org, error)


def note_stale(org: str, error: Any) -> None:
    """Say which records of a plan moved, and what to do."""
    note(f"{error}")
    for one in error.stale[:20]:
        note(f"  {one['connection']} {one['entity']} {one['external_id']}: {one['moved']}")
    if len(error.stale) > 20:
        note(f"  … and {len(error.stale) - 20:,} more")
    note(f"Nothing was changed. Review these records, select them again, then: sync-pipeline plan {org}")
