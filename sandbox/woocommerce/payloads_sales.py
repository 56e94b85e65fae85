"""Payloads of orders, refunds, customers and coupons, as recorded from WooCommerce 10.0.2."""

import hashlib

from sandbox.woocommerce.base import StoreBase
from sandbox.woocommerce.encoding import HOME, href, links
from sandbox.woocommerce.prices import SYMBOLS
from sandbox.woocommerce.table import Json, Row

_BILLING = (
    "first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country",
    "email", "phone",
)  # fmt: skip
_SHIPPING = tuple(name for name in _BILLING if name != "email")
_LISTS = ("line_items", "tax_lines", "shipping_lines", "fee_lines", "coupon_lines")


def order(store: StoreBase, row: Row) -> Json:
    f = row.fields
    paid, completed = f.get("date_paid"), f.get("date_completed")
    owner = {"customer": href(f"customers/{f['customer_id']}")} if f["customer_id"] else {}
    templates = {"embeddable": True, **href(f"orders/{row.id}/actions/email_templates")}
    return {
        "id": row.id,
        "parent_id": 0,
        "status": f["status"],
        "currency": f["currency"],
        "version": "10.0.2",
        "prices_include_tax": False,
        "date_created": store.local(row.created),
        "date_modified": store.local(row.modified),
        "discount_total": f["discount_total"],
        "discount_tax": f["discount_tax"],
        "shipping_total": f["shipping_total"],
        "shipping_tax": f["shipping_tax"],
        "cart_tax": f["cart_tax"],
        "total": f["total"],
        "total_tax": f["total_tax"],
        "customer_id": f["customer_id"],
        "order_key": f["order_key"],
        "billing": {name: f["billing"].get(name, "") for name in _BILLING},
        "shipping": {name: f["shipping"].get(name, "") for name in _SHIPPING},
        "payment_method": f["payment_method"],
        "payment_method_title": f["payment_method_title"],
        "transaction_id": f.get("transaction_id", ""),
        "customer_ip_address": f.get("customer_ip_address", ""),
        "customer_user_agent": f.get("customer_user_agent", ""),
        "created_via": f.get("created_via", "checkout"),
        "customer_note": f.get("customer_note", ""),
        "date_completed": store.local(completed),
        "date_paid": store.local(paid),
        "cart_hash": f.get("cart_hash", ""),
        "number": str(row.id),
        "meta_data": f.get("meta_data", []),
        **{name: f[name] for name in _LISTS},
        "refunds": [
            {"id": i, "reason": r.fields["reason"], "total": f"-{r.fields['amount']}"}
            for i, r in refunds_of(store, row.id)
        ],
        "payment_url": f"{HOME}/checkout/order-pay/{row.id}/?pay_for_order=true&key={f['order_key']}",
        "is_editable": f["status"] in ("pending", "on-hold", "checkout-draft"),
        "needs_payment": f["status"] in ("pending", "failed") and float(f["total"]) > 0,
        "needs_processing": f.get("needs_processing", True),
        "date_created_gmt": store.gmt(row.created),
        "date_modified_gmt": store.gmt(row.modified),
        "date_completed_gmt": store.gmt(completed),
        "date_paid_gmt": store.gmt(paid),
        "currency_symbol": SYMBOLS.get(f["currency"], f["currency"]),
        "_links": links("orders", row.id, {"email_templates": templates, **owner}),
    }


def refunds_of(store: StoreBase, order_id: int) -> list[tuple[int, Row]]:
    """Newest first, without the trashed ones."""
    table = store.tables["refunds"]
    return [(i, table.rows[i]) for i in reversed(table.children.get(order_id, []))]


def refund(store: StoreBase, row: Row) -> Json:
    """As /refunds lists it: with parent_id, and (alone among the dated kinds) without date_modified."""
    shown = refund_in_order(store, row)
    return {"id": shown.pop("id"), "parent_id": row.fields["parent_id"], **shown}


