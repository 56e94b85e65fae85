"""Push: whole batches or nothing, and records that meet those that are pulled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import NotFound
from sync_pipeline.sources.base import RawRecord
from sync_pipeline.steps import connect, observe, preview, promote, push, select
from sync_pipeline.steps.capture.write.records import Records
from sync_pipeline.steps.push import NotABatch
from sync_pipeline_tests.stores import Shop, shop
from sync_pipeline_tests.waiting import wait_until


@pytest.fixture
def plain(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Shop]:
    """A shop with products, customers and orders, nothing pulled yet."""
    store = Store()
    seed(store, products=8, variable=1, customers=4, orders=4)
    with shop(database, settings, org, store) as made:
        yield made


def send(here: Shop, kind: str, records: Any, **settings: Any) -> push.PushReport:
    if settings:
        connect.update_settings(here.db, here.connection, settings, actor="test")
    connection = connect.connection(here.db, here.org, here.connection.name)
    return push.push(here.db, connection, kind, json.dumps({kind: records}).encode(), actor="plugin")


def sql(here: Shop, statement: str, **parameters: Any) -> list[Any]:
    with here.db.org(here.org.org_id) as conn:
        result = conn.exec_driver_sql(statement, parameters)
        return list(result) if result.returns_rows else []


def payload(here: Shop, entity: str, external_id: int | str) -> dict[str, Any]:
    [row] = sql(
        here,
        "SELECT sync_data FROM capture.sync_record WHERE entity_type = %(e)s AND external_id = %(x)s",
        e=entity,
        x=str(external_id),
    )
    found: dict[str, Any] = row.sync_data
    return found


def state(here: Shop) -> Any:
    """Everything a repeated batch must leave alone."""
    return sql(
        here,
        "SELECT r.entity_type, r.external_id, r.version_no, r.content_hash, r.captured_at, r.run_id, "
        "(SELECT count(*) FROM capture.record_history) AS history FROM capture.sync_record r ORDER BY 1, 2",
    )


def product(number: int, **fields: Any) -> dict[str, Any]:
    return {"wc_product_id": number, "name": f"Product {number}", "sku": f"S-{number}", "price": "9.90", **fields}


def test_ten_thousand_products_with_invalid_ones_among_them(plain: Shop) -> None:
    wrong: list[Any] = [
        {"name": "no id"},
        {"wc_product_id": 0, "name": "zero"},
        {"wc_product_id": "ann@example.test", "name": "no number"},
        {"wc_product_id": 7},
        {"wc_product_id": 7, "name": "  "},
        {"wc_product_id": 7, "name": "x", "price": "cheap"},
        {"wc_product_id": 7, "name": "x", "updated_at": "yesterday"},
        "no object",
        None,
        {"wc_product_id": 7, "name": "x", "stock_quantity": True},
    ]
    batches = []
    for start in range(0, 10_000, 500):
        batch: list[Any] = [product(1_000_000 + start + i) for i in range(485)]
        for i in range(15):
            batch.insert(31 * i, wrong[(start + i) % len(wrong)])
        assert len(batch) == 500
        batches.append(batch)
    reports = [send(plain, "products", batch) for batch in batches]
    assert [(r.synced, r.skipped) for r in reports] == [(485, 15)] * 20
    assert sql(plain, "SELECT count(*) AS n FROM capture.sync_record")[0].n == 9_700
    logs = sql(plain, "SELECT status, records_synced, skipped, detail FROM capture.sync_logs WHERE kind = 'push'")
    assert {(row.status, row.records_synced, row.skipped) for row in logs} == {("success", 485, 15)}
    reasons = {one["reason"] for row in logs for one in row.detail["skipped"]}
    assert reasons == {
        "wc_product_id is missing",
        "wc_product_id is not an id, a whole number from 1",
        "name is missing",
        "price is not a number, such as 12.50",
        "updated_at is not a time, such as 2026-03-01T10:00:00Z",
        "it is not an object",
        "stock_quantity is not a number, such as 12.50",
    }
    before = state(plain)
    assert [(r.synced, r.new, r.changed) for r in (send(plain, "products", b) for b in batches[:3])] == [
        (485, 0, 0)
    ] * 3
    assert state(plain) == before
    [asked] = sql(plain, "SELECT kind, parameters FROM observe.request")
    assert (asked.kind, asked.parameters["entities"]) == ("preview", ["products"])
    connection = connect.connection(plain.db, plain.org, "shop")
    assert connection.last_sync_at is not None


@pytest.mark.parametrize(
    "text",
    [
        f'"wc_product_id": {"9" * 5000}',
        f'"wc_product_id": 7, "views": {"9" * 5000}',
        f'"wc_product_id": 7, "a": "\\ud800", "views": {"9" * 5000}',
        '"wc_product_id": 7, "weight": 1e99999999999999999999',
        '"wc_product_id": 7, "price": 1e99999999999999999999',
        '"wc_product_id": 7, "stock_quantity": "1e9999"',
        '"wc_product_id": 7, "price": "1", "price": "2"',
        '"wc_product_id": 7, "a": {"b": [{"c": 1, "c": 2}]}',
    ],
)
def test_a_number_that_nothing_holds_spoils_its_record_alone(plain: Shop, text: str) -> None:
    body = f'{{"products": [{{"name": "Odd", {text}}}, {{"wc_product_id": 8, "name": "Even"}}]}}'.encode()
    done = push.push(plain.db, plain.connection, "products", body, actor="plugin")
    assert (done.synced, done.skipped) == (1, 1)
    [row] = sql(plain, "SELECT external_id FROM capture.sync_record")
    assert row.external_id == "8"


def test_a_parent_that_is_no_id_is_kept_and_links_nothing(plain: Shop) -> None:
    odd = [{"wc_category_id": 8 + i, "name": "K", "parent": p} for i, p in enumerate(("a\0b", "x" * 100_000, "\ud800"))]
    assert send(plain, "categories", odd).synced == 3
    assert [row.parent_id for row in sql(plain, "SELECT parent_id FROM capture.sync_record")] == [None] * 3
    assert not sql(plain, "SELECT 1 FROM capture.sync_quarantine")


def test_what_was_pushed_shows_at_once_as_what_it_is(plain: Shop) -> None:
    send(plain, "products", [product(1), product(2, sku="s-1 "), product(3, category_id=9)])
    stream = plain.connection.source.stream("products")
    shown = preview.table(plain.db, plain.connection, stream)
    assert {row["external_id"]: row["status"] for row in shown.data} == dict.fromkeys("123", "new")
    warned = sql(plain, "SELECT external_id, warnings -> 0 ->> 'code' AS code FROM preview.difference ORDER BY 1")
    assert [tuple(row) for row in warned] == [("1", "duplicate_sku"), ("2", "duplicate_sku"), ("3", None)]
    before = sql(plain, "SELECT * FROM preview.difference ORDER BY external_id")
    preview.recompute(plain.db, plain.connection, stream)
    assert sql(plain, "SELECT * FROM preview.difference ORDER BY external_id") == before
    promoted(plain, "products")
    send(plain, "products", [product(1, price="11")])
    assert plain.table("products", "updated") == {"1"}
    send(plain, "products", [product(1)])
    assert plain.table("products", "updated") == set()


def test_an_empty_batch_is_a_success_and_no_list_is_none(plain: Shop) -> None:
    report = send(plain, "products", [])
    assert (report.synced, report.skipped) == (0, 0)
    connection = plain.connection
    twice = b'{"products": [], "products": [{"wc_product_id": 1, "name": "A"}]}'
    unknown = b'{"products": [], "customers": [{"wc_customer_id": 1}]}'
    other = ("{}".encode("utf-16"), b"{}", b'{"products": {}}', b'{"products": null}', b"\xff", b'{"products": [NaN]}')
    for body in (b"", b"[]", twice, unknown, *other):
        with pytest.raises(NotABatch):
            push.push(plain.db, connection, "products", body, actor="plugin")
    with pytest.raises(NotABatch):
        push.push(plain.db, connection, "products", b'{"products":' + b"[" * 100_000, actor="plugin")
    with pytest.raises(NotFound):
        push.push(plain.db, connection, "invoices", b'{"invoices": []}', actor="plugin")
    assert len(sql(plain, "SELECT 1 FROM capture.sync_logs")) == 1


def test_a_failure_in_mid_batch_leaves_nothing_and_the_log_says_so(plain: Shop, owner_url: str) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(owner_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as conn:
        conn.exec_driver_sql(
            "CREATE FUNCTION capture.refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF NEW.external_id = '1000250' THEN RAISE 'no place for %%', NEW.email; END IF; "
            "RETURN NEW; END $$"
        )
        conn.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON capture.woocommerce_sync "
            "FOR EACH ROW EXECUTE FUNCTION capture.refuse()"
        )
    send(plain, "customers", [{"wc_customer_id": 5, "email": "kept@example.test"}])
    before = state(plain)
    batch = [{"wc_customer_id": 1_000_000 + i, "email": f"c{i}@example.test"} for i in range(500)]
    with pytest.raises(push.PushFailed, match="nothing of it is stored"):
        send(plain, "customers", batch)
    assert state(plain) == before
    [row] = sql(
        plain, "SELECT status, records_synced, error_message FROM capture.sync_logs ORDER BY log_id DESC LIMIT 1"
    )
    assert (row.status, row.records_synced) == ("failed", 0)
    assert row.error_message == "RaiseException"
    assert not sql(plain, "SELECT 1 FROM capture.sync_ledger WHERE state = 'open'")
    with engine.begin() as conn:
        conn.exec_driver_sql("DROP TRIGGER refuse ON capture.woocommerce_sync")
    engine.dispose()
    assert send(plain, "customers", batch).synced == 500


def test_a_log_of_a_killed_process_is_closed_by_the_next_batch(plain: Shop) -> None:
    sql(
        plain,
        "INSERT INTO capture.sync_logs (org_id, connection_id, entity_type, kind, started_at) "
        "VALUES (connect.current_org(), %(c)s, 'product', 'push', now() - interval '11 minutes')",
        c=plain.connection.connection_id,
    )
    send(plain, "products", [])
    assert [row.status for row in sql(plain, "SELECT status FROM capture.sync_logs ORDER BY log_id")] == [
        "failed",
        "success",
    ]


def test_a_pushed_product_does_not_make_a_pulled_one_poorer(plain: Shop) -> None:
    plain.pull("products")
    whole = plain.export("products")[0]
    number = whole["id"]
    soon = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0, tzinfo=None)
    later = f"{soon + timedelta(hours=2)}+02:00"
    report = send(plain, "products", [product(number, price="123.450", updated_at=later, total_views=3)])
    assert (report.new, report.changed) == (0, 1)
    merged = payload(plain, "product", number)
    assert set(merged) == set(whole)  # nothing lost, nothing that the store's own payload does not have
    changed = {name for name in whole if merged[name] != whole[name]}
    assert changed <= {"name", "sku", "price", "date_modified_gmt"}
    assert merged["price"] == "123.450"
    assert merged["date_modified_gmt"] == soon.isoformat()
    plain.pull("products", full=True)
    assert next(p for p in plain.export("products") if p["id"] == number)["price"] == whole["price"]
    versions = sql(
        plain,
        "SELECT version_no FROM capture.sync_record_version WHERE external_id = %(x)s AND entity_type = 'product'",
        x=str(number),
    )
    assert len(versions) == 2  # pulled, pushed; pulled again is the first content once more


def test_a_push_waits_for_a_page_that_is_being_written(plain: Shop) -> None:
    plain.pull("products")
    number = plain.store.tables["products"].ids[0]
    stream = plain.connection.source.stream("products")
    run_id = plain.value("SELECT max(run_id) FROM capture.sync_ledger")
    page = Records(
        db=plain.db, connection=plain.connection, stream=stream, run_id=run_id, mode="delta", noise=frozenset()
    )
    moved = {**payload(plain, "product", number), "description": "written by the page"}
    with ThreadPoolExecutor(1) as pool:
        with plain.db.org(plain.org.org_id) as conn:
            page.write(conn, [RawRecord(str(number), json.dumps(moved, default=float).encode())])
            pushing = pool.submit(send, plain, "products", [product(number, price="1.23")])
            waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            wait_until(lambda: pushing.done() or sql(plain, waiting), "the push waits for the page")
            assert not pushing.done()
        assert pushing.result().changed == 1
    after = payload(plain, "product", number)
    assert (after["description"], after["price"]) == ("written by the page", "1.23")


def test_a_push_older_than_what_was_pulled_changes_nothing(plain: Shop) -> None:
    plain.pull("products")
    number = plain.export("products")[0]["id"]
    before = state(plain)
    report = send(plain, "products", [product(number, price="0.01", updated_at="2001-01-01 00:00:00")])
    assert (report.synced, report.changed, report.outcomes) == (1, 0, ["older"])
    assert state(plain) == before


@pytest.mark.parametrize("pulled", [True, False])
@pytest.mark.parametrize("nothing", [None, "", "0000-00-00 00:00:00"])
def test_a_push_without_a_time_keeps_the_stored_one(plain: Shop, pulled: bool, nothing: str | None) -> None:
    number = 900
    if pulled:
        plain.pull("products")
        number = plain.export("products")[0]["id"]
    else:
        send(plain, "products", [product(number, updated_at="2026-02-02")])
    time = "SELECT remote_modified_at FROM capture.sync_record WHERE external_id = %(x)s AND entity_type = 'product'"
    [before] = sql(plain, time, x=str(number))
    assert send(plain, "products", [product(number, name="B", updated_at=nothing)]).outcomes == ["changed"]
    assert sql(plain, time, x=str(number)) == [before]
    ancient = product(number, name="ANCIENT", updated_at="2001-01-01T00:00:00Z")
    assert send(plain, "products", [ancient]).outcomes == ["older"]
    assert payload(plain, "product", number)["name"] == "B"


def test_a_pushed_category_has_a_time_too(plain: Shop) -> None:
    """The store's own have none, so the stream knows no field for it."""
    new = {"wc_category_id": 8, "name": "N", "updated_at": "2026-02-02"}
    old = {"wc_category_id": 8, "name": "O", "updated_at": "2026-01-01"}
    assert send(plain, "categories", [new]).outcomes == ["new"]
    assert send(plain, "categories", [old]).outcomes == ["older"]
    assert payload(plain, "category", 8)["name"] == "N"


