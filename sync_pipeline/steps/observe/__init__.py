"""observe: the status of everything, what happened, and what waits for a person."""

from sync_pipeline.steps.observe.compat import Compat, Divergence, compat
from sync_pipeline.steps.observe.in_core import CoreField, RecordEvent, RecordInCore, in_core, record_events
from sync_pipeline.steps.observe.reconcile import EntityReconciliation, Reconciliation, reconcile
from sync_pipeline.steps.observe.requests import Request, create_request, request, requests
from sync_pipeline.steps.observe.service import (
    Activity,
    Decision,
    Quarantined,
    StaleConnection,
    activity,
    all_open_decisions,
    answer,
    core_counts,
    decisions,
    quarantine,
    stale_connections,
)
from sync_pipeline.steps.observe.status import ConnectionStatus, EntityStatus, Ledger, status

__all__ = [
    "Activity",
    "Compat",
    "ConnectionStatus",
    "CoreField",
    "Decision",
    "Divergence",
    "EntityReconciliation",
    "EntityStatus",
    "Ledger",
    "Quarantined",
    "Reconciliation",
    "RecordEvent",
    "RecordInCore",
    "Request",
    "StaleConnection",
    "activity",
    "all_open_decisions",
    "answer",
    "compat",
    "core_counts",
    "create_request",
    "decisions",
    "in_core",
    "quarantine",
    "reconcile",
    "record_events",
    "request",
    "requests",
    "stale_connections",
    "status",
]
