"""Side effects of a write: derived stored values, and other records whose write_date moves.

Each function is called after the row holds the new values: (store, row, names written, transaction's start or None
if no write_date may move, whether the row is new).
"""

import re
from collections.abc import Callable
from typing import Any

from sandbox.odoo.data import Data
from sandbox.odoo.models import Json
from sandbox.odoo.refusals import user_error, validation_error
from sandbox.odoo.rows import Row

Effect = Callable[[Data, Row, set[str], int | None, bool], None]
_ADDRESS = ("street", "street2", "zip", "city", "state_id", "country_id")
_COMMERCIAL = ("vat", "company_registry", "industry_id")
# A template with one variant reads and writes these as its variant's.
_TEMPLATE: Json = {
    "type": "consu", "service_tracking": "no", "tracking": "none", "sale_ok": True, "purchase_ok": True, "uom_id": 1,
    "sequence": 1, "invoice_policy": "order", "expense_policy": "no", "service_type": "manual",
}  # fmt: skip
_MOVE: Json = {"state": "draft", "auto_post": "no", "move_type": "entry", "journal_id": 1, "payment_state": "not_paid"}
_OF_VARIANT = ("default_code", "barcode", "weight", "volume", "standard_price")


def _partner(store: Data, row: Row, names: set[str], at: int | None, new: bool) -> None:
    values = row.values
    table = store.tables["res.partner"]
    parent = table.rows.get(values.get("parent_id") or 0)
    derived: Json = {}
    if new or "email" in names:
        found = re.search(r"[^\s<>@]+@[^\s<>@]+", str(values.get("email") or ""))
        derived["email_normalized"] = found.group().lower() if found else False
    if new or names & {"phone"}:
        derived["phone_sanitized"] = values.get("phone", False)
    if new or names & {"name", "parent_id", "type", "is_company", "commercial_partner_id"}:
        derived |= partner_names(values, row.id, parent)
    if new and parent and values.get("type", "contact") == "contact":
        derived |= {k: parent.values[k] for k in _ADDRESS if k in parent.values and not values.get(k)}
    table.change(row, derived)
    if new:
        values.setdefault("lang", "en_US")
        values.setdefault("type", "contact")
        values.setdefault("autopost_bills", "ask")
        return
    for child_id in table.pointing["parent_id"].get(row.id, ()):
        child = table.rows[child_id]
        carried = {k: values[k] for k in _COMMERCIAL if k in names}
        if child.values.get("type", "contact") == "contact":
            carried |= {k: values[k] for k in _ADDRESS if k in names}
        if names & {"name", "is_company"}:
            carried |= partner_names(child.values, child_id, row)
        if carried:
            table.change(child, carried)
            store.touch(child, at)


def partner_names(values: Json, row_id: int, parent: Row | None) -> Json:
    """complete_name and the commercial entity of a partner."""
    name = values.get("name") or {"invoice": "Invoice", "delivery": "Delivery"}.get(values.get("type", ""), "Other")
    own = values.get("is_company") or parent is None
    company = values.get("name", False) if values.get("is_company") else False
    return {
        "complete_name": f"{parent.values.get('name')}, {name}" if parent and not values.get("is_company") else name,
        "commercial_partner_id": row_id
        if own or parent is None
        else parent.values.get("commercial_partner_id") or parent.id,
        "commercial_company_name": company
        if own or parent is None
        else parent.values.get("commercial_company_name", False),
    }


def _tree(model: str, parent: str, join: str) -> Effect:
    def effect(store: Data, row: Row, names: set[str], at: int | None, new: bool) -> None:
        """Set complete_name of the row and of everything below it, whose write_date moves."""
        if not (new or names & {"name", parent}):
            return
        table = store.tables[model]
        above = table.rows.get(row.values.get(parent) or 0)
        start = f"{above.values['complete_name']}{join}" if above else ""
        row.values["complete_name"] = f"{start}{row.values['name']}"
        if "parent_path" in store.models[model].fields:
            row.values["parent_path"] = f"{above.values['parent_path'] if above else ''}{row.id}/"
        for child_id in table.pointing[parent].get(row.id, ()):
            child = table.rows[child_id]
            effect(store, child, {"name"}, at, False)
            store.touch(child, at)

    return effect


