"""WooCommerce's webhooks: a signed body that is built when it is sent, not when the change happened.

So a body may show the record as it is now, a merge of several changes, or an error if the record is gone; a deletion
holds only an id. If the body is not a complete current record, the store is asked for it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sync_pipeline.entities.values import when
from sync_pipeline.sources.base import Delivery, Unreadable

_PING = re.compile(rb"webhook_id=\d{1,20}")
_STREAMS = {"product": "products", "order": "orders", "customer": "customers", "coupon": "coupons"}
# A payload without these is incomplete: another API version, or cut by a plugin.
_WHOLE = {
    "products": ("name", "type", "date_modified_gmt", "meta_data"),
    "orders": ("status", "line_items", "date_modified_gmt", "meta_data"),
}


class WooWebhooks:
    """Reads deliveries. Customers and coupons are always fetched: their dates do not show which body is newer."""

    secret_field = "webhook_secret"  # noqa: S105 - the name of a field
    headers: Mapping[str, str] = MappingProxyType(
        {
            "X-WC-Webhook-Signature": "base64 of the HMAC-SHA256 of the body's bytes with the secret. Only the ping of "
            "a new webhook (the form `webhook_id=…`) goes without.",
            "X-WC-Webhook-Topic": "Such as `product.updated`.",
            "X-WC-Webhook-Resource": "Such as `product`.",
            "X-WC-Webhook-Event": "Such as `updated`; of `deleted` the body needs only an id.",
            "X-WC-Webhook-Delivery-ID": "One that was taken before, with the same topic and body, is `known`.",
        }
    )

    def genuine(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """base64(HMAC-SHA256(raw body, secret)) in X-WC-Webhook-Signature."""
        given = headers.get("x-wc-webhook-signature", "").strip().encode("utf-8", "replace")
        made = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())
        return hmac.compare_digest(made, given)

    def ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        """A form, not JSON, and not always signed."""
        return "x-wc-webhook-topic" not in headers and _PING.fullmatch(body) is not None

    def read(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """What a delivery says.

        Raises:
            Unreadable: the body is not valid JSON in UTF-8.
        """
        resource = headers.get("x-wc-webhook-resource", "")
        topic = headers.get("x-wc-webhook-topic", "")
        delivery_id = headers.get("x-wc-webhook-delivery-id", "")
        try:
            text = body.decode("utf-8-sig")
            # Only whole numbers and strings matter here; a number too long for an id stays a string.
            payload: Any = json.loads(text, parse_float=str, parse_int=lambda n: int(n) if len(n) < 20 else n)
        except (ValueError, RecursionError):
            raise Unreadable("the body is not valid JSON") from None
        stream = _STREAMS.get(resource or topic.partition(".")[0])
        said = payload if isinstance(payload, dict) else {}
        given = said.get("id")
        event = headers.get("x-wc-webhook-event", "") or topic.rpartition(".")[2]
        external_id = _number(given, as_text=event == "deleted")
        if stream is None or external_id is None:
            # An action hook, or {"code": …} because the record was gone when the body was built: no record is named.
            return Delivery(delivery_id=delivery_id, topic=topic, stream=None)
        if stream == "products" and said.get("type") == "variation":
            # A variation written as a product; the variations' own list has other fields.
            parent = said.get("parent_id")
            return Delivery(
                delivery_id=delivery_id,
                topic=topic,
                stream="variations",
                external_id=str(external_id),
                parent_id=str(parent) if type(parent) is int and parent else None,
            )
        modified = when(said, "date_modified_gmt", [])
        whole = stream in _WHOLE and all(name in said for name in _WHOLE[stream]) and modified is not None
        complete = whole and event in ("created", "updated", "restored") and said.get("status") != "trash"
        return Delivery(
            delivery_id=delivery_id,
            topic=topic,
            stream=stream,
            external_id=str(external_id),
            modified=modified if complete else None,
            raw=text.encode() if complete else None,
        )


def _number(given: Any, *, as_text: bool) -> int | None:
    """A record's id: a whole number; some plugins send that of a deletion as text."""
    if as_text and isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) < 19:
        given = int(given)
    return given if type(given) is int and 0 < given < 2**63 else None
