"""Run status sensors: close the run's request, log its failures, launch the reconciliation after a weekly run."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG

from sync_pipeline import journal
from sync_pipeline.defs.events import failed_in
from sync_pipeline.defs.jobs import ACTOR, jobs
from sync_pipeline.defs.requests import ORG_ID, REQUEST, finish
from sync_pipeline.defs.resources import Runtime, SyncResource
from sync_pipeline.redaction import redact
from sync_pipeline.sources.base import all_sources
from sync_pipeline.steps import connect

_SECONDS = 5
_MAX_ORGS = 1000


def run_status_sensors() -> Sequence[dg.SensorDefinition]:
    """One sensor for each final status of a run."""
    statuses = {
        "run_succeeded": dg.DagsterRunStatus.SUCCESS,
        "run_failed": dg.DagsterRunStatus.FAILURE,
        "run_canceled": dg.DagsterRunStatus.CANCELED,
    }
    return [_run_status_sensor(name, status) for name, status in statuses.items()]


def _run_status_sensor(name: str, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        name=name,
        run_status=status,
        request_job=jobs()["reconcile"],
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Runs with status {status.value}: closes their request, logs failures in observe.sync_activity.",
    )
    def sensor(context: dg.RunStatusSensorContext, sync: SyncResource) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        failures = {} if status is dg.DagsterRunStatus.SUCCESS else _failures(context)
        close_request(sync.runtime, run, status, failures)
        if failures:
            record_failures(sync.runtime, run, failures)
            context.log.error(f"run {run.run_id} ({run.job_name}): {'; '.join(failures.values())[:1000]}")
        if run.tags.get("sync/then") == "reconcile" and status is not dg.DagsterRunStatus.CANCELED:
            return reconciliation_after(run)
        return dg.SkipReason("No run follows.")

    return sensor


def close_request(runtime: Runtime, run: dg.DagsterRun, status: dg.DagsterRunStatus, failures: dict[str, str]) -> None:
    """Close the request that this run carried out, as done or failed."""
    if REQUEST not in run.tags or ORG_ID not in run.tags:
        return
    error = None
    if status is not dg.DagsterRunStatus.SUCCESS:
        error = "; ".join(failures.values()) or f"The run ended with status {status.value.lower()}."
    finish(runtime, int(run.tags[ORG_ID]), int(run.tags[REQUEST]), error=error, run_id=run.run_id)


def record_failures(runtime: Runtime, run: dg.DagsterRun, failures: dict[str, str]) -> None:
    """Write a line to the audit log of each organization that failed."""
    for org in connect.organizations(runtime.db):
        if org.slug in failures:
            with runtime.db.org(org.org_id) as conn:
                journal.record(
                    conn, "run.failed", actor="dagster", run=run.run_id, job=run.job_name, reason=failures[org.slug]
                )


def reconciliation_after(run: dg.DagsterRun) -> dg.RunRequest:
    """A run that reconciles the organizations that this run read in full."""
    return dg.RunRequest(
        run_key=f"reconcile/{run.run_id}",
        run_config={"ops": {"compare_stores": {"config": {"orgs": orgs_of_run(run)}}}},
        tags={ACTOR: "weekly_reconcile"},
    )


def orgs_of_run(run: dg.DagsterRun) -> list[str]:
    """The organizations of a run, if its partition or configuration names them."""
    partition = run.tags.get(PARTITION_NAME_TAG)
    if partition:
        return [partition]
    ops = run.run_config.get("ops", {}) if isinstance(run.run_config, dict) else {}
    if validated := ops.get("validate_organization", {}).get("config", {}).get("org"):
        return [validated]
    for op in all_sources():
        orgs = ops.get(op, {}).get("config", {}).get("orgs")
        if orgs:
            return list(orgs)
    return []


def _failures(context: dg.RunStatusSensorContext) -> dict[str, str]:
    """Organization → reason, as the step reported it; otherwise the run's error for all its organizations."""
    found: dict[str, str] = {}
    for record in context.instance.get_records_for_run(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE
    ).records:
        event = record.event_log_entry.dagster_event
        if (named := failed_in(event)) is not None:
            found.update(named)
        elif event is not None and event.step_failure_data.error:
            reason = redact(event.step_failure_data.error.message.strip().splitlines()[0])[:300]
            found.update(dict.fromkeys(orgs_of_run(context.dagster_run)[:_MAX_ORGS], reason))
    if not found:
        reason = redact(str(context.dagster_event.message or "The run ended."))[:300]
        found = dict.fromkeys(orgs_of_run(context.dagster_run)[:_MAX_ORGS], reason)
    return found
