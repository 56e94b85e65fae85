"""`python -m sandbox PROVIDER --port N`: a store in a process of its own.

Prints one JSON line when it is ready (url, key and secret; of an Odoo url, db, user, key and password), and serves
until SIGTERM.
"""

import argparse
import json
import signal
import sys
import threading
from typing import Any

from sandbox import odoo, woocommerce

# products, of them with variations, customers, orders
_SCALES = {"demo": (120, 16, 60, 240), "small": (40, 8, 30, 60), "empty": (0, 0, 0, 0)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("provider", choices=["woocommerce", "odoo"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scale", default="demo", help="demo, small, empty, N-products or N-partners")
    parser.add_argument("--key")
    parser.add_argument("--secret", help="WooCommerce's consumer secret, Odoo's password")
    parser.add_argument("--timezone", default="America/New_York", help="of a WooCommerce")
    parser.add_argument("--currency", default="USD", help="of a WooCommerce")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--https", action="store_true")
    asked = parser.parse_args(argv)
    scale = _scale(asked.scale)
    if scale is None:
        parser.error(f"--scale {asked.scale}: demo, small, empty, N-products or N-partners")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server, ready = (_odoo if asked.provider == "odoo" else _woocommerce)(asked, scale)
    print(json.dumps({**ready, **({"ca_file": server.ca_file} if asked.https else {})}), flush=True)
    stop.wait()
    server.stop()
    return 0


def _woocommerce(asked: Any, scale: tuple[int, int, int, int]) -> tuple[woocommerce.Server, dict[str, str]]:
    store = woocommerce.Store(timezone=asked.timezone, currency=asked.currency)
    store.key, store.secret = asked.key or store.key, asked.secret or store.secret
    products, variable, customers, orders = scale
    woocommerce.seed(
        store, random_seed=asked.seed, products=products, variable=variable, customers=customers, orders=orders
    )
    store.warm("products")
    server = woocommerce.Server(store, https=asked.https, latency=asked.latency, port=asked.port).start()
    return server, {"url": server.url, "key": server.key, "secret": server.secret}


def _odoo(asked: Any, scale: tuple[int, int, int, int]) -> tuple[odoo.Server, dict[str, str]]:
    store = odoo.Store()
    store.admin.key, store.admin.password = asked.key or store.key, asked.secret or store.password
    products, variants, partners, orders = scale
    odoo.seed(store, random_seed=asked.seed, products=products, variants=variants, partners=partners, orders=orders)
    if not orders:  # without sales nobody is a customer, unless somebody says so
        for partner in store.ids("res.partner"):
            store.sql("res.partner", partner, {"customer_rank": 1})
    server = odoo.Server(store, https=asked.https, latency=asked.latency, port=asked.port).start()
    ready = {"url": server.url, "db": server.db, "user": server.login, "key": server.key, "password": server.password}
    return server, ready


def _scale(name: str) -> tuple[int, int, int, int] | None:
    if name in _SCALES:
        return _SCALES[name]
    number, _, what = name.partition("-")
    if not number.isdigit() or what not in ("products", "partners"):
        return None
    return (int(number), 0, 0, 0) if what == "products" else (0, 0, int(number), 0)


if __name__ == "__main__":
    sys.exit(main())
