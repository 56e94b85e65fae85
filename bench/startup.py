"""How soon a command answers: help, and the status of an organization, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from bench.ground import Ground, Store, ground
from bench.report import Row, measured

NAME = "startup"
TITLE = "Command line: from its start to its end"
SCALE = 1
_SECONDS = 0.6
_TIMES = 5  # processes of a run; the run's value is their median
_COMMANDS = (("--version",), ("--help",), ("table", "--help"), ("status", "bench"), ("plans", "bench"))
_FLOOR = ("-c", "import typer, rich.console, sqlalchemy, psycopg, pydantic_settings")
_NOWHERE = Store("https://shop.example", "ck_none", "cs_none", "")


def run(_scale: int, runs: int) -> Iterable[Row]:
    """Seconds of each command, beside a Python that only imports the libraries that one with a database needs."""
    with ground() as at:
        at.connect_store("bench", _NOWHERE)
        command = Path(sys.executable).with_name("sync-pipeline")
        empty = [_median(at, [sys.executable, "-c", "pass"]) for _ in range(runs)]
        floor = [_median(at, [sys.executable, *_FLOOR]) for _ in range(runs)]
        yield measured("floor: an empty Python", empty)
        yield measured("floor: a Python with these libraries", floor)
        for arguments in _COMMANDS:
            seconds = [_median(at, [str(command), *arguments]) for _ in range(runs)]
            middle = sorted(seconds)[runs // 2]
            yield measured(
                f"sync-pipeline {' '.join(arguments)}",
                seconds,
                ratio=middle / sorted(floor)[runs // 2],
                ratio_to="libraries",
                target=f"< {_SECONDS} s",
                reached=middle < _SECONDS,
            )


def _median(at: Ground, argv: list[str]) -> float:
    took = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        subprocess.run(argv, env=at.environment, capture_output=True, check=True)
        took.append(time.perf_counter() - began)
    return sorted(took)[_TIMES // 2]
