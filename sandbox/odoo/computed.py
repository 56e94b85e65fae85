"""Fields that are not stored: related ones by path, computed ones by function, and how long slow ones take."""

from collections.abc import Callable
from typing import Any

from sandbox.odoo.display import display_name, word
from sandbox.odoo.env import Env
from sandbox.odoo.rows import Row

# A model whose rows read another's fields as their own: (the many2one to it, its model).
INHERITS = {
    "product.product": ("product_tmpl_id", "product.template"),
    "res.users": ("partner_id", "res.partner"),
}
RELATED: dict[tuple[str, str], str] = {
    ("product.template", "uom_name"): "uom_id.name",
    ("product.product", "product_template_variant_value_ids"): "product_template_attribute_value_ids",
    ("product.product", "code"): "default_code",
    ("product.product", "partner_ref"): "display_name",
    ("product.template.attribute.value", "name"): "product_attribute_value_id.name",
    ("product.template.attribute.value", "product_tmpl_id"): "attribute_line_id.product_tmpl_id",
    ("product.template.attribute.value", "attribute_id"): "attribute_line_id.attribute_id",
    ("product.template.attribute.value", "display_type"): "product_attribute_value_id.display_type",
    ("product.template.attribute.value", "html_color"): "product_attribute_value_id.html_color",
    ("product.attribute.value", "display_type"): "attribute_id.display_type",
    ("res.partner", "parent_name"): "parent_id.name",
    ("res.partner", "country_code"): "country_id.code",
    ("stock.quant", "product_tmpl_id"): "product_id.product_tmpl_id",
    ("stock.quant", "product_uom_id"): "product_id.uom_id",
    ("stock.quant", "product_categ_id"): "product_id.categ_id",
    ("stock.quant", "tracking"): "product_id.tracking",
    ("stock.quant", "warehouse_id"): "location_id.warehouse_id",
    ("stock.quant", "currency_id"): "company_id.currency_id",
    ("stock.quant", "inventory_quantity_auto_apply"): "quantity",
    ("sale.order", "country_code"): "company_id.country_code",
    ("sale.order.line", "product_template_id"): "product_id.product_tmpl_id",
    ("sale.order.line", "product_type"): "product_id.type",
    ("sale.order.line", "categ_id"): "product_id.categ_id",
    ("sale.order.line", "is_storable"): "product_id.is_storable",
    ("sale.order.line", "product_template_attribute_value_ids"): "product_id.product_template_attribute_value_ids",
    ("sale.order.line", "product_qty"): "product_uom_qty",
    ("sale.order.line", "translated_product_name"): "product_id.display_name",
    ("account.move", "company_currency_id"): "company_id.currency_id",
    ("account.move.line", "company_currency_id"): "company_id.currency_id",
    ("delivery.carrier", "currency_id"): "company_id.currency_id",
    ("res.company", "country_code"): "country_id.code",
}
# Measured on a real server, in seconds per row. A store's `slowness` scales them.
SLOW: dict[tuple[str, str], float] = {
    ("res.partner", "total_invoiced"): 0.0018,
    ("res.partner", "available_invoice_template_pdf_report_ids"): 0.00082,
    ("res.partner", "display_invoice_template_pdf_report_id"): 0.0007,
    ("res.partner", "message_partner_ids"): 0.00024,
    ("product.product", "product_document_count"): 0.00188,
    ("product.product", "avg_cost"): 0.00162,
    ("product.product", "total_value"): 0.0014,
    ("product.product", "company_currency_id"): 0.00126,
    ("product.product", "tax_string"): 0.00112,
    ("product.product", "supplier_taxes_id"): 0.00064,
    ("product.product", "qty_available"): 0.00062,
    ("product.product", "free_qty"): 0.00032,
    ("product.product", "virtual_available"): 0.00024,
}  # fmt: skip
# Computed from another model; they do not exist without its module.
FROM: dict[tuple[str, str], str] = {
    **{("product.product", name): "stock.quant" for name in ("qty_available", "virtual_available", "free_qty")},
    ("product.product", "outgoing_qty"): "stock.quant",
    ("product.template", "qty_available"): "stock.quant",
    ("res.partner", "total_invoiced"): "account.move",
    ("res.partner", "sale_order_count"): "sale.order",
    ("sale.order", "invoice_count"): "account.move",
}
_INTERNAL = ("internal", "transit")


