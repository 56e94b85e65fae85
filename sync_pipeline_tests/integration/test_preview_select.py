"""What would change, what was decided, and the plans made of it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import ConfigurationError, NotFound, StalePlan
from sync_pipeline.steps import connect, preview, promote, select
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.stores import Shop, shop


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    made.shuffle_related = False
    seed(made, products=30, variable=2, customers=12, orders=25, random_seed=3)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull(full=True)
    for name in opened.streams:
        opened.preview(name)


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def open_shop(template: Captured[Shop], database: Database, settings: Settings, org: connect.Organization) -> Shop:
    return template.copy(database, settings, org)


def include(opened: Shop, name: str, **which: object) -> select.Selected:
    return select.select(
        opened.db,
        opened.connection,
        opened.connection.source.stream(name),
        include=True,
        actor="ann",
        **(which or {"everything": True}),  # type: ignore[arg-type]
    )


def promote_all(opened: Shop) -> promote.ApplyReport:
    for name in opened.streams:
        include(opened, name)
    plan = select.make_plan(opened.db, opened.org, actor="ann")
    assert plan is not None
    return promote.apply(opened.db, opened.org.org_id, plan.plan_id, actor="ann")


def test_everything_is_new_and_says_so(open_shop: Shop) -> None:
    report = open_shop.preview("products")
    assert (report.new, report.updated, report.deleted, report.in_sync) == (30, 0, 0, 0)
    assert report.message == (
        "No local records found. This looks like an initial import: all 30 records will be created from WooCommerce."
    )
    cached = open_shop.rows(
        "SELECT status, count(*) FROM preview.sync_preview_cache WHERE entity_type = 'product' GROUP BY 1"
    )
    assert [tuple(row) for row in cached] == [("new", 30)]


def test_a_day_after_promotion_only_the_changes_are_different(open_shop: Shop) -> None:
    report = promote_all(open_shop)
    assert report.failed == 0
    for name in open_shop.streams:
        assert open_shop.preview(name).in_sync == len(open_shop.table(name, "in_sync"))
        assert (
            open_shop.table(name, "new")
            == open_shop.table(name, "updated")
            == open_shop.table(name, "deleted")
            == set()
        )
    store = open_shop.store
    simple = [i for i in sorted(store.ids("products")) if store.payload("products", i)["type"] == "simple"]
    store.update("products", simple[0], touch=False, regular_price="99.00", price="99.00")
    store.delete("products", simple[1])
    made = store.add_product(name="Brand new", sku="BRAND-NEW")
    customer = sorted(store.ids("customers"))[2]
    store.update("customers", customer, touch=False, first_name="Renamed")
    open_shop.pull()
    for name in open_shop.streams:
        open_shop.preview(name)
    assert open_shop.table("products", "updated") >= {str(simple[0])}
    assert open_shop.table("products", "deleted") == {str(simple[1])}
    assert open_shop.table("products", "new") == {str(made)}
    assert open_shop.table("customers", "updated") == {str(customer)}
    row = preview.table(
        open_shop.db, open_shop.connection, open_shop.connection.source.stream("customers"), status="updated"
    ).data[0]
    assert row["changed_fields"] == ["first_name"]
    detail = preview.record(
        open_shop.db, open_shop.connection, open_shop.connection.source.stream("customers"), str(customer)
    )
    assert detail.changes["first_name"]["after"] == "Renamed"
    assert len(detail.versions) == 2
    assert promote_all(open_shop).failed == 0
    for name in open_shop.streams:
        open_shop.preview(name)
        assert (
            open_shop.table(name, "new")
            == open_shop.table(name, "updated")
            == open_shop.table(name, "deleted")
            == set()
        )


def test_a_decision_is_bound_to_the_version_that_was_seen(open_shop: Shop) -> None:
    one, two = sorted(open_shop.store.ids("customers"))[:2]
    include(open_shop, "customers", ids=[str(one), str(two)])
    assert open_shop.preview("customers").included == 2
    open_shop.store.update("customers", one, touch=False, last_name="Other")
    open_shop.pull("customers")
    report = open_shop.preview("customers")
    assert report.included == 1
    plan = select.make_plan(open_shop.db, open_shop.org, actor="ann")
    assert plan is not None
    assert (plan.creates, plan.updates, plan.deletes) == (1, 0, 0)


def test_a_stale_plan_changes_nothing_and_names_the_records(open_shop: Shop) -> None:
    include(open_shop, "customers")
    plan = select.make_plan(open_shop.db, open_shop.org, actor="ann")
    assert plan is not None
    one = min(open_shop.store.ids("customers"))
    open_shop.store.update("customers", one, touch=False, last_name="Other")
    open_shop.pull("customers")
    with pytest.raises(StalePlan) as caught:
        promote.apply(open_shop.db, open_shop.org.org_id, plan.plan_id, actor="ann")
    assert [item["external_id"] for item in caught.value.stale] == [str(one)]
    assert open_shop.value("SELECT count(*) FROM core.customers") == 0
    assert open_shop.value("SELECT count(*) FROM promote.integration_mapping") == 0


def test_a_plan_is_the_same_for_the_same_selection(open_shop: Shop) -> None:
    include(open_shop, "categories")
    first = select.make_plan(open_shop.db, open_shop.org, actor="ann")
    second = select.make_plan(open_shop.db, open_shop.org, actor="bob")
    assert first is not None
    assert second is not None
    assert first.hash == second.hash
    assert first.plan_id != second.plan_id


def test_ignoring_takes_a_record_out_and_exceptions_hold(open_shop: Shop) -> None:
    tags = sorted(open_shop.ids("tags"))
    stream = open_shop.connection.source.stream("tags")
    chosen = select.select(
        open_shop.db, open_shop.connection, stream, everything=True, excluding=tags[:1], include=True, actor="ann"
    )
    assert chosen.records == len(tags) - 1
    select.select(open_shop.db, open_shop.connection, stream, ids=tags[1:2], include=False, actor="ann", why="not ours")
    report = open_shop.preview("tags")
    assert (report.included, report.ignored, report.undecided) == (len(tags) - 2, 1, 1)


def test_a_filter_selects_what_it_shows(open_shop: Shop) -> None:
    stream = open_shop.connection.source.stream("orders")
    shown = preview.table(open_shop.db, open_shop.connection, stream, search="guest")
    chosen = select.select(open_shop.db, open_shop.connection, stream, search="guest", include=True, actor="ann")
    assert chosen.records == shown.row_count > 0


@pytest.mark.parametrize("which", [{}, {"ids": ["999999"]}, {"status": "odd"}])
def test_selecting_nothing_or_nonsense_is_refused(open_shop: Shop, which: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        select.select(
            open_shop.db,
            open_shop.connection,
            open_shop.connection.source.stream("tags"),
            include=True,
            actor="ann",
            **which,  # type: ignore[arg-type]
        )
    assert open_shop.value("SELECT count(*) FROM selection.selection_batch") == 0


def test_a_draft_waits_for_a_plan_and_a_selection_for_the_sensor(open_shop: Shop) -> None:
    stream = open_shop.connection.source.stream("tags")
    select.select(open_shop.db, open_shop.connection, stream, everything=True, include=True, actor="ann", draft=True)
    with open_shop.db.unscoped() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM observe.waiting_selections(10)").scalar_one() == 0
    assert select.make_plan(open_shop.db, open_shop.org, actor="sensor", origin="selection") is None
    include(open_shop, "categories")
    with open_shop.db.unscoped() as conn:
        waiting = conn.exec_driver_sql("SELECT slug, batch_id FROM observe.waiting_selections(10)").all()
    assert [row.slug for row in waiting] == [open_shop.org.slug]
    plan = select.make_plan(open_shop.db, open_shop.org, actor="sensor", origin="selection")
    assert plan is not None
    assert plan.state == "approved"
    assert plan.creates == len(open_shop.store.ids("categories"))
    with open_shop.db.unscoped() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM observe.waiting_selections(10)").scalar_one() == 0


def test_standing_rules_decide_what_comes(open_shop: Shop) -> None:
    stream = open_shop.connection.source.stream("products")
    args = (open_shop.db, open_shop.connection, stream)
    select.add_rule(*args, kind="include_new", actor="ann")
    rule = select.add_rule(*args, kind="ignore_where", field="status", value="draft", actor="ann", why="not for sale")
    drafts = {str(p["id"]) for p in open_shop.export("products") if p["status"] == "draft"}
    decided = select.apply_rules(*args)
    assert decided == 30
    report = open_shop.preview("products")
    assert (report.included, report.ignored, report.undecided) == (30 - len(drafts), len(drafts), 0)
    select.drop_rule(open_shop.db, open_shop.org, rule, actor="ann")
    assert [r.kind for r in select.list_rules(open_shop.db, open_shop.org)] == ["include_new"]
    assert select.apply_rules(*args) == 0
    with pytest.raises(NotFound):
        select.drop_rule(open_shop.db, open_shop.org, rule, actor="ann")


def test_a_rule_that_is_added_twice_is_one(open_shop: Shop) -> None:
    args = (open_shop.db, open_shop.connection, open_shop.connection.source.stream("products"))

    def add(actor: str, status: str = "draft") -> int:
        return select.add_rule(*args, kind="ignore_where", field="status", value=status, actor=actor)

    with ThreadPoolExecutor(4) as pool:
        [rule] = set(pool.map(add, ["ann", "bob", "cid", "dot"]))
    other = add("ann", "private")
    assert [one.rule_id for one in select.list_rules(open_shop.db, open_shop.org)] == [rule, other]
    select.drop_rule(open_shop.db, open_shop.org, rule, actor="ann")
    assert add("ann") not in (rule, other), "the removed one stays removed"


def test_follow_updates_takes_changes_of_what_is_promoted_only(open_shop: Shop) -> None:
    stream = open_shop.connection.source.stream("customers")
    one, two = sorted(open_shop.store.ids("customers"))[:2]
    include(open_shop, "customers", ids=[str(one)])
    plan = select.make_plan(open_shop.db, open_shop.org, actor="ann")
    assert plan is not None
    promote.apply(open_shop.db, open_shop.org.org_id, plan.plan_id, actor="ann")
    select.add_rule(open_shop.db, open_shop.connection, stream, kind="follow_updates", actor="ann")
    for customer in (one, two):
        open_shop.store.update("customers", customer, touch=False, last_name="Moved")
    open_shop.pull("customers")
    open_shop.preview("customers")
    assert select.apply_rules(open_shop.db, open_shop.connection, stream) == 1
    again = select.make_plan(open_shop.db, open_shop.org, actor="ann")
    assert again is not None
    assert (again.creates, again.updates) == (0, 1)


def test_warnings_name_what_promotion_would_trip_over(open_shop: Shop) -> None:
    store = open_shop.store
    a, b, c = sorted(store.ids("products"))[:3]
    store.raw_override("products", a, json.dumps({**store.payload("products", a), "regular_price": "12,50 EUR"}))
    sku = store.payload("products", b)["sku"]
    store.update("products", c, sku=f" {sku.lower()} ")
    order = min(store.ids("orders"))
    store.update("orders", order, currency="GBP", customer_id=987654)
    open_shop.pull("products", "orders")
    open_shop.preview("products")
    open_shop.preview("orders")
    warned = {
        (r.entity_type, r.external_id, w["code"])
        for r in open_shop.rows("SELECT entity_type, external_id, warnings FROM preview.difference")
        for w in r.warnings
    }
    assert ("product", str(a), "unparsable_money") in warned
    assert ("product", str(c), "duplicate_sku") in warned
    [(told,)] = open_shop.rows(
        "SELECT warnings FROM preview.difference WHERE entity_type = 'product' AND external_id = %(id)s", id=str(b)
    )
    assert (told[0]["sku"], told[0]["message"].split(" is on")[0]) == (sku, f"its SKU {sku}"), "as the record has it"
    assert ("order", str(order), "missing_customer") in warned
    assert open_shop.value("SELECT currency FROM connect.organization") == "USD"
    assert ("order", str(order), "currency_differs") in warned


def test_drift_of_the_schema_is_told(open_shop: Shop) -> None:
    one = min(open_shop.store.ids("tags"))
    payload = open_shop.store.payload("tags", one)
    payload["colour"] = "red"
    payload["description"] = 7
    open_shop.store.raw_override("tags", one, json.dumps(payload))
    open_shop.pull("tags")
    drift = {(d["field"], d["change"]) for d in open_shop.preview("tags").drift}
    assert drift == {("colour", "appeared"), ("description", "changed type")}


def told_of(shop: Shop) -> set[tuple[str, str]]:
    return {(d["field"], d["change"]) for d in shop.preview("tags").drift}


def test_drift_is_told_until_it_heals_or_a_later_plan_is_applied(open_shop: Shop) -> None:
    one, other = sorted(open_shop.store.ids("tags"))[:2]
    payload = open_shop.store.payload("tags", one)
    open_shop.store.raw_override("tags", one, json.dumps({**payload, "colour": "red"}))
    open_shop.pull("tags", full=True)
    assert told_of(open_shop) == {("colour", "appeared")}
    open_shop.store.raw_override("tags", one, None)
    open_shop.pull("tags", full=True)
    assert told_of(open_shop) == set(), "it is as it was: neither has it appeared nor vanished"

    for tag in open_shop.store.ids("tags"):
        whole = open_shop.store.payload("tags", tag)
        del whole["description"]
        open_shop.store.raw_override("tags", tag, json.dumps(whole))
    open_shop.pull("tags", full=True)
    assert told_of(open_shop) == {("description", "vanished")}
    stream = open_shop.connection.source.stream("tags")
    select.select(open_shop.db, open_shop.connection, stream, include=True, ids=[str(other)], actor="ann")
    plan = select.make_plan(open_shop.db, open_shop.org, actor="ann")
    assert plan is not None
    assert told_of(open_shop) == {("description", "vanished")}, "nothing is applied yet"
    assert promote.apply(open_shop.db, open_shop.org.org_id, plan.plan_id, actor="ann").state == "done"
    kept = "SELECT drift FROM preview.summary WHERE entity_type = 'tag'"
    assert open_shop.value(kept) == [], "whoever applied the plan has taken it as it is"
    open_shop.pull("tags", full=True)
    assert told_of(open_shop) == set(), "a further read does not tell it again"

    open_shop.store.raw_override("tags", one, json.dumps({**payload, "slug": 7}))
    open_shop.pull("tags", full=True)
    assert told_of(open_shop) == {("slug", "changed type")}, "a description, too, is as it was"
    promote.apply(open_shop.db, open_shop.org.org_id, plan.plan_id, actor="ann")
    assert told_of(open_shop) == {("slug", "changed type")}, "an older plan accepts nothing newer"


def test_a_capped_look_says_so_and_thinks_nothing_missing(open_shop: Shop) -> None:
    watermark = open_shop.value("SELECT watermark FROM capture.sync_cursor WHERE entity_type = 'order'")
    open_shop.server.faults.per_page_cap(10)
    report = open_shop.pull("orders", max_pages=1)["orders"]
    assert report.capped
    assert report.mode == "preview"
    assert open_shop.preview("orders").capped
    assert open_shop.value("SELECT watermark FROM capture.sync_cursor WHERE entity_type = 'order'") == watermark
    assert open_shop.value("SELECT count(*) FROM capture.sync_record WHERE deletion_state <> 'present'") == 0
    open_shop.server.faults.per_page_cap(None)
    assert not open_shop.pull("orders", max_pages=1)["orders"].capped  # one page was enough
