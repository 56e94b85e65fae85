"""approve, policy: say yes to a plan, and to plans of an agent in advance, within limits."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import Json, Org, Why
from sync_pipeline.cli.output import answer, emit, row, say, show
from sync_pipeline.cli.plan import PlanId, note_stale

commands = typer.Typer(no_args_is_help=True, help="Manage policies: within them, plans of an agent need no approval.")
PolicyId = Annotated[int, typer.Argument(metavar="POLICY", help="The policy's number.")]


def register(app: typer.Typer) -> None:
    app.command("approve")(approve)
    app.add_typer(commands, name="policy")


def approve(
    org: Org,
    plan: PlanId,
    plan_hash: Annotated[str, typer.Option("--hash", metavar="HASH", help="The plan's hash, as you read it.")],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take its approval back instead.")] = False,
    as_json: Json = False,
) -> None:
    """Approve a plan, as a person: it can be applied once within 24 hours, by whoever may apply it."""
    from sync_pipeline.errors import StalePlan
    from sync_pipeline.steps import approve as step
    from sync_pipeline.steps import select

    with opened() as context:
        tenant = context.org(org)
        if withdraw:
            found = select.plan(context.db, tenant, plan)
            held, _ = step.approvals(context.db, tenant, subject="plan", subject_id=found.plan_id)
            for one in held:
                if one.state == "open" and one.hash == plan_hash:
                    step.withdraw_approval(context.db, tenant, one.approval_id, by=context.party)
            found = select.plan(context.db, tenant, plan)
        else:
            try:
                found = step.approve(context.db, tenant, plan, plan_hash=plan_hash, by=context.party)
            except StalePlan as error:
                if as_json:
                    emit({"plan": plan, "state": "stale", "stale": error.stale})
                note_stale(org, error)
                raise typer.Exit(1) from None
    until = f" until {found.approved_until:%Y-%m-%d %H:%M} UTC" if found.approved_until else ""
    said = [f"Plan {found.plan_id} is {found.state}{until}."]
    if found.state == "approved":
        said.append(f"Next: sync-pipeline apply {org} {found.plan_id}")
    shown = {"plan": found.plan_id, "hash": found.hash, "state": found.state, "approved_by": found.approved_by}
    answer(as_json, {**shown, "approved_until": found.approved_until}, *said)


@commands.command("add")
def add(  # noqa: PLR0913 - the limits of a policy
    org: Org,
    token: Annotated[int, typer.Option("--token", metavar="T", help="The agent's token, by its number.")],
    connection: Annotated[list[str], typer.Option("--connection", metavar="C", help="Can be repeated.")],
    entity: Annotated[list[str], typer.Option("--entity", metavar="E", help="Can be repeated.")],
    max_plan: Annotated[int, typer.Option("--max-plan", metavar="N", min=1, help="Records of a plan, at most.")],
    max_day: Annotated[int, typer.Option("--max-day", metavar="N", min=1, help="Records in 24 hours, at most.")],
    max_share: Annotated[
        float, typer.Option("--max-share", metavar="S", help="Share of an entity's records, at most: 0.1.")
    ] = 0.1,
    action: Annotated[
        list[str] | None, typer.Option("--action", metavar="A", help="create, update, delete. Default: update.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", metavar="R", help="money, warnings, conflicts, first.")
    ] = None,
    window: Annotated[
        str | None, typer.Option("--window", metavar="FROM-TO@ZONE", help="08:00-18:00@Europe/Vienna.")
    ] = None,
    days: Annotated[float, typer.Option("--days", metavar="N", help="Days until it expires, at most 90.")] = 30,
    why: Why = None,
    as_json: Json = False,
) -> None:
    """Grant a policy. It forbids what it does not name: deletions, money, warnings, conflicts, first promotions."""
    from datetime import timedelta
    from decimal import Decimal

    from sync_pipeline.steps import approve as step

    limits = step.Limits(
        connections=connection,
        entities=entity,
        actions=action or ["update"],  # type: ignore[arg-type]  # the step says which there are
        max_plan=max_plan,
        max_day=max_day,
        max_share=Decimal(str(max_share)),
        allows=allow or [],  # type: ignore[arg-type]
        window=_window(window),
    )
    with opened() as context:
        made = step.add_policy(
            context.db, context.org(org), token, limits, holds=timedelta(days=days), by=context.party, why=why
        )
    until = f"{made.expires_at:%Y-%m-%d %H:%M} UTC"
    answer(as_json, _policy(made), f"Policy {made.policy_id} holds for token {made.token} until {until}.")


@commands.command("list")
def list_all(org: Org, as_json: Json = False) -> None:
    """List the policies and what became of them."""
    from sync_pipeline.steps import approve as step

    with opened() as context:
        found = step.policies(context.db, context.org(org))
    if as_json:
        emit({"org": org, "policies": [_policy(one) for one in found]})
    elif found:
        columns = ["policy", "token", "connections", "entities", "actions", "plan", "day", "share", "allows", "until"]
        rows = [
            (
                p.policy_id,
                p.token,
                ", ".join(p.connections),
                ", ".join(p.entity_types),
                ", ".join(p.actions),
                p.max_plan,
                p.max_day,
                f"{p.max_share:%}",
                ", ".join(p.allows),
                p.expires_at,
                p.state,
            )
            for p in found
        ]
        show([*columns, "state"], rows)
    else:
        say(f"{org} has no policies: every plan of an agent waits for a person.")


@commands.command("revoke")
def revoke(org: Org, policy: PolicyId, as_json: Json = False) -> None:
    """Revoke a policy. What it let through stays."""
    from sync_pipeline.steps import approve as step

    with opened() as context:
        found = step.revoke_policy(context.db, context.org(org), policy, by=context.party)
    answer(as_json, _policy(found), f"Policy {policy} is revoked.")


@commands.command("resume")
def resume(org: Org, policy: PolicyId, as_json: Json = False) -> None:
    """Let a policy go on that has paused itself."""
    from sync_pipeline.steps import approve as step

    with opened() as context:
        found = step.resume_policy(context.db, context.org(org), policy, by=context.party)
    answer(as_json, _policy(found), f"Policy {policy} is {found.state}.")


def _window(given: str | None) -> tuple[str, str, str] | None:
    from sync_pipeline.errors import ConfigurationError

    if given is None:
        return None
    times, _, zone = given.partition("@")
    opens, _, closes = times.partition("-")
    if not (opens and closes and zone):
        raise ConfigurationError("A window is FROM-TO@ZONE, such as 08:00-18:00@Europe/Vienna.")
    return opens, closes, zone


def _policy(found: Any) -> dict[str, Any]:
    return {"policy": found.policy_id, **row(found, without=("policy_id", "connection_ids", "in_window"))}