def _extra(env: Env, row: Row) -> float:
    values = env.store.tables["product.template.attribute.value"].rows
    chosen = row.values.get("product_template_attribute_value_ids", ())
    return float(sum(values[i].values.get("price_extra", 0.0) for i in chosen))


def _lst_price(env: Env, row: Row) -> float:
    template = env.store.tables["product.template"].rows[row.values["product_tmpl_id"]]
    return float(template.values.get("list_price", 0.0)) + _extra(env, row)


def _variants(env: Env, row: Row) -> list[int]:
    table = env.store.tables["product.product"]
    found = table.pointing["product_tmpl_id"].get(row.id, ())
    return [i for i in found if not env.active_test or table.rows[i].values.get("active")]


def _first_variant(env: Env, row: Row) -> Any:
    return next(iter(_variants(env, row)), False)


def _of_single(name: str, empty: Any) -> Callable[[Env, Row], Any]:
    """A template shows its variant's value when it has one variant only."""

    def value(env: Env, row: Row) -> Any:
        variants = env.store.tables["product.product"]
        own = variants.pointing["product_tmpl_id"].get(row.id, ())
        held = variants.rows[own[0]].values.get(name, empty) if len(own) == 1 else empty
        return held.get(env.company, empty) if isinstance(held, dict) else held

    return value


def stock_of(env: Env, product: int) -> tuple[float, float]:
    """(on hand, reserved) in the internal locations of the allowed companies."""
    quants, locations = env.store.tables["stock.quant"], env.store.tables["stock.location"].rows
    on_hand = reserved = 0.0
    for quant in quants.pointing["product_id"].get(product, ()):
        values = quants.rows[quant].values
        inside = locations[values["location_id"]].values.get("usage") in _INTERNAL
        if inside and values.get("company_id", False) in {False, *env.companies}:
            on_hand += values.get("quantity", 0.0)
            reserved += values.get("reserved_quantity", 0.0)
    return on_hand, reserved


def _available(env: Env, row: Row) -> float:
    return stock_of(env, row.id)[0]


def _free(env: Env, row: Row) -> float:
    on_hand, reserved = stock_of(env, row.id)
    return on_hand - reserved


def _reserved(env: Env, row: Row) -> float:
    return stock_of(env, row.id)[1]


def _template_available(env: Env, row: Row) -> float:
    return float(sum(stock_of(env, variant)[0] for variant in _variants(env, row)))


def _address(env: Env, row: Row) -> str:
    v = row.values
    place = " ".join(str(v[k]) for k in ("zip", "city") if v.get(k))
    country = display_name(env, "res.country", v.get("country_id"))
    lines = (v.get("name"), v.get("street"), v.get("street2"), place, country)
    return "\n".join(str(line) for line in lines if line)


def _email_formatted(_env: Env, row: Row) -> Any:
    email = row.values.get("email_normalized")
    return f'"{row.values.get("name") or ""}" <{email}>' if email else False


def _invoiced(env: Env, row: Row) -> float:
    moves = env.store.tables["account.move"]
    found = (moves.rows[i].values for i in moves.pointing["partner_id"].get(row.id, ()))
    return float(sum(v.get("amount_untaxed_signed", 0.0) for v in found if v.get("state") == "posted"))


def _order_invoices(env: Env, row: Row) -> list[int]:
    lines, moves = env.store.tables["sale.order.line"], env.store.tables["account.move.line"]
    found: set[int] = set()
    for line in lines.pointing["order_id"].get(row.id, ()):
        found.update(moves.rows[i].values["move_id"] for i in lines.rows[line].values.get("invoice_lines", ()))
    return sorted(found, reverse=True)


def _tax_totals(env: Env, row: Row) -> dict[str, Any]:
    """A field of type binary whose value is an object, as on a real server."""
    v = row.values
    company = env.store.tables["res.company"].rows[v["company_id"]].values
    return {
        "currency_id": v.get("currency_id", False), "currency_pd": 0.01, "company_currency_id": company["currency_id"],
        "company_currency_pd": 0.01, "has_tax_groups": bool(v.get("amount_tax")), "subtotals": [],
        "base_amount_currency": v.get("amount_untaxed", 0.0), "tax_amount_currency": v.get("amount_tax", 0.0),
        "total_amount_currency": v.get("amount_total", 0.0), "same_tax_base": True,
    }  # fmt: skip


