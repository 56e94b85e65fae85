"""Every change of an Odoo database is found: by its write_date, or by the sweep where that stays behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.odoo import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.stream import OdooStream
from sync_pipeline.steps import connect
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.odoo_stores import Odoo, ask, customer_ids, odoo


def fill(clock: Clock) -> Store:
    store = Store(clock=clock)
    seed(store, products=30, partners=40, orders=40, random_seed=5)
    return store


def capture_all(opened: Odoo) -> None:
    opened.pull(full=True)
    opened.store.advance(3600)
    opened.pull()


template = captured_once(odoo, fill, capture_all)


@pytest.fixture
def opened(template: Captured[Odoo], database: Database, settings: Settings, org: connect.Organization) -> Odoo:
    """Everything is captured, and lies longer back than the overlap."""
    made = template.copy(database, settings, org)
    made.store.advance(7200)
    return made


_VERSIONS = "SELECT entity_type, external_id, version_no FROM capture.sync_record"


def changed(opened: Odoo, *, do_sweep: bool = True) -> dict[str, set[str]]:
    """Per entity type the ids of new and changed records after a delta of every stream."""
    before = {(r.entity_type, r.external_id): r.version_no for r in opened.rows(_VERSIONS)}
    reports = opened.pull(do_sweep=do_sweep)
    assert {name: r.error for name, r in reports.items() if not r.ok} == {}
    found: dict[str, set[str]] = {}
    for row in opened.rows(_VERSIONS):
        if before.get((row.entity_type, row.external_id)) != row.version_no:
            found.setdefault(row.entity_type, set()).add(row.external_id)
    return found


def first(opened: Odoo, model: str, *domain: list[object]) -> int:
    """The lowest id of a domain."""
    return int(ask(opened.server, model, "search", domain=list(domain), order="id", limit=1)[0])


def variants(opened: Odoo) -> tuple[int, int, int]:
    """A template that has several variants, and two of these."""
    for template in sorted(opened.store.ids("product.template")):
        ids = ask(opened.server, "product.product", "search", domain=[["product_tmpl_id", "=", template]], order="id")
        if len(ids) > 1:
            return template, ids[0], ids[1]
    raise AssertionError("the seed has no template with variants")


# Each change of sources part 2, §0.6: what is done, and what has changed for us afterwards.
Change = Callable[[Odoo], dict[str, set[str]]]


def stock_adjusted(o: Odoo) -> dict[str, set[str]]:
    quant = first(o, "stock.quant", ["quantity", ">", 0], ["location_id.usage", "=", "internal"])
    row = o.store.row("stock.quant", quant).values
    o.store.adjust_stock(row["product_id"], by=5, location=row["location_id"])
    return {"stock": {str(quant)}}


def stock_reserved(o: Odoo) -> dict[str, set[str]]:
    quant = first(o, "stock.quant", ["quantity", ">", 0], ["location_id.usage", "=", "internal"])
    o.store.write("stock.quant", quant, {"reserved_quantity": 3.0})
    return {"stock": {str(quant)}}


def category_renamed(o: Odoo) -> dict[str, set[str]]:
    used = int(o.store.row("product.template", min(o.store.ids("product.template"))).values["categ_id"])
    o.store.write("product.category", used, {"name": "Another name"})
    below = ask(o.server, "product.category", "search", domain=[["id", "child_of", used]])
    return {"category": set(map(str, below))}


def extra_price(o: Odoo) -> dict[str, set[str]]:
    _, variant, _ = variants(o)
    value = int(o.store.row("product.product", variant).values["product_template_attribute_value_ids"][0])
    o.store.write("product.template.attribute.value", value, {"price_extra": 77.5})
    having = ask(
        o.server, "product.product", "search", domain=[["product_template_attribute_value_ids", "in", [value]]]
    )
    return {"template_attribute_value": {str(value)}, "variation": set(map(str, having))}


def pricelist_item(o: Odoo) -> dict[str, set[str]]:
    item = first(o, "product.pricelist.item")
    o.store.write("product.pricelist.item", item, {"fixed_price": 1.23})
    return {"pricelist_item": {str(item)}}


def tag_renamed(o: Odoo) -> dict[str, set[str]]:
    tag = first(o, "res.partner.category")
    o.store.write("res.partner.category", tag, {"name": "Another tag"})
    return {"partner_tag": {str(tag)}}


def child_edited(o: Odoo) -> dict[str, set[str]]:
    members = sorted(customer_ids(o.server))
    child = first(o, "res.partner", ["id", "in", members], ["parent_id", "in", members])
    o.store.write("res.partner", child, {"phone": "+49 30 1234"})
    return {"customer": {str(child)}}


def line_text(o: Odoo) -> dict[str, set[str]]:
    line = first(o, "sale.order.line")
    o.store.write("sale.order.line", line, {"name": "Another text"})
    return {"order_line": {str(line)}}


def variant_sku(o: Odoo) -> dict[str, set[str]]:
    _, variant, _ = variants(o)
    o.store.write("product.product", variant, {"default_code": "OTHER-1"})
    return {"variation": {str(variant)}}


def variant_cost(o: Odoo) -> dict[str, set[str]]:
    _, _, variant = variants(o)
    o.store.write("product.product", variant, {"standard_price": 4.56})
    return {"variation": {str(variant)}}


def chatter(o: Odoo) -> dict[str, set[str]]:
    o.store.sql("res.partner", min(customer_ids(o.server)), {"message_bounce": 3})
    return {}


def template_price(o: Odoo) -> dict[str, set[str]]:
    template, *_ = variants(o)
    o.store.write("product.template", template, {"list_price": 123.0})
    below = ask(o.server, "product.product", "search", domain=[["product_tmpl_id", "=", template]])
    return {"product": {str(template)}, "variation": set(map(str, below))}


def nothing_really(o: Odoo) -> dict[str, set[str]]:
    """A write of the same value moves write_date, and is no change."""
    template = min(o.store.ids("product.template"))
    o.store.write("product.template", template, {"name": o.store.row("product.template", template).values["name"]})
    return {}


def archived(o: Odoo) -> dict[str, set[str]]:
    pricelist = first(o, "product.pricelist", ["active", "=", True])
    o.store.archive("product.pricelist", pricelist)
    return {"pricelist": {str(pricelist)}}


@pytest.mark.parametrize(
    "change",
    [
        stock_adjusted,
        stock_reserved,
        category_renamed,
        extra_price,
        pricelist_item,
        tag_renamed,
        child_edited,
        line_text,
        variant_sku,
        variant_cost,
        chatter,
        template_price,
        nothing_really,
        archived,
    ],
    ids=lambda change: change.__name__,
)
def test_each_change_is_found_and_nothing_else(opened: Odoo, change: Change) -> None:
    expected = change(opened)
    assert changed(opened) == expected


def test_filling_a_field_for_the_first_time_is_no_drift(opened: Odoo) -> None:
    """Odoo's false stands in every empty field; a text that becomes a list is another thing."""
    one = min(opened.store.ids("product.category"))
    fields = {"text": "false", "flag": "true", "full": '"x"', "kind": '"x"'}

    def answer(number: int, **changed: str) -> None:
        given = {"id": str(number), "parent_id": "false", "name": '"A"', **fields, **changed}
        text = ",".join(f'"{name}":{value}' for name, value in given.items())
        opened.store.raw_override("product.category", number, "{" + text + "}")

    answer(one)
    opened.store.unlink("product.category", [i for i in opened.store.ids("product.category") if i != one], force=True)
    other_org = connect.add_organization(opened.db, "drift")
    given = {"url": opened.server.url, "db": opened.server.db, "username": "admin", "password": opened.server.key}
    made = connect.add_connection(opened.db, opened.settings, other_org, "odoo", "erp", given, actor="test")
    side = Odoo(
        db=opened.db,
        settings=opened.settings,
        org=other_org,
        connection=made,
        store=opened.store,
        server=opened.server,
    )
    assert side.pull("categories", full=True)["categories"].ok
    assert side.preview("categories").drift == ()
    answer(one, text='"filled"', flag="false", full="false")
    opened.store.touch(opened.store.row("product.category", one), opened.store.now())
    side.pull("categories", full=True)
    assert side.preview("categories").drift == ()
    answer(one, text='"filled"', kind='["x"]')
    side.pull("categories", full=True)
    assert {(d["field"], d["change"]) for d in side.preview("categories").drift} == {("kind", "changed type")}


