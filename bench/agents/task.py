"""What a task is: what is planted, a script that works through the agents' server alone, and a program that checks."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from bench.agents.scene import Scene
from sync_pipeline.steps.connect.tokens import Token
from sync_pipeline_tests.agents import Agent, Heard

Facts = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A task. `plant` gives what the script is told (`given`) and what only the program knows; `check` names what is
    wrong with what the script says and with the database."""

    number: int
    title: str
    plant: Callable[[Scene, Token], Facts]
    script: Callable[[Agent, Scene, Facts], Awaitable[Facts]]
    check: Callable[[Scene, Facts, Facts], Sequence[str]]
    role: str = "agent"


@dataclass(frozen=True)
class Score:
    """How a task went. `wrong` is empty if its outcome is the right one."""

    wrong: Sequence[str]
    heard: Sequence[Heard]
    seconds: float

    @property
    def calls(self) -> int:
        """Calls that the script made."""
        return len(self.heard)

    @property
    def bytes(self) -> int:
        """Bytes of all answers."""
        return sum(len(one.text.encode()) for one in self.heard)


def play(scene: Scene, task: Task) -> Score:
    """Plant, let the script work with a token of its own, check."""
    token = scene.world.token(task.role, name=f"task {task.number}")
    planted = task.plant(scene, token)

    async def work() -> tuple[Facts, Sequence[Heard], float]:
        async with scene.world.agent(token.plain) as agent:
            began = time.perf_counter()
            said = await task.script(agent, scene, planted)
            return said, agent.heard, time.perf_counter() - began

    said, heard, seconds = anyio.run(work)
    return Score(task.check(scene, planted, {**said, "heard": heard}), heard, seconds)


async def rows(agent: Agent, tool: str, **arguments: Any) -> list[Mapping[str, Any]]:
    """All rows of a tool's answers about the shop."""
    found: list[Mapping[str, Any]] = list(await agent.every(tool, connection="shop", **arguments))
    return found


def differs(what: str, said: Any, true: Any) -> list[str]:
    """Nothing if both are the same; else a sentence."""
    return [] if said == true else [f"{what}: said {said!r}, and it is {true!r}"]
