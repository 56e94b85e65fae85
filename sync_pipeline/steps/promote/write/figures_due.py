"""Figures of customers that a queue has changed are computed once, with its last lines.

They count all captured orders of a customer, promoted or not, so one computation for all batches says the same. One a
batch would read a customer's orders as often as there are batches with some of them: a shop that sells to few people,
or to one who stands for all who walk in, would take as long as the square of its orders.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.promote.place.identity import PromotionSettings
from sync_pipeline.steps.promote.write.begin import begin
from sync_pipeline.steps.promote.write.figures import derive

SQL = load("sync_pipeline.steps.promote.write", "figures_due.sql")
_MOST = 1000  # customers computed in one transaction: others who write wait for it


def postpone(conn: Connection, queue: str, customers: Collection[int]) -> None:
    """The figures of these core customers are due at the end of the queue."""
    if customers:
        execute(conn, SQL["postpone"], queue=queue, customers=list(customers))


def due(conn: Connection, queue: str) -> set[int]:
    """The customers whose figures are due at the end of the queue."""
    return set(execute(conn, SQL["due"], queue=queue).scalars())


def take(conn: Connection, queue: str, most: int | None = None) -> set[int]:
    """The customers whose figures are due, which are due no longer: `most` of them, or all."""
    return set(execute(conn, SQL["take_due"], queue=queue, most=most).scalars())


def settle_at_end(conn: Connection, org: PromotionSettings, queue: str) -> None:
    """Compute what is due, where the transaction of the caller has closed the queue's last lines.

    A queue without open lines has right figures, whatever was killed: where this is rolled back, so are its lines.
    """
    if execute(conn, SQL["ends_with"], queue=queue, lines=0, most=0).one().ends:
        derive(conn, org, take(conn, queue), queue=queue)


def settle_before_end(db: Database, org: PromotionSettings, queue: str, lines: int) -> None:
    """Compute most of what is due, where the queue's last lines are those so many that are about to be written."""
    with db.org(org.org_id) as conn:
        found = execute(conn, SQL["ends_with"], queue=queue, lines=lines, most=_MOST).one()
    if found.ends and found.many:
        settle(db, org, queue, write_as=queue)


def settle(db: Database, org: PromotionSettings, queue: str, *, write_as: str | None) -> None:
    """Compute what is due, some customers a transaction. `write_as`: the queue whose undo takes it back, if any."""
    while True:
        with db.org(org.org_id, async_commit=True) as conn:
            begin(conn, write_as)
            customers = take(conn, queue, _MOST)
            derive(conn, org, customers, queue=write_as)
        if len(customers) < _MOST:
            return


def settle_left(db: Database, org: PromotionSettings) -> None:
    """Compute what queues left that ended without their last batch. It belongs to no plan, like what was captured."""
    with db.org(org.org_id) as conn:
        queues = [str(one) for one in execute(conn, SQL["left_due"]).scalars()]
    for queue in queues:
        settle(db, org, queue, write_as=None)
