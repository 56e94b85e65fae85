"""What happened to a connection: sums a day for charts, and one time line of runs, plans, pushes and decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps.connect import Connection, Organization

_SQL = load(__package__, "history.sql")
KINDS = ("runs", "plans", "pushes", "webhooks", "decisions")
_MODES = {"runs": ("full", "delta", "preview"), "pushes": ("push",), "webhooks": ("webhook",)}


@dataclass(frozen=True, slots=True)
class Day:
    """A day in UTC: what the runs that began on it found and cost. `longest` is its longest run, in seconds."""

    day: date
    runs: int = 0
    failed: int = 0
    new: int = 0
    updated: int = 0
    deleted: int = 0
    requests: int = 0
    throttled: int = 0
    seconds: float = 0.0
    longest: float = 0.0

    @property
    def changes(self) -> int:
        """Records that were found new, updated or deleted."""
        return self.new + self.updated + self.deleted


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the time line. `id` is that of the run, the plan or the decision; `facts` depend on the kind."""

    at: datetime
    key: str
    kind: str
    id: str
    facts: Mapping[str, Any]

    @property
    def place(self) -> str:
        """What the next page is asked for with."""
        return f"{self.at.isoformat()}~{self.key}"


def days(db: Database, org: Organization, number: int, connection: Connection | None = None) -> dict[int, list[Day]]:
    """The last days, today included, of one connection or of each that had a run; days without a run are zero."""
    today = datetime.now(UTC).date()
    wanted = [today - timedelta(days=back) for back in reversed(range(number))]
    found: dict[int, dict[date, Day]] = {}
    with db.org(org.org_id) as conn:
        since = datetime(wanted[0].year, wanted[0].month, wanted[0].day, tzinfo=UTC)
        here = connection.connection_id if connection else None
        for row in execute(conn, _SQL["days"], since=since, connection_id=here):
            facts = dict(row._mapping)
            place = facts.pop("connection_id")
            found.setdefault(place, {})[row.day] = Day(**facts)
    if connection:
        found.setdefault(connection.connection_id, {})
    return {number: [by_day.get(day, Day(day)) for day in wanted] for number, by_day in found.items()}


def time_line(
    db: Database,
    connection: Connection,
    *,
    days: int,
    kind: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Sequence[Event]:
    """What happened in the last days, newest first: of one kind or of all, and before the place `after`.

    Raises:
        ConfigurationError: the kind is unknown, or `after` is no place of a time line.
    """
    if kind is not None and kind not in KINDS:
        raise ConfigurationError(f"Unknown kind “{kind}”. Use one of: {', '.join(KINDS)}.")
    before, key = _place(after)
    with db.org(connection.org_id) as conn:
        rows = execute(
            conn,
            _SQL["time_line"],
            connection_id=connection.connection_id,
            since=datetime.now(UTC) - timedelta(days=days),
            before=before,
            before_key=key,
            modes=[mode for name, modes in _MODES.items() if kind in (None, name) for mode in modes],
            plans=kind in (None, "plans"),
            decisions=kind in (None, "decisions"),
            limit=limit,
        ).all()
    return [Event(**row._mapping) for row in rows]


def _place(after: str | None) -> tuple[datetime, str]:
    if after is None:
        return datetime.now(UTC) + timedelta(days=1), ""
    at, _, key = after.partition("~")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), key
    except ValueError:
        raise ConfigurationError("`after` is not a place of a time line. Open the page without it.") from None
