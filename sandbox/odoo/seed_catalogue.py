"""Products: templates, variants with attributes and extra prices, stock in several locations, pricelists, carriers."""

from itertools import product as combinations
from typing import Any

from sandbox.odoo import seed_words as words
from sandbox.odoo.models import Json
from sandbox.odoo.rows import Row
from sandbox.odoo.seed_world import EU, US, World

# The first of the WooCommerce sandbox's variable products, in its demo scale: the same SKUs of variants.
_SHIRT = 104


def categories_and_attributes(world: World) -> None:
    """Categories and attributes, then carriers and loyalty programs, which need products."""
    for name, parent in words.CATEGORIES:
        above = world.store.row("product.category", world.id("product.category", parent)) if parent else None
        row = world.put(
            "product.category", name=name, parent_id=above.id if above else False,
            complete_name=f"{above.values['complete_name']} / {name}" if above else name,
            property_valuation=world.both("periodic"), property_stock_journal=world.both(13),
            property_cost_method=world.both("standard"),
            property_account_income_categ_id=world.both(26, 62), property_account_expense_categ_id=world.both(32),
            packaging_reserve_method="partial",
        )  # fmt: skip
        row.values["parent_path"] = f"{above.values['parent_path'] if above else ''}{row.id}/"
    for at, (name, create, display, values) in enumerate(words.ATTRIBUTES):
        attribute = world.put(
            "product.attribute", name=name, create_variant=create, display_type=display, sequence=at * 10
        )
        world.words(attribute, name=words.GERMAN.get(name))
        for position, value in enumerate(values):
            row = world.store.put(
                "product.attribute.value",
                {"name": value, "attribute_id": attribute.id, "sequence": position, "color": position,
                 "is_custom": value == "Custom text", "html_color": words.COLORS.get(value, False),
                 "default_extra_price": 2.5 if value == "XL" else 0.0},
                world.at,
            )  # fmt: skip
            world.named[("value", f"{name}:{value}")] = row.id
            world.words(row, name=words.GERMAN.get(value))
    old = {"name": "XXS (old)", "attribute_id": world.id("product.attribute", "Size"), "sequence": 99, "active": False}
    world.store.put("product.attribute.value", old, world.at)


def template(world: World, name: str, price: float, category: str, **values: Any) -> Row:
    given: Json = {
        "name": name, "list_price": price, "categ_id": world.named[("product.category", category)], "type": "consu",
        "service_tracking": "no", "tracking": "none", "sale_ok": True, "purchase_ok": True, "uom_id": 1, "sequence": 1,
        "is_storable": True, "invoice_policy": "order", "expense_policy": "no", "service_type": "manual",
        "taxes_id": [1, 5], "supplier_taxes_id": [2], "property_stock_production": world.both(15),
        "property_stock_inventory": world.both(13), "responsible_id": world.both(2), **values,
    }  # fmt: skip
    return world.store.put("product.template", given, world.at)


def variant(
    world: World, of: Row, code: str | bool, cost: float, chosen: list[int] | None = None, **values: Any
) -> Row:
    picked = chosen or []
    given: Json = {
        "product_tmpl_id": of.id, "default_code": code, "standard_price": {US: cost, EU: round(cost * 0.9, 2)},
        "active": of.values["active"], "product_template_attribute_value_ids": picked,
        "combination_indices": ",".join(map(str, picked)), **values,
    }  # fmt: skip
    return world.store.put("product.product", given, world.at)


def service(world: World, name: str, code: str, price: float) -> int:
    of = template(world, name, price, "Deliveries", type="service", is_storable=False, default_code=code, sale_ok=False)
    return variant(world, of, code, 0.0).id