def test_merged_partners(opened: Odoo) -> None:
    """The orders move to the other partner without a date: the sweep of the next delta finds them."""
    order = first(opened, "sale.order", ["company_id", "=", 1])
    source = int(opened.store.row("sale.order", order).values["partner_id"])
    target = next(i for i in sorted(customer_ids(opened.server)) if i > source)
    opened.store.merge_partners(source, target)
    assert str(order) not in changed(opened, do_sweep=False).get("order", set())
    found = changed(opened)
    assert str(order) in found["order"]
    orders = ask(opened.server, "sale.order", "search_read", fields=["partner_id"], load="")
    captured = {payload["id"]: payload["partner_id"] for payload in opened.export("orders")}
    assert captured == {row["id"]: row["partner_id"] for row in orders}
    lines = ask(opened.server, "sale.order.line", "search_read", fields=["order_partner_id"], load="")
    captured = {payload["id"]: payload["order_partner_id"] for payload in opened.export("order_lines")}
    assert captured == {row["id"]: row["order_partner_id"] for row in lines}
    state, evidence = opened.states()["customer", str(source)]
    assert state == "deleted"
    assert "no such id" in evidence


def other_value(opened: Odoo, stream: OdooStream, name: str, now: Any) -> Any:
    """A value of the field's type that is not the one it has."""
    field = opened.store.models[stream.path].fields[name]
    if field.type == "selection":
        return next(choice for choice in field.more["selection"] if choice != now)
    if field.type == "many2one":
        return next(i for i in sorted(opened.store.ids(field.relation)) if i != now)
    if field.type == "boolean":
        return not now
    if field.type in ("date", "datetime"):
        return "2020-02-02" if field.type == "date" else "2020-02-02 02:02:02"
    return (now or 0) + 7 if field.type in ("integer", "float", "monetary") else f"{now or ''}, otherwise"


