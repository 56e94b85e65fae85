"""Figures are computed once a queue, with its last lines, and whatever ends a queue they are computed at last."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, event

from sync_pipeline.db.engine import Database
from sync_pipeline.steps import promote
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.promote.queue import worker as worker_module
from sync_pipeline.steps.promote.write import figures, figures_due
from sync_pipeline_tests.integration.promote_world import World, customer, order
from sync_pipeline_tests.waiting import wait_until

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

    def plan_of_seven(self) -> str:
        """A plan of seven customers with an order each."""
        people = [self.world.capture("customer", customer(number)) for number in range(10, 17)]
        return self.plan([*people, *(self.order(500 + number, who=number) for number in range(10, 17))])

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

    def facts(self) -> Any:
        return self.world.one("SELECT metadata -> 'completed_orders' FROM core.customers")[0]

    def waiting(self) -> int:
        return int(self.world.one("SELECT count(*) FROM promote.figures_due")[0])

    def holds(self) -> None:
        assert promote.check_core(self.db, self.org, size=7).differences == []


@pytest.fixture
def shop(database: Database, org: Organization) -> Shop:
    return Shop(database, org)


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    """The statements meanwhile that read captured orders for figures."""
    reads, times = {figures.SQL["orders_of_records"], figures.SQL["orders_of_emails"]}, list[str]()

    def seen(_conn: Any, _cursor: Any, asked: str, *_: Any) -> None:
        if asked in reads:
            times.append(asked)

    event.listen(db.engine, "before_cursor_execute", seen)
    yield times
    event.remove(db.engine, "before_cursor_execute", seen)


@pytest.mark.parametrize("who", [3, 0])
def test_the_orders_of_a_buyer_are_read_once_however_many_batches_promote_them(shop: Shop, who: int) -> None:
    """`who` 0: orders of one guest."""
    batches: list[int] = []
    orders = [shop.order(number, who=who) for number in range(200, 200 + ORDERS)]
    with counted(shop.db) as times:
        report = shop.apply(shop.plan(orders), progress=lambda now: batches.append(now.done))
    assert report.done == ORDERS
    assert len(batches) > 2
    assert len(times) == len(set(times)) > 0
    assert (Decimal(10 * ORDERS * (1 + (who == 3))), ORDERS * (1 + (who == 3))) in shop.worth()
    assert shop.waiting() == 0
    shop.holds()


def test_a_queue_whose_worker_died_computes_them_when_it_goes_on(shop: Shop) -> None:
    plan = shop.plan([*shop.orders, shop.world.capture("customer", customer(3, last_name="Other"))])
    shop.stop_after(plan, 2)
    shop.world.promote("customer", customer(4))
    assert shop.waiting() == 1  # another promotion leaves it what it has
    shop.holds()  # what waits is no difference
    assert shop.apply(plan).done == ORDERS + 1
    assert (shop.worth(), shop.waiting()) == ([(Decimal(0), 0), (Decimal(10 * ORDERS), ORDERS)], 0)
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
    plan = shop.plan_of_seven()
    derive = figures.derive
    done: list[int] = []

    def dies(conn: Any, org: Any, customers: Any, **options: Any) -> None:
        if len(done) == 2:
            raise Stopped
        derive(conn, org, customers, **options)
        done.append(len(customers))

    with monkeypatch.context() as patch:
        patch.setattr(figures, "derive", dies)
        with pytest.raises(Stopped):
            shop.apply(plan)
    assert (done, shop.waiting()) == ([2, 2], 3)
    assert shop.apply(plan).state == "done"
    assert (shop.worth(), shop.waiting()) == ([(Decimal(0), 0), *[(Decimal(10), 1)] * 7], 0)
    shop.holds()


def test_what_a_record_says_of_a_customer_leaves_the_figures_that_are_due(shop: Shop) -> None:
    shop.apply(shop.plan(shop.orders))
    assert shop.facts() == ORDERS
    orders = [shop.order(number) for number in range(300, 320)]
    plan = shop.plan([shop.world.capture("customer", customer(3, last_name="Other")), *orders])
    shop.stop_after(plan, 2)
    assert (shop.facts(), shop.worth()) == (ORDERS, [(Decimal(10 * ORDERS), ORDERS)])
    shop.apply(plan)
    assert shop.facts() == ORDERS + 20
    shop.holds()


def test_figures_that_the_database_refuses_stop_no_promotion(shop: Shop, owner_url: str) -> None:
    with create_engine(owner_url, poolclass=NullPool).begin() as conn:
        conn.exec_driver_sql("ALTER TABLE core.customers ADD CONSTRAINT little CHECK (lifetime_value < 300)")
    people = [shop.world.capture("customer", customer(number)) for number in range(4, 8)]
    plan = shop.plan([*people, *shop.orders, *(shop.order(number, who=number - 600) for number in range(604, 608))])
    report = shop.apply(plan)
    assert (report.state, report.failed, shop.waiting()) == ("done", 0, 0)
    assert shop.worth() == [(Decimal(0), 0), *[(Decimal(10), 1)] * 4]
    words = [one for line in promote.lines(shop.db, shop.org.org_id, report.queue) for one in line.warnings]
    assert [one for one in words if "little" in one] == [
        'The figures of its customer are not renewed. The database refused it: new row for relation "customers" '
        'violates check constraint "little"'
    ]
    (one,) = promote.check_core(shop.db, shop.org).differences
    assert (one.table, one.field, "little" in one.should) == ("core.customers", "", True)
    shop.world.promote("customer", customer(9))
    shop.order(604, who=4)
    promote.undo(shop.db, shop.org.org_id, plan, actor="tester")


def test_workers_that_end_a_queue_together_do_not_compute_all_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures_due, "_MOST", 2)
    shop.apply(shop.plan([shop.world.capture("customer", customer(number)) for number in range(10, 25)]))
    plan = shop.plan([shop.order(500 + number, who=number) for number in range(10, 25)])
    many: list[int] = []
    derive = figures.derive

    def noted(conn: Any, org: Any, customers: Any, **options: Any) -> None:
        many.append(len(customers))
        derive(conn, org, customers, **options)

    monkeypatch.setattr(figures, "derive", noted)
    queue = promote.start(shop.db, shop.org.org_id, plan, actor="tester")
    waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with ThreadPoolExecutor(2) as pool:
        with held(shop):
            ends = [pool.submit(promote.work, shop.db, shop.org.org_id, queue)]
            claimed = "SELECT 1 FROM promote.sync_queue_line WHERE state = 'processing'"
            wait_until(lambda: len(shop.world.sql(claimed)) == 10, "one has claimed this batch and the next")
            ends.append(pool.submit(promote.work, shop.db, shop.org.org_id, queue))
            wait_until(lambda: len(shop.world.sql(waits)) == 2, "both are about to write")
        assert [one.result().state for one in ends] == ["done", "done"]
    assert max(many) <= 5  # of the last five lines
    assert shop.worth() == [(Decimal(0), 0), *[(Decimal(10), 1)] * 15]
    assert shop.waiting() == 0


@contextmanager
def held(shop: Shop) -> Iterator[None]:
    """Somebody else writes core."""
    with shop.db.org(shop.org.org_id) as conn:
        worker_module.begin(conn, None)
        yield


def test_a_lock_that_is_not_had_while_figures_are_computed_is_waited_for(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures_due, "_MOST", 2)
    plan = shop.plan_of_seven()
    event.listen(shop.db.engine, "connect", lambda made, _: made.execute("SET lock_timeout = '50ms'"))
    shop.db.engine.dispose()
    settle, let_go = figures_due.settle, threading.Event()

    def meets_another(*given: Any, **options: Any) -> None:
        if not let_go.is_set():
            had, refused = threading.Event(), "SELECT 1 FROM promote.sync_queue_line WHERE not_before IS NOT NULL"

            def other() -> None:
                with held(shop), shop.db.org(shop.org.org_id) as looks:
                    had.set()
                    wait_until(lambda: let_go.is_set() or looks.exec_driver_sql(refused).all(), "it is put back")
                let_go.set()

            pool.submit(other)
            had.wait()
        settle(*given, **options)

    monkeypatch.setattr(figures_due, "settle", meets_another)
    with ThreadPoolExecutor(1) as pool:
        try:
            assert shop.apply(plan).state == "done"
        finally:
            let_go.set()
    assert (shop.worth(), shop.waiting()) == ([(Decimal(0), 0), *[(Decimal(10), 1)] * 7], 0)


def test_a_worker_that_dies_at_any_commit_leaves_no_ended_queue_with_figures_that_are_due(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures_due, "_MOST", 2)
    plan, left = shop.plan_of_seven(), [0]

    def dies(_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Stopped

    event.listen(shop.db.engine, "commit", dies)
    died = 0
    for commits in range(1, 100):
        left[0] = commits
        try:
            shop.apply(plan)
        except Stopped:
            died += 1
        finally:
            left[0] = 0
        states = [row.state for row in shop.world.sql("SELECT state FROM promote.sync_queue WHERE total > 1")]
        assert not shop.waiting() or states == ["processing"]
        if states == ["done"]:
            break
    assert (died > 10, states) == (True, ["done"])
    assert (shop.worth(), shop.waiting()) == ([(Decimal(0), 0), *[(Decimal(10), 1)] * 7], 0)
    shop.holds()
