"""Payloads of categories, tags, attributes and reviews, as recorded from WooCommerce 10.0.2."""

import hashlib
from typing import Any

from sandbox.woocommerce.base import StoreBase
from sandbox.woocommerce.encoding import HOME, href, links
from sandbox.woocommerce.table import Json, Row


def category(store: StoreBase, row: Row) -> Json:
    f = row.fields
    up = {"up": href(f"products/categories/{f['parent']}")} if f.get("parent") else {}
    return {
        "id": row.id,
        "name": f["name"],
        "slug": f["slug"],
        "parent": f.get("parent", 0),
        "description": f.get("description", ""),
        "display": f.get("display", "default"),
        "image": f.get("image"),
        "menu_order": f.get("menu_order", 0),
        "count": store.term_counts[row.id],
        "_links": links("products/categories", row.id, up),
    }


def _term(path: str) -> Any:
    def tag(store: StoreBase, row: Row) -> Json:
        f = row.fields
        return {
            "id": row.id,
            "name": f["name"],
            "slug": f["slug"],
            "description": f.get("description", ""),
            "count": store.term_counts[row.id],
            "_links": links(path, row.id),
        }

    return tag


def attribute(_store: StoreBase, row: Row) -> Json:
    f = row.fields
    return {
        "id": row.id,
        "name": f["name"],
        "slug": f["slug"],
        "type": f.get("type", "select"),
        "order_by": f.get("order_by", "menu_order"),
        "has_archives": f.get("has_archives", False),
        "_links": links("products/attributes", row.id),
    }


def attribute_term(store: StoreBase, row: Row) -> Json:
    f = row.fields
    return {
        "id": row.id,
        "name": f["name"],
        "slug": f["slug"],
        "description": f.get("description", ""),
        "menu_order": f.get("menu_order", 0),
        "count": store.term_counts[row.id],
        "_links": links(f"products/attributes/{f['attribute_id']}/terms", row.id),
    }


def review(store: StoreBase, row: Row) -> Json:
    f = row.fields
    about = store.tables["products"].rows.get(f["product_id"])
    digest = hashlib.sha256(f["reviewer_email"].strip().lower().encode()).hexdigest()
    avatar = f"https://secure.gravatar.com/avatar/{digest}?s=%d&d=mm&r=g"
    return {
        "id": row.id,
        "date_created": store.local(row.created),
        "date_created_gmt": store.gmt(row.created),
        "product_id": f["product_id"],
        "product_name": about.fields["name"] if about else "",
        "product_permalink": f"{HOME}/product/{about.fields.get('slug', '')}/" if about else "",
        "status": f["status"],
        "reviewer": f["reviewer"],
        "reviewer_email": f["reviewer_email"],
        "review": f["review"],
        "rating": f["rating"],
        "verified": f.get("verified", False),
        "reviewer_avatar_urls": {str(size): avatar % size for size in (24, 48, 96)},
        "_links": links("products/reviews", row.id, {"up": href(f"products/{f['product_id']}")}),
    }


TERMS = {
    "categories": category,
    "tags": _term("products/tags"),
    "shipping_classes": _term("products/shipping_classes"),
    "attributes": attribute,
    "attribute_terms": attribute_term,
    "reviews": review,
}