def test_a_batch_says_what_became_of_each_record(plain: Shop) -> None:
    plain.pull("products")
    same, gone, old = (one["id"] for one in plain.export("products")[:3])
    plain.store.delete("products", gone)
    plain.pull("products")
    name = payload(plain, "product", same)["name"]
    far = "2999-01-01T00:00:00Z"
    given = [
        product(900),
        {"wc_product_id": same, "name": name},
        product(901, updated_at="2026-02-02"),
        product(901, updated_at="2026-01-01"),
        product(gone),
        product(old, updated_at="2001-01-01"),
        {"wc_product_id": 902},
        product(903, updated_at=far),
    ]
    report = send(plain, "products", given)
    became = ["new", "unchanged", "new", "older", "deleted", "older", "skipped", "skipped"]
    assert (report.outcomes, report.synced, report.skipped, report.new) == (became, 6, 2, 2)
    log = observe.sync_log(plain.db, plain.org, [plain.connection], report.log_id)
    assert log.outcomes == became
    assert [(one.place, one.id, one.outcome) for one in log.ignored_records] == [
        (3, "901", "older"),
        (4, str(gone), "deleted"),
        (5, str(old), "older"),
    ]
    assert log.ignored_records[0].reason == "it is older than the stored record, which changed 2026-02-02T00:00:00Z"
    assert (log.skipped_records[1].place, log.skipped_records[1].id) == (7, "903")
    assert log.skipped_records[1].reason.startswith(f"the time of its change, {far}, is more than a day ahead")
    again = send(plain, "products", given)
    assert again.outcomes == ["unchanged", "unchanged", "unchanged", *became[3:]]


