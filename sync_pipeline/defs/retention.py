"""Retention: every day, what is older than the `SYNC_KEEP_…` settings say is deleted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from sync_pipeline.defs.resources import SyncResource
from sync_pipeline.steps import connect, observe

_PAGE = 500
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PROMOTIONS = ("promote", "__ASSET_JOB")


@dg.op(
    out=dg.Out(dg.Nothing),
    description="Deletes old runs of Dagster with their events and compute logs. Promotions have an age of their own.",
)
def forget_old_runs(context: dg.OpExecutionContext, sync: SyncResource) -> None:
    """Captures are materialized again every night; a promotion may be the only record of its materializations."""
    settings = sync.runtime.settings
    expired = [
        *_runs(context.instance, settings.keep_runs_days, promotions=False),
        *_runs(context.instance, settings.keep_promotion_runs_days, promotions=True),
    ]
    for run_id in expired:
        context.instance.compute_log_manager.delete_logs(prefix=[run_id])
        context.instance.delete_run(run_id)
    context.log.info(f"Deleted {len(expired)} runs.")


def _runs(instance: dg.DagsterInstance, days: int | None, *, promotions: bool) -> Iterator[str]:
    """The finished runs that are older, of promotions or of everything else."""
    if days is None:
        return
    old = dg.RunsFilter(statuses=_FINISHED, created_before=datetime.now(UTC) - timedelta(days=days))
    cursor: str | None = None
    while page := instance.get_runs(old, cursor=cursor, limit=_PAGE, ascending=True):
        yield from (run.run_id for run in page if (run.job_name in _PROMOTIONS) == promotions)
        cursor = page[-1].run_id


@dg.op(
    ins={"after": dg.In(dg.Nothing)},
    description="Deletes what is old of every organization, as far as SYNC_KEEP_… settings say so.",
)
def forget_old_rows(context: dg.OpExecutionContext, sync: SyncResource) -> None:
    """Without a setting everything is kept."""
    runtime = sync.runtime
    for org in connect.organizations(runtime.db):
        if deleted := observe.delete_old(runtime.db, org, runtime.settings):
            context.log.info(f"{org.slug}: deleted {', '.join(f'{n} of {table}' for table, n in deleted.items())}.")


@dg.job(
    description="Deletes runs, their events and logs, and rows that are older than the SYNC_KEEP_… settings say.",
    executor_def=dg.in_process_executor,
)
def tidy() -> None:
    """Dagster keeps runs for ever, and a thousand organizations write about 50,000 events a night."""
    forget_old_rows(forget_old_runs())
