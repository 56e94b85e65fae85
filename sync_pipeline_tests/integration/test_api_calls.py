"""The calls of the API, over a real shop and database."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from decimal import Decimal
from typing import Any
from unittest.mock import ANY
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect, promote, push, select
from sync_pipeline.steps.connect import users
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.explored import PASSWORD
from sync_pipeline_tests.served import Served
from sync_pipeline_tests.stores import Shop, shop

WOO = "/api/v1/integrations/woocommerce"
SYNC = "/api/v1/integrations/sync"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=12, variable=2, customers=6, orders=8)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull()
    for name in opened.streams:
        opened.preview(name)


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def store(template: Captured[Shop], database: Database, settings: Settings, org: connect.Organization) -> Shop:
    """Captured and previewed: 12 products, customers, orders."""
    return template.copy(database, settings, org)


def data(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["success"] is True
    return body["data"]


def work(shop: Shop, queue: str) -> None:
    """What Dagster's run does."""
    plan = promote.status(shop.db, shop.org.org_id, queue).plan_id
    promote.apply(shop.db, shop.org.org_id, plan, actor="run")


def test_the_table_is_what_was_captured(api: Served, store: Shop) -> None:
    answer = api.call("GET", f"{WOO}/table", store.org, "viewer", params={"entity": "products", "pageSize": 5})
    body = json.loads(answer.content, parse_float=Decimal)
    assert set(body) == {"data", "rowCount", "page", "pageSize", "as_of"}
    assert (body["rowCount"], body["page"], body["pageSize"], len(body["data"])) == (12, 1, 5, 5)
    exported = {str(one["id"]): one for one in store.export("products")}
    for row in body["data"]:
        assert {"external_id", "status", "display", "raw"} <= set(row)
        assert row["status"] == "new"
        assert row["raw"] == exported[row["external_id"]]
    again = api.call("GET", f"{WOO}/table", store.org, params={"entity": "products", "pageSize": 5, "page": 3}).json()
    assert len(again["data"]) == 2


def test_records_are_asked_for_by_id_and_without_payloads(api: Served, store: Shop) -> None:
    def asked(code: int = 200, **given: object) -> Any:
        answer = api.call("GET", f"{WOO}/table", store.org, "viewer", params={"entity": "products", **given})
        assert answer.status_code == code, answer.text
        return answer.json()

    one, two, three = sorted(store.ids("products"), key=int)[:3]
    body = asked(ids=f"{three}, {one},999999,{two},{one}")
    assert [row["external_id"] for row in body["data"]] == [three, one, two], "as asked, each once; what is there"
    assert (body["rowCount"], body["page"]) == (3, 1)
    slim = asked(ids=one, payload="false")["data"]
    assert [{**row, "raw": None} for row in asked(ids=one)["data"]] == slim
    assert {row["raw"] for row in asked(payload="false")["data"]} == {None}
    assert asked(ids="999999") == {**asked(ids="999998"), "as_of": ANY}, "nothing is no first import"
    assert asked(ids="999999")["data"] == []
    assert "ids" in asked(400, ids=one, status="new")["error"]
    assert "500" in asked(400, ids=",".join(map(str, range(501))))["error"]
    assert "500" in asked(400, ids=" , ")["error"]


def test_the_pages_of_every_order_hold_every_record_once(api: Served, store: Shop) -> None:
    for sort in ("external_id", "external_id:desc", "name", "modified:desc"):
        seen: list[str] = []
        for page in range(1, 6):
            params = {"entity": "products", "pageSize": 3, "page": page, "sort": sort}
            body = api.call("GET", f"{WOO}/table", store.org, params=params).json()
            seen += [row["external_id"] for row in body["data"]]
        assert sorted(seen) == sorted(store.ids("products")), sort
        if sort.startswith("external_id"):
            assert seen == sorted(seen, key=lambda i: (len(i), i), reverse=sort.endswith("desc"))


