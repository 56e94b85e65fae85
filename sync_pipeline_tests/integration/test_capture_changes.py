"""A day of changes, found by one delta; and deletion, which needs evidence."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import capture, connect
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.stores import Shop, shop


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=60, variable=5, customers=30, orders=50, random_seed=5)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull(full=True)


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def open_shop(template: Captured[Shop], database: Database, settings: Settings, org: connect.Organization) -> Shop:
    opened = template.copy(database, settings, org)
    opened.store.advance(3600)
    return opened


def changed(opened: Shop) -> dict[str, tuple[set[str], set[str]]]:
    """Per stream the ids of new and of changed records, by their versions."""
    before = {(r.entity_type, r.external_id): r.version_no for r in opened.rows(_VERSIONS)}
    reports = opened.pull()
    assert {name: r.error for name, r in reports.items() if not r.closed} == {}
    after = {(r.entity_type, r.external_id): r.version_no for r in opened.rows(_VERSIONS)}
    found: dict[str, tuple[set[str], set[str]]] = {}
    for (kind, external_id), version in after.items():
        new, updated = found.setdefault(kind, (set(), set()))
        if (kind, external_id) not in before:
            new.add(external_id)
        elif before[kind, external_id] != version:
            updated.add(external_id)
    return {kind: sets for kind, sets in found.items() if sets[0] or sets[1]}


_VERSIONS = "SELECT entity_type, external_id, version_no FROM capture.sync_record"


def test_a_moved_date_is_found_by_the_signal_and_an_unmoved_one_by_the_sweep(open_shop: Shop) -> None:
    store = open_shop.store
    simple = [i for i in sorted(store.ids("products")) if store.payload("products", i)["type"] == "simple"]
    touched, quiet, priced = simple[0], simple[1], simple[2]
    store.update("products", touched, description="New words")
    store.update("products", quiet, touch=False, manage_stock=True, stock_quantity=3)
    store.update("products", priced, touch=False, regular_price="1.23", price="1.23")
    assert changed(open_shop) == {"product": (set(), {str(touched), str(quiet), str(priced)})}


UNTOLD: dict[str, dict[str, Any]] = {
    "products": {
        "slug": "another-slug",
        "catalog_visibility": "hidden",
        "tax_status": "none",
        "tax_class": "zero-rate",
        "weight": "7.75",
        "dimensions": {"length": "1", "width": "2", "height": "3"},
        "menu_order": 77,
        "attributes": [{"id": 0, "name": "Size", "options": ["Renamed"], "position": 0, "visible": True}],
    },
    "variations": {"tax_class": "zero-rate", "weight": "7.75", "menu_order": 77, "status": "private"},
    "orders": {
        "billing": {"email": "another@example.test"},
        "shipping": {"city": "Elsewhere"},
        "payment_method": "cod",
        "payment_method_title": "Cash",
        "transaction_id": "T-7",
        "fee_lines": [{"id": 90001, "name": "Gift", "total": "3.00", "total_tax": "0.00"}],
        "shipping_lines": [{"id": 90002, "method_title": "Courier", "total": "9.00", "total_tax": "0.00"}],
        "coupon_lines": [{"id": 90003, "code": "spring", "discount": "1.00", "discount_tax": "0.00"}],
        "tax_lines": [{"id": 90004, "label": "VAT", "tax_total": "1.00", "shipping_tax_total": "0.00"}],
    },
}


def test_sweep_fields_written_by_sql_are_found(open_shop: Shop) -> None:
    """One field of one record each, without a date."""
    store = open_shop.store
    expected: dict[str, set[str]] = {}
    for kind, fields in UNTOLD.items():
        ids = sorted(store.ids(kind))
        if kind == "products":
            ids = [i for i in ids if store.payload(kind, i)["type"] == "simple"]
        for one, (name, value) in zip(ids, fields.items(), strict=False):
            now = store.payload(kind, one)[name]
            store.update(kind, one, touch=False, **{name: {**now, **value} if isinstance(value, dict) else value})
            expected.setdefault(kind.removesuffix("s"), set()).add(str(one))
    found = changed(open_shop)
    assert {kind: ids ^ found[kind][1] for kind, ids in expected.items()} == {kind: set() for kind in expected}


def test_a_sale_is_no_change_of_its_product(open_shop: Shop) -> None:
    one = min(open_shop.store.ids("products"))
    open_shop.store.update("products", one, touch=False, total_sales=4711)
    report = open_shop.pull("products", full=True)["products"]
    assert (report.new, report.changed) == (0, 0)


def test_a_renamed_tag_changes_its_products_without_a_date(open_shop: Shop) -> None:
    store = open_shop.store
    tag = store.add_tag("Summer")
    product = store.add_product(name="Tagged", tags=[tag])
    open_shop.pull("products", "tags")
    store.advance(3600)
    store.update("tags", tag, name="Winter")
    found = changed(open_shop)
    assert (found["tag"][1], found["product"][1]) == ({str(tag)}, {str(product)})


def test_a_variation_whose_parent_is_untouched(open_shop: Shop) -> None:
    one = sorted(open_shop.store.ids("variations"))[3]
    open_shop.store.update("variations", one, touch=False, stock_quantity=1, manage_stock=True)
    assert changed(open_shop) == {"variation": (set(), {str(one)})}


def test_an_import_with_an_old_date_is_new(open_shop: Shop) -> None:
    old = "2020-01-02T03:04:05"
    made = open_shop.store.add_product(name="Imported", date_created_gmt=old, date_modified_gmt=old)
    found = changed(open_shop)
    assert found["product"][0] == {str(made)}


def test_customers_have_no_filter_and_are_found_all_the_same(open_shop: Shop) -> None:
    one = sorted(open_shop.store.ids("customers"))[4]
    open_shop.store.update("customers", one, touch=False, first_name="Changed")
    assert changed(open_shop) == {"customer": (set(), {str(one)})}


def test_an_order_edited_without_moving_the_date(open_shop: Shop) -> None:
    one = sorted(open_shop.store.ids("orders"))[7]
    payload = open_shop.store.payload("orders", one)
    lines = payload["line_items"]
    lines[0]["quantity"] += 1
    open_shop.store.update("orders", one, touch=False, line_items=lines, total="999.99")
    assert changed(open_shop) == {"order": (set(), {str(one)})}


def test_a_coupon_amount_that_moves_no_date(open_shop: Shop) -> None:
    one = min(open_shop.store.ids("coupons"))
    open_shop.store.update("coupons", one, amount="9.99")
    assert changed(open_shop) == {"coupon": (set(), {str(one)})}


def test_a_deleted_refund_changes_its_order_and_is_gone(open_shop: Shop) -> None:
    order = next(i for i in sorted(open_shop.store.ids("orders")) if open_shop.store.payload("orders", i)["refunds"])
    refund = open_shop.store.payload("orders", order)["refunds"][0]["id"]
    open_shop.store.delete_refund(order, refund)
    assert changed(open_shop) == {"order": (set(), {str(order)})}
    state = open_shop.rows(
        "SELECT deletion_state, deletion_evidence FROM capture.sync_record "
        "WHERE entity_type = 'refund' AND external_id = %(i)s",
        i=str(refund),
    )[0]
    assert state.deletion_state == "deleted"
    assert state.deletion_evidence.startswith("404")


def test_trash_and_force_delete_are_deletions_with_their_evidence_and_come_back(open_shop: Shop) -> None:
    store = open_shop.store
    trashed, removed, *_ = [
        i for i in sorted(store.ids("products")) if store.payload("products", i)["type"] == "simple"
    ]
    store.trash("products", trashed)
    store.delete("products", removed)
    open_shop.pull("products")
    evidence = {
        r.external_id: (r.deletion_state, r.deletion_evidence)
        for r in open_shop.rows(
            "SELECT external_id, deletion_state, deletion_evidence FROM capture.sync_record "
            "WHERE deletion_state <> 'present'"
        )
    }
    assert evidence[str(trashed)] == ("deleted", "status trash")
    assert evidence[str(removed)][0] == "deleted"
    assert set(evidence) == {str(trashed), str(removed)}
    store.restore("products", trashed)
    open_shop.pull("products")
    state = open_shop.value(
        "SELECT deletion_state FROM capture.sync_record WHERE external_id = %(i)s AND entity_type = 'product'",
        i=str(trashed),
    )
    assert state == "present"


def test_without_a_sweep_only_the_signal_is_asked(open_shop: Shop) -> None:
    store = open_shop.store
    touched, quiet = sorted(store.ids("products"))[:2]
    store.update("products", touched, name="New name")
    store.update("products", quiet, touch=False, stock_quantity=99, manage_stock=True)
    report = open_shop.pull("products", do_sweep=False)["products"]
    assert (report.changed, report.swept, report.requests) == (1, 0, 1)
    assert open_shop.pull("products", do_sweep=True)["products"].changed == 1


@pytest.mark.parametrize("how", ["empty", "half", "half but single records answer"])
def test_a_store_that_loses_its_records_marks_nothing_deleted_and_opens_a_gate(open_shop: Shop, how: str) -> None:
    if how == "empty":
        open_shop.server.faults.empty("products")
    else:
        open_shop.server.faults.lose("products", 0.5, gets=how == "half")
    report = open_shop.pull("products")["products"]
    assert report.gate is not None
    assert report.deleted == 0
    assert open_shop.value("SELECT count(*) FROM capture.sync_record WHERE deletion_state = 'deleted'") == 0
    row = open_shop.rows("SELECT cause, question, recommended FROM observe.decision WHERE answered_at IS NULL")[0]
    assert row.cause == "mass_deletion"
    assert row.recommended == "keep"
    assert "products" in row.question
    open_shop.server.faults.clear()
    report = open_shop.pull("products")["products"]
    assert report.gate is None
    assert open_shop.value("SELECT count(*) FROM observe.decision WHERE answered_at IS NULL") == 0
    assert open_shop.value("SELECT count(*) FROM capture.sync_record WHERE deletion_state <> 'present'") == 0


def test_history_keeps_every_content_once_and_lists_it_each_time(open_shop: Shop) -> None:
    one = min(open_shop.store.ids("customers"))
    first = open_shop.store.payload("customers", one)["first_name"]
    for name in ("Second", first, "Second"):
        open_shop.store.update("customers", one, touch=False, first_name=name)
        open_shop.pull("customers")
    versions = [p for p in open_shop.export("customers", history=True) if p["id"] == one]
    assert [p["first_name"] for p in versions] == [first, "Second", first, "Second"]
    # The first one came back and was replaced again: its age, by which retention deletes, is that of the last time.
    replaced = open_shop.rows(
        "SELECT sync_data ->> 'first_name' FROM capture.record_history WHERE entity_type = 'customer' "
        "AND external_id = %(id)s ORDER BY superseded_at",
        id=str(one),
    )
    assert [row[0] for row in replaced] == ["Second", first]


_TOO_FAR = "SELECT count(*) FROM capture.sync_cursor WHERE watermark > now()"


@pytest.mark.parametrize("full", [True, False])
def test_a_store_clock_in_the_future_does_not_hide_changes(open_shop: Shop, full: bool) -> None:
    """One answer with a wrong Date header is enough to try it."""
    year = 366 * 86_400
    open_shop.store.advance(year)
    told = open_shop.pull("products", full=full)["products"]
    assert "The store's clock is 366 days ahead of this machine's." in str(told.clock)
    assert told.closed
    assert open_shop.value(_TOO_FAR) == 0
    open_shop.store.advance(-year - 3600)
    open_shop.store.update(
        "products", min(open_shop.store.ids("products")), name="changed when the clock was right again"
    )
    found = open_shop.pull("products", do_sweep=False)["products"]
    assert (found.mode, found.changed, found.clock) == ("delta", 1, None)


def test_a_watermark_in_the_future_is_repaired_by_the_next_pull(open_shop: Shop) -> None:
    open_shop.store.advance(-3600)
    with open_shop.db.org(open_shop.org.org_id) as conn:
        conn.exec_driver_sql("UPDATE capture.sync_cursor SET watermark = '2099-01-01Z' WHERE entity_type = 'product'")
    repaired = open_shop.pull("products")["products"]
    assert repaired.mode == "full"
    assert "The watermark was in the future; everything was read again" in str(repaired.clock)
    assert open_shop.value(_TOO_FAR) == 0
    assert (open_shop.pull("products")["products"].mode, open_shop.pull("products")["products"].clock) == (
        "delta",
        None,
    )


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("customers", {"first_name": "Changed"}),
        ("taxes", {"rate": "9.0000"}),
        ("shipping_zone_methods", {"title": "New"}),
    ],
)
def test_a_killed_run_without_a_signal_is_walked_again(
    open_shop: Shop, name: str, change: dict[str, Any], full: bool
) -> None:
    """What changed between its death and the next run would be missed under a run that closes."""

    def killed(_stream: object, progress: capture.Progress) -> None:
        if progress.pages:
            raise KeyboardInterrupt

    stream = open_shop.connection.source.stream(name)
    with (
        suppress(KeyboardInterrupt),
        capture.session(open_shop.db, open_shop.settings, open_shop.connection, actor="t", report=killed) as session,
    ):
        session.pull(stream, full=full)
    one = min(open_shop.store.ids(name))
    open_shop.store.update(name, one, **change)
    report = open_shop.pull(name)[name]
    assert (report.closed, report.resumed, report.changed) == (True, 1, 1)
    assert report.expected == report.captured


def test_the_deletion_gate_counts_records_that_changed_in_the_same_run(open_shop: Shop) -> None:
    """5 of 30 customers are gone, the others have changed: that is 5 of 30, not 5 of 5."""
    gone, *others = (sorted(open_shop.store.ids("customers"))[i::5] for i in range(5))
    for one in (i for part in others for i in part):
        open_shop.store.update("customers", one, first_name="Renamed")
    for one in gone[1:]:
        open_shop.store.delete("customers", one)
    kept = open_shop.pull("customers")["customers"]
    assert (kept.gate, kept.deleted) == (None, len(gone) - 1)
    assert kept.changed == sum(map(len, others))


def test_a_delta_of_a_small_shop_costs_no_more_requests_than_a_full_read(open_shop: Shop) -> None:
    open_shop.pull()
    delta = open_shop.pull()
    full = open_shop.pull(full=True)
    assert {name: (r.mode, r.changed) for name, r in delta.items()} == dict.fromkeys(delta, ("delta", 0))
    more = {name: (r.requests, full[name].requests) for name, r in delta.items() if r.requests > full[name].requests}
    assert more == {}


def test_progress_never_passes_its_total(open_shop: Shop) -> None:
    seen: list[tuple[int, int | None]] = []
    with capture.session(
        open_shop.db,
        open_shop.settings,
        open_shop.connection,
        actor="t",
        report=lambda _stream, progress: seen.append((progress.done, progress.of)),
    ) as session:
        for name in ("products", "variations", "customers", "shipping_zone_methods", "attribute_terms"):
            session.pull(open_shop.connection.source.stream(name))
            session.pull(open_shop.connection.source.stream(name), full=True)
    assert seen
    assert all(of is None or done <= of for done, of in seen)
