"""The server in a thread of this process, on loopback."""

import contextlib
from collections.abc import Iterator

from sandbox.odoo.faults import Faults
from sandbox.odoo.server import App, ServedRequest
from sandbox.odoo.store import Store
from sandbox.serving import HttpServer


class Server(HttpServer[Faults]):
    """A running Odoo: its address, database, login, faults and requests."""

    app: App

    def __init__(self, store: Store, port: int = 0, latency: float = 0.0, https: bool = False) -> None:
        faults = Faults()
        super().__init__(App(store, faults, latency=latency), faults, https=https, port=port)

    @property
    def store(self) -> Store:
        return self.app.store

    def serve(self, store: Store) -> None:
        """Answer from this store from now on, and forget what was asked of the one before."""
        self.app.serve(store)
        self.requests.clear()

    @property
    def db(self) -> str:
        return self.store.db

    @property
    def login(self) -> str:
        return self.store.login

    @property
    def password(self) -> str:
        return self.store.password

    @property
    def key(self) -> str:
        return self.store.key

    @property
    def requests(self) -> list[ServedRequest]:
        return self.app.requests

    def start(self) -> "Server":
        self.begin()
        return self


@contextlib.contextmanager
def running(store: Store, *, port: int = 0, latency: float = 0.0, https: bool = False) -> Iterator[Server]:
    """`with running(store) as server:` serves the store at server.url until the block ends."""
    server = Server(store, port, latency, https).start()
    try:
        yield server
    finally:
        server.stop()
