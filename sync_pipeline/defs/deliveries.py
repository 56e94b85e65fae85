"""The sensor of webhook deliveries: it launches a run of the assets that waiting deliveries belong to."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from sync_pipeline.db.queries import execute, load
from sync_pipeline.defs.jobs import asked_by, jobs
from sync_pipeline.defs.requests import pull_of, with_partitions
from sync_pipeline.defs.resources import SyncResource
from sync_pipeline.errors import SyncError

SQL = load("sync_pipeline.defs", "sensors.sql")
DELIVERIES = "sync/deliveries"
_ROWS_PER_TICK = 200


@dg.sensor(
    job=jobs()["pull"],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches runs that process waiting webhook deliveries, one run at a time per connection.",
)
def webhook_deliveries(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SensorResult | dg.SkipReason:
    """A run also processes what arrives while it works, so a busy store does not cause many runs.

    The minute is part of the run key, so that a new run processes the deliveries that a killed run left.
    """
    runtime = sync.runtime
    waiting: defaultdict[tuple[str, int, str], dict[str, int]] = defaultdict(dict)
    with runtime.db.unscoped() as conn:
        for row in execute(conn, SQL["waiting_deliveries"], at_most=_ROWS_PER_TICK):
            waiting[row.slug, row.connection_id, row.connection][row.entity_type] = row.newest
    minute = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M")
    requests: list[dg.RunRequest] = []
    for (slug, connection_id, name), entities in waiting.items():
        tags = {DELIVERIES: str(connection_id)}
        if context.instance.get_runs(dg.RunsFilter(tags=tags, statuses=list(NOT_FINISHED_STATUSES)), limit=1):
            continue
        try:
            requests.append(
                pull_of(
                    runtime,
                    slug,
                    {"connection": name, "entities": list(entities)},
                    run_key=f"deliveries/{connection_id}/{max(entities.values())}/{minute}",
                    tags={**tags, **asked_by("webhook")},
                    deliveries=True,
                )
            )
        except SyncError as error:
            context.log.warning(f"{slug}: the deliveries of {name} cannot be processed: {error}")
    return with_partitions(context, requests, "No deliveries wait, or a run is already processing them.")
