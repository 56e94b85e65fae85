"""What could not be captured: why, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import NotFound
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection

_SQL = load(__package__, "quarantine.sql")
MOST_RAW_BYTES = 200_000  # of an answer that are shown


@dataclass(frozen=True, slots=True)
class SetAside:
    """A record or a page in quarantine. `seen` counts the attempts; `raw_bytes` is the size of what is kept of it."""

    quarantine_id: int
    entity_type: str
    external_id: str
    reason: str
    status: int | None
    request: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    seen: int
    raw_bytes: int

    @property
    def remedy(self) -> str:
        """What a person can do."""
        again = "The next refresh tries it again."
        if self.reason.startswith("PostgreSQL cannot hold it"):
            return f"A value of it is too long or nested too deep. Shorten it in the store. {again}"
        if self.reason.startswith("not a record") or self.external_id.startswith("element "):
            return f"The store sent something that is no record of this kind. Repair or delete it in the store. {again}"
        if self.status is not None and self.status >= 500:
            return f"The store fails when it is asked for this record: its error log says why, often a plugin. {again}"
        if self.status is not None and self.status in (401, 403):
            return f"The store refuses this record. Give the connection's user the right to read it. {again}"
        return f"Open the record in the store and save it again, or repair what the reason names. {again}"


@dataclass(frozen=True, slots=True)
class SetAsideWhole:
    """One of them with its bytes, at most `MOST_RAW_BYTES`. `captured`: an earlier content is captured."""

    record: SetAside
    resolved_at: datetime | None
    captured: bool
    raw: bytes


def quarantine_page(
    db: Database, connection: Connection, stream: Stream | None = None, *, after: int = 0, limit: int = 50
) -> Sequence[SetAside]:
    """Those in quarantine after this one, in the order in which they came there; of one entity or of all."""
    with db.org(connection.org_id) as conn:
        rows = execute(
            conn,
            _SQL["quarantine_page"],
            connection_id=connection.connection_id,
            entity_type=stream.entity_type if stream else None,
            after=after,
            limit=limit,
        ).all()
    return [SetAside(**row._mapping) for row in rows]


def quarantine_counts(db: Database, connection: Connection) -> Mapping[str, int]:
    """How many are in quarantine, by entity type; those without any are not in it."""
    with db.org(connection.org_id) as conn:
        rows = execute(conn, _SQL["quarantine_counts"], connection_id=connection.connection_id)
        return {row.entity_type: row.records for row in rows}


def quarantined_record(db: Database, connection: Connection, stream: Stream, external_id: str) -> SetAside | None:
    """A record in quarantine, also where an earlier content of it is captured; None if it is not there."""
    with db.org(connection.org_id) as conn:
        row = execute(
            conn,
            _SQL["quarantined_record"],
            connection_id=connection.connection_id,
            entity_type=stream.entity_type,
            external_id=external_id,
        ).one_or_none()
    return SetAside(**row._mapping) if row is not None else None


def quarantined_one(db: Database, connection: Connection, quarantine_id: int) -> SetAsideWhole:
    """One of them, also after it was captured.

    Raises:
        NotFound: the connection has no such.
    """
    with db.org(connection.org_id) as conn:
        row = execute(
            conn,
            _SQL["quarantined_one"],
            connection_id=connection.connection_id,
            quarantine_id=quarantine_id,
            at_most=MOST_RAW_BYTES,
        ).one_or_none()
    if row is None:
        raise NotFound(f"{connection.name} has nothing with the number {quarantine_id} in quarantine.")
    facts: dict[str, Any] = dict(row._mapping)
    rest = {name: facts.pop(name) for name in ("resolved_at", "captured", "raw")}
    return SetAsideWhole(SetAside(**facts), rest["resolved_at"], rest["captured"], bytes(rest["raw"] or b""))
