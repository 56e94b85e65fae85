"""Customers: firms with an invoice and a delivery address, people, vendors, archived ones."""

from sandbox.odoo import seed_words as words
from sandbox.odoo.models import Json
from sandbox.odoo.seed_reference import partner
from sandbox.odoo.seed_world import EU, US, World


def people(world: World, count: int) -> None:
    """`count` partners of their own; every third is a firm with two addresses and a contact."""
    firms = words.COMPANIES
    for number in range(count):
        world.tick(0.4)
        name, country, state, city, code, street = words.PEOPLE[number % len(words.PEOPLE)]
        firm = number % 3 == 0
        # The same e-mails as the WooCommerce sandbox's customers, with other case and spaces.
        email = f"cust{number}@example.test"
        values: Json = {
            "name": f"{firms[number // 3 % len(firms)] if firm else name} {number}", "is_company": firm,
            "email": f" Cust{number}@Example.test " if number % 4 == 1 else email, "street": street,
            "zip": code or False, "city": city,
            "country_id": country, "state_id": state, "phone": f"+49 30 {1000000 + number}" if number % 2 else False,
            "category_id": [2] if firm else [4] if number % 5 == 0 else [],
            "ref": f"WC-{number}" if number % 7 == 0 else False,
            "comment": "<p>Calls before noon</p>" if number % 11 == 0 else False,
            "lang": "de_DE" if country == 57 else "en_US",
            "vat": f"DE{136695000 + number}" if firm and country == 57 else False,
            "company_id": EU if number % 17 == 16 else False, "active": number % 13 != 12,
            "credit_limit": {US: 1000.0, EU: 500.0} if firm else {},
        }  # fmt: skip
        if firm:
            values |= {"property_payment_term_id": world.both(3), "website": f"https://firm{number}.example.test"}
        if firm and number % 6 == 0:
            values["property_delivery_carrier_id"] = world.both(1)
            values["specific_property_product_pricelist"] = {US: 2, EU: 3}
        if number % 19 == 18:
            values |= {"supplier_rank": 3, "category_id": [1]}
        made = partner(world, values)
        invoice = delivery = made
        if firm:
            given = {"parent_id": made, "country_id": country, "city": city, "company_id": values["company_id"]}
            invoice = partner(
                world, {**given, "type": "invoice", "name": False, "email": f"billing{number}@example.test"}
            )
            delivery = partner(world, {**given, "type": "delivery", "name": f"Lager {city}", "street": "Dock 4"})
            person = {**given, "name": f"{name}", "function": "Buyer", "email": f"buyer{number}@example.test"}
            partner(world, person)
        if values["active"] and not values.get("supplier_rank"):
            world.buyers.append((made, invoice, delivery))