def test_search_finds_by_sku_name_email_and_number(api: Served, store: Shop) -> None:
    def found(entity: str, search: str) -> set[str]:
        body = api.call("GET", f"{WOO}/table", store.org, params={"entity": entity, "search": search}).json()
        assert body["rowCount"] == len(body["data"])
        return {row["external_id"] for row in body["data"]}

    product = next(one for one in store.export("products") if one["sku"])
    assert str(product["id"]) in found("products", product["sku"].upper())
    for word in product["name"].split():
        assert str(product["id"]) in found("products", word.lower())
    customer = store.export("customers")[0]
    assert found("customers", customer["email"]) == {str(customer["id"])}
    order = store.export("orders")[0]
    assert str(order["id"]) in found("orders", order["number"])
    assert found("products", "' OR 1=1 --") == set()
    assert found("products", "%") == set()
    assert found("products", "\\") == set()


def test_only_what_matches_a_status_or_decision_is_shown(api: Served, store: Shop) -> None:
    ids = sorted(store.ids("products"))
    chosen = data(
        api.call("POST", f"{SYNC}/preview?action=select&sync_type=woocommerce&entity_type=products", store.org,
                 "operator", json={"decision": "include", "ids": ids[:4], "why": "ours"})
    )  # fmt: skip
    assert chosen["records"] == 4
    table = f"{WOO}/table?entity=products"
    assert api.call("GET", f"{table}&selection=include", store.org).json()["rowCount"] == 4
    assert api.call("GET", f"{table}&selection=undecided", store.org).json()["rowCount"] == 8
    assert api.call("GET", f"{table}&status=new", store.org).json()["rowCount"] == 12
    assert api.call("GET", f"{table}&status=in_sync", store.org).json()["rowCount"] == 0
    started = data(api.call("POST", f"{SYNC}/materialize", store.org, json={"entities": ["products"]}))
    work(store, started["queue"]["queue_id"])
    assert api.call("GET", f"{table}&status=new", store.org).json()["rowCount"] == 8
    body = api.call("GET", f"{table}&status=in_sync", store.org).json()
    assert {row["external_id"] for row in body["data"]} == set(ids[:4])
    assert body["rowCount"] == 4


def test_counts_say_how_many_of_each_status_are_decided_how(api: Served, store: Shop) -> None:
    path, org = "/api/v1/connections/shop/counts", store.org

    def products(**params: Any) -> dict[str, Any]:
        (found,) = data(api.call("GET", path, org, "viewer", params={"entity": "products", **params}))
        return dict(found)

    none = {"total": 0, "include": 0, "ignore": 0, "undecided": 0}
    assert products() == {
        "entity": "products", "total": 12, "in_sync": 0, "capped": False, "updated": none, "deleted": none,
        "new": {"total": 12, "include": 0, "ignore": 0, "undecided": 12},
    }  # fmt: skip
    first, second, *_ = sorted(store.ids("products"))
    stream = store.connection.source.stream("products")
    for one, include in ((first, True), (second, False)):
        select.select(store.db, store.connection, stream, ids=[one], include=include, actor="ann")
    assert products()["new"] == {"total": 12, "include": 1, "ignore": 1, "undecided": 10}
    assert products(search=first)["new"]["include"] == 1
    every = data(api.call("GET", path, org, "viewer"))
    assert [one["entity"] for one in every] == list(store.connection.source.streams)
    assert api.call("GET", path, org, params={"entity": "unicorns"}).status_code == 404


def test_what_is_in_quarantine_is_listed_with_its_cause(api: Served, store: Shop) -> None:
    with api.db.org(store.org.org_id) as conn:
        conn.exec_driver_sql(
            "INSERT INTO capture.sync_quarantine (org_id, connection_id, entity_type, external_id, reason, status, raw)"
            " SELECT connect.current_org(), %s, e, i::text, 'HTTP 500', 500, decode('ff41', 'hex')"
            " FROM (VALUES ('product'), ('order')) AS t (e), generate_series(1, 3) AS i ORDER BY e, i",
            (store.connection.connection_id,),
        )
    path = "/api/v1/connections/shop/quarantine"
    first = api.call("GET", path, store.org, "viewer", params={"entity": "products", "limit": 2}).json()
    assert (first["rowCount"], [one["external_id"] for one in first["data"]]) == (3, ["1", "2"])
    rest = api.call("GET", path, store.org, params={"entity": "products", "limit": 2, "after": first["next"]}).json()
    assert ([one["external_id"] for one in rest["data"]], rest["next"]) == (["3"], None)
    assert api.call("GET", path, store.org).json()["rowCount"] == 6
    one = data(api.call("GET", f"{path}/{first['data'][0]['quarantine_id']}", store.org, "viewer"))
    assert (one["raw"], one["entity"], one["status"], one["captured"]) == ("\\xffA", "products", 500, False)
    assert "error log" in one["remedy"]


