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
from sync_pipeline.redaction import redact
from sync_pipeline.steps.promote.place.identity import PromotionSettings
from sync_pipeline.steps.promote.write.begin import begin
from sync_pipeline.steps.promote.write.figures import derive_apart

SQL = load("sync_pipeline.steps.promote.write", "figures_due.sql")
_MOST = 1000  # customers computed in one transaction: others who write wait for it


def postpone(conn: Connection, queue: str, customers: Collection[int]) -> None:
    """The figures of these core customers are due at the end of the queue."""
    if customers:
        execute(conn, SQL["postpone"], queue=queue, customers=list(customers))


def take(conn: Connection, queue: str, most: int | None = None) -> set[int]:
    """The customers whose figures are due, which are due no longer: `most` of them, or all."""
    return set(execute(conn, SQL["take_due"], queue=queue, most=most).scalars())


def are_too_many(conn: Connection, queue: str, lines: int) -> bool:
    """Whether these are the queue's last lines, and more figures are due than one transaction should compute.

    Asked under the lock of `begin`: whoever wrote before has committed, so workers that end a queue together see it.
    """
    return _ends_with(conn, queue, lines, _MOST)


def settle_at_end(conn: Connection, org: PromotionSettings, queue: str) -> None:
    """Compute what is due, where the transaction of the caller has closed the queue's last lines.

    A queue without open lines has right figures, whatever was killed: where this is rolled back, so are its lines.
    """
    if _ends_with(conn, queue, 0, 0):
        _compute(conn, org, queue, take(conn, queue), write_as=queue)


def settle(db: Database, org: PromotionSettings, queue: str, *, write_as: str | None) -> None:
    """Compute what is due, some customers a transaction. `write_as`: the queue whose undo takes it back, if any."""
    while True:
        with db.org(org.org_id, async_commit=True) as conn:
            if not execute(conn, SQL["any_due"], queue=queue).scalar_one():
                return  # nearly always; nobody's lock is waited for
            begin(conn, write_as)
            _compute(conn, org, queue, take(conn, queue, _MOST), write_as=write_as)


def settle_left(db: Database, org: PromotionSettings) -> None:
    """Compute what queues left that ended without their last batch. It belongs to no plan, like what was captured."""
    with db.org(org.org_id) as conn:
        queues = [str(one) for one in execute(conn, SQL["left_due"]).scalars()]
    for queue in queues:
        settle(db, org, queue, write_as=None)


def _ends_with(conn: Connection, queue: str, lines: int, most: int) -> bool:
    return bool(execute(conn, SQL["ends_with"], queue=queue, lines=lines, most=most).scalar_one())


def _compute(
    conn: Connection, org: PromotionSettings, queue: str, customers: Collection[int], *, write_as: str | None
) -> None:
    """Figures that the database refuses stay as they are, and a line of the queue says so: they stop no promotion."""
    refused = derive_apart(conn, org, customers, queue=write_as)
    if refused:
        said = [redact(f"The figures of its customer are not renewed. {one}") for one in refused.values()]
        execute(conn, SQL["say_refused"], queue=queue, customers=list(refused), warnings=said)
