"""How soon a command answers: help, and the status of an organization, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bench.ground import Ground, Store, ground
from bench.report import Row, Turn, raced

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
        yield raced("floor: an empty Python", empty)
        yield raced("floor: a Python with these libraries", floor)
        for arguments in _COMMANDS:
            turns = [_median(at, [str(command), *arguments]) for _ in range(runs)]
            row = raced(f"sync-pipeline {' '.join(arguments)}", turns, against=floor, ratio_to="libraries")
            yield replace(row, target=f"< {_SECONDS} s", reached=(row.value or 0) < _SECONDS)


def _median(at: Ground, argv: list[str]) -> Turn:
    took = []
    for _ in range(_TIMES):
        spent = os.times()
        turn, _ = at.turn(lambda: subprocess.run(argv, env=at.environment, capture_output=True, check=True))
        now = os.times()
        own = now.children_user + now.children_system - spent.children_user - spent.children_system
        took.append(replace(turn, own=own))
    return sorted(took, key=lambda turn: turn.seconds)[_TIMES // 2]
