"""POST, PUT and DELETE: enough to edit a shop with curl."""

import json
from typing import Any

from sandbox.wire import Answer
from sandbox.woocommerce.answers import api_error, missing
from sandbox.woocommerce.params import Params
from sandbox.woocommerce.routes import Route
from sandbox.woocommerce.store import NO_TRASH, Store
from sandbox.woocommerce.table import Json

_WRITABLE = ("products", "variations", "orders", "customers", "coupons", "categories", "tags", "refunds")
_TRUE = ("true", "1", "yes")


def write(store: Store, route: Route, found: dict[str, Any], method: str, params: Params, body: bytes) -> Answer:
    kind = route.kind
    if kind not in _WRITABLE:
        return missing("rest_no_route", "No route was found matching the URL and request method.", allow=None)
    try:
        given: Json = json.loads(body) if body else {}
    except ValueError:
        return api_error(400, "rest_invalid_json", "Invalid JSON body passed.")
    parent = int(found["parent"]) if "parent" in found else None
    if not route.one:
        try:
            row_id = create(store, kind, given, parent)
        except (ValueError, KeyError, TypeError, ArithmeticError) as wrong:
            return _refusal(kind, str(wrong))
        answer = _shown(store, kind, row_id, route.view, 201)
        answer.headers.append(("Location", f"{store.home}/wp-json/wc/v3/{kind}/{row_id}"))
        return answer
    row_id = int(found["id"])
    if row_id not in store.tables[kind].rows:
        return missing(kind, allow=route.allow)
    if method == "DELETE":
        return _delete(store, route, row_id, force=str(params.get("force", "")).lower() in _TRUE)
    try:
        store.update(kind, row_id, **_fields(kind, given))
    except (ValueError, KeyError, TypeError, ArithmeticError) as wrong:
        return _refusal(kind, str(wrong))
    return _shown(store, kind, row_id, route.view, 200)


def create(store: Store, kind: str, given: Json, parent: int | None = None) -> int:
    """A new record from a client's JSON."""
    fields = _fields(kind, given)
    if kind == "orders":
        lines = given.get("line_items", [])
        fields["items"] = [(i["product_id"], i.get("variation_id", 0), i.get("quantity", 1)) for i in lines]
        fields["coupon"] = next((c["code"] for c in given.get("coupon_lines", [])), None)
        fields.setdefault("status", "pending")
        fields["created_via"] = "rest-api"
        carried = given.get("shipping_lines", [])
        if carried:
            fields["shipping_cost"] = carried[0].get("total", "0")
        return store.add_order(**fields)
    if kind == "products":
        _unique_sku(store, str(given.get("sku", "")))
        return store.add_product(**fields)
    if kind == "variations":
        return store.add_variation(parent or 0, **fields)
    if kind == "refunds":
        lines = {item["id"]: item["quantity"] for item in given.get("line_items", [])}
        return store.add_refund(parent or 0, given.get("amount"), lines or None, reason=given.get("reason", ""))
    if kind == "customers":
        return store.add_customer(**fields)
    if kind == "coupons":
        return store.add_coupon(fields.pop("code"), fields.pop("amount", "0"), **fields)
    if kind == "categories":
        return store.add_category(fields.pop("name"), fields.pop("parent", 0), **fields)
    return store.add_tag(fields.pop("name"), **fields)


def _fields(kind: str, given: Json) -> Json:
    """The fields a client may set; the lines of an order are computed."""
    made = {
        "id",
        "line_items",
        "shipping_lines",
        "coupon_lines",
        "fee_lines",
        "tax_lines",
        "refunds",
        "set_paid",
    }
    if kind not in ("orders", "refunds"):
        made = {"id"}
    return {name: value for name, value in given.items() if name not in made and not name.startswith("_")}


def _delete(store: Store, route: Route, row_id: int, *, force: bool) -> Answer:
    """Answers with the state before: a trashed product as "publish" (observed). 501 without a trash."""
    kind = route.kind
    if not force and kind in NO_TRASH and kind != "variations":
        said = "Customers do" if kind == "customers" else "Terms do" if kind in ("categories", "tags") else "It does"
        return api_error(501, "woocommerce_rest_trash_not_supported", f"{said} not support trashing.")
    before = _shown(store, kind, row_id, route.view, 200)
    if force:
        store.delete(kind, row_id)
    else:
        store.trash(kind, row_id)
    return before


def _shown(store: Store, kind: str, row_id: int, view: str, status: int) -> Answer:
    return Answer(status, store.finish(store.render(kind, row_id, view)), [("Allow", "GET, POST, PUT, PATCH, DELETE")])


def _unique_sku(store: Store, sku: str) -> None:
    """The CRUD classes compare SKUs without case and spaces; importers (store.add_product) do not."""
    wanted = sku.strip().lower()
    for kind in ("products", "variations"):
        for row in store.tables[kind].rows.values():
            if wanted and str(row.fields.get("sku", "")).strip().lower() == wanted:
                raise ValueError("Invalid or duplicated SKU.")


def _refusal(kind: str, why: str) -> Answer:
    if "SKU" in why:
        return api_error(400, "product_invalid_sku", why)
    if "e-mail" in why:
        return api_error(400, "registration-error-email-exists", "An account is already registered with that e-mail.")
    return api_error(400, f"woocommerce_rest_invalid_{kind.rstrip('s')}", why)
