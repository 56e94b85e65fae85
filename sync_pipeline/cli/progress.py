"""Progress on stderr: a bar for each connection on a terminal, with rate and ETA; lines every few seconds elsewhere.

A bar counts parts, a pull's entities: how many records there are is known only when the last of them is read. It ends
with a tick when every part has ended, and with a cross when one has failed.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.cli.output import note

_EVERY_SECONDS = 5.0
_WORTH_A_RATE = 0.5  # seconds


@dataclass
class Work:
    """The work behind one bar: how far each of its parts is."""

    label: str
    parts: Collection[str]
    unit: str
    began: float = field(default_factory=time.monotonic)
    reached: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    ended: dict[str, bool] = field(default_factory=dict)  # part -> did it succeed?
    seconds: float | None = None  # once all of it has ended

    @property
    def records(self) -> int:
        """Records so far."""
        return sum(done for done, _ in self.reached.values())

    @property
    def share(self) -> float:
        """How much of it has ended, from 0 to 1."""
        begun = (
            min(1.0, done / total)
            for part, (done, total) in self.reached.items()
            if total and part not in self.ended
        )  # fmt: skip
        return min(1.0, (len(self.ended) + sum(begun)) / max(1, len(self.parts)))

    @property
    def mark(self) -> str:
        """A tick or a cross, once it has ended."""
        return "" if self.seconds is None else "✓" if all(self.ended.values()) else "✗"

    @property
    def rate(self) -> float:
        """Records a second."""
        spent = self.seconds if self.seconds is not None else time.monotonic() - self.began
        return self.records / spent if spent > _WORTH_A_RATE else 0.0

    @property
    def words(self) -> str:
        """What has been done, how fast, and how long the rest takes."""
        share, spent = self.share, time.monotonic() - self.began
        said = [f"{self.records:,} {self.unit}"]
        if len(self.parts) > 1:
            there = f"{len(self.ended)} of " if self.seconds is None else ""
            said.append(f"{there}{len(self.parts)} entities")
        if self.rate:
            said.append(f"{self.rate:,.0f}/s")
        if self.seconds is not None:
            said.append(f"{self.seconds:,.1f} s")
        elif share and spent > _WORTH_A_RATE:
            said.append(f"{spent * (1 - share) / share:,.0f} s left")
        return ", ".join(said)


class Listener:
    """Receives progress and shows nothing. Its methods are called from worker threads."""

    def __init__(self) -> None:
        self._works: dict[str, Work] = {}
        self._lock = threading.Lock()

    def begin(self, label: str, parts: Collection[str], unit: str = "records") -> None:
        """Work with these parts begins."""
        with self._lock:
            self._works[label] = work = Work(label, parts, unit)
            self._show(work)

    def moved(self, label: str, part: str, done: int, total: int | None) -> None:
        """A part is at `done` of `total`."""
        with self._lock:
            work = self._works[label]
            if not (work.reached or work.ended):  # until now others were at work
                work.began = time.monotonic()
            work.reached[part] = (done, total)
            self._show(work)

    def end(self, label: str, part: str, *, ok: bool = True) -> None:
        """A part has ended; with the last one, the work has."""
        with self._lock:
            work = self._works[label]
            work.ended.setdefault(part, ok)
            if work.seconds is None and len(work.ended) >= len(work.parts):
                work.seconds = time.monotonic() - work.began
            self._show(work)

    def _show(self, work: Work) -> None:
        """Show what has changed."""


class ProgressLines(Listener):
    """Prints a line every few seconds, and one when a work ends: for logs."""

    def __init__(self) -> None:
        super().__init__()
        self._said: float | None = None
        self._told: set[int] = set()

    def _show(self, work: Work) -> None:
        now = time.monotonic()
        self._said = now if self._said is None else self._said
        if work.seconds is not None:
            if id(work) in self._told:
                return
            self._told.add(id(work))
        elif now - self._said < _EVERY_SECONDS:
            return
        self._said = now
        note(f"{work.mark or '…'} {work.label}: {work.words}")


class Bars(Listener):
    """Shows a bar for each work, for terminals."""

    def __init__(self, bars: Any) -> None:
        super().__init__()
        self._bars = bars
        self._tasks: dict[int, Any] = {}

    def _show(self, work: Work) -> None:
        if id(work) not in self._tasks:
            self._tasks[id(work)] = self._bars.add_task(work.label, total=1.0, words="", mark=" ")
        self._bars.update(
            self._tasks[id(work)],
            completed=1.0 if work.seconds is not None else min(work.share, 0.999),
            words=work.words,
            mark=work.mark or " ",
        )


@contextmanager
def listener() -> Iterator[Listener]:
    """Bars where stderr is a terminal, lines where it is not."""
    if not sys.stderr.isatty():
        yield ProgressLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.fields[mark]}"),
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        TextColumn("{task.fields[words]}"),
    )
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=2) as bars:
        yield Bars(bars)
