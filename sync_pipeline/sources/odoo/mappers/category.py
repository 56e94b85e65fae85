"""Product categories."""

from collections.abc import Mapping
from typing import Any

from sync_pipeline.entities.base import reads
from sync_pipeline.entities.category import Category
from sync_pipeline.sources.odoo.mappers.values import kept, ref, text


@reads("id", "name", "complete_name", "parent_id")
def to_category(payload: Mapping[str, Any]) -> Category:
    """One `product.category`."""
    return Category(
        name=text(payload, "name") or "",
        parent=ref("category", payload.get("parent_id")),
        metadata={"odoo_category_id": payload.get("id"), **kept(payload, ("complete_name",))},
    )