def test_standing_rules_are_added_listed_and_ended(api: Served, store: Shop) -> None:
    path = "/api/v1/connections/shop/rules"
    given = {"entity": "products", "kind": "ignore_where", "field": "status", "value": "draft", "why": "not for sale"}
    made = data(api.call("POST", path, store.org, "operator", json=given), 201)
    assert {name: made[name] for name in given} == given
    assert api.call("POST", path, store.org, "agent", json=given).status_code == 403
    assert api.call("POST", path, store.org, json={"entity": "products", "kind": "ignore_where"}).status_code == 400
    listed = api.call("GET", path, store.org, "viewer").json()
    assert (listed["rowCount"], listed["data"]) == (1, [made])
    assert data(api.call("DELETE", f"{path}/{made['rule_id']}", store.org, "operator"))["dropped"] is True
    assert api.call("DELETE", f"{path}/{made['rule_id']}", store.org, "operator").status_code == 404
    assert api.call("GET", path, store.org).json()["rowCount"] == 0


def test_one_record_in_full(api: Served, store: Shop) -> None:
    one = min(store.ids("products"))
    found = data(api.call("GET", f"{WOO}/records/products/{one}", store.org))
    assert found["external_id"] == one
    assert [version["version_no"] for version in found["versions"]] == [1]
    assert api.call("GET", f"{WOO}/records/products/nix", store.org).status_code == 404


def test_a_plan_from_proposal_to_undo(api: Served, store: Shop) -> None:
    org = store.org
    select = f"{SYNC}/preview?action=select&entity_type=categories"
    data(api.call("POST", select, org, "agent", json={"decision": "include", "all": True}))
    with api.db.org(org.org_id) as conn:
        assert conn.exec_driver_sql("SELECT bool_and(draft) FROM selection.sync_selective_config").scalar_one()
    for call, body in (
        ("/api/v1/plans", {}),
        (f"{SYNC}/materialize", {"connection": "shop", "entities": ["categories"]}),
    ):
        told = data(api.call("POST", call, org, json=body), 201 if call == "/api/v1/plans" else 200)
        assert (told.get("plan"), told.get("queue")) == (None, None)
        assert "records that agents proposed are left out: shop categories" in told["message"]
    made = data(api.call("POST", "/api/v1/plans", org, "agent", json={"connection": "shop"}), 201)["plan"]
    assert made["state"] == "proposed"
    [proposer] = data(api.call("GET", f"/api/v1/plans/{made['plan_id']}", org))["proposers"]
    assert (proposer["agent"], proposer["records"]) == (True, made["creates"])
    path = f"/api/v1/plans/{made['plan_id']}"
    assert api.call("POST", f"{path}/apply", org, "agent").status_code == 403
    items = api.call("GET", f"{path}/items", org, "viewer").json()
    assert items["rowCount"] == made["creates"] == len(items["data"])
    assert api.call("POST", f"{path}/approve", org, json={"hash": "0" * 64}).status_code == 409
    hash_ = {"hash": made["hash"]}
    assert api.call("POST", f"{path}/approve", org, json=hash_).status_code == 403, "a token without a person"
    waits = api.call("POST", f"{path}/apply", org, json=hash_)
    assert (waits.status_code, "logged in with a password" in waits.json()["error"]) == (409, True)
    users.add_user(api.db, org, "ann@acme.example", PASSWORD, "operator", actor="test")
    session = users.log_in(api.db, "acme", "ann@acme.example", PASSWORD).token
    person: dict[str, Any] = {"headers": {"Authorization": f"Bearer {session}"}}
    granted = data(
        api.call("POST", "/api/v1/approvals", org, json={"plan_id": made["plan_id"], **hash_}, **person), 201
    )
    assert (granted["state"], granted["approved_by"], granted["agent"]) == ("approved", "ann@acme.example", True)
    [held] = api.call("GET", f"/api/v1/approvals?plan_id={made['plan_id']}", org, "viewer").json()["data"]
    data(api.call("DELETE", f"/api/v1/approvals/{held['approval_id']}", org))
    assert data(api.call("GET", path, org))["state"] == "proposed"
    approved = data(api.call("POST", f"{path}/approve", org, json=hash_, **person))
    assert approved["state"] == "approved"
    first = data(api.call("POST", f"{path}/apply", org, json={"hash": made["hash"], "batch_size": 7}), 202)
    second = data(api.call("POST", f"{path}/apply", org), 202)
    assert first["queue"]["queue_id"] == second["queue"]["queue_id"]
    asked = data(api.call("GET", f"/api/v1/requests/{first['request_id']}", org))
    assert (asked["kind"], asked["state"], asked["parameters"]["plan"]) == ("promote", "waiting", made["plan_id"])
    work(store, first["queue"]["queue_id"])
    status = data(api.call("GET", f"{SYNC}/queue/{first['queue']['queue_id']}", org))
    assert (status["state"], status["percent"], status["open"]) == ("done", 100.0, 0)
    lines = api.call("GET", f"{SYNC}/queue/{first['queue']['queue_id']}/lines?limit=2", org).json()
    assert len(lines["data"]) == 2
    assert lines["next"] == 2
    undone = data(api.call("POST", f"{path}/undo", org))
    assert undone["rows"] >= made["creates"]
    assert data(api.call("GET", path, org))["state"] == "undone"
    assert api.call("POST", f"{path}/apply", org).status_code == 409
    assert api.call("GET", "/api/v1/plans?state=undone", org).json()["rowCount"] == 1


