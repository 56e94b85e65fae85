"""What orders, invoices and products name: journals, teams, tags, lots, vendors' prices, rates, payments."""

from sandbox.odoo.seed_world import EU, US, World

_JOURNALS = (
    (1, "Sales", "INV", "sale", US), (2, "Purchases", "BILL", "purchase", US),
    (3, "Miscellaneous Operations", "MISC", "general", US), (6, "Bank", "BNK1", "bank", US),
    (11, "Ausgangsrechnungen", "RE", "sale", EU), (13, "Inventory Valuation", "STJ", "general", US),
    (14, "Bank", "BNK1", "bank", EU),
)  # fmt: skip


def around(world: World) -> None:
    for row_id, name, code, kind, company in _JOURNALS:
        world.put("account.journal", row_id, name=name, code=code, type=kind, company_id=company, sequence=10)
    for row_id, name, company in ((1, "Sales", False), (2, "Website", US)):
        world.put("crm.team", row_id, name=name, company_id=company, user_id=2, sequence=row_id * 10, color=row_id)
    _products(world)
    for currency, company, day, rate in (
        (126, US, "2026-01-01", 0.93), (126, US, "2026-02-01", 0.9241578), (1, EU, "2026-01-01", 1.0752688172043012),
    ):  # fmt: skip
        world.store.put(
            "res.currency.rate", {"name": day, "rate": rate, "currency_id": currency, "company_id": company}, world.at
        )
    _payments(world)


def _products(world: World) -> None:
    templates = sorted(world.store.ids("product.template"))[:4]
    for row_id, (name, shown) in enumerate((("Bestseller ★", True), ("Nachhaltig", False)), 1):
        having = templates[row_id - 1 :: 2]
        world.put("product.tag", row_id, name=name, color="#3C3C3C", sequence=10, visible_to_customers=shown,
                  product_template_ids=having)  # fmt: skip
        for template in having:
            world.store.row("product.template", template).values.setdefault("product_tag_ids", []).append(row_id)
    for number, template in enumerate(templates):
        world.store.put(
            "product.supplierinfo",
            {"partner_id": 1, "product_tmpl_id": template, "price": 4.2 + number, "min_qty": float(number),
             "currency_id": 1, "product_uom_id": 1, "delay": 3, "sequence": number + 1, "company_id": US,
             "product_code": f"V-{number}" if number else False},
            world.at,
        )  # fmt: skip
    stocked = sorted(world.store.ids("product.product"))[:2]
    for row_id, name in ((1, "0000000000029"), (2, "LOT-2026-Ä")):
        world.put("stock.lot", row_id, name=name, product_id=stocked[(row_id - 1) % len(stocked)],
                  ref=False if row_id == 1 else "R-2")  # fmt: skip


def _payments(world: World) -> None:
    moves = world.store.tables["account.move"].rows
    paid = [move for move in moves.values() if move.values.get("payment_state") == "paid"]
    for number, move in enumerate(paid, 1):
        of, company = move.values, move.values["company_id"]
        world.store.put(
            "account.payment",
            {"name": f"PBNK1/{number:05d}", "date": of["date"], "move_id": False, "company_id": company,
             "journal_id": 14 if company == EU else 6, "state": "paid", "amount": of["amount_total"],
             "payment_type": "outbound" if of["move_type"] == "out_refund" else "inbound", "partner_type": "customer",
             "partner_id": of["partner_id"], "currency_id": of["currency_id"], "invoice_ids": [move.id],
             "memo": of.get("name", False), "is_reconciled": True, "is_matched": number % 2 == 0},
            world.at, uid=2,
        )  # fmt: skip
    world.store.put(
        "account.payment",
        {"name": "PBNK1/BILL", "date": "2026-01-05", "company_id": US, "journal_id": 6, "state": "paid",
         "amount": 12.5, "payment_type": "outbound", "partner_type": "supplier", "partner_id": 1, "currency_id": 1},
        world.at, uid=2,
    )  # fmt: skip
