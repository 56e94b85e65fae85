"""Sensors: a committed selection, a request, an answered gate becomes a run; organizations become partitions.

Each reads at most a few dozen rows a tick. A run key is the id of the row it is for, so a tick that is repeated after a
crash starts nothing twice.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg

from sync_pipeline.db.queries import load, run
from sync_pipeline.defs.endings import endings
from sync_pipeline.defs.graph import ORG
from sync_pipeline.defs.requests import BadRequest, pull_of, run_for, settle_request
from sync_pipeline.defs.resources import SyncResource

SQL = load("sync_pipeline.defs", "sensors.sql")
_AT_ONCE = 50
_ORGS_A_TICK = 100
_LEFT_SECONDS = 300
_ON = dg.DefaultSensorStatus.RUNNING


def sensors() -> Sequence[dg.SensorDefinition]:
    """All of them, on by default."""
    return [committed_selections, durable_requests, organizations, decisions, left_promotions, *endings()]


@dg.sensor(
    job_name="promote",
    minimum_interval_seconds=1,
    default_status=_ON,
    description="A selection that was committed becomes a plan, and the plan a run that applies it.",
)
def committed_selections(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SensorResult | dg.SkipReason:
    """The plan is made here, in the tick, so that the run has nothing left to decide."""
    from sync_pipeline.steps import connect, select

    db = sync.desk.db
    with db.across() as conn:
        waiting = run(conn, SQL["waiting_selections"], at_most=_AT_ONCE).all()
    if not waiting:
        return dg.SkipReason("No selection waits.")
    requests = []
    for row in waiting:
        plan = select.make_plan(
            db,
            connect.organization(db, row.slug),
            actor="selection",
            origin="selection",
            batches_up_to=row.batch_id,
        )
        if plan is None:
            context.log.info(f"{row.slug}: everything that was selected is in core already")
            continue
        requests.append(_promotion(row.slug, str(plan.plan_id), key=f"plan/{plan.plan_id}"))
    return _result(context, requests)


@dg.sensor(
    job_name="promote",
    minimum_interval_seconds=60,
    default_status=_ON,
    description="Promotions that a crash left unfinished are taken up again.",
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
    return _result(context, requests) if requests else dg.SkipReason("No promotion was left unfinished.")


def _promotion(slug: str, plan: str, *, key: str) -> dg.RunRequest:
    return dg.RunRequest(
        job_name="promote",
        run_key=key,
        partition_key=slug,
        run_config=dg.RunConfig(ops={"apply_plans": {"config": {"plan": plan, "actor": "selection"}}}),
        tags={"sync/org": slug, "sync/plan": plan},
    )


@dg.sensor(
    job_names=["pull", "promote", "reconcile"],
    minimum_interval_seconds=1,
    default_status=_ON,
    description="A row of observe.request becomes a run.",
) if False else dg.sensor(
    jobs=None,
    minimum_interval_seconds=1,
    default_status=_ON,
)
def durable_requests(context: dg.SensorEvaluationContext, sync: SyncResource) -> dg.SensorResult | dg.SkipReason:
    """placeholder"""
    return dg.SkipReason("")
