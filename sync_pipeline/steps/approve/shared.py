"""Which records share their core row, or may come to: what is written there no record says alone."""

from __future__ import annotations

from functools import cache

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.queries import load
from sync_pipeline.entities.core import CoreTable, core_tables
from sync_pipeline.sources.base import all_sources

SQL = load(__package__, "shared.sql")


def with_sharing(statement: str) -> str:
    """The statement with the condition that its `{shares}` stands for."""
    if "{shares}" not in statement:
        return statement
    rows = " OR ".join(for_table(SQL["row_of_its_claim"], table) for table in _tables())
    return statement.replace("{shares}", SQL["shares_a_row"].replace("{rows}", rows))


def _tables() -> list[CoreTable]:
    return [table for table in core_tables().values() if table.match is not None]


@cache
def matched() -> dict[str, list[str]]:
    """The core tables whose rows are found by SKU or e-mail, and the entities that are written there, provider/type."""
    tables = _tables()
    return {
        "tables": [table.name for table in tables],
        "matched": [
            f"{provider.name}/{stream.entity_type}"
            for provider in all_sources().values()
            for stream in provider.streams.values()
            if any(stream.entity in table.kinds for table in tables)
        ],
    }