def test_a_push_deletes_nothing(plain: Shop) -> None:
    plain.pull("products")
    known = plain.export("products")[0]["id"]
    given = {"deleted": True, "status": "trash"}
    report = send(plain, "products", [product(known, **given), product(900, **given)])
    assert report.outcomes == ["changed", "new"]
    assert [
        (payload(plain, "product", one)["status"], payload(plain, "product", one).get("deleted"))
        for one in (known, 900)
    ] == [("trash", None), ("trash", True)]
    assert {row.deletion_state for row in sql(plain, "SELECT deletion_state FROM capture.sync_record")} == {"present"}


def test_a_time_of_an_earlier_version_that_is_far_ahead_heals(plain: Shop) -> None:
    send(plain, "products", [product(900, updated_at="2026-02-02")])
    sql(
        plain,
        "UPDATE capture.sync_record SET remote_modified_at = '2999-01-01', "
        """sync_data = sync_data || '{"date_modified_gmt": "2999-01-01T00:00:00"}'""",
    )
    assert send(plain, "products", [product(900, price="2", updated_at="2026-03-01")]).outcomes == ["changed"]
    assert payload(plain, "product", 900)["date_modified_gmt"] == "2026-03-01T00:00:00"


def test_pushes_out_of_order_leave_the_newest(plain: Shop) -> None:
    new, old = (
        product(900, price="2", updated_at="2026-02-02T00:00:00"),
        product(900, price="1", updated_at="2026-01-01"),
    )
    send(plain, "products", [new])
    assert send(plain, "products", [old]).changed == 0
    assert payload(plain, "product", 900)["price"] == "2"
    send(
        plain,
        "products",
        [product(901, price="2", updated_at="2026-02-02"), product(901, price="1", updated_at="2026-01-01")],
    )
    assert payload(plain, "product", 901)["price"] == "2"


