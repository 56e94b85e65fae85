"""observe: where everything stands, what happened, and what waits for a person."""

from sync_pipeline.steps.observe.reconcile import EntityReconciliation, Reconciliation, reconcile
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
    "ConnectionStatus",
    "Decision",
    "EntityReconciliation",
    "EntityStatus",
    "Ledger",
    "Quarantined",
    "Reconciliation",
    "StaleConnection",
    "activity",
    "all_open_decisions",
    "answer",
    "core_counts",
    "decisions",
    "quarantine",
    "reconcile",
    "stale_connections",
    "status",
]
