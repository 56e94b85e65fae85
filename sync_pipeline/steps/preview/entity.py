"""What every statement about one entity of one connection needs: its keys and its noise."""

from __future__ import annotations

from typing import Any

from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection


def keys(connection: Connection, stream: Stream) -> dict[str, Any]:
    """Parameters that identify one entity of one connection."""
    return {
        "connection_id": connection.connection_id,
        "entity_type": stream.entity_type,
        "provider": connection.provider,
    }


def noise(connection: Connection, stream: Stream) -> list[str]:
    """Fields that change although the record does not, including those the connection lists."""
    return [*stream.noise, *connection.common().noise.get(stream.name, ())]


def empty_state(connection: Connection, *, promoted: bool, remote: int) -> str | None:
    """The message for an entity that has records in the store and none in core."""
    if promoted or not remote:
        return None
    return (
        "No local records found. This looks like an initial import: "
        f"all {remote} records will be created from {connection.source.title}."
    )
