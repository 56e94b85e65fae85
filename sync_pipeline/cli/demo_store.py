"""A sandbox shop of the demo, in a process of its own: `python -m sync_pipeline.cli.demo_store --port N …`.

It is seeded as of a fixed moment, so that the same shop opens again the next day: its records are then in sync.
"""

import argparse
import json
import signal
import sys
import threading
from datetime import UTC, datetime

from sync_pipeline.sandbox.woocommerce import Server, Store, seed


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM; one JSON line on stdout says that the shop is open."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--began", required=True, help="the moment the shop was seeded, in ISO format")
    parser.add_argument("--currency", default="USD")
    parser.add_argument("--timezone", default="America/New_York")
    parser.add_argument("--products", type=int, default=120)
    parser.add_argument("--orders", type=int, default=240)
    asked = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    began: datetime | None = datetime.fromisoformat(asked.began)
    store = Store(timezone=asked.timezone, currency=asked.currency, clock=lambda: began or datetime.now(UTC))
    seed(
        store,
        random_seed=asked.seed,
        products=asked.products,
        variable=max(1, asked.products // 8),
        customers=max(1, asked.products // 2),
        orders=asked.orders,
    )
    began = None  # from here on its clock runs
    server = Server(store, port=asked.port).start()
    print(json.dumps({"url": server.url, "key": server.key, "secret": server.secret}), flush=True)
    stop.wait()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
