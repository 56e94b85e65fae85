"""Taxes, shipping, gateways, settings, and the contents of a new shop."""

from typing import Any

from sandbox.woocommerce.base import StoreBase
from sandbox.woocommerce.fields import slugify
from sandbox.woocommerce.payloads_shop import field
from sandbox.woocommerce.table import Json

_METHODS = {
    "flat_rate": ("Flat rate", "<p>Lets you charge a fixed rate for shipping.</p>\n"),
    "free_shipping": (
        "Free shipping",
        "<p>Free shipping is a special method which can be triggered with coupons and minimum spends.</p>\n",
    ),
    "local_pickup": ("Local pickup", "<p>Allow customers to pick up orders themselves.</p>\n"),
}
_TAXABLE = {"taxable": "Taxable", "none": "None"}


class ShopStore(StoreBase):
    def add_tax(self, rate: str = "8.8750", **overrides: Any) -> int:
        """The rate is a string with four decimals."""
        with self.lock:
            return int(self.insert("taxes", {"rate": f"{float(rate):.4f}", **overrides}).id)

    def add_tax_class(self, name: str, slug: str | None = None) -> str:
        with self.lock:
            return str(self.insert("tax_classes", {"name": name}, slug or slugify(name)).id)

    def add_shipping_zone(
        self, name: str, locations: list[tuple[str, str]] | None = None, methods: list[Json] | None = None
    ) -> int:
        """locations: (type, code) pairs; methods: {"method_id", "title", "cost"} each."""
        with self.lock:
            zone = int(self.insert("shipping_zones", {"name": name}).id)
            for kind, code in locations or []:
                self.add_zone_location(zone, code, kind)
            for method in methods or []:
                self.add_zone_method(zone, **method)
            return zone

    def add_zone_location(self, zone_id: int, code: str, kind: str = "country") -> str:
        """Locations have no id in the API; the sandbox calls them by zone, type and code."""
        with self.lock:
            fields = {"zone_id": zone_id, "code": code, "type": kind}
            return str(self.insert("shipping_zone_locations", fields, f"{zone_id}:{kind}:{code}").id)

    def add_zone_method(
        self,
        zone_id: int,
        method_id: str = "flat_rate",
        title: str | None = None,
        cost: str = "",
        **overrides: Any,
    ) -> int:
        with self.lock:
            name, about = _METHODS[method_id]
            order = len(self.tables["shipping_zone_methods"].children.get(zone_id, ())) + 1
            fields = {
                "zone_id": zone_id,
                "method_id": method_id,
                "title": title or name,
                "order": order,
                "method_title": name,
                "method_description": about,
                "settings": _method_settings(method_id, title or name, name, cost),
                **overrides,
            }
            return int(self.insert("shipping_zone_methods", fields).id)


def _method_settings(method_id: str, title: str, default: str, cost: str) -> Json:
    description = "Your customers will see the name of this shipping method during checkout."
    name = field("title", "Name", title, default=default, description=description, placeholder=f"e.g. {default}")
    if method_id == "free_shipping":
        needs = {
            "": "No requirement",
            "coupon": "A valid free shipping coupon",
            "min_amount": "A minimum order amount",
            "either": "A minimum order amount OR coupon",
            "both": "A minimum order amount AND coupon",
        }
        return {
            "title": name,
            "requires": field("requires", "Free shipping requires", "min_amount", kind="select", options=needs),
            "min_amount": field("min_amount", "Minimum order amount", cost or "50"),
            "ignore_discounts": field("ignore_discounts", "Coupons discounts", "no", default="no", kind="checkbox"),
        }
    taxed = field("tax_status", "Tax status", "taxable", default="taxable", kind="select", options=_TAXABLE)
    return {"title": name, "tax_status": taxed, "cost": field("cost", "Cost", cost)}