def test_each_sweep_field_written_by_sql_is_found(opened: Odoo) -> None:
    """One field of one record each, past Odoo's ORM: no date tells it."""
    expected: dict[str, set[str]] = {}
    for name in opened.streams:
        stream = opened.stream(name)
        if stream.sweep is not Sweep.COMPARE:
            continue
        known = opened.store.models[stream.path].fields
        fields = [
            one
            for one in stream.sweep_fields
            if one not in ("id", "write_date") and known[one].stored and known[one].type != "many2many"
        ]
        held = sorted(int(i) for i in opened.ids(name))
        for field, number in zip(fields, reversed(held), strict=False):
            now = opened.store.row(stream.path, number).values.get(field)
            if known[field].per_company:
                value: Any = {1: 4711.0}
            elif known[field].type == "many2one" and len(opened.store.ids(known[field].relation)) < 2:
                continue
            else:
                value = other_value(opened, stream, field, now)
            opened.store.sql(stream.path, number, {field: value})
            expected.setdefault(stream.entity_type, set()).add(str(number))
    assert changed(opened, do_sweep=False).get("order_line", set()) == set()
    found = changed(opened)
    assert {kind: ids - found.get(kind, set()) for kind, ids in expected.items()} == {kind: set() for kind in expected}


def test_an_extra_price_is_found_without_the_sweep_only_where_it_is_written(opened: Odoo) -> None:
    _, variant, _ = variants(opened)
    value = int(opened.store.row("product.product", variant).values["product_template_attribute_value_ids"][0])
    opened.store.write("product.template.attribute.value", value, {"price_extra": 88.5})
    assert set(changed(opened, do_sweep=False)) == {"template_attribute_value"}
    assert set(changed(opened)) == {"variation"}


def test_a_quant_that_vanishes_and_a_deleted_product_are_deletions_with_evidence(opened: Odoo) -> None:
    quant = first(opened, "stock.quant", ["quantity", ">", 0], ["location_id.usage", "=", "internal"])
    opened.store.write("stock.quant", quant, {"quantity": 0.0, "reserved_quantity": 0.0})
    assert changed(opened)["stock"] == {str(quant)}
    vanished = opened.store.quant_tasks()
    product = max(opened.store.ids("product.template"))
    opened.store.unlink("product.template", product, force=True)
    opened.pull("stock", "products")
    states = opened.states()
    assert quant in vanished
    assert {i for kind, i in states if kind == "stock"} >= {str(i) for i in vanished}
    assert states["product", str(product)] == ("deleted", "search finds no such id, archived ones included")