def test_a_refused_plan_is_never_applied(api: Served, store: Shop) -> None:
    api.call("POST", f"{SYNC}/preview?action=select&entity_type=tags", store.org,
             json={"decision": "include", "all": True, "draft": True})  # fmt: skip
    plan = data(api.call("POST", "/api/v1/plans", store.org), 201)["plan"]["plan_id"]
    assert data(api.call("POST", f"/api/v1/plans/{plan}/refuse", store.org, json={"why": "no"}))["state"] == "refused"
    assert api.call("POST", f"/api/v1/plans/{plan}/apply", store.org).status_code == 409
    assert data(api.call("POST", "/api/v1/plans", store.org), 201)["plan"] is None  # its records are undecided again
    rows = api.call("GET", f"{WOO}/table?entity=tags", store.org).json()["data"]
    assert {(row["decision"], row["withdrawn"]["cause"], row["withdrawn"]["why"]) for row in rows} == {
        (None, "refused", "no")
    }


def test_a_stale_plan_changes_nothing_and_names_the_records(api: Served, store: Shop) -> None:
    one = min(store.store.ids("customers"))
    api.call("POST", f"{SYNC}/preview?action=select&entity_type=customers", store.org,
             json={"decision": "include", "all": True, "draft": True})  # fmt: skip
    plan = data(api.call("POST", "/api/v1/plans", store.org), 201)["plan"]["plan_id"]
    store.store.update("customers", one, touch=False, last_name="Other")
    store.pull("customers")
    answer = api.call("POST", f"/api/v1/plans/{plan}/apply", store.org)
    assert answer.status_code == 409
    body = answer.json()
    assert body["success"] is False
    assert body["stale"] == [
        {"connection": "shop", "entity": "customer", "external_id": str(one), "moved": "it changed in the store"}
    ]
    assert api.call("GET", "/api/v1/requests", store.org).json()["rowCount"] == 0
    assert store.value("SELECT count(*) FROM core.customers") == 0


