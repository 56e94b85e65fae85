"""Sensors: a committed selection or an answered gate becomes a run, organizations become partitions.

Each reads at most some dozens of rows a tick. A run key is the id of the row it is for, so a tick that is repeated
after a crash starts nothing twice.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from sync_pipeline.db.queries import load, run
from sync_pipeline.defs.deliveries import webhook_deliveries
from sync_pipeline.defs.endings import endings
from sync_pipeline.defs.graph import ORG, ORG_NAME
from sync_pipeline.defs.jobs import jobs
from sync_pipeline.defs.requests import BadRequest, durable_requests, pull_of
from sync_pipeline.defs.resources import Desk, SyncResource

SQL = load("sync_pipeline.defs", "sensors.sql")
_AT_ONCE = 50
_ORGS_A_TICK = 100
_LEFT_SECONDS = 300
_REMEMBERED = 500
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
        *endings(),
    ]


@dg.sensor(
    job=jobs()["promote"],
    minimum_interval_seconds=1,
    default_status=_ON,
    description="A selection that was committed becomes a plan, and the plan a run that applies it.",
)
def committed_selections(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SensorResult | dg.SkipReason:
    """The plan is made here, in the tick: the run finds nothing left to decide."""
    from sync_pipeline.steps import connect, select

    db = sync.desk.db
    with db.across() as conn:
        waiting = run(conn, SQL["waiting_selections"], at_most=_AT_ONCE).all()
    requests = []
    for row in waiting:
        org = connect.organization(db, row.slug)
        plan = select.make_plan(db, org, actor="selection", origin="selection", batches_up_to=row.batch_id)
        if plan is None:
            context.log.info(f"{row.slug}: everything that was selected is in core already")
        else:
            requests.append(_promotion(row.slug, str(plan.plan_id), key=f"plan/{plan.plan_id}"))
    return with_partitions(context, requests, "No selection waits.")


@dg.sensor(
    job=jobs()["promote"],
    minimum_interval_seconds=60,
    default_status=_ON,
    description="Promotions that a crash left unfinished are taken up again, five minutes later.",
)
def left_promotions(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SensorResult | dg.SkipReason:
    """A hundred organizations a tick; the cursor is the last one looked at."""
    from sync_pipeline.steps import connect

    db = sync.desk.db
    last = int(context.cursor or 0)
    orgs = [org for org in connect.organizations(db) if org.org_id > last][:_ORGS_A_TICK]
    context.update_cursor(str(orgs[-1].org_id) if len(orgs) == _ORGS_A_TICK else "0")
    hour = datetime.now(UTC).strftime("%Y-%m-%dT%H")
    requests = []
    for org in orgs:
        with db.org(org.org_id) as conn:
            left = run(conn, SQL["left_plans"], seconds=_LEFT_SECONDS).scalars().all()
        requests += [_promotion(org.slug, str(plan), key=f"left/{plan}/{hour}") for plan in left]
    return with_partitions(context, requests, "No promotion was left unfinished.")


def _promotion(slug: str, plan: str, *, key: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=key,
        partition_key=slug,
        run_config={"ops": {"apply_plans": {"config": {"plan": plan, "actor": "selection"}}}},
        tags={"sync/org": slug, "sync/plan": plan},
    )


@dg.sensor(
    minimum_interval_seconds=10,
    default_status=_ON,
    description="New organizations become partitions; removed ones are partitions no longer.",
)
def organizations(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SensorResult | dg.SkipReason:
    """What was materialized for a removed organization stays in the event log."""
    from sync_pipeline.steps import connect

    there = {org.slug for org in connect.organizations(sync.desk.db)}
    known = set(context.instance.get_dynamic_partitions(ORG_NAME))
    changes: list[Any] = []
    if there - known:
        changes.append(ORG.build_add_request(sorted(there - known)))
    if known - there:
        changes.append(ORG.build_delete_request(sorted(known - there)))
    if not changes:
        return dg.SkipReason(f"{len(there)} organizations, all of them partitions.")
    return dg.SensorResult(dynamic_partitions_requests=changes)


@dg.sensor(
    job=jobs()["pull"],
    minimum_interval_seconds=15,
    default_status=_ON,
    description="Gates: says which decisions wait for a person; once one is answered, the work it stopped goes on.",
)
def decisions(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SensorResult | dg.SkipReason:
    """The cursor holds the gates that were open: one that is open no more was answered."""
    db = sync.desk.db
    with db.across() as conn:
        now_open = {str(row.decision_id): row for row in run(conn, SQL["open_decisions"])}
    before: dict[str, Any] = json.loads(context.cursor or "{}")
    for decision_id, row in now_open.items():
        if decision_id not in before:
            context.log.warning(f"{row.slug}: decision {decision_id} waits ({row.cause}): {row.question}")
    requests: list[dg.RunRequest] = []
    for decision_id, place in before.items():
        if decision_id not in now_open:
            requests += _go_on(context, sync.desk, int(decision_id), place)
    kept = list(now_open.items())[:_REMEMBERED]
    context.update_cursor(json.dumps({decision_id: [row.org_id, row.slug] for decision_id, row in kept}))
    return with_partitions(context, requests, f"{len(now_open)} decisions wait for a person.")


def _go_on(
    context: dg.SensorEvaluationContext, desk: Desk, decision_id: int, place: tuple[int, str]
) -> Sequence[dg.RunRequest]:
    """A pull of what an answered gate was about. A gate of no entity is taken up by whoever opened it."""
    from sync_pipeline.steps import connect

    org_id, slug = place
    with desk.db.org(org_id) as conn:
        answered = run(conn, SQL["answered"], decision_id=decision_id).one_or_none()
    if answered is None or answered.connection_id is None or answered.entity_type is None:
        return []
    org = connect.organization(desk.db, slug)
    for store in connect.connections(desk.db, org):
        if store.connection_id == answered.connection_id:
            entity = store.source.stream(answered.entity_type).name
            try:
                keys, config = pull_of(desk, slug, {"connection": store.name, "entities": [entity]}, actor="decision")
            except BadRequest as error:
                context.log.warning(f"{slug}: decision {decision_id} was answered, but {error}")
                return []
            return [
                dg.RunRequest(
                    run_key=f"decision/{decision_id}", partition_key=slug, asset_selection=keys, run_config=config
                )
            ]
    return []


def with_partitions(
    context: dg.SensorEvaluationContext, requests: Sequence[dg.RunRequest], otherwise: str
) -> dg.SensorResult | dg.SkipReason:
    """The requests; and the partitions they need, where the sensor of organizations was not here yet."""
    if not requests:
        return dg.SkipReason(otherwise)
    known = set(context.instance.get_dynamic_partitions(ORG_NAME))
    new = sorted({str(request.partition_key) for request in requests if request.partition_key} - known)
    return dg.SensorResult(
        run_requests=list(requests), dynamic_partitions_requests=[ORG.build_add_request(new)] if new else []
    )
