"""Bytes and milliseconds of every answer that reads, with very many captured records; and the SQL of what changed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent

from bench.endpoint import Spending, ask, p95, prepared, serving, serving_process, timed
from bench.million import Million
from bench.report import Row, measured
from sync_pipeline.mcp.answers import MOST_BYTES
from sync_pipeline.steps import connect, select
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.connect.party import Party

_CALLS = 15
_LONG_AGO = "2020-01-01T00:00:00Z"


def run(scale: int, runs: int) -> list[Row]:
    """p95 of each call over HTTP, from `serve` in a process of its own."""
    of = prepared(scale)
    org = connect.organizations(of.ground.db)[0]
    plan = _planned(of, org, scale)
    rows = []
    with serving(of) as url:
        service = Spending(of.ground, serving_process())
        for name, tool, arguments in _asked(of, scale, plan):
            token = tokens.add_token(of.ground.db, org, "agent", actor="bench").plain  # with limits of its own
            with service.counted(1) as spent:
                taken, size = anyio.run(_called, url, token, tool, arguments, runs * _CALLS)
            calls = len(taken) + 1
            rows.append(
                measured(
                    name,
                    taken,
                    unit="ms",
                    target=f"≤ {MOST_BYTES / 1000:.0f} kB",
                    reached=size <= MOST_BYTES,
                    processor=(spent[0] / calls, spent[1] / calls),
                    note=f"p95 {p95(taken):.0f} ms, {size / 1000:.1f} kB",
                )
            )
    for table in ("sync_plan_item", "sync_plan", "sync_selective_config", "selection_batch"):
        of.ground.owner.execute(f"DELETE FROM selection.{table}")  # other benchmarks share the records
    return [*rows, *_bare(of)]


def _planned(of: Million, org: connect.Organization, scale: int) -> str:
    """A plan of an agent that updates one record of a hundred."""
    agent = Party("bench", "mcp", "agent", 1)
    select.select(of.ground.db, of.connection, of.stream, include=True, actor=agent, draft=True, status="updated")
    plan = select.make_plan(of.ground.db, org, actor=agent, origin="agent")
    assert plan is not None
    assert plan.updates == scale // 100
    return str(plan.plan_id)


def _asked(of: Million, scale: int, plan: str) -> Sequence[tuple[str, str, Mapping[str, Any]]]:
    middle, here = str(scale // 2), {"entity": of.stream.name}
    last_second = of.ground.one("SELECT max(captured_at) - interval '1 second' FROM capture.sync_record")
    recently = last_second.astimezone(UTC).isoformat()
    half = of.ground.one(
        "SELECT captured_at FROM capture.sync_record ORDER BY captured_at OFFSET %s LIMIT 1", (scale // 2,)
    )
    record = of.connection.connection_id
    place = f"{datetime.now(UTC).isoformat()}|{half.isoformat()}~{record}~{of.stream.entity_type}~{middle}"
    return [
        ("get_overview", "get_overview", {}),
        ("list_changes of the last second", "list_changes", {"since": recently}),
        ("list_changes of everything", "list_changes", {"since": _LONG_AGO}),
        ("list_changes of everything, in the middle", "list_changes", {"since": _LONG_AGO, "next": place}),
        ("list_records", "list_records", here),
        ("list_records, in the middle", "list_records", {**here, "next": middle}),
        ("list_records that differ", "list_records", {**here, "status": "updated"}),
        ("list_records, search of a word of all", "list_records", {**here, "search": "organic"}),
        ("list_records, search of a SKU", "list_records", {**here, "search": f"SKU-{middle}"}),
        *(
            (f"get_record, {part}", "get_record", {**here, "id": "100", "part": part})
            for part in ("changes", "core", "versions", "events", "raw")
        ),
        ("explain_record", "explain_record", {**here, "id": "100"}),
        ("list_activity", "list_activity", {}),
        ("list_plans", "list_plans", {}),
        ("get_plan", "get_plan", {"plan": plan, "limit": 50}),
        ("list_decisions", "list_decisions", {}),
        ("get_validation", "get_validation", {}),
    ]


async def _called(url: str, token: str, tool: str, arguments: Mapping[str, Any], times: int) -> tuple[list[float], int]:
    """The milliseconds of each call, and the bytes of the longest answer."""
    taken: list[float] = []
    longest = 0
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=300) as web,
        Client(streamable_http_client(f"{url}/mcp", http_client=web), mode="2026-07-28") as client,
    ):
        await client.list_tools()
        for number in range(times + 1):
            began = time.perf_counter()
            found = await client.call_tool(tool, dict(arguments))
            if number:  # the first one warms
                taken.append(1000 * (time.perf_counter() - began))
            [part] = found.content
            assert isinstance(part, TextContent)
            assert not found.is_error, part.text
            longest = max(longest, len(part.text.encode()))
            if number > 4 and sum(taken) > 20_000:  # a slow one is slow five times over
                break
    return taken, longest


def _bare(of: Million) -> list[Row]:
    """What a second's changes cost in SQL, and what counting all of them costs."""
    since = {"the last second": timedelta(seconds=1), "everything": timedelta(days=9_999)}
    newest = of.ground.one("SELECT max(captured_at) FROM capture.sync_record")
    rows = []
    for name, back in since.items():
        sql = (
            "SELECT entity_type, count(*) FROM capture.sync_record WHERE org_id = connect.current_org() AND "
            f"captured_at >= '{(newest - back).isoformat()}' GROUP BY entity_type"
        )
        rows.append(measured(f"SQL: counts of {name}", timed(1, lambda sql=sql: ask(of, sql)), unit="ms"))
    return rows
