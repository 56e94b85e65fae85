"""A delta without changes, on stores of two sizes."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import Any

from bench.ground import ground, serving
from bench.million import fill
from bench.report import Row, Turn, raced

NAME = "delta"
TITLE = "Delta: a pull after which nothing has changed"
SCALE = 50_000
_SMALLER = 10  # how many times smaller the other store is
_CAPTURED = 20  # how many times more one connection has captured than its store lists


def run(scale: int, runs: int) -> list[Row]:
    """A small store, a large one, and a connection with far more captured records, each with and without the sweep."""
    sizes = {"small": scale // _SMALLER, "large": scale}
    results: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    with ground() as at, ExitStack() as stores:
        for org, size in sizes.items():
            at.connect_store(org, stores.enter_context(serving(at, size)))
            at.pull(org, "--full")
        # Records that this store does not list: without a sweep, nothing reads them.
        huge = at.connect_store("huge", stores.enter_context(serving(at, 100)))
        at.pull("huge", "--full")
        at.owner.execute("DELETE FROM capture.sync_record WHERE org_id = %s", (huge.org_id,))
        fill(at, huge, scale * _CAPTURED, promoted=False)
        cases = [("small", False), ("large", False), ("huge", False), ("small", True), ("large", True)]
        for _ in range(runs):
            for org, sweep in cases:
                at.settle()
                answer = at.pull(org, *([] if sweep else ["--no-sweep"]))
                assert answer["mode"] == "delta"
                results.setdefault((org, sweep), []).append(answer)
    rows = []
    for org, sweep in cases:
        answers = results[org, sweep]
        size = sizes.get(org, scale * _CAPTURED)
        requests = int(statistics.median(answer["requests"] for answer in answers))
        against = results["small", sweep]
        more = _seconds(answers) - _seconds(against)
        added = 1000 * more / ((size - sizes["small"]) / 1_000_000) if org == "huge" else 0.0
        if sweep:
            reached = requests <= 2 + -(-size // 99)
        else:
            reached = requests == against[0]["requests"] and _seconds(answers) <= 1.5 * _seconds(against)
        rows.append(
            raced(
                f"{size:,} captured, " + ("with the sweep" if sweep else "--no-sweep"),
                [Turn.of(answer) for answer in answers],
                against=[] if org == "small" else [Turn.of(answer) for answer in against],
                ratio_to=f"at {sizes['small']:,}",
                target="1 request per 100 ids" if sweep else "does not grow (≤ 1.5 ×)",
                reached=reached,
                note=f"{requests} requests" + (f"; {added:,.0f} ms more per 1,000,000" if org == "huge" else ""),
            )
        )
    return rows


def _seconds(answers: list[dict[str, Any]]) -> float:
    return float(statistics.median(answer["seconds"] for answer in answers))
