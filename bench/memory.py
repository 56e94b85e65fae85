"""The most memory that each long command holds, and each process of `up`, with a store of very many records."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpx

from bench.ground import Ground, ground, serving
from bench.report import Row, Turn
from bench.watched import command, started, watching
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import tokens

NAME = "memory"
TITLE = "Memory: the most that a command holds, a process of its own each"
SCALE = 1_000_000
ALONE = True
_MOST = 300  # MB
_ORDERS = 4  # times fewer than products
_ONE = ("--connection", "shop", "--entity", "products")


def run(scale: int, runs: int) -> Iterable[Row]:  # noqa: ARG001 - each command runs once
    """Every command once, in the order of the flow; then the processes of `up` while they pull."""
    products, orders = scale * 4 // 5, scale // 5
    with ground() as at, serving(at, products, orders, latency=0) as store:
        at.connect_store("bench", store)
        at.owner.execute("UPDATE connect.organization SET name = 'bench'")
        yield from _commands(at, scale)
        yield from _up(at)


def _commands(at: Ground, scale: int) -> Iterator[Row]:
    def row(name: str, *arguments: str, note: str = "") -> tuple[Row, dict[str, Any]]:
        turn, peak, answer = command(at, *arguments)
        return _row(name, turn, peak, note), answer

    yield row("pull --full", "pull", "bench", "--full", "--json", note=f"{scale:,} products and orders, new")[0]
    yield row("pull, nothing changed", "pull", "bench", "--json", note="with the sweeps")[0]
    yield row("pull --full, nothing changed", "pull", "bench", "--full", "--json")[0]
    at.owner.execute("TRUNCATE preview.difference, preview.tally, preview.summary")
    yield row("preview", "preview", "bench", "--json", note="all of them new")[0]
    for stream in ("categories", "customers", "products", "variations", "orders", "refunds"):
        chosen = ("--connection", "shop", "--entity", stream, "--all", "--include", "--draft", "--json")
        made, _ = row(f"select --all, {stream}", "select", "bench", *chosen)
        if stream in ("products", "orders"):
            yield made
    made, answer = row("plan", "plan", "bench", "--json")
    yield made
    yield row("plans, one of them", "plans", "bench", answer["plan"], "--json")[0]
    yield row("apply", "apply", "bench", answer["plan"], "--json")[0]
    yield row("status", "status", "bench", "--json")[0]
    yield row("check", "check", "bench", "--json")[0]
    yield row("check --core", "check", "bench", "--core", "--json")[0]
    yield row("reconcile", "reconcile", "bench", "--json")[0]
    yield row("validate", "validate", "bench", "--json")[0]
    yield row("export, payloads", "export", "bench", *_ONE)[0]
    yield row("export --history", "export", "bench", *_ONE, "--history")[0]
    for form in ("csv", "jsonl", "parquet", "xlsx"):
        out = str(at.home / f"out.{form}")
        yield row(f"export --core, {form}", "export", "bench", "--core", "products", "--format", form, "--out", out)[0]


def _up(at: Ground) -> Iterator[Row]:
    """The processes of `up` while a pull runs that an API call asked for, and somebody looks at pages."""
    org = connect.organizations(at.db)[0]
    token = tokens.add_token(at.db, org, "admin", actor="bench").plain
    ports = [str(_free()), str(_free())]
    with started(at, "up", "--port", ports[0], "--dagster-port", ports[1]) as child, watching(child.pid) as peaks:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{ports[0]}", headers=headers, timeout=600) as client:
            _wait(lambda: client.get("/readyz").status_code == 200)
            asked = client.post("/api/v1/integrations/woocommerce/sync/products/full").raise_for_status().json()
            place = f"/api/v1/requests/{asked['request']}"
            _wait(lambda: client.get(place).json()["state"] in ("done", "failed"))
            state = client.get(place).json()["state"]
            for page in range(1, 200):
                address = "/api/v1/integrations/woocommerce/table"
                client.get(address, params={"entity": "products", "page": page * 10}).raise_for_status()
        found = sorted(peaks.most.values(), key=lambda one: -one[1])
    for name, mb in found[:8]:
        yield _row(f"up: {name[:60]}", None, mb, f"while a full pull was asked for by a call: {state}")


def _row(name: str, turn: Turn | None, peak: float, note: str) -> Row:
    spent = (turn.own, turn.server) if turn else None
    took = f"{turn.seconds:.0f} s, {turn.own:.0f} + {turn.server:.0f} s of processor time" if turn and spent else ""
    return Row(
        what=name, value=peak, unit="MB", target=f"< {_MOST} MB", reached=peak < _MOST,
        note="; ".join(filter(None, (took, note))),
    )  # fmt: skip


def _wait(until: Any, seconds: float = 3_600) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if until():
                return
        except httpx.HTTPError:
            pass
        time.sleep(1)
    raise RuntimeError("it did not come to an end")


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