def test_a_pushed_record_becomes_whole_by_the_next_pull(plain: Shop) -> None:
    number = plain.store.tables["products"].ids[0]
    send(plain, "products", [product(number, updated_at="2020-01-01")])
    assert sql(plain, "SELECT pushed_only FROM capture.sync_record")[0].pushed_only
    plain.pull("products")
    exported = {p["id"]: p for p in plain.export("products")}
    assert "description" in exported[number]
    assert not sql(plain, "SELECT 1 FROM capture.sync_record WHERE pushed_only")


def test_a_push_does_not_bring_back_what_was_looked_for_and_gone(plain: Shop) -> None:
    plain.pull("products")
    number = plain.export("products")[-1]["id"]
    plain.store.delete("products", number)
    plain.pull("products")
    send(plain, "products", [product(number)])
    send(plain, "products", [product(number, updated_at="2020-01-01")])
    gone = "SELECT deletion_state FROM capture.sync_record WHERE entity_type = 'product' AND external_id = %(x)s"
    assert sql(plain, gone, x=str(number))[0].deletion_state == "deleted"
    assert send(plain, "products", [product(number)]).outcomes == ["deleted"]
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert send(plain, "products", [product(number, updated_at=later.isoformat())]).outcomes == ["changed"]
    assert sql(plain, gone, x=str(number))[0].deletion_state == "present"


