"""Figures are computed once a queue, with its last lines, and whatever ends a queue they are computed at last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event

from sync_pipeline.db.engine import Database
from sync_pipeline.steps import promote
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.promote.write import figures, figures_due
from sync_pipeline_tests.integration.promote_world import World, customer, order

ORDERS = 40  # eight batches of five, or fewer where they double


class Stopped(Exception):
    """A worker that is gone."""


class Shop:
    """A shop whose orders are all of one customer, and promoted in small batches."""

    def __init__(self, db: Database, org: Organization) -> None:
        self.db, self.org, self.world = db, org, World(db, org.org_id)
        self.world.organize(currency="USD")
        self.world.sql("UPDATE connect.integration_connector SET settings = settings || '{\"batch_size\": 5}'")
        self.world.promote("customer", customer(3))
        self.orders = [self.order(number) for number in range(100, 100 + ORDERS)]

    def order(self, number: int, who: int = 3) -> Any:
        return self.world.capture("order", order(number, customer_id=who, total="10.00", line_items=[]))

    def plan(self, records: Sequence[Any]) -> str:
        with self.world.together():
            return self.world.plan(records)

    def apply(self, plan: str, **options: Any) -> promote.ApplyReport:
        return promote.apply(self.db, self.org.org_id, plan, actor="tester", **options)

    def stop_after(self, plan: str, batches: int) -> str:
        """Apply the plan until so many batches are written and the worker is gone; returns the queue."""
        left = iter(range(batches - 1))

        def progress(_: promote.QueueStatus) -> None:
            if next(left, None) is None:
                raise Stopped

        with pytest.raises(Stopped):
            self.apply(plan, progress=progress)
        return promote.start(self.db, self.org.org_id, plan, actor="tester")

    def worth(self) -> list[tuple[Decimal, int]]:
        rows = self.world.sql("SELECT lifetime_value, order_count FROM core.customers WHERE deleted_at IS NULL")
        return sorted(tuple(row) for row in rows)

    def waiting(self) -> int:
        return int(self.world.one("SELECT count(*) FROM promote.figures_due")[0])

    def holds(self) -> None:
        assert promote.check_core(self.db, self.org, size=7).differences == []


@pytest.fixture
def shop(database: Database, org: Organization) -> Shop:
    return Shop(database, org)


@contextmanager
def counted(db: Database, statement: str) -> Iterator[list[int]]:
    """How often a statement is executed meanwhile."""
    times: list[int] = []

    def seen(_conn: Any, _cursor: Any, asked: str, *_: Any) -> None:
        if asked == statement:
            times.append(1)

    event.listen(db.engine, "before_cursor_execute", seen)
    yield times
    event.remove(db.engine, "before_cursor_execute", seen)


def test_the_orders_of_a_customer_are_read_once_however_many_batches_promote_them(shop: Shop) -> None:
    batches: list[int] = []
    with counted(shop.db, figures.SQL["orders_of_records"]) as times:
        report = shop.apply(shop.plan(shop.orders), progress=lambda now: batches.append(now.done))
    assert report.done == ORDERS
    assert len(batches) > 2
    assert len(times) == 1
    assert (shop.worth(), shop.waiting()) == ([(Decimal(10 * ORDERS), ORDERS)], 0)
    shop.holds()


def test_a_queue_whose_worker_died_computes_them_when_it_goes_on(shop: Shop) -> None:
    plan = shop.plan([*shop.orders, shop.world.capture("customer", customer(3, last_name="Other"))])
    shop.stop_after(plan, 2)
    assert shop.waiting() == 1
    shop.holds()  # what waits is no difference
    assert shop.apply(plan).done == ORDERS + 1
    assert (shop.worth(), shop.waiting()) == ([(Decimal(10 * ORDERS), ORDERS)], 0)
    shop.holds()


def test_what_a_cancelled_queue_left_is_computed_before_the_next_promotion(shop: Shop) -> None:
    queue = shop.stop_after(shop.plan(shop.orders), 1)
    promote.cancel(shop.db, shop.org.org_id, queue, actor="tester")
    assert shop.waiting() == 1
    shop.holds()
    shop.world.promote("customer", customer(4))
    assert shop.waiting() == 0
    assert (Decimal(10 * ORDERS), ORDERS) in shop.worth()
    shop.holds()


def test_undo_of_a_cancelled_queue_computes_what_it_left(shop: Shop) -> None:
    plan = shop.plan(shop.orders)
    queue = shop.stop_after(plan, 1)
    promote.cancel(shop.db, shop.org.org_id, queue, actor="tester")
    shop.order(200)
    promote.undo(shop.db, shop.org.org_id, plan, actor="tester")
    assert (shop.worth(), shop.waiting()) == ([(Decimal(10 * ORDERS + 10), ORDERS + 1)], 0)
    shop.holds()


def test_very_many_are_computed_few_at_a_time_before_the_last_lines(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures_due, "_MOST", 2)
    people = [shop.world.capture("customer", customer(number)) for number in range(10, 17)]
    orders = [shop.order(500 + number, who=number) for number in range(10, 17)]
    plan = shop.plan([*people, *orders])
    derive = figures_due.derive
    done: list[int] = []

    def dies(conn: Any, org: Any, customers: Any, **options: Any) -> None:
        if len(done) == 2:
            raise Stopped
        derive(conn, org, customers, **options)
        done.append(len(customers))

    with monkeypatch.context() as patch:
        patch.setattr(figures_due, "derive", dies)
        with pytest.raises(Stopped):
            shop.apply(plan)
    assert (done, shop.waiting()) == ([2, 2], 3)
    assert shop.apply(plan).state == "done"
    assert (shop.worth(), shop.waiting()) == ([(Decimal(0), 0), *[(Decimal(10), 1)] * 7], 0)
    shop.holds()
