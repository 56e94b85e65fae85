"""Ten agents at work, and a person beside them: do the limits hold, and does everything else stay usable?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.to_thread
import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent

from sync_pipeline.explorer.session import PLAIN
from sync_pipeline_tests.agents import Said

AT_LEAST = 75  # calls that each agent tries: more than may come at once
_PROPOSALS = 36
_PAGES = ("/ui/acme", "/ui/acme/shop/data/products", "/ui/acme/plans")
_CALLS = ("/api/v1/integrations/woocommerce/table?entity=products", "/api/v1/status", "/api/v1/plans")


@dataclass
class Worked:
    """What an agent tried: outcomes by kind, of all its calls and of its proposals, and for how long."""

    calls: Counter[str] = field(default_factory=Counter)
    proposals: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    retry_after: list[int] = field(default_factory=list)


@dataclass
class Beside:
    """Milliseconds of a person's pages and calls, alone and beside the agents, and what the agents did."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    agents: list[Worked] = field(default_factory=list)


def work_beside(url: str, agents: Sequence[str], person: str, times: int) -> Beside:
    """A person opens pages and makes calls `times` times over, first alone, then beside agents with these tokens."""
    found = Beside()
    found.alone = _person(url, person, times, found)

    async def both() -> None:
        done = anyio.Event()
        async with anyio.create_task_group() as group:
            found.agents = [Worked() for _ in agents]
            for token, worked in zip(agents, found.agents, strict=True):
                group.start_soon(_agent, url, token, worked, done)
            found.beside = await anyio.to_thread.run_sync(_person, url, person, times, found)
            done.set()

    anyio.run(both)
    return found


def _person(url: str, token: str, times: int, found: Beside) -> list[float]:
    taken = []
    with httpx.Client(base_url=url, timeout=120) as web:
        for _ in range(times):
            for path in (*_PAGES, *_CALLS):
                cookies = {"Cookie": f"{PLAIN}=acme:{token}"} if path.startswith("/ui") else {}
                began = time.perf_counter()
                answer = web.get(path, headers={"Authorization": f"Bearer {token}", **cookies})
                taken.append(1000 * (time.perf_counter() - began))
                found.statuses[answer.status_code] += 1
    return taken


async def _agent(url: str, token: str, worked: Worked, done: anyio.Event) -> None:
    began = time.perf_counter()
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=120) as web,
        Client(streamable_http_client(f"{url}/mcp", http_client=web), mode="2026-07-28") as client,
    ):
        number = 0
        while not done.is_set() or worked.calls.total() < AT_LEAST:
            proposes = number < _PROPOSALS
            tool, arguments = _NEXT[0] if proposes else _NEXT[1 + number % (len(_NEXT) - 1)]
            found = await client.call_tool(tool, arguments)
            [part] = found.content
            assert isinstance(part, TextContent)
            said = Said(part.text, found.is_error).value
            outcome = said["kind"] if found.is_error else "ok"
            worked.calls[outcome] += 1
            worked.proposals[outcome] += proposes
            if "retry_after" in said:
                worked.retry_after.append(said["retry_after"])
            number += 1
    worked.seconds = time.perf_counter() - began


_NEXT: Sequence[tuple[str, dict[str, Any]]] = (
    ("propose_rule", {"entity": "products", "connection": "shop", "kind": "include_new", "why": "under load"}),
    ("get_overview", {}),
    ("list_records", {"entity": "products", "connection": "shop"}),
    ("list_changes", {"since": "2020-01-01T00:00:00Z", "connection": "shop"}),
    ("list_records", {"entity": "orders", "connection": "shop", "search": "17"}),
    ("get_validation", {}),
)
