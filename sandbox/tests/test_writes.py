"""Which writes move date_modified, which do not, and where a change shows."""

from collections import Counter
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sandbox.tests.steady import still
from sandbox.woocommerce import Store, seed


class Watch:
    """Which date_modified moved since it was made."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.before = self._dates()
        store.advance(5)

    def _dates(self) -> dict[tuple[str, int], Any]:
        kinds = ("products", "variations", "orders", "coupons", "customers")
        return {(k, i): self.store.payload(k, i)["date_modified_gmt"] for k in kinds for i in self.store.ids(k)}

    def moved(self) -> set[tuple[str, int]]:
        now = self._dates()
        return {key for key, date in now.items() if self.before.get(key) != date}


@pytest.fixture
def parent(store: Store) -> int:
    return int(next(iter(store.tables["variations"].children)))


def test_a_product_moves_even_when_nothing_changes(store: Store) -> None:
    product = min(store.ids("products"))
    watch = Watch(store)
    store.update("products", product)
    assert watch.moved() == {("products", product)}


def test_a_plugins_write_moves_nothing_but_shows(store: Store) -> None:
    product = min(store.ids("products"))
    order = min(store.ids("orders"))
    watch = Watch(store)
    store.update("products", product, touch=False, manage_stock=True, stock_quantity=77, price="1.23")
    store.update("orders", order, touch=False, total="9.99")
    assert watch.moved() == set()
    shown = store.payload("products", product)
    assert (shown["stock_quantity"], shown["price"]) == (77, "1.23")
    assert store.payload("orders", order)["total"] == "9.99"


def test_a_variation_moves_its_parent(store: Store, parent: int) -> None:
    child = store.tables["variations"].children[parent][0]
    watch = Watch(store)
    store.update("variations", child, regular_price="0.50")
    assert watch.moved() == {("products", parent), ("variations", child)}
    assert store.payload("products", parent)["price"] == "0.50"
    added = store.add_variation(parent, regular_price="4")
    assert added in store.payload("products", parent)["variations"]
    watch = Watch(store)
    store.delete("variations", child)
    assert watch.moved() == {("products", parent)}


def test_renaming_the_parent_leaves_its_variations(store: Store, parent: int) -> None:
    watch = Watch(store)
    store.update("products", parent, name="Renamed")
    assert watch.moved() == {("products", parent)}


def test_coupon_amount_and_use_stay_silent(store: Store) -> None:
    coupon = min(store.ids("coupons"))
    code = store.payload("coupons", coupon)["code"]
    uses = store.payload("coupons", coupon)["usage_count"]
    watch = Watch(store)
    store.update("coupons", coupon, amount="9.99")
    store.add_order(items=[(min(store.ids("products")), 0, 1)], coupon=code)
    assert ("coupons", coupon) not in watch.moved()
    shown = store.payload("coupons", coupon)
    assert (shown["amount"], shown["usage_count"]) == ("9.99", uses + 1)
    store.update("coupons", coupon, description="x")
    assert ("coupons", coupon) in watch.moved()


def test_coupon_codes_are_lowered_and_always_published(store: Store) -> None:
    shown = store.payload("coupons", store.add_coupon("HalfOff", "50", status="draft"))
    assert (shown["code"], shown["amount"], shown["status"]) == ("halfoff", "50.00", "publish")


def test_renaming_a_category_shows_in_products_but_moves_none(store: Store) -> None:
    product = min(store.ids("products"))
    category = store.payload("products", product)["categories"][0]["id"]
    watch = Watch(store)
    store.update("categories", category, name="New name")
    assert watch.moved() == set()
    assert store.payload("products", product)["categories"][0]["name"] == "New name"


def test_category_counts_follow(store: Store) -> None:
    category = store.add_category("Counted")
    product = store.add_product(name="x", categories=[category])
    assert store.payload("categories", category)["count"] == 1
    store.update("products", product, status="draft")
    assert store.payload("categories", category)["count"] == 0
    store.update("products", product, status="publish")
    store.trash("products", product)
    assert store.payload("categories", category)["count"] == 0
    store.restore("products", product)
    assert store.payload("categories", category)["count"] == 1
    store.delete("categories", category)
    assert [c["name"] for c in store.payload("products", product)["categories"]] == ["Uncategorized"]


def test_deleting_a_customer_moves_their_orders(store: Store) -> None:
    buyer = next(o.fields["customer_id"] for o in store.tables["orders"].rows.values() if o.fields["customer_id"])
    theirs = {("orders", i) for i, o in store.tables["orders"].rows.items() if o.fields["customer_id"] == buyer}
    watch = Watch(store)
    store.delete("customers", buyer)
    assert watch.moved() == theirs
    assert {store.payload("orders", i)["customer_id"] for _, i in theirs} == {0}


def test_deleting_a_product_empties_lines_and_moves_nothing(store: Store) -> None:
    product = store.add_product(name="x", regular_price="3", sku="GONE")
    order = store.add_order(items=[(product, 0, 2)])
    watch = Watch(store)
    store.delete("products", product)
    assert watch.moved() == set()
    (line,) = store.payload("orders", order)["line_items"]
    assert (line["product_id"], line["variation_id"], line["sku"]) == (0, 0, None)


def test_refunds(store: Store) -> None:
    product = store.add_product(name="x", regular_price="10")
    order = store.add_order(items=[(product, 0, 3)], status="completed")
    line = store.payload("orders", order)["line_items"][0]["id"]
    watch = Watch(store)
    part = store.add_refund(order, lines={line: 1}, reason="broken")
    assert watch.moved() == {("orders", order)}
    assert store.payload("orders", order)["refunds"] == [{"id": part, "reason": "broken", "total": "-10.00"}]
    assert store.payload("refunds", part)["line_items"][0]["meta_data"][0]["value"] == str(line)
    watch = Watch(store)
    store.delete_refund(order, part)
    assert watch.moved() == set()
    assert store.payload("orders", order)["refunds"] == []
    store.update("orders", order, status="refunded")
    (made,) = store.payload("orders", order)["refunds"]
    assert (made["total"], made["reason"]) == ("-30.00", "Order fully refunded.")


def test_a_sale_moves_what_has_managed_stock(store: Store) -> None:
    loose = store.add_product(name="loose", regular_price="1")
    kept = store.add_product(name="kept", regular_price="1", manage_stock=True, stock_quantity=1)
    buyer = store.add_customer()
    watch = Watch(store)
    order = store.add_order(customer_id=buyer, items=[(loose, 0, 1), (kept, 0, 3)])
    assert watch.moved() == {("products", kept), ("customers", buyer), ("orders", order)}
    assert store.payload("products", kept)["stock_quantity"] == -2
    assert store.payload("products", loose)["total_sales"] == 1


def test_a_review_moves_its_product(store: Store) -> None:
    product = max(store.ids("products"))
    watch = Watch(store)
    store.add_review(product, rating=4)
    assert watch.moved() == {("products", product)}
    assert store.payload("products", product)["average_rating"] == "4.00"


def test_emails_are_unique_without_case(store: Store) -> None:
    store.add_customer(email="Ann@x.test")
    with pytest.raises(ValueError, match="exists"):
        store.add_customer(email="ann@X.test")


def test_order_arithmetic_sums_exactly() -> None:
    store = Store(clock=still)
    seed(store, products=60, variable=6, customers=30, orders=150)
    seen: Counter[str] = Counter()
    for row_id in store.ids("orders"):
        o = store.payload("orders", row_id)
        seen[o["status"]] += 1
        goods, fees = o["line_items"], o["fee_lines"]
        cart_tax = total(goods, "total_tax") + total(fees, "total_tax")
        parts = total(goods, "total") + total(fees, "total") + total(o["shipping_lines"], "total")
        assert Decimal(o["cart_tax"]) == cart_tax
        assert Decimal(o["total_tax"]) == cart_tax + Decimal(o["shipping_tax"])
        assert Decimal(o["total"]) == parts + Decimal(o["total_tax"])
        assert Decimal(o["discount_total"]) == total(goods, "subtotal") - total(goods, "total")
        assert sum((Decimal(t["tax_total"]) for t in o["tax_lines"]), Decimal(0)) == cart_tax
        if o["status"] == "refunded" and Decimal(o["total"]):
            assert sum(Decimal(r["total"]) for r in o["refunds"]) == -Decimal(o["total"])
    assert len(seen) == 7


def total(lines: list[dict[str, str]], name: str) -> Decimal:
    return sum((Decimal(line[name]) for line in lines), Decimal(0))


def test_seed_is_deterministic() -> None:
    def shop(number: int) -> dict[str, list[Any]]:
        store = Store(clock=still)
        store.shuffle_related = False
        seed(store, products=30, variable=3, customers=10, orders=20, random_seed=number)
        return {
            kind: [store.payload(kind, i) for i in sorted(store.tables[kind].ids)]
            for kind in ("products", "variations", "orders", "customers", "refunds")
        }

    one = shop(7)
    assert shop(7) == one
    assert shop(8) != one


def test_related_ids_are_shuffled_for_each_answer(store: Store) -> None:
    product = min(store.ids("products"))
    category = store.add_category("Crowded")
    for n in range(12):
        store.add_product(name=f"n{n}", categories=[category])
    store.update("products", product, categories=[category])
    draws = {tuple(store.payload("products", product)["related_ids"]) for _ in range(20)}
    assert len(draws) > 1
    assert all(len(draw) == 5 for draw in draws)
    store.shuffle_related = False
    assert len({tuple(store.payload("products", product)["related_ids"]) for _ in range(20)}) == 1


def test_editing_by_http(client: httpx.Client, store: Store) -> None:
    made = client.post("products", json={"name": "By curl", "regular_price": "5.00", "sku": "CURL"})
    assert made.status_code == 201
    product = made.json()["id"]
    assert client.put(f"products/{product}", json={"regular_price": "6.00"}).json()["price"] == "6.00"
    twin = client.post("products", json={"name": "x", "sku": " curl "})
    assert (twin.status_code, twin.json()["code"]) == (400, "product_invalid_sku")
    line = {"product_id": product, "quantity": 2}
    order = client.post("orders", json={"line_items": [line], "status": "processing"}).json()
    assert order["total"] == "12.00"
    gone = client.delete(f"products/{product}")
    assert (gone.status_code, gone.json()["status"]) == (200, "publish")
    assert client.get(f"products/{product}").json()["status"] == "trash"
    assert client.delete(f"products/{product}", params={"force": "true"}).status_code == 200
    assert client.get(f"products/{product}").status_code == 404
    buyer = max(store.ids("customers"))
    refused = client.delete(f"customers/{buyer}")
    assert (refused.status_code, refused.json()["code"]) == (501, "woocommerce_rest_trash_not_supported")
