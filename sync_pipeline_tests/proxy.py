"""A TCP proxy: between a process and its database, to be cut; or one address before several processes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Proxy:
    """Passes bytes from a port of its own to the target, until it is cut. Of several targets each has its turn."""

    def __init__(self, *targets: tuple[str, int] | str) -> None:
        self._targets = list(targets)
        self.given: list[tuple[str, int] | str] = []  # whom each connection went to
        self._turn = threading.Lock()
        self._open: set[socket.socket] = set()
        self._cut = False
        self._left: int | None = None  # bytes of an answer that is to break off
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close every connection, and every one that comes, until `mend`."""
        with self._turn:
            self._cut = True
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def break_off(self, after: int) -> None:
        """The next answer ends after so many bytes, and its connection with it."""
        self._left = after

    def mend(self) -> None:
        with self._turn:
            self._cut = False

    def close(self) -> None:
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._turn:
                if self._cut:
                    near.close()
                    continue
                try:
                    far = self._connect()
                except OSError:
                    near.close()
                    continue
                self._open |= {near, far}
            for source, sink, answers in ((near, far, False), (far, near, True)):
                source.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                threading.Thread(target=self._pass, args=(source, sink, answers), daemon=True).start()

    def _connect(self) -> socket.socket:
        """To the next target that answers."""
        for _ in self._targets[1:]:
            with contextlib.suppress(OSError):
                return self._to_the_next()
        return self._to_the_next()

    def _to_the_next(self) -> socket.socket:
        target = self._targets[0]
        self._targets.append(self._targets.pop(0))
        if isinstance(target, tuple):
            far = socket.create_connection(target)
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            far = socket.socket(socket.AF_UNIX)
            far.connect(target)
        self.given.append(target)
        return far

    def _pass(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and self._left is not None:
                    data, self._left = data[: self._left], None
                    sink.sendall(data)
                    break
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._turn:
            known = source in self._open
            self._open -= {source}
        if known:
            source.close()


@contextlib.contextmanager
def proxied(*targets: tuple[str, int] | str) -> Iterator[Proxy]:
    """A proxy to the targets, closed afterwards."""
    proxy = Proxy(*targets)
    try:
        yield proxy
    finally:
        proxy.close()
