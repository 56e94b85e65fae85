"""Housekeeping of Dagster's own storage: runs whose process died, and runs nobody will look at again."""

import json
import os
import platform
import socket
from datetime import UTC, datetime, timedelta

import dagster as dg

PID, HOST = "sync/pid", "sync/host"
_GRPC = ".dagster/grpc_info"
_A_TIME = 500
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def mine() -> dict[str, str]:
    """Tags of a run that lives in this process."""
    return {PID: str(os.getpid()), HOST: platform.node()}


def settle_orphans(instance: dg.DagsterInstance) -> int:
    """Mark runs as failed whose process is gone, so that they hold no slot of a pool; returns how many.

    A process that was killed says nothing. What it had committed is safe, and the next run goes on from there.
    """
    going = instance.get_runs(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]), limit=_A_TIME
    )
    orphans = [one for one in going if _orphan(one)]
    for one in orphans:
        instance.report_run_failed(one, "The process of this run is gone. Running it again goes on where it stopped.")
        instance.event_log_storage.free_concurrency_slots_for_run(one.run_id)
    return len(orphans)


def _orphan(one: dg.DagsterRun) -> bool:
    if PID in one.tags:
        if one.tags.get(HOST) != platform.node():
            return False
        try:
            os.kill(int(one.tags[PID]), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return False
    server = json.loads(one.tags.get(_GRPC) or "{}")
    if server.get("host") not in ("127.0.0.1", "localhost") or not server.get("port"):
        return False
    try:
        socket.create_connection((server["host"], int(server["port"])), timeout=2).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False


class TidyConfig(dg.Config):
    """How long runs are kept."""

    days: int = 60


@dg.op(description="Removes old runs and their events, a few hundred a time. Promotions are kept.")
def forget_old_runs(context: dg.OpExecutionContext, config: TidyConfig) -> None:
    """What a removed run materialized was materialized again since, every night; promotions need not have been."""
    instance = context.instance
    before = datetime.now(UTC) - timedelta(days=config.days)
    old = instance.get_runs(dg.RunsFilter(statuses=_FINISHED, created_before=before), limit=_A_TIME, ascending=True)
    gone = [one for one in old if one.job_name not in ("promote", "__ASSET_JOB")]
    for one in gone:
        instance.delete_run(one.run_id)
    context.log.info(f"{len(gone)} runs from before {before:%Y-%m-%d} are removed")


@dg.job(description="Removes runs that are older than 60 days.", executor_def=dg.in_process_executor)
def tidy() -> None:
    """Dagster keeps runs for ever; a thousand organizations write some 50,000 events a night."""
    forget_old_runs()