def test_the_actions_of_a_queue(api: Served, store: Shop) -> None:
    org, path = store.org, f"{WOO}/sync/products"
    ids = sorted(store.ids("products"))[:3]
    started = data(api.call("POST", path, org, "operator", json={"action": "start", "ids": ids, "batch_size": 2}))
    queue = started["queue"]["queue_id"]
    assert (started["queue"]["total"], started["queue"]["state"]) == (3, "draft")
    assert data(api.call("POST", path, org, json={"action": "status", "queue_id": queue}))["queue"]["open"] == 3
    cancelled = data(api.call("POST", path, org, json={"action": "cancel", "queue_id": queue}))["queue"]
    assert (cancelled["state"], cancelled["cancelled"]) == ("cancelled", 3)
    nothing = api.call("POST", path, org, json={"action": "retry", "queue_id": queue})
    assert nothing.status_code == 409
    forced = data(api.call("POST", path, org, json={"action": "force-done", "queue_id": queue}))["queue"]
    assert forced["state"] == "done"
    listed = api.call("GET", f"{SYNC}/queues", org, "viewer", params={"state": "done"}).json()
    assert (listed["rowCount"], [one["queue_id"] for one in listed["data"]]) == (1, [queue])
    assert api.call("GET", f"{SYNC}/queues?state=failed", org).json()["rowCount"] == 0
    assert api.call("POST", path, org, json={"action": "cancel"}).status_code == 400
    assert api.call("POST", path, org, json={"action": "cancel", "queue_id": "nonsense"}).status_code == 400
    assert api.call("POST", path, org, json={"action": "status", "queue_id": str(uuid4())}).status_code == 404
    assert api.call("POST", path, org, json={"action": "start", "ids": ["99999"]}).status_code == 400
    assert api.call("POST", path, org, json={"action": "start", "plan_id": str(uuid4())}).status_code == 404
    assert api.call("POST", f"{WOO}/sync/unicorns", org, json={"action": "start"}).status_code == 404


def test_failed_lines_are_tried_again(api: Served, store: Shop) -> None:
    ids = sorted(store.ids("tags"))[:2]
    started = data(api.call("POST", f"{WOO}/sync/tags", store.org, json={"action": "start", "ids": ids}))
    queue = started["queue"]["queue_id"]
    with api.db.org(store.org.org_id) as conn:
        conn.exec_driver_sql(
            "UPDATE promote.sync_queue_line SET state = 'failed', is_action_required = true, finished_at = now() "
            "WHERE org_id = connect.current_org()"
        )
    again = data(api.call("POST", f"{WOO}/sync/tags", store.org, json={"action": "retry", "queue_id": queue}))
    assert again["queue"]["open"] == 2
    assert again["request_id"] != started["request_id"]
    work(store, queue)
    assert data(api.call("GET", f"{SYNC}/queue/{queue}", store.org))["state"] == "done"


def test_several_entities_in_the_order_of_their_dependencies(api: Served, store: Shop) -> None:
    wanted = [{"entity": name, "ids": sorted(store.ids(name))} for name in ("orders", "products", "customers")]
    started = data(api.call("POST", f"{SYNC}/orchestrate", store.org, json={"entities": wanted}))
    work(store, started["queue"]["queue_id"])
    lines = api.call("GET", f"{SYNC}/queue/{started['queue']['queue_id']}/lines?limit=500", store.org).json()["data"]
    kinds = [line["entity_type"] for line in lines]
    assert kinds == sorted(kinds, key=["customer", "product", "order"].index)
    assert {line["state"] for line in lines} == {"done"}
    again = data(api.call("POST", f"{SYNC}/orchestrate", store.org, json={"entities": wanted}))
    assert again["queue"] is None


def test_a_store_that_is_not_there_starts_nothing(api: Served, store: Shop) -> None:
    ids = sorted(store.ids("products"))[:1]
    store.server.faults.down()
    with api.db.org(store.org.org_id) as conn:  # what was healthy five minutes ago is asked again
        conn.exec_driver_sql("UPDATE connect.integration_connector SET health_checked_at = now() - interval '1 hour'")
    answer = api.call("POST", f"{WOO}/sync/products", store.org, json={"action": "start", "ids": ids})
    assert answer.status_code == 424
    assert store.value("SELECT count(*) FROM selection.sync_plan") == 0


def test_what_needs_dagster_is_written_down(api: Served, store: Shop) -> None:
    org = store.org
    full = data(api.call("POST", f"{WOO}/sync/products/full", org, "operator"), 202)
    assert (full["request"]["state"], full["run_id"]) == ("waiting", None)
    assert full["request"]["parameters"] | {"actor": ""} == {
        "connection": "shop", "entities": ["products"], "full": True, "actor": ""}  # fmt: skip
    look = f"{SYNC}/preview?action=fetch&sync_type=woocommerce&entity_type=customers"
    headers = {"Idempotency-Key": "once"}
    fetch = data(api.call("POST", look, org, headers=headers))["request"]
    assert fetch["kind"] == "preview"
    assert fetch["parameters"]["max_pages"] == 10
    assert data(api.call("POST", look, org, headers=headers))["request"]["request_id"] == fetch["request_id"]
    other = look.replace("customers", "orders")
    assert api.call("POST", other, org, headers=headers).status_code == 409
    assert api.call("POST", look, org, "agent").status_code == 403
    assert api.call("GET", "/api/v1/requests?state=waiting", org).json()["rowCount"] == 2


