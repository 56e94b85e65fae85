"""Retention: old runs are deleted from Dagster's storage every day."""

from datetime import UTC, datetime, timedelta

import dagster as dg

_BATCH = 500
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class RetentionConfig(dg.Config):
    """How long runs are kept."""

    days: int = 60


@dg.op(description="Deletes old runs and their events, at most 500 at a time. Promotions are kept.")
def forget_old_runs(context: dg.OpExecutionContext, config: RetentionConfig) -> None:
    """Captures are materialized again every night; a promotion may be the only record of its materializations."""
    instance = context.instance
    before = datetime.now(UTC) - timedelta(days=config.days)
    old = instance.get_runs(dg.RunsFilter(statuses=_FINISHED, created_before=before), limit=_BATCH, ascending=True)
    expired = [one for one in old if one.job_name not in ("promote", "__ASSET_JOB")]
    for one in expired:
        instance.delete_run(one.run_id)
    context.log.info(f"Deleted {len(expired)} runs from before {before:%Y-%m-%d}.")


@dg.job(description="Deletes runs that are older than 60 days.", executor_def=dg.in_process_executor)
def tidy() -> None:
    """Dagster keeps runs for ever, and a thousand organizations write about 50,000 events a night."""
    forget_old_runs()
