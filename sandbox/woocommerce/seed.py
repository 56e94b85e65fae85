"""Seed data of a shop: deterministic by `random_seed`, at any size.

Every `date_created` is in the past, so a delta after seeding is empty.
"""

import random

from sandbox.woocommerce import seed_words as words
from sandbox.woocommerce.fields import slugify
from sandbox.woocommerce.seed_orders import YEAR, person, restock, seed_order
from sandbox.woocommerce.store import Store
from sandbox.woocommerce.table import Json


def seed(
    store: Store,
    *,
    products: int = 40,
    variable: int = 8,
    customers: int = 30,
    orders: int = 60,
    random_seed: int = 7,
    sku_conflicts: bool = False,
) -> None:
    """`variable` of the `products` are variable, the rest mostly simple; orders by customers and guests."""
    rng = random.Random(random_seed)
    with store.lock:
        start = store.now() - YEAR
        categories, tags, attributes = _levers(store, start)
        first = len(store.tables["products"].rows)
        made = _simple(store, rng, range(first, first + products - variable), start, categories, tags)
        for number in range(first, first + variable):
            _variable(store, rng, number, start, categories, attributes)
        if sku_conflicts:
            for sku in ("DUP-9", "DUP-9", "Abc-1", "abc-1"):
                store.add_product(name=f"SKU {sku}", sku=sku, regular_price="3", date_created=start + 60)
        known = len(store.tables["customers"].rows) - 1
        people = [_customer(store, rng, n, start) for n in range(known, known + customers)]
        for number in range(orders):
            seed_order(store, rng, number, orders, start, people)
        restock(store, rng)
        for number in range(min(12, len(made) // 3)):
            stars = rng.choice((3, 4, 5, 5))
            about = {
                "rating": stars,
                "reviewer": words.PEOPLE[number % 12][0],
                "date_created": start + number * 9000,
            }
            store.add_review(made[number * 3 % len(made)], reviewer_email=f"rev{number}@example.test", **about)


def _categories(store: Store) -> list[int]:
    leaves = []
    for top, middle in words.TREE.items():
        top_id = store.add_category(top)
        for name, bottom in middle.items():
            middle_id = store.add_category(name, top_id, description="All shoes" if name == "Shoes" else "")
            leaves += [store.add_category(leaf, middle_id) for leaf in bottom] or [middle_id]
    return leaves


def _levers(store: Store, start: int) -> tuple[list[int], list[int], dict[str, int]]:
    """Categories, tags, attributes, taxes, coupons and shipping. A second seed reuses them."""
    if store.tables["taxes"].ids:
        table = store.tables["categories"]
        parents = {row.fields["parent"] for row in table.rows.values()}
        leaves = [i for i in table.ids if i not in parents and i != store.default_category]
        attributes = {row.fields["name"]: i for i, row in store.tables["attributes"].rows.items()}
        return leaves, list(store.tables["tags"].ids), attributes
    leaves = _categories(store)
    tags = [store.add_tag(name) for name in words.TAGS]
    attributes = {name: store.add_attribute(name, list(terms)) for name, terms in words.ATTRIBUTES.items()}
    store.add_tax_class("Books")
    for tax in words.TAXES:
        store.add_tax(**tax)
    for code, amount, more in words.COUPONS:
        store.add_coupon(code, amount, date_created=start, **more)
    flat: Json = {"method_id": "flat_rate", "title": "Flat", "cost": "5.00"}
    free: Json = {"method_id": "free_shipping", "cost": "50"}
    store.add_shipping_zone("US", [("country", "US")], [flat, free])
    store.add_shipping_zone("EU", [("continent", "EU")], [{"method_id": "local_pickup"}])
    store.add_shipping_class("Bulky")
    return leaves, tags, attributes


def _simple(
    store: Store, rng: random.Random, numbers: range, start: int, categories: list[int], tags: list[int]
) -> list[int]:
    """Mostly simple products; every twenty include one of each special kind (see _odd)."""
    made: list[int] = []
    sized = [{"length": "10", "width": "5.5", "height": ""}]
    for n in numbers:
        # Imports write several rows a second: ties, which unstable sort orders lose.
        fields: Json = {
            "name": words.ODD_NAMES[n // 20 % 8]
            if n % 20 == 3
            else f"{rng.choice(words.ADJECTIVES)} {rng.choice(words.NOUNS)} {n}",
            "sku": f"SKU-{n:05d}" if n % 33 else f"ŠKÜ-{n:05d}",
            "regular_price": f"{rng.randrange(100, 20000) / 100:.2f}",
            "categories": [categories[n % len(categories)]],
            "date_created": start + n // 4,
        }
        if n % 3 == 0:
            fields |= {"manage_stock": True, "stock_quantity": rng.randrange(0, 120)}
        if n % 4 == 1:
            fields |= {
                "description": f"<p>Item <b>{n}</b> &amp; more</p>\n",
                "short_description": "<p>short</p>\n",
            }
        if n % 5 == 2:
            fields |= {"weight": f"{rng.randrange(1, 90) / 10:.1f}", "dimensions": sized[0]}
        if n % 2 == 0 and len(numbers) <= 5000:
            fields["images"] = [(f"2026/{1 + n % 11:02d}/{slugify(str(fields['name']))}.jpg", fields["name"])]
        fields |= _odd(n, made, tags)
        made.append(store.add_product(**fields))
    return made


def _odd(n: int, made: list[int], tags: list[int]) -> Json:
    odd: dict[int, Json] = {
        2: {"regular_price": "100", "sale_price": "79.90"},
        5: {"manage_stock": True, "stock_quantity": -4},
        6: {"manage_stock": True, "stock_quantity": -12, "backorders": "notify"},
        7: {"status": "draft", "regular_price": ""},
        8: {"status": "private"},
        9: {"virtual": True, "downloadable": True, "regular_price": "9.99"},
        10: {"type": "external", "external_url": "https://example.test/x", "button_text": "Buy"},
        11: {"meta_data": {"supplier_code": "Ünï-1", "nested": {"a": 1, "b": [1, 2]}, "_hidden": "x"}},
        12: {"regular_price": "12.345"},
        13: {"tags": [tags[n // 20 % len(tags)], tags[0]], "featured": True},
        14: {"status": "pending", "regular_price": ""},
        15: {"tax_class": "reduced-rate", "stock_status": "outofstock"},
        16: {"sale_price": "40", "regular_price": "50", "date_on_sale_from": "2027-01-01T00:00:00"},
    }
    if n % 20 == 17 and len(made) > 2:
        return {"type": "grouped", "grouped_products": made[:2], "regular_price": ""}
    return odd.get(n % 20, {})


def _variable(
    store: Store,
    rng: random.Random,
    number: int,
    start: int,
    categories: list[int],
    attributes: dict[str, int],
) -> None:
    chosen: tuple[str, ...] = ("Size", "Color") if number % 2 == 0 else ("Size",)
    shown: list[Json] = [
        {
            "id": attributes[name], "name": name, "slug": f"pa_{name.lower()}", "position": at,
            "visible": True, "variation": True, "options": list(words.ATTRIBUTES[name]),
        }
        for at, name in enumerate(chosen)
    ]  # fmt: skip
    shown.append(
        {
            "id": 0, "name": "Fit", "slug": "Fit", "position": len(chosen), "visible": False,
            "variation": False, "options": ["Regular", "Slim"],
        }
    )  # fmt: skip
    created = start + 86400 + number
    parent = store.add_product(
        name=f"T-Shirt {number}", type="variable", sku=f"TS-{number}", attributes=shown, date_created=created,
        default_attributes=[{"id": attributes["Size"], "name": "Size", "option": "m"}],
        categories=[categories[0]],
    )  # fmt: skip
    colors: tuple[str | None, ...] = words.ATTRIBUTES["Color"][:3] if len(chosen) == 2 else (None,)
    for at, size in enumerate(words.ATTRIBUTES["Size"]):
        for color in colors:
            options = {"Size": size, **({"Color": color} if color else {})}
            store.add_variation(
                parent,
                sku="-".join((f"TS-{number}", *options.values())),
                regular_price=f"{15 + number % 7}.00",
                sale_price="12.50" if rng.random() < 0.1 else "",
                manage_stock=at % 2 == 0,
                **({"stock_quantity": rng.randrange(0, 30)} if at % 2 == 0 else {}),
                attributes=[
                    {
                        "id": attributes[n],
                        "name": n,
                        "slug": f"pa_{n.lower()}",
                        "option": v,
                        "_slug": slugify(v),
                    }
                    for n, v in options.items()
                ],
                date_created=created,
            )


def _customer(store: Store, rng: random.Random, n: int, start: int) -> int:
    name, address = person(n)
    email = f"cust{n}@example.test"
    # The account's e-mail may differ in case from the billing one.
    fields: Json = {
        **name,
        "email": email.replace("cust", "Cust").replace("ex", "Ex") if n % 4 == 1 else email,
    }
    fields |= {"billing": {**address, "email": email}, "shipping": address, "username": f"cust{n}"}
    if n % 5 == 0:
        fields["meta_data"] = {"loyalty": str(rng.randrange(0, 500))}
    if n % 25 == 24:
        return store.add_customer(**fields, role="subscriber", touched=False, date_created=start + n)
    return store.add_customer(**fields, date_created=start + n * 60)
