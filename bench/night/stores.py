"""The stores of all organizations in one process: `python -m bench.night.stores PLAN`, under https://…/<number>.

A line of JSON on its input is a command, a line on its output the answer:

    {"do": "count"}                      requests since the last count, by organization
    {"do": "change", "share": 0.01}      change this share of the products, customers and orders of every store
    {"do": "die", "numbers": {"7": "silent"}}    these are dead from now on: reset, silent or 503; none: all live again
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.night.plan import Kind
from sandbox import odoo, woocommerce
from sandbox.faults import Faults
from sandbox.serving import HttpServer
from sandbox.wire import deliver, overloaded, reset
from sandbox.woocommerce.server import App as WooApp

DEATHS = ("reset", "silent", "503")
_FOREVER = 3600.0  # seconds, longer than anybody waits
_HOME = "https://shop.example"  # what payloads say: the port differs from start to start


class _Clock:
    def __init__(self, moment: datetime) -> None:
        self.moment: datetime | None = moment

    def __call__(self) -> datetime:
        return self.moment or datetime.now(UTC)


class _Nothing(list[Any]):
    """A store's requests, which nobody reads: only their number counts."""

    def append(self, _request: Any) -> None:
        return


class Stores:
    """Answers for the store that a path begins with, and counts."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.requests: list[Any] = []
        self.apps: dict[str, Any] = {}
        self.counted: Counter[str] = Counter()
        self.dead: dict[str, str] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        number, _, path = scope["path"].lstrip("/").partition("/")
        self.counted[number] += 1
        death = self.dead.get(number)
        if death == "reset":
            await reset(send, receive)
        elif death == "silent":
            await asyncio.wait([asyncio.ensure_future(_gone(receive))], timeout=_FOREVER)
        elif death:
            await deliver(send, overloaded(503, None), scope["method"], [], set(), receive)
        else:
            await self.apps[number]({**scope, "path": f"/{path}"}, receive, _by_a_proxy(send))


def _by_a_proxy(send: Any) -> Any:
    """Odoo's own server closes each connection; who serves it over https has a proxy before it, which keeps them."""

    async def kept(message: Any) -> None:
        if message["type"] == "http.response.start":
            left = [one for one in message["headers"] if one[0].lower() != b"connection"]
            message = {**message, "headers": left}
        await send(message)

    return kept


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _made(kind: Kind, moment: datetime) -> Any:
    clock = _Clock(moment)
    store: Any
    if kind.provider == "odoo":
        store = odoo.Store(clock=clock)
        odoo.seed(store, products=kind.products, variants=kind.products // 8, partners=kind.customers,
                  orders=kind.orders)  # fmt: skip
    else:
        store = woocommerce.Store(clock=clock)
        store.home = _HOME
        woocommerce.seed(store, products=kind.products, variable=max(1, kind.products // 20),
                         customers=kind.customers, orders=kind.orders)  # fmt: skip
    clock.moment = None
    return store


def _change(kind: Kind, store: Any, share: float, word: str) -> int:
    """Change a share of the records, as people do: their dates move. Returns how many."""
    names = ("products", "customers", "orders")
    tables = ("product.template", "res.partner", "sale.order") if kind.provider == "odoo" else names
    count = 0
    for name, table, records in zip(names, tables, (kind.products, kind.customers, kind.orders), strict=True):
        ids = list(store.tables[table].ids)
        step = max(1, len(ids) // max(1, round(records * share)))
        for one in ids[step // 2 :: step]:
            if kind.provider == "odoo":
                store.write(table, one, {"note" if name == "orders" else "name": f"{word} {one}"})
            else:
                field = {"products": "name", "customers": "first_name", "orders": "customer_note"}[name]
                store.update(name, one, **{field: f"{word} {one}"})
            count += 1
    return count


def _answer(app: Stores, kinds: dict[Kind, Any], asked: dict[str, Any]) -> Any:
    if asked["do"] == "count":
        counted, app.counted = app.counted, Counter()
        return dict(counted)
    if asked["do"] == "change":
        word = f"Changed {datetime.now(UTC):%H:%M:%S}"
        return {f"{kind.provider} {kind.size}": _change(kind, store, asked["share"], word)
                for kind, store in kinds.items()}  # fmt: skip
    if asked["do"] == "die":
        app.dead = dict(asked["numbers"])
        return len(app.dead)
    raise ValueError(f"unknown command {asked['do']}")


def main(plan: Path) -> int:
    """Serve until the input ends."""
    given = json.loads(plan.read_text())
    moment = datetime.fromisoformat(given["began"])
    app, kinds = Stores(given["latency"]), {}
    for one in given["kinds"]:
        kind = Kind(one["provider"], one["size"])
        store = kinds[kind] = _made(kind, moment)
        for number in one["numbers"]:
            made: Any = (
                odoo.server.App(store, odoo.Faults())
                if kind.provider == "odoo"
                else WooApp(store, woocommerce.Faults())
            )
            made.requests = _Nothing()
            app.apps[str(number)] = made
    server = HttpServer(app, Faults(), https=True, port=given["port"])
    server.begin()
    print(json.dumps({"url": server.url, "ca_file": server.ca_file}), flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(app, kinds, json.loads(line))), flush=True)
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
