"""The WooCommerce sandbox against what a real store answered: fields, JSON types, headers and errors."""

import re
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.shapes import digest, learn, shapes
from sandbox.shapes.comparing import differences, places
from sandbox.shapes.recordings import codes, header_shapes
from sandbox.tests.steady import still
from sandbox.woocommerce import Server, Store, running, seed

SHAPES = shapes("woocommerce")
ANSWERS: dict[str, dict[str, Any]] = SHAPES["answers"]

# recorded answer -> the same request to the sandbox
LISTS = {
    "products": "products?per_page=100&status=any",
    "products_published_default": "products?per_page=100",
    "product_categories": "products/categories?per_page=60",
    "product_tags": "products/tags?per_page=60",
    "product_attributes": "products/attributes?per_page=60",
    "product_attribute_terms": "products/attributes/1/terms?per_page=60",
    "product_shipping_classes": "products/shipping_classes?per_page=60",
    "product_reviews": "products/reviews?per_page=60",
    "customers": "customers?per_page=60",
    "customers_role_all": "customers?per_page=60&role=all",
    "orders": "orders?per_page=100&status=any",
    "refunds_all": "refunds?per_page=60",
    "coupons": "coupons?per_page=60&status=any",
    "coupons_default": "coupons?per_page=60",
    "taxes": "taxes?per_page=60",
    "tax_classes": "taxes/classes",
    "shipping_zones": "shipping/zones",
    "shipping_zone_1_methods": "shipping/zones/1/methods",
    "shipping_zone_2_methods": "shipping/zones/2/methods",
    "shipping_zone_1_locations": "shipping/zones/1/locations",
    "shipping_zone_2_locations": "shipping/zones/2/locations",
    "payment_gateways": "payment_gateways",
    "settings_general": "settings/general",
    "page_beyond_end_products": "products?page=999",
    "page_beyond_end_orders": "orders?page=999",
    "page_beyond_end_customers": "customers?page=999",
    "page_beyond_end_coupons": "coupons?page=999",
    "page_beyond_end_taxes": "taxes?page=999",
    "page_beyond_end_products_categories": "products/categories?page=999",
    "offset_negative_is_200": "products?offset=-5",
    "shipping_zone_0_methods": "shipping/zones/0/methods",
    "shipping_zone_0_locations": "shipping/zones/0/locations",
    "data_currencies_current": "data/currencies/current",
    "system_status": "system_status",
    "index": "",
}
ERRORS = {
    "error_400_bad_date": "orders?modified_after=yesterday",
    "error_400_bad_orderby": "orders?orderby=nope",
    "error_400_bad_status": "products?status=nope",
    "error_400_page_0": "products?page=0",
    "error_400_per_page_0": "products?per_page=0",
    "error_400_per_page_101": "products?per_page=101",
    "error_400_per_page_minus1": "products?per_page=-1",
    "error_404_customer": "customers/999999",
    "error_404_order": "orders/999999",
    "error_404_product": "products/999999",
    "error_404_route": "nosuch",
}
REFUSALS = ("error_401_bad_key", "error_401_bad_secret", "error_401_plain_http_basic")
# Recorded lists that are short or empty -> a recorded list with all their fields.
LIKE = {"offset_negative_is_200": "products", "product_shipping_classes": "product_tags"}
# Single record -> the list with the same fields.
ONE = {"product_single_variable": "products", "order_single": "orders"}
# Recorded routes that the sandbox does not have: the pipeline does not use them.
NOT_SERVED = {
    "order_notes": "orders/1/notes",
    "reports_orders_totals": "reports/orders/totals",
    "shipping_methods": "shipping_methods",
    "webhooks": "webhooks",
}
# Requests that the store sends; the pipeline's tests of webhooks compare with their headers.
PUSHED = {"webhook_deliveries"}
# The sandbox has values here and the recorded shop had none; their form follows the plugin's schema.
RICHER = re.compile("|".join((
    r"\.images\[\]", r"\.image\b", r"\.tags\[\]", r"\.average_rating", r"\.options\b",
    r"\.line_items\[\]\.(sku|image|parent_name)",
    r"\.taxes\[\]", r"\.shipping_lines\[\]", r"\.line_items\[\]\.meta_data", r"\.meta_data\[\]\.value",
    r"\.grouped_products", r"\.settings\.",
)))  # fmt: skip


@pytest.fixture(scope="module")
def shop() -> Iterator[Server]:
    store = Store(clock=still)
    seed(store, products=80, variable=6, customers=30, orders=120, sku_conflicts=True)
    with running(store, https=True) as running_server:
        yield running_server


