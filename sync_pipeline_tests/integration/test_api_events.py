"""Queues followed live: right whoever works on them, and however many follow."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.api.application import build
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect, promote, select
from sync_pipeline.steps.connect import tokens
from sync_pipeline_tests.served import listening
from sync_pipeline_tests.stores import Shop, shop
from sync_pipeline_tests.waiting import wait_until

PRODUCTS = 40


@pytest.fixture
def store(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Shop]:
    made = Store()
    seed(made, products=PRODUCTS, variable=0, customers=1, orders=1)
    with shop(database, settings, org, made, batch_size=4, batch_delay_ms=150) as opened:
        opened.pull("products")
        opened.preview("products")
        yield opened


def queued(store: Shop) -> str:
    stream = store.connection.source.stream("products")
    select.select(store.db, store.connection, stream, everything=True, include=True, actor="ann", draft=True)
    plan = select.make_plan(store.db, store.org, actor="ann")
    assert plan is not None
    return str(promote.create_request(store.db, store.org.org_id, plan.plan_id, actor="ann").queue.queue_id)


def work(store: Shop, queue: str) -> None:
    promote.work(store.db, store.org.org_id, queue)


async def follow(
    client: httpx.AsyncClient, url: str, events: list[tuple[str, dict[str, Any]]] | None = None
) -> list[tuple[str, dict[str, Any]]]:
    """Every event of a stream until it ends, its name and data; put into `events` as they come."""
    events = [] if events is None else events
    async with client.stream("GET", url) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = "message"
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                events.append((name, json.loads(line[6:])))
            elif not line:
                name = "message"
    return events


def headers(store: Shop) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.add_token(store.db, store.org, 'viewer', actor='t').plain}"}


def test_a_head_is_what_a_get_begins_with(store: Shop, settings: Settings) -> None:
    """Monitors and load balancers ask so."""
    queue = queued(store)
    with listening(build(settings, store.db)) as url, httpx.Client(headers=headers(store), timeout=60) as client:
        for path, status in (
            ("/healthz", 200), ("/api/v1/providers", 200), ("/nix", 404),
            ("/api/v1/integrations/sync/orchestrate", 405),
            (f"/api/v1/integrations/sync/queue/{queue}/events", 200),  # it does not go on
        ):  # fmt: skip
            head = client.head(url + path)
            assert (path, head.status_code, head.content) == (path, status, b"")
            if not path.endswith("events"):
                get = client.get(url + path)
                same = ("content-type", "content-length", "cache-control")
                assert [head.headers.get(one) for one in same] == [get.headers.get(one) for one in same]


def check(events: list[tuple[str, dict[str, Any]]]) -> None:
    assert events[-1][0] == "end"
    told = [data for _, data in events]
    done = [one["processedCount"] for one in told]
    assert done == sorted(done)
    assert done[-1] == PRODUCTS
    assert told[-1]["state"] == "done"
    assert told[-1]["completionPercent"] == 100.0
    assert told[-1]["etaSeconds"] == 0.0
    for one in told:
        assert set(one) == {
            "queueId", "state", "totalCount", "processedCount", "failedCount", "cancelledCount", "itemsPerMin",
            "etaSeconds", "completionPercent",
        }  # fmt: skip
        assert one["completionPercent"] == pytest.approx(100 * one["processedCount"] / PRODUCTS, abs=0.1)


def test_two_hundred_follow_a_queue_and_hold_nothing(store: Shop, settings: Settings) -> None:
    queue = queued(store)
    app = build(settings, store.db)
    with listening(app) as url:
        events = f"{url}/api/v1/integrations/sync/queue/{queue}/events"

        async def everybody() -> list[list[tuple[str, dict[str, Any]]]]:
            limits = httpx.Limits(max_connections=300)
            async with httpx.AsyncClient(headers=headers(store), timeout=60, limits=limits) as client:
                streams = [asyncio.create_task(follow(client, events)) for _ in range(200)]
                hub = app.state.hub
                await asyncio.to_thread(wait_until, lambda: hub.following == 200, "200 follow")
                most_connections = most_threads = 0
                worker = threading.Thread(target=work, args=(store, queue))
                before = threading.active_count()
                worker.start()
                while worker.is_alive():
                    most_connections = max(most_connections, store.db.engine.pool.checkedout())  # type: ignore[attr-defined]
                    most_threads = max(most_threads, threading.active_count() - before)
                    # Others are served meanwhile.
                    assert (await client.get(f"{url}/api/v1/providers")).status_code == 200
                    await asyncio.sleep(0.1)
                assert most_connections <= 10
                assert most_threads <= 12
                return await asyncio.gather(*streams)

        told = asyncio.run(everybody())
        assert len(told) == 200
        for one in told:
            check(one)
        assert len(told[0]) >= 2
        wait_until(lambda: app.state.hub.following == 0, "all are forgotten")
    assert store.db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_it_goes_on_after_a_worker_died(store: Shop, settings: Settings) -> None:
    """The lines of a dead worker are open until somebody else does them; the stream says exactly that."""
    queue = queued(store)
    with store.db.org(store.org.org_id) as conn:
        conn.exec_driver_sql(
            "UPDATE promote.sync_queue_line SET state = 'processing', worker = gen_random_uuid(), attempts = 1, "
            "lease_until = now() + interval '1 second' WHERE line_no <= 5"
        )
    with listening(build(settings, store.db)) as url:

        async def one() -> list[tuple[str, dict[str, Any]]]:
            async with httpx.AsyncClient(headers=headers(store), timeout=60) as client:
                events: list[tuple[str, dict[str, Any]]] = []
                path = f"{url}/api/v1/integrations/sync/queue/{queue}/events"
                stream = asyncio.create_task(follow(client, path, events))
                await asyncio.to_thread(wait_until, lambda: events, "the first event")
                left = "SELECT count(*) FROM promote.sync_queue_line WHERE lease_until > now()"
                await asyncio.to_thread(wait_until, lambda: store.value(left) == 0, "the dead worker's lease is over")
                workers = [threading.Thread(target=work, args=(store, queue)) for _ in range(2)]
                for worker in workers:
                    worker.start()
                await stream
                for worker in workers:
                    worker.join()
                return events

        events = asyncio.run(one())
    assert events[0][1]["processedCount"] == 0
    check(events)


def test_a_stream_of_what_is_over_ends_at_once_and_of_nothing_is_404(store: Shop, settings: Settings) -> None:
    queue = queued(store)
    work(store, queue)
    with listening(build(settings, store.db)) as url, httpx.Client(headers=headers(store), timeout=60) as client:
        path = f"{url}/api/v1/integrations/sync/queue"
        text = client.get(f"{path}/{queue}/events").text
        assert text.count("event: end") == 1
        missing = client.get(f"{path}/{queue[:-4]}0000/events")
        assert missing.status_code == 404
        assert set(missing.json()) == {"success", "error"}


def test_a_client_that_leaves_is_forgotten(store: Shop, settings: Settings) -> None:
    queue = queued(store)
    app = build(settings, store.db)
    with listening(app) as url, httpx.Client(headers=headers(store), timeout=60) as client:
        with client.stream("GET", f"{url}/api/v1/integrations/sync/queue/{queue}/events") as answer:
            lines = answer.iter_lines()
            while not next(lines).startswith("data: "):
                pass
            assert app.state.hub.following == 1
        wait_until(lambda: app.state.hub.following == 0, "it is forgotten")


def test_a_stream_ends_with_its_token(database: Database, settings: Settings, store: Shop) -> None:
    """Nobody works on the queue, so nothing but the token can end it."""
    queue = queued(store)
    ended = tokens.add_token(store.db, store.org, "viewer", actor="t")
    stays = tokens.add_token(store.db, store.org, "viewer", actor="t")
    with listening(build(settings, database)) as url, httpx.Client(timeout=60) as client:
        events = f"{url}/api/v1/integrations/sync/queue/{queue}/events"
        with (
            client.stream("GET", events, headers={"Authorization": f"Bearer {ended.plain}"}) as first,
            client.stream("GET", events, headers={"Authorization": f"Bearer {stays.plain}"}) as second,
        ):
            lines = first.iter_lines()
            assert next(line for line in lines if line.startswith("data: "))
            tokens.revoke_token(store.db, store.org, ended.token_id, actor="t")
            assert "event: end" not in list(lines)  # a client that asks again is told why
            assert client.get(events, headers={"Authorization": f"Bearer {ended.plain}"}).status_code == 401
            promote.cancel(store.db, store.org.org_id, queue, actor="t")
            assert "event: end" in list(second.iter_lines())
