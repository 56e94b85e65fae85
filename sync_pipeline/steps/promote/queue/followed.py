"""After an undo, what core has again may differ by what a record follows."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection

from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import all_sources, source
from sync_pipeline.steps.approve.followed import Kind
from sync_pipeline.steps.capture.followed import followed_types
from sync_pipeline.steps.preview import check_followed

UNDO = load("sync_pipeline.steps.promote", "undo.sql")


def check_undone(conn: Connection, plan: str) -> None:
    """After an undo, what core has again may differ by what a record follows: the preview shows it."""
    types = {
        one.entity_type
        for provider in all_sources().values()
        for one in provider.streams.values()
        if followed_types(one)
    }
    by_kind: dict[Kind, dict[str, str | None]] = defaultdict(dict)
    for row in execute(conn, UNDO["undone_records"], plan=plan, types=sorted(types)):
        by_kind[row.connection_id, row.provider, row.entity_type][row.external_id] = row.through
    for (connection_id, provider, entity_type), some in by_kind.items():
        stream = source(provider).stream(entity_type)
        if followed_types(stream):
            check_followed(conn, connection_id, stream, some, provider=provider, undone=True)
