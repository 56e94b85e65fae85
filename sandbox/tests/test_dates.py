"""modified_after, and the two that lose rows: `Z` with dates_are_gmt, and the entities that ignore it."""

from datetime import UTC, datetime

import httpx
import pytest

from sandbox.tests.conftest import client_of
from sandbox.woocommerce import Store, running, seed

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def ids(client: httpx.Client, path: str, **params: str) -> set[int]:
    return {row["id"] for row in client.get(path, params={"per_page": 100, **params}).json()}


@pytest.mark.parametrize("timezone", ["America/New_York", "Asia/Tokyo", "UTC"])
def test_naive_utc_with_the_flag_is_right_everywhere(timezone: str) -> None:
    store = Store(timezone=timezone, clock=lambda: NOON)
    product = store.add_product(name="x", date_created="2026-01-01T00:00:00")
    store.update("products", product)
    with running(store) as shop, client_of(shop) as client:
        store.advance(60)
        for cutoff, found in (("2026-11-21T11:59:59", True), ("2026-11-21T12:00:00", False)):
            asked = {"modified_after": cutoff, "dates_are_gmt": "true"}
            assert (product in ids(client, "products", **asked)) is found
        assert product in ids(client, "products", modified_before="2026-11-21T12:00:01", dates_are_gmt="true")
        assert product not in ids(client, "products", modified_before="2026-11-21T12:00:00", dates_are_gmt="true")


@pytest.mark.parametrize(("timezone", "found"), [("Asia/Tokyo", False), ("America/New_York", True)])
def test_z_with_the_flag_is_off_by_the_sites_offset(timezone: str, found: bool) -> None:
    store = Store(timezone=timezone, clock=lambda: NOON)
    changed = store.add_product(name="changed")
    with running(store) as shop, client_of(shop) as client:
        one_second_before = {"modified_after": "2026-11-21T11:59:59Z", "dates_are_gmt": "true"}
        assert (changed in ids(client, "products", **one_second_before)) is found
        four_hours_after = {"modified_after": "2026-11-21T16:00:00Z", "dates_are_gmt": "true"}
        assert (changed in ids(client, "products", **four_hours_after)) is (timezone == "America/New_York")


def test_z_without_the_flag_reads_the_stored_local_column() -> None:
    store = Store(clock=lambda: NOON)
    product, order = store.add_product(name="x"), store.add_order()
    with running(store) as shop, client_of(shop) as client:
        asked = {"modified_after": "2026-11-21T11:59:59Z"}
        assert product in ids(client, "products", **asked)
        store.advance(10)
        store.change_timezone("Asia/Tokyo")
        assert product not in ids(client, "products", **asked)  # its text is still in New York time
        assert order in ids(client, "orders", **asked)  # orders keep GMT only
        assert store.payload("products", product)["date_modified"] == "2026-11-21T21:00:00"


def test_payload_dates_are_naive_local_and_naive_gmt() -> None:
    store = Store(clock=lambda: NOON)
    shown = store.payload("products", store.add_product(name="x"))
    assert (shown["date_created"], shown["date_created_gmt"]) == (
        "2026-11-21T07:00:00",
        "2026-11-21T12:00:00",
    )


@pytest.mark.parametrize(
    ("value", "status"),
    [("2026-11-21", 400), ("1763700000", 400), ("yesterday", 400), ("2026-11-21T01:58:35.123", 200)],
)
def test_which_dates_are_dates(client: httpx.Client, value: str, status: int) -> None:
    assert client.get("products", params={"modified_after": value}).status_code == status


def test_some_ignore_modified_after(client: httpx.Client) -> None:
    future = {"modified_after": "2030-01-01T00:00:00", "dates_are_gmt": "true"}
    for path in ("customers", "taxes", "products/categories", "products/tags", "products/reviews"):
        assert client.get(path, params=future).headers["X-WP-Total"] != "0", path
    for path in ("products", "orders", "coupons", "refunds"):
        assert client.get(path, params=future).headers["X-WP-Total"] == "0", path


def test_date_header_is_the_stores_clock() -> None:
    store = Store(clock=lambda: NOON)
    seed(store, products=3, variable=0, customers=0, orders=0)
    with running(store) as shop, httpx.Client() as client:
        assert client.get(f"{shop.url}/wp-json/").headers["Date"] == "Sat, 21 Nov 2026 12:00:00 GMT"
