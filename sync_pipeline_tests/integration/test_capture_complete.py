"""Capture loses nothing: whatever the store does while it is read, and whatever its records hold."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect
from sync_pipeline.steps.capture import budget
from sync_pipeline_tests.shares import every, first
from sync_pipeline_tests.stores import Shop, shop, without_noise
from sync_pipeline_tests.waiting import USUAL_DELAY_SECONDS


@pytest.fixture
def open_shop(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Shop]:
    store = Store()
    seed(store, products=260, variable=6, customers=40, orders=130, random_seed=5)
    with shop(database, settings, org, store) as opened:
        yield opened


def test_a_full_pull_captures_every_record_of_every_stream_once(open_shop: Shop) -> None:
    reports = open_shop.pull(full=True)
    assert {name: r.error for name, r in reports.items() if not r.closed} == {}
    for name in open_shop.streams:
        if name == "shipping_zone_methods":
            continue
        expected = {str(i) for i in open_shop.store.ids(name)}
        stored = open_shop.rows(
            "SELECT external_id FROM capture.sync_record WHERE org_id = connect.current_org() AND entity_type = %(e)s",
            e=open_shop.connection.source.stream(name).entity_type,
        )
        assert {row.external_id for row in stored} == expected, name
        assert reports[name].expected == reports[name].captured == len(expected)


def test_payloads_come_back_as_the_store_answers_them(open_shop: Shop) -> None:
    open_shop.pull("products", "orders", "customers", "variations", "refunds", full=True)
    for name in ("products", "orders", "customers", "variations", "refunds"):
        for payload in open_shop.export(name):
            asked = json.loads(json.dumps(open_shop.store.payload(name, payload["id"])), parse_float=Decimal)
            if name == "variations":  # the bulk list says “Parent - Option”, and links to itself
                payload, asked = ({k: v for k, v in p.items() if k not in ("name", "_links")} for p in (payload, asked))
            assert without_noise(payload) == without_noise(asked)


def test_a_delta_with_no_change_captures_nothing_and_writes_no_version(open_shop: Shop) -> None:
    open_shop.pull(full=True)
    versions = open_shop.value("SELECT count(*) FROM capture.sync_record_version")
    reports = open_shop.pull()
    assert {name: (r.new, r.changed) for name, r in reports.items() if r.new or r.changed} == {}
    assert {r.mode for r in reports.values()} == {"delta"}
    assert open_shop.value("SELECT count(*) FROM capture.sync_record_version") == versions


@pytest.mark.parametrize("seed_number", first(2, range(4)))
def test_rows_deleted_and_inserted_while_paged(open_shop: Shop, seed_number: int) -> None:
    open_shop.server.faults.drift(every=1, deletes=3, inserts=2, seed=seed_number)
    reports = open_shop.pull("products", "orders", "customers", full=True)
    # Rows that appeared while the list was read may be read or not; the next delta has them.
    inserted = {str(record_id) for what, _, record_id in open_shop.server.faults.drifted if what == "insert"}
    open_shop.server.faults.clear()
    assert inserted
    for name, report in reports.items():
        assert report.closed, report.error
        assert open_shop.ids(name) >= {str(i) for i in open_shop.store.ids(name)} - inserted
    open_shop.pull("products", "orders", "customers")
    for name in reports:
        assert open_shop.ids(name) == {str(i) for i in open_shop.store.ids(name)}


def test_a_list_without_totals(open_shop: Shop) -> None:
    for path in ("products", "orders", "customers"):
        open_shop.server.faults.rate("no_totals", 1.0, path=path)
    reports = open_shop.pull("products", "orders", "customers", "taxes", full=True)
    for name, report in reports.items():
        assert report.closed, report.error
        assert open_shop.ids(name) == {str(i) for i in open_shop.store.ids(name)}


def test_a_host_that_caps_pages(open_shop: Shop) -> None:
    open_shop.server.faults.per_page_cap(37)
    report = open_shop.pull("products", full=True)["products"]
    assert report.closed, report.error
    assert open_shop.ids("products") == {str(i) for i in open_shop.store.ids("products")}


def test_a_host_that_ignores_offset(open_shop: Shop) -> None:
    open_shop.server.faults.ignore_offset()
    report = open_shop.pull("products", full=True)["products"]
    assert report.closed, report.error
    assert open_shop.ids("products") == {str(i) for i in open_shop.store.ids("products")}


def test_variations_without_the_bulk_list_are_read_under_their_products(open_shop: Shop) -> None:
    open_shop.store.analytics = False
    open_shop.pull("products", full=True)
    report = open_shop.pull("variations", full=True)["variations"]
    assert report.closed, report.error
    assert open_shop.ids("variations") == {str(i) for i in open_shop.store.ids("variations")}
    parent, one = open_shop.rows(
        "SELECT parent_id, external_id FROM capture.sync_record WHERE entity_type = 'variation'"
    )[0]
    open_shop.store.update("variations", int(one), touch=False, regular_price="77.00")
    report = open_shop.pull("variations")["variations"]
    assert (report.new, report.changed) == (0, 1)
    assert parent is not None


def test_a_bulk_list_that_fails_everywhere_is_not_needed(open_shop: Shop) -> None:
    open_shop.server.faults.burst(status=500, count=10**6, retry_after=None, path="/wc-analytics/variations")
    open_shop.pull("products", full=True)
    report = open_shop.pull("variations", full=True)["variations"]
    assert report.closed, report.error
    assert open_shop.ids("variations") == {str(i) for i in open_shop.store.ids("variations")}


def test_refunds_without_their_list_are_read_under_their_orders(open_shop: Shop) -> None:
    open_shop.store.refunds_route = False
    open_shop.pull("orders", full=True)
    open_shop.server.requests.clear()
    report = open_shop.pull("refunds", full=True)["refunds"]
    assert report.closed, report.error
    asked = {(request.path.removeprefix("/wp-json/wc/v3/"), request.status) for request in open_shop.server.requests}
    parents = {row.fields["parent_id"] for row in open_shop.store.tables["refunds"].rows.values()}
    assert asked == {("refunds", 404), *((f"orders/{parent}/refunds", 200) for parent in parents)}
    assert report.remote_total == len(open_shop.store.ids("refunds"))
    open_shop.store.update("orders", min(open_shop.store.ids("orders")), customer_note="another one")
    report = open_shop.pull("orders", do_sweep=False)["orders"]
    assert (report.changed, report.remote_total) == (1, None)  # how many there are was not asked
    report = open_shop.pull("orders")["orders"]
    assert report.remote_total == len(open_shop.store.ids("orders"))
    assert open_shop.ids("refunds") == {str(i) for i in open_shop.store.ids("refunds")}


@pytest.mark.parametrize("also_fields", [True, False])
def test_one_poisoned_record_is_set_aside_and_the_others_are_captured(open_shop: Shop, also_fields: bool) -> None:
    poisoned = sorted(open_shop.store.ids("products"))[150]
    open_shop.server.faults.poison("products", poisoned, also_fields=also_fields)
    report = open_shop.pull("products", full=True)["products"]
    assert report.closed, report.error
    assert report.quarantine == (str(poisoned),)
    assert open_shop.ids("products") == {str(i) for i in open_shop.store.ids("products")} - {str(poisoned)}
    row = open_shop.rows("SELECT reason, status, raw FROM capture.sync_quarantine WHERE resolved_at IS NULL")[0]
    assert row.status == 500
    assert bytes(row.raw)
    open_shop.server.faults.heal("products", poisoned)
    report = open_shop.pull("products")["products"]
    assert report.closed
    assert report.quarantined == 0
    assert str(poisoned) in open_shop.ids("products")
    assert open_shop.value("SELECT count(*) FROM capture.sync_quarantine WHERE resolved_at IS NULL") == 0


UNREADABLE = {"exponent": '{"id": 1e999999999999999999999}', "digits": "9" * 6000}


@pytest.mark.parametrize(("unreadable", "full"), every(2, list(UNREADABLE), [True, False]))
def test_a_change_that_nobody_can_read_is_set_aside_until_it_can_be_read(
    open_shop: Shop, unreadable: str, full: bool
) -> None:
    open_shop.pull("products", full=True)
    known = sorted(open_shop.store.ids("products"))[150]
    open_shop.store.raw_override(
        "products", known, f'{{"id": {known}, "name": "New", "weight": {UNREADABLE[unreadable]}}}'
    )
    for _ in range(2):
        report = open_shop.pull("products", full=full)["products"]
        assert report.closed, report.error
        assert report.quarantine == (str(known),)
        assert open_shop.value("SELECT count(*) FROM capture.sync_quarantine WHERE resolved_at IS NULL") == 1
    open_shop.store.raw_override("products", known, None)
    open_shop.store.update("products", known, name="Again")
    report = open_shop.pull("products", full=full)["products"]
    assert (report.closed, report.quarantined) == (True, 0)
    assert open_shop.value("SELECT count(*) FROM capture.sync_quarantine WHERE resolved_at IS NULL") == 0


def test_a_new_record_that_nobody_can_read_is_set_aside(open_shop: Shop) -> None:
    new = sorted(open_shop.store.ids("products"))[150]
    open_shop.store.raw_override("products", new, f'{{"id": {new}, "name": "New", "weight": 1e999999999999999999999}}')
    report = open_shop.pull("products", full=True)["products"]
    assert report.closed, report.error
    assert report.quarantine == (str(new),)
    assert open_shop.ids("products") == {str(i) for i in open_shop.store.ids("products")} - {str(new)}


def test_what_heals_without_a_change_leaves_quarantine_with_the_next_sweep(open_shop: Shop) -> None:
    open_shop.pull("products", full=True)
    one = sorted(open_shop.store.ids("products"))[3]
    open_shop.server.faults.poison("products", one)
    assert open_shop.pull("products", full=True)["products"].quarantine == (str(one),)
    open_shop.server.faults.clear()
    report = open_shop.pull("products")["products"]
    assert (report.closed, report.quarantined, report.changed) == (True, 0, 0)
    assert open_shop.value("SELECT count(*) FROM capture.sync_quarantine WHERE resolved_at IS NULL") == 0


@pytest.mark.parametrize("number", first(1, range(3)))
def test_a_store_with_many_faults_at_once(open_shop: Shop, number: int) -> None:
    faults = open_shop.server.faults
    for kind, probability in (
        ("503", 0.05),
        ("html200", 0.05),
        ("php_notice", 0.2),
        ("bom", 0.2),
        ("reset", 0.05),
        ("half_body", 0.05),
    ):
        faults.rate(kind, probability, seed=number)
    faults.burst(status=429, count=3, retry_after=1)
    poisoned = sorted(open_shop.store.ids("orders"))[70]
    faults.poison("orders", poisoned)
    reports = open_shop.pull(full=True)
    assert {name: r.error for name, r in reports.items() if not r.closed} == {}
    assert {name: r.quarantine for name, r in reports.items() if r.quarantine} == {"orders": (str(poisoned),)}
    for name in ("products", "variations", "customers", "refunds", "coupons", "categories"):
        assert open_shop.ids(name) == {str(i) for i in open_shop.store.ids(name)}, name
    assert open_shop.ids("orders") == {str(i) for i in open_shop.store.ids("orders")} - {str(poisoned)}


def test_a_store_that_fails_at_everything_is_not_taken_apart(open_shop: Shop) -> None:
    open_shop.server.faults.down(status=500)
    report = open_shop.pull("products", full=True)["products"]
    assert not report.closed
    assert report.error is not None
    assert "fails at every request" in report.error
    assert report.requests < 50
    assert open_shop.value("SELECT count(*) FROM capture.sync_quarantine") == 0


def test_a_list_that_fails_everywhere_fails_alone(open_shop: Shop) -> None:
    open_shop.server.faults.burst(status=500, count=10**6, retry_after=None, path="/wc/v3/products")
    reports = open_shop.pull("customers", "products", full=True)
    assert reports["customers"].closed
    assert reports["products"].error is not None
    assert "at every place of its list of products" in reports["products"].error
    assert open_shop.value("SELECT count(*) FROM capture.sync_quarantine") == 0


def test_one_parents_list_that_fails_everywhere_is_set_aside(open_shop: Shop) -> None:
    open_shop.store.analytics = False
    open_shop.pull("products", full=True)
    parent = open_shop.rows("SELECT external_id FROM capture.sync_record WHERE sync_data ->> 'type' = 'variable'")[0][0]
    open_shop.server.faults.burst(status=500, count=10**6, retry_after=None, path=f"/products/{parent}/variations")
    report = open_shop.pull("variations", full=True)["variations"]
    assert report.closed, report.error
    assert report.quarantine == (f"list of {parent}",)
    open_shop.server.faults.clear()
    report = open_shop.pull("variations", full=True)["variations"]
    assert report.closed
    assert report.quarantined == 0
    assert open_shop.ids("variations") == {str(i) for i in open_shop.store.ids("variations")}
    assert open_shop.value("SELECT count(*) FROM capture.sync_quarantine WHERE resolved_at IS NULL") == 0


def test_a_store_that_restarts_as_a_pull_begins_is_waited_for(open_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "FIRST_DELAY_SECONDS", USUAL_DELAY_SECONDS)
    open_shop.server.faults.down(True)
    restarted = threading.Timer(3.0, open_shop.server.faults.down, [False])
    restarted.start()
    try:
        report = open_shop.pull("tags", full=True)["tags"]
    finally:
        restarted.cancel()
    assert report.ok, report.error
    assert open_shop.ids("tags") == {str(i) for i in open_shop.store.ids("tags")}


def test_a_store_that_is_down_loses_nothing_and_says_so(open_shop: Shop) -> None:
    open_shop.pull("products", full=True)
    watermark = open_shop.value("SELECT watermark FROM capture.sync_cursor WHERE entity_type = 'product'")
    open_shop.server.faults.down(True)
    report = open_shop.pull("products")["products"]
    assert not report.closed
    assert report.error is not None
    assert "does not answer" in report.error or "stopped answering" in report.error
    assert open_shop.value("SELECT watermark FROM capture.sync_cursor WHERE entity_type = 'product'") == watermark
    assert open_shop.value("SELECT count(*) FROM capture.sync_record WHERE deletion_state <> 'present'") == 0


HOSTILE = {
    "nul": r'"a\u0000b"',
    "lone surrogate": r'"x\ud800y"',
    "a pair": r'"\ud83d\ude00"',
    "big": str(2**70),
    "digits": "0.1234567890123456789012345678901234567891",
    "huge": "1e400",
    "tiny": "1.5e-320",
    "minus zero": "-0.0",
    "empty": '""',
    "none": "null",
    "": '"a key that is nothing"',
    "a.b": "1",
    'quo"te': "1",
    "back\\slash": "1",
    "deep": "[" * 120 + "1" + "]" * 120,
    "ünïcode": '"ß漢字"',
    "trailing": "1.10",
}


def test_values_come_back_digit_for_digit(open_shop: Shop) -> None:
    target = sorted(open_shop.store.ids("products"))[5]
    base = open_shop.store.payload("products", target)
    body = ",".join([*(f"{json.dumps(k)}:{v}" for k, v in HOSTILE.items()), f'"long":"{"x" * 1_500_000}"'])
    text = json.dumps(base)[:-1] + "," + body + "}"
    open_shop.store.raw_override("products", target, text)
    report = open_shop.pull("products", full=True)["products"]
    assert report.closed, report.error
    assert report.quarantined == 0
    exported = next(p for p in open_shop.export("products") if p["id"] == target)
    wanted = json.loads(text, parse_float=Decimal)
    for key in HOSTILE:
        assert exported[key] == wanted[key], key
        assert str(exported[key]) == str(wanted[key]), key
    assert exported["long"] == wanted["long"]
    assert without_noise(exported) == without_noise(wanted)
    assert open_shop.pull("products")["products"].changed == 0


def test_what_is_deeper_than_any_parser_is_kept_too(open_shop: Shop) -> None:
    target = sorted(open_shop.store.ids("products"))[9]
    base = json.dumps(open_shop.store.payload("products", target))
    text = base[:-1] + ',"deep":' + "[" * 20_000 + "]" * 20_000 + "}"
    open_shop.store.raw_override("products", target, text)
    report = open_shop.pull("products", full=True)["products"]
    assert report.closed, report.error
    kept = open_shop.value(
        "SELECT coalesce(exact_text, sync_data::text) FROM capture.sync_record WHERE external_id = %(i)s "
        "AND entity_type = 'product'",
        i=str(target),
    )
    assert kept == text
