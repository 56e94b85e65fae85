"""Writes the tables of docs/benchmarks.md from bench/out/results.json; what stands around them is a person's.

A table stands between `<!-- python -m bench --document: NAME -->` and `<!-- end of NAME -->`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.report import Row, caption, columns
from sync_pipeline.config import PROJECT

FILE = PROJECT / "docs" / "benchmarks.md"
_PLACE = re.compile(
    r"(?P<begin><!-- python -m bench --document: (?P<name>\w+) -->\n).*?(?P<end><!-- end of (?P=name) -->)", re.DOTALL
)


def write(results: Mapping[str, Any], file: Path = FILE) -> tuple[list[str], list[str]]:
    """Write the table of each benchmark that has results and a place; returns which, and those without a place."""
    text = file.read_text("utf-8")
    written: list[str] = []

    def filled(place: re.Match[str]) -> str:
        if place["name"] not in results:
            return place.group()
        written.append(place["name"])
        return place["begin"] + table(results[place["name"]]) + place["end"]

    text = _PLACE.sub(filled, text)
    if written:
        file.write_text(text, "utf-8")
    return written, [name for name in results if name not in written]


def table(result: Mapping[str, Any]) -> str:
    """One benchmark's table, with what its figures are of."""
    rows = [Row(**{**row, "values": tuple(row["values"])}) for row in result["rows"]]
    headings, lines = columns(rows)
    shown = [headings, ["---"] * len(headings), *lines]
    drawn = "\n".join("| " + " | ".join(cell.replace("|", "\\|").strip() for cell in line) + " |" for line in shown)
    return f"**{result['title']}**\n\n{result['at'][:10]}: {caption(result)}.\n\n{drawn}\n"
