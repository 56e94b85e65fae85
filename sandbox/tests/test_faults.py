"""Each fault has its effect, and the store recovers afterwards."""

import time

import httpx
import pytest

from sandbox.tests.conftest import client_of
from sandbox.tests.steady import own_process
from sandbox.woocommerce import Server, Store


def test_burst(client: httpx.Client, shop: Server) -> None:
    shop.faults.burst(status=429, count=2, retry_after=3, path="products")
    assert client.get("orders").status_code == 200
    first = client.get("products")
    assert (first.status_code, first.headers["Retry-After"]) == (429, "3")
    assert [client.get("products").status_code for _ in range(2)] == [429, 200]
    assert [r.status for r in shop.requests] == [200, 429, 429, 200]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset", httpx.ReadError),
        ("half_body", httpx.RemoteProtocolError),
        ("half_body_chunked", httpx.RemoteProtocolError),
    ],
)
def test_broken_connections(client: httpx.Client, shop: Server, kind: str, error: type[Exception]) -> None:
    shop.faults.once(kind)
    with pytest.raises(error):
        client.get("products")
    assert client.get("products").status_code == 200


def test_spoiled_bodies(client: httpx.Client, shop: Server) -> None:
    shop.faults.once("html200")
    page = client.get("products")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    shop.faults.once("bom")
    assert client.get("products").content.startswith(b"\xef\xbb\xbf[{")
    shop.faults.once("php_notice")
    noisy = client.get("products").text
    assert noisy.startswith("<br />")
    assert noisy.index("[") < noisy.index("[{")
    shop.faults.once("no_totals")
    assert "X-WP-Total" not in client.get("products").headers
    shop.faults.once("no_keepalive")
    assert client.get("products").headers["Connection"] == "close"


def test_rate_is_reproducible(shop: Server) -> None:
    def statuses() -> list[int]:
        shop.faults.clear()
        shop.faults.rate("503", 0.4, seed=3)
        with client_of(shop) as client:
            return [client.get("taxes").status_code for _ in range(12)]

    first = statuses()
    assert {200, 503} == set(first)
    assert statuses() == first


def test_slow(client: httpx.Client, shop: Server) -> None:
    shop.faults.slow(0.2)
    shop.faults.once("slow")
    start = time.monotonic()
    assert client.get("products").status_code == 200
    assert time.monotonic() - start > 0.2


def test_poison(client: httpx.Client, shop: Server, store: Store) -> None:
    bad, *others = sorted(store.ids("products"))[:3]
    shop.faults.poison("products", bad, also_fields=False)
    wide = {"include": f"{bad},{others[0]}"}
    broken = client.get("products", params=wide)
    assert (broken.status_code, broken.json()["code"]) == (500, "internal_server_error")
    assert client.get(f"products/{bad}").status_code == 500
    assert client.get("products", params={"include": others[0]}).status_code == 200
    assert client.get("products", params={**wide, "_fields": "id"}).status_code == 200
    shop.faults.heal("products", bad)
    assert client.get("products", params=wide).status_code == 200


def test_a_store_that_is_stopped_over_http_can_be_started_over_http(client: httpx.Client, shop: Server) -> None:
    """Without a status its port would close, and nobody could call it to open it."""

    def down(**given: object) -> httpx.Response:
        return httpx.post(f"{shop.url}/_sandbox/faults", json={"op": "down", **given})

    refused = down()
    assert refused.status_code == 400
    assert "needs a status, such as 503" in refused.json()["error"]
    assert client.get("taxes").status_code == 200
    assert down(status=503).status_code == 200
    assert client.get("taxes").status_code == 503
    assert down(on=False).status_code == 200
    assert client.get("taxes").status_code == 200