def simple(world: World, number: int) -> None:
    """One template with one variant; some have odd values."""
    rng = world.rng
    odd = number % 20
    name = (
        words.ODD_NAMES[number // 20 % 8]
        if odd == 3
        else f"{rng.choice(words.ADJECTIVES)} {rng.choice(words.NOUNS)} {number}"
    )
    # Half of them carry the SKUs that the WooCommerce sandbox sells.
    code: str | bool = f"SKU-{number:05d}" if number % 2 else f"OD-{number:05d}"
    code = False if name == "No-SKU Mug" else {19: "DUP-ODOO", 17: f" sku-{number:05d} "}.get(odd, code)
    price = round(rng.randrange(100, 20000) / 100, 2)
    cost = round(price * 0.6, 2)
    more: Json = _ODD.get(odd, {})
    weight = round(rng.random() * 9, 3) if number % 5 == 2 else 0.0
    of = template(
        world, name, price, words.LEAVES[number % len(words.LEAVES)], default_code=code, weight=weight,
        description_sale=f"Item {number}\nSecond line" if number % 4 == 1 else False, **more,
    )  # fmt: skip
    german = next((de for en, de in words.GERMAN_NOUNS.items() if en in name), None)
    world.words(of, name=f"{german} {number}" if german else None)
    barcode = f"40{number:011d}" if number % 3 == 0 else False
    made = variant(world, of, code, cost, barcode=barcode, weight=weight)
    if of.values["active"] and of.values["sale_ok"]:
        world.sold.append((made.id, price, of.values.get("company_id", False)))
    if of.values["is_storable"]:
        stock(world, made.id, number, of.values.get("company_id", False))


_ODD: dict[int, Json] = {
    5: {"active": False}, 6: {"company_id": US}, 7: {"sale_ok": False}, 8: {"company_id": EU},
    9: {"type": "service", "is_storable": False, "invoice_policy": "delivery"}, 10: {"is_storable": False},
    11: {"description": "<p>Item <b>rich</b> &amp; more</p>", "is_favorite": True}, 12: {"taxes_id": []},
    13: {"uom_id": 3}, 3: {"tracking": "lot"}, 14: {"hs_code": "6109.10", "country_of_origin": 48},
    15: {"taxes_id": [4]},
}  # fmt: skip


def variable(world: World, number: int) -> None:
    """A template with sizes, every second one with colors too; XL costs more."""
    names = ("Size", "Color") if number % 2 == 0 else ("Size",)
    sku = _SHIRT + number
    price = float(15 + number % 7)
    of = template(world, f"T-Shirt {sku}", price, "Shirts", _attributes=True)
    axes = []
    for at, name in enumerate((*names, "Engraving")):
        attribute = world.id("product.attribute", name)
        own = dict(next((a[0], a[3]) for a in words.ATTRIBUTES if a[0] == known) for known in (name,))[name]
        own = own[:3] if name == "Color" else own
        values = [world.named[("value", f"{name}:{value}")] for value in own]
        line = world.store.put(
            "product.template.attribute.line",
            {"product_tmpl_id": of.id, "attribute_id": attribute, "value_ids": values, "value_count": len(values),
             "sequence": at * 10},
            world.at,
        )  # fmt: skip
        axis = []
        for value_id, value in zip(values, own, strict=True):
            extra = 2.5 if value == "XL" else 0.0
            ptav = world.store.put(
                "product.template.attribute.value",
                {"product_attribute_value_id": value_id, "attribute_line_id": line.id, "attribute_id": attribute,
                 "product_tmpl_id": of.id, "price_extra": extra, "ptav_active": True, "color": value_id},
                world.at,
            )  # fmt: skip
            axis.append((ptav.id, value, extra))
        if name != "Engraving":
            axes.append(axis)
        world.store.row("product.attribute", attribute).values.setdefault("product_tmpl_ids", []).append(of.id)
        for value_id in values:
            world.store.row("product.attribute.value", value_id).values.setdefault("pav_attribute_line_ids", []).append(
                line.id
            )
    for position, picked in enumerate(combinations(*axes)):
        code = "-".join((f"TS-{sku}", *(value for _, value, _ in picked)))
        extra = sum(cost for _, _, cost in picked)
        made = variant(world, of, code, round(price * 0.55, 2), [ptav for ptav, _, _ in picked], weight=0.2)
        # A combination that is archived.
        made.values["active"] = position != 1
        if made.values["active"]:
            world.sold.append((made.id, price + extra, False))
        stock(world, made.id, position, False)
    for ptav_id in [p for axis in axes for p, _, _ in axis]:
        table = world.store.tables["product.product"]
        own_variants = table.pointing["product_tmpl_id"][of.id]
        used = [i for i in own_variants if ptav_id in table.rows[i].values["product_template_attribute_value_ids"]]
        world.store.row("product.template.attribute.value", ptav_id).values["ptav_product_variant_ids"] = used


def stock(world: World, variant_id: int, number: int, company: Any) -> None:
    """Stock on the first shelf and of both companies: reserved, zero and negative too."""
    rng = world.rng
    places: list[tuple[int, int, float, float]] = []
    if company != EU:
        quantity = float(rng.randrange(0, 120)) if number % 9 else -4.0
        places.append((5, US, quantity, float(min(3, max(0, int(quantity)))) if number % 4 == 0 else 0.0))
        if number % 5 == 0:
            places.append((16, US, float(rng.randrange(1, 20)) + 0.5, 0.0))
    if company != US and number % 3 == 0:
        places.append((27, EU, float(rng.randrange(0, 60)), 0.0))
    if number % 11 == 0:
        places.append((17, US, 0.0, 0.0))
    made = world.text()
    for location, owner, quantity, reserved in places:
        values: Json = {
            "product_id": variant_id, "location_id": location, "company_id": owner, "quantity": quantity,
            "reserved_quantity": reserved, "in_date": made, "inventory_date": "2026-12-31",
        }  # fmt: skip
        if number % 12 == 3:
            values["lot_id"] = 2
        world.store.put("stock.quant", values, world.at)


def pricelists_and_programs(world: World) -> None:
    """Pricelists, carriers and loyalty programs."""
    dear = [variant_id for variant_id, _, _ in world.sold[:3]]
    of = [world.store.row("product.product", i).values["product_tmpl_id"] for i in dear]
    for name, currency, company, active in (
        ("Default", 1, False, True), ("Wholesale EUR", 126, US, True), ("Handel EUR", 126, EU, True),
        ("Summer 2024", 1, US, False),
    ):  # fmt: skip
        world.put("product.pricelist", name=name, currency_id=currency, company_id=company, sequence=16, active=active)
    for item in (
        {"pricelist_id": 2, "applied_on": "3_global", "compute_price": "formula", "base": "list_price",
        "price_discount": 12.5},
        *({"pricelist_id": 2, "applied_on": "1_product", "product_tmpl_id": t, "compute_price": "fixed",
        "fixed_price": 33.33,
           "min_quantity": 10.0, "base": "list_price"} for t in of[:2]),
        {"pricelist_id": 3, "applied_on": "2_product_category", "categ_id": 2, "compute_price": "percentage",
        "percent_price": 5.0,
         "base": "list_price", "date_start": "2026-01-01 00:00:00", "date_end": "2027-01-01 00:00:00"},
    ):  # fmt: skip
        chosen = world.store.row("product.pricelist", int(str(item["pricelist_id"]))).values
        shown = {"3_global": "1_product", "2_product_category": "2_product_category"}.get(
            str(item["applied_on"]), "1_product"
        )
        kept: Json = {**item, "currency_id": chosen["currency_id"], "company_id": chosen.get("company_id", False)}
        world.store.put("product.pricelist.item", {**kept, "display_applied_on": shown}, world.at)
    for name, kind, price, active in (
        ("Standard delivery", "fixed", 9.9, True), ("Local Delivery", "fixed", 5.0, True), ("By weight",
        "base_on_rule", 0.0, True),
        ("Bike courier", "fixed", 7.0, False),
    ):  # fmt: skip
        product = service(world, name, f"Delivery_{name.split()[0]}", price)
        carrier = world.put(
            "delivery.carrier", name=name, delivery_type=kind, fixed_price=price, product_id=product, active=active,
            sequence=4,
            integration_level="rate_and_ship", invoice_policy="estimated", free_over=price == 5.0, amount=50.0,
        )  # fmt: skip
        if kind == "base_on_rule":
            for limit, cost in ((5.0, 6.0), (20.0, 12.0)):
                world.store.put(
                    "delivery.price.rule",
                    {"carrier_id": carrier.id, "variable": "weight", "operator": "<=", "max_value": limit,
                     "list_base_price": cost, "list_price": 0.0, "variable_factor": "weight", "sequence": 10},
                    world.at,
                )  # fmt: skip
    _loyalty(world)


def _loyalty(world: World) -> None:
    coupon = service(world, "10% on your order", "REWARD-10", 0.0)
    for name, kind, company, currency in (
        ("10% Discount Coupons", "coupons", US, 1), ("Sommeraktion", "promotion", EU, 126), ("Loyalty Cards",
        "loyalty", False, 1),
    ):  # fmt: skip
        program = world.put(
            "loyalty.program", name=name, program_type=kind, company_id=company, currency_id=currency, sale_ok=True,
            applies_on="current", trigger="with_code" if kind == "coupons" else "auto", portal_point_name="Points",
        )  # fmt: skip
        shared: Json = {"program_id": program.id, "company_id": company}
        world.store.put("loyalty.rule", {**shared, "reward_point_amount": 1.0, "reward_point_mode": "order",
        "minimum_qty": 1,
                                         "minimum_amount_tax_mode": "incl",
                                         "mode": "with_code" if kind == "coupons" else "auto",
                                         "product_domain": "[]"}, world.at)  # fmt: skip
        world.store.put("loyalty.reward", {**shared, "description": "10% on your order", "reward_type": "discount",
        "discount": 10.0,
                                           "discount_mode": "percent", "discount_applicability": "order",
                                           "required_points": 1.0,
                                           "discount_product_domain": "[]", "discount_line_product_id": coupon},
                                           world.at)  # fmt: skip
        if kind == "coupons":
            for number in range(3):
                code = f"0444-a70{number}-45bb"
                world.store.put("loyalty.card", {**shared, "points": 1.0, "code": code}, world.at)
