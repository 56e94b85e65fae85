"""Promotion compared with COPY: bench/promotion.py, which also runs alone."""

from __future__ import annotations

import importlib
import os
import re
import statistics
import subprocess
import sys

from bench.report import Row, measured
from sync_pipeline.config import PROJECT

NAME = "promotion"
TITLE = "Promotion: products with variants and stock, against COPY of the core rows that come out"
SCALE = 50_000
_RUN = re.compile(r"promotion ([\d.]+) s, COPY ([\d.]+) s\s*$", re.MULTILINE)
_SUM = re.compile(r"^(\d+) records, (\d+) core rows", re.MULTILINE)


def run(scale: int, runs: int) -> list[Row]:
    """Run bench.promotion, in its own process unless it returns rows."""
    module = importlib.import_module("bench.promotion")
    if hasattr(module, "run"):
        rows: list[Row] = module.run(scale, runs)
        return rows
    done = subprocess.run(
        [sys.executable, "-m", "bench.promotion", "--products", str(scale), "--runs", str(runs)],
        cwd=PROJECT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )
    found = _RUN.findall(done.stdout)[:runs]
    if done.returncode or not found:
        raise RuntimeError((done.stderr.strip() or done.stdout.strip())[-1000:])
    ours, copies = ([float(pair[n]) for pair in found] for n in (0, 1))
    ratio = statistics.median(ours) / statistics.median(copies)
    counted = _SUM.search(done.stdout)
    note = f"{int(counted[1]):,} records, {int(counted[2]):,} core rows" if counted else ""
    return [
        measured("floor: COPY of the core rows", copies, note=note),
        measured("promotion", ours, ratio=ratio, ratio_to="COPY", target="≤ 3 × COPY", reached=ratio <= 3),
    ]
