"""The twelve tasks of `bench/agents`, each once, on one shop: outcomes are checked by a program against SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.agents import TASKS
from bench.agents.scene import Scene, fill, in_core
from bench.agents.task import Task, play
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline_tests.agents import world
from sync_pipeline_tests.captured import captured
from sync_pipeline_tests.databases import settings_at
from sync_pipeline_tests.stores import shop


@pytest.fixture(scope="module")
def scene(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = Path(tmp_path_factory.mktemp("home"))
    with captured(server, shop, fill, in_core) as template, world(server, template, settings_at(home)) as made:
        yield Scene.after_the_night(made)


@pytest.mark.parametrize("task", TASKS, ids=lambda one: f"{one.number}")
def test_the_outcome_of_a_task_is_the_right_one(scene: Scene, task: Task) -> None:
    score = play(scene, task)
    assert score.wrong == []
    assert 0 < score.calls <= 60, "a task takes so many calls that an agent would be stopped"
    assert all(len(one.text.encode()) <= 12_000 for one in score.heard)


def test_there_are_twelve() -> None:
    assert [one.number for one in TASKS] == list(range(1, 13))