def test_down_refuses_and_comes_back(client: httpx.Client, shop: Server) -> None:
    assert client.get("taxes").status_code == 200
    shop.faults.down()
    with pytest.raises(httpx.TransportError):
        client.get("taxes")
    with pytest.raises(httpx.ConnectError):
        httpx.get(shop.url)
    shop.faults.down(False)
    assert client.get("taxes").status_code == 200
    shop.faults.down(status=503)
    assert client.get("taxes").status_code == 503
    shop.faults.clear()
    assert client.get("taxes").status_code == 200


def test_rows_vanish(client: httpx.Client, shop: Server, store: Store) -> None:
    everything: dict[str, str | int] = {"per_page": 100, "orderby": "id", "order": "asc", "_fields": "id"}
    shop.faults.lose("products", 0.5)
    left = {row["id"] for row in client.get("products", params=everything).json()}
    assert 0 < len(left) < 40
    hidden = min(store.ids("products") - left)
    assert client.get(f"products/{hidden}").status_code == 404
    shop.faults.lose("products", 0.5, gets=False)
    assert client.get(f"products/{hidden}").status_code == 200
    shop.faults.lose("products", 0)
    shop.faults.empty("products")
    nothing = client.get("products", params=everything)
    assert (nothing.json(), nothing.headers["X-WP-Total"]) == ([], "0")
    shop.faults.empty("products", False)
    assert client.get("products").headers["X-WP-Total"] == "40"


def test_drift_is_recorded(client: httpx.Client, shop: Server, store: Store) -> None:
    before = store.ids("products")
    shop.faults.drift(every=2, deletes=1, inserts=2, kind="products", seed=5)
    for _ in range(4):
        client.get("products")
    client.get("orders")
    done = shop.faults.drifted
    gone = {row_id for op, _, row_id in done if op == "delete"}
    come = {row_id for op, _, row_id in done if op == "insert"}
    assert (len(gone), len(come)) == (2, 4)
    assert store.ids("products") == before - gone | come - gone


def test_hosts(client: httpx.Client, shop: Server) -> None:
    by_id: dict[str, str | int] = {"per_page": 20, "orderby": "id", "order": "asc", "_fields": "id"}
    plain = client.get("products", params=by_id).json()
    shop.faults.per_page_cap(5)
    capped = client.get("products", params=by_id)
    assert (capped.json(), capped.headers["X-WP-TotalPages"]) == (plain[:5], "8")
    shop.faults.per_page_cap(None)
    shop.faults.ignore_offset()
    assert client.get("products", params={**by_id, "offset": 7}).json() == plain
    shop.faults.plain_permalinks()
    missing = client.get("products")
    assert (missing.status_code, missing.headers["Content-Type"]) == (404, "text/html; charset=UTF-8")
    shop.faults.redirect("https://www.shop.test")
    moved = client.get("products")
    assert moved.status_code == 301
    assert moved.headers["Location"].startswith("https://www.shop.test/wp-json/wc/v3/products?oauth_")


def test_over_http(shop: Server, store: Store) -> None:
    base = f"{shop.url}/_sandbox"
    done = httpx.post(f"{base}/faults", json=[{"op": "burst", "status": 503, "count": 1}])
    assert done.json() == {"ok": True}
    product = min(store.ids("products"))
    calls = [
        {"op": "update", "kind": "products", "id": product, "name": "Renamed", "touch": False},
        {"op": "add_order", "items": [[product, 0, 1]]},
    ]
    order = httpx.post(f"{base}/write", json=calls).json()["results"][1]
    assert store.payload("products", product)["name"] == "Renamed"
    assert order in store.ids("orders")
    with client_of(shop) as client:
        assert client.get("products").status_code == 503
    stats = httpx.get(f"{base}/stats").json()
    assert (stats["by_status"], stats["injected"]) == ({"503": 1}, {"503": 1})
    assert httpx.post(f"{base}/faults", json={"op": "nope"}).status_code == 400


def test_in_a_process_of_its_own() -> None:
    with own_process("woocommerce", "--scale", "30-products") as ready:
        assert set(ready) == {"url", "key", "secret"}
        assert httpx.get(f"{ready['url']}/_sandbox/stats").json()["counts"]["products"] == 30
