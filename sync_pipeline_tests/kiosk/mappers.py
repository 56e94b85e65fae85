"""The till's payloads as entities."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sync_pipeline.entities.base import Ref
from sync_pipeline.entities.category import Category
from sync_pipeline.entities.product import Product


def to_category(payload: Mapping[str, Any]) -> Category:
    """One category."""
    return Category(name=payload["title"])


def to_product(payload: Mapping[str, Any]) -> Product:
    """One product; prices are whole cents."""
    return Product(
        name=payload["title"],
        sku=payload.get("code"),
        status="active",
        price=Decimal(payload["cents"]) / 100,
        categories=[Ref("category", str(payload["category"]))],
    )