def test_a_category_of_a_push_takes_none_away(plain: Shop) -> None:
    first, second = plain.store.add_category(name="A"), plain.store.add_category(name="B")
    number = plain.store.add_product(name="In both", categories=[first, second])
    plain.pull("products")
    send(plain, "products", [product(number, category_id=second, category_name="B")])
    assert {c["id"] for c in payload(plain, "product", number)["categories"]} == {first, second}
    send(plain, "products", [product(number, category_id=77, category_name="New")])
    assert next(c["id"] for c in payload(plain, "product", number)["categories"]) == 77


def promoted(here: Shop, *entities: str) -> promote.ApplyReport:
    connection = connect.connection(here.db, here.org, "shop")
    for name in entities:
        stream = connection.source.stream(name)
        preview.recompute(here.db, connection, stream)
        select.select(here.db, connection, stream, everything=True, include=True, actor="ann")
    plan = select.make_plan(here.db, here.org, actor="ann")
    assert plan is not None
    report = promote.apply(here.db, here.org.org_id, plan.plan_id, actor="ann")
    assert not report.errors
    return report


def test_pushed_records_are_promoted_and_linked_when_their_parents_come_later(plain: Shop) -> None:
    send(plain, "categories", [{"wc_category_id": 12, "name": "Child", "parent_id": 11, "product_count": 2}])
    send(
        plain, "products", [product(500, category_id=12, regular_price=10, stock_quantity="7", stock_status="instock")]
    )
    send(
        plain,
        "orders",
        [{"wc_order_id": 900, "total": "20.00", "currency": "USD", "customer_id": 55, "status": "wc-completed"}],
    )
    promoted(plain, "products", "orders", "categories")
    [before] = sql(plain, "SELECT parent_id FROM core.categories")
    assert before.parent_id is None
    send(plain, "categories", [{"wc_category_id": 11, "name": "Parent"}])
    send(plain, "customers", [{"wc_customer_id": 55, "email": "x@y.zz", "display_name": "Ada"}])
    promoted(plain, "categories", "customers")
    [child] = sql(plain, "SELECT p.name FROM core.categories c JOIN core.categories p ON p.id = c.parent_id")
    assert child.name == "Parent"
    [row] = sql(
        plain,
        "SELECT p.price, p.regular_price, i.quantity, c.name AS category FROM core.products p "
        "JOIN core.inventory_items i ON i.product_id = p.id "
        "JOIN core.product_categories pc ON pc.product_id = p.id JOIN core.categories c ON c.id = pc.category_id",
    )
    assert tuple(row) == (Decimal("9.90"), Decimal(10), Decimal(7), "Child")
    [order] = sql(
        plain, "SELECT o.total, o.status, c.name FROM core.sales_orders o JOIN core.customers c ON c.id = o.customer_id"
    )
    assert tuple(order) == (Decimal("20.00"), "completed", "Ada")


