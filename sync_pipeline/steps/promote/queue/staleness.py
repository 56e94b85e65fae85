"""What moved since a plan was made: for who applies it, and for who reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import StalePlan
from sync_pipeline.steps.promote.queue.followed import stale_items

SQL = load("sync_pipeline.steps.promote.queue", "queue.sql")
_SUSPECTS = 5000  # records of which each is looked up; of more, all of the plan are read
_PROMOTED = "it was promoted by another plan"  # in the words of selection.plan_item_now
_NAMED = 1000  # of the stale records so many are named


@dataclass(frozen=True, slots=True)
class Staleness:
    """How many of a plan's records are not what they were, of how many it has.

    `records`: up to 1,000 of them as {connection, entity, external_id, moved}; `moved` describes what changed.
    """

    count: int
    of: int
    records: Sequence[dict[str, str]]


def refuse_stale(conn: Connection, plan: str) -> None:
    """Look at every record of a plan, in the transaction that makes its queue.

    Raises:
        StalePlan: some of them are not what they were.
    """
    found = _staleness(conn, plan, _all_moved(conn, plan))
    if found.count:
        promoted = all(one["moved"] == _PROMOTED for one in found.records)
        what = "were promoted by another plan since this one" if promoted else "changed since the plan"
        raise StalePlan(
            f"stale: {found.count} of {found.of} records {what} was made. Nothing was changed. Make a new plan.",
            stale=found.records,
            of=found.of,
        )


def seen_stale(conn: Connection, plan: str) -> Staleness:
    """The same, as the last comparisons saw it: only records that may have moved are looked at."""
    suspects = execute(conn, SQL["plan_suspects"], plan=plan, at_most=_SUSPECTS + 1).all()
    if len(suspects) > _SUSPECTS:
        return _staleness(conn, plan, _all_moved(conn, plan))
    columns = {
        "connections": [one.connection_id for one in suspects],
        "types": [one.entity_type for one in suspects],
        "ids": [one.external_id for one in suspects],
    }
    return _staleness(conn, plan, execute(conn, SQL["stale_among"], plan=plan, **columns).all() if suspects else [])


def _all_moved(conn: Connection, plan: str) -> Sequence[Row[Any]]:
    execute(conn, SQL["weigh"], plan=plan)
    found = execute(conn, SQL["stale"], plan=plan).all()
    execute(conn, SQL["weighed"])
    return found


def _staleness(conn: Connection, plan: str, found: Sequence[Row[Any]]) -> Staleness:
    moved = [
        {"connection": one.connection, "entity": one.entity_type, "external_id": one.external_id, "moved": one.moved}
        for one in found
    ]
    named = {(one["connection"], one["entity"], one["external_id"]) for one in moved}
    kinds = [(one.connection_id, one.provider, one.entity_type) for one in execute(conn, SQL["plan_types"], plan=plan)]
    follow = [
        one
        for one in stale_items(conn, plan, kinds)
        if (one["connection"], one["entity"], one["external_id"]) not in named
    ]
    total = int(execute(conn, SQL["item_count"], plan=plan).scalar_one())
    count = (found[0].stale if found else 0) + len(follow)
    return Staleness(count, total, [*moved, *follow][:_NAMED])
