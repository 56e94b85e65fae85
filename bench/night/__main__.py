"""`python -m bench.night [N …]`: the night of 10, 100, 300 and 1,000 organizations, or of as many as are named.

Each adds its rows to bench/out/night.json, so the sizes may be measured one by one; results.json gets them all.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import ground, report
from bench.night import NAME, TITLE, measure, table

SIZES = (10, 100, 300, 1000)
PER_ORGANIZATION = 100  # the largest has as many records as this times the organizations
_FILE = report.OUT / "night.json"


def main() -> int:
    """Measure, and write what was measured."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(prog="python -m bench.night", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, metavar="N", help=f"organizations (default: {SIZES})")
    parser.add_argument("--largest", type=int, help=f"records of the largest (default: {PER_ORGANIZATION} times N)")
    parser.add_argument(
        "--nights",
        default="quiet,changed",
        help="which nights: quiet, changed (default: both); none: only make what --keep keeps",
    )
    parser.add_argument("--keep", type=Path, help="a folder for the data: made once, used again by the next call")
    asked = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=200)
    for size in asked.sizes or SIZES:
        facts = {**report.machine(), "scale": size, "runs": 1}
        largest = asked.largest or PER_ORGANIZATION * size
        kept = asked.keep and asked.keep / f"{size}-{largest}"
        console.print(f"[dim]{size:,} organizations, the largest with {largest:,} records …[/]")
        nights = measure.nights(size, largest, [one for one in asked.nights.split(",") if one != "none"], kept, console)
        if not nights:
            continue
        facts["postgresql"] = ground.postgresql()
        before = _saved().get(str(size), {})
        same = before.get("nights", {}) if before.get("largest") == largest else {}
        _save(size, {**facts, "largest": largest, "nights": {**same, **nights}})
        rows = table.rows({str(size): {**facts, "largest": largest, "nights": nights}})
        report.show(TITLE, facts, rows, console)
    measured = _saved()
    if measured:
        last = max(measured.values(), key=lambda one: str(one["at"]))
        facts = {name: last[name] for name in ("at", "cores", "python", "system", "load_before", "postgresql", "runs")}
        path = report.save(NAME, TITLE, {**facts, "scale": max(map(int, measured))}, table.rows(measured))
        console.print(f"[dim]Written to {path}.[/]")
    return 0


def _saved() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_FILE.read_text()) if _FILE.exists() else {}
    return dict(sorted(found.items(), key=lambda one: int(one[0])))


def _save(size: int, measured: dict[str, Any]) -> None:
    report.OUT.mkdir(exist_ok=True)
    _FILE.write_text(json.dumps({**_saved(), str(size): measured}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
