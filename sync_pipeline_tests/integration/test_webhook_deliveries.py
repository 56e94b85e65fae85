"""Webhooks: signed, doubled, shuffled, built late; in the end the records are the store's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import PROJECT, Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Busy
from sync_pipeline.sources.base import Presence
from sync_pipeline.steps import capture, connect, observe, push
from sync_pipeline.steps.push import NotGenuine
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.stores import Shop, shop
from sync_pipeline_tests.waiting import wait_until

SECRET = "the webhook's secret"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=12, variable=2, customers=6, orders=10)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products", "variations", "customers", "orders", "coupons")
    connect.set_webhook_secret(opened.db, opened.settings, opened.connection, SECRET, actor="test")


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def told(template: Captured[Shop], database: Database, settings: Settings, org: connect.Organization) -> Shop:
    """A captured shop whose webhooks are believed."""
    return template.copy(database, settings, org)


def signed(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def headers(topic: str, body: bytes, *, delivery: str = "d1", secret: str = SECRET) -> dict[str, str]:
    resource, _, event = topic.partition(".")
    return {
        "content-type": "application/json",
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-resource": resource,
        "x-wc-webhook-event": event,
        "x-wc-webhook-id": "3",
        "x-wc-webhook-delivery-id": delivery,
        "x-wc-webhook-signature": signed(body, secret),
    }


STREAMS = {"product": "products", "order": "orders", "customer": "customers", "coupon": "coupons"}


def body_now(here: Shop, topic: str, number: int) -> bytes:
    """What the store would send now: it builds a body when it sends it."""
    resource, _, event = topic.partition(".")
    if event == "deleted":
        return json.dumps({"id": number}).encode()
    client = connect.client_for(here.settings, here.connection)
    try:
        look = client.look(here.connection.source.stream(STREAMS[resource]), str(number))
    finally:
        client.close()
    if look.presence is Presence.GONE:
        return json.dumps({"code": f"wc_{resource}_invalid_id", "message": "Invalid ID.", "data": 404}).encode()
    assert look.item is not None
    return look.item.raw


def deliver(here: Shop, topic: str, body: bytes, **more: Any) -> str:
    return push.receive(
        here.db, here.settings, "woocommerce", here.connection.connection_id, headers(topic, body, **more), body
    )


def take(here: Shop) -> Mapping[str, capture.PullReport]:
    with capture.session(here.db, here.settings, here.connection, actor="webhook") as session:
        return {
            name: push.process_deliveries(session, here.connection.source.stream(name))
            for name in ("products", "variations", "orders", "customers", "coupons")
        }


def sql(here: Shop, statement: str, **parameters: Any) -> list[Any]:
    with here.db.org(here.org.org_id) as conn:
        result = conn.exec_driver_sql(statement, parameters)
        return list(result) if result.returns_rows else []


def record(here: Shop, entity_type: str, number: int) -> Any:
    [row] = sql(
        here,
        "SELECT sync_data, deletion_state, deletion_evidence, version_no FROM capture.sync_record "
        "WHERE entity_type = %(e)s AND external_id = %(x)s",
        e=entity_type,
        x=str(number),
    )
    return row


def outcomes(here: Shop) -> list[str | None]:
    return [row.outcome for row in sql(here, "SELECT outcome FROM capture.webhook_delivery ORDER BY delivery_no")]


def same_as_store(here: Shop) -> None:
    """Every record is what the store has, and none is there that it has not."""
    client = connect.client_for(here.settings, here.connection)
    try:
        for name in ("products", "orders", "customers", "coupons"):
            stream = here.connection.source.stream(name)
            noise = set(stream.noise)
            theirs = {
                str(payload["id"]): payload
                for i in here.store.tables[name].ids
                if (look := client.look(stream, str(i))).presence is Presence.PRESENT and look.item
                for payload in [json.loads(look.item.raw)]
            }
            ours = {str(p["id"]): json.loads(json.dumps(p, default=float)) for p in here.export(name)}
            assert set(ours) == set(theirs), name
            for number, payload in theirs.items():
                differing = {f for f in payload if f not in noise and ours[number].get(f) != payload[f]}
                assert not differing, (name, number, differing)
    finally:
        client.close()


def test_a_thousand_deliveries_in_any_order_end_as_the_store_is(told: Shop) -> None:
    dice = random.Random(8)
    store = told.store
    due: list[tuple[str, int]] = []  # what happened and was not sent yet
    deliveries: list[tuple[str, bytes, str]] = []

    def happened(topic: str, number: int) -> None:
        due.append((topic, number))

    mine: set[tuple[str, int]] = set()  # made here, so nothing else of the shop hangs on them

    def change(step: int) -> None:
        store.advance(dice.choice([0, 0, 0, 1, 2]))
        kind = dice.choice(["products"] * 5 + ["orders"] * 4 + ["customers"] * 2 + ["coupons"])
        resource = kind.removesuffix("s")
        number = dice.choice([row for row in store.tables[kind].rows if isinstance(row, int)])
        act = dice.random()
        status = store.row(kind, number).fields.get("status")
        if act < 0.12:
            made = store.add_any(kind, step)
            assert made is not None
            mine.add((kind, made))
            happened(f"{resource}.created", made)
            if kind == "orders" and store.tables["products"].ids:
                happened("product.updated", store.tables["products"].ids[0])  # it was sold
        elif act < 0.2 and kind in ("products", "orders") and status != "trash":
            store.trash(kind, number)
            happened(f"{resource}.deleted", number)
        elif status == "trash":
            store.restore(kind, number)
            happened(f"{resource}.{'restored' if kind == 'products' else 'updated'}", number)
        elif act < 0.3 and (kind, number) in mine and number != store.tables["products"].ids[0]:
            store.delete(kind, number)
            mine.discard((kind, number))
            happened(f"{resource}.deleted", number)
        else:
            fields: dict[str, dict[str, Any]] = {
                "products": {"regular_price": f"{step}.50"},
                "orders": {"customer_note": f"note {step}"},
                "customers": {"first_name": f"Name {step}"},
                "coupons": {"description": f"text {step}"},
            }
            store.update(kind, number, **fields[kind])
            happened(f"{resource}.updated", number)

    def send(topic: str, number: int) -> None:
        deliveries.append((topic, body_now(told, topic, number), f"{len(deliveries):032x}"))

    step = 0
    while len(deliveries) < 650:
        change(step)
        step += 1
        dice.shuffle(due)
        while due and dice.random() < 0.5:
            send(*due.pop())
    # What is changed last is told at last, too: here after everything is at rest.
    for topic, number in due:
        send(topic, number)
    doubled = [dice.choice(deliveries) for _ in range(1000 - len(deliveries))]
    sent = [*deliveries, *doubled]
    dice.shuffle(sent)
    assert len(sent) == 1000
    counted: dict[str, int] = {}
    for place, (topic, body, delivery) in enumerate(sent):
        said = deliver(told, topic, body, delivery=delivery)
        counted[said] = counted.get(said, 0) + 1
        if place % 25 == 0:  # somebody tries to write into the shop
            forged = body.replace(b'"name"', b'"name": "forged", "x"', 1)
            with pytest.raises(NotGenuine):
                deliver(told, topic, forged, delivery=f"forged{place}", secret="guessed")
        if place % 250 == 249:
            take(told)  # some are seen to before the others come
    reports = take(told)
    assert counted["known"] == len(doubled)
    assert all(report.state == "closed" for report in reports.values())
    assert {row.state for row in sql(told, "SELECT DISTINCT state FROM capture.webhook_delivery")} == {"done"}
    ways = set(outcomes(told))
    assert {"accepted", "read from the store", "gone"} <= ways  # the test met every way
    same_as_store(told)
    ledgers = sql(told, "SELECT state, expected, captured, vanished FROM capture.sync_ledger WHERE mode = 'webhook'")
    assert all(row.state == "closed" and row.expected == row.captured + row.vanished for row in ledgers)


def test_a_body_dated_far_ahead_does_not_make_every_later_one_older(told: Shop) -> None:
    number = told.store.tables["products"].ids[0]
    ahead = {**json.loads(body_now(told, "product.updated", number)), "date_modified_gmt": "2999-01-01T00:00:00"}
    deliver(told, "product.updated", json.dumps(ahead).encode())
    assert take(told)["products"].changed == 1
    told.store.update("products", number, regular_price="77.70")
    told.store.bump("products", number)
    deliver(told, "product.updated", body_now(told, "product.updated", number))
    report = take(told)["products"]
    assert (report.changed, report.requests) == (1, 1)  # the store is asked which of the two is true
    now = next(one for one in told.export("products") if one["id"] == number)
    assert (now["regular_price"], now["date_modified_gmt"][:2]) == ("77.70", "20")
    assert now["date_modified_gmt"] < "2999"


def test_a_body_newer_than_what_is_known_needs_no_request(told: Shop) -> None:
    number = told.store.tables["products"].ids[0]
    told.store.update("products", number, regular_price="77.70")
    told.store.bump("products", number)
    newer = json.loads(body_now(told, "product.updated", number))
    soon = datetime.now(UTC) + timedelta(hours=1)
    newer["date_modified_gmt"] = f"{soon:%Y-%m-%dT%H:%M:%S}"
    assert deliver(told, "product.updated", json.dumps(newer).encode()) == "stored"
    before = len(told.server.requests)
    report = take(told)["products"]
    assert (report.changed, report.requests) == (1, 0)
    assert len(told.server.requests) == before
    older = {**newer, "date_modified_gmt": "2020-01-01T00:00:00", "regular_price": "1.00"}
    deliver(told, "product.updated", json.dumps(older).encode())
    assert take(told)["products"].changed == 0
    assert record(told, "product", number).sync_data["regular_price"] == "77.70"
    assert outcomes(told) == ["accepted", "older than the stored record"]
    assert len(told.server.requests) == before


def test_what_is_said_of_a_customer_casts_no_doubt_on_the_product_of_its_number(told: Shop) -> None:
    number = told.store.tables["products"].ids[0]
    deliver(told, "customer.deleted", json.dumps({"id": number}).encode())
    newer = {**json.loads(body_now(told, "product.updated", number)), "date_modified_gmt": "2099-01-01T00:00:00"}
    deliver(told, "product.updated", json.dumps(newer).encode())
    report = take(told)["products"]
    assert (report.changed, report.requests) == (1, 0)


def test_two_bodies_of_one_second_are_decided_by_the_store(told: Shop) -> None:
    number = told.store.tables["products"].ids[0]
    first = json.loads(body_now(told, "product.updated", number))
    told.store.update("products", number, touch=False, regular_price="5.55")
    for price in ("1.00", "2.00"):
        deliver(told, "product.updated", json.dumps({**first, "regular_price": price}).encode())
    take(told)
    assert record(told, "product", number).sync_data["regular_price"] == "5.55"
    assert outcomes(told) == ["read from the store", "read from the store"]


def test_a_body_that_is_late_does_not_bring_back_what_is_gone(told: Shop) -> None:
    made = told.store.add_product(name="Short-lived")
    created = body_now(told, "product.created", made)
    told.store.delete("products", made)
    deliver(told, "product.deleted", json.dumps({"id": made}).encode())
    take(told)
    deliver(told, "product.created", created)
    take(told)
    assert not sql(told, "SELECT 1 FROM capture.sync_record WHERE external_id = %(x)s", x=str(made))
    known = told.store.tables["orders"].ids[0]
    told.store.trash("orders", known)
    deliver(told, "order.deleted", json.dumps({"id": known}).encode())
    take(told)
    row = record(told, "order", known)
    assert (row.deletion_state, row.deletion_evidence) == ("deleted", "status trash")


def test_a_deletion_that_is_none_deletes_nothing(told: Shop) -> None:
    number = told.store.tables["products"].ids[0]
    deliver(told, "product.deleted", json.dumps({"id": number}).encode())
    take(told)
    assert record(told, "product", number).deletion_state == "present"


def test_a_deletion_whose_id_is_a_text_counts_and_one_of_another_entity_does_not(told: Shop) -> None:
    number, other = told.store.tables["products"].ids[:2]
    order = told.store.tables["orders"].ids[0]
    told.store.delete("products", number)
    deliver(told, "product.deleted", json.dumps({"id": str(number)}).encode(), delivery="a")
    deliver(told, "order.deleted", json.dumps({"id": str(other)}).encode(), delivery="b")
    deliver(told, "product.deleted", json.dumps({"id": str(order)}).encode(), delivery="c")
    for nonsense in ("", "0", "-1", "1.5", "12a", "1" * 30, "\u0661", None, True, [1]):
        deliver(told, "product.deleted", json.dumps({"id": nonsense}).encode(), delivery=f"n{nonsense}")
    take(told)
    assert record(told, "product", number).deletion_state == "deleted"
    assert record(told, "product", other).deletion_state == "present"
    assert record(told, "order", order).deletion_state == "present"
    assert not sql(told, "SELECT 1 FROM capture.sync_record WHERE entity_type = 'order' AND external_id = %(x)s",
                   x=str(other))  # fmt: skip


def test_a_deleted_variation_is_told_as_a_product(told: Shop) -> None:
    number = told.store.tables["variations"].ids[0]
    told.store.delete("variations", number)
    deliver(told, "product.deleted", json.dumps({"id": number}).encode())
    take(told)
    assert record(told, "variation", number).deletion_state == "deleted"
    other = told.store.tables["variations"].ids[0]
    parent = told.store.row("variations", other).fields["parent_id"]
    told.store.update("variations", other, regular_price="66.00")
    body = json.dumps({"id": other, "type": "variation", "parent_id": parent, "name": "cut"}).encode()
    deliver(told, "product.updated", body)
    take(told)
    assert record(told, "variation", other).sync_data["regular_price"] == "66.00"


def test_pings_errors_and_nonsense_are_answered_and_change_nothing(told: Shop) -> None:
    before = sql(
        told, "SELECT entity_type, external_id, version_no, content_hash FROM capture.sync_record ORDER BY 1, 2"
    )
    here = told.connection.connection_id
    form = {"content-type": "application/x-www-form-urlencoded"}
    for connection in (here, 999_999):  # it is not told whether the connection exists
        assert push.receive(told.db, told.settings, "woocommerce", connection, form, b"webhook_id=12") == "ping"
    gone = b'{"code":"wc_user_invalid_id","message":"Invalid user ID.","data":{"status":404}}'
    assert deliver(told, "customer.created", gone) == "nothing"
    for body in (b"", b"not json", b"[]", b"null", b'{"id":"7"}', b'{"id":-1}', b'{"id":true}', b"[" * 50_000, b"\xff"):
        assert deliver(told, "order.updated", body, delivery=body[:9].hex()) == "nothing"
    whole = {"id": 1, "name": "A", "type": "simple", "meta_data": [], "date_modified_gmt": "2099-01-01T00:00:00"}
    assert deliver(told, "product.updated", json.dumps(whole).encode("utf-16")) == "nothing"
    assert deliver(told, "product.updated", b'{"id":' + b"9" * 5000 + b"}") == "nothing"
    assert deliver(told, "action.woocommerce_add_to_cart", b'{"id":5,"action":"x"}') == "nothing"
    for connection, secret in ((here, "wrong"), (here, ""), (999_999, SECRET), (0, SECRET)):
        body = b'{"id": 1}'
        given = headers("order.deleted", body, secret=secret)
        with pytest.raises(NotGenuine):
            push.receive(told.db, told.settings, "woocommerce", connection, given, body)
    with pytest.raises(NotGenuine):
        push.receive(told.db, told.settings, "woocommerce", here, {"x-wc-webhook-topic": "order.deleted"}, b'{"id": 1}')
    take(told)
    after = sql(
        told, "SELECT entity_type, external_id, version_no, content_hash FROM capture.sync_record ORDER BY 1, 2"
    )
    assert after == before


@pytest.mark.parametrize(("before", "after"), [(b"\xef\xbb\xbf", b""), (b"", b', "odd": 1e99999999999999999999')])
def test_a_body_that_is_oddly_spelt_is_taken_all_the_same(told: Shop, before: bytes, after: bytes) -> None:
    number = told.store.tables["products"].ids[0]
    told.store.update("products", number, name="Changed")
    told.store.advance(5)
    told.store.update("products", number, name="Changed again")
    body = body_now(told, "product.updated", number)
    assert deliver(told, "product.updated", before + body[:-1] + after + b"}") == "stored"
    take(told)
    found = record(told, "product", number)
    assert found.sync_data["name"] == "Changed again"
    assert not sql(told, "SELECT 1 FROM capture.sync_record WHERE exact_text LIKE %(bom)s", bom="\ufeff%")


def test_without_a_secret_no_webhook_is_believed(told: Shop) -> None:
    fresh = connect.connection(told.db, told.org, "shop")
    connect.set_webhook_secret(told.db, told.settings, fresh, "", actor="test")
    for secret in ("", "no secret", SECRET):
        with pytest.raises(NotGenuine):
            deliver(told, "order.deleted", b'{"id": 1}', secret=secret)
    # The store's own key still works.
    assert told.pull("coupons")["coupons"].closed


def log_of(told: Shop, run_id: int | None) -> observe.SyncLogDetail:
    """The log of a run of deliveries."""
    [row] = sql(told, "SELECT log_id FROM capture.sync_logs WHERE run_id = %(run)s", run=run_id)
    return observe.sync_log(told.db, told.org, [told.connection], row.log_id)


def test_the_log_says_what_became_of_each_delivery(told: Shop) -> None:
    first, second, gone = told.store.tables["orders"].ids[:3]
    told.store.update("orders", first, status="completed")
    deliver(told, "order.updated", body_now(told, "order.updated", first), delivery="1")
    deliver(told, "order.updated", body_now(told, "order.updated", second), delivery="2")
    told.store.delete("orders", gone)
    deliver(told, "order.deleted", json.dumps({"id": gone}).encode(), delivery="3")
    deliver(told, "order.deleted", b'{"id": 987654}', delivery="4")
    deliver(told, "order.updated", b'{"id": 987654, "a": 1}', delivery="5")
    with capture.session(told.db, told.settings, told.connection) as session:
        report = push.process_deliveries(session, told.connection.source.stream("orders"))
    log = log_of(told, report.run_id)
    became = sorted((one.topic, one.id, one.outcome) for one in log.deliveries)
    assert became == sorted(
        [
            ("order.updated", str(first), "changed"),
            ("order.updated", str(second), "unchanged"),
            ("order.deleted", str(gone), "deleted"),
            ("order.deleted", "987654", "gone"),
            ("order.updated", "987654", "gone"),
        ]
    )
    assert all(one.why for one in log.deliveries)
    assert (log.records_synced, log.skipped) == (2, 0)


def test_a_store_that_does_not_answer_is_asked_later(told: Shop) -> None:
    number = told.store.tables["customers"].ids[-1]
    told.store.update("customers", number, first_name="Later")
    deliver(told, "customer.updated", body_now(told, "customer.updated", number))
    told.server.faults.down(True)
    with capture.session(told.db, told.settings, told.connection) as session:
        report = push.process_deliveries(session, told.connection.source.stream("customers"))
    assert report.state == "failed"
    assert "1 delivery waits for the store" in str(report.error)
    [one] = log_of(told, report.run_id).deliveries
    assert (one.topic, one.id, one.outcome) == ("customer.updated", str(number), "waiting")
    assert "does not answer" in one.why
    of = {one.entity: one.deliveries for one in observe.status(told.db, told.org)[0].entities}
    assert (of["customers"], of["orders"]) == (1, 0)
    [row] = sql(told, "SELECT state, attempts, not_before > now() AS later FROM capture.webhook_delivery")
    assert tuple(row) == ("waiting", 1, True)
    told.server.faults.down(False)
    sql(told, "UPDATE capture.webhook_delivery SET not_before = now()")
    sql(told, "UPDATE connect.request_budget SET open_until = NULL, pause_until = NULL")
    take(told)
    assert record(told, "customer", number).sync_data["first_name"] == "Later"


def test_deliveries_wait_while_their_stream_is_pulled(told: Shop) -> None:
    stream = told.connection.source.stream("customers")
    deliver(told, "customer.updated", b'{"id": 2}')
    with (
        capture.session(told.db, told.settings, told.connection) as session,
        session.alone(stream),
        capture.session(told.db, told.settings, told.connection) as other,
        pytest.raises(Busy),
    ):
        push.process_deliveries(other, stream)
    take(told)
    assert outcomes(told) == [None]  # put off for two minutes, so that no run after the other finds it busy
    sql(told, "UPDATE capture.webhook_delivery SET not_before = NULL")
    take(told)
    assert outcomes(told)[0] in ("read from the store", "gone")


def test_under_hash_no_address_waits_in_a_delivery(told: Shop) -> None:
    connect.update_settings(told.db, told.connection, {"pii_policy": "hash"}, actor="test")
    number = told.store.tables["orders"].ids[0]
    told.store.update("orders", number, billing={"email": "Hidden.Person@example.test"})
    deliver(told, "order.updated", body_now(told, "order.updated", number))
    [row] = sql(told, "SELECT payload FROM capture.webhook_delivery")
    assert "example.test" not in row.payload.lower()
    assert hashlib.sha256(b"hidden.person@example.test").hexdigest() in row.payload


_WORKER = """
from sync_pipeline.config import Settings
from sync_pipeline.db.open import app_url
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import capture, connect, push
settings = Settings()
db = Database(app_url(settings))
shop = connect.connection(db, connect.organization(db, "acme"), "shop")
with capture.session(db, settings, shop) as session:
    push.process_deliveries(session, shop.source.stream("orders"))
