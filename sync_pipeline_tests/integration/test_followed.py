"""What core copies from another record follows it: where that record changes, those that hold a copy are `updated`."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.odoo import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import StalePlan
from sync_pipeline.steps import connect, observe, preview, promote, select
from sync_pipeline.steps.capture.followed import followed_types
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.odoo_stores import Odoo, ask, odoo

FOLLOWING = ("products", "variants", "stock", "customers", "orders", "order_lines")


def fill(clock: Clock) -> Store:
    store = Store(clock=clock)
    seed(store, products=12, partners=12, orders=12, random_seed=5)
    return store


def promote_all(opened: Odoo) -> None:
    opened.pull(full=True)
    for name in FOLLOWING:
        opened.preview(name)
        include(opened, name, everything=True)
    apply(opened)


template = captured_once(odoo, fill, promote_all)


@pytest.fixture
def opened(template: Captured[Odoo], database: Database, settings: Settings, org: connect.Organization) -> Odoo:
    """Everything that follows other records is in core, and lies longer back than the overlap."""
    made = template.copy(database, settings, org)
    made.store.advance(7200)
    return made


def include(opened: Odoo, name: str, include: bool = True, **which: Any) -> select.Selected:
    return select.select(opened.db, opened.connection, opened.stream(name), include=include, actor="ann", **which)


def plan(opened: Odoo) -> select.Plan:
    made = select.make_plan(opened.db, opened.org, actor="ann")
    assert made is not None
    return made


def apply(opened: Odoo, made: select.Plan | None = None) -> select.Plan:
    made = made or plan(opened)
    report = promote.apply(opened.db, opened.org.org_id, made.plan_id, actor="ann")
    assert (report.state, report.errors) == ("done", [])
    return made


def differing(opened: Odoo) -> dict[str, set[str]]:
    return {name: found for name in FOLLOWING if (found := opened.table(name, "updated"))}


def row_of(opened: Odoo, name: str, external_id: str) -> dict[str, Any]:
    page = preview.table(opened.db, opened.connection, opened.stream(name), status="updated", page_size=500)
    return next(row for row in page.data if row["external_id"] == external_id)


def search(opened: Odoo, model: str, *domain: list[object]) -> set[str]:
    return set(map(str, ask(opened.server, model, "search", domain=list(domain))))


def field(opened: Odoo, model: str, name: str, *domain: list[object]) -> Any:
    """What the first record of a domain has in a field; of a link its id, of a list the first one."""
    rows = ask(opened.server, model, "search_read", domain=list(domain), fields=[name], order="id", load="")
    value = next(row[name] for row in rows if row[name])
    return value[0] if isinstance(value, list) else value


def a_location(o: Odoo) -> tuple[str, int, dict[str, Any], dict[str, set[str]]]:
    held = {r["location_id"] for r in ask(o.server, "stock.quant", "search_read", fields=["location_id"], load="")}
    internal = map(int, search(o, "stock.location", ["id", "in", sorted(held)], ["usage", "=", "internal"]))
    one = next(one for one in sorted(internal) if not search(o, "stock.location", ["location_id", "=", one]))
    return "stock.location", one, {"name": "Renamed"}, {"stock": search(o, "stock.quant", ["location_id", "=", one])}


def an_attribute(o: Odoo) -> tuple[str, int, dict[str, Any], dict[str, set[str]]]:
    one = field(o, "product.template.attribute.value", "attribute_id")
    path = "product_template_attribute_value_ids.attribute_id"
    return "product.attribute", one, {"name": "Renamed"}, {"variants": search(o, "product.product", [path, "=", one])}


def an_attribute_value(o: Odoo) -> tuple[str, int, dict[str, Any], dict[str, set[str]]]:
    one = field(o, "product.template.attribute.value", "product_attribute_value_id")
    path = "product_template_attribute_value_ids.product_attribute_value_id"
    having = search(o, "product.product", [path, "=", one])
    return "product.attribute.value", one, {"name": "Renamed"}, {"variants": having}


def a_tag(o: Odoo) -> tuple[str, int, dict[str, Any], dict[str, set[str]]]:
    one = field(o, "res.partner", "category_id", ["customer_rank", ">", 0])
    having = search(o, "res.partner", ["category_id", "in", [one]]) & o.ids("customers")
    return "res.partner.category", one, {"name": "Renamed"}, {"customers": having}


def a_tax(o: Odoo) -> tuple[str, int, dict[str, Any], dict[str, set[str]]]:
    one = field(o, "sale.order.line", "tax_ids")
    return (
        "account.tax",
        one,
        {"amount": 7.5},
        {
            "products": search(o, "product.template", ["taxes_id", "in", [one]]),
            "order_lines": search(o, "sale.order.line", ["tax_ids", "in", [one]], ["display_type", "=", False]),
        },
    )


def a_unit(o: Odoo) -> tuple[str, int, dict[str, Any], dict[str, set[str]]]:
    one = field(o, "product.template", "uom_id")
    return (
        "uom.uom",
        one,
        {"name": "Pieces"},
        {
            "products": search(o, "product.template", ["uom_id", "=", one]),
            "order_lines": search(o, "sale.order.line", ["product_uom_id", "=", one], ["display_type", "=", False]),
        },
    )


def a_currency(o: Odoo) -> tuple[str, int, dict[str, Any], dict[str, set[str]]]:
    one = field(o, "sale.order", "currency_id")
    names = ("products", "variants", "orders")
    having = {name: {str(p["id"]) for p in o.export(name) if p["currency_id"] == one} for name in names}
    return "res.currency", one, {"name": "XTS"}, having


def a_country(o: Odoo) -> tuple[str, int, dict[str, Any], dict[str, set[str]]]:
    one = field(o, "res.partner", "country_id", ["customer_rank", ">", 0])
    having = search(o, "res.partner", ["country_id", "=", one]) & o.ids("customers")
    return "res.country", one, {"code": "XX"}, {"customers": having}


def a_company(o: Odoo) -> tuple[str, int, dict[str, Any], dict[str, set[str]]]:
    one = next(
        int(row.parent_id)
        for row in o.rows(
            "SELECT parent_id FROM capture.sync_record WHERE entity_type = 'customer' AND parent_id IN ("
            "SELECT external_id FROM capture.sync_record WHERE entity_type = 'customer' "
            "AND (sync_data ->> 'is_company')::boolean) ORDER BY length(parent_id), parent_id"
        )
    )
    below = search(o, "res.partner", ["parent_id", "=", one]) & o.ids("customers")
    return "res.partner", one, {"name": "Renamed Ltd"}, {"customers": below | {str(one)}}


def an_archived_template(o: Odoo) -> tuple[str, int, dict[str, Any], dict[str, set[str]]]:
    one = field(o, "product.product", "product_tmpl_id", ["active", "=", True])
    having = search(o, "product.product", ["product_tmpl_id", "=", one])
    return "product.template", one, {"active": False}, {"products": {str(one)}, "variants": having}


CHANGES = [
    a_location, an_attribute, an_attribute_value, a_tag, a_tax, a_unit, a_currency, a_country, a_company,
    an_archived_template,
]  # fmt: skip


def test_everything_that_follows_another_record_is_looked_at() -> None:
    from sync_pipeline.sources.base import all_sources

    following = {
        name for one in all_sources().values() for name, stream in one.streams.items() if followed_types(stream)
    }
    assert following == set(FOLLOWING)


@pytest.mark.parametrize("change", CHANGES)
def test_holders_of_a_changed_record_differ_until_they_are_promoted(opened: Odoo, change: Any) -> None:
    assert differing(opened) == {}
    model, one, values, holders = change(opened)
    assert all(holders.values())
    opened.store.write(model, one, values)
    opened.pull()
    for name in opened.streams:
        opened.preview(name)
    found = differing(opened)
    assert found == holders
    assert select.make_plan(opened.db, opened.org, actor="ann") is None  # nobody has decided about them
    (status,) = observe.status(opened.db, opened.org)
    counted = {e.entity: (e.updated, e.undecided) for e in status.entities if e.entity in FOLLOWING and e.updated}
    assert counted == {name: (len(ids), len(ids)) for name, ids in holders.items()}
    for name in found:
        include(opened, name, status="updated")
    apply(opened)
    assert differing(opened) == {}
    for name in FOLLOWING:
        assert opened.preview(name).updated == 0


def test_a_renamed_location_says_what_changes_and_through_what(opened: Odoo) -> None:
    model, one, values, holders = a_location(opened)
    (before,) = {row.location for row in stock_at(opened, holders["stock"])}
    opened.store.write(model, one, values)
    opened.pull("locations")
    opened.preview("locations")  # what follows them is compared with them
    after = before.rpartition("/")[0] + "/Renamed"
    quant = min(holders["stock"])
    detail = preview.record(opened.db, opened.connection, opened.stream("stock"), quant)
    assert detail.changes == {"location": {"before": before, "after": after, "through": f"location {one}"}}
    assert row_of(opened, "stock", quant)["changed_fields"] == ["location"]
    seen = opened.rows(
        "SELECT changed_fields FROM preview.sync_preview_cache WHERE entity_type = 'stock' AND status = 'updated'"
    )
    assert {tuple(row.changed_fields) for row in seen} == {("location",)}
    include(opened, "stock", status="updated")
    made = plan(opened)
    items, _ = select.plan_items(opened.db, opened.org, made.plan_id, effects=promote.effects)
    change = {"field": "location", "before": before, "after": after, "through": f"location {one}"}
    assert [item.changes for item in items] == [[change]] * len(holders["stock"])
    assert {item.version for item in items} == {row.version for row in versions(opened)}
    apply(opened, made)
    assert {row.location for row in stock_at(opened, holders["stock"])} == {after}

    promote.undo(opened.db, opened.org.org_id, made.plan_id, actor="ann")
    assert {row.location for row in stock_at(opened, holders["stock"])} == {before}
    assert opened.table("stock", "updated") == holders["stock"]
    again = row_of(opened, "stock", quant)
    assert (again["decision"], again["withdrawn"]["cause"]) == (None, "undone")
    assert preview.record(opened.db, opened.connection, opened.stream("stock"), quant).changes == detail.changes


def stock_at(opened: Odoo, ids: set[str]) -> list[Any]:
    return opened.rows(
        "SELECT location FROM core.inventory_items WHERE entity_type = 'stock' AND external_id = ANY(%(ids)s)",
        ids=list(ids),
    )


def versions(opened: Odoo) -> list[Any]:
    return opened.rows(
        "SELECT preview.version_of(content_hash, false, followed) AS version FROM preview.difference "
        "WHERE entity_type = 'stock'"
    )


def test_a_name_that_comes_back_leaves_nothing_to_promote(opened: Odoo) -> None:
    model, one, values, holders = a_location(opened)
    name = field(opened, model, "name", ["id", "=", one])
    for given in (values, {"name": "Third"}, {"name": name}):
        opened.store.write(model, one, given)
        opened.store.advance(60)
        opened.pull("locations")
        opened.preview("stock")
        assert opened.table("stock", "updated") == (holders["stock"] if given["name"] != name else set())


def test_what_changed_while_a_record_had_another_version_is_seen_when_that_is_gone(opened: Odoo) -> None:
    model, one, values, holders = a_location(opened)
    quant = min(holders["stock"], key=int)
    quantity = opened.store.row("stock.quant", int(quant)).values["quantity"]
    opened.store.write("stock.quant", int(quant), {"quantity": 77.0})
    opened.store.write(model, one, values)
    opened.pull("stock", "locations")
    opened.preview("stock")
    detail = preview.record(opened.db, opened.connection, opened.stream("stock"), quant)
    assert set(detail.changes) >= {"quantity"}
    opened.store.write("stock.quant", int(quant), {"quantity": quantity})
    opened.store.advance(60)
    opened.pull("stock")
    opened.preview("stock")
    detail = preview.record(opened.db, opened.connection, opened.stream("stock"), quant)
    assert (detail.status, set(detail.changes)) == ("updated", {"location"})


def test_a_change_that_nothing_is_copied_of_makes_no_difference(opened: Odoo) -> None:
    model, one, _, holders = a_location(opened)
    opened.store.write(model, one, {"barcode": "WH-NEW"})
    _, partner, _, _ = a_company(opened)
    opened.store.write("res.partner", partner, {"customer_rank": 99})
    opened.store.write("product.product", [int(one) for one in opened.ids("variants")], {"standard_price": 123.0})
    opened.pull()
    for name in FOLLOWING:
        opened.preview(name)
    assert holders["stock"]
    assert differing(opened) == {"variants": opened.ids("variants"), "customers": {str(partner)}}


def test_an_order_keeps_the_addresses_it_was_promoted_with(opened: Odoo) -> None:
    partner = field(opened, "sale.order", "partner_invoice_id")
    opened.store.write("res.partner", partner, {"street": "Elsewhere 1", "email": "new@moved.example"})
    opened.pull()
    for name in FOLLOWING:
        opened.preview(name)
    assert "orders" not in differing(opened)


def test_what_differs_by_what_it_follows_has_its_warnings(opened: Odoo) -> None:
    """As any other difference: two customers with one e-mail, of whom one has a tag that is renamed."""
    model, tag, values, holders = a_tag(opened)
    one = min(holders["customers"], key=int)
    other = min(opened.ids("customers") - {one}, key=int)
    for partner in (one, other):
        opened.store.write("res.partner", int(partner), {"email": "shared@together.example"})
    opened.pull()
    opened.preview("customers")
    include(opened, "customers", status="updated")
    apply(opened)
    assert one not in differing(opened).get("customers", set())
    opened.store.write(model, tag, values)
    opened.store.advance(60)
    opened.pull()
    opened.preview("customers")
    row = row_of(opened, "customers", one)
    assert "shared_email" in {warning["code"] for warning in row["warnings"]}


def test_a_decision_is_about_what_was_seen(opened: Odoo) -> None:
    model, one, values, holders = a_location(opened)
    stock = opened.stream("stock")
    opened.store.write(model, one, values)
    opened.pull("locations")
    opened.preview("stock")
    page = preview.table(opened.db, opened.connection, stock, status="updated", page_size=500)
    seen = {row["external_id"]: row["version"] for row in page.data}
    opened.store.write(model, one, {"name": "Third"})
    opened.store.advance(60)
    opened.pull("locations")
    opened.preview("stock")
    assert include(opened, "stock", ids=list(seen), seen=seen).moved_count == len(seen)
    given: dict[str, Any] = {"status": "updated", "as_of": page.as_of, "expected": page.row_count}
    assert include(opened, "stock", **given).moved_count == len(seen)
    page = preview.table(opened.db, opened.connection, stock, status="updated", page_size=500)
    given = {"status": "updated", "as_of": page.as_of, "expected": page.row_count}
    assert include(opened, "stock", **given).records == len(holders["stock"])
    # It is decided until what it follows changes once more.
    made = plan(opened)
    opened.store.write(model, one, {"name": "Fourth"})
    opened.store.advance(60)
    opened.pull("locations")
    opened.preview("stock")
    assert {row["decision"] for row in preview.table(opened.db, opened.connection, stock, status="updated").data} == {
        None
    }
    told = promote.stale(opened.db, opened.org.org_id, made.plan_id)
    with pytest.raises(StalePlan) as error:
        apply(opened, made)
    assert told.records == list(error.value.stale), "people read the same"
    assert {record["external_id"] for record in error.value.stale} == holders["stock"]


def test_a_plan_is_stale_if_what_its_records_follow_changed(opened: Odoo) -> None:
    """Also where the record has a version of its own to promote, and before the preview has seen the change."""
    model, one, values, holders = a_location(opened)
    here, *_ = sorted(holders["stock"], key=int)
    elsewhere = min(opened.ids("stock") - holders["stock"], key=int)
    for quant in (here, elsewhere):
        opened.store.write("stock.quant", int(quant), {"quantity": 77.0})
    opened.pull("stock")
    opened.preview("stock")
    include(opened, "stock", status="updated")
    made = plan(opened)
    opened.store.write(model, one, values)
    opened.pull("locations")
    before = opened.rows("SELECT * FROM core.inventory_items ORDER BY id")
    told = promote.stale(opened.db, opened.org.org_id, made.plan_id)
    with pytest.raises(StalePlan) as error:
        apply(opened, made)
    assert told.records == list(error.value.stale), "people read the same"
    (stale,) = error.value.stale
    assert (stale["external_id"], stale["moved"]) == (here, f"what it follows changed: location {one}")
    assert opened.rows("SELECT * FROM core.inventory_items ORDER BY id") == before


def test_a_plan_leaves_out_what_the_preview_has_not_seen(opened: Odoo) -> None:
    """A pull that is still at work holds up nobody: what was included is planned as it is now, or undecided."""
    model, one, values, holders = a_location(opened)
    here, *others = sorted(holders["stock"], key=int)
    opened.store.write(model, one, values)
    opened.pull("locations")
    opened.preview("stock")
    include(opened, "stock", ids=others)
    opened.store.write("stock.quant", int(here), {"quantity": 77.0})
    opened.pull("stock")
    opened.preview("stock")
    include(opened, "stock", ids=[here])
    opened.store.write(model, one, {"name": "Third"})
    opened.store.advance(60)
    opened.pull("locations")
    made = apply(opened)
    assert [
        item.external_id for item in select.plan_items(opened.db, opened.org, made.plan_id, effects=promote.effects)[0]
    ] == [here]
    (row,) = stock_at(opened, {here})
    assert row.location.endswith("/Third")
    assert opened.table("stock", "updated") == set(others)


def test_a_line_fails_if_what_it_follows_changes_while_the_queue_is_at_work(opened: Odoo) -> None:
    model, one, values, holders = a_location(opened)
    here, *_ = sorted(holders["stock"], key=int)
    opened.store.write("stock.quant", int(here), {"quantity": 77.0})
    opened.pull("stock")
    opened.preview("stock")
    include(opened, "stock", status="updated")
    made = plan(opened)
    queue = promote.start(opened.db, opened.org.org_id, made.plan_id, actor="ann")
    opened.store.write(model, one, values)
    opened.pull("locations")
    assert promote.work(opened.db, opened.org.org_id, queue).failed == 1
    (line,) = promote.lines(opened.db, opened.org.org_id, queue)
    assert line.reason == f"Since the plan was made what it follows changed: location {one}. Make a new plan."
    opened.preview("stock")
    assert opened.table("stock", "updated") == holders["stock"]


def test_what_was_not_captured_when_it_was_promoted_is_a_change_when_it_comes(opened: Odoo) -> None:
    line = field(opened, "sale.order.line", "id", ["display_type", "=", False])
    tax = opened.store.create("account.tax", {"name": "New tax", "amount": 3.0, "type_tax_use": "sale"})
    opened.store.write("sale.order.line", line, {"tax_ids": tax})
    opened.pull("order_lines")
    opened.preview("order_lines")
    include(opened, "order_lines", status="updated")
    apply(opened)
    opened.pull("taxes")
    opened.preview("order_lines")
    assert opened.table("order_lines", "updated") == {str(line)}


def test_ignored_records_stay_ignored_and_rules_follow_updates(opened: Odoo) -> None:
    model, one, values, holders = a_location(opened)
    ignored, *others = sorted(holders["stock"], key=int)
    assert others
    include(opened, "stock", include=False, ids=[ignored])
    stock = opened.stream("stock")
    select.add_rule(opened.db, opened.connection, stock, kind="follow_updates", actor="ann")
    opened.store.write(model, one, values)
    opened.pull("locations")
    opened.preview("stock")
    select.apply_rules(opened.db, opened.connection, stock)
    page = preview.table(opened.db, opened.connection, stock, status="updated", page_size=500).data
    assert {row["external_id"]: row["decision"] for row in page} == {
        ignored: "ignore",
        **dict.fromkeys(others, "include"),
    }


def test_core_is_right_where_only_what_it_follows_changed(opened: Odoo) -> None:
    """The comparison of core with what was promoted leaves that to the preview."""
    partner = field(opened, "sale.order", "partner_invoice_id")
    assert promote.check_core(opened.db, opened.org).ok
    for model, one, values, _ in (a_location(opened), a_tax(opened)):
        opened.store.write(model, one, values)
    opened.store.write("res.partner", partner, {"street": "Elsewhere 1"})
    opened.pull()
    found = promote.check_core(opened.db, opened.org)
    assert found.differences == []


def test_what_was_promoted_before_hashes_were_kept_is_compared_too(opened: Odoo) -> None:
    opened.rows("UPDATE promote.integration_mapping SET entity_hash = NULL RETURNING 1")
    opened.rows("UPDATE preview.summary SET followed = NULL RETURNING 1")
    model, one, values, holders = a_location(opened)
    opened.store.write(model, one, values)
    opened.pull("locations")
    for name in FOLLOWING:
        opened.preview(name)
    assert differing(opened) == {"stock": holders["stock"]}


def sale(o: Odoo, partner: int, price: float) -> tuple[int, int]:
    """A confirmed order of one line; returns both ids."""
    order = o.store.create("sale.order", {"partner_id": partner, "state": "sale"})[0]
    line = {"order_id": order, "name": "Thing", "product_id": variants_of(o)[0], "price_unit": price, "tax_ids": []}
    return order, o.store.create("sale.order.line", line)[0]


def variants_of(o: Odoo) -> list[int]:
    return sorted(map(int, search(o, "product.product", ["active", "=", True])))


def bill(o: Odoo, kind: str, parts: dict[int, float], state: str = "posted") -> int:
    """An invoice or credit note over lines of orders; returns its id."""
    move = o.store.create("account.move", {"move_type": kind})[0]
    for line, amount in parts.items():
        part = {"move_id": move, "display_type": "product", "sale_line_ids": [line], "quantity": 1.0}
        o.store.create("account.move.line", {**part, "price_subtotal": amount, "price_total": amount})
    if state != "draft":
        o.store.write("account.move", move, {"state": state})
    return move


def pulled(o: Odoo) -> dict[str, set[str]]:
    """What differs from core after a delta."""
    names = ("customers", "orders", "order_lines", "invoices", "invoice_lines")
    o.pull(*names)
    for name in names:
        o.preview(name)
    return differing(o)


def given_back(o: Odoo, orders: tuple[int, ...]) -> tuple[list[int], int]:
    """What was refunded of each order, and what their customer is worth."""
    assert promote.check_core(o.db, o.org).ok
    rows = o.rows(
        "SELECT s.refunded_total, c.lifetime_value FROM core.sales_orders AS s "
        "JOIN core.customers AS c ON c.id = s.customer_id "
        "WHERE (s.metadata ->> 'odoo_order_id')::int = ANY(%(ids)s) ORDER BY s.id",
        ids=list(orders),
    )
    (worth,) = {row[1] for row in rows}
    return [int(row[0]) for row in rows], int(worth)


def test_a_credit_note_lowers_its_orders_from_pull_to_core(opened: Odoo) -> None:
    store = opened.store
    partner = store.create("res.partner", {"name": "Buyer", "email": "buyer@x.test"})[0]
    (one, line), (two, other) = sale(opened, partner, 100.0), sale(opened, partner, 50.0)
    orders = (one, two)
    bill(opened, "out_invoice", {line: 100.0, other: 50.0})
    first = bill(opened, "out_refund", {line: 10.0})
    assert pulled(opened) == {}
    for name in ("customers", "orders", "order_lines"):
        include(opened, name, status="new")
    apply(opened)
    assert given_back(opened, orders) == ([10, 0], 140)

    note = bill(opened, "out_refund", {line: 20.0, other: 5.0}, state="draft")
    assert pulled(opened) == {}, "a draft gives nothing back"
    store.write("account.move", note, {"state": "posted"})
    assert pulled(opened) == {"orders": {str(one), str(two)}}
    changes = preview.record(opened.db, opened.connection, opened.stream("orders"), str(one)).changes
    assert changes["refunded_total"] == {"before": "10.0", "after": "30.0", "through": f"invoice {note}"}
    include(opened, "orders", status="updated")
    made = apply(opened)
    assert pulled(opened) == {}
    assert given_back(opened, orders) == ([30, 5], 115)

    promote.undo(opened.db, opened.org.org_id, made.plan_id, actor="ann")
    assert differing(opened) == {"orders": {str(one), str(two)}}
    assert given_back(opened, orders)[0] == [10, 0]
    include(opened, "orders", status="updated")
    apply(opened)
    store.write("account.move", note, {"state": "cancel"})
    assert pulled(opened) == {"orders": {str(one), str(two)}}
    include(opened, "orders", status="updated")
    apply(opened)
    assert given_back(opened, orders) == ([10, 0], 140)

    store.unlink("account.move", first, force=True)
    assert pulled(opened) == {"orders": {str(one)}}, "its lines are gone"
    include(opened, "orders", status="updated")
    apply(opened)
    assert given_back(opened, orders) == ([0, 0], 150)
