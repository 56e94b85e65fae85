"""What runs by itself, and when. Capture and preview do; promotion never: it follows from a person's selection."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sync_pipeline.defs.graph import core_specs, flow_specs
from sync_pipeline.defs.reconcile import KEY as RECONCILIATION
from sync_pipeline.defs.resources import SyncResource
from sync_pipeline.defs.retention import tidy
from sync_pipeline.sources.base import all_sources

# A night is few processes: starting one costs seconds. Two or more runs use two or more processors.
ORGS_PER_RUN = 250
CAPTURE = {"sync/work": "capture"}  # dagster.yaml lets few of these run at once, so that promotion finds a place
PROMOTE = {"sync/work": "promote", "dagster/priority": "10"}


def _flow_keys() -> list[dg.AssetKey]:
    return [spec.key for provider in all_sources() for spec in flow_specs(provider)]


@cache
def jobs() -> Mapping[str, UnresolvedAssetJobDefinition]:
    """Named selections of assets, for schedules, sensors and people. Checks have a job of their own."""
    flow = dg.AssetSelection.assets(*_flow_keys()).without_checks()
    made = [
        dg.define_asset_job(
            "nightly_delta",
            flow,
            tags=CAPTURE,
            description="What changed in every store, previewed. Nothing is promoted.",
        ),
        dg.define_asset_job(
            "weekly_reconcile",
            flow,
            tags={**CAPTURE, "sync/then": "reconcile"},
            description="A full read of every store, previewed; a reconciliation of the same organizations follows.",
        ),
        dg.define_asset_job(
            "pull", flow, tags=CAPTURE, description="Capture and preview on request, for one organization."
        ),
        dg.define_asset_job(
            "promote",
            dg.AssetSelection.assets(*[spec.key for spec in core_specs()]).without_checks(),
            tags=PROMOTE,
            description="Applies the plan in its configuration, or the approved plans of the organization.",
        ),
        dg.define_asset_job(
            "reconcile",
            dg.AssetSelection.assets(RECONCILIATION).without_checks(),
            tags=CAPTURE,
            description="Store, captured and core side by side.",
        ),
        dg.define_asset_job(
            "watch", dg.AssetSelection.all_asset_checks(), description="Every check, over all organizations."
        ),
    ]
    return {job.name: job for job in made}


def schedules() -> Sequence[dg.ScheduleDefinition]:
    """On by default: capturing changes nothing in core, and a store nobody reads is the one that surprises."""
    return [nightly_delta, weekly_reconcile, hourly_watch, daily_tidy]


def batches(slugs: Sequence[str]) -> Iterator[list[str]]:
    """The organizations of each run, in partition-key order."""
    ordered = sorted(slugs)
    for start in range(0, len(ordered), ORGS_PER_RUN):
        yield ordered[start : start + ORGS_PER_RUN]


def flow_config(orgs: Sequence[str], *, full: bool, actor: str) -> dg.RunConfig:
    """The configuration of every provider's step, for these organizations."""
    config = {"orgs": list(orgs), "full": full, "actor": actor}
    return dg.RunConfig(ops={provider: {"config": config} for provider in all_sources()})


def _run_requests(
    context: dg.ScheduleEvaluationContext, sync: SyncResource, *, name: str, full: bool
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    from sync_pipeline.steps import connect

    slugs = [org.slug for org in connect.organizations(sync.runtime.db) if org.providers]
    if not slugs:
        yield dg.SkipReason("No organization has a connection.")
    when = context.scheduled_execution_time.strftime("%Y-%m-%dT%H:%M")
    for orgs in batches(slugs):
        yield dg.RunRequest(
            run_key=f"{name}/{when}/{orgs[0]}",
            run_config=flow_config(orgs, full=full, actor=name),
            tags={"sync/orgs": f"{orgs[0]} to {orgs[-1]} ({len(orgs)})"},
        )


@dg.schedule(
    cron_schedule="0 2 * * *",
    job_name="nightly_delta",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 02:00 UTC: what changed since the last time, in every store.",
)
def nightly_delta(context: dg.ScheduleEvaluationContext, sync: SyncResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A run carries up to 250 organizations, named in its configuration (see docs/decisions/0005-orchestration.md)."""
    yield from _run_requests(context, sync, name="nightly_delta", full=False)


@dg.schedule(
    cron_schedule="0 3 * * 0",
    job_name="weekly_reconcile",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Sundays at 03:00 UTC: a full read of every store, then a reconciliation.",
)
def weekly_reconcile(
    context: dg.ScheduleEvaluationContext, sync: SyncResource
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Finds what no delta and no sweep can see."""
    yield from _run_requests(context, sync, name="weekly_reconcile", full=True)


hourly_watch = dg.ScheduleDefinition(
    name="hourly_watch",
    cron_schedule="15 * * * *",
    job_name="watch",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every hour: all checks, over all organizations.",
)

daily_tidy = dg.ScheduleDefinition(
    name="daily_tidy",
    cron_schedule="30 4 * * *",
    job=tidy,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every day at 04:30 UTC: deletes runs that are older than 60 days.",
)
