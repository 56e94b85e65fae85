"""The Odoo sandbox's search: domains, order, paging and groups as a real server does them."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.odoo import Server, Store, running, seed
from sandbox.tests.odoo_calls import ask, json2, seeded
from sandbox.tests.steady import still


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(seeded()) as running_server:
        yield running_server


@pytest.fixture
def crowd() -> Iterator[Server]:
    """400 partners written by one import: they share a write_date."""
    store = Store(clock=still)
    seed(store, products=0, variants=0, partners=0, orders=0)
    store.create("res.partner", [{"name": f"P{n}", "city": f"C{n % 7}"} for n in range(400)])
    with running(store) as running_server:
        yield running_server


def walk(server: Server, order: str, size: int = 50) -> list[int]:
    found: list[int] = []
    while page := ask(server, "res.partner", "search", domain=[], order=order, offset=len(found), limit=size):
        found += page
    return found


@pytest.mark.parametrize("order", ["write_date", "write_date desc", "city"])
def test_offset_paging_over_ties_drops_and_repeats_rows(crowd: Server, order: str) -> None:
    found = walk(crowd, order)
    assert len(found) == len(crowd.store.ids("res.partner"))
    assert len(set(found)) < len(found)


@pytest.mark.parametrize("order", ["id", "write_date, id", "id desc"])
def test_offset_paging_over_a_unique_order_is_complete(crowd: Server, order: str) -> None:
    assert sorted(walk(crowd, order)) == sorted(crowd.store.ids("res.partner"))


def test_keyset_on_write_date_and_id_loses_rows_of_one_second(crowd: Server) -> None:
    store = crowd.store
    for n, id_offset in enumerate((30, 20, 10)):
        store.sql("res.partner", 100 + id_offset, {"write_date": 1_900_000_000 + n * 0.001})
    domain: list[Any] = [["write_date", ">=", "2030-03-17 17:46:40"]]
    order = "write_date, id"
    first = ask(crowd, "res.partner", "search_read", domain=domain, fields=["write_date"], order=order, limit=1)
    assert first == [{"id": 130, "write_date": "2030-03-17 17:46:40"}]
    after = ["|", ["write_date", ">", first[0]["write_date"]], "&", ["write_date", "=", first[0]["write_date"]]]
    assert ask(crowd, "res.partner", "search", domain=[*domain, *after, ["id", ">", 130]], order=order) == []
    assert ask(crowd, "res.partner", "search", domain=domain, order="id") == [110, 120, 130]


@pytest.mark.parametrize(
    ("operator", "value", "found"),
    [
        (">=", "2030-03-17 17:46:40", True), (">", "2030-03-17 17:46:40", False), ("=", "2030-03-17 17:46:40", True),
        ("<=", "2030-03-17 17:46:40", True), ("<", "2030-03-17 17:46:40", False), (">", "2030-03-17 17:46:39", True),
        (">=", "2030-03-17 17:46:40.999999", True), (">=", "2030-03-17T17:46:40", True), (">=", "2030-03-17", True),
        (">=", "2030-03-18", False), ("<=", "2030-03-17", True), (">", "2030-03-17", False),
    ],
)  # fmt: skip
def test_moments_compare_by_whole_seconds(crowd: Server, operator: str, value: str, found: bool) -> None:
    crowd.store.sql("res.partner", 100, {"write_date": 1_900_000_000.831939})
    hits = ask(crowd, "res.partner", "search", domain=[["write_date", operator, value], ["id", "=", 100]])
    assert (hits == [100]) is found
    assert crowd.store.row("res.partner", 100).written == 1_900_000_000_831_939


@pytest.mark.parametrize("value", ["2026-01-01T00:00:00Z", "2026-01-01 00:00:00+00:00", "yesterday", 5])
def test_other_moments_are_refused(server: Server, value: Any) -> None:
    answer = json2(server, "res.partner", "search", domain=[["write_date", ">", value]])
    assert (answer.status_code, answer.json()["name"]) == (500, "builtins.ValueError")


PARTNERS: list[dict[str, Any]] = [
    {"name": "Ann", "city": "Köln", "customer_rank": 1, "country_id": 57, "color": 3},
    {"name": "Bob", "city": "Cork", "customer_rank": 0, "country_id": 101, "category_id": [3, 5]},
    {"name": "ann b", "customer_rank": 2, "is_company": True, "category_id": [3]},
    {"name": "100%_x", "city": "Cork", "active": False},
]
A, B, C, D = 1, 2, 3, 4


@pytest.fixture(scope="module")
def four() -> Iterator[tuple[Server, list[int]]]:
    store = Store(clock=still)
    seed(store, products=0, variants=0, partners=0, orders=0)
    ids = store.create("res.partner", PARTNERS)
    store.write("res.partner", ids[1], {"parent_id": ids[0]})
    with running(store) as running_server:
        yield running_server, ids


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ([["name", "=", "Ann"]], [A]), ([["name", "!=", "Ann"]], [B, C, D]), ([["city", "!=", "Cork"]], [A, C]),
        ([["city", "=", False]], [C]), ([["city", "!=", False]], [A, B, D]), ([["city", "in", ["Cork", False]]], [B,
        C, D]),
        ([["city", "not in", ["Cork"]]], [A, C]), ([["name", "like", "ann"]], [C]), ([["name", "ilike", "ann"]], [A,
        C]),
        ([["name", "not ilike", "ann"]], [B, D]), ([["name", "=like", "A%"]], [A]), ([["name", "=ilike", "a__"]], [A]),
        ([["customer_rank", ">", 0]], [A, C]), ([["customer_rank", "<=", 1]], [A, B, D]), ([["customer_rank", "=",
        0]], [B, D]),
        ([["customer_rank", "in", [0, 2]]], [B, C, D]), ([["is_company", "=", True]], [C]), ([["is_company", "=",
        False]], [A, B, D]),
        (["|", ["name", "=", "Ann"], ["city", "=", "Cork"]], [A, B, D]), (["!", ["name", "=", "Ann"]], [B, C, D]),
        (["|", ["name", "=", "Ann"], "&", ["city", "=", "Cork"], ["customer_rank", "=", 0]], [A, B, D]),
        (["&", "!", ["name", "=", "Bob"], "|", ["city", "=", "Cork"], ["color", "=", 3]], [A, D]),
        ([["country_id", "=", 57]], [A]), ([["country_id", "in", [57, 101]]], [A, B]), ([["country_id", "=", False]],
        [C, D]),
        ([["country_id", "ilike", "ger"]], [A]), ([["country_id", "=", "Ireland"]], [B]), ([["country_id.code", "=",
        "IE"]], [B]),
        ([["country_id.currency_id.name", "=", "EUR"]], [A, B]), ([["category_id", "in", [5]]], [B]),
        ([["category_id", "=", False]], [A, D]),
        ([["category_id", "ilike", "vip"]], [B, C]), ([["category_id.name", "=like", "VIP%"]], [B, C]),
        ([["category_id", "not in", [5]]], [A, C, D]), ([["parent_id.name", "=", "Ann"]], [B]), ([["child_ids.name",
        "=", "Bob"]], [A]),
        ([["parent_id", "child_of", A]], [B]), ([["id", "child_of", A]], [A, B]), ([["id", "parent_of", B]], [A, B]),
        ([["country_id", "any", [["code", "=", "DE"]]]], [A]), ([["country_id", "not any", [["code", "=", "DE"]]]],
        [B, C, D]),
        ([["city", "=?", False]], [A, B, C, D]), ([["city", "=?", "Cork"]], [B, D]), ([[1, "=", 1]], [A, B, C, D]),
        ([[0, "=", 1]], []),
        ([["id", ">", B]], [C, D]), ([["id", ">=", B], ["id", "<", D]], [B, C]), ([["id", "in", [A, D]]], [A, D]),
        (["|", ["id", "=", A], ["id", ">", C]], [A, D]), (["!", ["id", "in", [A, B]]], [C, D]), ([["id", "not in",
        [A]]], [B, C, D]),
    ],
)  # fmt: skip
def test_domains(four: tuple[Server, list[int]], domain: list[Any], expected: list[int]) -> None:
    """A to D stand for the four partners' ids."""
    server, ids = four

    def real(value: Any) -> Any:
        if isinstance(value, list):
            return [real(v) for v in value]
        return ids[value - 1] if value in (A, B, C, D) and not isinstance(value, bool) else value

    given = [
        [leaf[0], leaf[1], real(leaf[2])] if isinstance(leaf, list) and leaf[0] in ("id", "parent_id") else leaf
        for leaf in domain
    ]
    found = ask(server, "res.partner", "search", domain=[["id", "in", ids], *given], order="id")
    assert [ids.index(i) + 1 for i in found] == expected


