"""Orders with their lines and deliveries."""

from typing import Any

from sandbox.odoo import seed_words as words
from sandbox.odoo.effects import line_amounts, totals
from sandbox.odoo.models import Json
from sandbox.odoo.rows import Row
from sandbox.odoo.seed_invoices import entries, invoices
from sandbox.odoo.seed_world import EU, US, World

_RATE = 0.9100000000000001
_HISTORY = 330.0


def sales(world: World, count: int) -> None:
    """`count` orders over most of a year, oldest first; one in five belongs to the second company."""
    weights = [share for _, share in words.STATES_OF_ORDERS]
    start = world.at
    for number in range(count):
        world.at = start + round(number / max(count, 1) * _HISTORY * 86400 * 1e6)
        state = world.rng.choices([name for name, _ in words.STATES_OF_ORDERS], weights)[0]
        order = _order(world, number, state)
        _lines(world, order, number)
        totals(world.store, order)
        if state == "sale":
            world.tick(60)
            moved = _delivery(world, order, done=number % 5 != 4)
            if number % 3 != 2:
                invoices(world, order, number, moved)
        order.values["invoice_status"] = "no" if state != "sale" else "to invoice" if number % 3 == 2 else "invoiced"
        order.written = world.at
    entries(world)


def _order(world: World, number: int, state: str) -> Row:
    company = EU if number % 5 == 3 else US
    # A European company sells in euros; the American one does so on a euro pricelist.
    euro = company == EU or number % 10 == 6
    buyer, invoice, delivery = world.rng.choice(_allowed(world, company))
    values: Json = {
        "company_id": company, "partner_id": buyer, "partner_invoice_id": invoice, "partner_shipping_id": delivery,
        "state": state,
        "date_order": world.text(), "validity_date": world.text(days=30)[:10], "currency_id": 126 if euro else 1,
        "pricelist_id": (3 if company == EU else 2) if euro else 1,
        "currency_rate": _RATE if euro and company == US else 1.0,
        "client_order_ref": f"WC-{5000 + number}" if number % 6 == 0 else False,
        "user_id": 5 if number % 4 == 0 and company == US else 2,
        "access_token": f"{number:032x}", "shipping_weight": 0.7 if number % 3 == 0 else 0.0,
        "team_id": 2 if number % 7 == 0 else 1, "fiscal_position_id": 1 if not euro else 3 if company == EU else 2,
        "payment_term_id": 3 if number % 3 == 0 else False, "note": words.NOTES[number % len(words.NOTES)] or False,
        "warehouse_id": 2 if company == EU else 1, "picking_policy": "direct", "require_signature": True,
        "require_payment": True,
        "prepayment_percent": 1.0, "origin": "Website" if number % 7 == 0 else False,
        "delivery_status": "pending" if state == "sale" else False,
    }  # fmt: skip
    row = world.store.put("sale.order", values, world.at, uid=2)
    row.values["name"] = f"S{row.id:05d}"
    return row


def _allowed(world: World, company: int) -> list[tuple[int, int, int]]:
    if company == EU:
        return world.buyers
    table = world.store.tables["res.partner"]
    return [b for b in world.buyers[:400] if table.rows[b[0]].values.get("company_id") != EU] or world.buyers


def _lines(world: World, order: Row, number: int) -> None:
    rng, company = world.rng, order.values["company_id"]
    rate = _RATE if order.values["currency_rate"] != 1.0 else 1.0
    tax = 5 if company == EU else 3 if rate != 1.0 else 1
    if number % 6 == 1:
        _line(world, order, display_type="line_section", name="Equipment")
    for position in range(1 + number % 4):
        variant, price, owner = _sellable(world, company)
        product = world.store.row("product.product", variant).values
        template = world.store.row("product.template", product["product_tmpl_id"]).values
        code = f"[{product['default_code']}] " if product.get("default_code") else ""
        text = f"{code}{template['name']}" + (
            f"\n{template['description_sale']}" if template.get("description_sale") else ""
        )
        assert not owner or owner == company
        _line(
            world, order, product_id=variant, name=text, product_uom_qty=float(rng.randrange(1, 6)),
            price_unit=price * rate,
            product_uom_id=template["uom_id"], tax_ids=[tax] if template["taxes_id"] else [],
            discount=5.0 if number % 8 == 0 else 0.0,
            sequence=10 + position, technical_price_unit=price * rate,
        )  # fmt: skip
    if number % 9 == 2:
        _line(world, order, display_type="line_note", name="Engraved: „Für Łukasz“ ☕")
    if number % 6 == 3:
        reward = world.store.tables["loyalty.reward"].rows[1 if company == US else 2]
        sums = [line.get("price_subtotal", 0.0) for line in _own(world, order)]
        _line(world, order, product_id=reward.values["discount_line_product_id"], name="10% on your order",
        reward_id=reward.id,
              product_uom_qty=1.0, price_unit=-round(sum(sums) * 0.1, 2), tax_ids=[tax], sequence=90, product_uom_id=1,
              coupon_id=1 if company == US else False, points_cost=1.0,
              reward_identifier_code=str(order.id))  # fmt: skip
        order.values["applied_coupon_ids"] = [1] if company == US else []
    if number % 3 == 0:
        carrier = world.store.row("delivery.carrier", 1 + number % 2).values
        _line(world, order, product_id=carrier["product_id"], name=carrier["name"], is_delivery=True,
        product_uom_qty=1.0,
              price_unit=carrier["fixed_price"] * rate, tax_ids=[tax], sequence=99, product_uom_id=1)  # fmt: skip
        order.values["carrier_id"] = 1 + number % 2


