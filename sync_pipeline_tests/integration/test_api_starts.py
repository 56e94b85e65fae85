"""Starting a promotion over HTTP: once, however often and by how many at once it is asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.served import Served
from sync_pipeline_tests.stores import Shop, shop

START = "/api/v1/integrations/woocommerce/sync/products"
SYNC = "/api/v1/integrations/sync"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=6, variable=0, customers=2, orders=2)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull()
    for name in opened.streams:
        opened.preview(name)


template = captured_once(shop, fill, capture_all)


def count(store: Shop, table: str) -> int:
    with store.db.org(store.org.org_id) as conn:
        return int(conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def products(store: Shop) -> list[str]:
    return [str(number) for number in store.store.tables["products"].ids]


def test_the_same_key_at_once_is_one_queue(api: Served, store: Shop) -> None:
    def start(_: int) -> tuple[int, Any]:
        body = {"action": "start", "ids": products(store)}
        answer = api.call("POST", START, store.org, "operator", json=body, headers={"Idempotency-Key": "k"})
        return answer.status_code, answer.json()["data"]

    api.call("GET", "/api/v1/session", store.org, "operator")  # the token, before many ask for one
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(start, range(8)))
    assert {status for status, _ in answers} == {200}
    assert len({(one["queue"]["queue_id"], one["plan_id"], one["request_id"]) for _, one in answers}) == 1
    for table in ("promote.sync_queue", "selection.sync_plan", "observe.request", "selection.selection_batch"):
        assert count(store, table) == 1


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        (START, {"action": "start"}, {"action": "start", "batch_size": 7}),
        (f"{SYNC}/orchestrate", {"entities": [{"entity": "products"}]}, {"entities": [{"entity": "customers"}]}),
        (f"{SYNC}/materialize", {"entities": ["products"]}, {"entities": ["customers"]}),
    ],
)
def test_a_key_belongs_to_what_was_asked_with_it(
    api: Served, store: Shop, path: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    ids = products(store)[:2]
    if path.endswith("orchestrate"):
        for one in (body, other):
            one["entities"][0]["ids"] = ids
    else:
        select = {"decision": "include", "ids": ids, "draft": True}
        api.call("POST", f"{SYNC}/preview?action=select&entity_type=products", store.org, json=select)
    key = {"Idempotency-Key": "k"}
    first = api.call("POST", path, store.org, json=body, headers=key)
    assert first.json()["data"]["queue"]["total"] == 2, first.text
    again = api.call("POST", path, store.org, json=body, headers=key)
    assert again.json() == first.json()
    refused = api.call("POST", path, store.org, json=other, headers=key)
    assert refused.status_code == 409
    assert "idempotency key" in refused.json()["error"]
    pull = api.call("POST", f"{START}/full", store.org, headers=key)
    assert pull.status_code == 409
    assert count(store, "promote.sync_queue") == 1


def test_what_an_open_queue_has_is_not_planned_again(api: Served, store: Shop) -> None:
    """Asked for once more, by whatever call, it is that queue; only what it lacks makes another one."""

    def start(path: str, **body: Any) -> dict[str, Any]:
        found: dict[str, Any] = api.call("POST", path, store.org, json=body).json()["data"]
        return found

    one, two, three, four, *_ = products(store)
    select = {"decision": "include", "ids": [one, two, three], "draft": True}
    api.call("POST", f"{SYNC}/preview?action=select&entity_type=products", store.org, json=select)
    first = start(f"{SYNC}/materialize", entities=["products"], batch_size=7)
    assert (first["queue"]["total"], first["queue"]["state"]) == (3, "draft")
    for again in (
        start(f"{SYNC}/materialize", entities=["products"], batch_size=99),
        start(f"{SYNC}/materialize"),
        start(START, action="start", ids=[two, one]),
        start(f"{SYNC}/orchestrate", entities=[{"entity": "products", "ids": [three]}]),
    ):
        assert (again["queue"], again["plan_id"], again["request_id"]) == (
            first["queue"], first["plan_id"], first["request_id"]
        )  # fmt: skip
    assert start("/api/v1/plans")["plan"] is None
    other = start(START, action="start", ids=[one, four])
    assert (other["queue"]["total"], other["queue"]["queue_id"] == first["queue"]["queue_id"]) == (1, False)
    assert count(store, "promote.sync_queue") == 2
    api.call("POST", START, store.org, json={"action": "cancel", "queue_id": first["queue"]["queue_id"]})
    assert start("/api/v1/plans")["plan"]["creates"] == 3, "what was cancelled is planned again"


def test_a_message_says_that_nothing_was_done(api: Served, store: Shop) -> None:
    """What agents proposed and is left out is told beside what was done, in a field of its own."""
    select = {"decision": "include", "all": True}
    api.call("POST", f"{SYNC}/preview?action=select&entity_type=products", store.org, "agent", json=select)
    one, two, *_ = products(store)
    for call, ids, made in ((f"{SYNC}/materialize", [one], "queue"), ("/api/v1/plans", [two], "plan")):
        nothing = api.call("POST", call, store.org, json={}).json()["data"]
        assert (nothing[made], nothing["left_out"]) == (None, None)
        assert nothing["message"].startswith("Nothing to plan: ")
        select = {"decision": "include", "ids": ids, "draft": True}
        api.call("POST", f"{SYNC}/preview?action=select&entity_type=products", store.org, json=select)
        done = api.call("POST", call, store.org, json={"entities": ["products"]}).json()["data"]
        assert done[made] is not None
        assert done["message"] is None
        assert "records that agents proposed are left out: shop products" in done["left_out"]


def test_a_key_of_another_kind_of_request_starts_nothing(api: Served, store: Shop) -> None:
    key = {"Idempotency-Key": "k"}
    assert api.call("POST", f"{START}/full", store.org, headers=key).status_code == 202
    body = {"action": "start", "ids": products(store)}
    assert api.call("POST", START, store.org, json=body, headers=key).status_code == 409
    assert count(store, "promote.sync_queue") == 0


def test_a_plan_applied_over_and_over_is_one_queue_and_one_run(api: Served, store: Shop) -> None:
    body = {"action": "start", "ids": products(store)}
    plan = api.call("POST", START, store.org, json=body).json()["data"]["plan_id"]
    answers = [api.call("POST", f"/api/v1/plans/{plan}/apply", store.org) for _ in range(4)]
    assert len({(one.json()["data"]["queue"]["queue_id"], one.json()["data"]["request_id"]) for one in answers}) == 1
    assert (count(store, "promote.sync_queue"), count(store, "observe.request")) == (1, 1)
