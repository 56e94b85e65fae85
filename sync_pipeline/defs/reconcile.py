"""The reconciliation asset: store, capture and core compared in full."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg

from sync_pipeline.defs import metadata
from sync_pipeline.defs.config import RunOptions
from sync_pipeline.defs.events import Event, Reporter, failure, orgs_of
from sync_pipeline.defs.graph import ORG, OWNERS, core_key
from sync_pipeline.defs.parallel import each_org
from sync_pipeline.defs.resources import Runtime, SyncResource
from sync_pipeline.defs.run_organization import describe
from sync_pipeline.entities.core import core_tables
from sync_pipeline.steps import connect, observe

KEY = dg.AssetKey(["observe", "reconciliation"])
_COLUMNS = ("connection", "entity", "store", "captured", "core", "missing", "extra", "orphans", "error")


@dg.multi_asset(
    name="compare_stores",
    specs=[
        dg.AssetSpec(
            KEY,
            deps=[core_key(table.short) for table in core_tables().values()],
            partitions_def=ORG,
            group_name="observe",
            owners=OWNERS,
            kinds={"postgres", "report"},
            tags={"stage": "observe"},
            description="""Reconciliation: compares ids and counts of the store, of capture and of core.

Reads the ids of every record from the stores (no payloads), `capture.sync_record` and `promote.integration_mapping`;
changes nothing. A difference fails the organization's partition, and the error names the entities; a full
`pull` of such an entity closes a gap between store and capture.""",
        )
    ],
    partitions_def=ORG,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def reconciliation(context: dg.AssetExecutionContext, config: RunOptions, sync: SyncResource) -> Iterator[Event]:
    """Runs weekly, to prove that nothing was lost, and for rows of `observe.request`."""
    runtime = sync.runtime
    orgs = orgs_of(context, config.orgs, [org.slug for org in connect.organizations(runtime.db)])
    reporter = Reporter(context, orgs)
    failures: dict[str, str] = {}
    for org, outcome in each_org(runtime, orgs, partial(_reconcile_organization, runtime, config.actor)):
        if isinstance(outcome, str):
            failures[org] = outcome
        else:
            rows = [_row(one) for one in outcome.entities]
            if not outcome.ok:
                different = [f"{one.connection} {one.entity}" for one in outcome.entities if not one.ok]
                failures[org] = f"these differ or could not be listed: {', '.join(different)}"
            if outcome.ok:
                facts = {
                    "ok": True,
                    "dagster/row_count": sum(int(row["captured"]) for row in rows),
                    "entities": metadata.table(rows),
                }
                yield from reporter.done(KEY, org, facts)
            else:
                context.log.error(f"{org}: {failures[org]}")
        if org in failures:
            reporter.failed(KEY, org)
    yield from reporter.flush()
    if failures:
        raise failure("Reconciliation", failures, len(orgs))


def _reconcile_organization(runtime: Runtime, actor: str, slug: str) -> Any:
    """The organization's report, or the reason why there is none. Never raises."""
    try:
        return observe.reconcile(runtime.db, runtime.settings, connect.organization(runtime.db, slug), actor=actor)
    except Exception as error:  # noqa: BLE001 - one organization's failure must not stop the others
        return describe(error)


def _row(one: Any) -> dict[str, str | int | float | bool]:
    row: dict[str, str | int | float | bool] = {}
    for column in _COLUMNS:
        value = getattr(one, column, 0)
        row[column] = len(value) if isinstance(value, (list, tuple, set, frozenset)) else (value or 0)
    return row
