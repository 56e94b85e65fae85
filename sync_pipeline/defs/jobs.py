"""Jobs and schedules. Capture and preview are scheduled; promotion is not: it follows a person's selection."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import HIDDEN_TAG_PREFIX, PARTITION_NAME_TAG

from sync_pipeline.config import Settings
from sync_pipeline.defs.graph import RECONCILIATION, core_specs, provider_specs
from sync_pipeline.defs.mixed_job import MixedJob
from sync_pipeline.defs.resources import SyncResource
from sync_pipeline.defs.retention import tidy
from sync_pipeline.sources.base import all_sources
from sync_pipeline.steps import connect

CAPTURE = {
    "sync/work": "capture"
}  # dagster.yaml limits how many of these run at once, so that promotions are not kept waiting
ORG_TAG = "sync/org"
ACTOR = f"{HIDDEN_TAG_PREFIX}sync_actor"  # whom the audit log names; only what launches runs for somebody sets it
CORE_COMPARED = dg.AssetCheckKey(RECONCILIATION, "core_compared")
_PULLS = dg.DefaultScheduleStatus.RUNNING if Settings().pulls_by_schedule else dg.DefaultScheduleStatus.STOPPED
PROMOTE = {"sync/work": "promote", "dagster/priority": "10"}


@cache
def jobs() -> Mapping[str, UnresolvedAssetJobDefinition]:
    """The jobs that schedules, sensors and people launch. Checks are in a job of their own."""
    streams = [spec.key for provider in all_sources() for spec in provider_specs(provider)]
    flow = dg.AssetSelection.assets(*streams).without_checks()
    core = dg.AssetSelection.assets(*[spec.key for spec in core_specs()]).without_checks()
    reconciled = dg.AssetSelection.assets(RECONCILIATION).without_checks()
    compared = dg.AssetSelection.checks(CORE_COMPARED)
    others = dg.AssetSelection.all_asset_checks() - compared
    weekly = {**CAPTURE, "sync/then": "reconcile"}
    described: list[tuple[str, dg.AssetSelection, dict[str, str], str]] = [
        ("nightly_delta", flow, CAPTURE, "Captures and previews what changed in every store. Promotes nothing."),
        ("weekly_reconcile", flow, weekly, "Reads every store in full and previews it; then reconciles it."),
        ("pull", flow, CAPTURE, "Captures and previews one organization on request."),
        ("promote", core, PROMOTE, "Applies the plan named in its configuration, or the approved plans."),
        ("reconcile", reconciled, CAPTURE, "Compares the records of the store, of capture and of core."),
        ("watch", others, {}, "Evaluates every check over all organizations, but for the comparison of core."),
        ("compare_core", compared, CAPTURE, "Promotes every record once more and rolls back: core must not change."),
    ]
    return {
        name: MixedJob(name, selection, tags=tags, description=description)
        for name, selection, tags, description in described
    }


def schedules() -> Sequence[dg.ScheduleDefinition]:
    """All of them. None changes core; those that pull are off on a laptop (`Settings.pulls_by_schedule`)."""
    return [
        nightly_delta,
        weekly_reconcile,
        _schedule(
            "weekly_core_check",
            "0 5 * * 0",
            "compare_core",
            "Sundays at 05:00 UTC: compares core with the promoted versions.",
        ),
        _schedule("hourly_watch", "15 * * * *", "watch", "Every hour: evaluates all checks over all organizations."),
        _schedule(
            "daily_tidy",
            "30 4 * * *",
            tidy.name,
            "Every day at 04:30 UTC: deletes what is older than the SYNC_KEEP_… settings say.",
        ),
    ]


def _schedule(name: str, cron: str, job: str, description: str) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        cron_schedule=cron,
        job_name=job,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )


def asked_by(actor: str, *, shown: str | None = None) -> dict[str, str]:
    """The tags that say who asked for a run: a person, a token, a rule or a schedule.

    The UI shows one of them as “Launched by” (`shown`, if that is somebody else); the audit log names the other.
    """
    return {"user": shown or actor, ACTOR: actor}


def actor_of(run: dg.DagsterRun) -> str:
    """Who asked for a run, for the audit log.

    `dagster` is whoever launched it in the UI, also again: that has no login, so a name there would be anybody's word.
    """
    return "dagster" if run.parent_run_id else run.tags.get(ACTOR, "dagster")


def partition_tag(slug: str) -> dict[str, str]:
    """The tag of a run whose partition is this organization.

    A pull may be of several providers, whose partitions are not one set: Dagster takes a partition key for a job of one
    set only, and this tag for any. Without a partition it refuses a preview alone.
    """
    return {PARTITION_NAME_TAG: slug}


def describe_orgs(orgs: Sequence[str]) -> str:
    """The organizations of a run in a few words, for its tag."""
    return ", ".join(orgs) if len(orgs) <= 3 else f"{orgs[0]} to {orgs[-1]} ({len(orgs)})"


def batches(slugs: Sequence[str], size: int) -> Iterator[list[str]]:
    """Divide the organizations into runs, in order of their partition keys.

    Few runs a night (SYNC_ORGS_PER_RUN), because starting a process takes seconds; enough of them for the processors
    and machines there are.
    """
    ordered = sorted(slugs)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def capture_run_config(orgs: Sequence[str], *, full: bool) -> dg.RunConfig:
    """The run configuration of every provider's step, for these organizations."""
    config = {"orgs": list(orgs), "full": full}
    return dg.RunConfig(ops={provider: {"config": config} for provider in all_sources()})


def _run_requests(
    context: dg.ScheduleEvaluationContext, sync: SyncResource, *, name: str, full: bool
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    slugs = [org.slug for org in connect.organizations(sync.runtime.db) if org.providers]
    if not slugs:
        yield dg.SkipReason("No organization has a connection.")
    when = context.scheduled_execution_time.strftime("%Y-%m-%dT%H:%M")
    for orgs in batches(slugs, sync.runtime.settings.orgs_per_run):
        yield dg.RunRequest(
            run_key=f"{name}/{when}/{orgs[0]}",
            run_config=capture_run_config(orgs, full=full),
            tags={ORG_TAG: describe_orgs(orgs), ACTOR: name},
        )


@dg.schedule(
    cron_schedule="0 2 * * *",
    job_name="nightly_delta",
    execution_timezone="UTC",
    default_status=_PULLS,
    description="Every night at 02:00 UTC: captures and previews what changed in every store.",
)
def nightly_delta(context: dg.ScheduleEvaluationContext, sync: SyncResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A run has up to 250 organizations, named in its configuration (docs/decisions/0005-orchestration.md)."""
    yield from _run_requests(context, sync, name="nightly_delta", full=False)


@dg.schedule(
    cron_schedule="0 3 * * 0",
    job_name="weekly_reconcile",
    execution_timezone="UTC",
    default_status=_PULLS,
    description="Sundays at 03:00 UTC: reads every store in full, then reconciles it.",
)
def weekly_reconcile(
    context: dg.ScheduleEvaluationContext, sync: SyncResource
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Finds changes that neither a delta nor a sweep can detect."""
    yield from _run_requests(context, sync, name="weekly_reconcile", full=True)
