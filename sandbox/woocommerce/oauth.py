"""WooCommerce's REST authentication (WC_REST_Authentication), its checks and its messages.

Over https: Basic or ck/cs in the query. Over plain http only OAuth 1.0a counts; anything else is ignored.
"""

import base64
import hashlib
import hmac
import re
from typing import Any
from urllib.parse import quote, unquote

from sandbox.woocommerce.params import Params

WINDOW = 15 * 60
_NAMES = ("oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method")
_DIGESTS = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
_HEADER_PAIR = re.compile(r'(oauth_[a-z_-]*)=(?:"([^"]*)"|([^,]*))')


class Denied(Exception):
    def __init__(self, message: str, code: str = "woocommerce_rest_authentication_error") -> None:
        super().__init__(message)
        self.code = code


class Gate:
    """Checks requests and remembers the nonces that were used."""

    def __init__(self) -> None:
        self._nonces: dict[str, int] = {}

    # Eight parameters: all parts of a request that the signature covers.
    def admit(
        self,
        *,
        key: str,
        secret: str,
        method: str,
        url: str,
        https: bool,
        params: Params,
        authorization: str,
        now: int,
    ) -> bool:
        """True for the key's owner, False without credentials. Raises Denied for wrong credentials."""
        if https:
            given = _basic(params, authorization)
            if given and given[0] == key:
                if not hmac.compare_digest(given[1].encode(), secret.encode()):
                    raise Denied("Consumer secret is invalid.")
                return True
        asked = {**params, **_from_header(authorization)}
        missing = [name for name in _NAMES if not asked.get(name)]
        if len(missing) == len(_NAMES):
            return False
        if missing:
            many = "s" if len(missing) > 1 else ""
            said = f"Missing OAuth parameter{many} {', '.join(missing)}"
            raise Denied(said, "woocommerce_rest_authentication_missing_parameter")
        if asked["oauth_consumer_key"] != key:
            raise Denied("Consumer key is invalid.")
        self._check_signature(asked, secret, method, url)
        self._check_nonce(asked, now)
        return True

    @staticmethod
    def _check_signature(asked: Params, secret: str, method: str, url: str) -> None:
        digest = _DIGESTS.get(str(asked["oauth_signature_method"]))
        if digest is None:
            raise Denied("Invalid signature - signature method is invalid.")
        expected = signature(method, url, asked, secret, str(asked["oauth_signature_method"]))
        given = unquote(str(asked["oauth_signature"]).replace(" ", "+"))
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise Denied("Invalid signature - provided signature does not match.")

    def _check_nonce(self, asked: Params, now: int) -> None:
        stamp = str(asked["oauth_timestamp"])
        if not stamp.isdigit() or abs(int(stamp) - now) > WINDOW:
            raise Denied("Invalid timestamp.")
        nonce = str(asked["oauth_nonce"])
        if nonce in self._nonces:
            raise Denied("Invalid nonce - nonce has already been used.")
        self._nonces[nonce] = int(stamp)
        if len(self._nonces) > 4096:
            self._nonces = {n: at for n, at in self._nonces.items() if abs(at - now) <= WINDOW}


def signature(method: str, url: str, params: Params, secret: str, kind: str = "HMAC-SHA256") -> str:
    """The signature WooCommerce computes: no token secret, values decoded once more before encoding."""
    pairs: list[str] = []
    for name in sorted(k for k in params if k != "oauth_signature"):
        value = params[name]
        each: dict[str, Any] = value if isinstance(value, dict) else {"": value}
        for inner, text in each.items():
            full = f"{_rfc3986(name)}%5B{inner}%5D" if isinstance(value, dict) else _rfc3986(name)
            pairs.append(_rfc3986(f"{full}={_rfc3986(str(text))}"))
    base = f"{method.upper()}&{_rfc3986(url)}&{'%26'.join(pairs)}"
    digest = hmac.new(f"{secret}&".encode(), base.encode(), _DIGESTS[kind]).digest()
    return base64.b64encode(digest).decode()


def _rfc3986(text: str) -> str:
    return quote(text, safe="~")


def _basic(params: Params, authorization: str) -> tuple[str, str] | None:
    if params.get("consumer_key") and params.get("consumer_secret"):
        return str(params["consumer_key"]), str(params["consumer_secret"])
    if not authorization.lower().startswith("basic "):
        return None
    try:
        user, _, password = base64.b64decode(authorization[6:]).decode().partition(":")
    except ValueError:
        return None
    return user, password


def _from_header(authorization: str) -> Params:
    if not authorization.lower().startswith("oauth "):
        return {}
    return {m[1]: unquote(m[2] or m[3] or "") for m in _HEADER_PAIR.finditer(authorization)}
