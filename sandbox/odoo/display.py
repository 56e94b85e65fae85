"""Display names, shown beside the id of a many2one. They depend on the language and on other records."""

from collections.abc import Callable
from typing import Any

from sandbox.odoo.env import Env
from sandbox.odoo.rows import Row


def display_name(env: Env, model: str, row_id: Any) -> Any:
    """A record's name, or False when there is none. The seed names those of models outside the sandbox."""
    if not row_id:
        return False
    key = (model, row_id)
    found = env.names.get(key)
    if found is None:
        table = env.store.tables.get(model)
        row = table.rows.get(row_id) if table else None
        if row is None:
            found = env.store.labels.get(model, {}).get(row_id, f"{model},{row_id}")
        else:
            found = _NAMED.get(model, _name)(env, row) or f"{model},{row_id}"
        env.names[key] = found
    return found


def word(env: Env, row: Row, name: str = "name") -> Any:
    """A translated field in the caller's language."""
    words = row.words.get(env.lang) if row.words else None
    return words[name] if words and name in words else row.values.get(name, False)


def _name(env: Env, row: Row) -> Any:
    return word(env, row)


def _complete(_env: Env, row: Row) -> Any:
    return row.values.get("complete_name") or row.values.get("name", False)


def _variant(env: Env, row: Row) -> str:
    template = env.store.tables["product.template"].rows[row.values["product_tmpl_id"]]
    values = env.store.tables["product.template.attribute.value"].rows
    chosen = [
        str(word(env, _value(env, values[i]))) for i in row.values.get("product_template_attribute_value_ids", ())
    ]
    code = row.values.get("default_code")
    name = f"[{code}] " if code else ""
    return f"{name}{word(env, template)}" + (f" ({', '.join(chosen)})" if chosen else "")


def _template(env: Env, row: Row) -> str:
    code = row.values.get("default_code")
    return f"[{code}] {word(env, row)}" if code else str(word(env, row))


def _value(env: Env, ptav: Row) -> Row:
    return env.store.tables["product.attribute.value"].rows[ptav.values["product_attribute_value_id"]]


def _ptav(env: Env, row: Row) -> str:
    return f"{display_name(env, 'product.attribute', row.values['attribute_id'])}: {word(env, _value(env, row))}"


def _attribute_value(env: Env, row: Row) -> str:
    return f"{display_name(env, 'product.attribute', row.values['attribute_id'])}: {word(env, row)}"


def _pricelist(env: Env, row: Row) -> str:
    return f"{word(env, row)} ({display_name(env, 'res.currency', row.values['currency_id'])})"


def _quant(env: Env, row: Row) -> Any:
    where = display_name(env, "stock.location", row.values["location_id"])
    lot = display_name(env, "stock.lot", row.values.get("lot_id"))
    return f"{where} - {lot}" if lot else where


def _line(env: Env, row: Row) -> str:
    order = display_name(env, "sale.order", row.values["order_id"])
    partner = display_name(env, "res.partner", row.values.get("order_partner_id"))
    return f"{order} - {str(row.values.get('name', '')).splitlines()[0]} ({partner})"


def _move(_env: Env, row: Row) -> str:
    name = row.values.get("name")
    kind = {"out_invoice": "Invoice", "out_refund": "Credit Note", "entry": "Entry"}
    if not name:
        name = f"Draft {kind.get(row.values.get('move_type', ''), 'Bill')}"
    return f"{name} ({row.values['ref']})" if row.values.get("ref") else str(name)


def _move_line(env: Env, row: Row) -> str:
    return f"{display_name(env, 'account.move', row.values['move_id'])} {row.values.get('name') or ''}".strip()


def _stock_move(env: Env, row: Row) -> str:
    picking = display_name(env, "stock.picking", row.values.get("picking_id"))
    product = env.store.tables["product.product"].rows[row.values["product_id"]].values.get("default_code", "")
    start = display_name(env, "stock.location", row.values["location_id"])
    return f"{picking}/{product}: {start}>{display_name(env, 'stock.location', row.values['location_dest_id'])}"


def _attribute_line(env: Env, row: Row) -> Any:
    return display_name(env, "product.attribute", row.values["attribute_id"])


def _item(env: Env, row: Row) -> str:
    product = display_name(env, "product.template", row.values.get("product_tmpl_id"))
    category = display_name(env, "product.category", row.values.get("categ_id"))
    return str(product or (f"Category: {category}" if category else "All Products"))


def _state(env: Env, row: Row) -> str:
    country = env.store.tables["res.country"].rows[row.values["country_id"]].values["code"]
    return f"{row.values['name']} ({country})"


def _partner_name(env: Env, row: Row) -> Any:
    return display_name(env, "res.partner", row.values["partner_id"])


def _reward(env: Env, row: Row) -> Any:
    return word(env, row, "description")


def _card(env: Env, row: Row) -> str:
    return f"{display_name(env, 'loyalty.program', row.values['program_id'])}: {row.values.get('code')}"


_NAMED: dict[str, Callable[[Env, Row], Any]] = {
    "res.partner": _complete,
    "loyalty.reward": _reward,
    "loyalty.card": _card,
    "res.users": _partner_name,
    "res.country.state": _state,
    "product.category": _complete,
    "product.template": _template,
    "product.product": _variant,
    "product.attribute.value": _attribute_value,
    "product.template.attribute.value": _ptav,
    "product.template.attribute.line": _attribute_line,
    "product.pricelist": _pricelist,
    "product.pricelist.item": _item,
    "stock.quant": _quant,
    "stock.location": _complete,
    "stock.move": _stock_move,
    "sale.order.line": _line,
    "account.move": _move,
    "account.move.line": _move_line,
}
