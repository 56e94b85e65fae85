"""status: show what is captured, would change, is selected and promoted, by connection and entity."""

from typing import TYPE_CHECKING, Any

import typer

from sync_pipeline.cli.options import CONNECT, AnyConnection, Json, Org
from sync_pipeline.cli.output import cell, emit, row, say, show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sync_pipeline.steps.observe import ConnectionStatus, Decision, EntityStatus, PlanResult, WorkProgress

_NAMED = 5  # decisions, and plans that failed


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(org: Org, connection: AnyConnection = None, as_json: Json = False) -> None:
    """Show what is captured, would change, is selected and promoted; and the ledgers that are not closed.

    With --connection what concerns the whole organization is shown, too: decisions and plans of several stores."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.steps import observe

    with opened() as context:
        tenant = context.org(org)
        only = context.connection(tenant, connection) if connection is not None else None
        found = observe.status(context.db, tenant, only)
        working = observe.progress(context.db, tenant.org_id)
        gates = observe.decisions(context.db, tenant)
        if only is not None:
            working = [one for one in working if one.connection_id in (None, only.connection_id)]
            gates = [gate for gate in gates if gate.connection in (None, only.name)]
        failed = observe.failed_plans(context.db, tenant.org_id)
    if as_json:
        emit(
            {
                "org": org,
                "connections": [_connection(one) for one in found],
                "decisions": [{"id": gate.decision_id, "question": gate.question} for gate in gates],
                "failed": [
                    {"plan": plan, **row(one), "reasons": [row(why) for why in one.reasons]}
                    for plan, one in failed.items()
                ],
            }
        )
        return
    if not found:
        say(f"{org} has no connection yet. Connect a store: {CONNECT.format(org=org)}")
        return
    for one in found:
        show_connection(one)
    for work in working:
        say(f"At work: {_work(org, work)}")
    _stopped(org, gates, failed)
    _advise(org, found, working, connection)


def show_connection(one: "ConnectionStatus") -> None:
    """Print one connection as a table, with its messages. Entities without a record are named in a line below it."""
    from sync_pipeline.steps.preview.entity import initial_import_of_all

    pulled = max((e.last_run for e in one.entities if e.last_run), default=None)
    last = f", last pull {cell(pulled)} UTC" if pulled else ""
    full = [e for e in one.entities if _has_something(e)] or one.entities
    show(
        ["entity", "captured", "+ new", "~ updated", "- deleted", "= in sync", "included", "ignored", "undecided",
         "promoted", "quarantined", "ledger"],
        [
            (e.entity, e.captured, e.new, e.updated, e.deleted, e.in_sync, e.included, e.ignored, e.undecided,
             e.promoted, e.quarantined, _ledger(e))
            for e in full
        ],
        title=f"{one.name} ({one.provider}){last}",
        zeros=("~ updated", "- deleted", "included", "ignored", "quarantined"),
    )  # fmt: skip
    if len(full) < len(one.entities):
        say(f"Without records: {', '.join(e.entity for e in one.entities if e not in full)}.")
    for e in one.entities:
        if e.mapped_by_older:
            say(f"{e.entity}: {e.mapped_by_older:,} mapped by an older mapper.")
        if e.deliveries:
            say(f"{e.entity}: webhook deliveries that wait: {e.deliveries:,}.")
    if said := initial_import_of_all({e.entity: e.message for e in one.entities if e.message}):
        say(said)


def _has_something(e: "EntityStatus") -> bool:
    return bool(e.captured or e.deleted or e.promoted or e.quarantined or _ledger(e))


def _connection(one: "ConnectionStatus") -> dict[str, Any]:
    return {**row(one), "entities": [row(e, without=("message", "deliveries")) for e in one.entities]}


def _work(org: str, one: "WorkProgress") -> str:
    where = f"{one.connection}: " if one.connection else ""
    counted = f"{one.done:,}{f' of {one.total:,}' if one.total else ''}" if one.done or one.total else ""
    pace = f"{one.per_minute:,.0f}/min" if one.per_minute >= 1 else ""
    left = f"{one.eta_seconds:,.0f} s left" if one.eta_seconds else ""
    note = one.note
    if one.state == "stopped":
        again = f"apply {org} {one.plan_id}` goes on with it" if one.plan_id else f"pull {org}` goes on there"
        note = f"stopped; `sync-pipeline {again}"
    return f"{where}{', '.join(filter(None, (one.title, counted, pace, left, note)))}"


def _ledger(e: "EntityStatus") -> str:
    """What is to say of the ledger; nothing of one that is closed."""
    if e.last_run is None:
        return "never pulled"
    if e.ledger.closed:
        return ""
    return f"OPEN {e.ledger.captured + e.ledger.quarantined + e.ledger.vanished:,} of {e.ledger.expected:,}"


def _stopped(org: str, gates: "Sequence[Decision]", failed: "Mapping[UUID, PlanResult]") -> None:
    """What waits for a person's answer, and which plans left records behind, why."""
    for gate in gates[:_NAMED]:
        say(f"Decision {gate.decision_id} waits for a person: {gate.question}")
    if gates:
        more = f"{len(gates) - _NAMED:,} more decisions wait. " if len(gates) > _NAMED else ""
        say(f"{more}Answer: sync-pipeline decisions list {org}")
    for plan, result in list(failed.items())[:_NAMED]:
        say(f"Plan {plan} is applied, but {result.failure}. Next: sync-pipeline queue show {org} {plan}")
    if len(failed) > _NAMED:
        say(f"Records of more plans failed: sync-pipeline plans {org} --state applied")


def _advise(org: str, found: Any, working: "Sequence[WorkProgress]", connection: str | None) -> None:
    pull = f"sync-pipeline pull {org}{f' --connection {connection}' if connection else ''}"
    entities = [e for one in found for e in one.entities]
    older = sum(e.mapped_by_older for e in entities)
    if older:
        say(f"{older:,} records were mapped by an older mapper. Renew them: sync-pipeline plan {org} --remap")
    if any(e.quarantined for e in entities):
        say(f"Some records could not be captured. Show them: sync-pipeline quarantine {org}")
    stopped = [one for one in working if one.state == "stopped"]
    applied = next((one.plan_id for one in stopped if one.plan_id), None)
    if applied is not None:
        say(f"Next: sync-pipeline apply {org} {applied}")
    elif stopped or all(e.last_run is None for e in entities):
        say(f"Next: {pull}")
    elif any(e.undecided for e in entities):
        most, where = max(
            (e.undecided, f"--connection {c.name} --entity {e.entity}") for c in found for e in c.entities
        )
        say(f"Next: sync-pipeline table {org} {where}   ({most:,} undecided), then select … --all --include")
    elif any(e.included for e in entities):
        say(f"Next: sync-pipeline plan {org}")
    else:
        say(f"Nothing is waiting. Next: {pull}")
