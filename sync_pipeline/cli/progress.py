"""Progress on stderr: bars with rate and ETA on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sync_pipeline.cli.output import note

_EVERY_SECONDS = 5.0


class Listener:
    """Receives progress and shows nothing. Its methods are called from worker threads."""

    def moved(self, label: str, done: int, total: int | None) -> None:
        """Progress of `label`: `done` of `total`."""


class ProgressLines(Listener):
    """Prints a line every few seconds, for logs."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._said: float | None = None
        self._lock = threading.Lock()

    def moved(self, label: str, done: int, total: int | None) -> None:
        """Print the progress, if the last line is old enough."""
        with self._lock:
            now = time.monotonic()
            began = self._began.setdefault(label, now)
            self._said = now if self._said is None else self._said
            if now - self._said < _EVERY_SECONDS:
                return
            self._said = now
        rate = done / (now - began) if now > began else 0.0
        left = f", {(total - done) / rate:,.0f} s left" if total and rate and total > done else ""
        pace = f" ({rate:,.0f}/s{left})" if rate else ""
        note(f"{label}: {done:,}{f' of {total:,}' if total else ''}{pace}")


class Bars(Listener):
    """Shows progress bars, for terminals."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._lock = threading.Lock()

    def moved(self, label: str, done: int, total: int | None) -> None:
        """Move the bar of `label`; the first call adds it."""
        with self._lock:
            if label not in self._tasks:
                self._tasks[label] = self._bars.add_task(label, total=total)
            self._bars.update(self._tasks[label], completed=done, total=max(total, done) if total else None)


@contextmanager
def listener() -> Iterator[Listener]:
    """Bars where stderr is a terminal, lines where it is not."""
    if not sys.stderr.isatty():
        yield ProgressLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f}/s" if speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Bars(bars)
