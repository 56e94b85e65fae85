"""dagster-celery's run launcher, which also finds out that a worker is gone: deploy/celery/dagster.yaml names it.

dagster-celery asks Celery's result backend how a run's task is. That says "started" of the task of a machine that lost
its power, and "success" of one that could not tell Dagster how its run ended, because the database was out of its
reach: both runs would be shown as running until `max_runtime_seconds`. Needs the extra `celery`.
"""

from __future__ import annotations

from typing import Any

from dagster import DagsterRun
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

_ANSWER_SECONDS = 5.0  # that a busy worker may take to say what it is doing
_MISSED = 2  # looks in a row that do not find the task: one answer may be late


class WatchedCeleryRunLauncher(CeleryRunLauncher):
    """Runs as tasks of Celery; what no worker is doing any more has failed. Dagster's run monitoring asks."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._missed: dict[str, int] = {}

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Called for runs that are not over."""
        health = super().check_run_worker_health(run)
        if health.status is WorkerStatus.SUCCESS:
            return CheckRunHealthResult(
                WorkerStatus.FAILED, "Its worker has ended and could not say how: it lost the database. Run it again."
            )
        if health.status is not WorkerStatus.RUNNING or run.tags[DAGSTER_CELERY_TASK_ID_TAG] in self._at_work():
            self._missed.pop(run.run_id, None)
            return health
        missed = self._missed[run.run_id] = self._missed.get(run.run_id, 0) + 1
        if missed < _MISSED:
            return health
        del self._missed[run.run_id]
        return CheckRunHealthResult(
            WorkerStatus.FAILED,
            "No worker is doing it any more: its machine is gone. What it committed is safe. Run it again.",
        )

    def _at_work(self) -> set[str]:
        """The ids of the tasks that workers say they are doing."""
        answers = self.celery.control.inspect(timeout=_ANSWER_SECONDS).active() or {}
        return {task["id"] for tasks in answers.values() for task in tasks}
