"""`python -m bench [name …]`: run benchmarks and write bench/out/results.json; `--document`: write docs/benchmarks.md.

A benchmark is a module of this package with a NAME, a TITLE, a SCALE (the default number of records) and
`run(scale, runs) -> rows`; there is no other registry. One with ALONE runs only where it is named: it takes long.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import signal
import sys
from dataclasses import asdict
from typing import Any

from rich.console import Console

import bench
from bench import document, ground, report

_QUIET = ("__main__", "children", "document", "ground", "report", "million", "night", "out")


def discover() -> dict[str, Any]:
    """All benchmarks by name."""
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(bench.__path__):
        if info.name in _QUIET:
            continue
        module = importlib.import_module(f"bench.{info.name}")
        if all(hasattr(module, name) for name in ("NAME", "TITLE", "run")):
            found[module.NAME] = module
    return found


def main() -> int:
    """Run the given benchmarks, or all."""
    # Stop servers and remove folders when the process is terminated, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    known = discover()
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks: " + ", ".join(known))
    parser.add_argument("names", nargs="*", metavar="name", help=f"all of them if none is named: {', '.join(known)}")
    parser.add_argument("--scale", type=int, help="records, instead of each benchmark's own number")
    parser.add_argument("--runs", type=int, default=3, help="runs of each contestant; medians count (default 3)")
    parser.add_argument("--json", action="store_true", help="print results as JSON instead of tables")
    parser.add_argument(
        "--document",
        action="store_true",
        help="run nothing: write the tables of docs/benchmarks.md from the last results",
    )
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in known]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}")
    if asked.document:
        return _document(asked.names)
    console = Console(stderr=asked.json)
    # Wide enough to show ratios in full when the output is a file.
    if not console.is_terminal:
        console = Console(stderr=asked.json, width=190)
    printed: dict[str, Any] = {}
    failed = False
    path = None
    try:
        for name in asked.names or [name for name, module in known.items() if not getattr(module, "ALONE", False)]:
            module = known[name]
            scale = asked.scale or getattr(module, "SCALE", 50_000)
            facts = {**report.machine(), "scale": scale, "runs": asked.runs}
            console.print(f"[dim]{module.TITLE} …[/]")
            try:
                rows = list(module.run(scale, asked.runs))
            except Exception as error:  # noqa: BLE001 - the others are still worth measuring
                rows = [report.skipped(module.TITLE, f"{type(error).__name__}: {error}")]
                failed = True
            facts["postgresql"] = ground.postgresql()
            report.show(module.TITLE, facts, rows, console)
            path = report.save(name, module.TITLE, facts, rows)
            printed[name] = {**facts, "rows": [asdict(row) for row in rows]}
    finally:
        ground.leave()
    if asked.json:
        print(json.dumps(printed, ensure_ascii=False))
    elif path:
        console.print(f"[dim]Written to {path}.[/]")
    return 1 if failed else 0


def _document(names: list[str]) -> int:
    """Write the tables of these benchmarks, or of all that have results."""
    found = report.saved()
    missing = [name for name in names if name not in found]
    if missing or not found:
        print(f"There are no results of {', '.join(missing) or 'any benchmark'}. Run it first: python -m bench NAME.")
        return 1
    written, without = document.write({name: one for name, one in found.items() if not names or name in names})
    print(f"Written to {document.FILE.name}: {', '.join(written) or 'nothing'}.")
    if without:
        print(f"There is no place for {', '.join(without)}: write its two comments there (bench/document.py).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
