"""The table over HTTP with very many captured records, compared with its SQL: one client, and twenty."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

from bench.ground import Ground, shared
from bench.million import Million, million
from bench.report import Row, measured, within
from sync_pipeline.config import PROJECT
from sync_pipeline.db.queries import execute
from sync_pipeline.steps import connect, preview
from sync_pipeline.steps.connect import tokens

NAME = "endpoint"
TITLE = "Table over HTTP: a page of 50 records with their status"
SCALE = 1_000_000
_CALLS = 30
_AT_ONCE = 20
_EACH = 15  # calls of each of them
_KEYS = "org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = 'product'"
_ORDER = "ORDER BY length(external_id), external_id LIMIT 50"
_ROWS = f"SELECT external_id, name, code, email, sync_data::text FROM capture.sync_record WHERE {_KEYS}"
_CHANGED = f"FROM preview.difference WHERE {_KEYS} AND status = 'updated'"


@dataclass(frozen=True)
class _Page:
    """A call, and the SQL to compare it with: one statement for the ids, one for the count."""

    parameters: Mapping[str, Any]
    ids: str | None
    count: str = f"SELECT count(*) FROM capture.sync_record WHERE {_KEYS} AND deletion_state <> 'deleted'"

    @property
    def rows(self) -> str:
        """The records only: no status, no count."""
        return f"{_ROWS} AND external_id = ANY (ARRAY({self.ids})) {_ORDER}" if self.ids else f"{_ROWS} {_ORDER}"

    @property
    def answer(self) -> str:
        """The records with their status and the count, as the call answers them."""
        return f"""
            SELECT page.*, d.status, (SELECT d.warnings), ({self.count}) AS row_count FROM ({self.rows}) AS page
            LEFT JOIN (SELECT external_id, status, warnings FROM preview.difference WHERE {_KEYS}) AS d
                USING (external_id)
        """


def _search(term: str, at_most: int = 1_001) -> _Page:
    found = f"FROM capture.search(%(connection_id)s, 'product', '{term}', {{}})"
    return _Page({"search": term}, f"SELECT external_id {found.format(50)}", f"SELECT count(*) {found.format(at_most)}")


_PAGES: Mapping[str, _Page] = {
    "first page": _Page({}, None),
    "page 5,000": _Page(
        {"page": 5_000}, f"SELECT external_id FROM capture.sync_record WHERE {_KEYS} {_ORDER} OFFSET 249950"
    ),
    "status=updated": _Page(
        {"status": "updated"}, f"SELECT external_id {_CHANGED} {_ORDER}", f"SELECT count(*) {_CHANGED}"
    ),
    "search=sku-77712": _search("sku-77712"),
    "search=shirt 4242": _search("shirt 4242"),
    "search=organic": _search("organic"),
}


def run(scale: int, runs: int) -> list[Row]:
    """p95 of the calls, with one client and with twenty, and of their SQL in this process."""
    of = prepared(scale)
    org = connect.organizations(of.ground.db)[0]
    token = tokens.add_token(of.ground.db, org, "viewer", actor="bench").plain
    rows: list[Row] = []
    with serving(of) as url, httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        service = Spending(of.ground, serving_process())
        here = Spending(of.ground, psutil.Process())
        for name, page in _PAGES.items():
            params = {"entity": "products", **page.parameters}
            address = f"{url}/api/v1/integrations/woocommerce/table"
            bare, bare_spent = here.timed(runs, lambda page=page: ask(of, page.rows))
            same, same_spent = here.timed(runs, lambda page=page: ask(of, page.answer))
            alone, spent = service.timed(
                runs, lambda address=address, params=params: client.get(address, params=params).raise_for_status()
            )
            with service.counted(_AT_ONCE * _EACH) as many_spent:
                many = asyncio.run(_at_once(address, params, token))
            rate = 1000 * _AT_ONCE / (sum(many) / len(many))
            ratio = p95(alone) / p95(same)
            rows += [
                measured(
                    f"SQL, the rows: {name}", bare, unit="ms", processor=bare_spent, note=f"p95 {p95(bare):.1f} ms"
                ),
                measured(
                    f"SQL, rows, status and count: {name}",
                    same,
                    unit="ms",
                    processor=same_spent,
                    note=f"p95 {p95(same):.1f} ms",
                ),
                measured(
                    name,
                    alone,
                    unit="ms",
                    ratio=ratio,
                    ratio_to="the SQL of the same answer, p95",
                    target="≤ 2 ×, p95 < 50 ms",
                    reached=within(ratio, "≤ 2") and p95(alone) < 50,
                    processor=spent,
                    processor_ratio=sum(spent) / sum(same_spent),
                    note=f"p95 {p95(alone):.1f} ms, {p95(alone) / p95(bare):.1f} × the rows alone",
                ),
                measured(
                    f"{_AT_ONCE} at once: {name}",
                    many,
                    unit="ms",
                    target="≥ 150 calls a second",
                    reached=rate >= 150,
                    processor=(many_spent[0], many_spent[1]),
                    note=f"{rate:.0f} a second, p95 {p95(many):.0f} ms",
                ),
            ]
    return rows


@dataclass(frozen=True)
class Spending:
    """The processor time of a process that calls or is called, and of PostgreSQL."""

    ground: Ground
    process: psutil.Process

    @contextmanager
    def counted(self, calls: int) -> Iterator[list[float]]:
        """Gives the milliseconds a call of both, once the calls are done."""
        before = self._spent()
        spent: list[float] = []
        yield spent
        spent += [1000 * (now - was) / calls for now, was in zip(self._spent(), before, strict=True)]

    def timed(self, runs: int, call: Any) -> tuple[list[float], tuple[float, float]]:
        """The milliseconds of each call, and the processor milliseconds of one."""
        call()
        with self.counted(runs * _CALLS) as spent:
            values = timed(runs, call, warm=True)
        return values, (spent[0], spent[1])

    def _spent(self) -> tuple[float, float]:
        spent = 0.0
        for one in (self.process, *self.process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                if one.name() != "postgres":
                    spent += sum(one.cpu_times()[:2])
        return spent, self.ground.server_cpu()


def prepared(scale: int) -> Million:
    """The records, compared and analyzed, as after a pull."""
    of: Million = shared(million.__name__, million, scale)
    of.ground.owner.execute(
        "INSERT INTO capture.sync_cursor (org_id, connection_id, entity_type, changed_at) "
        "VALUES (%s, %s, 'product', now()) ON CONFLICT DO NOTHING",
        (of.connection.org_id, of.connection.connection_id),
    )
    preview.recompute(of.ground.db, of.connection, of.stream)
    of.ground.owner.execute("VACUUM ANALYZE")
    return of


def p95(values: Sequence[float]) -> float:
    """The value that 95 of a hundred do not exceed."""
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


def timed(runs: int, call: Any, *, warm: bool = False) -> list[float]:
    """The milliseconds of each call, after a warm-up."""
    if not warm:
        call()
    values = []
    for _ in range(runs * _CALLS):
        began = time.perf_counter()
        call()
        values.append(1000 * (time.perf_counter() - began))
    return values


def ask(of: Million, sql: str) -> Any:
    """The answer of a statement, as the application asks it."""
    with of.ground.db.org(of.connection.org_id) as conn:
        return execute(conn, sql, connection_id=of.connection.connection_id).all()


async def _at_once(address: str, params: Mapping[str, Any], token: str) -> list[float]:
    """The milliseconds of each call, with twenty clients."""
    values: list[float] = []
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:

        async def one() -> None:
            for _ in range(_EACH):
                began = time.perf_counter()
                (await client.get(address, params=params)).raise_for_status()
                values.append(1000 * (time.perf_counter() - began))

        await asyncio.gather(*(one() for _ in range(_AT_ONCE)))
    return values


def serving_process() -> psutil.Process:
    """The service that `serving` started."""
    return next(one for one in psutil.Process().children(recursive=True) if "serve" in one.cmdline())


@contextmanager
def serving(of: Any) -> Iterator[str]:
    """The service in its own process."""
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
