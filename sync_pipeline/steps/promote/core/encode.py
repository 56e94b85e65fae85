"""Entities as rows of their tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sync_pipeline.entities.core import CoreTable

_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


def to_json(value: Any) -> str:
    """`value` as JSON text; decimals keep their digits."""
    return _encoder.encode(value).decode()


def encode(table: CoreTable, row: Sequence[Any]) -> tuple[Any, ...]:
    """A row with its JSON columns as text, ready for COPY; an empty object or list stays one."""
    values = list(row)
    for place in table.json_places:
        if values[place] is not None:
            values[place] = to_json(values[place])
    return tuple(values)


def with_currency(table: CoreTable, row: tuple[Any, ...], currency: str | None) -> tuple[Any, ...]:
    """Prices without a currency are in the organization's."""
    place = table.currency_place
    if currency is None or place is None or row[place] is not None:
        return row
    return (*row[:place], currency, *row[place + 1 :])
