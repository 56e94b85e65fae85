"""Jobs and schedules. Capture and preview are scheduled; promotion is not: it follows a person's selection."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sync_pipeline.defs.graph import core_specs, provider_specs
from sync_pipeline.defs.reconcile import KEY as RECONCILIATION
from sync_pipeline.defs.resources import SyncResource
from sync_pipeline.defs.retention import tidy
from sync_pipeline.sources.base import all_sources
from sync_pipeline.steps import connect

# Few runs a night, because starting a process takes seconds; more than one, to use more than one processor.
ORGS_PER_RUN = 250
CAPTURE = {
    "sync/work": "capture"
}  # dagster.yaml limits how many of these run at once, so that promotions are not kept waiting
CORE_COMPARED = dg.AssetCheckKey(RECONCILIATION, "core_compared")
PROMOTE = {"sync/work": "promote", "dagster/priority": "10"}


def _provider_keys() -> list[dg.AssetKey]:
    return [spec.key for provider in all_sources() for spec in provider_specs(provider)]


@cache
def jobs() -> Mapping[str, UnresolvedAssetJobDefinition]:
    """The jobs that schedules, sensors and people launch. Checks are in a job of their own."""
    flow = dg.AssetSelection.assets(*_provider_keys()).without_checks()
    made = [
        dg.define_asset_job(
            "nightly_delta",
            flow,
            tags=CAPTURE,
            description="Captures and previews what changed in every store. Promotes nothing.",
        ),
        dg.define_asset_job(
            "weekly_reconcile",
            flow,
            tags={**CAPTURE, "sync/then": "reconcile"},
            description="Reads every store in full and previews it; then the same organizations are reconciled.",
        ),
        dg.define_asset_job(
            "pull", flow, tags=CAPTURE, description="Captures and previews one organization on request."
        ),
        dg.define_asset_job(
            "promote",
            dg.AssetSelection.assets(*[spec.key for spec in core_specs()]).without_checks(),
            tags=PROMOTE,
            description="Applies the plan named in its configuration, or the organization's approved plans.",
        ),
        dg.define_asset_job(
            "reconcile",
            dg.AssetSelection.assets(RECONCILIATION).without_checks(),
            tags=CAPTURE,
            description="Compares the records of the store, of capture and of core.",
        ),
        dg.define_asset_job(
            "watch",
            dg.AssetSelection.all_asset_checks() - dg.AssetSelection.checks(CORE_COMPARED),
            description="Evaluates every check over all organizations, but for the comparison of core.",
        ),
        dg.define_asset_job(
            "compare_core",
            dg.AssetSelection.checks(CORE_COMPARED),
            tags=CAPTURE,
            description="Promotes every record once more and rolls back: core must not change.",
        ),
    ]
    return {job.name: job for job in made}


def schedules() -> Sequence[dg.ScheduleDefinition]:
    """All of them, on by default: they change nothing in core."""
    return [nightly_delta, weekly_reconcile, weekly_core_check, hourly_watch, daily_tidy]


def batches(slugs: Sequence[str]) -> Iterator[list[str]]:
    """Divide the organizations into runs, in order of their partition keys."""
    ordered = sorted(slugs)
    for start in range(0, len(ordered), ORGS_PER_RUN):
        yield ordered[start : start + ORGS_PER_RUN]


def capture_run_config(orgs: Sequence[str], *, full: bool, actor: str) -> dg.RunConfig:
    """The run configuration of every provider's step, for these organizations."""
    config = {"orgs": list(orgs), "full": full, "actor": actor}
    return dg.RunConfig(ops={provider: {"config": config} for provider in all_sources()})


def _run_requests(
    context: dg.ScheduleEvaluationContext, sync: SyncResource, *, name: str, full: bool
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    slugs = [org.slug for org in connect.organizations(sync.runtime.db) if org.providers]
    if not slugs:
        yield dg.SkipReason("No organization has a connection.")
    when = context.scheduled_execution_time.strftime("%Y-%m-%dT%H:%M")
    for orgs in batches(slugs):
        yield dg.RunRequest(
            run_key=f"{name}/{when}/{orgs[0]}",
            run_config=capture_run_config(orgs, full=full, actor=name),
            tags={"sync/orgs": f"{orgs[0]} to {orgs[-1]} ({len(orgs)})"},
        )


@dg.schedule(
    cron_schedule="0 2 * * *",
    job_name="nightly_delta",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 02:00 UTC: captures and previews what changed in every store.",
)
def nightly_delta(context: dg.ScheduleEvaluationContext, sync: SyncResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A run has up to 250 organizations, named in its configuration (docs/decisions/0005-orchestration.md)."""
    yield from _run_requests(context, sync, name="nightly_delta", full=False)


@dg.schedule(
    cron_schedule="0 3 * * 0",
    job_name="weekly_reconcile",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Sundays at 03:00 UTC: reads every store in full, then reconciles it.",
)
def weekly_reconcile(
    context: dg.ScheduleEvaluationContext, sync: SyncResource
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Finds changes that neither a delta nor a sweep can detect."""
    yield from _run_requests(context, sync, name="weekly_reconcile", full=True)


weekly_core_check = dg.ScheduleDefinition(
    name="weekly_core_check",
    cron_schedule="0 5 * * 0",
    job_name="compare_core",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Sundays at 05:00 UTC: compares core with the promoted versions.",
)

hourly_watch = dg.ScheduleDefinition(
    name="hourly_watch",
    cron_schedule="15 * * * *",
    job_name="watch",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every hour: evaluates all checks over all organizations.",
)

daily_tidy = dg.ScheduleDefinition(
    name="daily_tidy",
    cron_schedule="30 4 * * *",
    job=tidy,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every day at 04:30 UTC: deletes what is older than the SYNC_KEEP_… settings say.",
)
