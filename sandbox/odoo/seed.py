"""Seed data of a business: deterministic by `random_seed`, at any size.

All dates are in the past, so a delta after seeding is empty. Hundreds of rows share a write_date, as after an import.
"""

import random

from sandbox.odoo.seed_around import around
from sandbox.odoo.seed_catalogue import categories_and_attributes, pricelists_and_programs, simple, variable
from sandbox.odoo.seed_people import people
from sandbox.odoo.seed_reference import reference
from sandbox.odoo.seed_sales import sales
from sandbox.odoo.seed_world import World
from sandbox.odoo.store import Store

_YEAR = 365 * 86400
_IMPORTED_TOGETHER = 500


def seed(
    store: Store, *, random_seed: int = 7, products: int = 40, variants: int = 6, partners: int = 30, orders: int = 60
) -> None:
    """`products` templates, `variants` of them with several variants; `partners` firms and people, of which a third
    have three more addresses and contacts. Call it once per store.
    """
    with store.lock:
        world = World(store, random.Random(random_seed), store.now() - _YEAR * 1_000_000)
        reference(world)
        categories_and_attributes(world)
        for number in range(products - variants):
            if number % _IMPORTED_TOGETHER == 0:
                world.tick(7.3)
            simple(world, number)
        for number in range(variants):
            world.tick(0.2)
            variable(world, number)
        pricelists_and_programs(world)
        people(world, partners)
        world.tick(3600)
        if world.sold and world.buyers:
            sales(world, orders)
        around(world)
        store.version += 1
