"""Push and webhooks over HTTP: who may, the exact answers, and addresses that appear nowhere."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import NullPool, create_engine

from sandbox.woocommerce import Store, seed
from sync_pipeline.api.logs import configure
from sync_pipeline.config import Settings
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps import capture, connect, observe, preview, promote, push, select
from sync_pipeline.steps.capture.write.records import Records
from sync_pipeline.steps.connect import credentials, tokens
from sync_pipeline_tests.served import Served, listening, served
from sync_pipeline_tests.stores import Shop, shop
from sync_pipeline_tests.waiting import wait_until

SECRET = "a secret of the webhook's own"


@pytest.fixture
def here(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Shop]:
    store = Store()
    seed(store, products=4, variable=1, customers=3, orders=3)
    with shop(database, settings, org, store) as made:
        yield made


def signature(body: bytes, secret: str = SECRET) -> dict[str, str]:
    signed = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return {"X-WC-Webhook-Signature": signed, "Content-Type": "application/json"}


def told(topic: str, delivery: str = "1") -> dict[str, str]:
    resource, _, event = topic.partition(".")
    return {
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Resource": resource,
        "X-WC-Webhook-Event": event,
        "X-WC-Webhook-Delivery-ID": delivery,
    }


def test_a_batch_is_answered_in_the_promised_shape(api: Served, here: Shop) -> None:
    records = [{"wc_product_id": 9001, "name": "A"}, {"wc_product_id": 9002}]
    answer = api.call("POST", "/api/sync/products", here.org, "plugin", json={"products": records})
    assert answer.status_code == 200
    body = answer.json()
    assert body == {
        "success": True,
        "data": {
            "syncedCount": 1, "skippedCount": 1, "syncLogId": body["data"]["syncLogId"], "newCount": 1,
            "changedCount": 0, "unchangedCount": 0, "olderCount": 0, "deletedCount": 0,
            "supersededCount": 0, "quarantinedCount": 0, "outcomes": ["new", "skipped"],
        },
    }  # fmt: skip
    log = body["data"]["syncLogId"]
    told_why = api.call("GET", f"/api/sync/logs/{log}", here.org, "plugin").json()["data"]
    assert told_why["skipped_records"] == [{"place": 1, "id": "9002", "reason": "name is missing"}]
    assert (told_why["status"], told_why["entity"], told_why["records_synced"], told_why["skipped"]) == (
        "success", "products", 1, 1)  # fmt: skip
    assert api.call("GET", f"/api/sync/logs/{log + 1}", here.org, "plugin").status_code == 404
    assert api.call("GET", f"/api/v1/logs/{log}", here.org, "viewer").json()["data"] == told_why
    for kind, record in (
        ("customers", {"wc_customer_id": 1}),
        ("categories", {"wc_category_id": 1, "name": "C"}),
        ("orders", {"wc_order_id": 1}),
    ):
        done = api.call("POST", f"/api/sync/{kind}", here.org, "plugin", json={kind: [record, {}, 7]}).json()
        assert (done["data"]["syncedCount"], done["data"]["skippedCount"]) == (1, 2), kind
    empty = api.call("POST", "/api/sync/orders", here.org, "plugin", json={"orders": []}).json()
    assert (empty["success"], empty["data"]["syncedCount"], empty["data"]["skippedCount"]) == (True, 0, 0)


def test_what_came_twice_in_a_batch_is_counted_once(api: Served, here: Shop) -> None:
    """The later lies over the earlier: one record, one `new`, and the counts add up to the valid records."""
    first, last = ({"wc_product_id": 9001, "name": name} for name in "AB")
    records = [first, {"wc_product_id": 9002}, last]
    done = api.call("POST", "/api/sync/products", here.org, "plugin", json={"products": records}).json()["data"]
    assert done["outcomes"] == ["superseded", "skipped", "new"]
    kinds = ("new", "changed", "unchanged", "older", "deleted", "superseded", "quarantined")
    assert [done[f"{kind}Count"] for kind in kinds] == [1, 0, 0, 0, 0, 1, 0]
    assert done["syncedCount"] == sum(done[f"{kind}Count"] for kind in kinds)
    log = api.call("GET", f"/api/sync/logs/{done['syncLogId']}", here.org, "plugin").json()["data"]
    assert log["ignored_records"] == [
        {
            "place": 0, "id": "9001", "outcome": "superseded",
            "reason": "the record at place 2 of the batch has the same id, and was laid over this one",
        }
    ]  # fmt: skip


def test_a_list_that_php_made_an_object_is_told_what_it_must_be(api: Served, here: Shop) -> None:
    for given in ({"3": {"wc_product_id": 1, "name": "A"}}, {}):
        answer = api.call("POST", "/api/sync/products", here.org, "plugin", json={"products": given})
        assert answer.status_code == 400
        assert "“products” is a JSON object and must be a JSON array" in answer.json()["error"]
        assert "array_values" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/api/sync/product", "Did you mean /api/sync/products?"),
        ("/api/v1/sync/orders", "Did you mean /api/sync/orders?"),
        (
            "/api/sync/shoes",
            "There are: /api/sync/categories, /api/sync/customers, /api/sync/orders, /api/sync/products.",
        ),
        ("/api/v1/connections/shop/webhooks", "Did you mean /api/v1/connections/{connection}/webhook?"),
        ("/" + "a/" * 4000, "Unknown path"),
    ],
)
def test_an_unknown_path_names_the_nearest(api: Served, here: Shop, path: str, says: str) -> None:
    answer = api.call("POST", path, here.org, "plugin", json={})
    assert answer.status_code == 404
    assert says in answer.json()["error"]
    assert answer.json()["error"].endswith("/openapi.json lists every call.")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{}", 400),
        (b"", 400),
        (b'{"products": {}}', 400),
        (b'{"products": "x"}', 400),
        (b'{"customers": []}', 400),
        (b'{"products": [], "customers": [{"wc_customer_id": 777001}]}', 400),
        (b'{"products": [], "products": []}', 400),
        ('{"products": []}'.encode("utf-16"), 415),
        ('{"products": []}'.encode("utf-16-be"), 415),
        (b'{"products": [', 400),
        (b'{"products": [NaN]}', 400),
        (b'{"products": ' + b"[" * 200 + b"]" * 200 + b"}", 400),
        (b"\xff\xfe", 400),
        (json.dumps({"products": [{}] * (push.MAX_RECORDS + 1)}).encode(), 400),
        (b'{"products": [' + b" " * (9 * 1024 * 1024) + b"]}", 413),
    ],
)
def test_what_is_no_batch_is_refused(api: Served, here: Shop, body: bytes, status: int) -> None:
    answer = api.call(
        "POST", "/api/sync/products", here.org, "plugin", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"products": [', "is not valid JSON at line 1, column 15. Send {“products”: [ … ]}."),
        (b'{"products":\n [{"name": "ann@example.com",}]}', "is not valid JSON at line 2, column "),
        (b'{"products": [NaN]}', "is not valid JSON: it has no NaN."),
        (b'{"products": ["\xff"]}', "is not valid JSON, which is UTF-8."),
        (b"", "The body is empty. Send {“products”: [ … ]}."),
        (b'{"products": [], "customers": []}', "does not know “customers”. Send {“products”: [ … ]}."),
        (b'{"products": [], "ann@example.com": []}', "does not know another field. Send"),
    ],
)
def test_a_body_that_is_no_json_is_told_where(api: Served, here: Shop, body: bytes, words: str) -> None:
    json_ = {"Content-Type": "application/json"}
    answer = api.call("POST", "/api/sync/products", here.org, "plugin", content=body, headers=json_)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert "ann@example.com" not in answer.text  # the place, not what stands there


def test_another_charset_is_refused_and_not_ignored(api: Served, here: Shop) -> None:
    body = json.dumps({"products": [{"wc_product_id": 1, "name": "Café"}]}, ensure_ascii=False)
    for charset, status in (("utf-8", 200), ('"UTF-8"', 200), ("latin-1", 415)):
        headers = {"Content-Type": f"application/json; charset={charset}"}
        answer = api.call("POST", "/api/sync/products", here.org, "plugin", content=body.encode(), headers=headers)
        assert answer.status_code == status, charset


def test_a_store_that_cannot_push_is_told_who_can(api: Served, here: Shop) -> None:
    given = {"url": here.server.url, "db": "d", "username": "u", "password": "k" * 40}
    erp = connect.add_connection(here.db, here.settings, here.org, "odoo", "erp", given, actor="test")
    plain = tokens.add_token(here.db, here.org, "plugin", connection=erp, actor="test").plain
    headers = {"Authorization": f"Bearer {plain}"}
    answer = api.client.post("/api/sync/products", json={"products": []}, headers=headers)
    assert answer.status_code == 404
    assert answer.json()["error"].endswith("Use a token of a connection that can push: WooCommerce.")


def test_a_compressed_body_is_refused_for_what_it_is(api: Served, here: Shop) -> None:
    body = json.dumps({"products": [{"wc_product_id": 1, "name": "A"}]}).encode()
    for content in (gzip.compress(body), body):
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = api.call("POST", "/api/sync/products", here.org, "plugin", content=content, headers=headers)
        assert answer.status_code == 415
        assert "Content-Encoding" in answer.json()["error"]


def test_a_push_goes_into_the_connection_of_its_token_alone(api: Served, here: Shop) -> None:
    path, body = "/api/sync/products", {"products": [{"wc_product_id": 1, "name": "A"}]}
    assert api.client.post(path, json=body).status_code == 401
    assert api.client.post(path, json=body, headers={"Authorization": "Bearer sp_1_nonsense"}).status_code == 401
    for role in ("viewer", "operator", "agent", "admin"):  # an admin's token has no connection
        assert api.call("POST", path, here.org, role, json=body).status_code == 403
    other = connect.add_organization(here.db, "other")
    given = {"store_url": here.server.url, "consumer_key": "ck_x", "consumer_secret": "cs_x"}
    connect.add_connection(here.db, here.settings, other, "woocommerce", "theirs", given, actor="test")
    assert api.call("POST", path, other, "plugin", json=body).status_code == 200
    with here.db.org(here.org.org_id) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM capture.sync_record").scalar_one() == 0
    with here.db.org(other.org_id) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM capture.sync_record").scalar_one() == 1


def test_a_failure_inside_is_500_and_nothing_is_stored(api: Served, here: Shop, owner_url: str) -> None:
    engine = create_engine(owner_url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    with engine.begin() as conn:
        conn.exec_driver_sql(
            "CREATE FUNCTION capture.refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF NEW.external_id = '2' THEN RAISE 'secret words'; END IF; RETURN NEW; END $$"
        )
        conn.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON capture.woocommerce_sync "
            "FOR EACH ROW EXECUTE FUNCTION capture.refuse()"
        )
    records = [{"wc_product_id": number, "name": "A"} for number in (1, 2, 3)]
    answer = api.call("POST", "/api/sync/products", here.org, "plugin", json={"products": records})
    assert answer.status_code == 500
    assert answer.json()["success"] is False
    assert "secret words" not in answer.text
    with here.db.org(here.org.org_id) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM capture.sync_record").scalar_one() == 0
        assert conn.exec_driver_sql("SELECT status FROM capture.sync_logs").scalar_one() == "failed"
    failed = api.call("GET", "/api/v1/logs?kind=push&status=failed", here.org, "viewer").json()
    assert failed["rowCount"] == 1
    log = failed["data"][0]
    assert f"its log row is {log['log_id']}" in answer.json()["error"]
    told_why = api.call("GET", f"/api/sync/logs/{log['log_id']}", here.org, "plugin").json()["data"]
    assert told_why["error_message"]
    assert "secret words" not in told_why["error_message"]


def test_a_webhook_is_set_up_and_taken(api: Served, here: Shop) -> None:
    here.pull("products")
    path = "/api/v1/connections/shop/webhook"
    for role in ("viewer", "operator", "agent", "plugin"):
        assert api.call("POST", path, here.org, role, json={"secret": SECRET}).status_code == 403
    assert api.call("POST", "/api/v1/connections/none/webhook", here.org, json={"secret": "x"}).status_code == 404
    answer = api.call("POST", path, here.org, json={"secret": SECRET})
    assert SECRET not in answer.text
    data = answer.json()["data"]
    assert data["secret_set"] is True
    number = here.store.tables["products"].ids[0]
    body = b'{"id": %d}' % number
    headers = {**signature(body), **told("product.updated")}
    assert api.client.post(data["path"], content=body, headers=headers).json() == {
        "success": True,
        "data": {"taken": "stored"},
    }
    assert api.client.post(data["path"], content=body, headers=headers).json()["data"]["taken"] == "known"
    ping = {"Content-Type": "application/x-www-form-urlencoded"}
    assert api.client.post(data["path"], content=b"webhook_id=3", headers=ping).json()["data"]["taken"] == "ping"
    wrong = {**signature(body, "guessed"), **told("product.updated", "2")}
    refused = api.client.post(data["path"], content=body, headers=wrong)
    unknown = api.client.post("/api/v1/webhooks/woocommerce/987654", content=body, headers=headers)
    assert (refused.status_code, unknown.status_code) == (401, 401)
    assert refused.json() == unknown.json()  # it is not told whether there is such a connection
    assert api.client.post("/api/v1/webhooks/nobody/1", content=body, headers=headers).status_code == 404
    assert api.client.post("/api/v1/webhooks/woocommerce/x", content=body, headers=headers).status_code == 400


def test_a_secret_is_rotated_while_deliveries_come(api: Served, here: Shop) -> None:
    first, second, third = (f"the {one} secret of the hook" for one in ("first", "second", "third"))

    def set_to(secret: str, **more: Any) -> None:
        connection = connect.connection(here.db, here.org, "shop")
        connect.set_webhook_secret(here.db, here.settings, connection, secret, actor="test", **more)

    def believed() -> list[str]:
        path = here.connection.webhook_path
        return [
            secret
            for secret in (first, second, third, "no secret of anybody")
            if api.client.post(
                path, content=b'{"id": 1}', headers={**signature(b'{"id": 1}', secret), **told("order.deleted")}
            ).is_success
        ]

    assert believed() == []
    set_to(first)
    assert believed() == [first]
    set_to(second)
    assert believed() == [first, second]  # the store's webhooks are changed one by one
    set_to(second)
    assert believed() == [second]
    set_to(third, overlap=timedelta(0))
    assert believed() == [third]
    set_to(first)
    set_to("")
    assert believed() == []
    set_to(second)
    assert believed() == [second]


@pytest.mark.parametrize("short", ["x", "fifteen letters", "  fifteen letters  ", " " * 22])
def test_a_short_secret_of_webhooks_is_refused_by_every_door(api: Served, here: Shop, short: str) -> None:
    words = "needs at least 16"
    path = "/api/v1/connections/shop/webhook"
    refused = api.call("POST", path, here.org, json={"secret": short})
    assert refused.status_code == 400
    assert words in refused.json()["error"]
    assert len(short.strip()) < 2 or short.strip() not in refused.json()["error"]
    given = {"store_url": here.server.url, "consumer_key": "ck_x", "consumer_secret": "cs_x", "webhook_secret": short}
    new = {"name": "second", "provider": "woocommerce", "settings": given}
    assert words in api.call("POST", "/api/v1/connections", here.org, json=new).json()["error"]
    with pytest.raises(ConfigurationError, match=words):
        connect.add_connection(here.db, here.settings, here.org, "woocommerce", "shop", given, actor="test")
    with pytest.raises(ConfigurationError, match=words):
        connect.rotate_credentials(
            here.db, here.settings, here.org, here.connection, {"webhook_secret": short}, actor="test"
        )
    now = connect.connection(here.db, here.org, "shop")
    assert connect.secret(here.settings, now, "webhook_secret") is None
    assert [one.name for one in connect.connections(here.db, here.org)] == ["shop"]


def test_a_short_secret_of_an_earlier_version_goes_on_signing(
    api: Served, here: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(credentials, "SHORTEST_WEBHOOK_SECRET", 1)
        connect.set_webhook_secret(here.db, here.settings, here.connection, "x", actor="test")
    given = {"store_url": here.server.url, "consumer_key": "ck_new", "consumer_secret": "cs_new"}
    connect.add_connection(here.db, here.settings, here.org, "woocommerce", "shop", given, actor="test")
    now = connect.connection(here.db, here.org, "shop")
    connect.rotate_credentials(here.db, here.settings, here.org, now, {"consumer_key": "ck_newer"}, actor="test")
    connect.rotate_keys(here.db, here.settings)
    body = b'{"id": 1}'
    sent = {**signature(body, "x"), **told("order.deleted")}
    assert api.client.post(here.connection.webhook_path, content=body, headers=sent).is_success


def test_batches_that_wait_hold_up_nothing_else(here: Shop) -> None:
    stream = here.connection.source.stream("products")
    page = Records(db=here.db, connection=here.connection, stream=stream, run_id=0, mode="delta", noise=frozenset())
    with served(here.db, here.settings) as api, listening(api.app) as url, ThreadPoolExecutor(12) as pool:
        batch: dict[str, Any] = {
            "url": f"{url}/api/sync/products",
            "json": {"products": [{"wc_product_id": 1, "name": "A"}]},
        }
        batch["headers"] = {"Authorization": f"Bearer {api.token(here.org, 'plugin')}"}
        with here.db.org(here.org.org_id) as conn:
            page.take_turns(conn)
            waiting = [pool.submit(httpx.post, timeout=60, **batch) for _ in range(12)]
            batches = api.app.state.runtime._batches
            wait_until(lambda: batches.statistics().tasks_waiting == 12 - batches.total_tokens, "all have come")
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            hook = url + here.connection.webhook_path
            assert httpx.post(hook, content=b"webhook_id=3", headers=form, timeout=30).is_success
            assert not any(one.done() for one in waiting)
        assert {one.result().status_code for one in waiting} == {200}


def test_new_credentials_of_the_store_keep_the_webhooks_secret(here: Shop) -> None:
    connect.set_webhook_secret(here.db, here.settings, here.connection, SECRET, actor="test")
    given = {"store_url": here.server.url, "consumer_key": "ck_new", "consumer_secret": "cs_new"}
    again = connect.add_connection(here.db, here.settings, here.org, "woocommerce", "shop", given, actor="test")
    assert connect.secret(here.settings, again, "webhook_secret") == SECRET
    assert connect.secret(here.settings, again, "consumer_secret") == "cs_new"
    elsewhere = {**given, "store_url": "http://127.0.0.1:9"}
    moved = connect.add_connection(here.db, here.settings, here.org, "woocommerce", "shop", elsewhere, actor="test")
    assert connect.secret(here.settings, moved, "webhook_secret") is None


def test_many_deliveries_at_once_are_each_stored_once(api: Served, here: Shop) -> None:
    """Over a real port: WordPress waits for the answer."""
    from concurrent.futures import ThreadPoolExecutor

    connect.set_webhook_secret(here.db, here.settings, here.connection, SECRET, actor="test")
    path = here.connection.webhook_path
    with listening(api.app) as address, httpx.Client(base_url=address, timeout=60) as client:

        def send(number: int) -> str:
            body = b'{"id": %d}' % (number % 100 + 1)
            answer = client.post(path, content=body, headers={**signature(body), **told("order.updated")})
            return str(answer.json()["data"]["taken"])

        with ThreadPoolExecutor(8) as pool:
            said = list(pool.map(send, range(300)))
    assert (said.count("stored"), said.count("known")) == (100, 200)


def test_under_hash_no_address_appears_anywhere(
    server: EmbeddedPostgres,
    api: Served,
    here: Shop,
    settings: Settings,
    owner_url: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Not in the data files, write-ahead log included, not in any log, nor in an answer."""
    configure()
    caplog.set_level(logging.DEBUG)
    mark = uuid4().hex
    addresses = iter(f"Person.{place}.{mark}@Shop-{place}.example" for place in range(1000))
    used: list[str] = []

    def address() -> str:
        used.append(next(addresses))
        return used[-1]

    said: list[str] = []

    def send(kind: str, *records: Any) -> None:
        answer = api.call("POST", f"/api/sync/{kind}", here.org, "plugin", json={kind: list(records)})
        said.append(answer.text)

    connect.update_settings(here.db, here.connection, {"pii_policy": "hash"}, actor="test")
    here.connection = connect.connection(here.db, here.org, "shop")
    send(
        "customers",
        {"wc_customer_id": 501, "email": address(), "display_name": address(), "note": f"write to {address()}!"},
        {
            "wc_customer_id": 502,
            "email": f"  {address().upper()} ",
            "meta_data": [{"key": address(), "value": {"a": [address()]}}],
        },
        {"wc_customer_id": address()},
        {"wc_customer_id": 503, "created_at": address()},
        {address(): 1},
        address(),
    )
    send(
        "orders",
        {
            "wc_order_id": 601,
            "billing": {"email": address(), "address_1": f"c/o {address()}"},
            "customer_note": f"<a href='mailto:{address()}'>me</a> or {address().replace('@', '%40')}",
            "status": "completed",
            "total": "10",
            "currency": "USD",
        },
        {"wc_order_id": 602, "email": address(), "total": address()},
    )
    send("products", {"wc_product_id": 701, "name": f"Ask {address()}", "price": address()})
    send("categories", {"wc_category_id": 801, "name": f"By {address()}", "parent_id": address()})
    broken = json.dumps({"products": address()}).encode()
    kind = {"Content-Type": "application/json"}
    said += [
        api.call("POST", "/api/sync/products", here.org, "plugin", content=content, headers=kind).text
        for content in (broken, broken[:-1], b'{"' + address().encode() + b'": []}')
    ]
    # A batch that fails inside, in the database's own words.
    engine = create_engine(owner_url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    with engine.begin() as conn:
        conn.exec_driver_sql("ALTER TABLE capture.woocommerce_sync ADD CONSTRAINT odd CHECK (external_id <> '999')")
    send("customers", {"wc_customer_id": 999, "email": address()})
    assert json.loads(said[-1])["success"] is False
    # What is pulled, quarantined and told by webhooks.
    customer, order = here.store.tables["customers"].ids[-1], here.store.tables["orders"].ids[-1]
    here.store.update("customers", customer, email=address().lower(), billing={"email": address()})
    here.store.update("orders", order, billing={"email": address()}, customer_note=f"to {address()}")
    here.pull("customers", "orders", "products", "categories")
    here.server.faults.clear()
    connect.set_webhook_secret(here.db, here.settings, here.connection, SECRET, actor="test")
    body = json.dumps(
        {
            "id": order, "status": "processing", "line_items": [], "meta_data": [], "customer_note": address(),
            "date_modified_gmt": "2099-01-01T00:00:00", "billing": {"email": address()},
        }
    ).encode()  # fmt: skip
    path = connect.connection(here.db, here.org, "shop").webhook_path
    for topic in ("order.updated", "customer.created", f"{address()}.updated"):
        headers = {**signature(body), **told(topic)}
        said.append(api.client.post(path, content=body, headers=headers).text)
        said.append(api.client.post(path, content=body, headers={**headers, "X-WC-Webhook-Signature": "x"}).text)
    with capture.session(here.db, settings, connect.connection(here.db, here.org, "shop")) as session:
        push.process_deliveries(session, here.connection.source.stream("orders"))
    # And all of it into core.
    for name in ("customers", "orders", "products", "categories"):
        stream = here.connection.source.stream(name)
        preview.recompute(here.db, here.connection, stream)
        select.select(here.db, here.connection, stream, everything=True, include=True, actor="ann")
    plan = select.make_plan(here.db, here.org, actor="ann")
    assert plan is not None
    report = promote.apply(here.db, here.org.org_id, plan.plan_id, actor="ann")
    said += [str(report), str(observe.activity(here.db, here.org, page_size=500))]
    with here.db.org(here.org.org_id) as conn:
        emails = set(conn.exec_driver_sql("SELECT email FROM core.customers WHERE email IS NOT NULL").scalars())
    assert hashlib.sha256(used[0].lower().encode()).hexdigest() in emails  # they are there, as hashes

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("CHECKPOINT")
    engine.dispose()
    needles = [mark.encode(), mark.upper().encode()]
    files = [file for file in Path(server.home).rglob("*") if file.is_file()]
    assert len(files) > 1000  # the whole cluster, its write-ahead log and its own log
    for file in files:
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            continue  # the server replaces its caches while it runs
        assert not any(needle in content for needle in needles), file
    out = capfd.readouterr()
    everything = "".join(said) + out.out + out.err + caplog.text
    assert not any(needle.decode() in everything for needle in needles)
    assert len(used) > 25