def _currency_of_company(env: Env, _row: Row) -> Any:
    return env.store.tables["res.company"].rows[env.company].values["currency_id"]


def _avatar(_env: Env, row: Row) -> str:
    """There is no image: the server draws the first letter, again for each answer."""
    return f"PD94bWwgdmVyc2lvbj0nMS4wJz8+PHN2Zy8+{row.id % 10}A=="


def _delivered(_env: Env, row: Row) -> float:
    return max(0.0, float(row.values.get("product_uom_qty", 0.0)) - float(row.values.get("qty_delivered", 0.0)))


def _count(field: str) -> Callable[[Env, Row], int]:
    return lambda _env, row: len(row.values.get(field, ()))


COMPUTED: dict[tuple[str, str], Callable[[Env, Row], Any]] = {
    ("product.template", "barcode"): _of_single("barcode", False),
    ("product.template", "standard_price"): _of_single("standard_price", 0.0),
    ("product.template", "product_variant_id"): _first_variant,
    ("product.template", "product_variant_count"): lambda env, row: len(_variants(env, row)),
    ("product.template", "currency_id"): _currency_of_company,
    ("product.template", "cost_currency_id"): _currency_of_company,
    ("product.template", "qty_available"): _template_available,
    ("product.template", "has_configurable_attributes"): lambda _e, row: bool(row.values.get("_attributes")),
    ("product.product", "price_extra"): _extra,
    ("product.product", "lst_price"): _lst_price,
    ("product.product", "qty_available"): _available,
    ("product.product", "virtual_available"): _available,
    ("product.product", "free_qty"): _free,
    ("product.product", "outgoing_qty"): _reserved,
    ("product.product", "company_currency_id"): _currency_of_company,
    ("product.product", "is_product_variant"): lambda _e, _r: True,
    ("stock.quant", "available_quantity"): lambda _e, r: (
        r.values.get("quantity", 0.0) - r.values.get("reserved_quantity", 0.0)
    ),
    ("res.partner", "contact_address"): _address,
    ("res.partner", "contact_address_inline"): lambda env, row: _address(env, row).replace("\n", ", "),
    ("res.partner", "company_type"): lambda _e, row: "company" if row.values.get("is_company") else "person",
    ("res.partner", "email_formatted"): _email_formatted,
    ("res.partner", "self"): lambda _e, row: row.id,
    ("res.partner", "currency_id"): _currency_of_company,
    ("res.partner", "total_invoiced"): _invoiced,
    ("res.partner", "sale_order_count"): lambda env, row: len(
        env.store.tables["sale.order"].pointing["partner_id"].get(row.id, ())
    ),
    ("sale.order", "invoice_ids"): _order_invoices,
    ("sale.order", "invoice_count"): lambda env, row: len(_order_invoices(env, row)),
    ("sale.order", "delivery_count"): _count("picking_ids"),
    ("sale.order", "tax_totals"): _tax_totals,
    ("sale.order", "amount_invoiced"): lambda _e, row: row.values.get("_invoiced", 0.0),
    ("sale.order", "type_name"): lambda _e, row: (
        "Quotation" if row.values.get("state") in ("draft", "sent") else "Sales Order"
    ),
    ("sale.order.line", "qty_to_deliver"): _delivered,
    ("account.move", "tax_totals"): _tax_totals,
    ("product.category", "product_count"): lambda env, row: sum(
        1 for r in env.store.tables["product.template"].rows.values() if r.values.get("categ_id") == row.id
    ),
    ("product.pricelist.item", "name"): lambda env, row: display_name(env, "product.pricelist.item", row.id),
    ("product.product", "name"): lambda env, row: word(
        env, env.store.tables["product.template"].rows[row.values["product_tmpl_id"]]
    ),
    **{(m, f"avatar_{n}"): _avatar for m in ("res.partner", "res.users") for n in (128, 256, 512, 1024, 1920)},
}
