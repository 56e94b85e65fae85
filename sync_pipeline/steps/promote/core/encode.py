"""Entities as rows of their tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sync_pipeline.entities.core import CoreTable
from sync_pipeline.exact_json import to_json


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
