"""The routes of wc/v3 that the sandbox answers, with the errors each has of its own."""

import re
from dataclasses import dataclass
from typing import Any

_ALL = "GET, POST, PUT, PATCH, DELETE"


@dataclass(frozen=True, slots=True)
class Route:
    kind: str
    pattern: re.Pattern[str]
    one: bool = False
    # The variant of the payload (see StoreBase.render).
    view: str = ""
    allow: str = "GET, POST"
    totals: bool = True


# kind -> (path, pattern of an id, code and message of a missing record)
_GONE = "Resource does not exist."
_TERM = ("woocommerce_rest_term_invalid", _GONE)
_PATHS: tuple[tuple[str, str, str, tuple[str, str]], ...] = (
    ("categories", "products/categories", r"\d+", _TERM),
    ("tags", "products/tags", r"\d+", _TERM),
    ("shipping_classes", "products/shipping_classes", r"\d+", _TERM),
    ("attribute_terms", r"products/attributes/(?P<parent>\d+)/terms", r"\d+", _TERM),
    ("attributes", "products/attributes", r"\d+", ("woocommerce_rest_taxonomy_invalid", _GONE)),
    ("reviews", "products/reviews", r"\d+", ("woocommerce_rest_review_invalid_id", "Invalid review ID.")),
    (
        "variations",
        r"products/(?P<parent>\d+)/variations",
        r"\d+",
        ("woocommerce_rest_product_variation_invalid_id", "Invalid ID."),
    ),
    ("products", "products", r"\d+", ("woocommerce_rest_product_invalid_id", "Invalid ID.")),
    (
        "refunds",
        r"orders/(?P<parent>\d+)/refunds",
        r"\d+",
        ("woocommerce_rest_shop_order_refund_invalid_id", "Invalid ID."),
    ),
    ("orders", "orders", r"\d+", ("woocommerce_rest_shop_order_invalid_id", "Invalid ID.")),
    ("customers", "customers", r"\d+", ("wc_user_invalid_id", "Invalid user ID.")),
    ("coupons", "coupons", r"\d+", ("woocommerce_rest_shop_coupon_invalid_id", "Invalid ID.")),
    (
        "tax_classes",
        "taxes/classes",
        r"\w[\w\s-]*",
        ("woocommerce_rest_tax_class_invalid_slug", "Invalid slug."),
    ),
    ("taxes", "taxes", r"\d+", ("woocommerce_rest_invalid_id", "Invalid resource ID.")),
    (
        "shipping_zone_methods",
        r"shipping/zones/(?P<parent>\d+)/methods",
        r"\d+",
        ("woocommerce_rest_shipping_zone_method_invalid", _GONE),
    ),
    ("shipping_zone_locations", r"shipping/zones/(?P<parent>\d+)/locations", "(?!)", ("", "")),
    ("shipping_zones", "shipping/zones", r"\d+", ("woocommerce_rest_shipping_zone_invalid", _GONE)),
    ("payment_gateways", "payment_gateways", r"[\w-]+", ("woocommerce_rest_payment_gateway_invalid", _GONE)),
    ("settings", "settings/general", r"[\w-]+", ("rest_setting_setting_invalid", "Invalid setting.")),
)
MISSING = {kind: error for kind, _, _, error in _PATHS}
# A list under a parent that does not exist. Variations are not among them: [] with 200 (observed).
MISSING_PARENT = {
    "refunds": ("orders", ("woocommerce_rest_invalid_order_id", "Invalid order ID.")),
    "attribute_terms": ("attributes", ("woocommerce_rest_taxonomy_invalid", _GONE)),
    "shipping_zone_methods": ("shipping_zones", ("woocommerce_rest_shipping_zone_invalid", _GONE)),
    "shipping_zone_locations": ("shipping_zones", ("woocommerce_rest_shipping_zone_invalid", _GONE)),
}
_ALLOW = {
    "payment_gateways": ("GET", "GET, POST, PUT, PATCH"),
    "settings": ("GET", "GET, POST, PUT, PATCH"),
    "shipping_zone_locations": ("GET, POST, PUT, PATCH", ""),
    "refunds": ("GET, POST", "GET, DELETE"),
}


def _routes() -> list[Route]:
    found = [
        Route("variations", re.compile(r"wc-analytics/variations"), view="analytics", allow="GET"),
        Route("refunds", re.compile(r"wc/v3/refunds"), allow="GET"),
    ]
    for kind, path, row_id, _ in _PATHS:
        many, one = _ALLOW.get(kind, ("GET, POST", _ALL))
        view = "in_order" if kind == "refunds" else ""
        found.append(
            Route(kind, re.compile(f"wc/v3/{path}"), view=view, allow=many, totals=kind != "settings"),
        )
        found.append(Route(kind, re.compile(f"wc/v3/{path}/(?P<id>{row_id})"), one=True, view=view, allow=one))
    return found


ROUTES = _routes()


def match(path: str) -> tuple[Route, dict[str, Any]] | None:
    for route in ROUTES:
        found = route.pattern.fullmatch(path)
        if found:
            return route, found.groupdict()
    return None
