"""Who changed a connection's settings or an organization's policy, and to what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.connect import Connection, Organization

_SQL = load(__package__, "changes.sql")


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """An event of the audit log. `detail` holds the new values, none of them secret."""

    at: datetime
    event: str
    actor: str
    detail: Mapping[str, Any]


def settings_changes(
    db: Database, org: Organization, connection: Connection | None, events: Sequence[str], *, limit: int = 10
) -> Sequence[SettingsChanged]:
    """The newest events of these kinds that concern the connection; without one, the organization."""
    with db.org(org.org_id) as conn:
        rows = execute(
            conn,
            _SQL["settings_changes"],
            connection_id=connection.connection_id if connection else None,
            events=list(events),
            limit=limit,
        ).all()
    return [SettingsChanged(**row._mapping) for row in rows]
