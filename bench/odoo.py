"""Odoo: a full pull of products, variants and stock against the floor; and a preview of very many customers."""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

from bench.ground import Ground, ground, serving_odoo
from bench.report import Row, Turn, measured, raced
from sync_pipeline.sources.odoo.client import OdooClient
from sync_pipeline.sources.settings import ConnectionSettings
from sync_pipeline.steps import connect

NAME = "odoo"
TITLE = "Odoo: full pull of products, variants and stock (pages of 1000, each answered after 50 ms, https, 4 at a time)"
SCALE = 50_000
_STREAMS = ("products", "variants", "stock")
_CONCURRENCY = ConnectionSettings().max_concurrency
_MOST_MB = 300
_MOST_SECONDS = 300


def run(scale: int, runs: int) -> list[Row]:
    """The floor and the pull in turns on one server; then the preview of customers."""
    results: dict[str, list[dict[str, Any]]] = {"floor": [], "pull": []}
    with ground() as at, serving_odoo(at, f"{scale}-products") as given:
        made = at.connect_odoo("bench", given)
        asked = json.dumps([given["url"], given["db"], given["password"], given["ca_file"], _lists(at, made)])
        for _ in range(runs):
            at.forget_captured()
            at.owner.execute(
                "CREATE TABLE public.bench_floor (model text, id bigint, data jsonb, PRIMARY KEY (model, id))"
            )
            floor = at.child(sys.executable, ["-m", "bench.children.odoo_floor", at.dsn, str(_CONCURRENCY), asked])
            results["floor"].append({**floor, "records": at.one("SELECT count(*) FROM bench_floor")})
            at.forget_captured()
            pull = at.pull("bench", "--full", "--entities", ",".join(_STREAMS))
            results["pull"].append({**pull, "records": at.one("SELECT count(*) FROM capture.odoo_sync")})
    counted = {answer["records"] for answers in results.values() for answer in answers}
    assert len(counted) == 1, f"contestants stored different numbers of records: {counted}"
    records = counted.pop()
    turns = {name: [Turn.of(answer) for answer in answers] for name, answers in results.items()}
    rate = records / statistics.median(turn.seconds for turn in turns["pull"])
    peak = max(answer["peak_mb"] for answer in results["pull"])
    return [
        raced("floor: fetch and COPY", turns["floor"], note=f"{records:,} records"),
        raced(
            "pull --full of the three",
            turns["pull"],
            against=turns["floor"],
            ratio_to="floor",
            goal="≤ 2.5",
            processor_goal="≤ 3",
            note=f"{rate:,.0f} records/s; {results['pull'][0]['requests']} requests",
        ),
        measured("peak memory of the pull", [peak], unit="MB", target=f"< {_MOST_MB} MB", reached=peak < _MOST_MB),
        *_partners(max(1, scale // 10), runs),
    ]


def _partners(number: int, runs: int) -> list[Row]:
    with ground() as at, serving_odoo(at, f"{number}-partners") as given:
        at.connect_odoo("bench", given)
        pulled = at.pull("bench", "--full", "--entities", "customers")
        turns = []
        for _ in range(runs):
            at.owner.execute("TRUNCATE preview.difference, preview.summary")
            turns.append(Turn.of(at.pull("bench", "--entities", "customers", "--preview")))
        found = at.one("SELECT count(*) FROM preview.difference")
    return [
        raced(
            f"pull of {pulled['captured']:,} customers",
            [Turn.of(pulled)],
            note=f"{pulled['requests']} requests; each window of ids is asked for its buyers",
        ),
        raced(
            f"preview of {found:,} customers",
            turns,
            target=f"< {_MOST_SECONDS} s",
            reached=max(turn.seconds for turn in turns) < _MOST_SECONDS,
            note="all of them new",
        ),
    ]


def _lists(at: Ground, made: connect.Connection) -> list[dict[str, Any]]:
    """The requests of the floor: the pull's models, fields and context."""
    client = connect.client_for(at.settings, made)
    assert isinstance(client, OdooClient)
    lists = []
    for name in _STREAMS:
        stream = made.source.streams[name]
        lists.append(
            {
                "model": stream.path,
                "domain": client.company_domain(stream.path),
                "fields": list(client.chosen(stream).names),  # type: ignore[arg-type]
                "context": {"lang": "en_US", "active_test": False, "allowed_company_ids": client.companies},
            }
        )
    client.close()
    return lists