def refund_in_order(store: StoreBase, row: Row) -> Json:
    """As /orders/<id>/refunds lists it: no parent_id."""
    f = row.fields
    path = f"orders/{f['parent_id']}"
    return {
        "id": row.id,
        "date_created": store.local(row.created),
        "date_created_gmt": store.gmt(row.created),
        "amount": f["amount"],
        "reason": f["reason"],
        "refunded_by": f.get("refunded_by", 1),
        "refunded_payment": f.get("refunded_payment", False),
        "meta_data": f.get("meta_data", []),
        **{name: f.get(name, []) for name in ("line_items", "shipping_lines", "tax_lines", "fee_lines")},
        "_links": links(f"{path}/refunds", row.id, {"up": href(path)}, allow="GET,DELETE"),
    }


_CUSTOMER_ADDRESS = (
    "first_name", "last_name", "company", "address_1", "address_2", "city", "postcode", "country", "state",
)  # fmt: skip


def customer(store: StoreBase, row: Row) -> Json:
    f = row.fields
    billing, shipping = f.get("billing", {}), f.get("shipping", {})
    digest = hashlib.sha256(f["email"].strip().lower().encode()).hexdigest()
    return {
        "id": row.id,
        "date_created": store.local(row.created),
        "date_created_gmt": store.gmt(row.created),
        "date_modified": store.local(row.modified),
        "date_modified_gmt": store.gmt(row.modified),
        "email": f["email"],
        "first_name": f.get("first_name", ""),
        "last_name": f.get("last_name", ""),
        "role": f.get("role", "customer"),
        "username": f["username"],
        "billing": {name: billing.get(name, "") for name in (*_CUSTOMER_ADDRESS, "email", "phone")},
        "shipping": {name: shipping.get(name, "") for name in (*_CUSTOMER_ADDRESS, "phone")},
        "is_paying_customer": f.get("is_paying_customer", False),
        "avatar_url": f"https://secure.gravatar.com/avatar/{digest}?s=96&d=mm&r=g",
        "meta_data": f.get("meta_data", []),
        "_links": links("customers", row.id),
    }


def coupon(store: StoreBase, row: Row) -> Json:
    f = row.fields
    return {
        "id": row.id,
        "code": f["code"],
        "amount": f["amount"],
        "status": f.get("status", "publish"),
        "date_created": store.local(row.created),
        "date_created_gmt": store.gmt(row.created),
        "date_modified": store.local(row.modified),
        "date_modified_gmt": store.gmt(row.modified),
        "discount_type": f.get("discount_type", "fixed_cart"),
        "description": f.get("description", ""),
        "date_expires": store.local(f.get("date_expires")),
        "date_expires_gmt": store.gmt(f.get("date_expires")),
        "usage_count": f.get("usage_count", 0),
        "individual_use": f.get("individual_use", False),
        "product_ids": f.get("product_ids", []),
        "excluded_product_ids": f.get("excluded_product_ids", []),
        "usage_limit": f.get("usage_limit"),
        "usage_limit_per_user": f.get("usage_limit_per_user"),
        "limit_usage_to_x_items": f.get("limit_usage_to_x_items"),
        "free_shipping": f.get("free_shipping", False),
        "product_categories": f.get("product_categories", []),
        "excluded_product_categories": f.get("excluded_product_categories", []),
        "exclude_sale_items": f.get("exclude_sale_items", False),
        "minimum_amount": f.get("minimum_amount", "0.00"),
        "maximum_amount": f.get("maximum_amount", "0.00"),
        "email_restrictions": f.get("email_restrictions", []),
        "used_by": f.get("used_by", []),
        "meta_data": f.get("meta_data", []),
        "_links": links("coupons", row.id),
    }


SALES = {
    "orders": order,
    "refunds": refund,
    "refunds:in_order": refund_in_order,
    "customers": customer,
    "coupons": coupon,
}
