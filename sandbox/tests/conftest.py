"""A sandbox shop on plain http, and a client with its own implementation of RFC 5849 signatures."""

import base64
import hashlib
import hmac
import time
from collections.abc import Generator, Iterator
from urllib.parse import parse_qsl, quote
from uuid import uuid4

import httpx
import pytest

from sandbox.shapes.recordings import RECORDINGS
from sandbox.tests.steady import PATIENCE, still
from sandbox.woocommerce import Server, Store, running, seed

# The recordings are not in the repository; the shape files that stand for them are.
collect_ignore = [] if RECORDINGS.is_dir() else ["test_recordings.py"]


class OAuth1(httpx.Auth):
    def __init__(self, key: str, secret: str, *, digest: str = "SHA256", in_header: bool = False) -> None:
        self.key, self.secret, self.digest, self.in_header = key, secret, digest, in_header
        self.nonce: str | None = None
        self.age = 0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        mine = {
            "oauth_consumer_key": self.key,
            "oauth_nonce": self.nonce or uuid4().hex,
            "oauth_signature_method": f"HMAC-{self.digest}",
            "oauth_timestamp": str(int(time.time()) - self.age),
        }
        asked = parse_qsl(request.url.query.decode(), keep_blank_values=True)
        pairs = sorted((quote(k, safe="~"), quote(v, safe="~")) for k, v in [*asked, *mine.items()])
        joined = "&".join(f"{k}={v}" for k, v in pairs)
        bare = str(request.url.copy_with(query=None))
        base = "&".join(quote(part, safe="~") for part in (request.method, bare, joined))
        kind = hashlib.sha256 if self.digest == "SHA256" else hashlib.sha1
        mac = hmac.new(f"{self.secret}&".encode(), base.encode(), kind).digest()
        mine["oauth_signature"] = base64.b64encode(mac).decode()
        if self.in_header:
            listed = ", ".join(f'{k}="{quote(v, safe="")}"' for k, v in mine.items())
            request.headers["Authorization"] = f"OAuth {listed}"
        else:
            request.url = request.url.copy_merge_params(mine)
        yield request


def client_of(server: Server, **options: object) -> httpx.Client:
    auth = OAuth1(server.key, server.secret)
    options = {"verify": False, **options}  # plain http: reading the machine's certificates takes longer than a call
    return httpx.Client(base_url=f"{server.url}/wp-json/wc/v3/", auth=auth, timeout=PATIENCE, **options)  # type: ignore[arg-type]


@pytest.fixture
def store() -> Store:
    store = Store(clock=still)
    seed(store, products=40, variable=4, customers=20, orders=40)
    return store


@pytest.fixture
def shop(store: Store) -> Iterator[Server]:
    with running(store) as server:
        yield server


@pytest.fixture
def client(shop: Server) -> Iterator[httpx.Client]:
    with client_of(shop) as client:
        yield client