@pytest.fixture(scope="module")
def client(shop: Server) -> Iterator[httpx.Client]:
    trust = ssl.create_default_context(cafile=shop.ca_file)
    base = f"{shop.url}/wp-json/wc/v3/"
    with httpx.Client(base_url=base, auth=(shop.key, shop.secret), verify=trust) as client:
        yield client


def unlike(answer: Any, *names: str) -> list[str]:
    """Where an answer differs from these recorded ones, taken together."""
    return differences(places(*(ANSWERS[name]["body"] for name in names)), places(learn([answer])), RICHER)


def unlike_headers(answer: httpx.Response, name: str) -> dict[str, tuple[str | None, str | None]]:
    """Headers that are not as recorded: (here, recorded)."""
    here = header_shapes(dict(answer.headers))
    there = SHAPES["headers of every answer"] | ANSWERS[name]["headers"]
    return {n: (here.get(n), there.get(n)) for n in here | there if here.get(n) != there.get(n)}


def test_every_recorded_answer_is_compared() -> None:
    compared = {*LISTS, *ERRORS, *REFUSALS, *ONE, "variations", "wc_analytics_variations", "order_refunds"}
    assert set(ANSWERS) == compared | NOT_SERVED.keys() | PUSHED


@pytest.mark.parametrize("name", LISTS)
def test_payload_has_the_recorded_shape(client: httpx.Client, name: str) -> None:
    answer = client.get(LISTS[name])
    assert answer.status_code == ANSWERS[name]["status"] == 200
    assert unlike(answer.json(), LIKE.get(name, name)) == []


@pytest.mark.parametrize(("name", "kind"), ONE.items())
def test_one_record_has_the_recorded_shape(client: httpx.Client, shop: Server, name: str, kind: str) -> None:
    rows = shop.store.tables[kind].rows
    wanted = next(i for i, row in rows.items() if row.fields.get("type") == "variable" or row.fields.get("customer_id"))
    # A single record may have empty lists where others have members, so the recorded list counts too.
    recorded = places([ANSWERS[name]["body"]], ANSWERS[kind]["body"])
    assert differences(recorded, places(learn([[client.get(f"{kind}/{wanted}").json()]])), RICHER) == []


def test_variations_by_parent_and_in_bulk(client: httpx.Client, shop: Server) -> None:
    parent = next(iter(shop.store.tables["variations"].children))
    assert unlike(client.get(f"products/{parent}/variations").json(), "variations") == []
    bulk = client.get(f"{shop.url}/wp-json/wc-analytics/variations").json()
    # The recorded bulk variations manage no stock; those by parent do.
    assert unlike(bulk, "wc_analytics_variations", "variations") == []


def test_refunds_of_an_order(client: httpx.Client, shop: Server) -> None:
    full = next(r for r in shop.store.tables["refunds"].rows.values() if r.fields["reason"] == "Order fully refunded.")
    answer = client.get(f"orders/{full.fields['parent_id']}/refunds").json()
    assert unlike(answer, "order_refunds") == []


@pytest.mark.parametrize("name", ERRORS)
def test_error_is_the_recorded_one(client: httpx.Client, name: str) -> None:
    assert_error(client.get(ERRORS[name]), name)


def assert_error(answer: httpx.Response, name: str) -> None:
    """The status, the codes and, by digest, the whole body."""
    body, there = answer.json(), ANSWERS[name]
    assert (answer.status_code, codes(body), learn([body])) == (there["status"], there["codes"], there["body"]), body
    assert digest(body) == there["digest"], body


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal_is_the_recorded_one(shop: Server, name: str) -> None:
    key, secret = {"error_401_bad_key": ("ck_nobody", shop.secret)}.get(name, (shop.key, "cs_wrong"))
    if name == "error_401_plain_http_basic":
        with running(Store()) as plain:
            answer = httpx.get(f"{plain.url}/wp-json/wc/v3/products", auth=(plain.key, plain.secret))
    else:
        trust = ssl.create_default_context(cafile=shop.ca_file)
        answer = httpx.get(f"{shop.url}/wp-json/wc/v3/products", auth=(key, secret), verify=trust)
    assert answer.status_code == 401
    assert_error(answer, name)
    assert unlike_headers(answer, name) == {}


@pytest.mark.parametrize("name", [*LISTS, *ERRORS])
def test_headers_are_the_recorded_ones(client: httpx.Client, name: str) -> None:
    assert unlike_headers(client.get({**LISTS, **ERRORS}[name]), name) == {}


@pytest.mark.parametrize("path", NOT_SERVED.values())
def test_an_answer_that_is_not_compared_is_not_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).json()["code"] == "rest_no_route"
