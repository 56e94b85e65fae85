"""Parquet: typed columns, a row group at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from sync_pipeline.steps.observe.export.reading import Reading, Size
from sync_pipeline.steps.observe.export.tables import Column, Kind

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 2_000  # read at a time: Python's values take ten times the memory of Arrow's
_GROUP = 50_000  # rows of a row group
_SCALE = 2  # of a decimal column at least, so that files of two days have the same types


def write_parquet(reading: Reading, out: IO[bytes]) -> int:
    """Write the table; returns how many rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # What is read is freed at once; the default allocator keeps it.
    pool = pa.system_memory_pool()
    schema = _schema(reading)
    rows = 0
    waiting: list[pa.RecordBatch] = []
    with pq.ParquetWriter(out, schema, compression="zstd", memory_pool=pool) as writer:
        for batch in reading.batches(_ROWS):
            values = zip(*batch, strict=True)
            arrays = [
                pa.array(_as(one, column), type=one.type, memory_pool=pool)
                for one, column in zip(schema, values, strict=True)
            ]
            waiting.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
            rows += len(batch)
            if sum(len(one) for one in waiting) >= _GROUP:
                writer.write_table(pa.Table.from_batches(waiting, schema))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, schema))
    return rows


def _schema(reading: Reading) -> pa.Schema:
    import pyarrow as pa

    sizes = reading.sizes()
    return pa.schema([pa.field(one.name, _type(one, sizes), metadata=_said(one)) for one in reading.columns])


def _type(column: Column, sizes: Mapping[str, Size]) -> pa.DataType:
    import pyarrow as pa

    if column.kind is Kind.DECIMAL:
        size = sizes[column.name]
        scale = max(size.scale, _SCALE)
        if size.digits + scale <= 38:
            return pa.decimal128(38, scale)
        # More digits than the largest decimal has: the text keeps them.
        return pa.decimal256(76, scale) if size.digits + scale <= 76 else pa.string()
    return {
        Kind.INTEGER: pa.int64(),
        Kind.BOOLEAN: pa.bool_(),
        Kind.TIME: pa.timestamp("us", tz="UTC"),
        Kind.DATE: pa.date32(),
    }.get(column.kind, pa.string())


def _said(column: Column) -> Mapping[str, str]:
    return {"holds": column.kind.value}


def _as(field: pa.Field, values: Any) -> Any:
    """The values in the form that Arrow takes: decimals too large for its decimals are texts."""
    if field.metadata[b"holds"] == b"decimal" and str(field.type) == "string":
        return [None if one is None else format(one, "f") for one in values]
    return values
