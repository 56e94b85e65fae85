"""`python -m sync_pipeline.sandbox woocommerce --port N`: a store in a process of its own.

Prints one JSON line with url, key and secret when it is ready, and serves until SIGTERM.
"""

import argparse
import json
import signal
import sys
import threading

from sync_pipeline.sandbox.woocommerce import Server, Store, seed

# products, of them variable, customers, orders
_SCALES = {"demo": (120, 16, 60, 240), "small": (40, 8, 30, 60), "empty": (0, 0, 0, 0)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sync_pipeline.sandbox", description=__doc__)
    parser.add_argument("provider", choices=["woocommerce"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scale", default="demo", help="demo, small, empty, or N-products")
    parser.add_argument("--key")
    parser.add_argument("--secret")
    parser.add_argument("--timezone", default="America/New_York")
    parser.add_argument("--currency", default="USD")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--https", action="store_true")
    asked = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = Store(timezone=asked.timezone, currency=asked.currency)
    store.key, store.secret = asked.key or store.key, asked.secret or store.secret
    scale = _scale(asked.scale)
    if scale is None:
        parser.error(f"--scale {asked.scale}: demo, small, empty or N-products")
    seed(
        store,
        random_seed=asked.seed,
        products=scale[0],
        variable=scale[1],
        customers=scale[2],
        orders=scale[3],
    )
    store.warm("products")
    server = Server(store, https=asked.https, latency=asked.latency, port=asked.port).start()
    ready = {"url": server.url, "key": server.key, "secret": server.secret}
    print(json.dumps({**ready, **({"ca_file": server.ca_file} if asked.https else {})}), flush=True)
    stop.wait()
    server.stop()
    return 0


def _scale(name: str) -> tuple[int, int, int, int] | None:
    if name in _SCALES:
        return _SCALES[name]
    number = name.removesuffix("-products")
    if not number.isdigit():
        return None
    return int(number), 0, 0, 0


if __name__ == "__main__":
    sys.exit(main())
