"""Calls to a sandbox Odoo by its two transports, with nothing of the pipeline in between."""

from typing import Any

import httpx

from sandbox.odoo import Server, Store, seed
from sandbox.tests.steady import PATIENCE, still

# One client for all: making one reads the machine's certificates each time.
CLIENT = httpx.Client(timeout=PATIENCE)


def seeded(**sizes: int) -> Store:
    """A store with a little of everything that answers computed fields at once."""
    store = Store(clock=still)
    store.slowness = 0.0
    seed(store, **{"products": 40, "variants": 5, "partners": 20, "orders": 40, **sizes})
    return store


def json2(server: Server, model: str, method: str, *, key: str | None = None, **arguments: Any) -> httpx.Response:
    headers = {"Authorization": f"bearer {key or server.key}", "X-Odoo-Database": server.db}
    return CLIENT.post(f"{server.url}/json/2/{model}/{method}", json=arguments, headers=headers)


def ask(server: Server, model: str, method: str, **arguments: Any) -> Any:
    """The result over /json/2; archived rows too, unless the context says otherwise."""
    context = {"active_test": False, **arguments.pop("context", {})}
    answer = json2(server, model, method, context=context, **arguments)
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


def rpc(server: Server, service: str, method: str, *args: Any) -> dict[str, Any]:
    """The whole answer of /jsonrpc, `result` or `error`."""
    body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": {"service": service, "method": method, "args": args}}
    answer = CLIENT.post(f"{server.url}/jsonrpc", json=body)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def execute(server: Server, model: str, method: str, *args: Any, **named: Any) -> dict[str, Any]:
    secret = named.pop("secret", server.key)
    return rpc(server, "object", "execute_kw", server.db, 2, secret, model, method, list(args), named)
