"""The server in a thread of this process, on loopback."""

import contextlib
from collections.abc import Iterator

from sandbox.serving import HttpServer
from sandbox.woocommerce.faults import Faults
from sandbox.woocommerce.server import App, ServedRequest
from sandbox.woocommerce.store import Store


class Server(HttpServer[Faults]):
    """A running store: its address, its key, its faults and its requests."""

    app: App

    def __init__(self, store: Store, *, https: bool = False, latency: float = 0.0, port: int = 0) -> None:
        faults = Faults()
        super().__init__(App(store, faults, latency=latency), faults, https=https, port=port)
        self.serve(store)

    @property
    def store(self) -> Store:
        return self.app.store

    def serve(self, store: Store) -> None:
        """Answer from this store from now on, and forget what was asked of the one before."""
        self.app.store = store
        store.home = self.url
        self.requests.clear()

    @property
    def key(self) -> str:
        return self.store.key

    @property
    def secret(self) -> str:
        return self.store.secret

    @property
    def requests(self) -> list[ServedRequest]:
        return self.app.requests

    def start(self) -> "Server":
        self.begin()
        return self


@contextlib.contextmanager
def running(store: Store, *, https: bool = False, latency: float = 0.0, port: int = 0) -> Iterator[Server]:
    """`with running(store) as server:` serves the store at server.url until the block ends."""
    server = Server(store, https=https, latency=latency, port=port).start()
    try:
        yield server
    finally:
        server.stop()