def test_waiting_for_a_request_ends_with_it(api: Served, store: Shop) -> None:
    full = data(api.call("POST", f"{WOO}/sync/tags/full", store.org), 202)["request"]["request_id"]

    def finish() -> None:
        with api.db.org(store.org.org_id) as conn:
            conn.exec_driver_sql(
                "UPDATE observe.request SET state = 'done', orchestrator_run = 'r', finished_at = now()"
            )

    before = data(api.call("GET", f"/api/v1/requests/{full}", store.org))
    assert [one["key"] for one in before["progress"]] == [f"request:{full}"]
    assert "Dagster" in before["progress"][0]["note"]
    threading.Timer(0.7, finish).start()
    ended = data(api.call("GET", f"/api/v1/requests/{full}?wait=20", store.org))
    assert (ended["state"], ended["run_id"], ended["progress"]) == ("done", "r", [])


def test_connections_without_their_secrets(api: Served, store: Shop) -> None:
    org, server = store.org, store.server
    given = {"store_url": server.url, "consumer_key": server.key, "consumer_secret": server.secret}
    made = data(api.call("POST", "/api/v1/connections", org,
                         json={"provider": "woocommerce", "name": "second", "settings": given}), 201)  # fmt: skip
    assert made["ok"] is True, made["findings"]
    assert made["connection"]["health"] == "healthy"
    again = api.call("POST", "/api/v1/connections", org,
                     json={"provider": "woocommerce", "name": "second", "settings": given})  # fmt: skip
    assert again.status_code == 409
    changed = data(api.call("PATCH", "/api/v1/connections/second", org, json={"settings": {"sweep_every": 3}}))
    assert changed["settings"]["sweep_every"] == 3
    for bad in ({"consumer_secret": "cs_other_one"}, {"store_url": "https://elsewhere.example"}, {"sweep_every": "x"}):
        answer = api.call("PATCH", "/api/v1/connections/second", org, json={"settings": bad})
        assert answer.status_code == 400
        assert "cs_other" not in answer.text
    wrong = data(api.call("POST", "/api/v1/connections/second/rotate", org,
                          json={"credentials": {"consumer_secret": "cs_wrongwrongwrong"}}))  # fmt: skip
    assert wrong["ok"] is False
    assert any(one["level"] == "error" for one in wrong["findings"])
    right = data(api.call("POST", "/api/v1/connections/second/rotate", org,
                          json={"credentials": {"consumer_secret": server.secret}}))  # fmt: skip
    assert right["ok"] is True
    assert right["connection"]["settings"]["sweep_every"] == 3
    assert data(api.call("POST", "/api/v1/connections/second/test", org, "operator"))["ok"] is True
    everything = api.call("GET", "/api/v1/connections", org, "viewer").text
    assert server.secret not in everything
    assert server.key not in everything
    # Two stores of a provider: which one must be said.
    assert api.call("GET", f"{WOO}/table?entity=products", org).status_code == 400
    assert api.call("GET", f"{WOO}/table?entity=products&connection=shop", org).json()["rowCount"] == 12


def test_decisions_are_answered_once(api: Served, store: Shop) -> None:
    from sync_pipeline import gates

    with api.db.org(store.org.org_id) as conn:
        gate = gates.open_gate(
            conn,
            gates.by_name("mass_deletion"),
            subject="product",
            values={"store": "shop", "missing": 9, "known": 10, "title": "products", "share": "20%"},
            connection_id=store.connection.connection_id,
            entity_type="product",
        )
    assert api.call("GET", "/api/v1/decisions", store.org, "viewer").json()["rowCount"] == 1
    path = f"/api/v1/decisions/{gate}"
    assert (
        api.call("POST", f"{path}/answer", store.org, "viewer", json={"choose": "keep", "why": "w"}).status_code == 403
    )
    assert api.call("POST", f"{path}/answer", store.org, json={"choose": "nix", "why": "w"}).status_code == 400
    done = data(api.call("POST", f"{path}/answer", store.org, "operator", json={"choose": "keep", "why": "moved"}))
    assert (done["answer"], done["why"]) == ("keep", "moved")
    assert api.call("POST", f"{path}/answer", store.org, json={"choose": "keep", "why": "w"}).status_code == 409
    assert api.call("GET", "/api/v1/decisions", store.org).json()["rowCount"] == 0
    assert api.call("GET", "/api/v1/decisions?all=true", store.org).json()["rowCount"] == 1


