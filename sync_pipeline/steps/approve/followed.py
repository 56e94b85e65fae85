"""A plan is bound to what its records follow, too: a record of which that changed since the plan was made is stale."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import source
from sync_pipeline.steps.capture.followed import Followed, followed_types

SQL = load("sync_pipeline.steps.approve", "followed.sql")

Kind = tuple[int, str, str]
"""Connection, provider, entity type."""


def stale_items(conn: Connection, plan: str, kinds: Iterable[Kind]) -> list[dict[str, str]]:
    """The plan's open records that follow one that changed, as {connection, entity, external_id, moved}."""
    found = []
    for kind, followed in _changed(conn, plan, kinds).items():
        causes = followed.holders(source(kind[1]).stream(kind[2]))
        here = {"connection_id": kind[0], "entity_type": kind[2], "ids": list(causes)}
        found += [
            {
                "connection": row.connection,
                "entity": row.entity_type,
                "external_id": row.external_id,
                "moved": words(causes[row.external_id]),
            }
            for row in execute(conn, SQL["open_items"], plan=plan, **here)
        ]
    return found


def stale_lines(conn: Connection, plan: str, lines: Mapping[Kind, Collection[str]]) -> Mapping[tuple[Kind, str], str]:
    """The same for the records of a batch, by kind and id: what moved, in words."""
    return {
        (kind, external_id): words(cause)
        for kind, followed in _changed(conn, plan, lines).items()
        for external_id, cause in followed.holders(source(kind[1]).stream(kind[2]), lines[kind]).items()
    }


def words(cause: str) -> str:
    """What moved, as the other reasons say it."""
    return f"what it follows changed: {cause}"


def _changed(conn: Connection, plan: str, kinds: Iterable[Kind]) -> Mapping[Kind, Followed]:
    pairs = [(kind, of_type) for kind in kinds for of_type in followed_types(source(kind[1]).stream(kind[2]))]
    if not pairs:
        return {}
    rows = execute(
        conn,
        SQL["changed_since"],
        plan=plan,
        connections=[kind[0] for kind, _ in pairs],
        providers=[kind[1] for kind, _ in pairs],
        types=[kind[2] for kind, _ in pairs],
        of_types=[of_type for _, of_type in pairs],
    )
    changed: dict[Kind, dict[str, datetime | None]] = defaultdict(dict)
    for row in rows:
        changed[row.connection_id, row.provider, row.entity_type][row.of_type] = row.since
    return {kind: Followed(conn, kind[0], kind[1], since) for kind, since in changed.items()}
