"""The report of a benchmark: rows with seconds and processor time, on the terminal and as JSON."""

from __future__ import annotations

import json
import operator
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

OUT = Path(__file__).parent / "out"
HEADINGS = ("median", "runs", "ratio", "goal", "processor: process + PostgreSQL", "its ratio", "its goal", "note")
_MARKS = {None: "", True: " ✓", False: " ✗"}
_TESTS = {"≤": operator.le, "≥": operator.ge}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of a contestant took: on the clock, and of the processors in its process and in PostgreSQL."""

    seconds: float
    own: float
    server: float

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Turn:
        """The turn of a contestant in a process of its own."""
        return cls(answer["seconds"], answer["cpu"], answer["server_cpu"])

    @property
    def processor(self) -> float:
        """Both: work that moves from one to the other is not saved."""
        return self.own + self.server


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: a measured value, its ratio to another line of the run if there is one, and the goal.

    Beside it the processor time, in the unit of the value, with a ratio and a goal of its own.
    """

    what: str
    value: float | None = None
    unit: str = "s"
    values: tuple[float, ...] = ()  # of each run; `value` is their median
    ratio: float | None = None
    ratio_to: str = ""
    target: str = ""
    reached: bool | None = None
    processor: tuple[float, float] | None = None  # of the process and of PostgreSQL
    processor_ratio: float | None = None
    processor_target: str = ""
    processor_reached: bool | None = None
    note: str = ""
    more: Mapping[str, str] = field(default_factory=dict)  # further columns of this benchmark, by their headings

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as people read it, without its name: the columns of HEADINGS."""
        spent = self.processor
        return (
            "" if self.value is None else f"{_short(self.value)} {self.unit}",
            f"{_short(min(self.values))} to {_short(max(self.values))}" if len(self.values) > 1 else "",
            "" if self.ratio is None else f"{self.ratio:.2f} × {self.ratio_to}",
            self.target + _MARKS[self.reached],
            "" if spent is None else f"{_short(spent[0])} + {_short(spent[1])} {self.unit}",
            "" if self.processor_ratio is None else f"{self.processor_ratio:.2f} ×",
            self.processor_target + _MARKS[self.processor_reached],
            self.note,
        )


def columns(rows: Sequence[Row]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """The headings of a table, and its lines: the columns that some row fills, the first without a heading."""
    more = list(dict.fromkeys(name for row in rows for name in row.more))
    headings = ["", *HEADINGS[:-1], *more, HEADINGS[-1]]
    lines = [[row.what, *row.cells[:-1], *(row.more.get(name, "") for name in more), row.cells[-1]] for row in rows]
    kept = [n for n in range(len(headings)) if n == 0 or any(line[n].strip() for line in lines)]
    return [headings[n] for n in kept], [[line[n] for n in kept] for line in lines]


def measured(what: str, values: Sequence[float], **more: Any) -> Row:
    """A row with the median of `values`."""
    return Row(what=what, value=statistics.median(values), values=tuple(values), **more)


def raced(
    what: str,
    turns: Sequence[Turn],
    *,
    against: Sequence[Turn] = (),
    ratio_to: str = "",
    goal: str = "",
    processor_goal: str = "",
    **more: Any,
) -> Row:
    """A row with the median seconds and processor seconds of these turns, as ratios to those of `against`.

    A goal is a ratio: `≤ 1.2`.
    """
    spent = statistics.median(turn.own for turn in turns), statistics.median(turn.server for turn in turns)
    row: dict[str, Any] = {"processor": spent}
    if against:
        ratio, processor_ratio = (
            statistics.median(getattr(turn, name) for turn in turns)
            / statistics.median(getattr(turn, name) for turn in against)
            for name in ("seconds", "processor")
        )
        row |= {"ratio": ratio, "ratio_to": ratio_to, "processor_ratio": processor_ratio}
        if goal:
            row |= {"target": f"{goal} ×", "reached": within(ratio, goal)}
        if processor_goal:
            row |= {
                "processor_target": f"{processor_goal} ×",
                "processor_reached": within(processor_ratio, processor_goal),
            }
    return measured(what, [turn.seconds for turn in turns], **row, **more)


def within(value: float, goal: str) -> bool:
    """Does the value reach a goal such as `≤ 1.2` or `≥ 6`?"""
    sign, bound = goal.split()
    return bool(_TESTS[sign](value, float(bound)))


def skipped(what: str, reason: str, **more: Any) -> Row:
    """A row with the reason why there is no value."""
    return Row(what=what, note=f"not measured: {reason}", **more)


def machine() -> dict[str, Any]:
    """The conditions of the figures."""
    load = os.getloadavg()[0]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load_before": round(load, 2),
    }


def caption(facts: Mapping[str, Any]) -> str:
    """What a table's figures are of."""
    server = f"PostgreSQL {facts['postgresql']}, " if facts.get("postgresql") else ""
    return (
        f"scale {facts['scale']:,}, {facts['runs']} runs, medians; {facts['cores']} cores, Python {facts['python']}, "
        f"{server}load {facts['load_before']} before"
    )


def show(title: str, facts: Mapping[str, Any], rows: Iterable[Row], console: Console) -> None:
    """Print one benchmark as a table."""
    table = Table(title=title, caption=caption(facts), title_justify="left")
    headings, lines = columns(list(rows))
    for name in headings:
        left = name in ("", "goal", "its goal", "note")
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    for line in lines:
        table.add_row(line[0], *(one.replace("✓", "[green]✓[/]").replace("✗", "[red]✗[/]") for one in line[1:]))
    console.print(table)


def save(name: str, title: str, facts: Mapping[str, Any], rows: Iterable[Row]) -> Path:
    """Add this benchmark to results.json."""
    OUT.mkdir(exist_ok=True)
    path = OUT / "results.json"
    results = saved()
    results[name] = {"title": title, **facts, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return path


def saved() -> dict[str, Any]:
    """The last results of every benchmark, by its name."""
    try:
        found: dict[str, Any] = json.loads((OUT / "results.json").read_text())
    except (OSError, ValueError):
        return {}
    return found


def _short(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.4f}" if value < 0.1 else f"{value:.3f}"
