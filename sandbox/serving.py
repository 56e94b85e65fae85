"""The server in a thread of this process, on loopback."""

import asyncio
import socket
import threading
from typing import Any, Generic, Protocol, TypeVar

import uvicorn

from sandbox.faults import Faults
from sandbox.tls import loopback_certificate

_START_SECONDS = 20.0


class App(Protocol):
    """An ASGI app that answers as a store and keeps its requests."""

    latency: float
    requests: Any

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


F = TypeVar("F", bound=Faults)


class Counted:
    """The app, and how many requests it has in flight: also those whose client has gone meanwhile."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.in_flight = self.most = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1


class HttpServer(Generic[F]):
    """A running store: its address, its faults and its requests."""

    def __init__(self, app: App, faults: F, *, https: bool = False, port: int = 0) -> None:
        self.app = app
        self.faults = faults
        self.ca_file: str | None = None
        key_file: str | None = None
        if https:
            self.ca_file, key_file = loopback_certificate()
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if https else 'http'}://127.0.0.1:{self.port}"
        self.counted = Counted(app)
        config = uvicorn.Config(
            self.counted,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            ssl_certfile=self.ca_file,
            ssl_keyfile=key_file,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name=f"sandbox:{self.port}", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()

    @property
    def latency(self) -> float:
        return self.app.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self.app.latency = seconds

    @property
    def most_in_flight(self) -> int:
        """The most requests that it has had in flight at once."""
        return self.counted.most

    def begin(self) -> None:
        """Serve from a thread; return once it listens."""
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise RuntimeError("the sandbox server did not start")
        self.faults.on_listening = self._listen_again

    def stop(self) -> None:
        self.faults.on_listening = lambda _: None
        if self._loop is not None and self._stopping is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout=10)
        self._socket.close()

    def wait(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        """Ends at once: uvicorn's own loop checks every 100 ms and waits for clients, and tests start many servers."""
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        config = self._uvicorn.config
        config.load()
        self._uvicorn.lifespan = config.lifespan_class(config)
        await self._uvicorn.startup(sockets=[self._socket])
        self._ready.set()
        await self._stopping.wait()
        for server in self._uvicorn.servers:
            server.close()
        for connection in list(self._uvicorn.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()

    def _listen_again(self, on: bool) -> None:
        """For faults.down(): close the listening socket (connections are refused), or open it again on its port."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        if threading.current_thread() is self._thread:
            loop.create_task(self._switch(on))
        else:
            asyncio.run_coroutine_threadsafe(self._switch(on), loop).result(timeout=10)

    async def _switch(self, on: bool) -> None:
        listening = [server for server in self._uvicorn.servers if server.is_serving()]
        if on and not listening:
            self._socket = _listen(self.port)
            await self._uvicorn.startup(sockets=[self._socket])
        elif not on:
            for server in listening:
                server.close()
            self._socket.close()


def _listen(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only if the protocol is given; without it every answer takes 40 ms longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(256)
    listener.setblocking(False)
    return listener