def _sellable(world: World, company: int) -> tuple[int, float, int | bool]:
    while True:
        found = world.rng.choice(world.sold)
        if not found[2] or found[2] == company:
            return found


def _line(world: World, order: Row, **values: Any) -> Row:
    of, sold = order.values, order.values["state"] == "sale"
    given: Json = {
        "order_id": order.id, "company_id": of["company_id"], "currency_id": of["currency_id"], "state": of["state"],
        "order_partner_id": of["partner_id"], "salesman_id": of["user_id"], "sequence": 10,
        "warehouse_id": of["warehouse_id"], "customer_lead": 0.0, **values,
    }  # fmt: skip
    if not given.get("display_type"):
        given |= line_amounts(world.store, given)
        given |= {"qty_delivered_method": "stock_move", "invoice_status": "to invoice" if sold else "no"}
        given["qty_to_invoice"] = given["product_uom_qty"] if sold else 0.0
        given["untaxed_amount_to_invoice"] = given["price_subtotal"] if sold else 0.0
    return world.store.put("sale.order.line", given, world.at, uid=2)


def _own(world: World, order: Row) -> list[Json]:
    table = world.store.tables["sale.order.line"]
    return [table.rows[i].values for i in table.pointing["order_id"].get(order.id, ())]


def _delivery(world: World, order: Row, *, done: bool) -> bool:
    """A picking with a move for each line of goods. Returns whether it was delivered."""
    of, store = order.values, world.store
    lines = store.tables["sale.order.line"]
    goods = []
    for line_id in lines.pointing["order_id"].get(order.id, ()):
        line = lines.rows[line_id]
        product = store.tables["product.product"].rows.get(line.values.get("product_id") or 0)
        if product and store.row("product.template", product.values["product_tmpl_id"]).values["is_storable"]:
            goods.append(line)
    if not goods:
        return False
    eu, state, when = of["company_id"] == EU, "done" if done else "assigned", world.text()
    places: Json = {"location_id": 27 if eu else 5, "location_dest_id": 2, "company_id": of["company_id"]}
    shared: Json = {
        **places,
        "partner_id": of["partner_shipping_id"],
        "origin": of["name"],
        "state": state,
        "priority": "0",
    }
    kind = 10 if eu else 2
    picking = store.put(
        "stock.picking",
        {**shared, "move_type": "direct", "scheduled_date": when, "date_deadline": when,
        "date_done": when if done else False,
         "picking_type_id": kind, "sale_id": order.id, "is_locked": True, "carrier_id": of.get("carrier_id", False),
         "carrier_tracking_ref": f"JD0146{order.id:05d}" if done and of.get("carrier_id") else False},
        world.at, uid=2,
    )  # fmt: skip
    picking.values["name"] = f"{'EU' if eu else 'WH'}/OUT/{picking.id:05d}"
    for line in goods:
        quantity = line.values["product_uom_qty"]
        store.put(
            "stock.move",
            {**shared, "picking_id": picking.id, "product_id": line.values["product_id"], "product_uom_qty": quantity,
             "product_qty": quantity, "quantity": quantity if done else 0.0, "product_uom": 1, "date": when,
             "date_deadline": when,
             "procure_method": "make_to_stock", "sale_line_id": line.id, "picking_type_id": kind, "sequence": 10,
             "picked": done,
             "rule_id": 9 if eu else 2, "warehouse_id": of["warehouse_id"], "reference": picking.values["name"],
             "to_refund": True,
             "reservation_date": when[:10], "location_final_id": 2, "is_out": done, "weight": 0.35,
             "packaging_uom_id": 1,
             "packaging_uom_qty": quantity},
            world.at, uid=2,
        )  # fmt: skip
        if done:
            line.values["qty_delivered"] = quantity
    picking.values |= {"weight": round(0.35 * len(goods), 2), "shipping_weight": round(0.35 * len(goods), 2)}
    of["delivery_status"] = "full" if done else "pending"
    of["effective_date"] = when if done else False
    return done
