"""Command output: one JSON object, or sentences and tables for people. Progress and notes go to stderr."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

_WIDE = 160  # columns, if the output is not a terminal


def emit(value: Any) -> None:
    """Print one JSON object on stdout."""
    from sync_pipeline import exact_json  # imported late, so that commands without JSON start faster

    sys.stdout.write(exact_json.dumps(value) + "\n")
    sys.stdout.flush()


def row(report: Any, *, without: Container[str] = ()) -> dict[str, Any]:
    """A report's fields for `emit`. `error` and `errors` are there only if something failed."""
    named = {one.name: getattr(report, one.name) for one in fields(report) if one.name not in without}
    return {name: value for name, value in named.items() if value or name not in ("error", "errors")}


def answer(as_json: bool, value: Any, *sentences: str) -> None:
    """Print what a command did: `value` with --json, else the sentences."""
    if as_json:
        emit(value)
        return
    for sentence in sentences:
        say(sentence)


def say(text: str = "") -> None:
    """Print a sentence for people on stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print a sentence on stderr: progress, warnings, errors. With --json, stdout is for programs."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def show(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Print a table on stdout. Numbers are right-aligned, None is empty."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = all(isinstance(row[index], (int, float, Decimal)) or row[index] is None for row in listed)
        table.add_column(name, justify="right" if numeric and listed else "left", overflow="fold")
    for row in listed:
        table.add_row(*(Text(cell(value)) for value in row))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)


def cell(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return str(value)


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return ""
