"""The benchmarks' goals, and the tables that they write into the document."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from bench.document import FILE, write
from bench.report import Turn, raced, within

FLOOR = [Turn(1.0, 0.2, 0.8), Turn(3.0, 0.2, 0.8), Turn(2.0, 0.2, 0.8)]
OURS = [Turn(3.0, 1.0, 1.0), Turn(3.0, 1.0, 0.5), Turn(9.0, 5.0, 3.0)]
FACTS = {
    "title": "Pull", "at": "2026-11-30T02:00:00+00:00", "scale": 5000, "runs": 3, "cores": 2, "python": "3.11",
    "postgresql": "18.4", "load_before": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "goal", "reached"), [(1.2, "≤ 1.2", True), (1.3, "≤ 1.2", False), (6.0, "≥ 6", True), (5.9, "≥ 6", False)]
)
def test_a_goal(value: float, goal: str, reached: bool) -> None:
    assert within(value, goal) is reached


def test_seconds_and_processor_time_have_goals_of_their_own() -> None:
    """Medians: 3 s against 2, and 1 + 1 processor seconds against 1."""
    row = raced("pull", OURS, against=FLOOR, ratio_to="floor", goal="≤ 1.5", processor_goal="≤ 1.8")
    assert (row.ratio, row.reached) == (1.5, True)
    assert (row.processor, row.processor_ratio, row.processor_reached) == ((1.0, 1.0), 2.0, False)


def test_the_document_gets_the_tables_of_what_was_run(tmp_path: Path) -> None:
    file = tmp_path / "benchmarks.md"
    places = "\n".join(f"<!-- python -m bench --document: {name} -->\nold\n<!-- end of {name} -->" for name in "ab")
    file.write_text(f"Before.\n{places}\nAfter.\n", "utf-8")
    rows = [raced("floor", FLOOR), raced("pull", OURS, against=FLOOR, ratio_to="floor", goal="≤ 1.2")]
    results = {"a": {**FACTS, "rows": [asdict(row) for row in rows]}, "c": {**FACTS, "rows": []}}
    assert write(results, file) == (["a"], ["c"])
    text = file.read_text("utf-8")
    assert "2026-11-30: scale 5,000, 3 runs, medians; 2 cores, Python 3.11, PostgreSQL 18.4, load 0.1 before." in text
    assert "| pull | 3 s | 3 to 9 | 1.50 × floor | ≤ 1.2 × ✗ | 1 + 1 s | 2.00 × |" in text
    assert text.count("old") == 1, "a benchmark that was not run keeps its table"
    assert text.startswith("Before.\n")
    assert text.endswith("After.\n")
    assert write(results, file) == (["a"], ["c"])
    assert file.read_text("utf-8") == text


def test_every_benchmark_has_a_place() -> None:
    from bench.__main__ import discover

    text = FILE.read_text("utf-8")
    assert [name for name in discover() if f"<!-- python -m bench --document: {name} -->" not in text] == []
