"""A full pull of a store's products, against the floor and against dlt."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.ground import LATENCY, Ground, Store, ground, serving
from bench.report import OUT, Row, Turn, measured, raced, skipped
from sync_pipeline.sources.settings import ConnectionSettings

NAME = "capture"
TITLE = "Capture: full pull of a store's products (pages of 100, each answered in 50 ms, https, 4 at a time)"
SCALE = 50_000
_CONCURRENCY = ConnectionSettings().max_concurrency
_REQUIREMENTS = Path(__file__).parent / "requirements-dlt.txt"
_MOST_MB = 300
_TABLES = {
    "floor": ("public", "bench_floor"),
    "pull": ("capture", "woocommerce_sync"),
    "dlt": ("bench_dlt", "products"),
    "tuned": ("bench_dlt", "products"),
}


def run(scale: int, runs: int) -> list[Row]:
    """All contestants in turns on one store and one server; then one pull from a store four times as large."""
    python, without_peer = peer_python()
    results: dict[str, list[dict[str, Any]]] = {"floor": [], "pull": [], "dlt": [], "tuned": []}
    with ground() as at, serving(at, scale) as store:
        at.connect_store("bench", store)
        turns: dict[str, Callable[[], dict[str, Any]]] = {
            "floor": lambda: floor(at, store),
            "pull": lambda: at.pull("bench", "--full"),
        }
        if python is not None:
            turns["dlt"] = lambda: peer(at, store, python)
            turns["tuned"] = lambda: peer(at, store, python, "--tuned")
        for number in range(runs):
            for name, turn in list(turns.items()):
                if name == "tuned" and number:
                    continue  # for information: once is enough
                at.forget_captured()
                try:
                    results[name].append({**turn(), **_count(at, name, scale)})
                except RuntimeError as error:
                    if name in ("floor", "pull"):
                        raise
                    turns.pop(name)
                    results[name].clear()
                    without_peer = str(error).splitlines()[-1]
    with ground() as at, serving(at, 4 * scale) as store:
        at.connect_store("bench", store)
        large = {**at.pull("bench", "--full"), **_count(at, "pull", 4 * scale)}
    return _rows(scale, results, large, without_peer)


def _count(at: Ground, name: str, expected: int) -> dict[str, int]:
    """The rows in the database. Raises AssertionError if a contestant lost records."""
    schema, table = _TABLES[name]
    names = at.owner.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relkind = 'r' AND c.relname LIKE %s",
        (schema, f"{table}%"),
    )
    counted = "SELECT count(*) FROM {}"  # names come from the catalogue, quoted by it
    counts = {found: at.one(counted.format(found)) for (found,) in names.fetchall()}
    records = next(count for found, count in counts.items() if found.split(".")[-1] == table)
    assert records == expected, f"{name} stored {records} of {expected} records"
    return {"records": records, "rows": sum(counts.values())}


def _rows(scale: int, results: dict[str, list[dict[str, Any]]], large: dict[str, Any], without_peer: str) -> list[Row]:
    turns = {name: [Turn.of(answer) for answer in answers] for name, answers in results.items()}
    waiting = -(-scale // 100) * LATENCY / _CONCURRENCY
    rate = scale / statistics.median(turn.seconds for turn in turns["pull"])
    rows = [
        raced("floor: fetch and COPY", turns["floor"], note=f"{waiting:.2f} s of it is the store's own latency"),
        raced(
            "pull --full",
            turns["pull"],
            against=turns["floor"],
            ratio_to="floor",
            goal="≤ 1.2",
            processor_goal="≤ 1.8",
            note=f"{rate:,.0f} records/s; {results['pull'][0]['requests']} requests",
        ),
    ]
    for name, title, goal in (
        ("dlt", "dlt rest_api → postgres", "≥ 6"),
        ("tuned", "dlt, payloads kept whole, CSV and COPY: for information", ""),
    ):
        if not turns[name]:
            rows.append(skipped(title, without_peer))
            continue
        rows.append(
            raced(
                title,
                turns[name],
                against=turns["pull"],
                ratio_to="pull",
                goal=goal,
                processor_goal=goal,
                note=f"{results[name][0]['rows']:,} rows; peak {results[name][0]['peak_mb']:.0f} MB",
            )
        )
    return [*rows, *_memory(scale, [answer["peak_mb"] for answer in results["pull"]], large)]


def _memory(scale: int, peaks: list[float], large: dict[str, Any]) -> list[Row]:
    most = large["peak_mb"]
    return [
        measured(
            f"peak memory of the pull, {scale:,}",
            peaks,
            unit="MB",
            target=f"< {_MOST_MB} MB",
            reached=max(peaks) < _MOST_MB,
        ),
        measured(
            f"peak memory of the pull, {4 * scale:,}",
            [most],
            unit="MB",
            ratio=most / statistics.median(peaks),
            ratio_to="the smaller",
            target=f"< {_MOST_MB} MB",
            reached=most < _MOST_MB,
            note=f"one pull, {large['seconds']:.1f} s, {large['records'] / large['seconds']:,.0f} records/s",
        ),
    ]


def floor(at: Ground, store: Store) -> dict[str, Any]:
    """Fetch the same pages with the same concurrency and COPY them unchanged."""
    at.owner.execute("CREATE TABLE public.bench_floor (id bigint PRIMARY KEY, data jsonb NOT NULL)")
    given = [at.dsn, store.url, store.key, store.secret, store.ca_file, "--concurrency", str(_CONCURRENCY)]
    return at.child(sys.executable, ["-m", "bench.children.floor", *given])


def peer(at: Ground, store: Store, python: Path, *arguments: str) -> dict[str, Any]:
    """Load the same records with dlt, with fresh state each time."""
    with tempfile.TemporaryDirectory(dir=at.home) as folder:
        given = [at.socket, at.database, store.url, store.key, store.secret, folder]
        return at.child(
            python,
            ["-m", "bench.children.peer", *given, *arguments],
            REQUESTS_CA_BUNDLE=store.ca_file,
            RUNTIME__DLTHUB_TELEMETRY="false",
            RUNTIME__LOG_LEVEL="ERROR",
            DLT_DATA_DIR=folder,
        )


def peer_python() -> tuple[Path | None, str]:
    """The Python of an environment with dlt, created on first use; or None and the reason."""
    folder = OUT / "dlt-venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    mark = folder / "installed"
    wanted = _REQUIREMENTS.read_text()
    if mark.exists() and mark.read_text() == wanted:
        return python, ""
    OUT.mkdir(exist_ok=True)
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    install = (
        [str(uv), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
        if uv.exists()
        else [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    )
    for command in ([sys.executable, "-m", "venv", str(folder)], [*install, "-r", str(_REQUIREMENTS)]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            return None, f"dlt could not be installed: {said[-1] if said else 'no reason given'}"
    mark.write_text(wanted)
    return python, ""
