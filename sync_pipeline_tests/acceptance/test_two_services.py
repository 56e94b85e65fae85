"""Two API processes behind one address: whichever answers, a session is a session, a rate a rate, and streams go on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect, promote, select
from sync_pipeline.steps.connect import tokens, users
from sync_pipeline_tests.explored import PASSWORD
from sync_pipeline_tests.proxy import Proxy, proxied
from sync_pipeline_tests.served import serving
from sync_pipeline_tests.stores import Shop, shop
from sync_pipeline_tests.waiting import wait_until

pytestmark = pytest.mark.torture
RATE = 120  # calls a minute of a token: 30 at once


@dataclass
class Pair:
    """Two processes, and the address that both are behind."""

    store: Shop
    balancer: Proxy
    processes: list[Any]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.balancer.port}"

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A call on a connection of its own, so that it goes to the process whose turn it is."""
        with httpx.Client(base_url=self.url, timeout=120) as client:
            return client.request(method, path, **options)

    def token(self, role: str = "viewer") -> dict[str, str]:
        plain = tokens.add_token(self.store.db, self.store.org, role, actor="test").plain
        return {"Authorization": f"Bearer {plain}"}

    def answered(self, since: int) -> set[Any]:
        """The processes that connections went to since then."""
        return set(self.balancer.given[since:])


@pytest.fixture
def pair(
    owner_url: str,
    database: Database,
    settings: Settings,
    org: connect.Organization,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Pair]:
    monkeypatch.setenv("SYNC_CALLS_PER_MINUTE", str(RATE))
    made = Store()
    seed(made, products=30, variable=0, customers=2, orders=2)
    with ExitStack() as stack:
        store = stack.enter_context(shop(database, settings, org, made, batch_size=2, batch_delay_ms=300))
        store.pull("products")
        store.preview("products")
        both = [stack.enter_context(serving(owner_url, database, settings)) for _ in range(2)]
        addresses = [("127.0.0.1", int(urlsplit(url).port or 0)) for _, url in both]
        yield Pair(store, stack.enter_context(proxied(*addresses)), [process for process, _ in both])


def test_a_session_holds_in_both_and_ends_in_both(pair: Pair) -> None:
    users.add_user(pair.store.db, pair.store.org, "ann@acme.example", PASSWORD, "operator", actor="test")
    same = {"Sec-Fetch-Site": "same-origin"}
    login = {"org": "acme", "email": "ann@acme.example", "password": PASSWORD}
    began = len(pair.balancer.given)
    entered = pair.call("POST", "/ui/login", data=login, headers=same)
    assert entered.status_code == 303, entered.text
    cookie = {"Cookie": entered.headers["set-cookie"].partition(";")[0], **same}
    assert {pair.call("GET", "/ui/acme", headers=cookie).status_code for _ in range(6)} == {200}
    assert len(pair.answered(began)) == 2
    assert pair.call("POST", "/ui/acme/logout", headers=cookie).status_code == 303
    assert {pair.call("GET", "/ui/acme", headers=cookie).status_code for _ in range(4)} == {303}


def test_a_token_has_one_rate_and_is_revoked_in_both(pair: Pair) -> None:
    token, given, began = pair.token(), len(pair.balancer.given), time.monotonic()

    def call(_number: int) -> int:
        return pair.call("GET", "/api/v1/connections", headers=token).status_code

    with ThreadPoolExecutor(6) as callers:  # one after the other, a busy machine may not reach the rate
        found = list(callers.map(call, range(3 * RATE // 4)))
    seconds = time.monotonic() - began
    assert len(pair.answered(given)) == 2
    assert set(found) == {200, 429}
    assert RATE // 4 <= found.count(200) <= RATE // 4 + seconds * RATE / 60 + 1
    other = tokens.add_token(pair.store.db, pair.store.org, "viewer", actor="test")
    headers = {"Authorization": f"Bearer {other.plain}"}
    assert {pair.call("GET", "/api/v1/connections", headers=headers).status_code for _ in range(4)} == {200}
    tokens.revoke_token(pair.store.db, pair.store.org, other.token_id, actor="test")
    assert {pair.call("GET", "/api/v1/connections", headers=headers).status_code for _ in range(4)} == {401}


def test_a_stream_tells_what_happens_elsewhere_and_is_opened_again(pair: Pair) -> None:
    stream = pair.store.connection.source.stream("products")
    select.select(pair.store.db, pair.store.connection, stream, everything=True, include=True, actor="a", draft=True)
    plan = select.make_plan(pair.store.db, pair.store.org, actor="a")
    assert plan is not None
    queue = promote.create_request(pair.store.db, pair.store.org.org_id, plan.plan_id, actor="a").queue.queue_id
    path, token = f"/api/v1/integrations/sync/queue/{queue}/events", pair.token()
    told: list[dict[str, Any]] = []
    broken = threading.Event()

    def follow() -> None:
        """As a browser does: a stream that breaks is opened again."""
        while not told or told[-1]["state"] != "done":
            try:
                with (
                    httpx.Client(base_url=pair.url, timeout=120) as client,
                    client.stream("GET", path, headers=token) as s,
                ):
                    told.extend(json.loads(line[6:]) for line in s.iter_lines() if line.startswith("data: "))
            except httpx.HTTPError:
                broken.set()

    follower = threading.Thread(target=follow)
    follower.start()
    wait_until(lambda: told, "the stream tells how it is")
    serving_it = pair.balancer.given[-1]
    worker = threading.Thread(target=promote.work, args=(pair.store.db, pair.store.org.org_id, str(queue)))
    worker.start()
    wait_until(lambda: told[-1]["processedCount"] > 0, "the stream tells what another process does")
    [number] = [n for n, one in enumerate(pair.processes) if str(serving_it[1]) in map(str, one.args)]
    pair.processes[number].kill()
    worker.join(120)
    follower.join(120)
    assert not follower.is_alive()
    assert broken.is_set()
    assert told[-1]["processedCount"] == 30
    assert pair.call("GET", "/readyz").status_code == 200, "the other one answers for both"
