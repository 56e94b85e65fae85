"""Retention: every day, what is older than the `SYNC_KEEP_…` settings say is deleted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from sync_pipeline.db.leftovers import drop_leftovers
from sync_pipeline.db.open import embedded, owner_url
from sync_pipeline.defs.resources import SyncResource
from sync_pipeline.errors import SyncError
from sync_pipeline.redaction import redact
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
    out=dg.Out(dg.Nothing),
    description="Deletes what is old of every organization, as far as SYNC_KEEP_… settings say so.",
)
def forget_old_rows(context: dg.OpExecutionContext, sync: SyncResource) -> None:
    """Without a setting everything is kept."""
    runtime = sync.runtime
    for org in connect.organizations(runtime.db):
        if deleted := observe.delete_old(runtime.db, org, runtime.settings):
            context.log.info(f"{org.slug}: deleted {', '.join(f'{n} of {table}' for table, n in deleted.items())}.")


@dg.op(
    ins={"after": dg.In(dg.Nothing)},
    description="Drops the branches of the database that killed trials of migrations left behind.",
)
def drop_left_branches(context: dg.OpExecutionContext, sync: SyncResource) -> None:
    """A process that lives holds its branches, so nobody's trial is disturbed."""
    settings = sync.runtime.settings
    if settings.embedded and not embedded(settings).running():
        return
    try:
        dropped = drop_leftovers(owner_url(settings)).names
    except (SyncError, SQLAlchemyError) as error:  # here the owner's address may be one that sees no other database
        context.log.warning(f"It was not looked for branches that killed trials left: {redact(str(error))}")
        return
    if dropped:
        context.log.info(f"Dropped what killed trials left: {', '.join(dropped)}.")


@dg.job(
    description="Deletes runs, their events and logs, and rows that are older than the SYNC_KEEP_… settings say; drops "
    "what killed trials of migrations left.",
    executor_def=dg.in_process_executor,
)
def tidy() -> None:
    """Dagster keeps runs for ever, and a thousand organizations write about 50,000 events a night."""
    drop_left_branches(forget_old_rows(forget_old_runs()))
