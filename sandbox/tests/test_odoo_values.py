"""What the Odoo sandbox answers for a record: empties, names, languages, companies, rights."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.odoo import Server, Store, running
from sandbox.odoo.methods import search_read
from sandbox.tests.odoo_calls import ask, json2, seeded

WIRE: dict[str, type | tuple[type, ...]] = {
    "integer": int, "float": float, "monetary": float, "boolean": bool, "many2one": (int, bool), "many2many": list,
    "one2many": list, **dict.fromkeys(("char", "text", "html", "selection", "date", "datetime"), (str, bool)),
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(seeded(products=60, orders=60)) as running_server:
        yield running_server


def test_a_seed_is_sound() -> None:
    """Every value has a known field and its type; every link has a target; every date is in the past."""
    store = seeded()
    wrong: list[tuple[Any, ...]] = []
    for name, table in store.tables.items():
        for row in table.rows.values():
            assert row.written < store.now()
            for field_name, held in row.values.items():
                if field_name.startswith("_"):
                    continue
                field = store.models[name].fields[field_name]
                if field.per_company and not isinstance(held, dict):
                    wrong.append((name, field_name, "one value for all companies"))
                for value in held.values() if field.per_company else [held]:
                    if not isinstance(value, WIRE.get(field.type, object)):
                        wrong.append((name, field_name, value))
                    rows = store.tables[field.relation].rows if field.relation in store.tables else None
                    known = rows if rows is not None else store.labels.get(field.relation, {})
                    targets = (
                        value if isinstance(value, list) else [value] if field.type == "many2one" and value else []
                    )
                    wrong += [(name, field_name, "leads nowhere", i) for i in targets if i not in known]
    assert wrong == []


def test_a_seed_is_the_same_each_time_and_differs_by_its_number() -> None:
    def prices(random_seed: int) -> list[Any]:
        store = seeded(random_seed=random_seed)
        return [row["list_price"] for row in store.read("product.template", sorted(store.ids("product.template")))]

    assert prices(7) == prices(7) != prices(8)


def test_a_seed_holds_what_real_businesses_hold() -> None:
    store = seeded(products=120, variants=16, partners=60, orders=240)
    lines = [r.values for r in store.tables["sale.order.line"].rows.values()]
    assert {line.get("display_type") for line in lines} >= {"line_section", "line_note", None}
    assert any(line.get("is_delivery") for line in lines)
    assert any(line.get("reward_id") and line["price_unit"] < 0 for line in lines)
    orders = [r.values for r in store.tables["sale.order"].rows.values()]
    assert {(o["company_id"], o["currency_id"]) for o in orders} >= {(1, 1), (1, 126), (2, 126)}
    assert {o["state"] for o in orders} == {"draft", "sent", "sale", "cancel"}
    moves = [r.values for r in store.tables["account.move"].rows.values()]
    assert {m["move_type"] for m in moves} >= {"out_invoice", "out_refund", "entry", "in_invoice"}
    assert all(m["amount_total"] >= 0 for m in moves)
    assert any(m["amount_total_signed"] < 0 for m in moves if m["move_type"] == "out_refund")
    buyers = {o["partner_id"] for o in orders}
    ranks = {i: store.row("res.partner", i).values.get("customer_rank", 0) for i in buyers}
    assert {rank > 0 for rank in ranks.values()} == {True, False}
    # Both sandboxes share products and customers, so that one core has two sources.
    codes = {r.values.get("default_code") for r in store.tables["product.product"].rows.values()}
    assert {"SKU-00001", "TS-104-S-Red", "TS-105-S"} <= codes
    mails = {r.values.get("email_normalized") for r in store.tables["res.partner"].rows.values()}
    assert {"cust0@example.test", "cust1@example.test"} <= mails


def test_order_totals_are_the_sums_of_their_lines() -> None:
    store = seeded()
    lines = store.tables["sale.order.line"]
    for order in store.tables["sale.order"].rows.values():
        own = [lines.rows[i].values for i in lines.pointing["order_id"].get(order.id, ())]
        assert order.values["amount_total"] == pytest.approx(sum(line.get("price_total", 0.0) for line in own))
        assert order.values["amount_untaxed"] + order.values["amount_tax"] == pytest.approx(
            order.values["amount_total"]
        )


def test_empty_values_by_type(server: Server) -> None:
    made = server.store.create("res.partner", {"name": "Bare"})[0]
    row = ask(server, "res.partner", "read", ids=[made])[0]
    assert next(iter(row)) == "id"
    assert (row["email"], row["country_id"], row["comment"], row["image_1920"], row["employee"]) == (False,) * 5
    assert (row["color"], row["partner_latitude"], row["category_id"], row["properties"]) == (0, 0.0, [], [])


def test_many2one_with_names_or_bare(server: Server) -> None:
    named = ask(server, "sale.order", "search_read", domain=[], fields=["partner_id"], limit=1, order="id")[0]
    assert [type(part) for part in named["partner_id"]] == [int, str]
    for load in ("", None):
        bare = ask(
            server, "sale.order", "search_read", domain=[], fields=["partner_id"], limit=1, order="id", load=load
        )[0]
        assert bare["partner_id"] == named["partner_id"][0]
    invoice = next(r for r in server.store.tables["res.partner"].rows.values() if r.values.get("type") == "invoice")
    row = ask(server, "res.partner", "read", ids=[invoice.id], fields=["name", "display_name", "parent_id"])[0]
    assert row["name"] is False
    assert row["display_name"] == f"{row['parent_id'][1]}, Invoice"


def test_names_follow_the_language(server: Server) -> None:
    asked: dict[str, Any] = {
        "domain": [["attribute_id.name", "=", "Color"], ["name", "=", "Red"]],
        "fields": ["name", "attribute_id"],
    }
    english = ask(server, "product.attribute.value", "search_read", **asked)[0]
    assert (english["name"], english["attribute_id"][1]) == ("Red", "Color")
    german: dict[str, Any] = {"context": {"lang": "de_DE"}}
    row = ask(server, "product.attribute.value", "read", ids=[english["id"]], fields=asked["fields"], **german)[0]
    assert (row["name"], row["attribute_id"][1]) == ("Rot", "Farbe")
    assert ask(server, "product.attribute.value", "search_count", domain=[["name", "=", "Rot"]], **german) == 1
    assert ask(server, "product.attribute.value", "search_count", domain=[["name", "=", "Rot"]]) == 0


def test_values_of_a_company_follow_the_first_id(server: Server) -> None:
    variant = next(r for r in server.store.tables["product.product"].rows.values() if r.values["standard_price"][1])
    held = variant.values["standard_price"]

    def cost(*companies: int) -> float:
        context = {"allowed_company_ids": list(companies)} if companies else {}
        found = ask(server, "product.product", "read", ids=[variant.id], fields=["standard_price"], context=context)
        return float(found[0]["standard_price"])

    assert cost(1) == cost(1, 2) == cost() == held[1]
    assert cost(2) == cost(2, 1) == held[2]
    assert held[1] != held[2]


def test_rows_of_a_company_follow_the_allowed_ones(server: Server) -> None:
    def orders(context: dict[str, Any]) -> int:
        return int(ask(server, "sale.order", "search_count", domain=[], context=context))

    first, second = orders({"allowed_company_ids": [1]}), orders({"allowed_company_ids": [2]})
    assert first > 0 < second
    assert first + second == orders({}) == len(server.store.ids("sale.order"))
    assert orders({"force_company": 2, "company_id": 2}) == first + second
    foreign = json2(server, "sale.order", "search_count", domain=[], context={"allowed_company_ids": [1, 99]})
    assert (foreign.status_code, foreign.json()["name"]) == (403, "odoo.exceptions.AccessError")
    assert ask(server, "res.company", "search", domain=[], context={"allowed_company_ids": [2]}) == [2]


def test_variants_follow_their_templates_company(server: Server) -> None:
    table = server.store.tables["product.product"].rows
    owner = {
        i: server.store.row("product.template", r.values["product_tmpl_id"]).values.get("company_id")
        for i, r in table.items()
    }
    foreign = {i for i, company in owner.items() if company == 2}
    seen = ask(server, "product.product", "search", domain=[], context={"allowed_company_ids": [1]})
    assert foreign
    assert set(seen) == table.keys() - foreign


def test_stock_follows_the_allowed_companies(server: Server) -> None:
    table = server.store.tables["stock.quant"]
    product = next(
        q.values["product_id"] for q in table.rows.values() if q.values["location_id"] == 27 and q.values["quantity"]
    )
    held = [table.rows[i].values for i in table.pointing["product_id"][product]]

    def on_hand(*companies: int) -> Any:
        asked = {"ids": [product], "fields": ["qty_available"], "context": {"allowed_company_ids": list(companies)}}
        return ask(server, "product.product", "read", **asked)[0]["qty_available"]

    for companies in ((1,), (2,), (1, 2)):
        assert on_hand(*companies) == sum(q["quantity"] for q in held if q["company_id"] in companies)
    assert on_hand(1) != on_hand(1, 2)


def test_a_user_with_fewer_rights_gets_a_smaller_feed(server: Server) -> None:
    clerk = server.store.clerk
    full = ask(server, "res.partner", "fields_get")
    fewer = json2(server, "res.partner", "fields_get", key=clerk.key).json()
    assert fewer.keys() < full.keys()
    assert "credit_limit" in full.keys() - fewer.keys()
    row = json2(server, "res.partner", "search_read", key=clerk.key, limit=1).json()[0]
    assert row.keys() == fewer.keys()
    refused = json2(server, "res.partner", "search_read", key=clerk.key, fields=["name", "credit_limit"])
    assert (refused.status_code, refused.json()["name"]) == (403, "odoo.exceptions.AccessError")
    own = json2(server, "sale.order", "search_read", key=clerk.key, fields=["user_id", "company_id"]).json()
    assert own
    assert {o["user_id"][0] for o in own} == {5}
    assert {o["company_id"][0] for o in own} == {1}
    assert len(own) < len(server.store.ids("sale.order"))
    for model in ("account.move", "stock.picking", "payment.provider", "ir.config_parameter"):
        answer = json2(server, model, "search_read", key=clerk.key)
        assert answer.status_code == 403
        assert f"({model})" in answer.json()["message"]
        assert json2(server, model, "has_access", key=clerk.key, ids=[], operation="read").json() is False
        assert ask(server, model, "has_access", ids=[], operation="read") is True
    someone_elses = next(r.id for r in server.store.tables["sale.order"].rows.values() if r.values["user_id"] != 5)
    assert json2(server, "sale.order", "read", key=clerk.key, ids=[someone_elses]).status_code == 403


def test_extra_prices_show_in_the_variants_price(server: Server) -> None:
    variants = server.store.tables["product.product"].rows.values()
    large = next(r for r in variants if str(r.values.get("default_code")).endswith("-XL"))
    row = ask(server, "product.product", "read", ids=[large.id], fields=["list_price", "lst_price", "price_extra"])[0]
    assert row["price_extra"] == 2.5
    assert row["lst_price"] == row["list_price"] + 2.5


def test_a_template_shows_its_only_variants_values(server: Server) -> None:
    for row in server.store.tables["product.template"].rows.values():
        own = server.store.tables["product.product"].pointing["product_tmpl_id"][row.id]
        shown = ask(server, "product.template", "read", ids=[row.id], fields=["barcode", "standard_price"])[0]
        variant = server.store.row("product.product", own[0]).values
        expected = (variant.get("barcode", False), variant["standard_price"][1]) if len(own) == 1 else (False, 0.0)
        assert (shown["barcode"], shown["standard_price"]) == expected


def test_read_of_a_missing_id_answers_fewer_rows(server: Server) -> None:
    assert [row["id"] for row in ask(server, "res.partner", "read", ids=[3, 999999, 4], fields=["name"])] == [3, 4]


def test_slow_fields_cost_more_a_row_than_stored_ones() -> None:
    store: Store = seeded()
    store.slowness = 1.0
    costs = {}
    for names in (["default_code"], ["default_code", "avg_cost"]):
        env = store.env()
        search_read(env, "product.product", [], names, limit=10)
        costs[len(names)] = env.cost
    assert costs[1] == 0.0
    assert costs[2] == pytest.approx(10 * 0.00162)


def test_reading_twice_answers_the_same_and_a_write_shows_at_once(server: Server) -> None:
    asked: dict[str, Any] = {"domain": [], "fields": ["partner_id", "name"], "order": "id"}
    first = ask(server, "sale.order", "search_read", **asked)
    assert ask(server, "sale.order", "search_read", **asked) == first
    buyer = first[0]["partner_id"][0]
    server.store.write("res.partner", buyer, {"name": "Renamed & Sons"})
    again = ask(server, "sale.order", "search_read", **asked)
    assert "Renamed & Sons" in again[0]["partner_id"][1]