@pytest.mark.parametrize(
    "arguments",
    [
        {"domain": [["nope", "=", 1]]}, {"domain": [["name", "resembles", "x"]]}, {"domain": ["|", ["name", "=", "x"]]},
        {"domain": [["name", "="]]}, {"domain": "name = x"}, {"domain": [["total_invoiced", ">", 1]]}, {"domain": [],
        "order": "nope"},
        {"domain": [], "order": "total_invoiced"}, {"domain": [], "order": "name; DROP"}, {"domain": [], "offset": -1},
    ],
)  # fmt: skip
def test_a_wrong_search_is_a_500_that_names_a_value_error(server: Server, arguments: dict[str, Any]) -> None:
    answer = json2(server, "res.partner", "search", **arguments)
    assert (answer.status_code, answer.json()["name"]) == (500, "builtins.ValueError")


def test_archived_rows_are_hidden_unless_asked_for(server: Server) -> None:
    archived = {r.id for r in server.store.tables["product.product"].rows.values() if not r.values["active"]}
    assert archived
    hidden = ask(server, "product.product", "search", domain=[], context={"active_test": True})
    assert not archived & set(hidden)
    assert set(ask(server, "product.product", "search", domain=[])) == server.store.ids("product.product")
    named = ask(server, "product.product", "search", domain=[["active", "=", False]], context={"active_test": True})
    assert set(named) == archived
    by_id = ask(
        server, "product.product", "read", ids=sorted(archived), fields=["active"], context={"active_test": True}
    )
    assert {row["id"] for row in by_id} == archived


