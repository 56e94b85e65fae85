"""Runs whose process is gone: Dagster shows them as running for ever, and they hold their slot of a pool."""

import json
import os
import platform
import socket

import dagster as dg
import psutil
from dagster._core.storage.tags import GRPC_INFO_TAG, HIDDEN_TAG_PREFIX

PROCESS = f"{HIDDEN_TAG_PREFIX}sync_process"  # of a run that a command line executes: machine/process id
_BATCH = 500


def process_tags() -> dict[str, str]:
    """Tags of a run in this process: which process on which machine executes it."""
    return {PROCESS: f"{platform.node()}/{os.getpid()}"}


def fail_orphaned_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs whose process is gone as failed and free their pool slots; returns how many.

    A killed process reports nothing. What it had committed is safe, and the next run continues from there.
    """
    running = instance.get_runs(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]), limit=_BATCH
    )
    orphans = [one for one in running if _is_orphan(one)]
    for one in orphans:
        instance.report_run_failed(one, "The process of this run is gone. Run it again: it continues where it stopped.")
        instance.event_log_storage.free_concurrency_slots_for_run(one.run_id)
    return len(orphans)


def _is_orphan(one: dg.DagsterRun) -> bool:
    if PROCESS in one.tags and not one.parent_run_id:  # a run that executes it again has its tags, not its process
        host, _, pid = one.tags[PROCESS].rpartition("/")
        return host == platform.node() and not psutil.pid_exists(int(pid))
    server = json.loads(one.tags.get(GRPC_INFO_TAG) or "{}")
    if server.get("host") not in ("127.0.0.1", "localhost") or not server.get("port"):
        return False
    try:
        socket.create_connection((server["host"], int(server["port"])), timeout=2).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False