"""


def test_a_worker_that_is_killed_leaves_its_deliveries_to_the_next(told: Shop, database: Database) -> None:
    secret = told.settings.secret_key
    assert secret is not None
    environment = {
        **os.environ,
        "SYNC_APP_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
        "SYNC_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
        "SYNC_SECRET_KEY": secret.get_secret_value(),
        "SYNC_ALLOW_PRIVATE_HOSTS": "1",
    }
    known = list(told.store.tables["orders"].ids)
    for number in known:
        told.store.update("orders", number, customer_note="told")
    for number in [*range(100_000, 100_390), *known]:  # most are gone, so each costs a look
        deliver(told, "order.updated", b'{"id": %d}' % number)
    told.server.latency = 0.01
    counted = "SELECT count(*) AS n FROM capture.webhook_delivery WHERE state = 'done'"
    worker = subprocess.Popen([sys.executable, "-c", _WORKER], env=environment, cwd=PROJECT)
    try:
        wait_until(lambda: worker.poll() is not None or sql(told, counted)[0].n, "the worker has begun")
        assert worker.poll() is None, "the worker ended by itself"
    finally:
        worker.kill()
        worker.wait()
    done = sql(told, counted)[0].n
    assert 0 < done < 400
    told.server.latency = 0.0
    reports = take(told)  # the lock went with the process
    assert reports["orders"].expected == 400 - done
    assert sql(told, counted)[0].n == 400
    for number in known:
        assert record(told, "order", number).sync_data["customer_note"] == "told"
    states = sql(told, "SELECT state, error FROM capture.sync_ledger WHERE mode = 'webhook' AND entity_type = 'order'")
    assert sorted((row.state, row.error) for row in states) == [("closed", None), ("failed", "was killed")]
    logs = sql(told, "SELECT status FROM capture.sync_logs WHERE kind = 'webhook' AND status = 'running'")
    assert not logs
