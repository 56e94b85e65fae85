"""Authentication: who is admitted, and the errors for everybody else."""

import ssl
from typing import Any

import httpx
import pytest

from sandbox.tests.conftest import OAuth1
from sandbox.woocommerce import Server, Store, running

GOODS = "/wp-json/wc/v3/products"
CANNOT_VIEW = "woocommerce_rest_cannot_view"
BROKEN = "woocommerce_rest_authentication_error"


def said(answer: httpx.Response) -> tuple[int, str, str]:
    body: dict[str, Any] = answer.json()
    return answer.status_code, body["code"], body["message"]


@pytest.mark.parametrize("digest", ["SHA1", "SHA256"])
@pytest.mark.parametrize("in_header", [True, False])
def test_oauth_over_plain_http(shop: Server, digest: str, in_header: bool) -> None:
    auth = OAuth1(shop.key, shop.secret, digest=digest, in_header=in_header)
    odd = {"search": "Ünï & a+b=c~*", "include": "1,2", "_fields": "id,name"}
    assert httpx.get(shop.url + GOODS, auth=auth, params=odd).status_code == 200


def test_plain_http_looks_at_nothing_else(shop: Server) -> None:
    nobody = httpx.get(shop.url + GOODS)
    basic = httpx.get(shop.url + GOODS, auth=(shop.key, shop.secret))
    query = httpx.get(shop.url + GOODS, params={"consumer_key": shop.key, "consumer_secret": shop.secret})
    for answer in (nobody, basic, query):
        assert said(answer) == (401, CANNOT_VIEW, "Sorry, you cannot list resources.")


def test_oauth_refusals(shop: Server) -> None:
    auth = OAuth1(shop.key, shop.secret)
    auth.nonce = "again"
    assert httpx.get(shop.url + GOODS, auth=auth).status_code == 200
    used = said(httpx.get(shop.url + GOODS, auth=auth))
    assert used == (401, BROKEN, "Invalid nonce - nonce has already been used.")
    old = OAuth1(shop.key, shop.secret)
    old.age = 20 * 60
    assert said(httpx.get(shop.url + GOODS, auth=old))[2] == "Invalid timestamp."
    wrong = said(httpx.get(shop.url + GOODS, auth=OAuth1(shop.key, "cs_wrong")))
    assert wrong[2] == "Invalid signature - provided signature does not match."
    assert said(httpx.get(shop.url + GOODS, auth=OAuth1("ck_no", shop.secret)))[2] == "Consumer key is invalid."
    part = httpx.get(shop.url + GOODS, params={"oauth_consumer_key": shop.key})
    assert said(part)[2].startswith("Missing OAuth parameters oauth_timestamp, ")


def test_https(store: Store) -> None:
    with running(store, https=True) as shop:
        trust = ssl.create_default_context(cafile=shop.ca_file)
        with httpx.Client(base_url=shop.url, verify=trust) as client:
            keys = {"consumer_key": shop.key, "consumer_secret": shop.secret}
            assert client.get(GOODS, auth=(shop.key, shop.secret)).status_code == 200
            assert client.get(GOODS, params=keys).status_code == 200
            assert client.get(GOODS, auth=OAuth1(shop.key, shop.secret)).status_code == 200
            assert said(client.get(GOODS, auth=("ck_no", "x")))[1] == CANNOT_VIEW
            assert said(client.get(GOODS, auth=(shop.key, "x")))[2] == "Consumer secret is invalid."
            other_form = client.get("/", params={"rest_route": "/wc/v3/products"}, auth=(shop.key, shop.secret))
            assert said(other_form)[1] == CANNOT_VIEW
        with pytest.raises(httpx.ConnectError):
            httpx.get(shop.url)  # no authority has signed the certificate


def test_read_only_key_cannot_write(client: httpx.Client, store: Store) -> None:
    store.permissions = "read"
    assert client.get("products").status_code == 200
    refused = said(client.post("products", json={"name": "x"}))
    assert refused == (401, BROKEN, "The API key provided does not have write permissions.")


def test_stripped_authorization(store: Store) -> None:
    with running(store, https=True) as shop:
        trust = ssl.create_default_context(cafile=shop.ca_file)
        shop.faults.strip_auth()
        keys = {"consumer_key": shop.key, "consumer_secret": shop.secret}
        assert httpx.get(shop.url + GOODS, auth=(shop.key, shop.secret), verify=trust).status_code == 401
        assert httpx.get(shop.url + GOODS, params=keys, verify=trust).status_code == 200


def test_the_index_is_public(shop: Server) -> None:
    assert "wc/v3" in httpx.get(f"{shop.url}/wp-json/").json()["namespaces"]
    assert "/wc/v3/refunds" in httpx.get(f"{shop.url}/wp-json/wc/v3").json()["routes"]
    shop.store.refunds_route = shop.store.analytics = False
    assert "/wc/v3/refunds" not in httpx.get(f"{shop.url}/wp-json/wc/v3").json()["routes"]
    assert httpx.get(f"{shop.url}/wp-json/wc-analytics").status_code == 404
