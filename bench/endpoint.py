"""The table over HTTP at very many captured records, beside its SQL: alone, and twenty at once."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from bench.ground import shared
from bench.million import Million, million
from bench.report import Row, measured
from sync_pipeline.config import PROJECT
from sync_pipeline.db.queries import run as execute
from sync_pipeline.steps import connect, preview
from sync_pipeline.steps.connect import tokens

NAME = "endpoint"
TITLE = "Table over HTTP: a page of 50 records with their status"
SCALE = 1_000_000
_CALLS = 30
_AT_ONCE = 20
_KEYS = "org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = 'product'"
_ORDER = "ORDER BY length(external_id), external_id LIMIT 50"
_ROWS = f"SELECT external_id, name, code, email, sync_data::text FROM capture.sync_record WHERE {_KEYS}"


def _found(term: str) -> str:
    found = f"SELECT external_id FROM capture.search(%(connection_id)s, 'product', '{term}', 50)"
    return f"{_ROWS} AND external_id = ANY (ARRAY({found})) {_ORDER}"


# The same records in SQL alone, as quickly as it gives them: without their status, and without counting.
_BARE: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "first page": (f"{_ROWS} {_ORDER}", {}),
    "page 5,000": (
        f"{_ROWS} AND external_id = ANY (ARRAY(SELECT external_id FROM capture.sync_record "
        f"WHERE {_KEYS} {_ORDER} OFFSET 249950)) {_ORDER}",
        {"page": 5_000},
    ),
    "status=updated": (
        f"{_ROWS} AND external_id = ANY (ARRAY(SELECT external_id FROM preview.difference "
        f"WHERE {_KEYS} AND status = 'updated' {_ORDER})) {_ORDER}",
        {"status": "updated"},
    ),
    "search=sku-77712": (
        _found("sku-77712"),
        {"search": "sku-77712"},
    ),
    "search=shirt 4242": (
        _found("shirt 4242"),
        {"search": "shirt 4242"},
    ),
    "search=organic": (
        _found("organic"),
        {"search": "organic"},
    ),
}


def run(scale: int, runs: int) -> list[Row]:
    """p95 of the calls, alone and twenty at once, and of their SQL in this process."""
    of: Million = shared(million.__name__, million, scale)
    of.ground.owner.execute(
        "INSERT INTO capture.sync_cursor (org_id, connection_id, entity_type, changed_at) "
        "VALUES (%s, %s, 'product', now()) ON CONFLICT DO NOTHING",
        (of.connection.org_id, of.connection.connection_id),
    )
    preview.recompute(of.ground.db, of.connection, of.stream)
    of.ground.owner.execute("VACUUM ANALYZE")
    org = connect.organizations(of.ground.db)[0]
    token = tokens.add_token(of.ground.db, org, "viewer", actor="bench").plain
    rows = []
    with _serving(of) as url, httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        for name, (sql, options) in _BARE.items():
            params = {"entity": "products", **options}
            address = f"{url}/api/v1/integrations/woocommerce/table"
            bare = _timed(runs, lambda sql=sql: _ask(of, sql))
            alone = _timed(
                runs, lambda address=address, params=params: client.get(address, params=params).raise_for_status()
            )
            many = asyncio.run(_at_once(address, params, token))
            rows.append(measured(f"SQL: {name}", bare, unit="ms", note=f"p95 {_p95(bare):.1f} ms"))
            rate = 1000 * _AT_ONCE / (sum(many) / len(many))
            rows.append(
                measured(
                    name,
                    alone,
                    unit="ms",
                    ratio=_p95(alone) / _p95(bare),
                    ratio_to="its SQL, p95",
                    target="≤ 2, p95 < 50 ms",
                    note=f"p95 {_p95(alone):.1f} ms; twenty at once: p95 {_p95(many):.0f} ms, {rate:.0f} a second",
                )
            )
    return rows


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


def _timed(runs: int, call: Any) -> list[float]:
    call()
    values = []
    for _ in range(runs * _CALLS):
        began = time.perf_counter()
        call()
        values.append(1000 * (time.perf_counter() - began))
    return values


def _ask(of: Million, sql: str) -> Any:
    with of.ground.db.org(of.connection.org_id) as conn:
        return execute(conn, sql, connection_id=of.connection.connection_id).all()


async def _at_once(address: str, params: Mapping[str, Any], token: str) -> list[float]:
    """Milliseconds of the calls of twenty clients."""
    values: list[float] = []
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:

        async def one() -> None:
            for _ in range(15):
                began = time.perf_counter()
                (await client.get(address, params=params)).raise_for_status()
                values.append(1000 * (time.perf_counter() - began))

        await asyncio.gather(*(one() for _ in range(_AT_ONCE)))
    return values


@contextmanager
def _serving(of: Million) -> Iterator[str]:
    """The service in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "SYNC_HOME": str(of.ground.settings.home),
        "SYNC_CALLS_PER_MINUTE": "10000000",
        "PYTHONPATH": str(PROJECT),
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "sync_pipeline.cli.main", "serve", "--port", str(port)],
        env=environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(f"{url}/readyz").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield url
    finally:
        child.terminate()
        child.wait(20)
