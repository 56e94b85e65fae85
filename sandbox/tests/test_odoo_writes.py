"""Which write_dates a write to the Odoo sandbox moves, and which it does not."""

from collections.abc import Callable, Iterator

import pytest

from sandbox.odoo import Server, Store, running
from sandbox.odoo.refusals import Refused
from sandbox.tests.odoo_calls import ask, json2, seeded

Key = tuple[str, int]


@pytest.fixture
def store() -> Store:
    return seeded()


@pytest.fixture
def server(store: Store) -> Iterator[Server]:
    with running(store) as running_server:
        yield running_server


def stamps(store: Store) -> dict[Key, int]:
    return {(name, i): row.written for name, table in store.tables.items() for i, row in table.rows.items()}


def moved(store: Store, change: Callable[[], object]) -> set[Key]:
    """Records whose write_date the change moved. New and deleted ones do not count."""
    before = stamps(store)
    store.advance(10)
    change()
    return {key for key, at in stamps(store).items() if key in before and at != before[key]}


def first(store: Store, model: str, predicate: Callable[[dict[str, object]], object] = lambda _: True) -> int:
    return next(i for i, row in store.tables[model].rows.items() if predicate(row.values))


def variants_of(store: Store, template: int) -> list[int]:
    return store.tables["product.product"].pointing["product_tmpl_id"][template]


def several(store: Store) -> int:
    """A template with several variants."""
    return next(i for i in store.tables["product.template"].ids if len(variants_of(store, i)) > 1)


def single(store: Store) -> int:
    return next(i for i in store.tables["product.template"].ids if len(variants_of(store, i)) == 1)


def test_stock_adjusted_touches_the_quant_alone(store: Store) -> None:
    quant = store.row("stock.quant", 1).values
    assert moved(store, lambda: store.adjust_stock(quant["product_id"], by=5, location=quant["location_id"])) == {
        ("stock.quant", 1)
    }


def test_category_renamed_touches_it_and_those_below(store: Store) -> None:
    below = {
        ("product.category", i)
        for i, r in store.tables["product.category"].rows.items()
        if r.values["complete_name"].startswith("Goods / Clothing")
    }
    clothing = first(store, "product.category", lambda v: v["name"] == "Clothing")
    assert moved(store, lambda: store.write("product.category", clothing, {"name": "Apparel"})) == below
    shirts = store.row("product.category", first(store, "product.category", lambda v: v["name"] == "Shirts")).values
    assert shirts["complete_name"] == "Goods / Apparel / Shirts"


def test_extra_price_changes_lst_price_and_touches_no_product(store: Store) -> None:
    value = first(store, "product.template.attribute.value", lambda v: v["price_extra"] == 2.5)
    variant = store.row("product.template.attribute.value", value).values["ptav_product_variant_ids"][0]
    before = store.read("product.product", [variant], ["lst_price"])[0]["lst_price"]
    touched = moved(store, lambda: store.write("product.template.attribute.value", value, {"price_extra": 4.0}))
    assert touched == {("product.template.attribute.value", value)}
    assert store.read("product.product", [variant], ["lst_price"])[0]["lst_price"] == before + 1.5


@pytest.mark.parametrize(
    ("model", "values"),
    [
        ("product.pricelist.item", {"fixed_price": 1.0}), ("res.partner.category", {"name": "Very important"}),
        ("uom.uom", {"name": "Stück"}), ("res.currency", {"symbol": "€€"}),
    ],
)  # fmt: skip
def test_levers_touch_themselves_alone(store: Store, model: str, values: dict[str, object]) -> None:
    assert moved(store, lambda: store.write(model, 1, values)) == {(model, 1)}


def test_a_contact_edited_touches_not_its_firm_but_a_firms_address_its_contacts(store: Store) -> None:
    partners = store.tables["res.partner"]
    contact = first(store, "res.partner", lambda v: v.get("function") == "Buyer")
    firm = partners.rows[contact].values["parent_id"]
    assert moved(store, lambda: store.write("res.partner", contact, {"phone": "1"})) == {("res.partner", contact)}
    touched = moved(store, lambda: store.write("res.partner", firm, {"street": "New Street 1"}))
    assert touched == {("res.partner", firm), ("res.partner", contact)}
    everyone = {("res.partner", i) for i in (firm, *partners.pointing["parent_id"][firm])}
    assert moved(store, lambda: store.write("res.partner", firm, {"vat": "DE1"})) == everyone


