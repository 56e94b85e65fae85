"""Building an order: lines from the catalogue, discount, taxes and totals."""

import random
import string
from decimal import Decimal
from typing import Any

from sandbox.woocommerce import money
from sandbox.woocommerce.base import StoreBase
from sandbox.woocommerce.encoding import HOME, php_number
from sandbox.woocommerce.payloads import variation_name
from sandbox.woocommerce.prices import current_price
from sandbox.woocommerce.table import Json, Row

_ALPHABET = string.ascii_letters + string.digits
_TITLES = {"cod": "Cash on delivery", "bacs": "Direct bank transfer", "cheque": "Check payments"}
# (product_id, variation_id or 0, quantity)
Items = list[tuple[int, int, int]]


def build_order(
    store: StoreBase,
    customer_id: int,
    items: Items,
    currency: str,
    coupon_code: str | None,
    status: str,
    given: Json,
) -> Row:
    """Line by line, then the sums. `shipping_cost`, `fees` (name -> amount) and addresses may be given."""
    items = [(product_id, variation_id or 0, quantity) for product_id, variation_id, quantity in items]
    buyer = store.tables["customers"].rows.get(customer_id)
    billing = given.pop("billing", None) or (dict(buyer.fields.get("billing", {})) if buyer else {})
    if buyer:
        billing.setdefault("email", buyer.fields["email"])
    shipping = given.pop("shipping", None) or {k: v for k, v in billing.items() if k != "email"}
    order_id = store.next_id("post")
    coupon = _coupon(store, coupon_code)
    rates = [(i, r.fields) for i, r in store.tables["taxes"].rows.items()]
    found = money.matching_rate(rates, billing, "")
    lines = _lines(store, items, coupon.fields if coupon else None, rates, billing)
    shipping_lines = _shipping_lines(store, given.pop("shipping_cost", None), found)
    fee_lines = _fee_lines(store, given.pop("fees", {}), found)
    fields = {
        "status": status,
        "currency": currency,
        "customer_id": customer_id if buyer else 0,
        "billing": billing,
        "shipping": shipping,
        "payment_method": given.pop("payment_method", "cod"),
        "order_key": "wc_order_" + "".join(random.Random(order_id).choices(_ALPHABET, k=13)),
        "line_items": lines,
        "shipping_lines": shipping_lines,
        "fee_lines": fee_lines,
        **_totals(lines, shipping_lines, fee_lines),
    }
    fields["tax_lines"] = _tax_lines(store, rates, lines, shipping_lines, fee_lines)
    fields["coupon_lines"] = [_coupon_line(store, coupon, lines)] if coupon else []
    fields["needs_processing"] = any(_needs_shipping(store, p, v) for p, v, _ in items) if items else True
    fields["payment_method_title"] = _TITLES.get(fields["payment_method"], fields["payment_method"])
    given["meta_data"] = store.meta(given.get("meta_data"))
    for name in ("date_paid", "date_completed"):
        if name in given:
            given[name] = store.moment(given[name])
    return store.insert("orders", {**fields, **given}, order_id)


def _lines(
    store: StoreBase, items: Items, coupon: Json | None, rates: list[tuple[int, Json]], address: Json
) -> list[Json]:
    sold = [_sold(store, product_id, variation_id) for product_id, variation_id, _ in items]
    quantities = [quantity for _, _, quantity in items]
    subtotals = [
        money.cents(Decimal(current_price(store, row.fields) or "0") * q)
        for row, q in zip(sold, quantities, strict=True)
    ]
    off = money.discounts(subtotals, quantities, coupon)
    lines = []
    for (product_id, variation_id, quantity), row, subtotal, less in zip(items, sold, subtotals, off, strict=True):
        tax_class = row.fields.get("tax_class", "")
        rate_id, rate = money.matching_rate(rates, address, tax_class) or (0, None)
        total = subtotal - less
        parent = store.row("products", product_id)
        before, after = money.text(money.taxed(subtotal, rate)), money.text(money.taxed(total, rate))
        lines.append(
            {
                "id": store.next_id("item"),
                "name": variation_name(store, row) if variation_id else parent.fields["name"],
                "product_id": product_id,
                "variation_id": variation_id,
                "quantity": quantity,
                "tax_class": tax_class,
                "subtotal": money.text(subtotal),
                "subtotal_tax": before,
                "total": money.text(total),
                "total_tax": after,
                "taxes": [{"id": rate_id, "total": after, "subtotal": before}] if rate else [],
                "meta_data": _chosen(store, row) if variation_id else [],
                "sku": row.fields.get("sku", ""),
                "price": php_number(float(total / quantity) if quantity else 0.0),
                "image": _line_image(row, parent, variation_id),
                "parent_name": parent.fields["name"] if variation_id else None,
            }
        )
    return lines


def _sold(store: StoreBase, product_id: int, variation_id: int) -> Row:
    return store.row("variations", variation_id) if variation_id else store.row("products", product_id)


def _chosen(store: StoreBase, row: Row) -> list[Json]:
    """A variation's options, as item meta: the slug is the value, the name what is shown."""
    return [
        {
            "id": store.next_id("meta"),
            "key": a["slug"],
            "value": a.get("_slug", str(a["option"]).lower()),
            "display_key": a["name"],
            "display_value": a["option"],
        }
        for a in row.fields.get("attributes", ())
    ]


