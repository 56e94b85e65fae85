"""Records that an older mapper mapped. They are in sync; `plan --remap` maps them again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field
from sqlalchemy import Connection as Transaction

from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream
from sync_pipeline.sources.fingerprint import fingerprint
from sync_pipeline.steps.connect import Connection

MAPPER_SQL = load(__package__, "mappers.sql")
MappedByOlder = Annotated[
    int, Field(description="Of those in sync: mapped by an older mapper; a remap plan renews them.")
]


def mapped_by_older(conn: Transaction, chosen: Iterable[tuple[Connection, Stream]]) -> Mapping[tuple[int, str], int]:
    """How many records in sync an older mapper mapped, by connection id and entity type."""
    mapped = [
        (one.connection_id, stream.entity_type, fingerprint(stream.to_entity))
        for one, stream in chosen
        if stream.to_entity is not None
    ]
    rows = execute(
        conn,
        MAPPER_SQL["mapped_by_older"],
        connections=[connection_id for connection_id, _, _ in mapped],
        types=[entity_type for _, entity_type, _ in mapped],
        mappers=[mapper for _, _, mapper in mapped],
    )
    return {(row.connection_id, row.entity_type): row.mapped_by_older for row in rows}
