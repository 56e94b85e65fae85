"""Payloads of taxes, shipping, gateways and settings, as recorded from WooCommerce 10.0.2."""

from typing import Any

from sandbox.woocommerce.base import StoreBase
from sandbox.woocommerce.encoding import HOME, href, links
from sandbox.woocommerce.table import Json, Row

VERSION = "10.0.2"


def tax(_store: StoreBase, row: Row) -> Json:
    f = row.fields
    return {
        "id": row.id,
        "country": f.get("country", ""),
        "state": f.get("state", ""),
        "postcode": f["postcodes"][-1] if f.get("postcodes") else "",
        "city": f["cities"][-1] if f.get("cities") else "",
        "rate": f["rate"],
        "name": f.get("name", "Tax"),
        "priority": f.get("priority", 1),
        "compound": f.get("compound", False),
        "shipping": f.get("shipping", True),
        "order": f.get("order", 0),
        "class": f.get("class", "standard"),
        "postcodes": f.get("postcodes", []),
        "cities": f.get("cities", []),
        "_links": links("taxes", row.id),
    }


def tax_class(_store: StoreBase, row: Row) -> Json:
    return {"slug": row.id, "name": row.fields["name"], "_links": {"collection": [href("taxes/classes")]}}


def shipping_zone(_store: StoreBase, row: Row) -> Json:
    more = {"describedby": href(f"shipping/zones/{row.id}/locations")}
    f = row.fields
    return {
        "id": row.id,
        "name": f["name"],
        "order": f.get("order", 0),
        "_links": links("shipping/zones", row.id, more),
    }


def shipping_zone_location(_store: StoreBase, row: Row) -> Json:
    f = row.fields
    zone = f"shipping/zones/{f['zone_id']}"
    return {
        "code": f["code"],
        "type": f["type"],
        "_links": {"collection": [href(f"{zone}/locations")], "describes": [href(zone)]},
    }


def shipping_zone_method(_store: StoreBase, row: Row) -> Json:
    f = row.fields
    zone = f"shipping/zones/{f['zone_id']}"
    return {
        "id": row.id,
        "instance_id": row.id,
        "title": f["title"],
        "order": f.get("order", 1),
        "enabled": f.get("enabled", True),
        "method_id": f["method_id"],
        "method_title": f["method_title"],
        "method_description": f.get("method_description", ""),
        "settings": f["settings"],
        "_links": links(f"{zone}/methods", row.id, {"describes": href(zone)}),
    }


def payment_gateway(_store: StoreBase, row: Row) -> Json:
    f = row.fields
    return {
        "id": row.id,
        "title": f["title"],
        "description": f.get("description", ""),
        "order": f.get("order", ""),
        "enabled": f.get("enabled", False),
        "method_title": f.get("method_title", f["title"]),
        "method_description": f.get("method_description", ""),
        "method_supports": f.get("method_supports", ["products"]),
        "settings": f["settings"],
        "needs_setup": False,
        "post_install_scripts": [],
        "settings_url": f"{HOME}/wp-admin/admin.php?page=wc-settings&tab=checkout&section={row.id}",
        "connection_url": None,
        "setup_help_text": None,
        "required_settings_keys": [],
        "_links": links("payment_gateways", row.id, allow="GET,POST,PUT,PATCH"),
    }


def setting(_store: StoreBase, row: Row) -> Json:
    shown = dict(row.fields)
    shown["_links"] = links("settings/general", row.id, allow="GET,POST,PUT,PATCH")
    return {"id": row.id, **shown}


def field(name: str, label: str, value: Any, *, default: str = "", kind: str = "text", **more: Any) -> Json:
    """One entry of a gateway's or a shipping method's `settings`."""
    about = more.pop("description", "")
    return {
        "id": name,
        "label": label,
        "description": about,
        "type": kind,
        "value": value,
        "default": default,
        "tip": about,
        "placeholder": more.pop("placeholder", ""),
        **more,
    }


def current_currency(store: StoreBase) -> Json:
    names = {
        "USD": "United States (US) dollar",
        "EUR": "Euro",
        "GBP": "Pound sterling",
        "JPY": "Japanese yen",
    }
    symbols = {"USD": "&#36;", "EUR": "&euro;", "GBP": "&pound;", "JPY": "&yen;"}
    code = store.currency
    shown = {"code": code, "name": names.get(code, code), "symbol": symbols.get(code, code)}
    return {**shown, "_links": links("data/currencies", code, allow="GET")}