def test_lists_of_records_leave_out_archived_ones(server: Server) -> None:
    variant = next(r for r in server.store.tables["product.product"].rows.values() if not r.values["active"])
    template = variant.values["product_tmpl_id"]
    for active_test in (True, False):
        asked = {"ids": [template], "fields": ["product_variant_ids"], "context": {"active_test": active_test}}
        row = ask(server, "product.template", "read", **asked)[0]
        assert (variant.id in row["product_variant_ids"]) is not active_test


def test_limits(server: Server) -> None:
    everything = len(server.store.ids("sale.order.line"))
    for limit in (None, 0):
        assert len(ask(server, "sale.order.line", "search_read", domain=[], fields=["id"], limit=limit)) == everything
    assert ask(server, "sale.order.line", "search_count", domain=[]) == everything
    assert ask(server, "sale.order.line", "search_count", domain=[], limit=7) == 7
    assert ask(server, "sale.order.line", "search", domain=[], order="id desc", limit=1) == [everything]


def test_order_by_the_name_of_a_related_record(server: Server) -> None:
    rows = ask(server, "sale.order", "search_read", domain=[], fields=["partner_id"], order="partner_id, id")
    names = [row["partner_id"][1] for row in rows]
    assert names == sorted(names)
    assert len(set(names)) > 3


def test_groups_count_and_sum(server: Server) -> None:
    orders = ask(server, "sale.order", "search_read", domain=[], fields=["state", "amount_total", "partner_id"])
    states = {row["state"] for row in orders}
    grouped = ask(
        server,
        "sale.order",
        "formatted_read_group",
        domain=[],
        groupby=["state"],
        aggregates=["__count", "amount_total:sum"],
    )
    assert {g["state"]: g["__count"] for g in grouped} == {s: sum(o["state"] == s for o in orders) for s in states}
    for group in grouped:
        expected = sum(o["amount_total"] for o in orders if o["state"] == group["state"])
        assert group["amount_total:sum"] == pytest.approx(expected)
        assert group["__extra_domain"] == [["state", "=", group["state"]]]
    lazy = ask(
        server,
        "sale.order",
        "read_group",
        domain=[["state", "=", "sale"]],
        fields=["amount_total"],
        groupby=["partner_id"],
    )
    sold = [o for o in orders if o["state"] == "sale"]
    assert sum(g["partner_id_count"] for g in lazy) == len(sold)
    assert {tuple(g["partner_id"]) for g in lazy} == {tuple(o["partner_id"]) for o in sold}
    assert sum(g["amount_total"] for g in lazy) == pytest.approx(sum(o["amount_total"] for o in sold))
    flat = ask(server, "sale.order", "read_group", domain=[], fields=[], groupby=["state", "company_id"], lazy=False)
    assert sum(g["__count"] for g in flat) == len(orders)
    months = ask(
        server, "sale.order", "formatted_read_group", domain=[], groupby=["date_order:month"], aggregates=["__count"]
    )
    assert sum(g["__count"] for g in months) == len(orders)
    assert len(months) > 3
