"""What plugins push, in the API's own words; and what webhooks say."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.shapes import shapes
from sync_pipeline.sources.base import Unreadable
from sync_pipeline.sources.woocommerce.pushed import PUSHED
from sync_pipeline.sources.woocommerce.webhooks import WooWebhooks

PRODUCT = {"wc_product_id": 5, "name": "A"}


@pytest.mark.parametrize(
    ("given_", "field", "written"),
    [
        ({"price": "12.50"}, "price", "12.50"),
        ({"price": Decimal("12.50")}, "price", "12.50"),
        ({"price": 12}, "price", "12"),
        ({"price": "1e2"}, "price", "100"),
        ({"price": None}, "price", ""),
        ({"price": ""}, "price", ""),
        ({"stock_quantity": "7"}, "stock_quantity", 7),
        ({"stock_quantity": -3}, "manage_stock", True),
        ({"stock_quantity": None}, "manage_stock", False),
        ({"stock_quantity": "1e29"}, "stock_quantity", 10**29),
        (
            {"stock_quantity": Decimal("12345678901234567890123456789.5")},
            "stock_quantity",
            Decimal("12345678901234567890123456789.5"),
        ),
        ({"category_id": "12", "category_name": "C"}, "categories", [{"id": 12, "name": "C"}]),
        ({"category_id": None}, "categories", []),
        ({"updated_at": "2026-03-01T10:00:00+02:00"}, "date_modified_gmt", "2026-03-01T08:00:00"),
        ({"updated_at": "2026-03-01 10:00:00"}, "date_modified_gmt", "2026-03-01T10:00:00"),
        ({"updated_at": "2026-03-01"}, "date_modified_gmt", "2026-03-01T00:00:00"),
        ({"created_at": 1772359200}, "date_created_gmt", "2026-03-01T10:00:00"),
        ({"created_at": Decimal("1772359200.75")}, "date_created_gmt", "2026-03-01T10:00:00"),
        ({"created_at": "0999-05-05"}, "date_created_gmt", "0999-05-05T00:00:00"),
        ({"description": "as it is"}, "description", "as it is"),
        ({"id": "5"}, "id", 5),
        ({"date_modified_gmt": 1772359200}, "date_modified_gmt", "2026-03-01T10:00:00"),
        (
            {"updated_at": "2026-03-01T10:00:00Z", "date_modified_gmt": "2026-03-01 10:00:00"},
            "date_modified_gmt",
            "2026-03-01T10:00:00",
        ),
    ],
)
def test_a_field_as_the_api_writes_it(given_: dict[str, Any], field: str, written: Any) -> None:
    assert PUSHED["products"].to_payload({**PRODUCT, **given_})[field] == written


@pytest.mark.parametrize(
    ("kind", "record", "field"),
    [
        ("products", {"name": "A"}, "wc_product_id"),
        ("products", {"wc_product_id": 1}, "name"),
        ("products", {"wc_product_id": "1; DROP", "name": "A"}, "wc_product_id"),
        ("products", {"wc_product_id": 2**63, "name": "A"}, "wc_product_id"),
        ("products", {"wc_product_id": -1, "name": "A"}, "wc_product_id"),
        ("products", {"wc_product_id": True, "name": "A"}, "wc_product_id"),
        ("products", {**PRODUCT, "name": {"x": 1}}, "name"),
        ("products", {**PRODUCT, "price": Decimal("1E+999999999")}, "price"),
        ("products", {**PRODUCT, "price": "Infinity"}, "price"),
        ("products", {**PRODUCT, "price": "1_000"}, "price"),
        ("products", {**PRODUCT, "price": "１２"}, "price"),
        ("products", {**PRODUCT, "price": "1e99999999999999999999"}, "price"),
        ("products", {**PRODUCT, "updated_at": "١٧٧٢٣٥٩٢٠٠"}, "updated_at"),
        ("products", {**PRODUCT, "updated_at": Decimal("1E+999999999")}, "updated_at"),
        ("products", {"wc_product_id": "9" * 5000, "name": "A"}, "wc_product_id"),
        ("products", {**PRODUCT, "stock_quantity": "1E400"}, "stock_quantity"),
        ("products", {**PRODUCT, "stock_quantity": []}, "stock_quantity"),
        ("products", {**PRODUCT, "category_id": "x"}, "category_id"),
        ("products", {**PRODUCT, "updated_at": 10**30}, "updated_at"),
        ("customers", {"wc_customer_id": 1, "order_count": "1.5"}, "order_count"),
        ("customers", {"wc_customer_id": 1, "email": ["a@b.co"]}, "email"),
        ("categories", {"wc_category_id": 1, "name": "C", "parent_id": -4}, "parent_id"),
        ("orders", {}, "wc_order_id"),
        ("orders", {"wc_order_id": 1, "currency": 5}, "currency"),
        ("orders", {"wc_order_id": 1, "line_items": "x"}, "line_items"),
        ("orders", {"wc_order_id": 1, "line_items": [1]}, "line_items"),
        ("orders", {"wc_order_id": 1, "customer_email": 5, "email": ["x"]}, "email"),
        ("orders", {"wc_order_id": 1, "customer_id": 1001, "wc_customer_id": 1002}, "customer_id"),
        ("orders", {"wc_order_id": 1, "email": "ann@b.co", "customer_email": "bob@b.co"}, "email"),
        ("products", {**PRODUCT, "id": 9999}, "wc_product_id"),
        ("products", {**PRODUCT, "date_modified_gmt": "yesterday"}, "date_modified_gmt"),
        ("products", {**PRODUCT, "updated_at": 1772359200, "date_modified_gmt": "2026-03-02"}, "updated_at"),
    ],
)
def test_an_invalid_record_names_its_field_and_no_value(kind: str, record: dict[str, Any], field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        PUSHED[kind].to_payload(record)
    assert str(caught.value).startswith(f"{field} is ")
    assert not any(str(value) in str(caught.value) for value in record.values() if len(str(value)) > 3)


@pytest.mark.parametrize(
    "nothing", [None, "", "0000-00-00 00:00:00", "0000-00-00", "-0001-11-30T00:00:00Z", "0001-01-01T00:00:00"]
)
@pytest.mark.parametrize("kind", sorted(PUSHED))
def test_a_time_that_is_none_is_as_if_it_had_not_been_sent(kind: str, nothing: Any) -> None:
    fields = PUSHED[kind].record.model_fields
    record = {PUSHED[kind].id_field: 5, **({"name": "A"} if "name" in fields else {})}
    times = [name for name in fields if name.endswith(("_at", "_date"))]
    assert len(times) >= 2
    sent = dict.fromkeys([*times, "date_modified_gmt", "date_created_gmt"], nothing)
    assert PUSHED[kind].to_payload({**record, **sent}) == PUSHED[kind].to_payload(record)


@pytest.mark.parametrize(
    "sent",
    [
        {"email": "ann@b.co", "billing": {"email": "ANN@b.co", "city": "Graz"}},
        {"email": "ann@b.co", "billing": {"email": "buyer@b.co", "city": "Graz"}},
        {"customer_email": "ann@b.co", "billing": {"email": "buyer@b.co", "city": "Graz"}},
        {"email": "ann@b.co", "customer_email": " Ann@B.co ", "billing": {"city": "Graz"}},
    ],
)
def test_an_address_of_an_order_is_its_billing_address(sent: dict[str, Any]) -> None:
    billing = {"email": "ann@b.co", "city": "Graz"}
    assert PUSHED["orders"].to_payload({"wc_order_id": 1, **sent})["billing"] == billing


def test_a_list_that_is_null_is_as_if_it_had_not_been_sent() -> None:
    assert PUSHED["orders"].to_payload({"wc_order_id": 1, "line_items": None}) == {"id": 1}


@pytest.mark.parametrize(("price", "words"), [("1e-40", "has more than 30 decimals"), ("1e40", "is too large")])
def test_a_price_that_is_refused_is_told_why(price: str, words: str) -> None:
    with pytest.raises(Unreadable, match=f"price {words}"):
        PUSHED["products"].to_payload({**PRODUCT, "price": price})


_anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.decimals(), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
_fields = st.sampled_from(
    [
        "wc_product_id",
        "wc_customer_id",
        "wc_category_id",
        "wc_order_id",
        "name",
        "sku",
        "price",
        "stock_quantity",
        "category_id",
        "category_name",
        "email",
        "parent_id",
        "order_count",
        "updated_at",
        "created_at",
        "status",
        "type",
        "billing",
        "total",
        "customer_id",
        "x",
    ]
)


@given(st.sampled_from(sorted(PUSHED)), st.dictionaries(_fields, _anything, max_size=8))
def test_whatever_is_pushed_is_read_or_refused(kind: str, record: dict[str, Any]) -> None:
    try:
        payload = PUSHED[kind].to_payload(record)
    except Unreadable:
        return
    assert type(payload["id"]) is int
    PUSHED[kind].combine(payload, payload)


def test_an_orders_billing_is_laid_over_the_known_one() -> None:
    known = {"id": 1, "billing": {"city": "Rome", "email": "a"}, "line_items": [1, 2]}
    over = PUSHED["orders"].combine(known, PUSHED["orders"].to_payload({"wc_order_id": 1, "email": "b"}))
    assert over == {"id": 1, "billing": {"city": "Rome", "email": "b"}, "line_items": [1, 2]}


def read(topic: str, payload: Any) -> Any:
    resource, _, event = topic.partition(".")
    headers = {"x-wc-webhook-topic": topic, "x-wc-webhook-resource": resource, "x-wc-webhook-event": event}
    return WooWebhooks().read(headers, json.dumps(payload).encode())


WHOLE = {
    "id": 5,
    "name": "A",
    "type": "simple",
    "status": "publish",
    "meta_data": [],
    "date_modified_gmt": "2026-01-01T00:00:00",
}


@pytest.mark.parametrize(
    ("topic", "payload", "stream", "is_believed"),
    [
        ("product.updated", WHOLE, "products", True),
        ("product.created", {**WHOLE, "status": "trash"}, "products", False),
        ("product.restored", WHOLE, "products", True),
        ("product.deleted", {"id": 5}, "products", False),
        ("product.deleted", WHOLE, "products", False),
        ("product.updated", {**WHOLE, "date_modified_gmt": None}, "products", False),
        ("product.updated", {"id": 5}, "products", False),
        ("product.updated", {**WHOLE, "type": "variation", "parent_id": 3}, "variations", False),
        ("customer.updated", {"id": 5, "date_modified_gmt": "2026-01-01T00:00:00"}, "customers", False),
        ("coupon.updated", {"id": 5, "date_modified_gmt": "2026-01-01T00:00:00"}, "coupons", False),
        ("customer.created", {"code": "wc_user_invalid_id", "message": "x", "data": 404}, None, False),
        ("action.woocommerce_x", {"id": 5}, None, False),
        ("order.updated", {"id": "5"}, None, False),
        ("order.updated", [1], None, False),
    ],
)
def test_what_a_delivery_says(topic: str, payload: Any, stream: str | None, is_believed: bool) -> None:
    delivery = read(topic, payload)
    assert delivery.stream == stream
    assert (delivery.raw is not None) is is_believed
    assert (delivery.modified is not None) is is_believed


def test_the_headers_that_are_read_are_those_a_store_sends() -> None:
    class Read(dict[str, str]):
        names: ClassVar[set[str]] = set()

        def get(self, name: str, *default: Any) -> Any:
            self.names.add(name)
            return super().get(name, *default)

        def __contains__(self, name: object) -> bool:
            self.names.add(str(name))
            return super().__contains__(name)

    hooks, headers = WooWebhooks(), Read()
    hooks.genuine(headers, b"{}", "secret")
    hooks.ping(headers, b"webhook_id=3")
    hooks.read(headers, b'{"id": 1}')
    hooks.read(Read({"x-wc-webhook-resource": "product"}), b'{"id": 1}')
    sent = shapes("woocommerce")["answers"]["webhook_deliveries"]["body"][0]["headers"]
    assert len(Read.names) == 5
    assert Read.names <= {name.lower() for name in sent}
