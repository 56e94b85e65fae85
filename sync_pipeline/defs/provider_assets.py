"""The raw, preview and selected assets: one multi-asset per provider, whose run has many organizations.

The three stages are one step, because Dagster skips a step if its upstream step failed or returned no output. If each
stage were a step, one organization's unavailable store would prevent the previews of all others.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import dagster as dg

from sync_pipeline.defs import links, metadata, story
from sync_pipeline.defs.charts import capture_history
from sync_pipeline.defs.checks import evaluations
from sync_pipeline.defs.config import CaptureConfig
from sync_pipeline.defs.events import SMALL_RUN, Event, Reporter, failure, orgs_of
from sync_pipeline.defs.graph import Stage, key, orgs_with, provider_specs
from sync_pipeline.defs.jobs import actor_of
from sync_pipeline.defs.parallel import each_org
from sync_pipeline.defs.resources import Runtime, SyncResource
from sync_pipeline.defs.run_organization import OrganizationResult, RunContext, run_organization
from sync_pipeline.errors import NotFound
from sync_pipeline.sources.base import Source, all_sources
from sync_pipeline.steps import connect


def provider_assets() -> Sequence[dg.AssetsDefinition]:
    """The assets of all providers."""
    return [_assets_of(source) for source in all_sources().values()]


def _assets_of(source: Source) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=source.name,
        specs=provider_specs(source.name),
        partitions_def=orgs_with(source.name),
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        # Limits how many runs read stores of this provider at once, in addition to each store's own budget.
        pool=f"store_{source.name}",
        description=f"Captures {source.title} stores, previews what would change, applies the standing rules.",
    )
    def assets(context: dg.AssetExecutionContext, config: CaptureConfig, sync: SyncResource) -> Iterator[Event]:
        yield from _flow(context, config, sync.runtime, source)

    return assets


def _flow(
    context: dg.AssetExecutionContext, config: CaptureConfig, runtime: Runtime, source: Source
) -> Iterator[Event]:
    everyone = connect.organizations(runtime.db)
    orgs = orgs_of(context, config.orgs, [org.slug for org in everyone if source.name in org.providers])
    wanted = _wanted(context.selected_asset_keys, source, config.entities)
    reporter = Reporter(context, orgs)
    charted = {org.slug: org.org_id for org in everyone} if len(orgs) <= SMALL_RUN else {}
    failures: dict[str, str] = {}
    run = RunContext(context.run.run_id, actor_of(context.run))
    work = partial(run_organization, runtime, source, wanted=wanted, config=config, run=run)
    for org, result in each_org(runtime, orgs, work):
        for line in story.lines(runtime.settings, result, brief=len(orgs) > SMALL_RUN):
            context.log.info(line)
        if result.failures:
            failures[org] = result.reason
            context.log.error(f"{org}: {result.reason}")
        yield from _events(runtime, reporter, source, result, charted.get(org), brief=len(orgs) > SMALL_RUN)
    yield from reporter.flush()
    if failures or reporter.skips_checks:
        yield from evaluations(context, runtime)
    if failures:
        raise failure(source.title, failures, len(orgs))


def _wanted(selected: Iterable[dg.AssetKey], source: Source, entities: Sequence[str]) -> dict[Stage, set[str]]:
    """The streams of each stage: those of the selected assets, or of them those that the configuration names.

    Raises:
        Failure: it names an entity that there is not, or that is not selected: the run would succeed and do nothing.
    """
    try:
        named = {source.stream(name).name for name in entities}
    except NotFound as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    wanted: dict[Stage, set[str]] = {stage: set() for stage in Stage}
    for asset in selected:
        stage, _, name = asset.path
        if not named or name in named:
            wanted[Stage(stage)].add(name)
    if left := sorted(named.difference(*wanted.values())):
        raise dg.Failure(
            f"`entities` names {', '.join(left)}, of which no asset is selected. Select it, or leave `entities` empty.",
            allow_retries=False,
        )
    return wanted


def _events(
    runtime: Runtime,
    reporter: Reporter,
    source: Source,
    result: OrganizationResult,
    charted: int | None,
    *,
    brief: bool,
) -> Iterator[Event]:
    """`charted`: the id of an organization whose changed streams get a chart."""
    # In the order of the flow: Dagster takes the data versions of upstream assets from the results before.
    for stage in (Stage.RAW, Stage.PREVIEW, Stage.SELECTED):
        for name in source.streams:
            if (stage, name) in result.failures:
                reporter.failed(key(stage, source.name, name), result.org)
            elif (stage, name) in result.done:
                reports = result.done[stage, name]
                about = metadata.of_reports(stage, reports, brief=brief)
                if stage is Stage.RAW:
                    about |= metadata.of_rows(result.rows[name], brief=brief)
                stores = [str(one.connection) for one in reports if getattr(one, "connection", None)]
                about |= links.records(runtime.settings, result.org, stores, name)
                if stage is Stage.RAW and charted is not None and _has_changes(about):
                    entity_type = source.streams[name].entity_type
                    about |= capture_history(runtime, charted, provider=source.name, entity_type=entity_type)
                yield from reporter.done(key(stage, source.name, name), result.org, about)


def _has_changes(about: dict[str, Any]) -> bool:
    return any(about.get(name) for name in ("new", "changed", "deleted", "quarantined"))
