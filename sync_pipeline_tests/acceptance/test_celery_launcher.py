"""What Celery's launcher says of a run's worker: asked of a broker whose workers are gone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from sync_pipeline.defs.celery_launcher import WatchedCeleryRunLauncher
from sync_pipeline_tests.acceptance.machines import broker

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="There is no redis-server: install it."),
]
RUN = dg.DagsterRun(job_name="pull", tags={DAGSTER_CELERY_TASK_ID_TAG: "t1"})


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[WatchedCeleryRunLauncher]:
    with broker(tmp_path) as address:
        yield WatchedCeleryRunLauncher(default_queue="dagster", broker=f"{address}/0", backend=f"{address}/1")


def health(launcher: WatchedCeleryRunLauncher, state: str) -> tuple[WorkerStatus, str]:
    launcher.celery.backend.store_result("t1", 0, state)
    found = launcher.check_run_worker_health(RUN)
    return found.status, found.msg or ""


def test_a_worker_that_has_lost_its_power_is_missed_at_the_second_look(launcher: WatchedCeleryRunLauncher) -> None:
    """One answer may be late."""
    assert health(launcher, "STARTED")[0] is WorkerStatus.RUNNING
    status, why = health(launcher, "STARTED")
    assert status is WorkerStatus.FAILED
    assert "No worker is doing it any more" in why


def test_a_task_that_ended_while_its_run_did_not_has_failed(launcher: WatchedCeleryRunLauncher) -> None:
    """Run monitoring asks of runs that are not over, and looks again whether one is before it believes this."""
    status, why = health(launcher, "SUCCESS")
    assert status is WorkerStatus.FAILED
    assert "lost the database" in why


def test_a_task_that_failed_has_failed(launcher: WatchedCeleryRunLauncher) -> None:
    launcher.celery.backend.store_result("t1", RuntimeError("no database"), "FAILURE")
    assert launcher.check_run_worker_health(RUN).status is WorkerStatus.FAILED
