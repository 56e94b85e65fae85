"""A year of orders: big buyers, regulars, guests; every status, several currencies, refunds."""

import random
from typing import Any

from sandbox.woocommerce import seed_words as words
from sandbox.woocommerce.prices import current_price
from sandbox.woocommerce.store import Store
from sandbox.woocommerce.table import Json

YEAR = 365 * 86400
# What big buyers spend in a year, so that each customer segment has members: > 50,000, > 20,000, > 5,000.
_TARGETS = (120_000, 32_000, 9_000)


def seed_order(store: Store, rng: random.Random, number: int, total: int, start: int, people: list[int]) -> None:
    """Three orders in ten are a big buyer's, one in six a guest's; of the others a few buy often."""
    tier = number % 10 if number % 10 < len(_TARGETS) and len(people) > len(_TARGETS) else None
    guest = tier is None and (not people or rng.random() < 1 / 6)
    spend = 0.0
    if tier is not None:
        members = people[: max(3, len(people) // 10)][tier::3]
        buyer = members[number // 10 % len(members)]
        spend = _TARGETS[tier] / max(1, total // 10 // len(members))
    else:
        place = min(3 + int(rng.expovariate(5) * len(people)), len(people) - 1)
        buyer = 0 if guest else people[max(place, 0)]
    fields: Json = {
        "status": _status(rng, number, spend),
        "currency": store.currency if spend else _pick(rng, words.CURRENCIES) or store.currency,
        "payment_method": rng.choice(("cod", "bacs", "cheque")),
        "customer_note": rng.choice(words.NOTES),
        "date_created": start + 2 * 86400 + number * (YEAR - 3 * 86400) // max(total, 1) + rng.randrange(0, 3),
        "coupon": rng.choice(("tenoff", "minus5", "prod3")) if rng.random() < 0.2 else None,
        "shipping_cost": "5.00" if rng.random() < 0.6 else None,
        "fees": {"Gift wrap": "2.50"} if rng.random() < 0.12 else {},
    }
    if guest:
        _, address = person(number)
        email = f"guest{number % 9}@example.test"
        fields["billing"] = {**address, "email": email.upper() if number % 4 == 0 else email}
    if number % 4 == 2:
        fields["meta_data"] = {"erp_ref": f"E{number}"}
    order = store.add_order(customer_id=buyer, items=_basket(store, rng, spend), **fields)
    if fields["status"] == "completed" and rng.random() < 0.08:
        _part_refund(store, rng, order, fields["date_created"] + 3600)


def restock(store: Store, rng: random.Random) -> None:
    """Refill stock, which a year of sales would leave far below zero. A few stay negative."""
    for kind in ("products", "variations"):
        for row_id, row in store.tables[kind].rows.items():
            if (row.fields.get("stock_quantity") or 0) < -12:
                row.fields["stock_quantity"] = rng.randrange(0, 120)
                store.tables[kind].touch(row_id)


def _basket(store: Store, rng: random.Random, spend: float) -> list[tuple[int, int, int]]:
    """One to three lines; with `spend`, quantities that add up to about that amount."""
    rows = store.tables["products"]
    items: list[tuple[int, int, int]] = []
    lines = rng.randrange(1, 4)
    for _ in range(lines * 3 if rows.ids else 0):
        product = rows.rows[rows.ids[rng.randrange(len(rows.ids))]]
        children = store.tables["variations"].children.get(product.id, [])
        child = rng.choice(children) if children else 0
        sold = store.row("variations", child) if child else product
        price = float(current_price(store, sold.fields) or 0)
        if product.fields.get("type") in ("grouped", "external") or not price:
            continue
        quantity = max(1, round(spend / lines / price)) if spend else rng.randrange(1, 5)
        items.append((int(product.id), child, quantity))
        if len(items) == lines:
            break
    return items


def _part_refund(store: Store, rng: random.Random, order: int, at: int) -> None:
    lines = [line for line in store.row("orders", order).fields["line_items"] if float(line["total"]) > 0]
    if lines and rng.random() < 0.5:
        store.add_refund(order, lines={lines[0]["id"]: 1}, reason="line refund", date_created=at)
    elif float(store.row("orders", order).fields["total"]) > 1:
        store.add_refund(order, "1.00", reason="Damaged — partial", date_created=at)


def _status(rng: random.Random, number: int, spend: float) -> str:
    """Every tenth order takes the next status in turn, so that each occurs in a small shop too."""
    if number % 10 == 5:
        return words.STATUSES[number // 10 % len(words.STATUSES)][0]
    return "completed" if spend else _pick(rng, words.STATUSES)


def _pick(rng: random.Random, weighted: tuple[tuple[str, int], ...]) -> str:
    names: list[Any] = [name for name, _ in weighted]
    return str(rng.choices(names, [weight for _, weight in weighted])[0])


def person(n: int) -> tuple[Json, Json]:
    first, last, country, state, city, postcode = words.PEOPLE[n % len(words.PEOPLE)]
    address = {
        "first_name": first, "last_name": last, "company": words.COMPANIES[n % 6] if n % 3 == 0 else "",
        "address_1": f"{n} Main St", "address_2": "", "city": city, "state": state, "postcode": postcode,
        "country": country, "phone": f"+1 555 {n:04d}",
    }  # fmt: skip
    return {"first_name": first, "last_name": last}, address
