"""observe: the status of everything, what happened, and what waits for a person."""

from sync_pipeline.steps.observe.agent_calls import AgentCall, record_agent_call
from sync_pipeline.steps.observe.briefing import ConnectionBriefing, EntityBriefing, briefing
from sync_pipeline.steps.observe.captured_rows import CapturedRows, captured_rows
from sync_pipeline.steps.observe.changed import Changed, ChangedCounts, changed_counts, changed_records, settled
from sync_pipeline.steps.observe.changes import SettingsChanged, settings_changes
from sync_pipeline.steps.observe.compat import Compat, Divergence, compat
from sync_pipeline.steps.observe.decision_log import (
    DecisionKind,
    LoggedDecision,
    decision_log,
    decision_log_count,
    deployment_log,
)
from sync_pipeline.steps.observe.failures import FailureReason, PlanResult, failed_plans, plan_results
from sync_pipeline.steps.observe.history import KINDS, Day, Event, days, time_line
from sync_pipeline.steps.observe.merged import Merged, merged
from sync_pipeline.steps.observe.operations import (
    EntityRun,
    LastPull,
    LastReconciliation,
    asked,
    cancel_request,
    entity_runs,
    last_ended,
    last_reconciliation,
)
from sync_pipeline.steps.observe.progress import WorkProgress, progress
from sync_pipeline.steps.observe.quarantine import (
    SetAside,
    SetAsideWhole,
    quarantine_counts,
    quarantine_page,
    quarantined_one,
    quarantined_record,
)
from sync_pipeline.steps.observe.reconcile import reconcile
from sync_pipeline.steps.observe.reconciled import DIFFERENCES, EntityReconciliation, Reconciliation
from sync_pipeline.steps.observe.requests import Request, create_request, request, requests
from sync_pipeline.steps.observe.retention import delete_old
from sync_pipeline.steps.observe.service import (
    Activity,
    Decision,
    Quarantined,
    StaleConnection,
    activity,
    all_open_decisions,
    answer,
    browse_activity,
    browse_decisions,
    core_counts,
    decision_causes,
    decisions,
    open_decision_count,
    quarantine,
    stale_connections,
)
from sync_pipeline.steps.observe.status import ConnectionStatus, EntityStatus, Ledger, status
from sync_pipeline.steps.observe.sync_logs import (
    LogKind,
    LogStatus,
    SkippedRecord,
    SyncLog,
    SyncLogDetail,
    sync_log,
    sync_logs,
)
from sync_pipeline.steps.observe.waiting import (
    MOST_COUNTED,
    HeldPart,
    Waiting,
    WaitingDecision,
    WaitingPlan,
    nothing_to_promote,
    waiting,
)
