"""Workbooks for spreadsheets: typed cells, and no cell is ever a formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from itertools import count
from typing import IO, Any

from sync_pipeline.steps.observe.export.reading import Reading
from sync_pipeline.steps.observe.export.tables import Kind

_ROWS = 1_000  # read at a time
_SHEET = 1_048_575  # rows of a sheet below its head
_TEXT = 32_767  # characters of a cell
_DIGITS = 15  # of a number: a spreadsheet's are binary
_FIRST_YEAR = 1900


def write_xlsx(reading: Reading, out: IO[bytes]) -> tuple[int, int]:
    """Write the table, on further sheets where one is full; returns how many rows, and how many texts were cut off.

    Times are UTC, to the millisecond. A number of more than 15 digits is a text, which keeps them.
    """
    import xlsxwriter

    # Texts are texts whatever they look like: nothing becomes a formula, a link or a number.
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
        "default_date_format": "yyyy-mm-dd hh:mm:ss",
    }
    rows = cut = 0
    with xlsxwriter.Workbook(out, options) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheets = _sheets(book, reading)
        sheet = next(sheets)
        writers = [_writer(one.kind, day) for one in reading.columns]
        place = 0
        for batch in reading.batches(_ROWS):
            for row in batch:
                if place == _SHEET:
                    sheet, place = next(sheets), 0
                place += 1
                rows += 1
                for at, (put, value) in enumerate(zip(writers, row, strict=True)):
                    if value is not None:
                        cut += put(sheet, place, at, value)
    return rows, cut


def _sheets(book: Any, reading: Reading) -> Iterator[Any]:
    """Sheets with a head that stays, one after the other."""
    bold = book.add_format({"bold": True})
    name = reading.rows.name[:25]
    for number in count(1):
        sheet = book.add_worksheet(name if number == 1 else f"{name} {number}")
        sheet.freeze_panes(1, 0)
        for at, column in enumerate(reading.columns):
            sheet.write_string(0, at, column.name, bold)
        yield sheet


def _writer(kind: Kind, day: Any) -> Callable[[Any, int, int, Any], bool]:
    """How a value that is not null is written; returns whether it was cut off."""
    if kind is Kind.BOOLEAN:
        return _flag
    if kind is Kind.TIME:
        return _time
    if kind is Kind.DATE:
        return partial(_date, day=day)
    return _number if kind in (Kind.INTEGER, Kind.DECIMAL) else _text


def _flag(sheet: Any, row: int, at: int, value: bool) -> bool:
    sheet.write_boolean(row, at, value)
    return False


def _text(sheet: Any, row: int, at: int, value: str) -> bool:
    long = len(value) > _TEXT
    sheet.write_string(row, at, f"{value[: _TEXT - 1]}…" if long else value)
    return long


def _number(sheet: Any, row: int, at: int, value: int | Decimal) -> bool:
    exact = Decimal(value)
    if len(exact.normalize().as_tuple().digits) > _DIGITS or abs(exact.adjusted()) > 300:
        sheet.write_string(row, at, format(exact, "f")[:_TEXT])
    else:
        sheet.write_number(row, at, float(exact))
    return False


def _time(sheet: Any, row: int, at: int, value: datetime) -> bool:
    if value.year < _FIRST_YEAR:
        sheet.write_string(row, at, value.isoformat())
    else:
        sheet.write_datetime(row, at, value.replace(tzinfo=None))
    return False


def _date(sheet: Any, row: int, at: int, value: date, *, day: Any) -> bool:
    if value.year < _FIRST_YEAR:
        sheet.write_string(row, at, value.isoformat())
    else:
        sheet.write_datetime(row, at, datetime(value.year, value.month, value.day), day)  # noqa: DTZ001 - a cell has no zone
    return False
