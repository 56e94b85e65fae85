"""Lists: totals, ties, ends, parameters."""

import httpx
import pytest

from sandbox.woocommerce import Server, Store


def walk(client: httpx.Client, path: str, **params: str | int) -> list[int]:
    ids: list[int] = []
    page = 1
    while rows := client.get(path, params={**params, "page": page}).json():
        ids += [row["id"] for row in rows]
        page += 1
    return ids


@pytest.mark.parametrize("path", ["products", "orders"])
@pytest.mark.parametrize("per_page", [3, 7, 10])
def test_a_walk_by_id_is_complete(client: httpx.Client, store: Store, path: str, per_page: int) -> None:
    ids = walk(client, path, per_page=per_page, orderby="id", order="asc")
    assert ids == sorted(store.ids(path))


def test_ties_lose_rows_the_same_way_each_time(client: httpx.Client, store: Store) -> None:
    for row_id in list(store.ids("products")):
        store.update("products", row_id)  # a bulk edit: all of one second
    first = walk(client, "products", per_page=7, orderby="modified")
    assert len(first) == len(store.ids("products"))  # so X-WP-Total looks right
    assert len(set(first)) < len(first)
    assert walk(client, "products", per_page=7, orderby="modified") == first


def test_totals_and_links(client: httpx.Client, shop: Server) -> None:
    answer = client.get("products", params={"per_page": 10, "page": 2})
    assert answer.headers["X-WP-Total"] == "40"
    assert answer.headers["X-WP-TotalPages"] == "4"
    assert 'rel="prev"' in answer.headers["Link"]
    assert 'rel="next"' in answer.headers["Link"]
    head = client.head("products")
    assert (head.headers["X-WP-Total"], head.content) == ("40", b"")


@pytest.mark.parametrize(("path", "total"), [("products", "40"), ("orders", "0"), ("customers", "20")])
def test_past_the_last_page(client: httpx.Client, path: str, total: str) -> None:
    answer = client.get(path, params={"page": 99})
    assert (answer.json(), answer.headers["X-WP-Total"]) == ([], total)


def test_offset_beats_page_and_beyond_the_end_is_zero(client: httpx.Client) -> None:
    by_id: dict[str, str | int] = {"orderby": "id", "order": "asc", "per_page": 3, "_fields": "id"}
    second = client.get("products", params={**by_id, "page": 2}).json()
    assert client.get("products", params={**by_id, "offset": 3, "page": 5}).json() == second
    beyond = client.get("products", params={**by_id, "offset": 400})
    assert (beyond.json(), beyond.headers["X-WP-Total"]) == ([], "0")
    assert client.get("products", params={"offset": -5}).status_code == 200


def test_include_drops_the_missing_and_the_trashed(client: httpx.Client, store: Store) -> None:
    one, two, three = sorted(store.ids("products"))[:3]
    store.trash("products", two)
    asked: dict[str, str | int] = {"include": f"{three},{two},{one},999999", "orderby": "include", "per_page": 100}
    assert [row["id"] for row in client.get("products", params=asked).json()] == [three, one]
    many = ",".join(str(i) for i in range(1, 301))
    assert client.get("products", params={"include": many, "per_page": 100}).status_code == 200


def test_statuses(client: httpx.Client, store: Store) -> None:
    gone, order, code = min(store.ids("products")), min(store.ids("orders")), min(store.ids("coupons"))
    for kind, row_id in (("products", gone), ("orders", order), ("coupons", code)):
        store.trash(kind, row_id)
        trashed = client.get(kind, params={"status": "trash"}).json()
        assert [row["id"] for row in trashed] == [row_id]
        assert row_id not in store.ids(kind)
    assert client.get("products", params={"status": "any,trash"}).status_code == 400
    both = client.get("orders", params={"status": "any,trash", "include": order}).json()
    assert both == []
    assert code in [row["id"] for row in client.get("coupons", params={"status": "any,trash"}).json()]
    assert {r["status"] for r in client.get("orders", params={"status": "failed,completed"}).json()} <= {
        "failed",
        "completed",
    }


def test_lists_without_paging_ignore_it(client: httpx.Client) -> None:
    for path, count in (("products/attributes", 3), ("shipping/zones", 3), ("taxes/classes", 4)):
        assert len(client.get(path, params={"per_page": 1, "page": 9}).json()) == count


def test_customers_are_the_role_customer_unless_asked(client: httpx.Client) -> None:
    assert client.get("customers").headers["X-WP-Total"] == "20"
    assert client.get("customers", params={"role": "all"}).headers["X-WP-Total"] == "21"
    assert client.get("customers", params={"orderby": "modified"}).status_code == 400


def test_sku_finds_variations_in_the_shape_of_products(client: httpx.Client, store: Store) -> None:
    sku = next(iter(store.tables["variations"].rows.values())).fields["sku"]
    (found,) = client.get("products", params={"sku": sku.upper()}).json()
    assert (found["type"], found["sku"]) == ("variation", sku)
    assert client.get("products", params={"sku": sku, "page": 2}).json() == []
    assert client.get("products", params={"include": found["id"]}).json() == []
    assert client.get(f"products/{found['id']}").json()["type"] == "variation"
    assert client.get("products", params={"type": "variation"}).status_code == 400


def test_variations_of_a_missing_and_of_a_trashed_parent(client: httpx.Client, store: Store) -> None:
    parent = next(iter(store.tables["variations"].children))
    assert client.get("products/999999/variations").json() == []
    store.trash("products", parent)
    assert client.get(f"products/{parent}/variations").json() == []
    assert client.get(f"products/{parent}/variations", params={"status": "trash"}).json() != []


def test_optional_routes_can_be_off(client: httpx.Client, store: Store, shop: Server) -> None:
    bulk = f"{shop.url}/wp-json/wc-analytics/variations"
    assert client.get(bulk).headers["X-WP-Total"] == str(len(store.ids("variations")))
    store.analytics = store.refunds_route = False
    assert client.get(bulk).json()["code"] == "rest_no_route"
    assert client.get("refunds").status_code == 404
    assert client.get("variations").status_code == 404


def test_fields_keep_the_records_own_bytes(client: httpx.Client, store: Store) -> None:
    order = min(store.ids("orders"))
    billing = '"billing": {"email": "a", "x": 1}'
    more = '"total": 1.50000000000000000001, "line_items": [{"id": 1}]'
    store.raw_override("orders", order, f'{{"id": {order}, {more}, {billing}}}')
    asked = {"include": order, "_fields": "id,total,billing.email,line_items.id"}
    answer = client.get("orders", params=asked)
    kept = '"total":1.50000000000000000001,"line_items":[],"billing":{"email":"a"}'
    assert answer.text == f'[{{"id":{order},{kept}}}]'


def test_a_hostile_payload_is_served_verbatim_in_a_list(client: httpx.Client, store: Store) -> None:
    product = min(store.ids("products"))
    deep = "[" * 120 + "]" * 120
    odd = '"name":"\\u0000 \\ud800","n":1180591620717411303424,"n":1e400'
    text = f'{{"id":{product},{odd},"d":{deep}}}'
    store.raw_override("products", product, text)
    assert text in client.get("products", params={"include": f"{product},{product + 1}"}).text
    assert client.get(f"products/{product}").text == text
