"""Chunks of a table as pandas DataFrames that keep every value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from sync_pipeline import exact_json
from sync_pipeline.steps.observe.export.reading import Reading
from sync_pipeline.steps.observe.export.tables import Column, Kind

if TYPE_CHECKING:
    import pandas as pd

Json = Literal["objects", "text"]

_DTYPES = {
    Kind.INTEGER: "Int64",
    Kind.DECIMAL: "object",
    Kind.BOOLEAN: "boolean",
    Kind.TEXT: "string",
    Kind.TIME: "datetime64[us, UTC]",
    Kind.DATE: "datetime64[us]",
    Kind.JSON: "object",
}


def chunks(reading: Reading, rows: int, *, json: Json = "objects") -> Iterator[pd.DataFrame]:
    """The table, `rows` at a time, numbered through; at least one chunk, with the dtypes of all.

    `json`: objects (dict and list, numbers as int and Decimal) or the text.
    """
    start = 0
    for batch in reading.batches(rows):
        yield _frame(reading.columns, batch, start, json)
        start += len(batch)
    if start == 0:
        yield _frame(reading.columns, [], 0, json)


def _frame(columns: Sequence[Column], batch: Sequence[Sequence[Any]], start: int, json: Json) -> pd.DataFrame:
    import pandas as pd

    values = list(zip(*batch, strict=True)) if batch else [()] * len(columns)
    index = pd.RangeIndex(start, start + len(batch))
    return pd.DataFrame(
        {one.name: _series(one, list(some), index, json) for one, some in zip(columns, values, strict=True)},
        index=index,
        columns=pd.Index([one.name for one in columns], dtype="str"),
    )


def _series(column: Column, values: list[Any], index: pd.RangeIndex, json: Json) -> pd.Series:
    import pandas as pd

    dtype: Any = _DTYPES[column.kind]
    if column.kind is Kind.JSON:
        if json == "text":
            dtype = "string"
        else:
            values = [_parsed(one) for one in values]
    made: pd.Series = pd.Series(values, index=index, dtype=dtype)
    return made


def _parsed(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return exact_json.loads(text)
    except (RecursionError, ValueError):  # nested deeper than Python goes, or a number larger than it holds
        return text
