"""Payloads of the catalogue, with the fields of WooCommerce 10.0.2 in its order (recorded)."""

from urllib.parse import quote

from sandbox.woocommerce.base import StoreBase
from sandbox.woocommerce.encoding import HOME, href, links
from sandbox.woocommerce.prices import current_price, on_sale, shown_prices
from sandbox.woocommerce.table import Json, Row

_EMPTY_SIZE = {"length": "", "width": "", "height": ""}


# Long: one literal, in the order of the API.
def product(store: StoreBase, row: Row) -> Json:
    f = row.fields
    kind = f.get("type", "simple")
    status = f.get("status", "publish")
    named = status not in ("draft", "pending") or bool(f.get("slug"))
    sale = on_sale(store, f)
    virtual = f.get("virtual", False)
    parent = f.get("parent_id", 0)
    price, regular, html = shown_prices(store, row, kind, sale)
    return {
        "id": row.id,
        "name": f["name"],
        "slug": f.get("slug", "") if named else "",
        "permalink": f"{HOME}/product/{f.get('slug', '')}/" if named else f"{HOME}/?post_type=product&p={row.id}",
        **_dates(store, row),
        "type": kind,
        "status": status,
        "featured": f.get("featured", False),
        "catalog_visibility": f.get("catalog_visibility", "visible"),
        "description": f.get("description", ""),
        "short_description": f.get("short_description", ""),
        "sku": f.get("sku", ""),
        "price": price,
        "regular_price": regular,
        "sale_price": f.get("sale_price", "") if kind != "variable" else "",
        **_sale_dates(store, f),
        "on_sale": sale,
        "purchasable": kind in ("simple", "variable", "variation") and price != "",
        "total_sales": f.get("total_sales", 0),
        "virtual": virtual,
        "downloadable": f.get("downloadable", False),
        "downloads": f.get("downloads", []),
        "download_limit": f.get("download_limit", -1),
        "download_expiry": f.get("download_expiry", -1),
        "external_url": f.get("external_url", ""),
        "button_text": f.get("button_text", ""),
        "tax_status": f.get("tax_status", "taxable"),
        "tax_class": f.get("tax_class", ""),
        **_stock(f),
        "low_stock_amount": f.get("low_stock_amount"),
        "sold_individually": f.get("sold_individually", False),
        "weight": f.get("weight", ""),
        "dimensions": f.get("dimensions", _EMPTY_SIZE),
        "shipping_required": not virtual,
        "shipping_taxable": not virtual,
        **_shipping_class(store, f),
        "reviews_allowed": f.get("reviews_allowed", kind != "variation"),
        "average_rating": f.get("average_rating", "0.00"),
        "rating_count": f.get("rating_count", 0),
        "upsell_ids": f.get("upsell_ids", []),
        "cross_sell_ids": f.get("cross_sell_ids", []),
        "parent_id": parent,
        "purchase_note": f.get("purchase_note", ""),
        "categories": _terms(store, "categories", f),
        "brands": [],
        "tags": _terms(store, "tags", f),
        "images": [image(i) for i in f.get("images", ())],
        "attributes": _attributes(store, f),
        "default_attributes": f.get("default_attributes", []),
        "variations": list(store.tables["variations"].children.get(row.id, ())) if kind == "variable" else [],
        "grouped_products": f.get("grouped_products", []),
        "menu_order": f.get("menu_order", 0),
        "price_html": html,
        "related_ids": ["@related@"] if kind != "variation" else [],
        "meta_data": f.get("meta_data", []),
        "stock_status": stock_status(f),
        "has_options": kind == "variable",
        "post_password": f.get("post_password", ""),
        "global_unique_id": f.get("global_unique_id", ""),
        "_links": links("products", row.id, {"up": href(f"products/{parent}")} if parent else None),
    }


def variation(store: StoreBase, row: Row) -> Json:
    f = row.fields
    parent = store.tables["products"].rows.get(f["parent_id"])
    price = current_price(store, f)
    manage = f.get("manage_stock", False)
    path = f"products/{f['parent_id']}/variations"
    return {
        "id": row.id,
        "type": "variation",
        **_dates(store, row),
        "description": f.get("description", ""),
        "permalink": _variation_permalink(parent, f),
        "sku": f.get("sku", ""),
        "global_unique_id": f.get("global_unique_id", ""),
        "price": price,
        "regular_price": f.get("regular_price", ""),
        "sale_price": f.get("sale_price", ""),
        **_sale_dates(store, f),
        "on_sale": on_sale(store, f),
        "status": f.get("status", "publish"),
        "purchasable": price != "",
        "virtual": f.get("virtual", False),
        "downloadable": f.get("downloadable", False),
        "downloads": f.get("downloads", []),
        "download_limit": f.get("download_limit", -1),
        "download_expiry": f.get("download_expiry", -1),
        "tax_status": f.get("tax_status", "taxable"),
        "tax_class": f.get("tax_class", ""),
        "manage_stock": manage,
        "stock_quantity": f.get("stock_quantity") if manage else None,
        "stock_status": stock_status(f),
        **{k: v for k, v in _stock(f).items() if k.startswith("backorder")},
        "low_stock_amount": f.get("low_stock_amount"),
        "weight": f.get("weight", ""),
        "dimensions": f.get("dimensions", _EMPTY_SIZE),
        **_shipping_class(store, f),
        "image": image(f["image"]) if f.get("image") else None,
        "attributes": _attributes(store, f),
        "menu_order": f.get("menu_order", 0),
        "meta_data": f.get("meta_data", []),
        "name": ", ".join(str(a["option"]) for a in f.get("attributes", ())),
        "parent_id": f["parent_id"],
        "_links": links(path, row.id, {"up": href(f"products/{f['parent_id']}")}),
    }


