"""What a till sends by itself: products, and a signed note that something changed."""

import hmac
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, Field

from sync_pipeline.sources.base import Delivery, Pushed, Unreadable


class PushedArticle(BaseModel):
    """An article needs its id, title and price."""

    id: int = Field(gt=0)
    title: str
    cents: int
    category: int


def _payload(record: Mapping[str, Any]) -> dict[str, Any]:
    for name in PushedArticle.model_fields:
        if record.get(name) in (None, ""):
            raise Unreadable(f"{name} is missing")
    return dict(record)


PUSHED = {
    "products": Pushed(
        stream="products",
        id_field="id",
        record=PushedArticle,
        to_payload=_payload,
        combine=lambda known, given: {**known, **given},
    )
}


class KioskWebhooks:
    """The secret itself signs."""

    secret_field = "hook_secret"
    headers: Mapping[str, str] = MappingProxyType({"X-Kiosk-Secret": "The secret.", "X-Kiosk-Delivery": "A number."})

    def genuine(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """Is the secret in the header?"""
        return hmac.compare_digest(headers.get("x-kiosk-secret", "").encode(), secret.encode())

    def ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        """The till sends none."""
        return False

    def read(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """It names a product to look at."""
        number = str(json.loads(body)["product"])
        return Delivery(
            delivery_id=headers.get("x-kiosk-delivery", ""), topic="changed", stream="products", external_id=number
        )
