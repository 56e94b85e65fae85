"""Orders with their lines, deliveries, invoices and credit notes."""

from typing import Any

from sync_pipeline.sandbox.odoo import seed_words as words
from sync_pipeline.sandbox.odoo.effects import line_amounts, totals
from sync_pipeline.sandbox.odoo.models import Json
from sync_pipeline.sandbox.odoo.rows import Row
from sync_pipeline.sandbox.odoo.seed_world import EU, US, World

_RATE = 0.9100000000000001
_HISTORY = 330.0


def sales(world: World, count: int) -> None:
    """`count` orders over most of a year, oldest first; one in five is of the second company."""
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
                _invoices(world, order, number, moved)
        order.values["invoice_status"] = "no" if state != "sale" else "to invoice" if number % 3 == 2 else "invoiced"
        order.written = world.at
    _entries(world)


def _order(world: World, number: int, state: str) -> Row:
    company = EU if number % 5 == 3 else US
    # A European company sells in euros; the American one does so on a euro pricelist.
    euro = company == EU or number % 10 == 6
    buyer, invoice, delivery = world.rng.choice(_allowed(world, company))
    values: Json = {
        "company_id": company, "partner_id": buyer, "partner_invoice_id": invoice, "partner_shipping_id": delivery, "state": state,
        "date_order": world.text(), "validity_date": world.text(days=30)[:10], "currency_id": 126 if euro else 1,
        "pricelist_id": (3 if company == EU else 2) if euro else 1, "currency_rate": _RATE if euro and company == US else 1.0,
        "client_order_ref": f"WC-{5000 + number}" if number % 6 == 0 else False, "user_id": 5 if number % 4 == 0 and company == US else 2,
        "team_id": 2 if number % 7 == 0 else 1, "fiscal_position_id": 1 if not euro else 3 if company == EU else 2,
        "payment_term_id": 3 if number % 3 == 0 else False, "note": words.NOTES[number % len(words.NOTES)] or False,
        "warehouse_id": 2 if company == EU else 1, "picking_policy": "direct", "require_signature": True, "require_payment": True,
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
            world, order, product_id=variant, name=text, product_uom_qty=float(rng.randrange(1, 6)), price_unit=price * rate,
            product_uom_id=template["uom_id"], tax_ids=[tax] if template["taxes_id"] else [], discount=5.0 if number % 8 == 0 else 0.0,
            sequence=10 + position, technical_price_unit=price * rate,
        )  # fmt: skip
    if number % 9 == 2:
        _line(world, order, display_type="line_note", name="Engraved: „Für Łukasz“ ☕")
    if number % 6 == 3:
        reward = world.store.tables["loyalty.reward"].rows[1 if company == US else 2]
        sums = [line.get("price_subtotal", 0.0) for line in _own(world, order)]
        _line(world, order, product_id=reward.values["discount_line_product_id"], name="10% on your order", reward_id=reward.id,
              product_uom_qty=1.0, price_unit=-round(sum(sums) * 0.1, 2), tax_ids=[tax], sequence=90, product_uom_id=1,
              coupon_id=1 if company == US else False, points_cost=1.0, reward_identifier_code=str(order.id))  # fmt: skip
        order.values["applied_coupon_ids"] = [1] if company == US else []
    if number % 3 == 0:
        carrier = world.store.row("delivery.carrier", 1 + number % 2).values
        _line(world, order, product_id=carrier["product_id"], name=carrier["name"], is_delivery=True, product_uom_qty=1.0,
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
    return world.store.put("sale.order.line", given, world.at, uid=2)


def _own(world: World, order: Row) -> list[Json]:
    table = world.store.tables["sale.order.line"]
    return [table.rows[i].values for i in table.pointing["order_id"].get(order.id, ())]


def _delivery(world: World, order: Row, *, done: bool) -> bool:
    """A picking with a move for each line of goods. Answers whether it was delivered."""
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
        {**shared, "move_type": "direct", "scheduled_date": when, "date_deadline": when, "date_done": when if done else False,
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
             "product_qty": quantity, "quantity": quantity if done else 0.0, "product_uom": 1, "date": when, "date_deadline": when,
             "procure_method": "make_to_stock", "sale_line_id": line.id, "picking_type_id": kind, "sequence": 10, "picked": done,
             "rule_id": 9 if eu else 2, "warehouse_id": of["warehouse_id"], "reference": picking.values["name"], "to_refund": True,
             "reservation_date": when[:10], "location_final_id": 2},
            world.at, uid=2,
        )  # fmt: skip
        if done:
            line.values["qty_delivered"] = quantity
    of["delivery_status"] = "full" if done else "pending"
    of["effective_date"] = when if done else False
    return done


def _invoices(world: World, order: Row, number: int, delivered: bool) -> None:
    world.tick(3600)
    invoice = _move(world, order, "out_invoice", posted=number % 10 != 7, paid=number % 4 != 1)
    if number % 12 == 0 and delivered:
        world.tick(86400)
        _move(world, order, "out_refund", posted=number % 24 == 0, paid=False, of=invoice)
    if invoice.values["state"] == "posted":
        for partner_id in {order.values["partner_id"], order.values["partner_invoice_id"]}:
            partner = world.store.row("res.partner", partner_id)
            partner.values["customer_rank"] = partner.values.get("customer_rank", 0) + 1


