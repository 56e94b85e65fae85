"""What changed at the stores since a time, record by record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection, Organization

_SQL = load(__package__, "changed.sql")


@dataclass(frozen=True, slots=True)
class Changed:
    """A record and its last change in the span: new, updated or deleted."""

    at: datetime
    connection: str
    provider: str
    connection_id: int
    entity_type: str
    external_id: str
    version_no: int
    kind: str
    name: str | None
    code: str | None
    email: str | None
    run_id: int | None

    @property
    def place(self) -> str:
        """What the next page is asked for with."""
        return f"{self.at.isoformat()}~{self.connection_id}~{self.entity_type}~{self.external_id}"


@dataclass(frozen=True, slots=True)
class ChangedCounts:
    """How many records of an entity changed in the span."""

    connection: str
    provider: str
    entity_type: str
    new: int
    updated: int
    deleted: int


def settled(db: Database) -> datetime:
    """The moment up to which everything that was captured is committed: a span that ends there loses nothing."""
    with db.unscoped() as conn:
        found: datetime = execute(conn, _SQL["settled"]).scalar_one()
    return found


def changed_records(
    db: Database,
    org: Organization,
    since: datetime,
    until: datetime,
    *,
    only: tuple[Connection | None, Stream | None] = (None, None),
    after: str | None = None,
    size: int = 50,
) -> tuple[Sequence[Changed], bool]:
    """Records that changed from `since` to before `until`, oldest first, beyond the place `after`; and whether there
    are more. One that changes while it is paged through belongs to the next span.

    Raises:
        ConfigurationError: `after` is not a place.
    """
    at, connection_id, entity_type, external_id = _place(after)
    with db.org(org.org_id) as conn:
        execute(conn, _SQL["plan_each_time"])
        rows = execute(
            conn,
            _SQL["changed_records"],
            **_span(since, until, only),
            begin=max(since, at) if at else since,
            after_at=at,
            after_connection=connection_id,
            after_type=entity_type,
            after_id=external_id,
            limit=size + 1,
        ).all()
    return [Changed(**row._mapping) for row in rows[:size]], len(rows) > size


def changed_counts(
    db: Database,
    org: Organization,
    since: datetime,
    until: datetime,
    *,
    only: tuple[Connection | None, Stream | None] = (None, None),
) -> Sequence[ChangedCounts]:
    """How many records of each entity changed in the span; entities without any are left out."""
    with db.org(org.org_id) as conn:
        execute(conn, _SQL["plan_each_time"])
        return [
            ChangedCounts(**row._mapping) for row in execute(conn, _SQL["changed_counts"], **_span(since, until, only))
        ]


def _span(since: datetime, until: datetime, only: tuple[Connection | None, Stream | None]) -> dict[str, object]:
    one, stream = only
    return {
        "since": since,
        "until": until,
        "connection_id": one.connection_id if one else None,
        "entity_type": stream.entity_type if stream else None,
    }


def _place(after: str | None) -> tuple[datetime | None, int | None, str | None, str | None]:
    if after is None:
        return None, None, None, None
    parts = after.split("~", 3)
    try:
        return datetime.fromisoformat(parts[0]).astimezone(UTC), int(parts[1]), parts[2], parts[3]
    except (ValueError, IndexError, OverflowError):
        raise ConfigurationError("`next` is not one that an answer gave. Begin again without it.") from None
