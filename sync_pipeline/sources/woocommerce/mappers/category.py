"""Product categories."""

from collections.abc import Mapping
from typing import Any

from sync_pipeline.entities.category import Category
from sync_pipeline.sources.woocommerce.mappers.values import plain, ref, text


def to_category(payload: Mapping[str, Any]) -> Category:
    """One category of `wc/v3/products/categories`."""
    image = payload.get("image")
    picture = {"src": image.get("src"), "alt": image.get("alt")} if isinstance(image, Mapping) else None
    position = payload.get("menu_order")
    metadata: dict[str, Any] = {"woo_category_id": payload.get("id")}
    if picture:
        metadata["image"] = picture
    return Category(
        name=text(payload, "name") or "",
        slug=plain(payload, "slug"),
        description=plain(payload, "description"),
        parent=ref("category", payload.get("parent")),
        image=picture,
        position=position if isinstance(position, int) else None,
        metadata=metadata,
    )