def _template(store: Data, row: Row, names: set[str], at: int | None, new: bool) -> None:
    """The variants' write_date is recomputed from the template's."""
    variants = store.tables["product.product"]
    values = row.values
    if new:
        for name, value in _TEMPLATE.items():
            values.setdefault(name, value)
        if values.pop("_bare", False):
            return
        of_variant = {k: values[k] for k in _OF_VARIANT if k in values}
        given = {"product_tmpl_id": row.id, "active": values.get("active", True), **of_variant}
        store.insert("product.product", variants.reserve(), given, at or row.written, values["write_uid"])
        values.pop("standard_price", None)
        return
    own = variants.pointing["product_tmpl_id"].get(row.id, [])
    if len(own) == 1 and names & set(_OF_VARIANT):
        carried = {k: values[k] for k in _OF_VARIANT if k in names}
        variants.change(variants.rows[own[0]], store.normal("product.product", carried, variants.rows[own[0]]))
    values.pop("standard_price", None)
    for variant in own:
        if "active" in names:
            variants.rows[variant].values["active"] = values["active"]
        if at is not None:
            variants.rows[variant].written = max(variants.rows[variant].written, at)


def _variant(store: Data, row: Row, names: set[str], at: int | None, new: bool) -> None:
    template = store.tables["product.template"].rows.get(row.values["product_tmpl_id"])
    if template is None or new:
        return
    if len(store.tables["product.product"].pointing["product_tmpl_id"].get(template.id, ())) != 1:
        return
    carried = {k: row.values[k] for k in _OF_VARIANT if k in names and k not in ("standard_price", "barcode")}
    if carried:
        template.values.update(carried)
        store.touch(template, at)
        if at is not None:
            row.written = at


def _line(store: Data, row: Row, names: set[str], at: int | None, new: bool) -> None:
    """Amounts of the line; when they were recomputed, the order's totals, which touches the order."""
    values = row.values
    order = store.tables["sale.order"].rows.get(values["order_id"])
    if order is None:
        return
    if new:
        product = store.tables["product.product"].rows.get(values.get("product_id") or 0)
        template = store.tables["product.template"].rows[product.values["product_tmpl_id"]] if product else None
        if template is not None:
            values.setdefault("name", template.values["name"])
            values.setdefault("price_unit", template.values.get("list_price", 0.0))
            values.setdefault("product_uom_id", template.values.get("uom_id", False))
        if not values.get("display_type"):
            values.setdefault("product_uom_qty", 1.0)
        values.setdefault("sequence", 10)
        for name in ("company_id", "currency_id", "state"):
            values.setdefault(name, order.values.get(name, False))
        values.setdefault("order_partner_id", order.values["partner_id"])
        values.setdefault("salesman_id", order.values.get("user_id", False))
    if new or names & {"product_uom_qty", "price_unit", "discount", "tax_ids", "product_id"}:
        values.update(line_amounts(store, values))
        totals(store, order)
        store.touch(order, at)


def line_amounts(store: Data, values: Json) -> Json:
    """price_subtotal, price_tax, price_total of an order's or invoice's line."""
    quantity = values.get("product_uom_qty", values.get("quantity", 0.0))
    net = round(quantity * values.get("price_unit", 0.0) * (1 - values.get("discount", 0.0) / 100), 2)
    taxes = store.tables["account.tax"].rows
    tax = 0.0
    for tax_id in values.get("tax_ids", ()):
        terms = taxes[tax_id].values
        rate = terms.get("amount", 0.0) / 100
        tax += net - net / (1 + rate) if terms.get("price_include") else net * rate
        if terms.get("price_include"):
            net = round(net / (1 + rate), 2)
    tax = round(tax, 2)
    each = 1.0 / quantity if quantity else 0.0
    return {
        "price_subtotal": net, "price_tax": tax, "price_total": round(net + tax, 2),
        "price_reduce_taxexcl": round(net * each, 2), "price_reduce_taxinc": round((net + tax) * each, 2),
    }  # fmt: skip