def _move(world: World, order: Row, kind: str, *, posted: bool, paid: bool, of: Row | None = None) -> Row:
    """Amounts are positive in refunds too; the sign is in the signed ones, in the company's currency."""
    sold, store = order.values, world.store
    sign, day = -1.0 if kind == "out_refund" else 1.0, world.text()[:10]
    rate, currency = sold["currency_rate"], 126 if sold["company_id"] == EU else 1
    untaxed, tax, total = sold["amount_untaxed"], sold["amount_tax"], sold["amount_total"]
    signed = {"amount_untaxed_signed": untaxed, "amount_tax_signed": tax, "amount_total_signed": total}
    residual = 0.0 if paid and posted else total
    journal = 11 if sold["company_id"] == EU else 1
    values: Json = {
        "move_type": kind, "state": "posted" if posted else "draft", "company_id": sold["company_id"], "journal_id": journal, "date": day,
        "invoice_date": day, "invoice_date_due": day, "delivery_date": day, "partner_id": sold["partner_invoice_id"],
        "commercial_partner_id": sold["partner_id"], "partner_shipping_id": sold["partner_shipping_id"], "currency_id": sold["currency_id"],
        "invoice_origin": sold["name"], "invoice_user_id": sold["user_id"], "team_id": sold["team_id"], "auto_post": "no",
        "amount_untaxed": untaxed, "amount_tax": tax, "amount_total": total, "amount_residual": residual,
        "payment_state": "paid" if paid and posted else "not_paid", "invoice_currency_rate": rate, "checked": posted,
        "amount_residual_signed": round(sign * residual / rate, 2), "posted_before": posted, "fiscal_position_id": sold["fiscal_position_id"],
        "amount_total_in_currency_signed": sign * total, "amount_untaxed_in_currency_signed": sign * untaxed,
        "ref": f"Reversal of: {of.values.get('name') or 'draft'}, damaged" if of else sold.get("client_order_ref", False),
        "reversed_entry_id": of.id if of else False,
        **{name: round(sign * amount / rate, 2) for name, amount in signed.items()},
    }  # fmt: skip
    move = store.put("account.move", values, world.at, uid=2)
    if posted:
        prefix = "RINV" if of else "INV"
        move.values["name"] = f"{prefix}/{day[:4]}/{move.id:05d}"
        move.values |= {"sequence_prefix": f"{prefix}/{day[:4]}/", "sequence_number": move.id}
        move.values["payment_reference"] = move.values["name"]
    shared: Json = {
        "move_id": move.id, "journal_id": journal, "company_id": sold["company_id"], "move_name": move.values.get("name", False),
        "parent_state": values["state"], "date": day, "invoice_date": day, "currency_id": sold["currency_id"], "partner_id": sold["partner_id"],
        "ref": values["ref"], "company_currency_id": currency, "deductible_amount": 100.0,
    }  # fmt: skip
    lines = store.tables["sale.order.line"]
    for line_id in list(lines.pointing["order_id"].get(order.id, ())):
        line = lines.rows[line_id]
        _journal_item(world, shared, line, sign, rate)
    if tax:
        _entry(world, shared, "tax", 20, -sign * tax, rate, name="Tax")
    _entry(world, shared, "payment_term", 5, sign * total, rate, date_maturity=day, name=False,
           amount_residual=round(sign * residual / rate, 2), amount_residual_currency=sign * residual)  # fmt: skip
    return move


def _journal_item(world: World, shared: Json, line: Row, sign: float, rate: float) -> None:
    """The line of an invoice that bills a line of an order."""
    sold = line.values
    if sold.get("display_type"):
        made = world.store.put("account.move.line", {**shared, "display_type": sold["display_type"], "name": sold["name"],
                                                     "sale_line_ids": [line.id], "sequence": sold["sequence"]}, world.at)  # fmt: skip
    else:
        made = _entry(
            world, shared, "product", 26, -sign * sold["price_subtotal"], rate, product_id=sold["product_id"], name=sold["name"],
            quantity=sold["product_uom_qty"], price_unit=sold["price_unit"], discount=sold.get("discount", 0.0), sequence=sold["sequence"],
            price_subtotal=sold["price_subtotal"], price_total=sold["price_total"], tax_ids=sold["tax_ids"], sale_line_ids=[line.id],
            product_uom_id=sold.get("product_uom_id", False),
        )  # fmt: skip
        if sign > 0:
            sold |= {"qty_invoiced": sold["product_uom_qty"], "qty_to_invoice": 0.0, "invoice_status": "invoiced"}
            sold["untaxed_amount_invoiced"] = sold["price_subtotal"]
        else:
            sold["qty_invoiced"] = 0.0
    sold["invoice_lines"] = [*sold.get("invoice_lines", ()), made.id]


def _entry(world: World, shared: Json, kind: str, account: int, amount: float, rate: float, **values: Any) -> Row:
    balance = round(amount / rate, 2)
    booked: Json = {
        "display_type": kind, "account_id": account, "balance": balance, "debit": max(balance, 0.0), "credit": max(-balance, 0.0),
        "amount_currency": amount, **values,
    }  # fmt: skip
    return world.store.put("account.move.line", {**shared, **booked}, world.at)


def _entries(world: World) -> None:
    """What is no invoice of ours stands in the same model: entries and a vendor's bill."""
    day = world.text()[:10]
    for kind, name, company in (
        ("entry", "MISC/2026/00001", US),
        ("entry", "MISC/2026/00002", EU),
        ("in_invoice", "BILL/2026/00001", US),
    ):
        values: Json = {"move_type": kind, "name": name, "company_id": company, "journal_id": 2 if kind == "in_invoice" else 3, "date": day,
                        "state": "posted", "currency_id": 1 if company == US else 126, "auto_post": "no", "amount_total": 12.5}  # fmt: skip
        world.store.put("account.move", values, world.at)
