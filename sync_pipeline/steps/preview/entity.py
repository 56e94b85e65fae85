"""What every statement about one entity of one connection needs: its keys and its noise."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
    return None if promoted or not remote else initial_import(remote, connection.source.title)


def initial_import(records: int, title: str) -> str:
    """What is said of records of a store of which core has none."""
    return (
        "No local records found. This looks like an initial import: "
        f"all {records} records will be created from {title}."
    )


_IMPORT = re.compile(r".* all (\d+) records will be created from (.+)\.")


def initial_import_of_all(messages: Mapping[str, str], of: str = "") -> str | None:
    """These messages of the entities of a connection as one sentence, with their sum; an only one is named."""
    found = [one for one in map(_IMPORT.fullmatch, messages.values()) if one is not None]
    if not found:
        return None
    named = " ".join(filter(None, (of, *(messages if len(messages) == 1 else ()))))
    said = initial_import(sum(int(one[1]) for one in found), found[0][2])
    return f"{named}: {said}" if named else said
