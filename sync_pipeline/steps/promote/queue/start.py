"""Request a promotion: write the plan's queue and the request for its run in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import Conflict
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection, Organization
from sync_pipeline.steps.connect.party import Actor, party
from sync_pipeline.steps.promote.queue.queue import SQL, QueueStatus, make_queue, queue_status, unforce_and_retry
from sync_pipeline.steps.select import Plan, make_plan, select


@dataclass(frozen=True, slots=True)
class Requested:
    """A queue, and the number of the request whose run works on it."""

    queue: QueueStatus
    request_id: int


@dataclass(frozen=True, slots=True)
class Once:
    """A caller's idempotency key and the request it came with; a key is valid for one request only."""

    key: str
    asked: str


@dataclass(frozen=True, slots=True)
class Pick:
    """Records of one entity: those with these ids, which are included by it; or (None) what is included already."""

    connection: Connection
    stream: Stream
    ids: Sequence[str] | None = None


def create_request(
    db: Database,
    org_id: int,
    plan_id: str | UUID,
    *,
    actor: Actor,
    batch_size: int | None = None,
    batch_delay_ms: int | None = None,
    once: Once | None = None,
) -> Requested:
    """Spend the plan's approval, or approve it if they may, make its queue and request the run that works on it, all or
    nothing.

    Raises:
        NotFound: no such plan.
        Conflict: the plan was refused or undone.
        StalePlan: records changed since the plan was made; nothing was changed.
        NotApproved: a person must approve it first.
    """
    by = party(actor)
    with db.org(org_id) as conn:
        queue = make_queue(conn, str(plan_id), actor)
        if batch_size is not None or batch_delay_ms is not None:
            execute(conn, SQL["pace"], queue=queue, batch_size=batch_size, batch_delay_ms=batch_delay_ms)
        waiting: int | None = execute(conn, SQL["waiting_request"], plan=str(plan_id)).scalar_one_or_none()
        if once is not None or waiting is None:
            key, asked = (once.key, once.asked) if once else (None, None)
            number = journal.request(
                conn, "promote", actor=by.name, idempotency_key=key, plan=str(plan_id), asked=asked
            )
        else:
            number = waiting
        return Requested(queue_status(conn, queue), number)


def request_once(
    db: Database, org_id: int, once: Once | None, make: Callable[[], Requested | None]
) -> Requested | None:
    """What `make` requests; with `once`, a repeated call with the same key returns the first one's request.

    Raises:
        Conflict: the key was used for something else.
    """
    if once is None:
        return make()
    with db.org(org_id) as conn:
        execute(conn, SQL["alone_with_key"], key=once.key)  # until what is made is there to be found
        known = execute(conn, SQL["request_of_key"], key=once.key).one_or_none()
        if known is None:
            return make()
        if known.asked != once.asked:
            raise Conflict(f"The idempotency key “{once.key}” was used for another request. Use a new one.")
        queue = execute(conn, SQL["queue_of_plan"], plan=known.plan).scalar_one()
        return Requested(queue_status(conn, queue), known.request_id)


def retry_request(db: Database, org_id: int, queue_id: str, *, actor: str) -> Requested:
    """Reopen the failed lines and request the run that works on them.

    Raises:
        NotFound: no such queue.
        Conflict: the queue was undone, or nothing in it failed.
    """
    with db.org(org_id) as conn:
        count, found = unforce_and_retry(conn, queue_id, actor=actor)
        if not count and not found.open:
            raise Conflict("Nothing in this queue failed: there is nothing to try again.")
        return Requested(found, journal.request(conn, "promote", actor=actor, plan=str(found.plan_id)))


def plan_of(db: Database, org: Organization, picks: Sequence[Pick], *, actor: Actor, why: str | None) -> Plan | None:
    """One plan of several entities; its queue works in the order of their dependencies. None: nothing is left to do.

    Raises:
        ConfigurationError: an id is not captured; nothing was selected of that entity.
        Conflict: somebody else has ignored a record that is named.
    """
    records = [record for pick in picks if pick.ids is not None for record in _included(db, pick, actor, why)]
    if any(pick.ids is not None for pick in picks):
        return make_plan(db, org, actor=actor, origin="api", records=records)
    entities = [(pick.connection.connection_id, pick.stream.entity_type) for pick in picks]
    return make_plan(db, org, actor=actor, origin="api", entities=entities)


def queue_with(
    db: Database, org: Organization, picks: Sequence[Pick], *, actor: Actor, once: Once | None
) -> Requested | None:
    """The newest open queue that is to promote some of these records, if there is one: they are not planned twice."""
    keys = [
        (pick.connection.connection_id, pick.stream.entity_type, one)
        for pick in picks
        for one in ([None] if pick.ids is None else pick.ids)
    ]
    with db.org(org.org_id) as conn:
        plan_id = execute(
            conn,
            SQL["queue_with"],
            connections=[key[0] for key in keys],
            types=[key[1] for key in keys],
            ids=[key[2] for key in keys],
        ).scalar_one_or_none()
    return create_request(db, org.org_id, plan_id, actor=actor, once=once) if plan_id is not None else None


def _included(db: Database, pick: Pick, actor: Actor, why: str | None) -> Sequence[tuple[int, str, str]]:
    """Include the named records as a draft, which the plan commits; returns them."""
    ids = pick.ids or ()
    done = select(db, pick.connection, pick.stream, ids=ids, include=True, actor=actor, why=why, draft=True)
    if done.replaced_by_others:
        one = done.replaced_by_others[0]
        raise Conflict(
            f"{pick.stream.title} {one['external_id']} was ignored by {one['who']}. "
            "Nothing was planned. Leave it out, or select it with `replace` first."
        )
    return [(pick.connection.connection_id, pick.stream.entity_type, one) for one in ids]
