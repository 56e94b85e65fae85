"""A business's worth of data: deterministic by `random_seed`, at any size.

Everything lies in the past, so a delta after seeding is empty. Bulk loads share one write_date by hundreds, as
imports do.
"""

import random

from sandbox.odoo.seed_catalogue import levers, sellers, simple, variable
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
    """`products` templates, `variants` of them with several variants; `partners` are firms and people that are no
    one's address (a third of them brings three addresses and contacts more). Once a store.
    """
    with store.lock:
        world = World(store, random.Random(random_seed), store.now() - _YEAR * 1_000_000)
        reference(world)
        levers(world)
        for number in range(products - variants):
            if number % _IMPORTED_TOGETHER == 0:
                world.tick(7.3)
            simple(world, number)
        for number in range(variants):
            world.tick(0.2)
            variable(world, number)
        sellers(world)
        people(world, partners)
        world.tick(3600)
        if world.sold and world.buyers:
            sales(world, orders)
        store.version += 1