def test_a_merge_moves_orders_without_their_date(store: Store) -> None:
    orders = store.tables["sale.order"].rows
    source = orders[1].values["partner_id"]
    target = next(i for i in store.tables["res.partner"].ids if i != source and i > 5)
    theirs = [i for i, r in orders.items() if r.values["partner_id"] == source]
    touched = moved(store, lambda: store.merge_partners(source, target))
    assert {key for key in touched if key[0] != "res.partner"} == set()
    assert ("res.partner", target) in touched
    assert [orders[i].values["partner_id"] for i in theirs] == [target] * len(theirs)
    assert source not in store.ids("res.partner")


def test_a_lines_text_touches_the_line_its_quantity_the_order(store: Store) -> None:
    line = first(store, "sale.order.line", lambda v: not v.get("display_type"))
    order = store.row("sale.order.line", line).values["order_id"]
    assert moved(store, lambda: store.write("sale.order.line", line, {"name": "Other"})) == {("sale.order.line", line)}
    before = store.row("sale.order", order).values["amount_total"]
    touched = moved(store, lambda: store.write("sale.order.line", line, {"product_uom_qty": 77.0}))
    assert touched == {("sale.order.line", line), ("sale.order", order)}
    assert store.row("sale.order", order).values["amount_total"] != before


def test_a_variants_code_touches_a_template_that_has_no_other(store: Store) -> None:
    many, one = variants_of(store, several(store))[0], variants_of(store, single(store))[0]
    assert moved(store, lambda: store.write("product.product", many, {"default_code": "X1"})) == {
        ("product.product", many)
    }
    touched = moved(store, lambda: store.write("product.product", one, {"default_code": "X2"}))
    assert touched == {("product.product", one), ("product.template", single(store))}
    assert store.row("product.template", single(store)).values["default_code"] == "X2"
    assert moved(store, lambda: store.write("product.product", one, {"standard_price": 3.0})) == {
        ("product.product", one)
    }


@pytest.mark.parametrize(
    "values", [{"list_price": 9.0}, {"name": "Other"}, {"taxes_id": [1]}, {"image_1920": "aWNvbg=="}]
)
def test_a_template_touches_its_variants(store: Store, values: dict[str, object]) -> None:
    template = several(store)
    touched = moved(store, lambda: store.write("product.template", template, values))
    assert touched == {("product.template", template), *(("product.product", i) for i in variants_of(store, template))}


def test_a_translation_touches_the_template(store: Store) -> None:
    touched = moved(store, lambda: store.translate("product.template", 1, "de_DE", {"name": "Anders"}))
    assert ("product.template", 1) in touched
    assert store.read("product.template", [1], ["name"], lang="de_DE")[0]["name"] == "Anders"


def test_a_companys_value_touches_the_partner(store: Store) -> None:
    assert moved(store, lambda: store.write("res.partner", 8, {"credit_limit": {2: 7.0}})) == {("res.partner", 8)}


def test_a_validated_picking_touches_order_lines_and_quants(store: Store) -> None:
    picking = first(store, "stock.picking", lambda v: v["state"] == "assigned")
    order = store.row("stock.picking", picking).values["sale_id"]
    touched = {model for model, _ in moved(store, lambda: store.deliver(picking))}
    assert touched >= {"stock.picking", "stock.move", "sale.order", "sale.order.line", "stock.quant"}
    assert not touched & {"product.product", "product.template"}
    assert store.row("sale.order", order).values["delivery_status"] == "full"


def test_the_first_posted_invoice_touches_the_partner_later_ones_do_not(store: Store) -> None:
    buyer = store.create("res.partner", {"name": "Newcomer"})[0]
    for expected in ({("res.partner", buyer)}, set()):
        move = store.create("account.move", {"move_type": "out_invoice", "partner_id": buyer})[0]
        touched = moved(store, lambda move=move: store.write("account.move", move, {"state": "posted"}))  # type: ignore[misc]
        assert touched - {("account.move", move)} == expected
    assert store.row("res.partner", buyer).values["customer_rank"] == 2


