"""Product categories."""

from collections.abc import Mapping
from typing import Any

from sync_pipeline.entities.category import Category
from sync_pipeline.sources.woocommerce.mappers.values import html, picture, raw, ref, text


def to_category(payload: Mapping[str, Any]) -> Category:
    """One category of `wc/v3/products/categories`."""
    image = picture(raw(payload, "image"))
    position = raw(payload, "menu_order")
    metadata: dict[str, Any] = {"woo_category_id": raw(payload, "id")}
    if image:
        metadata["image"] = image
    return Category(
        name=text(payload, "name") or "",
        slug=text(payload, "slug"),
        description=html(payload, "description"),
        parent=ref("category", raw(payload, "parent")),
        image=image,
        position=position if isinstance(position, int) else None,
        metadata=metadata,
    )
