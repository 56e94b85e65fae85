"""The sensor of observe.request: it launches the runs that the API and plugins request.

`parameters` of a request, all optional:
    connection, entity or entities, full, sweep, max_pages    pull and preview
    fetch     preview: true captures first, at most `max_pages` pages (default 10)
    plan      promote: this plan; without it, the organization's approved plans
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG

from sync_pipeline.db.queries import execute, load
from sync_pipeline.defs.config import sweep_of
from sync_pipeline.defs.graph import ORG_NAME, Stage, key, new_partitions, orgs_with
from sync_pipeline.defs.jobs import ORG_TAG, asked_by, jobs, partition_tag
from sync_pipeline.defs.resources import Runtime, SyncResource
from sync_pipeline.defs.validate import validate
from sync_pipeline.errors import SyncError
from sync_pipeline.steps import connect
from sync_pipeline.steps.observe.heartbeat import record_heartbeat

SQL = load("sync_pipeline.defs", "sensors.sql")
REQUEST, ORG_ID, CONNECTION = "sync/request", "sync/org_id", "sync/connection"
_ROWS_PER_TICK = 50
_PREVIEW_PAGES = 10


class BadRequest(SyncError):
    """The request cannot be carried out."""


@dg.sensor(
    jobs=[jobs()["pull"], jobs()["promote"], jobs()["reconcile"], validate],
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches one run for each row of observe.request; the run key is the row's id.",
)
def durable_requests(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SensorResult | dg.SkipReason:
    """A row is marked as launched only after its run exists, so that a crash in between loses nothing."""
    runtime = sync.runtime
    record_heartbeat(runtime.db)
    with runtime.db.unscoped() as conn:
        waiting = execute(conn, SQL["waiting_requests"], at_most=_ROWS_PER_TICK).all()
    requests: list[dg.RunRequest] = []
    for row in waiting:
        runs = context.instance.get_runs(dg.RunsFilter(tags={REQUEST: str(row.request_id)}), limit=1)
        if runs:
            with runtime.db.org(row.org_id) as conn:
                execute(conn, SQL["request_launched"], request_id=row.request_id, run_id=runs[0].run_id)
            continue
        try:
            requests.append(_run_for(runtime, row))
        except SyncError as error:
            finish(runtime, row.org_id, row.request_id, error=str(error), run_id=None)
    return with_partitions(context, requests, "No requests wait.")


def with_partitions(
    context: dg.SensorEvaluationContext, requests: Sequence[dg.RunRequest], otherwise: str
) -> dg.SensorResult | dg.SkipReason:
    """The run requests, and the partitions they need that do not exist yet."""
    if not requests:
        return dg.SkipReason(otherwise)
    needed: dict[str, set[str]] = defaultdict(set)
    for request in requests:
        if request.partition_key:
            needed[ORG_NAME].add(str(request.partition_key))
        elif slug := request.tags.get(PARTITION_NAME_TAG):
            for provider in (request.run_config or {}).get("ops", ()):
                needed[str(orgs_with(provider).name)].add(slug)
    added = [
        dg.DynamicPartitionsDefinition(name=name).build_add_request(new)
        for name, new in new_partitions(context.instance, needed).items()
    ]
    return dg.SensorResult(run_requests=list(requests), dynamic_partitions_requests=added)


def finish(runtime: Runtime, org_id: int, request_id: int, *, error: str | None, run_id: str | None) -> None:
    """Close a request as done, or as failed with the reason."""
    with runtime.db.org(org_id) as conn:
        execute(
            conn,
            SQL["request_finished"],
            request_id=request_id,
            state="failed" if error else "done",
            error=error,
            run_id=run_id,
        )


def _run_for(runtime: Runtime, row: Any) -> dg.RunRequest:
    connect.organization(runtime.db, row.slug)  # raises if it was removed
    asked = dict(row.parameters)
    actor = str(asked.get("actor") or "request")
    tags = {REQUEST: str(row.request_id), ORG_ID: str(row.org_id), **asked_by(actor)}
    config: Mapping[str, Any]
    if row.kind == "validate":
        config = {"ops": {"validate_organization": {"config": {"org": row.slug}}}}
        return dg.RunRequest(
            job_name=validate.name,
            run_key=f"request/{row.request_id}",
            run_config=config,
            tags={**tags, ORG_TAG: row.slug},
        )
    if row.kind == "promote":
        job, config = "promote", {"ops": {"apply_plans": {"config": {"plan": asked.get("plan")}}}}
    elif row.kind == "reconcile":
        job, config = "reconcile", {}
    else:
        stages = list(Stage)[:3]
        if row.kind == "preview":
            if asked.get("fetch"):
                asked.setdefault("max_pages", _PREVIEW_PAGES)
            else:
                stages = [Stage.PREVIEW, Stage.SELECTED]
        return pull_of(runtime, row.slug, asked, stages=stages, run_key=f"request/{row.request_id}", tags=tags)
    return dg.RunRequest(
        job_name=job,
        run_key=f"request/{row.request_id}",
        partition_key=row.slug,
        run_config=config,
        tags={**tags, ORG_TAG: row.slug},
    )


def pull_of(
    runtime: Runtime,
    slug: str,
    asked: Mapping[str, Any],
    *,
    run_key: str,
    tags: Mapping[str, str],
    stages: Sequence[Stage] = tuple(Stage)[:3],
    deliveries: bool = False,
) -> dg.RunRequest:
    """A pull of one organization, from all its providers.

    Raises:
        BadRequest: the organization has no connections.
        NotFound: no such connection or entity; the message lists those that exist.
    """
    org = connect.organization(runtime.db, slug)
    name = asked.get("connection")
    stores = [connect.connection(runtime.db, org, name)] if name else list(connect.connections(runtime.db, org))
    if not stores:
        raise BadRequest(f"{slug} has no connection yet.")
    names = [str(one) for one in asked.get("entities") or ([asked["entity"]] if asked.get("entity") else [])]
    sources = {store.provider: store.source for store in stores}
    streams = {
        provider: [source.stream(one).name for one in names if _offers(source, one)] if names else list(source.streams)
        for provider, source in sources.items()
    }
    if not any(streams.values()):
        stores[0].source.stream(names[0])
    config: dict[str, Any] = {
        "connection": name,
        "entities": [],
        "full": bool(asked.get("full")),
        "sweep": sweep_of(asked.get("sweep")).value,
        "max_pages": asked.get("max_pages"),
        "deliveries": deliveries,
    }
    keys = [key(stage, provider, one) for provider, found in streams.items() for stage in stages for one in found]
    where = {CONNECTION: name} if name else {}
    return dg.RunRequest(
        job_name="pull",
        run_key=run_key,
        asset_selection=keys,
        asset_check_keys=[],  # else those of its assets would be planned, and skipped
        run_config={"ops": {provider: {"config": config} for provider, found in streams.items() if found}},
        tags={**tags, ORG_TAG: slug, **partition_tag(slug), **where},
    )


def _offers(source: Any, name: str) -> bool:
    return name in source.streams or any(stream.entity_type == name for stream in source.streams.values())
