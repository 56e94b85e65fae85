"""The reconciliation asset: store, capture and core compared in full."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg

from sync_pipeline.defs import metadata
from sync_pipeline.defs.checks import evaluations
from sync_pipeline.defs.config import RunOptions
from sync_pipeline.defs.events import Event, Reporter, failure, orgs_of
from sync_pipeline.defs.graph import ORG, OWNERS, RECONCILIATION, core_key
from sync_pipeline.defs.jobs import actor_of
from sync_pipeline.defs.parallel import each_org
from sync_pipeline.defs.resources import Runtime, SyncResource
from sync_pipeline.defs.run_organization import describe
from sync_pipeline.entities.core import core_tables
from sync_pipeline.redaction import redact
from sync_pipeline.steps import connect, observe

_COLUMNS = ("connection", "entity", "store", "captured", "core", "missing", "extra", "orphans", "error")
_NAMED = 5  # entities that a failure names
_LONG = 400  # characters of one: ids are whatever a store has
_SHOWN_ROWS = 50  # and those in its table


@dg.multi_asset(
    name="compare_stores",
    specs=[
        dg.AssetSpec(
            RECONCILIATION,
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
    different: list[dict[str, str | int | float | bool]] = []
    for org, outcome in each_org(runtime, orgs, partial(_reconcile_organization, runtime, actor_of(context.run))):
        if isinstance(outcome, str):
            failures[org] = outcome
        elif outcome.ok:
            rows = [_row(one) for one in outcome.entities]
            facts = {
                "ok": True,
                "dagster/row_count": sum(int(row["captured"]) for row in rows),
                "entities": metadata.table(rows),
            }
            yield from reporter.done(RECONCILIATION, org, facts)
        else:
            failures[org] = _differences(org, outcome)
            different += [{"organization": org, **_row(one)} for one in outcome.entities if not one.ok]
        if org in failures:
            context.log.error(f"{org}: {failures[org]}")
            reporter.failed(RECONCILIATION, org)
    yield from reporter.flush()
    if failures or reporter.skips_checks:
        yield from evaluations(context, runtime)
    if failures:
        table = {"differences": metadata.table(different[:_SHOWN_ROWS])} if different else {}
        raise failure("Reconciliation", failures, len(orgs), **table)


def _reconcile_organization(runtime: Runtime, actor: str, slug: str) -> Any:
    """The organization's report, or the reason why there is none. Never raises."""
    try:
        return observe.reconcile(runtime.db, runtime.settings, connect.organization(runtime.db, slug), actor=actor)
    except Exception as error:  # noqa: BLE001 - one organization's failure must not stop the others
        return describe(error)


def _differences(org: str, found: observe.Reconciliation) -> str:
    """How much differs, of what kind, and where, with some ids; and what to do."""
    wrong = [one for one in found.entities if not one.ok]
    kinds = {words: sum(getattr(one, name) for one in wrong) for name, words in observe.DIFFERENCES.items()}
    kinds["could not be listed"] = sum(1 for one in wrong if one.error)
    counted = ", ".join(f"{count:,} {words}" for words, count in kinds.items() if count)
    named = "; ".join(f"{one.connection} {one.entity}: {redact(one.words)[:_LONG]}" for one in wrong[:_NAMED])
    more = f"; and {len(wrong) - _NAMED} more entities" if len(wrong) > _NAMED else ""
    said = f"{counted}. {named}{more}. `sync-pipeline reconcile {org}` lists all of it"
    if any(one.missing or one.extra for one in wrong):
        said += f"; `sync-pipeline pull {org} --full` closes gaps between store and capture"
    return f"{said}."


def _row(one: Any) -> dict[str, str | int | float | bool]:
    row: dict[str, str | int | float | bool] = {}
    for column in _COLUMNS:
        value = getattr(one, column, 0)
        row[column] = len(value) if isinstance(value, (list, tuple, set, frozenset)) else (value or 0)
    return row
