"""The audit log, the quarantine, decisions, stale connections and core counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_pipeline import gates
from sync_pipeline.db.core_sql import for_each_table
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import ConfigurationError, Conflict, NotFound
from sync_pipeline.sources.base import source
from sync_pipeline.steps.connect import Connection, Organization, organizations
from sync_pipeline.steps.observe.status import SQL


@dataclass(frozen=True, slots=True)
class Activity:
    """A page of the audit log, newest first."""

    data: list[dict[str, Any]]
    row_count: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record or page that could not be captured; its bytes are kept."""

    connection: str
    entity: str
    external_id: str
    reason: str
    request: str | None
    status: int | None
    first_seen_at: datetime
    last_seen_at: datetime
    seen: int
    raw_bytes: int


@dataclass(frozen=True, slots=True)
class Decision:
    """A gate: the question, the options, and the answer once there is one."""

    decision_id: int
    org: str
    connection: str | None
    entity_type: str | None
    cause: str
    question: str
    detail: dict[str, Any]
    options: list[dict[str, str]]
    recommended: str
    owner: str | None
    opened_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    why: str | None
    outcome: str | None
    blocks: list[str]  # entity types of the connection that are not promoted until then
    resumed_at: datetime | None = None  # when the work it stopped had resumed


@dataclass(frozen=True, slots=True)
class StaleConnection:
    """A connection that was not pulled for too long. `last_sync_at` is None if it never was."""

    org: str
    connection: str
    provider: str
    last_sync_at: datetime | None


def activity(db: Database, org: Organization, *, page: int = 1, page_size: int = 50) -> Activity:
    """A page of the audit log.

    Raises:
        ConfigurationError: pages count from 1.
    """
    if page < 1 or not 1 <= page_size <= 500:
        raise ConfigurationError("Pages count from 1 and hold 1 to 500 rows.")
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["activity"], limit=page_size, offset=(page - 1) * page_size).all()
        count = int(execute(conn, SQL["activity_count"]).scalar_one())
    return Activity([dict(row._mapping) for row in rows], count)


def browse_activity(
    db: Database,
    org: Organization,
    *,
    connection: Connection | None = None,
    before: str | None = None,
    size: int = 50,
) -> tuple[Sequence[dict[str, Any]], bool]:
    """The audit log, newest first, beyond the place `before`, and whether there is more; of one connection or of all.

    The place of a row is its time and its number: `2026-11-29T10:00:00+00:00~17`.

    Raises:
        ConfigurationError: `before` is not a place.
    """
    at, _, number = before.partition("~") if before else ("", "", "")
    try:
        place = {"at": datetime.fromisoformat(at) if before else None, "number": int(number) if before else None}
    except ValueError:
        raise ConfigurationError("`next` is not one that an answer gave. Begin again without it.") from None
    here = connection.connection_id if connection else None
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["browse_activity"], connection_id=here, limit=size + 1, **place).all()
    return [dict(row._mapping) for row in rows[:size]], len(rows) > size


def quarantine(db: Database, org: Organization, connection: Connection | None = None) -> Sequence[Quarantined]:
    """Everything in quarantine, of the organization or of one connection."""
    with db.org(org.org_id) as conn:
        rows = execute(
            conn, SQL["quarantined_records"], connection_id=connection.connection_id if connection else None
        ).all()
    return [
        Quarantined(
            row.connection,
            source(row.provider).stream(row.entity_type).name,
            row.external_id,
            row.reason,
            row.request,
            row.status,
            row.first_seen_at,
            row.last_seen_at,
            row.seen,
            row.raw_bytes,
        )
        for row in rows
    ]


def decisions(
    db: Database, org: Organization, *, everything: bool = False, decision_id: int | None = None
) -> Sequence[Decision]:
    """The organization's open gates; with `everything` the answered ones too."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["decisions"], everything=everything, decision_id=decision_id).all()
    return [Decision(org=org.slug, **row._mapping) for row in rows]


def browse_decisions(
    db: Database,
    org: Organization,
    *,
    answered: bool = False,
    cause: str | None = None,
    before: int | None = None,
    size: int = 50,
) -> tuple[Sequence[Decision], bool]:
    """Open gates, or `answered` ones: the newest, or those opened before `before`; and whether there are more."""
    with db.org(org.org_id) as conn:
        wanted = {"answered": answered, "cause": cause, "before": before, "limit": size + 1}
        rows = execute(conn, SQL["browse_decisions"], **wanted).all()
    return [Decision(org=org.slug, **row._mapping) for row in rows[:size]], len(rows) > size


def decision_causes(db: Database, org: Organization) -> Mapping[str, tuple[int, int]]:
    """How many gates of each cause are open, and how many are answered."""
    with db.org(org.org_id) as conn:
        return {row.cause: (row.open, row.answered) for row in execute(conn, SQL["decision_causes"])}


def open_decision_count(db: Database, org: Organization) -> int:
    """How many gates wait for a person."""
    with db.org(org.org_id) as conn:
        return int(execute(conn, SQL["open_decision_count"]).scalar_one())


def all_open_decisions(db: Database) -> Sequence[Decision]:
    """The open gates of every organization, oldest first."""
    with db.unscoped() as conn:
        waiting = {row.org_id for row in execute(conn, SQL["open_decisions"])}
    found = [d for org in organizations(db) if org.org_id in waiting for d in decisions(db, org)]
    return sorted(found, key=lambda d: d.decision_id)


def answer(
    db: Database, org: Organization, decision_id: int, choice: str, *, actor: str, why: str | None = None
) -> Decision:
    """Answer a gate. The work it stopped resumes with the next run.

    Raises:
        NotFound: no such decision.
        ConfigurationError: `choice` is not one of its options.
        Conflict: it was already answered.
    """
    known = decisions(db, org, everything=True, decision_id=decision_id)
    if not known:
        raise NotFound(f"{org.slug} has no decision {decision_id}.")
    choices = [option["choice"] for option in known[0].options]
    if choice not in choices:
        raise ConfigurationError(
            f"“{choice}” is not an answer to decision {decision_id}. Use one of: {', '.join(choices)} "
            f"(the safest is {known[0].recommended})."
        )
    with db.org(org.org_id) as conn:
        if not gates.answer_gate(conn, decision_id, choice, actor=actor, why=why):  # somebody else was first
            [now] = execute(conn, SQL["decisions"], everything=True, decision_id=decision_id)
            raise Conflict(f"Decision {decision_id} was already answered: {now.answer} by {now.answered_by}.")
    return decisions(db, org, everything=True, decision_id=decision_id)[0]


def stale_connections(db: Database, hours: float) -> Sequence[StaleConnection]:
    """Connections of all organizations from which nothing was pulled in the last `hours`."""
    stale: list[StaleConnection] = []
    for org in organizations(db):
        with db.org(org.org_id) as conn:
            stale += [
                StaleConnection(org.slug, row.name, row.provider, row.last_sync_at)
                for row in execute(conn, SQL["stale_connections"], seconds=hours * 3600)
            ]
    return stale


def core_counts(db: Database, org: Organization) -> dict[str, int]:
    """Rows of each core table that are not marked deleted."""
    with db.org(org.org_id) as conn:
        return {row.name: row.records for row in execute(conn, for_each_table(SQL["core_counts"], pairs=True))}
