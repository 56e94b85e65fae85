"""Tables as files: csv, jsonl, parquet, xlsx. Each is written as it is read, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps.observe.export.parquet import write_parquet
from sync_pipeline.steps.observe.export.reading import Reading
from sync_pipeline.steps.observe.export.workbook import write_xlsx

_ROWS = 2_000  # read at a time


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: rows; texts that a spreadsheet would take for formulas (csv); texts cut off (xlsx)."""

    rows: int
    formulas: int = 0
    cut: int = 0


def write(reading: Reading, form: str, out: IO[bytes], *, escape: bool = False) -> Written:
    """Write the table to `out`. `escape` (csv): an apostrophe before what a spreadsheet would take for a formula.

    Raises:
        ConfigurationError: unknown format.
    """
    if form not in FORMATS:
        raise ConfigurationError(f"Unknown format “{form}”. Use one of: {', '.join(FORMATS)}.")
    if escape and form != "csv":
        raise ConfigurationError(f"Only csv needs its formulas escaped: a text in {form} is a text.")
    return FORMATS[form](reading, out, escape)


def _csv(reading: Reading, out: IO[bytes], escape: bool) -> Written:
    formulas = 0 if escape else reading.formulas()
    for part in reading.csv(escape=escape):
        out.write(part)
    return Written(reading.count(), formulas)


def _jsonl(reading: Reading, out: IO[bytes], _escape: bool) -> Written:
    rows = 0
    for line in reading.objects(_ROWS):
        out.write(line.encode() + b"\n")
        rows += 1
    return Written(rows)


def _parquet(reading: Reading, out: IO[bytes], _escape: bool) -> Written:
    return Written(write_parquet(reading, out))


def _xlsx(reading: Reading, out: IO[bytes], _escape: bool) -> Written:
    rows, cut = write_xlsx(reading, out)
    return Written(rows, cut=cut)


FORMATS: Mapping[str, Callable[[Reading, IO[bytes], bool], Written]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "xlsx": _xlsx,
}
