"""Limits on the HTTP head, before there is a call: idle connections and endless heads are closed."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 20.0  # from the connection, or the first byte, to the end of the head
HEAD_BYTES = 64 * 1024  # beyond the first read, which the event loop bounds


class Wire(HttpToolsProtocol):
    """uvicorn's protocol with limits on the size and duration of the head, which it does not have itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: asyncio.TimerHandle | None = None
        self._in_head, self._head = False, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client disconnected."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a call arrived."""
        continued = self._in_head
        super().data_received(data)
        if continued and self._in_head:
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self.logger.warning("The head of a call is longer than %s bytes.", HEAD_BYTES)
                self.transport.abort()

    def on_message_begin(self) -> None:
        """The head of a call begins."""
        super().on_message_begin()
        self._in_head, self._head = True, 0
        self._await_head()

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def _await_head(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
