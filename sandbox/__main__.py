"""`python -m sandbox PROVIDER --port N`: a store in a process of its own.

Prints one JSON line when it is ready (url, key and secret; of an Odoo url, db, user, key and password), and serves
until SIGTERM.
"""

import argparse
import json
import re
import signal
import sys
import threading
from datetime import UTC, datetime
from typing import Any

from sandbox import odoo, woocommerce

_Scale = tuple[int, int, int, int]  # products, how many of them have variations, customers, orders
_SCALES: dict[str, _Scale] = {"demo": (120, 16, 60, 240), "small": (40, 8, 30, 60), "empty": (0, 0, 0, 0)}
_SCALES_HELP = "demo, small, empty, N-products, N-partners, N-products-M-orders"


class _Clock:
    """The time of `moment` while the store is seeded, then the current time."""

    def __init__(self, moment: str | None) -> None:
        self.moment = datetime.fromisoformat(moment) if moment else None

    def __call__(self) -> datetime:
        return self.moment or datetime.now(UTC)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("provider", choices=["woocommerce", "odoo"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scale", default="demo", help=_SCALES_HELP)
    parser.add_argument("--began", help="seed as of this moment (ISO): the same store opens again the next day")
    parser.add_argument("--key")
    parser.add_argument("--secret", help="WooCommerce's consumer secret, Odoo's password")
    parser.add_argument("--timezone", default="America/New_York", help="of a WooCommerce")
    parser.add_argument("--currency", default="USD", help="of a WooCommerce")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--https", action="store_true")
    asked = parser.parse_args(argv)
    scale = _scale(asked.scale)
    if scale is None:
        parser.error(f"Unknown --scale {asked.scale}. Use one of: {_SCALES_HELP}.")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    clock = _Clock(asked.began)
    server, ready = (_odoo if asked.provider == "odoo" else _woocommerce)(asked, scale, clock)
    server.start()
    print(json.dumps({"url": server.url, **ready, **({"ca_file": server.ca_file} if asked.https else {})}), flush=True)
    stop.wait()
    server.stop()
    return 0


def _woocommerce(asked: Any, scale: _Scale, clock: _Clock) -> tuple[woocommerce.Server, dict[str, str]]:
    store = woocommerce.Store(timezone=asked.timezone, currency=asked.currency, clock=clock)
    store.key, store.secret = asked.key or store.key, asked.secret or store.secret
    products, variable, customers, orders = scale
    woocommerce.seed(
        store, random_seed=asked.seed, products=products, variable=variable, customers=customers, orders=orders
    )
    clock.moment = None
    server = woocommerce.Server(store, https=asked.https, latency=asked.latency, port=asked.port)
    store.warm("products")
    return server, {"key": server.key, "secret": server.secret}


def _odoo(asked: Any, scale: _Scale, clock: _Clock) -> tuple[odoo.Server, dict[str, str]]:
    store = odoo.Store(clock=clock)
    store.admin.key, store.admin.password = asked.key or store.key, asked.secret or store.password
    products, variants, partners, orders = scale
    odoo.seed(store, random_seed=asked.seed, products=products, variants=variants, partners=partners, orders=orders)
    clock.moment = None
    if not orders:  # without orders no partner counts as a customer
        for partner in store.ids("res.partner"):
            store.sql("res.partner", partner, {"customer_rank": 1})
    server = odoo.Server(store, https=asked.https, latency=asked.latency, port=asked.port)
    return server, {"db": server.db, "user": server.login, "key": server.key, "password": server.password}


def _scale(name: str) -> _Scale | None:
    if name in _SCALES:
        return _SCALES[name]
    found = re.fullmatch(r"(\d+)-(products|partners)|(\d+)-products-(\d+)-orders", name)
    if found is None:
        return None
    if found[2]:
        return (int(found[1]), 0, 0, 0) if found[2] == "products" else (0, 0, int(found[1]), 0)
    products = int(found[3])
    return products, max(1, products // 8), max(1, products // 2), int(found[4])


if __name__ == "__main__":
    sys.exit(main())
