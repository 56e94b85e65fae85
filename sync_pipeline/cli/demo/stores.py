"""The stores of the demo, each in its own process."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync_pipeline.cli.output import note
from sync_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from sync_pipeline.cli.children import Child
    from sync_pipeline.config import Settings

_OPEN_SECONDS = 60.0
FIRST_PORT = 18871
_WITHOUT = "The demo goes on: pulls of it fail, as of a store that is down. Start the demo again to have it back."


@dataclass(frozen=True, slots=True)
class DemoStore:
    """A sandbox store of the demo. Currency and time zone apply to WooCommerce only."""

    org: str
    company: str
    provider: str
    connection: str
    seed: int
    products: int
    orders: int
    currency: str = "USD"
    timezone: str = "America/New_York"


# One organization with both providers, which share some emails and SKUs, and one with each provider.
STORES = (
    DemoStore("acme", "Acme Outdoor", "woocommerce", "shop", 7, 120, 240),
    DemoStore("globex", "Globex Home", "woocommerce", "shop", 23, 80, 150, "EUR", "Europe/Berlin"),
    DemoStore("acme", "Acme Outdoor", "odoo", "erp", 7, 60, 80),
    DemoStore("initech", "Initech Supplies", "odoo", "erp", 31, 50, 60),
)


def check_installed() -> None:
    """Raises ConfigurationError if the sandbox stores are not installed, as in the production image."""
    if find_spec("sandbox") is None:
        raise ConfigurationError(
            "The demo needs the sandbox stores, and this installation does not include them: "
            "run it from a clone of the repository with `make demo`."
        )


@dataclass(frozen=True, slots=True)
class OpenStore:
    """The address of an open store, and the options of a connection to it."""

    url: str
    given: dict[str, Any]


def open_stores(children: list[Child], settings: Settings) -> list[OpenStore]:
    """Start the stores as child processes; returns how to connect to them, in the order of STORES."""
    from sync_pipeline.cli.children import Child

    remembered = _remembered(settings)
    opened: list[tuple[Child, Path]] = []
    for store, port in zip(STORES, remembered["ports"], strict=True):
        argv = [  # -P: ignore a folder `sandbox` in the working directory
            sys.executable, "-P", "-m", "sandbox", store.provider, "--port", str(port), "--seed", str(store.seed),
            "--scale", f"{store.products}-products-{store.orders}-orders", "--began", remembered["began"],
            "--currency", store.currency, "--timezone", store.timezone,
        ]  # fmt: skip
        log = settings.home / "logs" / f"store-{store.org}-{store.connection}.log"
        child = Child(f"The store “{store.connection}” of {store.org}", argv, log=log, without=_WITHOUT)
        children.append(child)
        opened.append((child, log))
    opened_stores: list[OpenStore] = []
    for store, (child, log) in zip(STORES, opened, strict=True):
        child.wait_until(lambda log=log: b"\n" in log.read_bytes(), _OPEN_SECONDS)  # type: ignore[misc]
        opened_stores.append(_reach(store, json.loads(log.read_text("utf-8").splitlines()[0])))
    return opened_stores


def _reach(store: DemoStore, ready: dict[str, str]) -> OpenStore:
    url = ready["url"]
    if store.provider == "odoo":
        return OpenStore(url, {"url": url, "db": ready["db"], "username": ready["user"], "password": ready["key"]})
    return OpenStore(url, {"store_url": url, "consumer_key": ready["key"], "consumer_secret": ready["secret"]})


def _remembered(settings: Settings) -> dict[str, Any]:
    """The ports and time of the first start, since payloads contain the store's address and dates."""
    from sync_pipeline.cli.children import free_port

    path = settings.home / "demo.json"
    known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    before: list[int] = known.get("ports", [])
    wanted = [*before, *range(FIRST_PORT + len(before), FIRST_PORT + len(STORES))]
    ports: list[int] = []
    for port in wanted:
        while not free_port(port) or port in ports:
            port = _any_port()
        ports.append(port)
    if ports[: len(before)] != before:
        note("A store's port is in use. It opens on another port, so records that contain its address show as updated.")
    now = datetime.now(UTC).replace(microsecond=0).isoformat()
    facts = {**known, "ports": ports, "began": known.get("began", now)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts) + "\n", "utf-8")
    return facts


def _any_port() -> int:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
