"""OAuth 1.0a as WooCommerce checks it over plain http: HMAC-SHA256, and a new nonce for each request."""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from urllib.parse import quote


def _encode(text: str) -> str:
    return quote(text, safe="~")


def signed(method: str, url: str, params: Iterable[tuple[str, str]], *, key: str, secret: str) -> list[tuple[str, str]]:
    """`params`, the OAuth parameters, and the signature of both.

    The base string follows WooCommerce's own check (class-wc-rest-authentication.php): parameters are encoded and
    sorted, and the joined string is encoded again.
    """
    everything = [
        *params,
        ("oauth_consumer_key", key),
        ("oauth_nonce", secrets.token_hex(16)),
        ("oauth_signature_method", "HMAC-SHA256"),
        ("oauth_timestamp", str(int(time.time()))),
    ]
    joined = "&".join(f"{k}={v}" for k, v in sorted((_encode(k), _encode(v)) for k, v in everything))
    base = "&".join((method.upper(), _encode(url), _encode(joined)))
    digest = hmac.new(f"{_encode(secret)}&".encode(), base.encode(), hashlib.sha256).digest()
    return [*everything, ("oauth_signature", base64.b64encode(digest).decode())]
