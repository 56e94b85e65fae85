"""Sensors: they launch runs for committed selections and answered gates, and keep the partitions in step.

Each reads a limited number of rows per tick. A run key contains the id of its row, so a tick that is repeated after a
crash launches nothing twice.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from sync_pipeline import gates
from sync_pipeline.db.queries import execute, load
from sync_pipeline.defs.deliveries import webhook_deliveries
from sync_pipeline.defs.graph import partition_sets
from sync_pipeline.defs.jobs import ORG_TAG, asked_by, jobs
from sync_pipeline.defs.requests import BadRequest, durable_requests, pull_of, with_partitions
from sync_pipeline.defs.resources import Runtime, SyncResource
from sync_pipeline.defs.run_status_sensors import run_status_sensors
from sync_pipeline.steps import connect, push, select
from sync_pipeline.steps.observe.alerts import send_alerts

SQL = load("sync_pipeline.defs", "sensors.sql")
_ROWS_PER_TICK = 50
_ORGS_PER_TICK = 100
_INTERRUPTED_AFTER_SECONDS = 300
_CURSOR_GATES = 500
DECISION = "sync/decision"
_NAMED = 3
_ON = dg.DefaultSensorStatus.RUNNING


def sensors() -> Sequence[dg.SensorDefinition]:
    """All of them, on by default."""
    return [
        committed_selections,
        left_promotions,
        durable_requests,
        organizations,
        decisions,
        webhook_deliveries,
        alerts,
        *run_status_sensors(),
    ]


@dg.sensor(
    job=jobs()["promote"],
    minimum_interval_seconds=1,
    default_status=_ON,
    description="Makes a plan of each committed selection and launches a run that applies it.",
)
def committed_selections(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SensorResult | dg.SkipReason:
    """The plan is made in the tick, so that the run only applies it."""
    db = sync.runtime.db
    with db.unscoped() as conn:
        waiting = execute(conn, SQL["waiting_selections"], at_most=_ROWS_PER_TICK).all()
    requests = []
    for row in waiting:
        org = connect.organization(db, row.slug)
        plan = select.make_plan(db, org, actor="selection", origin="selection")
        if plan is None:
            context.log.info(f"{row.slug}: all selected records are already in core")
        else:
            with db.org(org.org_id) as conn:
                who = execute(conn, SQL["deciders_of_plan"], plan_id=plan.plan_id, at_most=_NAMED).scalars().all()
            asked = asked_by("selection", shown=", ".join(who))
            requests.append(_promotion(row.slug, str(plan.plan_id), key=f"plan/{plan.plan_id}", tags=asked))
    return with_partitions(context, requests, "No selections wait.")


@dg.sensor(
    job=jobs()["promote"],
    minimum_interval_seconds=60,
    default_status=_ON,
    description="Resumes promotions that a crash interrupted, after five minutes, and closes the logs of pushed "
    "batches that were interrupted.",
)
def left_promotions(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SensorResult | dg.SkipReason:
    """Checks up to a hundred organizations per tick; the cursor is the last one checked."""
    db = sync.runtime.db
    last = int(context.cursor or 0)
    orgs = [org for org in connect.organizations(db) if org.org_id > last][:_ORGS_PER_TICK]
    context.update_cursor(str(orgs[-1].org_id) if len(orgs) == _ORGS_PER_TICK else "0")
    hour = datetime.now(UTC).strftime("%Y-%m-%dT%H")
    requests = []
    for org in orgs:
        with db.org(org.org_id) as conn:
            push.close_killed(conn)
            left = execute(conn, SQL["interrupted_plans"], seconds=_INTERRUPTED_AFTER_SECONDS).scalars().all()
        asked = asked_by("selection", shown="left_promotions")
        requests += [_promotion(org.slug, str(plan), key=f"left/{plan}/{hour}", tags=asked) for plan in left]
    return with_partitions(context, requests, "No promotions were interrupted.")


def _promotion(slug: str, plan: str, *, key: str, tags: Mapping[str, str]) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=key,
        partition_key=slug,
        run_config={"ops": {"apply_plans": {"config": {"plan": plan}}}},
        tags={ORG_TAG: slug, "sync/plan": plan, **tags},
    )


@dg.sensor(
    minimum_interval_seconds=10,
    default_status=_ON,
    description="Adds a partition for each new organization, and to a provider's assets when the organization has a "
    "connection of it; deletes those of removed ones.",
)
def organizations(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SensorResult | dg.SkipReason:
    """The materializations of a removed organization stay in the event log."""
    every = connect.organizations(sync.runtime.db)
    changes: list[Any] = []
    for name, existing in partition_sets(every).items():
        known = set(context.instance.get_dynamic_partitions(name))
        partitions = dg.DynamicPartitionsDefinition(name=name)
        if existing - known:
            changes.append(partitions.build_add_request(sorted(existing - known)))
        if known - existing:
            changes.append(partitions.build_delete_request(sorted(known - existing)))
    if not changes:
        return dg.SkipReason(f"The partitions match all {len(every)} organizations.")
    return dg.SensorResult(dynamic_partitions_requests=changes)


@dg.sensor(
    jobs=[jobs()["pull"], jobs()["promote"]],
    minimum_interval_seconds=15,
    default_status=_ON,
    description="Logs the decisions that wait for a person; once one is answered, resumes the work it stopped.",
)
def decisions(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SensorResult | dg.SkipReason:
    """The cursor has the open gates that were logged. An answer launches runs until its outcome is recorded.

    The hour is part of the run key, so that a new run resumes what a killed run left.
    """
    db = sync.runtime.db
    with db.unscoped() as conn:
        now_open = {str(row.decision_id): row for row in execute(conn, SQL["waiting_decisions"])}
        answered = execute(conn, SQL["answered_decisions"]).all()
    before: dict[str, Any] = json.loads(context.cursor or "{}")
    for decision_id, row in now_open.items():
        if decision_id not in before:
            context.log.warning(f"{row.slug}: decision {decision_id} ({row.cause}) waits for an answer: {row.question}")
    context.update_cursor(json.dumps({i: row.org_id for i, row in list(now_open.items())[:_CURSOR_GATES]}))
    hour = datetime.now(UTC).strftime("%Y-%m-%dT%H")
    requests: list[dg.RunRequest] = []
    for row in answered:
        tags = {DECISION: str(row.decision_id), **asked_by("decision")}
        unfinished = dg.RunsFilter(tags={DECISION: str(row.decision_id)}, statuses=list(NOT_FINISHED_STATUSES))
        if not context.instance.get_runs(unfinished, limit=1):
            requests += _resume(context, sync.runtime, row, key=f"decision/{row.decision_id}/{hour}", tags=tags)
    return with_partitions(context, requests, f"{len(now_open)} decisions wait for a person.")


def _resume(
    context: dg.SensorEvaluationContext, runtime: Runtime, row: Any, *, key: str, tags: dict[str, str]
) -> Sequence[dg.RunRequest]:
    """A pull after a gate of capture; otherwise a promotion of the lines that the gate stopped."""
    if gates.resumed_by(row.cause, row.answer) != "pull":
        config = {"decision": row.decision_id}
        return [
            dg.RunRequest(
                job_name="promote",
                run_key=key,
                partition_key=row.slug,
                run_config={"ops": {"apply_plans": {"config": config}}},
                tags={**tags, ORG_TAG: row.slug},
            )
        ]
    with runtime.db.org(row.org_id) as conn:
        gate = execute(conn, SQL["unresumed_gate"], decision_id=row.decision_id).one_or_none()
    org = connect.organization(runtime.db, row.slug)
    store = next((one for one in connect.connections(runtime.db, org) if gate and one.connection_id == gate[0]), None)
    if gate is None or store is None:
        return []
    entity = store.source.stream(gate.entity_type).name
    asked = {"connection": store.name, "entities": [entity]}
    try:
        return [pull_of(runtime, row.slug, asked, run_key=key, tags=tags)]
    except BadRequest as error:
        context.log.warning(f"{row.slug}: decision {row.decision_id} was answered, but cannot be resumed: {error}")
        return []


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=_ON,
    description="Sends an alert to SYNC_ALERT_URL when a connection becomes failing or stale, and when it recovers.",
)
def alerts(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SkipReason:
    """Launches no runs."""
    sent = send_alerts(sync.runtime.db, sync.runtime.settings)
    for one in sent:
        context.log.warning(f"{one.org}/{one.connection}: {one.kind} {one.state}")
    return dg.SkipReason(f"Sent {len(sent)} alerts.")
