"""Metrics over all organizations, for monitoring: names and numbers, nothing from the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load

_SQL = load(__package__, "figures.sql")


@dataclass(frozen=True, slots=True)
class ConnectionFigures:
    """A connection: how long ago it was last pulled, and the totals of all its pulls."""

    org: str
    connection: str
    provider: str
    health: str
    lag_seconds: float
    runs: int
    failed: int
    pulled: int
    created: int
    updated: int
    quarantined: int
    requests: int
    throttled: int
    slow: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """An organization's queues, requests and gates. `done` only grows; the others are current numbers."""

    org: str
    waiting: int
    processing: int
    done: int
    failed: int
    action_required: int
    requests: int
    decisions: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The metrics of all connections and queues."""

    connections: Sequence[ConnectionFigures]
    queues: Sequence[QueueFigures]


def figures(db: Database) -> Figures:
    """Read the current metrics."""
    with db.unscoped() as conn:
        return Figures(
            [ConnectionFigures(**row._mapping) for row in execute(conn, _SQL["connection_figures"])],
            [QueueFigures(**row._mapping) for row in execute(conn, _SQL["queue_figures"])],
        )
