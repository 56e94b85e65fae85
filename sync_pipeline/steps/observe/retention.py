"""Retention: what only grows, how old it may become, and what a setting gives up. Without a setting everything stays.

`RETENTIONS` and `BOUNDED` name every table of the schema between them; docs/operations.md says the same to operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sync_pipeline import journal
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import types_of
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.preview import hold_core

_SQL = load(__package__, "retention.sql")
_AT_MOST = 10_000  # rows a transaction deletes
_RECALLED = ("order", "order_lines")  # entities whose earlier versions promotion reads (promote.map.earlier)


@dataclass(frozen=True, slots=True)
class Retention:
    """A table that grows. `setting` is a field of `Settings`, in days; None: `days` holds always."""

    table: str
    age: str  # the column that says how old a row is
    setting: str | None
    statement: str | None  # None: deleted by another, see `gives_up`
    gives_up: str  # what is no longer there
    days: int | None = None


# In the order of deletion: a plan goes after what undo needs, a version after the plans that name it.
RETENTIONS = (
    Retention(
        "promote.core_change",
        "sync_queue.finished_at",
        "keep_undo_days",
        "delete_core_changes",
        "undo of the promotion",
    ),
    Retention("promote.sync_queue_line", "closed_plan.closed_at", "keep_plans_days", "delete_queue_lines", "its lines"),
    Retention("selection.sync_plan_item", "closed_plan.closed_at", "keep_plans_days", "delete_plan_items", "its items"),
    Retention("selection.sync_plan", "closed_plan.closed_at", "keep_plans_days", "delete_plans", "the plan"),
    Retention("promote.sync_queue", "closed_plan.closed_at", "keep_plans_days", None, "goes with its plan"),
    Retention("promote.conflict", "decided_at", "keep_plans_days", "delete_conflicts", "how a conflict was decided"),
    Retention(
        "selection.selection_batch", "decided_at", "keep_plans_days", "delete_selections", "who selected, and how"
    ),
    Retention("capture.record_history", "superseded_at", "keep_versions_days", "delete_versions", "former contents"),
    Retention(
        "capture.former_interval",
        "superseded_at",
        "keep_versions_days",
        "delete_intervals",
        "when a content that came back was there before",
    ),
    Retention("capture.sync_ledger", "started_at", "keep_ledger_days", "delete_runs", "the figures of former runs"),
    Retention("capture.sync_page", "committed_at", None, None, "goes when a later run of its entity closes"),
    Retention("capture.sync_logs", "started_at", "keep_ledger_days", "delete_logs", "the log of former runs"),
    Retention(
        "capture.sync_quarantine",
        "resolved_at",
        "keep_quarantine_days",
        "delete_resolved_quarantine",
        "the bytes of records that were read since",
    ),
    Retention("capture.webhook_delivery", "received_at", None, None, "goes 30 days later, with the next delivery"),
    Retention("observe.sync_activity", "occurred_at", "keep_activity_days", "delete_activity", "the audit log"),
    Retention("observe.agent_call", "called_at", None, "delete_agent_calls", "what agents called", days=90),
    Retention(
        "observe.validation",
        "started_at",
        None,
        "delete_validations",
        "matrices that nobody signed off, but for the newest",
        days=90,
    ),
    Retention("observe.validation_row", "validation.started_at", None, None, "goes with its matrix"),
    Retention("observe.request", "finished_at", "keep_requests_days", "delete_requests", "its idempotency key"),
    Retention(
        "connect.api_token", "expires_at", None, None, "sessions go 30 days after their end, with the next login"
    ),
    Retention("connect.rate_limit", "at_rest", None, "delete_idle_rates", "nothing", days=1),
)

_PER_RECORD = "one row a record"
_PER_ENTITY = "one row an entity of a connection"
# Tables that do not grow by time alone, and why.
BOUNDED: Mapping[str, str] = {
    "connect.organization": "one row an organization",
    "connect.app_user": "one row a person",
    "connect.integration_connector": "one row a connection",
    "connect.request_budget": "one row a connection",
    "connect.request_lease": "one row a worker, replaced by the next",
    "capture.sync_record": _PER_RECORD,
    "capture.former_email": "one row an address that a record had; customers are found by it",
    "capture.named_record": "one row an id that a record names in a list, or named; by it the record is found",
    "capture.former_deletion": "one row each time that a record came back which had been deleted",
    "capture.deletion_change": "emptied by the next promotion",
    "capture.sync_cursor": _PER_ENTITY,
    "capture.sync_shape": "one row a field and type",
    "preview.difference": _PER_RECORD,
    "preview.summary": _PER_ENTITY,
    "preview.tally": "summed up at each comparison",
    "preview.saved_view": "at most 50 an entity of a connection",
    "selection.sync_selective_config": _PER_RECORD,
    "selection.withdrawal": _PER_RECORD,
    "selection.standing_rule": "one row a rule that a person makes",
    "selection.approval": "one row a plan or answer that a person or a policy approved: the evidence is kept for ever",
    "selection.approval_policy": "one row a policy that a person grants",
    "selection.proposed_answer": "one row an answer that an agent proposes to a question",
    "selection.proposed_migration": "one row a migration that is proposed for the deployment",
    "promote.integration_mapping": _PER_RECORD,
    "promote.figures_due": "emptied at the end of each queue",
    "promote.pending_link": "one row a reference that waits",
    "core.categories": _PER_RECORD,
    "core.customers": _PER_RECORD,
    "core.customer_addresses": _PER_RECORD,
    "core.products": _PER_RECORD,
    "core.product_variants": _PER_RECORD,
    "core.product_categories": _PER_RECORD,
    "core.inventory_items": _PER_RECORD,
    "core.sales_orders": _PER_RECORD,
    "core.sales_order_items": _PER_RECORD,
    "core.reference_data": _PER_RECORD,
    "observe.decision": "one row a question that a person answers; the answer is kept for ever",
    "observe.signoff": "one row a milestone that a person signs off: the evidence is kept for ever",
    "observe.acceptance": "one row a script that a person carries out",
    "observe.pull_total": _PER_ENTITY,
    "observe.alert": "one row a connection",
    "observe.heartbeat": "one row a sensor",
}


def delete_old(db: Database, org: Organization, settings: Settings) -> Mapping[str, int]:
    """Delete what is older than the settings say, in bounded transactions; returns how many rows of each table."""
    if settings.keep_undo_days is not None:
        with db.org(org.org_id) as conn:
            hold_core(conn, writing=True)  # undo takes the same lock: it has all images, or is refused
            execute(conn, _SQL["end_undo"], days=settings.keep_undo_days)
    deleted: dict[str, int] = {}
    for one in RETENTIONS:
        days = one.days if one.setting is None else getattr(settings, one.setting)
        if days is not None and one.statement is not None:
            deleted[one.table] = _delete(db, org.org_id, one.statement, days)
    found = {table: rows for table, rows in deleted.items() if rows}
    audited = {table: rows for table, rows in found.items() if table != "connect.rate_limit"}
    if audited:
        with db.org(org.org_id) as conn:
            journal.record(conn, "retention.deleted", actor="retention", rows=audited)
    return found


def _delete(db: Database, org_id: int, statement: str, days: int) -> int:
    recalled = sorted({kind for entity in _RECALLED for kind in types_of(entity)})
    total = 0
    while True:
        with db.org(org_id) as conn:
            rows = execute(conn, _SQL[statement], days=days, at_most=_AT_MOST, recalled=recalled).rowcount
        total += rows
        if rows < _AT_MOST:
            return total
