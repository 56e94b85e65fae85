"""The twelve tasks of `bench/agents`, each once, on one shop: outcomes are checked by a program against SQL."""

from __future__ import annotations

from pathlib import Path

from bench.agents import TASKS
from bench.agents.scene import Scene, fill, in_core
from bench.agents.task import play
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline_tests.agents import world
from sync_pipeline_tests.captured import captured
from sync_pipeline_tests.databases import settings_at
from sync_pipeline_tests.stores import shop

MOST_CALLS = 60  # so many may come at once: a task that takes more would be stopped


def test_the_outcomes_of_the_twelve_tasks_are_the_right_ones(server: EmbeddedPostgres, tmp_path: Path) -> None:
    """One test, so that they share the shop on whatever process they run."""
    assert [one.number for one in TASKS] == list(range(1, 13))
    with captured(server, shop, fill, in_core) as template, world(server, template, settings_at(tmp_path)) as made:
        scene = Scene.after_the_night(made)
        scores = {task.number: play(scene, task) for task in TASKS}
    assert {number: one.wrong for number, one in scores.items() if one.wrong} == {}
    assert [number for number, one in scores.items() if not 0 < one.calls <= MOST_CALLS] == []