def hashed(address: str) -> str:
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def test_the_default_keeps_what_is_pulled_and_hashes_what_is_pushed(plain: Shop) -> None:
    plain.pull("customers")
    known = plain.export("customers")[-1]
    before = state(plain)
    same = {"wc_customer_id": known["id"], "email": f"  {known['email'].upper()} "}
    assert send(plain, "customers", [same]).changed == 0
    assert state(plain) == before
    send(plain, "customers", [{"wc_customer_id": 4711, "email": " Ann@Example.TEST "}])
    assert payload(plain, "customer", 4711)["email"] == hashed("ann@example.test")
    [row] = sql(plain, "SELECT email FROM capture.sync_record WHERE external_id = '4711'")
    assert row.email == hashed("ann@example.test")


def test_keep_keeps_what_is_pushed(plain: Shop) -> None:
    send(plain, "customers", [{"wc_customer_id": 4711, "email": "Ann@Example.TEST"}], pii_policy="keep")
    assert payload(plain, "customer", 4711)["email"] == "Ann@Example.TEST"


def test_hashed_customers_of_two_stores_are_one(plain: Shop, settings: Settings, org: connect.Organization) -> None:
    connect.update_settings(plain.db, plain.connection, {"pii_policy": "hash"}, actor="test")
    plain.connection = connect.connection(plain.db, plain.org, "shop")
    plain.pull("customers", "orders")
    pulled = next(c for c in plain.export("customers") if c["email"])
    assert len(pulled["email"]) == 64
    real = plain.store.row("customers", pulled["id"]).fields["email"]
    with shop(plain.db, settings, org, Store(), name="second") as second:
        send(second, "customers", [{"wc_customer_id": 9, "email": real.upper()}])
        connection = connect.connection(plain.db, plain.org, "second")
        stream = connection.source.stream("customers")
        preview.recompute(plain.db, connection, stream)
        select.select(plain.db, connection, stream, everything=True, include=True, actor="ann")
        promoted(plain, "customers")
    [row] = sql(
        plain,
        "SELECT count(DISTINCT internal_id) AS rows, count(*) AS records FROM promote.integration_mapping "
        "WHERE entity_type = 'customer' AND external_id IN (%(a)s, '9') AND "
        "(external_id = '9') = (connection_id <> %(c)s)",
        a=str(pulled["id"]),
        c=plain.connection.connection_id,
    )
    assert (row.rows, row.records) == (1, 2)
