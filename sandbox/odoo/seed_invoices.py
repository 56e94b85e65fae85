"""Invoices, credit notes, their journal items, and the other entries of account.move."""

from typing import Any

from sandbox.odoo.models import Json
from sandbox.odoo.rows import Row
from sandbox.odoo.seed_world import EU, US, World


def invoices(world: World, order: Row, number: int, delivered: bool) -> None:
    world.tick(3600)
    invoice = _move(world, order, "out_invoice", posted=number % 10 != 7, paid=number % 4 != 1)
    if number % 12 == 0 and delivered:
        world.tick(86400)
        _move(world, order, "out_refund", posted=number % 24 == 0, paid=False, of=invoice)
    if invoice.values["state"] == "posted":
        for partner_id in {order.values["partner_id"], order.values["partner_invoice_id"]}:
            partner = world.store.row("res.partner", partner_id)
            partner.values["customer_rank"] = partner.values.get("customer_rank", 0) + 1


# Long: mostly one literal.
def _move(world: World, order: Row, kind: str, *, posted: bool, paid: bool, of: Row | None = None) -> Row:
    """Amounts are positive in refunds too; only the signed ones, in the company's currency, have a sign."""
    sold, store = order.values, world.store
    sign, day = -1.0 if kind == "out_refund" else 1.0, world.text()[:10]
    rate, currency = sold["currency_rate"], 126 if sold["company_id"] == EU else 1
    untaxed, tax, total = sold["amount_untaxed"], sold["amount_tax"], sold["amount_total"]
    signed = {"amount_untaxed_signed": untaxed, "amount_tax_signed": tax, "amount_total_signed": total}
    residual = 0.0 if paid and posted else total
    journal = 11 if sold["company_id"] == EU else 1
    values: Json = {
        "move_type": kind, "state": "posted" if posted else "draft", "company_id": sold["company_id"],
        "journal_id": journal, "date": day,
        "invoice_date": day, "invoice_date_due": day, "delivery_date": day, "partner_id": sold["partner_invoice_id"],
        "commercial_partner_id": sold["partner_id"], "partner_shipping_id": sold["partner_shipping_id"],
        "currency_id": sold["currency_id"],
        "invoice_origin": sold["name"], "invoice_user_id": sold["user_id"], "team_id": sold["team_id"],
        "auto_post": "no",
        "amount_untaxed": untaxed, "amount_tax": tax, "amount_total": total, "amount_residual": residual,
        "payment_state": "paid" if paid and posted else "not_paid", "invoice_currency_rate": rate, "checked": posted,
        "amount_residual_signed": _rounded(sign * residual / rate), "posted_before": posted,
        "fiscal_position_id": sold["fiscal_position_id"],
        "amount_total_in_currency_signed": _rounded(sign * total),
        "amount_untaxed_in_currency_signed": _rounded(sign * untaxed),
        "ref": f"Reversal of: {of.values.get('name') or 'draft'}, damaged" if of else sold.get("client_order_ref",
        False),
        "reversed_entry_id": of.id if of else False, "invoice_payment_term_id": sold["payment_term_id"],
        "invoice_partner_display_name": store.row("res.partner", sold["partner_invoice_id"]).values["complete_name"],
        **{name: _rounded(sign * amount / rate) for name, amount in signed.items()},
    }  # fmt: skip
    move = store.put("account.move", values, world.at, uid=2)
    if posted:
        prefix = "RINV" if of else "INV"
        move.values["name"] = f"{prefix}/{day[:4]}/{move.id:05d}"
        move.values |= {"sequence_prefix": f"{prefix}/{day[:4]}/", "sequence_number": move.id}
        move.values["payment_reference"] = move.values["name"]
    shared: Json = {
        "move_id": move.id, "journal_id": journal, "company_id": sold["company_id"],
        "move_name": move.values.get("name", False),
        "parent_state": values["state"], "date": day, "invoice_date": day, "currency_id": sold["currency_id"],
        "partner_id": sold["partner_id"],
        "ref": values["ref"], "company_currency_id": currency, "deductible_amount": 100.0,
    }  # fmt: skip
    lines = store.tables["sale.order.line"]
    for line_id in list(lines.pointing["order_id"].get(order.id, ())):
        line = lines.rows[line_id]
        _journal_item(world, shared, line, sign, rate)
    if tax:
        _entry(
            world,
            shared,
            "tax",
            20,
            -sign * tax,
            rate,
            name="Tax",
            tax_line_id=5 if currency == 126 else 1,
            tax_group_id=4 if currency == 126 else 1,
            tax_base_amount=untaxed,
        )
    _entry(world, shared, "payment_term", 5, sign * total, rate, date_maturity=day, name=False,
           amount_residual=_rounded(sign * residual / rate),
           amount_residual_currency=_rounded(sign * residual))  # fmt: skip
    return move


def _journal_item(world: World, shared: Json, line: Row, sign: float, rate: float) -> None:
    """The invoice line for an order line."""
    sold = line.values
    if sold.get("display_type"):
        made = world.store.put("account.move.line", {**shared, "display_type": sold["display_type"],
        "name": sold["name"],
                                                     "sale_line_ids": [line.id], "sequence": sold["sequence"]},
                                                     world.at)  # fmt: skip
    else:
        made = _entry(
            world, shared, "product", 26, -sign * sold["price_subtotal"], rate, product_id=sold["product_id"],
            name=sold["name"],
            quantity=sold["product_uom_qty"], price_unit=sold["price_unit"], discount=sold.get("discount", 0.0),
            sequence=sold["sequence"],
            price_subtotal=sold["price_subtotal"], price_total=sold["price_total"], tax_ids=sold["tax_ids"],
            sale_line_ids=[line.id],
            product_uom_id=sold.get("product_uom_id", False),
        )  # fmt: skip
        if sign > 0:
            sold |= {"qty_invoiced": sold["product_uom_qty"], "qty_to_invoice": 0.0, "invoice_status": "invoiced"}
            sold |= {"untaxed_amount_invoiced": sold["price_subtotal"], "untaxed_amount_to_invoice": 0.0}
        else:
            sold["qty_invoiced"] = 0.0
    sold["invoice_lines"] = [*sold.get("invoice_lines", ()), made.id]


def _entry(world: World, shared: Json, kind: str, account: int, amount: float, rate: float, **values: Any) -> Row:
    balance = _rounded(amount / rate)
    booked: Json = {
        "display_type": kind, "account_id": account, "balance": balance, "debit": max(balance, 0.0),
        "credit": max(-balance, 0.0) + 0.0,
        "amount_currency": _rounded(amount), **values,
    }  # fmt: skip
    return world.store.put("account.move.line", {**shared, **booked}, world.at)


def _rounded(amount: float) -> float:
    """To cents, and never -0.0."""
    return round(amount, 2) + 0.0


def entries(world: World) -> None:
    """Entries and a vendor bill: the same model, but not customer invoices."""
    day = world.text()[:10]
    for kind, name, company in (
        ("entry", "MISC/2026/00001", US),
        ("entry", "MISC/2026/00002", EU),
        ("in_invoice", "BILL/2026/00001", US),
    ):
        values: Json = {"move_type": kind, "name": name, "company_id": company,
        "journal_id": 2 if kind == "in_invoice" else 3, "date": day,
                        "state": "posted", "currency_id": 1 if company == US else 126, "auto_post": "no",
                        "amount_total": 12.5}  # fmt: skip
        world.store.put("account.move", values, world.at)