def system_status(store: StoreBase) -> Json:
    """The parts that a client reads: versions, storage of orders, currency, plugins."""
    return {
        "environment": {
            "home_url": HOME, "site_url": HOME, "store_id": "5a6d0b0c-0000-4000-8000-000000000001",
            "version": VERSION, "log_directory_writable": True, "wp_version": "6.8.3", "wp_multisite": False,
            "wp_memory_limit": 536870912, "wp_debug_mode": False, "wp_cron": True, "language": "en_US",
            "external_object_cache": None, "server_info": "nginx/1.22.1",
            "server_architecture": "Linux x86_64", "php_version": "8.2.35", "php_post_max_size": 8388608,
            "php_max_execution_time": 300, "php_max_input_vars": 1000,
            "curl_version": "7.88.1, OpenSSL/3.0.22", "suhosin_installed": False,
            "max_upload_size": 2097152, "mysql_version": "10.11.19",
            "mysql_version_string": "10.11.19-MariaDB-0+deb12u1", "default_timezone": "UTC",
            "fsockopen_or_curl_enabled": True, "soapclient_enabled": False, "domdocument_enabled": True,
            "gzip_enabled": True, "mbstring_enabled": True, "remote_post_successful": False,
            "remote_post_response": False, "remote_get_successful": False, "remote_get_response": False,
        },
        "database": {"wc_database_version": VERSION},
        "active_plugins": [{
            "plugin": "woocommerce/woocommerce.php", "name": "WooCommerce", "version": VERSION,
            "version_latest": VERSION, "url": "https://woocommerce.com/", "author_name": "Automattic",
            "author_url": "https://woocommerce.com", "network_activated": False,
        }],
        "settings": {
            "api_enabled": False, "force_ssl": False, "currency": store.currency,
            "currency_symbol": current_currency(store)["symbol"], "currency_position": "left",
            "thousand_separator": ",", "decimal_separator": ".", "number_of_decimals": 2,
            "geolocation_enabled": False,
            "taxonomies": {name: name for name in ("external", "grouped", "simple", "variable")},
            "product_visibility_terms": {
                name: name for name in (
                    "exclude-from-catalog", "exclude-from-search", "featured", "outofstock",
                    "rated-1", "rated-2", "rated-3", "rated-4", "rated-5",
                )
            },
            "woocommerce_com_connected": "no", "enforce_approved_download_dirs": True,
            "order_datastore": r"Automattic\WooCommerce\Internal\DataStores\Orders\OrdersTableDataStore",
            "HPOS_enabled": True, "HPOS_sync_enabled": False,
            "enabled_features": ["analytics", "order_attribution", "custom_order_tables"],
        },
        "theme": {"name": "Twenty Twenty-Five"},
    }  # fmt: skip


def site_index(store: StoreBase) -> Json:
    """/wp-json/: the site's description."""
    return {
        "name": "Sandbox shop", "description": "", "url": HOME, "home": HOME, "gmt_offset": "",
        "timezone_string": store.timezone_name, "page_for_posts": 0, "page_on_front": 0,
        "show_on_front": "posts",
        "namespaces": ["wc/v3", *(["wc-analytics"] if store.analytics else []), "wp/v2"],
        "authentication": {}, "routes": {}, "_links": {"help": [{"href": "https://developer.wordpress.org/rest-api/"}]},
    }  # fmt: skip


def namespace_index(namespace: str, routes: list[tuple[str, str]]) -> Json:
    """/wp-json/wc/v3: the routes of the shop."""
    shown = {}
    for path, allow in routes:
        methods = allow.split(", ")
        endpoints = [{"methods": methods, "args": {}}]
        shown[f"/{path}"] = {"namespace": namespace, "methods": methods, "endpoints": endpoints}
    return {"namespace": namespace, "routes": shown, "_links": {"up": [{"href": f"{HOME}/wp-json/"}]}}


SHOP = {
    "taxes": tax,
    "tax_classes": tax_class,
    "shipping_zones": shipping_zone,
    "shipping_zone_locations": shipping_zone_location,
    "shipping_zone_methods": shipping_zone_method,
    "payment_gateways": payment_gateway,
    "settings": setting,
}