def totals(store: Data, order: Row) -> None:
    table = store.tables["sale.order.line"]
    lines = [table.rows[i].values for i in table.pointing["order_id"].get(order.id, ())]
    untaxed = round(sum(line.get("price_subtotal", 0.0) for line in lines), 2)
    tax = round(sum(line.get("price_tax", 0.0) for line in lines), 2)
    order.values |= {"amount_untaxed": untaxed, "amount_tax": tax, "amount_total": round(untaxed + tax, 2)}


def _order(store: Data, row: Row, names: set[str], at: int | None, new: bool) -> None:
    values = row.values
    if new:
        values.setdefault("name", f"S{row.id:05d}")
        values.setdefault("state", "draft")
        values.setdefault("company_id", store.admin.company)
        values.setdefault("partner_invoice_id", values["partner_id"])
        values.setdefault("partner_shipping_id", values["partner_id"])
        values.setdefault("date_order", store.utcnow().strftime("%Y-%m-%d %H:%M:%S"))
        values.setdefault("picking_policy", "direct")
        company = store.tables["res.company"].rows.get(values["company_id"])
        values.setdefault("currency_id", company.values["currency_id"] if company else 1)
        values.setdefault("user_id", values["write_uid"])
        totals(store, row)
        return
    lines = store.tables["sale.order.line"]
    if "state" in names:
        for line in lines.pointing["order_id"].get(row.id, ()):
            lines.rows[line].values["state"] = values["state"]
            store.touch(lines.rows[line], at)


def _move(store: Data, row: Row, names: set[str], at: int | None, new: bool) -> None:
    values = row.values
    if new:
        for name, value in _MOVE.items():
            values.setdefault(name, value)
        values.setdefault("company_id", store.admin.company)
        values.setdefault("currency_id", store.row("res.company", values["company_id"]).values["currency_id"])
        values.setdefault("date", store.utcnow().strftime("%Y-%m-%d"))
    if "state" in names and values["state"] == "posted" and not values.get("name"):
        values["name"] = f"INV/{values['date'][:4]}/{row.id:05d}"
        partner = store.tables["res.partner"].rows.get(values.get("partner_id") or 0)
        # The first posted invoice makes a customer, which touches the partner; later ones do not.
        if partner is not None and values["move_type"] == "out_invoice":
            before = partner.values.get("customer_rank", 0)
            partner.values["customer_rank"] = before + 1
            if not before:
                store.touch(partner, at)


AFTER: dict[str, Effect] = {
    "res.partner": _partner,
    "product.category": _tree("product.category", "parent_id", " / "),
    "stock.location": _tree("stock.location", "location_id", "/"),
    "product.template": _template,
    "product.product": _variant,
    "account.move": _move,
    "sale.order": _order,
    "sale.order.line": _line,
}


def refuse_removal(store: Data, model: str, row: Row) -> None:
    """Records in use are not deleted: 422 on a real server."""
    tables = store.tables
    if model == "res.partner":
        used: Any = tables["sale.order"].pointing["partner_id"].get(row.id) or tables["account.move"].pointing[
            "partner_id"
        ].get(row.id)
        if used:
            raise validation_error(
                "The operation cannot be completed: another model requires the record being deleted. If possible, "
                "archive it instead.\n\nModel: Sales Order (sale.order)\nConstraint: sale_order_partner_id_fkey"
            )
    elif model == "sale.order" and row.values.get("state") == "sale":
        raise user_error("You can not delete a sent quotation or a confirmed sales order. You must first cancel it.")
    elif model in ("product.product", "product.template"):
        variants = (
            [row.id]
            if model == "product.product"
            else tables["product.product"].pointing["product_tmpl_id"].get(row.id, [])
        )
        sold = {line.values.get("product_id") for line in tables["sale.order.line"].rows.values()}
        if sold & set(variants):
            raise validation_error(
                "The operation cannot be completed: another model requires the record being deleted. If possible, "
                "archive it instead.\n\nModel: Sales Order Line (sale.order.line)\nConstraint: "
                "sale_order_line_product_id_fkey"
            )