def test_activity_is_exactly_data_and_row_count(api: Served, store: Shop) -> None:
    body = api.call("GET", f"{SYNC}/activity?pageSize=2", store.org).json()
    assert set(body) == {"data", "rowCount"}
    assert len(body["data"]) == 2
    assert body["rowCount"] > 2


def test_status_and_compat(api: Served, store: Shop) -> None:
    own = api.call("GET", "/api/v1/organizations", store.org, "viewer").json()
    assert [(one["slug"], one["name"], one["providers"]) for one in own["data"]] == [("acme", "Acme", ["woocommerce"])]
    status = data(api.call("GET", "/api/v1/status", store.org))
    products = next(one for one in status["connections"][0]["entities"] if one["entity"] == "products")
    assert (products["captured"], products["ledger"]["closed"]) == (12, True)
    assert data(api.call("GET", "/api/v1/integrations/schema-compat", store.org))["ok"] is True


def test_metrics_tell_what_the_database_knows(api: Served, store: Shop) -> None:
    text = api.client.get("/metrics").text
    assert 'sync_records_created_total{connection="shop",org="acme",provider="woocommerce"}' in text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    key = '{connection="shop",org="acme",provider="woocommerce"}'
    captured = store.value("SELECT count(*) FROM capture.sync_record")
    assert float(lines[f"sync_records_created_total{key}"]) == captured
    assert float(lines[f"sync_pulls_total{key}"]) == len(store.streams)
    assert "sync_api_call_seconds_bucket" in text
    assert api.client.get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 401


def test_counters_never_go_back(api: Served, store: Shop) -> None:
    """A counter that shrinks is taken for a restart, and its whole height for news."""
    ids = [str(number) for number in store.store.tables["tags"].ids]
    started = data(api.call("POST", f"{WOO}/sync/tags", store.org, json={"action": "start", "ids": ids}))
    queue = started["queue"]["queue_id"]
    with store.db.org(store.org.org_id) as conn:
        conn.exec_driver_sql(
            "UPDATE promote.sync_queue_line SET state = 'failed', finished_at = now(), is_action_required = true"
        )

    def counters() -> dict[str, float]:
        families = text_string_to_metric_families(api.client.get("/metrics").text)
        return {
            f"{sample.name}{sorted(sample.labels.items())}": sample.value
            for family in families
            if family.type == "counter"
            for sample in family.samples
        }

    before = counters()
    api.call("POST", f"{WOO}/sync/tags", store.org, json={"action": "retry", "queue_id": queue})
    work(store, queue)
    after = counters()
    assert before.keys() <= after.keys()
    assert all(after[name] >= value for name, value in before.items())


def test_ready_says_what_is_there(api: Served, store: Shop) -> None:
    from sync_pipeline.steps.observe.heartbeat import record_heartbeat

    assert api.client.get("/readyz").json()["dagster"] == "unknown"
    connect.set_webhook_secret(api.db, api.settings, store.connection, "the secret of hooks", actor="t")
    body = b'{"id":"1"}'
    signature = base64.b64encode(hmac.new(b"the secret of hooks", body, hashlib.sha256).digest()).decode()
    names = {"topic": "product.deleted", "resource": "product", "event": "deleted", "delivery-id": "d"}
    said = {f"x-wc-webhook-{name}": value for name, value in {**names, "signature": signature}.items()}
    push.receive(api.db, api.settings, "woocommerce", store.connection.connection_id, said, body)
    alone = api.client.get("/readyz").json()  # `serve` without Dagster
    assert (alone["status"], alone["waiting"]["deliveries"]) == ("degraded", 1)
    record_heartbeat(api.db)
    ready = api.client.get("/readyz").json()
    assert (ready["database"], ready["dagster"]) == ("ok", "ok")
    with api.db.unscoped() as conn:
        conn.exec_driver_sql("UPDATE observe.heartbeat SET seen_at = now() - interval '1 hour'")
    assert api.client.get("/readyz").json()["status"] == "degraded"
