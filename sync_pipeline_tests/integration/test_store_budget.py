"""A store's budget is one, however many processes, connections and organizations ask the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count

import pytest
from sqlalchemy import make_url

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import DatabaseUnavailable, TransientSourceError
from sync_pipeline.steps import connect
from sync_pipeline.steps.capture.budget import Budget, store_of
from sync_pipeline_tests.proxy import proxied
from sync_pipeline_tests.waiting import wait_until

STORE = "https://shop.example"
REST = 0.02  # seconds that the store takes to answer


class Counted:
    """A store that counts the requests it has in flight."""

    def __init__(self) -> None:
        self.now = self.most = self.answered = 0
        self.turn = threading.Lock()

    def answer(self, seconds: float = REST) -> None:
        with self.turn:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            time.sleep(seconds)
        finally:
            with self.turn:
                self.now -= 1
                self.answered += 1


class Workers:
    """Budgets as several processes have them, each with a pool of connections of its own."""

    def __init__(self, owner_url: str, database: Database, settings: Settings) -> None:
        self.url, self.db, self.settings = database.engine.url, database, settings
        self.stack, self.orgs = ExitStack(), 0

    def connection(self, most: int, org: connect.Organization | None = None) -> connect.Connection:
        """A connection to the store; of an organization of its own, if none is named."""
        self.orgs += 1
        org = org or connect.add_organization(self.db, f"o{self.orgs}")
        given = {"store_url": STORE, "consumer_key": "ck", "consumer_secret": "cs", "max_concurrency": most}
        return connect.add_connection(
            self.db, self.settings, org, "woocommerce", f"shop {self.orgs}", given, actor="test"
        )

    def budget(self, connection: connect.Connection, db: Database | None = None) -> Budget:
        if db is None:
            db = Database(self.url, pool_size=2)
            self.stack.callback(db.close)
        most = connection.common().max_concurrency
        return Budget(db, connection.org_id, connection.connection_id, store=connection.store_url, most=most)


@pytest.fixture
def workers(owner_url: str, database: Database, settings: Settings) -> Iterator[Workers]:
    made = Workers(owner_url, database, settings)
    with made.stack:
        yield made


def ask(budget: Budget, store: Counted, times: int, *, threads: int = 6) -> float:
    """Ask the store so often, several at once; how many seconds it took."""
    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(budget.call, store.answer) for _ in range(times)]:
            done.result()
    return time.monotonic() - began


def test_organizations_that_share_a_store_share_its_budget(workers: Workers) -> None:
    store = Counted()
    budgets = [workers.budget(workers.connection(3)) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(ask, budget, store, 60) for budget in budgets]:
            done.result()
    assert store.answered == 180
    assert store.most == 3


def test_more_workers_than_requests_take_turns(workers: Workers) -> None:
    store, ends = Counted(), []
    budgets = [workers.budget(workers.connection(2)) for _ in range(5)]

    def work(budget: Budget) -> None:
        deadline = time.monotonic() + 8
        made = 0
        while time.monotonic() < deadline:
            budget.call(store.answer)
            made += 1
        ends.append(made)
        budget.leave()

    with ThreadPoolExecutor(5) as pool:
        for done in [pool.submit(work, budget) for budget in budgets]:
            done.result()
    assert store.most == 2
    assert all(made >= 10 for made in ends), ends


def test_the_smallest_of_several_limits_counts(workers: Workers) -> None:
    store = Counted()
    small, large = (workers.budget(workers.connection(most)) for most in (2, 16))
    ask(large, store, 60, threads=16)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, small, store, 60)
        ask(large, store, 10, threads=16)  # learns of the other
        time.sleep(1.5)
        store.most = 0
        ask(large, store, 30, threads=16)
        first.result()
    assert store.most <= 2


def test_an_answer_that_takes_longer_than_a_lease_keeps_its_permit(workers: Workers) -> None:
    store = Counted()
    connection = workers.connection(1)
    slow, other = workers.budget(connection), workers.budget(connection)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(slow.call, lambda: store.answer(6))
        while not store.now:
            time.sleep(0.01)
        other.call(store.answer)
        first.result()
    assert store.most == 1


def test_what_a_dead_worker_had_is_free_when_its_requests_are_over(workers: Workers) -> None:
    """It died with a request in flight, which the store goes on answering for two seconds."""
    store = Counted()
    connection = workers.connection(1)
    dead, other = workers.budget(connection), workers.budget(connection)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(dead.call, lambda: store.answer(2))
        while not store.now:
            time.sleep(0.01)
        dead._left.set()  # from here on it renews nothing
        began = time.monotonic()
        other.call(store.answer)
    assert store.most == 1
    assert time.monotonic() - began < 10


def test_who_leaves_keeps_nobody_waiting(workers: Workers) -> None:
    store = Counted()
    connection = workers.connection(1)
    for _ in range(4):
        budget = workers.budget(connection)
        began = time.monotonic()
        budget.call(store.answer)
        budget.leave()
        assert time.monotonic() - began < 2
    with workers.db.org(connection.org_id) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM connect.request_lease").scalar_one() == 0


def test_a_busy_store_is_spared_by_all_who_share_it(workers: Workers) -> None:
    """What one learns from a 429 is another's limit, too, though their organizations know nothing of each other."""
    store = Counted()
    one, other = (workers.budget(workers.connection(8)) for _ in range(2))
    for budget in (one, other):
        ask(budget, store, 40)
    asked, over = count(), threading.Event()

    def busy() -> None:
        if next(asked) % 4 == 0:
            raise TransientSourceError("busy", status=429)
        store.answer()

    def go_on(budget: Budget, call: Callable[[], None]) -> None:
        while not over.is_set():
            budget.call(call)

    with ThreadPoolExecutor(12) as pool:
        going = [pool.submit(go_on, one, busy) for _ in range(6)] + [
            pool.submit(go_on, other, store.answer) for _ in range(6)
        ]

        def few_at_once() -> bool:
            store.most, until = 0, store.answered + 20
            wait_until(lambda: store.answered >= until, "the store answers twenty more")
            return 1 <= store.most <= 4

        try:
            wait_until(few_at_once, "both keep to what one of them has learned")
        finally:
            over.set()
        for done in going:
            done.result()


def test_without_the_database_no_request_begins(workers: Workers, owner_url: str) -> None:
    """A worker that cannot renew its lease might be one too many."""
    store = Counted()
    connection = workers.connection(2)
    folder = str(make_url(owner_url).query["host"])
    with proxied(f"{folder}/.s.PGSQL.5432") as proxy:
        url = workers.url.set(host="127.0.0.1", port=proxy.port, query={})
        db = Database(url, pool_size=2)
        cut = workers.budget(connection, db)
        cut.call(store.answer)
        proxy.cut()
        with pytest.raises(DatabaseUnavailable):
            ask(cut, store, 1000, threads=1)
        answered = store.answered
        with pytest.raises(DatabaseUnavailable):
            cut.call(store.answer)
        assert store.answered == answered
        other = workers.budget(connection)
        for _ in range(3):
            other.call(store.answer)
        proxy.mend()
        cut.call(store.answer)
        cut.leave()
        db.close()
    assert store.most == 1


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("https://Shop.example/", "https://shop.example:443"),
        ("http://shop.example", "http://shop.example:80/"),
        ("https://shop.example/eu/", "https://shop.example/eu"),
    ],
)
def test_an_address_written_in_two_ways_is_one_store(address: str, other: str) -> None:
    assert store_of(address) == store_of(other)
    assert store_of(address) != store_of("https://shop.example/other")
