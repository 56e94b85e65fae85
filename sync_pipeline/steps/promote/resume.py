"""After a gate is answered: promote the lines it stopped, and record the outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sync_pipeline import gates, journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import Conflict, NotFound, StalePlan
from sync_pipeline.steps.connect import Organization, connections, update_settings
from sync_pipeline.steps.promote.queue.apply import ApplyReport, apply

_SQL = load("sync_pipeline.steps.promote", "resume.sql")


def resume(db: Database, org: Organization, decision_id: int, *, actor: str) -> Sequence[ApplyReport]:
    """Resume what an answered gate stopped: apply the answer, promote its lines, record the outcome.

    After a kill, call it again to continue. Records that changed in the meantime need a new selection.

    Raises:
        NotFound: no such decision, or it is not answered.
        Conflict: it was answered with hold, and the cause still exists.
    """
    with db.org(org.org_id) as conn:
        gate = gates.answered(conn, decision_id)
    if gate is None:
        raise NotFound(f"{org.slug} has no answered decision {decision_id}.")
    if gates.resumed_by(gate.cause, gate.answer) is None and gate.outcome is None:
        raise Conflict(f"Decision {decision_id} was answered with hold: it resumes when its cause is gone.")
    _carry_out(db, org, gate)
    where = {
        "queues": gate.stopped,
        "connection_id": gate.connection_id,
        "types": gate.blocks or [gate.entity_type],
        "external_id": gate.detail.get("external_id"),
    }
    with db.org(org.org_id) as conn:
        execute(conn, _SQL["reopen_stopped"], **where)
        plans = [str(plan) for plan in execute(conn, _SQL["stopped_plans"], queues=gate.stopped).scalars()]
    reports = list(_applied(db, org.org_id, plans, actor))
    with db.org(org.org_id) as conn:
        tally = execute(conn, _SQL["stopped_tally"], **where).one()
        outcome = _outcome(dict(tally._mapping), stopped=bool(gate.stopped))
        gates.settle(conn, decision_id, outcome)
        journal.record(
            conn,
            "gate.resumed",
            actor=actor,
            connection_id=gate.connection_id,
            entity_type=gate.entity_type,
            decision=decision_id,
            cause=gate.cause,
            choice=gate.answer,
            outcome=outcome,
        )
    return reports


def _applied(db: Database, org_id: int, plans: Sequence[str], actor: str) -> Iterator[ApplyReport]:
    """Apply the plans; one whose records another of them has promoted meanwhile is closed, and left out."""
    for plan in plans:
        with suppress(StalePlan):
            yield apply(db, org_id, plan, actor=actor)


def _carry_out(db: Database, org: Organization, gate: Any) -> None:
    """Apply the settings that the answer changes at the connection."""
    changes = gates.by_name(gate.cause).sets.get(gate.answer)
    store = next((one for one in connections(db, org) if one.connection_id == gate.connection_id), None)
    if changes and store is not None:
        settings = {setting: gate.detail[key] for setting, key in changes.items()}
        update_settings(db, store, settings, actor=gate.answered_by)


def _outcome(tally: Mapping[str, int], *, stopped: bool) -> str:
    if not stopped:
        return "nothing had been stopped; promotion goes on"
    said = [f"{tally['done']} of the records it stopped are promoted"]
    if tally["failed"]:
        said.append(f"{tally['failed']} failed, their lines say why")
    if tally["changed"]:
        said.append(f"{tally['changed']} of these changed meanwhile and wait for a new selection")
    if tally["open"]:
        said.append(f"{tally['open']} are being worked on")
    return ", ".join(said)