def variation_analytics(store: StoreBase, row: Row) -> Json:
    """wc-analytics/variations: the same keys, but the full name and links to a parent 0 (recorded)."""
    base = f"{HOME}/wp-json/wc-analytics/products/0"
    return {
        **variation(store, row),
        "name": variation_name(store, row),
        "_links": {
            "self": [{"href": f"{base}/variations/{row.id}"}],
            "collection": [{"href": f"{base}/variations"}],
            "up": [{"href": base}],
        },
    }


def variation_as_product(store: StoreBase, row: Row) -> Json:
    """GET products/<variation id> and products?sku= answer a variation with the fields of a product."""
    fields = {**row.fields, "name": variation_name(store, row), "type": "variation"}
    parent = store.tables["products"].rows.get(row.fields["parent_id"])
    shown = product(store, Row(row.id, fields, row.created, row.modified))
    return {**shown, "permalink": _variation_permalink(parent, fields)}


def variation_name(store: StoreBase, row: Row) -> str:
    parent = store.tables["products"].rows.get(row.fields["parent_id"])
    options = ", ".join(str(a["option"]) for a in row.fields.get("attributes", ()))
    return f"{parent.fields['name'] if parent else ''} - {options}"


def stock_status(f: Json) -> str:
    if not f.get("manage_stock", False):
        return str(f.get("stock_status", "instock"))
    if (f.get("stock_quantity") or 0) > 0:
        return "instock"
    return "outofstock" if f.get("backorders", "no") == "no" else "onbackorder"


def image(i: Json) -> Json:
    return {
        "id": i["id"],
        "date_created": i["date_created"],
        "date_created_gmt": i["date_created_gmt"],
        "date_modified": i["date_created"],
        "date_modified_gmt": i["date_created_gmt"],
        "src": f"{HOME}/wp-content/uploads/{i['file']}",
        "name": i["name"],
        "alt": i.get("alt", ""),
    }


def _dates(store: StoreBase, row: Row) -> Json:
    return {
        "date_created": store.local(row.created),
        "date_created_gmt": store.gmt(row.created),
        "date_modified": store.local(row.modified),
        "date_modified_gmt": store.gmt(row.modified),
    }


def _sale_dates(store: StoreBase, f: Json) -> Json:
    start, stop = f.get("date_on_sale_from"), f.get("date_on_sale_to")
    return {
        "date_on_sale_from": store.local(start),
        "date_on_sale_from_gmt": store.gmt(start),
        "date_on_sale_to": store.local(stop),
        "date_on_sale_to_gmt": store.gmt(stop),
    }


def _attributes(store: StoreBase, f: Json) -> list[Json]:
    """The name is looked up, so that renaming an attribute shows in every product; `_slug` is our own."""
    rows = store.tables["attributes"].rows
    return [
        {
            k: rows[a["id"]].fields["name"] if k == "name" and a["id"] in rows else v
            for k, v in a.items()
            if k != "_slug"
        }
        for a in f.get("attributes", ())
    ]


def _stock(f: Json) -> Json:
    manage = f.get("manage_stock", False)
    quantity = f.get("stock_quantity") if manage else None
    backorders = f.get("backorders", "no")
    return {
        "manage_stock": manage,
        "stock_quantity": quantity,
        "backorders": backorders,
        "backorders_allowed": backorders != "no",
        "backordered": backorders != "no" and manage and (quantity or 0) < 0,
    }


def _shipping_class(store: StoreBase, f: Json) -> Json:
    found = store.tables["shipping_classes"].rows.get(f.get("shipping_class_id", 0))
    return {
        "shipping_class": found.fields["slug"] if found else "",
        "shipping_class_id": found.id if found else 0,
    }


def _terms(store: StoreBase, kind: str, f: Json) -> list[Json]:
    rows = store.tables[kind].rows
    found = [rows[i] for i in f.get(kind, ()) if i in rows]
    return [{"id": r.id, "name": r.fields["name"], "slug": r.fields["slug"]} for r in found]


def _variation_permalink(parent: Row | None, f: Json) -> str:
    chosen = [
        (
            a["slug"] if a["id"] else quote(str(a["name"]).lower()),
            quote(str(a.get("_slug", a["option"])).lower()),
        )
        for a in f.get("attributes", ())
    ]
    asks = "&".join(f"attribute_{name}={value}" for name, value in chosen)
    return f"{HOME}/product/{parent.fields.get('slug', '') if parent else ''}/?{asks}"


CATALOGUE = {
    "products": product,
    "variations": variation,
    "variations:analytics": variation_analytics,
    "variations:product": variation_as_product,
}