def _line_image(row: Row, parent: Row, variation_id: int) -> Json:
    """No image: id "" for a product, 0 for a variation (observed); the id of one that exists is a string."""
    shown = row.fields.get("image") or next(iter(parent.fields.get("images", ())), None)
    if shown is None:
        return {"id": 0 if variation_id else "", "src": ""}
    return {"id": str(shown["id"]), "src": f"{HOME}/wp-content/uploads/{shown['file']}"}


def _needs_shipping(store: StoreBase, product_id: int, variation_id: int) -> bool:
    f = _sold(store, product_id, variation_id).fields
    return not (f.get("virtual") and f.get("downloadable"))


def _shipping_lines(store: StoreBase, cost: Any, found: tuple[int, Json] | None) -> list[Json]:
    if cost is None:
        return []
    tax = money.text(money.taxed(Decimal(str(cost)), found[1] if found else None))
    line = {
        "id": store.next_id("item"),
        "method_title": "Flat rate",
        "method_id": "flat_rate",
        "instance_id": "1",
    }
    taxes = [{"id": found[0], "total": tax, "subtotal": ""}] if found else []
    more = {
        "total": money.text(Decimal(str(cost))),
        "total_tax": tax,
        "taxes": taxes,
        "tax_status": "taxable",
    }
    return [{**line, **more, "meta_data": []}]


def _fee_lines(store: StoreBase, fees: dict[str, Any], found: tuple[int, Json] | None) -> list[Json]:
    lines = []
    for name, cost in fees.items():
        tax = money.text(money.taxed(Decimal(str(cost)), found[1] if found else None))
        line = {
            "id": store.next_id("item"),
            "name": name,
            "tax_class": "",
            "tax_status": "taxable",
            "amount": "",
        }
        taxes = [{"id": found[0], "total": tax, "subtotal": ""}] if found else []
        lines.append(
            {
                **line,
                "total": money.text(Decimal(str(cost))),
                "total_tax": tax,
                "taxes": taxes,
                "meta_data": [],
            }
        )
    return lines


def _sum(lines: list[Json], name: str) -> Decimal:
    return sum((Decimal(line[name]) for line in lines), money.ZERO)


def _totals(lines: list[Json], shipping: list[Json], fees: list[Json]) -> Json:
    goods, cart_tax = _sum(lines, "total"), _sum(lines, "total_tax") + _sum(fees, "total_tax")
    carried, carried_tax = _sum(shipping, "total"), _sum(shipping, "total_tax")
    amounts = {
        "discount_total": _sum(lines, "subtotal") - goods,
        "discount_tax": _sum(lines, "subtotal_tax") - _sum(lines, "total_tax"),
        "shipping_total": carried,
        "shipping_tax": carried_tax,
        "cart_tax": cart_tax,
        "total": goods + carried + _sum(fees, "total") + cart_tax + carried_tax,
        "total_tax": cart_tax + carried_tax,
    }
    return {name: money.text(amount) for name, amount in amounts.items()}


def _tax_lines(
    store: StoreBase,
    rates: list[tuple[int, Json]],
    lines: list[Json],
    shipping: list[Json],
    fees: list[Json],
) -> list[Json]:
    known = dict(rates)
    cart: dict[int, Decimal] = {}
    carried: dict[int, Decimal] = {}
    for sums, members in ((cart, [*lines, *fees]), (carried, shipping)):
        for tax in (t for line in members for t in line["taxes"]):
            sums[tax["id"]] = sums.get(tax["id"], money.ZERO) + Decimal(tax["total"])
    return [
        {
            "id": store.next_id("item"),
            "rate_code": money.rate_code(known[rate_id]),
            "rate_id": rate_id,
            "label": known[rate_id].get("name", "Tax"),
            "compound": known[rate_id].get("compound", False),
            "tax_total": money.text(cart.get(rate_id, money.ZERO)),
            "shipping_tax_total": money.text(carried.get(rate_id, money.ZERO)),
            "rate_percent": php_number(float(known[rate_id]["rate"])),
            "meta_data": [],
        }
        for rate_id in dict.fromkeys([*cart, *carried])
    ]


def _coupon(store: StoreBase, code: str | None) -> Row | None:
    rows = store.tables["coupons"].rows.values()
    return next((r for r in rows if code and r.fields["code"] == code.lower()), None)


def _coupon_line(store: StoreBase, coupon: Row, lines: list[Json]) -> Json:
    f = coupon.fields
    kind = f.get("discount_type", "fixed_cart")
    nominal = php_number(float(f["amount"]))
    info = f'[{coupon.id},"{f["code"]}","{kind}",{nominal}]'
    meta = {"id": store.next_id("meta"), "key": "coupon_info", "value": info}
    return {
        "id": store.next_id("item"),
        "code": f["code"],
        "discount": money.short(_sum(lines, "subtotal") - _sum(lines, "total")),
        "discount_tax": money.short(_sum(lines, "subtotal_tax") - _sum(lines, "total_tax")),
        "meta_data": [{**meta, "display_key": "coupon_info", "display_value": info}],
        "discount_type": kind,
        "nominal_amount": nominal,
        "free_shipping": f.get("free_shipping", False),
    }
