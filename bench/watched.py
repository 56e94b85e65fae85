"""The most memory that a command's processes hold, its PostgreSQL not counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.ground import Ground
from bench.report import Turn
from sync_pipeline.config import PROJECT

_EVERY = 0.05  # seconds; a process keeps the most that it held, so that only its last moments can be missed


@dataclass
class Peaks:
    """The peak of each process, in MB: its id, and what it runs."""

    most: dict[int, tuple[str, float]] = field(default_factory=dict)
    last: dict[int, float] = field(default_factory=dict)  # what each held when it was looked at last
    spent: dict[int, float] = field(default_factory=dict)  # processor seconds

    @property
    def largest(self) -> float:
        """That of the process that held most."""
        return max((mb for _, mb in self.most.values()), default=0.0)

    @property
    def processor(self) -> float:
        """Processor seconds of all of them."""
        return sum(self.spent.values())

    def look(self, root: int) -> None:
        """Note what the process and all that it started hold, but for PostgreSQL."""
        for pid in _family(root):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
                command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
            except OSError:
                continue
            facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
            if "VmHWM" in facts and facts["Name"].strip() != "postgres":
                name = b" ".join(command[1:4]).decode(errors="replace")
                self.most[pid] = (name, int(facts["VmHWM"].split()[0]) / 1024)
                self.spent[pid] = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
                self.last[pid] = int(facts["VmRSS"].split()[0]) / 1024


@contextmanager
def watching(root: int) -> Iterator[Peaks]:
    """The peaks of a process and all that it starts, while the block runs."""
    peaks, done = Peaks(), threading.Event()

    def watch() -> None:
        while not done.wait(_EVERY):
            peaks.look(root)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        watcher.join()


@contextmanager
def started(at: Ground, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """`sync-pipeline …` in the background, until the block ends."""
    with (at.home / "started.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "sync_pipeline.cli.main", *arguments],
            cwd=PROJECT,
            env={**at.environment, **environment},
            stdout=log,
            stderr=log,
        )
    try:
        yield child
    finally:
        child.terminate()
        child.wait(60)


def command(at: Ground, *arguments: str) -> tuple[Turn, float, dict[str, Any]]:
    """Run `sync-pipeline …`; what it took, its peak in MB, and the object that it answered, if that is what it prints.

    Raises:
        RuntimeError: it failed; the message has its last output.
    """
    before, began = at.server_cpu(), time.perf_counter()
    with (at.home / "answer").open("wb") as out, (at.home / "problem").open("wb") as problem:
        child = subprocess.Popen(
            [sys.executable, "-m", "sync_pipeline.cli.main", *arguments],
            cwd=PROJECT,
            env=at.environment,
            stdout=out,
            stderr=problem,
        )
        with watching(child.pid) as peaks:
            child.wait()
    seconds = time.perf_counter() - began
    if child.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(arguments)}: {(at.home / 'problem').read_text()[-1500:]}")
    answer = {}
    if (at.home / "answer").stat().st_size < 10_000_000:
        with suppress(ValueError):
            answer = json.loads((at.home / "answer").read_text())
    own = peaks.processor
    return Turn(seconds, own, at.server_cpu() - before), peaks.largest, answer


def _family(root: int) -> Sequence[int]:
    found, parents = [root], _parents()
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _parents() -> Mapping[int, int]:
    parents: dict[int, int] = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                parents[int(place.name)] = int((place / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    return parents
