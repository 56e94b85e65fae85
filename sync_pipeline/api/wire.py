"""The way in, before there is a call: who only opens a connection, or sends a head without end, is shown out."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 20.0  # from the first byte (or the connection) to the end of the head
HEAD_BYTES = 64 * 1024  # beyond the first read, which the event loop bounds


class Wire(HttpToolsProtocol):
    """uvicorn's protocol, which limits neither the size of a call's head nor how long it takes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: asyncio.TimerHandle | None = None
        self._in_head, self._head = False, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A piece of a call."""
        continued = self._in_head
        super().data_received(data)
        if continued and self._in_head:
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self.logger.warning("A call's head is longer than %s bytes.", HEAD_BYTES)
                self.transport.abort()

    def on_message_begin(self) -> None:
        """The first byte of a call's head."""
        super().on_message_begin()
        self._in_head, self._head = True, 0
        self._await_head()

    def on_headers_complete(self) -> None:
        """The last byte of it."""
        self._in_head = False
        self._head_came()
        super().on_headers_complete()

    def _await_head(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _head_came(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
