"""The agents' server: twelve tasks by a scripted client, whose outcomes a program checks; and its answers at a million.

scene    the shop that the tasks are about, after a night
task     what a task is, and how it is played
reading | deciding    the tasks
sizes    bytes and milliseconds of every answer, with very many records
load     ten agents at once, and a person beside them
"""

from __future__ import annotations

import logging
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog

from bench.agents import deciding, load, reading, sizes
from bench.agents.scene import Scene, fill, in_core
from bench.agents.task import Score, Task, play
from bench.endpoint import p95
from bench.ground import ground
from bench.report import Row, measured
from sync_pipeline.api.application import build
from sync_pipeline.explorer.mount import mount
from sync_pipeline.mcp.mount import mount as mount_agents
from sync_pipeline.steps import connect
from sync_pipeline_tests.agents import World
from sync_pipeline_tests.served import listening
from sync_pipeline_tests.stores import shop

NAME = "agents"
TITLE = "The agents' server: twelve tasks, and its answers with very many records"
SCALE = 1_000_000
_AGENTS = 10
TASKS: Sequence[Task] = sorted((*reading.TASKS, *deciding.TASKS), key=lambda one: one.number)


def run(scale: int, runs: int) -> list[Row]:
    """Every task in each run, on a shop of its own; then every answer with `scale` records."""
    scores: dict[int, list[Score]] = {one.number: [] for one in TASKS}
    for _ in range(runs):
        with served_scene() as scene:
            for one in TASKS:
                scores[one.number].append(play(scene, one))
    return [*(_row(one, scores[one.number]) for one in TASKS), *_beside(), *sizes.run(scale, runs)]


def _beside() -> list[Row]:
    """A person's pages and calls, alone and beside ten agents that call as fast as they are answered."""
    with served_scene() as scene:
        agents = [scene.world.token(name=f"agent {number}").plain for number in range(_AGENTS)]
        found = load.work_beside(scene.world.url, agents, scene.world.token("operator").plain, times=10)
    calls = sum(one.calls.total() for one in found.agents)
    refused = sum(one.calls["rate_limited"] for one in found.agents)
    seconds = max(one.seconds for one in found.agents)
    note = f"{calls} calls of agents in {seconds:.0f} s, {refused} of them refused for their rate"
    return [
        measured("a person's page or call, alone", found.alone, unit="ms", note=f"p95 {p95(found.alone):.0f} ms"),
        measured(
            f"the same beside {_AGENTS} agents",
            found.beside,
            unit="ms",
            ratio=p95(found.beside) / p95(found.alone),
            ratio_to="alone, p95",
            target="answered, all of them",
            reached=set(found.statuses) == {200},
            note=f"p95 {p95(found.beside):.0f} ms; {note}",
        ),
    ]


def _row(task: Task, scores: Sequence[Score]) -> Row:
    wrong = [words for one in scores for words in one.wrong]
    size = statistics.median(one.bytes for one in scores)
    seconds = statistics.median(one.seconds for one in scores)
    return Row(
        what=f"{task.number}. {task.title}",
        value=statistics.median(one.calls for one in scores),
        values=tuple(one.calls for one in scores),
        unit="calls",
        target="the outcome",
        reached=not wrong,
        note=f"{size / 1000:.1f} kB, {seconds:.2f} s" + (f"; wrong: {'; '.join(wrong)}" if wrong else ""),
    )


@contextmanager
def served_scene() -> Iterator[Scene]:
    """The shop in a database of its own, served on a real port."""
    # The service tells of each call on the terminal, where the table comes.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with ground() as at:
        org = connect.add_organization(at.db, "acme", "Acme")
        with shop(at.db, at.settings, org, fill(lambda: datetime.now(UTC))) as opened:
            in_core(opened)
            with listening(mount_agents(mount(build(at.settings, at.db)))) as url:
                yield Scene.after_the_night(World(at.db, at.settings, org, opened, url, at.dsn))