def furnish(store: Any) -> None:
    """A fresh install: admin (no date_modified), Uncategorized, tax classes, zone 0, gateways, settings."""
    admin = {"email": "admin@example.test", "username": "admin", "role": "administrator", "meta_data": []}
    store.insert("customers", admin, 1).modified = None
    store._emails.add("admin@example.test")
    store.add_category("Uncategorized")
    for slug, name in (
        ("standard", "Standard rate"),
        ("reduced-rate", "Reduced rate"),
        ("zero-rate", "Zero rate"),
    ):
        store.add_tax_class(name, slug)
    store.insert("shipping_zones", {"name": "Locations not covered by your other zones"}, 0)
    for gateway_id, title, about, enabled in _GATEWAYS:
        settings: Json = {
            "title": field("title", "Title", title, default=title, kind="safe_text"),
            "instructions": field("instructions", "Instructions", "", kind="textarea"),
        }
        if gateway_id == "cod":
            any_flat: Json = {"Flat rate": {"flat_rate": "Any &quot;Flat rate&quot; method"}}
            methods = field("enable_for_methods", "Enable for shipping methods", "", kind="multiselect")
            settings["enable_for_methods"] = {**methods, "options": any_flat}
            virtual = "Accept COD if the order is virtual"
            settings["enable_for_virtual"] = field("enable_for_virtual", virtual, "yes", default="yes", kind="checkbox")
        fields: Json = {"title": title, "description": about, "enabled": enabled, "settings": settings}
        store.insert("payment_gateways", fields, gateway_id)
    for setting_id, label, kind, default, value, options in _settings(store.currency):
        setting: Json = {"label": label, "description": "", "type": kind, "default": default, "tip": ""}
        extra = {"options": options} if options else {}
        store.insert("settings", {**setting, "value": value, **extra}, setting_id)


_GATEWAYS = (
    ("bacs", "Direct bank transfer", "Make your payment directly into our bank account.", True),
    ("cheque", "Check payments", "Please send a check to Store Name.", False),
    ("cod", "Cash on delivery", "Pay with cash upon delivery.", True),
)


def _settings(currency: str) -> list[tuple[str, str, str, str, Any, Json | None]]:
    """settings/general without the long lists of countries and currencies (119 KB on a real store)."""
    countries = {"US": "United States (US)", "US:NY": "United States (US) &mdash; New York", "DE": "Germany"}
    currencies = {"USD": "United States (US) dollar (&#36;) &mdash; USD", "EUR": "Euro (&euro;) &mdash; EUR"}
    places = {
        "left": "Left",
        "right": "Right",
        "left_space": "Left with space",
        "right_space": "Right with space",
    }
    sells = {"all": "Sell to all countries", "specific": "Sell to specific countries"}
    return [
        ("woocommerce_store_address", "Address line 1", "text", "", "1 Main St", None),
        ("woocommerce_store_address_2", "Address line 2", "text", "", "", None),
        ("woocommerce_store_city", "City", "text", "", "Albany", None),
        ("woocommerce_default_country", "Country / State", "select", "US:CA", "US:NY", countries),
        ("woocommerce_store_postcode", "Postcode / ZIP", "text", "", "12207", None),
        ("woocommerce_allowed_countries", "Selling location(s)", "select", "all", "all", sells),
        ("woocommerce_ship_to_countries", "Shipping location(s)", "select", "", "", {"": "Ship everywhere"}),
        ("woocommerce_calc_taxes", "Enable taxes", "checkbox", "no", "yes", None),
        ("woocommerce_enable_coupons", "Enable coupons", "checkbox", "yes", "yes", None),
        ("woocommerce_currency", "Currency", "select", "USD", currency, currencies),
        ("woocommerce_currency_pos", "Currency position", "select", "left", "left", places),
        ("woocommerce_price_thousand_sep", "Thousand separator", "text", ",", ",", None),
        ("woocommerce_price_decimal_sep", "Decimal separator", "text", ".", ".", None),
        ("woocommerce_price_num_decimals", "Number of decimals", "number", "2", "2", None),
    ]
