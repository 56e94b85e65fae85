"""The report of a benchmark, on the terminal and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: a measured value, its ratio to another line of the run if there is one, and the target."""

    what: str
    value: float | None = None
    unit: str = "s"
    values: tuple[float, ...] = ()  # of each run; `value` is their median
    ratio: float | None = None
    ratio_to: str = ""
    target: str = ""
    reached: bool | None = None
    note: str = ""


def measured(what: str, values: Sequence[float], **more: Any) -> Row:
    """A row with the median of `values`."""
    return Row(what=what, value=statistics.median(values), values=tuple(values), **more)


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


def show(title: str, facts: Mapping[str, Any], rows: Iterable[Row], console: Console) -> None:
    """Print one benchmark as a table."""
    caption = f"scale {facts['scale']:,} · {facts['runs']} runs, medians · {facts['cores']} cores"
    table = Table(title=title, caption=f"{caption} · load before {facts['load_before']}", title_justify="left")
    for name, justify in (("", "left"), ("median", "right"), ("runs", "right"), ("ratio", "right"), ("target", "left")):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    table.add_column("note", overflow="fold")
    for row in rows:
        value = "" if row.value is None else f"{_short(row.value)} {row.unit}"
        spread = f"{_short(min(row.values))} to {_short(max(row.values))}" if len(row.values) > 1 else ""
        ratio = "" if row.ratio is None else f"{row.ratio:.2f} × {row.ratio_to}"
        mark = {None: "", True: " [green]✓[/]", False: " [red]✗[/]"}[row.reached]
        table.add_row(row.what, value, spread, ratio, f"{row.target}{mark}", row.note)
    console.print(table)


def save(name: str, title: str, facts: Mapping[str, Any], rows: Iterable[Row]) -> Path:
    """Add this benchmark to results.json."""
    OUT.mkdir(exist_ok=True)
    path = OUT / "results.json"
    try:
        results = json.loads(path.read_text())
    except (OSError, ValueError):
        results = {}
    results[name] = {"title": title, **facts, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return path


def _short(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.4f}" if value < 0.1 else f"{value:.3f}"
