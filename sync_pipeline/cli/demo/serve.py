"""A sandbox store of the demo, in a process of its own: `python -m sync_pipeline.cli.demo.serve PROVIDER --port N …`.

It is seeded as of a fixed moment, so that the same store opens again the next day: its records are then in sync.
"""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox import odoo, woocommerce


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM; one JSON line on stdout says that the store is open and how to connect to it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("provider", choices=["woocommerce", "odoo"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--began", required=True, help="the moment the store was seeded, in ISO format")
    parser.add_argument("--currency", default="USD", help="of a WooCommerce")
    parser.add_argument("--timezone", default="America/New_York", help="of a WooCommerce")
    parser.add_argument("--products", type=int, default=120)
    parser.add_argument("--orders", type=int, default=240)
    asked = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    began: datetime | None = datetime.fromisoformat(asked.began)
    open_store = _odoo if asked.provider == "odoo" else _woocommerce
    server, door = open_store(asked, lambda: began or datetime.now(UTC))
    began = None  # from here on its clock runs
    server.start()
    print(json.dumps({"url": server.url, **door}), flush=True)
    stop.wait()
    server.stop()
    return 0


def _woocommerce(asked: Any, clock: Callable[[], datetime]) -> tuple[woocommerce.Server, dict[str, str]]:
    store = woocommerce.Store(timezone=asked.timezone, currency=asked.currency, clock=clock)
    woocommerce.seed(
        store,
        random_seed=asked.seed,
        products=asked.products,
        variable=max(1, asked.products // 8),
        customers=max(1, asked.products // 2),
        orders=asked.orders,
    )
    return woocommerce.Server(store, port=asked.port), {"key": store.key, "secret": store.secret}


def _odoo(asked: Any, clock: Callable[[], datetime]) -> tuple[odoo.Server, dict[str, str]]:
    store = odoo.Store(clock=clock)
    odoo.seed(
        store,
        random_seed=asked.seed,
        products=asked.products,
        variants=max(1, asked.products // 8),
        partners=max(1, asked.products // 2),
        orders=asked.orders,
    )
    server = odoo.Server(store, port=asked.port)
    return server, {"db": server.db, "user": server.login, "secret": server.key}


if __name__ == "__main__":
    sys.exit(main())
