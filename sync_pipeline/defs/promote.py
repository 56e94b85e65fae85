"""The core assets: a run applies plans, and only plans."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import dagster as dg

from sync_pipeline.db.queries import execute, load
from sync_pipeline.defs import links, metadata, story
from sync_pipeline.defs.charts import promotion_history
from sync_pipeline.defs.checks import evaluations
from sync_pipeline.defs.config import PromoteConfig
from sync_pipeline.defs.events import SMALL_RUN, Event, Reporter, failure, orgs_of
from sync_pipeline.defs.graph import ORG, Stage, core_key, core_specs
from sync_pipeline.defs.jobs import actor_of
from sync_pipeline.defs.parallel import each_org
from sync_pipeline.defs.resources import Runtime, SyncResource
from sync_pipeline.defs.run_organization import describe
from sync_pipeline.steps import connect, observe
from sync_pipeline.steps import promote as step

SQL = load("sync_pipeline.defs")
_CHART_FROM_RECORDS = 50
_PLAN_COLUMNS = ("plan", "queue", "state", "done", "failed", "seconds")
_NOTHING_WRITTEN = step.WrittenRows(0, 0, 0, 0)


@dataclass
class Promoted:
    """The result of one organization: a report per plan, what was written to each core table, and its rows now.

    `idle` says why nothing was promoted, and what to do.
    """

    org_id: int = 0
    reports: list[Any] = field(default_factory=list)
    written: Mapping[str, step.WrittenRows] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    idle: str | None = None
    error: str | None = None
    results: Mapping[UUID, observe.PlanResult] = field(default_factory=dict)


@dg.multi_asset(
    name="apply_plans",
    specs=core_specs(),
    partitions_def=ORG,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="promote",
    description="Applies the plan named in the configuration, or all approved and unfinished plans.",
)
def promote(context: dg.AssetExecutionContext, config: PromoteConfig, sync: SyncResource) -> Iterator[Event]:
    """The records of a plan determine which tables it writes, not the selected assets."""
    runtime = sync.runtime
    orgs = orgs_of(context, config.orgs, [org.slug for org in connect.organizations(runtime.db)])
    if (config.plan or config.decision) and len(orgs) != 1:
        raise dg.Failure(
            "A plan or a decision belongs to one organization. Launch the run for that partition.", allow_retries=False
        )
    asked = context.has_partition_key or context.has_partition_key_range  # for these organizations, whatever waits
    reporter = Reporter(context, orgs)
    failures: dict[str, str] = {}
    small = len(orgs) <= SMALL_RUN
    work = partial(_promote_organization, runtime, config, actor_of(context.run))
    for org, result in each_org(runtime, orgs, work):
        for line in story.promoted(org, result.reports, result.results, result.written if small else {}):
            context.log.info(line)
        if result.idle and (asked or small):
            context.log.info(f"{org}: {result.idle}")
        if result.error:
            failures[org] = result.error
            context.log.error(f"{org}: {result.error}")
        facts = _metadata(runtime, org, result, chart=small and _worth_a_chart(result))
        for table in sorted(context.selected_asset_keys):
            name = table.path[-1]
            if result.error:
                reporter.failed(core_key(name), org)
            elif result.reports or asked:
                yield from reporter.done(core_key(name), org, {**facts, **_of_table(result, name)})
    yield from reporter.flush()
    if failures or reporter.skips_checks:
        yield from evaluations(context, runtime)
    if failures:
        raise failure("Promotion", failures, len(orgs))


def _promote_organization(runtime: Runtime, config: PromoteConfig, actor: str, slug: str) -> Promoted:
    """Apply one organization's plans, oldest first. Never raises."""
    result = Promoted()
    try:
        org = connect.organization(runtime.db, slug)
        result.org_id = org.org_id
        began = step.database_time(runtime.db, org.org_id)
        if config.decision:
            for report in step.resume(runtime.db, org, config.decision, actor=actor):
                runtime.on_report(slug, Stage.CORE, "plan", report)
                result.reports.append(report)
        else:
            _apply_plans(runtime, org, config, actor, result)
        queues = [report.queue for report in result.reports]
        result.results = observe.plan_results(runtime.db, org.org_id, queues, values=False)
        result.error = _failed(result)
        result.written = step.rows_written(runtime.db, org.org_id, queues, since=began) if queues else {}
        result.rows = observe.core_counts(runtime.db, org)
    except Exception as error:  # noqa: BLE001 - one organization's failure must not stop the others
        runtime.on_report(slug, Stage.CORE, "plan", error)
        result.error = describe(error)
    return result


def _apply_plans(
    runtime: Runtime, org: connect.Organization, config: PromoteConfig, actor: str, result: Promoted
) -> None:
    """Apply the plan that is named, or those that are approved."""
    plans = [config.plan] if config.plan else _unfinished(runtime, org.org_id)
    if not plans:
        result.idle = observe.nothing_to_promote(runtime.db, org)
    for plan in plans:
        report = step.apply(
            runtime.db,
            org.org_id,
            plan,
            actor=actor,
            progress=lambda status: runtime.progress(org.slug, Stage.CORE, "plan", status),
        )
        runtime.on_report(org.slug, Stage.CORE, "plan", report)
        result.reports.append(report)


def _failed(result: Promoted) -> str | None:
    """The plans of which nothing was promoted, and why.

    Single failed records are counted, and the check `no_line_waits` lists them. The run fails if all failed.
    """
    failed = {queue: one for queue, one in result.results.items() if one.state == "failed"}
    said = [f"plan {r.plan}: {failed[UUID(r.queue)].failure}" for r in result.reports if UUID(r.queue) in failed]
    return "; ".join(said) or None


def _worth_a_chart(result: Promoted) -> bool:
    """Drawing a chart takes as long as a small promotion, which a person may be waiting for."""
    return bool(sum(report.done + report.failed for report in result.reports) >= _CHART_FROM_RECORDS)


def _unfinished(runtime: Runtime, org_id: int) -> list[str]:
    with runtime.db.org(org_id) as conn:
        return [str(row.plan_id) for row in execute(conn, SQL["unfinished_plans"])]


def _metadata(runtime: Runtime, org: str, result: Promoted, *, chart: bool) -> dict[str, Any]:
    """What all tables say: the plans, or that there was none."""
    if not result.reports:
        return {"note": result.idle, **links.explorer(runtime.settings, org, "plans")} if result.idle else {}
    facts: dict[str, Any] = {
        "seconds": round(sum(report.seconds for report in result.reports), 3),
        "plans": metadata.table([_of_plan(result, report) for report in result.reports]),
        **links.explorer(runtime.settings, org, "plans", result.reports[-1].plan),
    }
    return facts | (promotion_history(runtime, result.org_id) if chart else {})


def _of_plan(result: Promoted, report: Any) -> dict[str, Any]:
    counted = {name: getattr(report, name) for name in _PLAN_COLUMNS}
    known = result.results.get(UUID(report.queue))
    return {**counted, "reasons": known.why if known else ""}


def _of_table(result: Promoted, name: str) -> dict[str, Any]:
    """What was written to this table, and the rows that it has now."""
    rows = {"dagster/row_count": result.rows[name]} if name in result.rows else {}
    written = result.written.get(name, _NOTHING_WRITTEN)
    return {**asdict(written), **rows}
