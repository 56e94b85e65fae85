"""What one answer may cost: its unpacked size while it is unpacked, and its time from the first byte to the last.

A store may answer with a kilobyte that unpacks to a gigabyte, or send a byte a second for ever.
"""

from __future__ import annotations

import ssl
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore

_STEP = 64 * 1024  # bytes that are unpacked at once
_LAYERS = 2  # some hosts pack twice by mistake
_PACKED = {"gzip": 47, "x-gzip": 47, "deflate": 47}  # zlib's window, for either header


class TooLarge(Exception):
    """The answer, or what it unpacks to, is larger than allowed."""


class NotUnpacked(Exception):
    """The answer is packed in a way that cannot be unpacked."""


def unpacked(parts: Iterable[bytes], coding: str, most: int) -> Iterator[bytes]:
    """The bytes of an answer with this Content-Encoding, in small pieces; `most` of them at each layer of packing.

    Raises:
        TooLarge: there are more.
        NotUnpacked: unknown packing, too many layers, or broken bytes.
    """
    layers = [name for name in (one.strip().lower() for one in coding.split(",")) if name not in ("", "identity")]
    unknown = [name for name in layers if name not in _PACKED]
    if unknown or len(layers) > _LAYERS:
        raise NotUnpacked(f"it is packed as “{coding[:100]}”, which was not asked for")
    parts = _counted(parts, most)
    for name in reversed(layers):
        parts = _counted(_layer(parts, _PACKED[name]), most)
    return iter(parts)


def _counted(parts: Iterable[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for part in parts:
        size += len(part)
        if size > most:
            raise TooLarge
        yield part


def _layer(parts: Iterable[bytes], window: int) -> Iterator[bytes]:
    inflate, begun = zlib.decompressobj(window), False
    for part in parts:
        pending, out = part, b""
        while (pending or len(out) == _STEP) and not inflate.eof:
            try:
                out = inflate.decompress(pending, _STEP)
            except zlib.error as error:
                if begun:
                    raise NotUnpacked(str(error)) from None
                inflate, begun = zlib.decompressobj(-zlib.MAX_WBITS), True  # deflate without its header, as some send
                continue
            begun = True
            pending = inflate.unconsumed_tail
            if out:
                yield out
        if inflate.eof:
            return


class Clock(threading.local):
    """Until when the answer that this thread waits for must be there."""

    until: float | None = None

    def left(self, timeout: float | None) -> float | None:
        """The seconds that a single read may take.

        Raises:
            ReadTimeout: none are left.
        """
        if self.until is None:
            return timeout
        left = self.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the whole answer took too long")
        return left if timeout is None else min(left, timeout)


class TimedStream(httpcore.NetworkStream):
    """A socket whose reads and writes together end with the clock: a time-out for each would never come to an end."""

    def __init__(self, inner: httpcore.NetworkStream, clock: Clock) -> None:
        self._inner, self._clock = inner, clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._clock.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._clock.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return TimedStream(self._inner.start_tls(ssl_context, server_hostname, self._clock.left(timeout)), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