def test_a_write_of_the_same_value_touches_and_a_quiet_one_does_not(store: Store) -> None:
    name = store.row("res.partner", 6).values["name"]
    assert moved(store, lambda: store.write("res.partner", 6, {"name": name})) >= {("res.partner", 6)}
    assert moved(store, lambda: store.write("res.partner", 6, {"ref": "A"}, touch=False)) == set()
    assert moved(store, lambda: store.sql("sale.order", 1, {"partner_id": 9})) == set()
    assert store.row("res.partner", 6).values["ref"] == "A"
    assert store.row("sale.order", 1).values["partner_id"] == 9


def test_a_long_transaction_is_stamped_when_it_begins_and_seen_when_it_commits(server: Server, store: Store) -> None:
    begun = store.utcnow().strftime("%Y-%m-%d %H:%M:%S")
    held = store.create("res.partner", [{"name": f"Late {n}"} for n in range(400)], hold_seconds=5)
    store.advance(2)
    early = store.create("res.partner", {"name": "Early"})[0]
    assert early > max(held)
    seen = ask(server, "res.partner", "search_read", domain=[["id", ">=", held[0]]], fields=["write_date"])
    assert [row["id"] for row in seen] == [early]
    watermark = seen[0]["write_date"]
    store.advance(3.5)
    late = ask(server, "res.partner", "search_read", domain=[["id", "in", held]], fields=["write_date"])
    assert {row["id"] for row in late} == set(held)
    assert {row["write_date"] for row in late} <= {begun, late[0]["write_date"]}
    assert max(row["write_date"] for row in late) < watermark
    missed = ask(server, "res.partner", "search_count", domain=[["write_date", ">=", watermark], ["id", "in", held]])
    assert missed == 0


def test_a_transaction_of_several_writes_commits_as_one(store: Store) -> None:
    with store.transaction() as change:
        made = change.create("res.partner", {"name": "Inside"})
        change.write("sale.order", [1], {"note": "<p>later</p>"})
        store.advance(3)
        assert made[0] not in store.ids("res.partner")
    assert made[0] in store.ids("res.partner")
    assert store.row("sale.order", 1).written == store.row("res.partner", made[0]).written == change.begun


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    made: list[int] = []

    def fail() -> None:
        with store.transaction() as change:
            made.extend(change.create("res.partner", {"name": "Never"}))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert made
    assert made[0] not in store.ids("res.partner")


def test_deletion_leaves_no_trace(server: Server, store: Store) -> None:
    made = store.create("res.partner", {"name": "Short-lived"})
    store.unlink("res.partner", made)
    assert ask(server, "res.partner", "read", ids=made, fields=["name"]) == []
    assert ask(server, "res.partner", "search_count", domain=[["id", "in", made]]) == 0


def test_what_is_in_use_is_not_deleted(server: Server, store: Store) -> None:
    sold = store.tables["sale.order"].rows[1].values
    confirmed = first(store, "sale.order", lambda v: v["state"] == "sale")
    product = first(store, "sale.order.line", lambda v: v.get("product_id"))
    product_id = store.row("sale.order.line", product).values["product_id"]
    for model, row_id in (
        ("res.partner", sold["partner_id"]),
        ("sale.order", confirmed),
        ("product.product", product_id),
    ):
        assert json2(server, model, "unlink", ids=[row_id]).status_code == 422
        with pytest.raises(Refused):
            store.unlink(model, row_id)
        assert row_id in store.ids(model)
    lines = list(store.tables["sale.order.line"].pointing["order_id"][confirmed])
    store.unlink("sale.order", confirmed, force=True)
    assert not set(lines) & store.ids("sale.order.line")


def test_a_quant_at_zero_stays_until_someone_looks(store: Store) -> None:
    quant = store.row("stock.quant", 1).values
    store.adjust_stock(quant["product_id"], quantity=0, reserved=0, location=quant["location_id"])
    assert store.read("stock.quant", [1], ["quantity"]) == [{"id": 1, "quantity": 0.0}]
    assert 1 in store.quant_tasks()
    assert 1 not in store.ids("stock.quant")


def test_removing_an_attribute_value_deletes_unused_variants_and_archives_sold_ones(store: Store) -> None:
    sold = {line.values.get("product_id") for line in store.tables["sale.order.line"].rows.values()}
    value = next(
        i for i, r in store.tables["product.template.attribute.value"].rows.items()
        if set(r.values.get("ptav_product_variant_ids", ())) - sold
    )  # fmt: skip
    had = store.row("product.template.attribute.value", value).values["ptav_product_variant_ids"]
    gone = store.remove_attribute_value(value)
    assert set(gone) == set(had) - sold
    assert not set(gone) & store.ids("product.product")


