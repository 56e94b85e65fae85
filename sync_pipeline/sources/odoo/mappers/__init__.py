"""Odoo payloads as entities: one small file an entity.

Each function works with whatever it is given: fields that a server, a user or an older Odoo does not have are missing
values. Of the fields that the database does not hold it has use for:

- products: barcode, currency_id
- variants: name, lst_price, currency_id, sale_ok, type, is_storable

It looks at other captured records (`Follow`): currencies, countries, states, partner tags, partners, units, taxes,
locations, products, variants, attributes, attribute values and template attribute values.
"""
