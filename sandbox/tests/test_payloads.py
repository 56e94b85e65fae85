"""Payload traps that the recorded shapes alone do not show."""

import httpx

from sandbox.woocommerce import Server, Store


def test_the_wire_is_phps(client: httpx.Client, store: Store) -> None:
    product = store.add_product(name="Café 🎉 & co/x", regular_price="100")
    text = client.get(f"products/{product}").text
    assert r"Caf\u00e9 \ud83c\udf89 &amp; co\/x" in text
    assert "https:/" not in text
    assert store.payload("products", product)["name"] == "Café 🎉 &amp; co/x"


def test_prices_keep_their_typed_decimals_and_lines_are_numbers(store: Store) -> None:
    product = store.add_product(name="x", regular_price="12.345")
    order = store.payload("orders", store.add_order(items=[(product, 0, 2)]))
    assert store.payload("products", product)["price"] == "12.345"
    assert (order["line_items"][0]["price"], order["total"]) == (12.345, "24.69")
    whole = store.add_product(name="y", regular_price="10")
    line = store.payload("orders", store.add_order(items=[(whole, 0, 1)]))["line_items"][0]
    assert (line["price"], type(line["price"]), line["image"]["id"]) == (10, int, "")


def test_dp(client: httpx.Client, store: Store) -> None:
    order = min(store.ids("orders"))
    plain, fine = client.get(f"orders/{order}").json(), client.get(f"orders/{order}?dp=4").json()
    assert fine["total"] == plain["total"] + "00"
    assert fine["line_items"][0]["total_tax"] == plain["line_items"][0]["total_tax"] + "00"
    assert plain == client.get(f"orders/{order}").json()


def test_refunds_have_their_parent_only_in_the_top_level_list(client: httpx.Client, store: Store) -> None:
    order = store.add_order(items=[(min(store.ids("products")), 0, 1)])
    refund = store.add_refund(order)
    listed = client.get("refunds", params={"include": refund}).json()[0]
    nested = client.get(f"orders/{order}/refunds").json()[0]
    assert listed.pop("parent_id") == order
    assert listed == nested
    assert client.get(f"orders/{order}/refunds/{refund}").json() == nested
    assert client.get("orders/999999/refunds").status_code == 404


def test_bulk_variations_carry_another_name_and_other_links(client: httpx.Client, shop: Server) -> None:
    """Recorded so: the two routes answer different payloads for one unchanged variation."""
    bulk = client.get(f"{shop.url}/wp-json/wc-analytics/variations?per_page=1").json()[0]
    nested = client.get(f"products/{bulk['parent_id']}/variations/{bulk['id']}").json()
    assert {key for key in nested if nested[key] != bulk[key]} == {"name", "_links"}


def test_stock(store: Store) -> None:
    loose = store.payload("products", store.add_product(name="x", stock_quantity=5))
    assert (loose["manage_stock"], loose["stock_quantity"]) == (False, None)
    short = store.payload("products", store.add_product(name="x", manage_stock=True, stock_quantity=-12))
    assert (short["stock_quantity"], short["stock_status"]) == (-12, "outofstock")
    late = store.add_product(name="x", manage_stock=True, stock_quantity=-1, backorders="notify")
    assert (
        store.payload("products", late)["stock_status"],
        store.payload("products", late)["backordered"],
    ) == (
        "onbackorder",
        True,
    )


def test_prices_of_families(store: Store) -> None:
    parent = store.add_product(name="shirt", type="variable")
    cheap, dear = (store.add_variation(parent, regular_price=price) for price in ("9.50", "12"))
    shown = store.payload("products", parent)
    assert (shown["price"], shown["regular_price"], shown["variations"]) == ("9.50", "", [cheap, dear])
    member = store.add_product(name="m", regular_price="4")
    group = store.add_product(name="g", type="grouped", grouped_products=[member])
    store.update("products", member, regular_price="3")
    assert store.payload("products", group)["price"] == "3"


def test_a_user_woo_never_touched_has_no_date_modified(store: Store) -> None:
    assert store.payload("customers", 1)["date_modified"] is None
    store.update("customers", 1, first_name="Ada")
    assert store.payload("customers", 1)["date_modified"] is not None


def test_drafts_have_no_slug(store: Store) -> None:
    draft = store.add_product(name="Soon", status="draft")
    shown = store.payload("products", draft)
    assert (shown["slug"], shown["permalink"]) == ("", f"{store.home}/?post_type=product&p={draft}")
    store.update("products", draft, status="publish")
    assert store.payload("products", draft)["slug"] == "soon"


def test_attributes_are_completed_and_renamed_everywhere(store: Store) -> None:
    size = store.add_attribute("Fabric", ["Silk", "Wool"])
    parent = store.add_product(name="s", type="variable", attributes=[{"id": size, "options": ["Silk", "Wool"]}])
    child = store.add_variation(parent, regular_price="1", attributes=[{"name": "Fabric", "option": "Silk"}])
    before = store.payload("products", parent)["date_modified"]
    store.advance(60)
    store.update("attributes", size, name="Cloth")
    term = min(i for i, r in store.tables["attribute_terms"].rows.items() if r.fields["attribute_id"] == size)
    store.update("attribute_terms", term, name="Seta")
    (shown,) = store.payload("products", parent)["attributes"]
    assert (shown["name"], shown["slug"], shown["options"]) == ("Cloth", "pa_fabric", ["Seta", "Wool"])
    assert store.payload("variations", child)["attributes"] == [
        {"id": size, "name": "Cloth", "slug": "pa_fabric", "option": "Seta"}
    ]
    assert store.payload("products", parent)["date_modified"] == before
    assert store.payload("attribute_terms", term)["count"] == 1


def test_meta_data_is_merged_by_key(store: Store) -> None:
    product = store.add_product(name="x", meta_data={"a": 1, "b": {"c": [1]}})
    store.update("products", product, meta_data=[{"key": "a", "value": None}, {"key": "d", "value": "x"}])
    shown = {m["key"]: m["value"] for m in store.payload("products", product)["meta_data"]}
    assert shown == {"b": {"c": [1]}, "d": "x"}