def test_writes_over_the_api(server: Server, store: Store) -> None:
    made = ask(
        server,
        "res.partner",
        "create",
        vals_list=[{"name": "Via API", "email": " A@B.example ", "category_id": [[6, 0, [3]]]}],
    )
    row = ask(
        server, "res.partner", "read", ids=made, fields=["email", "email_normalized", "category_id", "complete_name"]
    )[0]
    assert row == {
        "id": made[0],
        "email": " A@B.example ",
        "email_normalized": "a@b.example",
        "category_id": [3],
        "complete_name": "Via API",
    }
    assert ask(server, "res.partner", "write", ids=made, vals={"category_id": [[4, 5], [3, 3]]}) is True
    assert store.row("res.partner", made[0]).values["category_id"] == [5]
    variant = variants_of(store, single(store))[0]
    lines = [[0, 0, {"product_id": variant, "product_uom_qty": 2, "price_unit": 10.0, "tax_ids": [1]}]]
    order = ask(server, "sale.order", "create", vals_list=[{"partner_id": made[0], "order_line": lines}])[0]
    held = ask(server, "sale.order", "read", ids=[order], fields=["name", "state", "amount_total", "order_line"])[0]
    assert (held["name"], held["state"], held["amount_total"], len(held["order_line"])) == (
        f"S{order:05d}",
        "draft",
        23.0,
        1,
    )
    template = ask(
        server, "product.template", "create", vals_list=[{"name": "New", "list_price": 4.0, "default_code": "N-1"}]
    )[0]
    own = ask(
        server,
        "product.product",
        "search_read",
        domain=[["product_tmpl_id", "=", template]],
        fields=["default_code", "lst_price"],
    )
    assert [(v["default_code"], v["lst_price"]) for v in own] == [("N-1", 4.0)]
    ask(server, "product.product", "write", ids=[own[0]["id"]], vals={"name": "Through its variant"})
    assert store.row("product.template", template).values["name"] == "Through its variant"
    assert ask(server, "res.partner", "action_archive", ids=made) is True
    assert (
        ask(server, "res.partner", "unlink", ids=ask(server, "res.partner", "create", vals_list=[{"name": "Gone"}]))
        is True
    )


def test_a_raw_record_is_answered_as_it_is(server: Server, store: Store) -> None:
    text = '{"id": 6, "name": "\\ud800 \\u0000", "credit_limit": 12345678901234567890.123456789, "a.b": null}'
    store.raw_override("res.partner", 6, text)
    answer = json2(server, "res.partner", "search_read", domain=[["id", "=", 6]], fields=["name"])
    assert answer.text == f"[{text}]"
    store.raw_override("res.partner", 6, None)
    assert ask(server, "res.partner", "read", ids=[6], fields=["id"]) == [{"id": 6}]


def test_modules_that_are_missing(server: Server, store: Store) -> None:
    store.drop_field("product.template", "hs_code")
    store.drop_model("loyalty.program", "delivery.carrier")
    assert json2(server, "product.template", "search_read", fields=["hs_code"]).status_code == 500
    assert json2(server, "loyalty.program", "search_read").status_code == 404
    assert "carrier_id" not in ask(server, "sale.order", "fields_get")
    assert len(ask(server, "sale.order", "search_read", limit=3)) == 3


def test_a_database_without_stock_and_accounting(server: Server, store: Store) -> None:
    store.drop_model("stock.quant", "stock.picking", "stock.move", "stock.location", "stock.warehouse")
    store.drop_model("account.move", "account.move.line")
    assert not {"qty_available", "stock_quant_ids"} & ask(server, "product.product", "fields_get").keys()
    for model in ("product.product", "product.template", "res.partner", "sale.order", "sale.order.line"):
        assert len(ask(server, model, "search_read", limit=3)) == 3
    store.merge_partners(store.row("sale.order", 1).values["partner_id"], 6)
    variant = store.create("product.product", {"name": "Short-lived"})[0]
    store.unlink("product.product", variant)
    assert variant not in store.ids("product.product")