def test_a_buyer_becomes_a_customer_with_the_first_order(opened: Odoo) -> None:
    store = opened.store
    buyer, address = store.create("res.partner", [{"name": "New buyer"}, {"name": "Dock 4", "type": "delivery"}])
    store.write("res.partner", address, {"parent_id": buyer})
    assert changed(opened) == {}
    store.advance(3600)
    order = store.create("sale.order", {"partner_id": buyer, "company_id": 1})[0]
    found = changed(opened)
    assert str(order) in found["order"]
    assert found["customer"] == {str(buyer), str(address)}


def test_the_companies_above_a_contact_who_orders_are_customers(opened: Odoo) -> None:
    """An order is its contact's company's, whether or not the company ever ordered."""
    store = opened.store
    group = store.create("res.partner", {"name": "Group", "is_company": True})[0]
    company, idle = store.create(
        "res.partner",
        [
            {"name": "Company", "is_company": True, "parent_id": group},
            {"name": "Idle company", "is_company": True},
        ],
    )
    office, contact = store.create("res.partner", [{"name": "Office", "parent_id": company}, {"name": "Clerk"}])
    store.write("res.partner", contact, {"parent_id": office})
    assert changed(opened) == {}
    store.advance(3600)
    store.create("sale.order", {"partner_id": contact, "company_id": 1})
    found = changed(opened)
    assert found["customer"] == {str(i) for i in (group, company, office, contact)}
    assert str(idle) not in opened.ids("customers")


def test_a_partner_who_is_no_customer_any_more_has_left_the_list(opened: Odoo) -> None:
    one = opened.store.create("res.partner", {"name": "Ranked by hand", "customer_rank": 1})[0]
    assert changed(opened)["customer"] == {str(one)}
    opened.store.write("res.partner", one, {"customer_rank": 0})
    opened.pull("customers")
    assert opened.states()["customer", str(one)] == ("deleted", "it exists, but no longer in this list")


def test_a_transaction_that_commits_late_is_found_by_the_overlap(opened: Odoo) -> None:
    """400 products stamped before the watermark and visible after it."""
    ids = opened.store.create("product.template", [{"name": f"Import {n}"} for n in range(400)], hold_seconds=600)
    opened.pull("products")
    opened.store.advance(300)
    opened.pull("products")
    assert str(ids[0]) not in opened.ids("products")
    opened.store.advance(301)
    report = opened.pull("products", do_sweep=False)["products"]
    assert report.new == 400
    assert {str(i) for i in ids} <= opened.ids("products")


def test_one_that_commits_later_than_the_overlap_is_found_by_the_sweep(opened: Odoo) -> None:
    changed_one = min(opened.store.ids("product.template"))
    opened.store.write("product.template", changed_one, {"description_sale": "Late"}, hold_seconds=7200)
    made = opened.store.create("product.template", {"name": "Late"}, hold_seconds=7200)[0]
    opened.store.advance(3600)
    opened.pull("products")
    opened.store.advance(3601)
    assert opened.pull("products", do_sweep=False)["products"].new == 0
    report = opened.pull("products", do_sweep=True)["products"]
    assert (report.new, report.changed) == (1, 1)
    assert str(made) in opened.ids("products")


def test_updates_within_one_second_are_all_found(opened: Odoo) -> None:
    ids = sorted(opened.store.ids("product.template"))[:6]
    for number, one in enumerate(ids):
        opened.store.write("product.template", one, {"list_price": 500.0 + number})
        opened.pull("products", do_sweep=False)
    prices = {payload["id"]: payload["list_price"] for payload in opened.export("products")}
    assert [float(prices[one]) for one in ids] == [500.0 + n for n in range(6)]


def test_a_write_that_changes_nothing_keeps_the_payload_up_to_date_without_a_version(opened: Odoo) -> None:
    one = min(opened.store.ids("product.template"))
    before = next(p for p in opened.export("products") if p["id"] == one)
    opened.store.write("product.template", one, {"name": opened.store.row("product.template", one).values["name"]})
    report = opened.pull("products")["products"]
    assert (report.new, report.changed) == (0, 0)
    after = next(p for p in opened.export("products") if p["id"] == one)
    assert after["write_date"] > before["write_date"]
    assert len([p for p in opened.export("products", history=True) if p["id"] == one]) == 1
    opened.store.advance(3600)
    opened.pull("products")
    opened.server.requests.clear()
    opened.pull("products")
    sizes = [r for r in opened.server.requests if r.method == "search_read"]
    assert len(sizes) == 2  # what changed, and the sweep: nothing is fetched again and again
