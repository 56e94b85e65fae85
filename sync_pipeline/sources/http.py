"""HTTP for every source: the only module that uses httpx, and that decides what an error means.

One call is one request. Retries, budgets and halving belong to the capture step, which sees every request.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpcore
import httpx

from sync_pipeline.errors import ConfigurationError, MalformedAnswer, RefusedBySource, TransientSourceError
from sync_pipeline.sources.base import Usage
from sync_pipeline.sources.limits import Clock, NotUnpacked, TimedStream, TooLarge, unpacked
from sync_pipeline.sources.network import PrivateAddress, refuse_private

_BODY_KEPT = 64 * 1024  # bytes of an answer that quarantine keeps
_ANSWER_BYTES = 64 * 1024 * 1024  # unpacked; a hundred records are rarely over one MB
_ANSWER_VALUES = 3_000_000  # each costs a parser many times its bytes
_ANSWER_SECONDS = 300.0  # from the request to its last byte; its head has the time-out of the connection
_REASON_BYTES = 1024 * 1024  # of an error that is read for its code and message


@dataclass(frozen=True, slots=True)
class SourceResponse:
    """A 2xx answer, or one of another status that the caller asked to see."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def clock(self) -> datetime | None:
        """The server's own time, from its Date header."""
        try:
            moment = parsedate_to_datetime(self.headers["date"])
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (KeyError, ValueError, TypeError, OverflowError):
            return None
        return moment if moment.year >= 2000 else None  # a clock that was never set

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asks to wait, from its Retry-After header."""
        return _retry_after(self.headers.get("retry-after"))


@cache
def _trusting(ca_file: str | None) -> ssl.SSLContext:
    """A TLS context. It is cached because reading the system's certificates takes some 20 ms for each client."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an SSLError too
        raise ConfigurationError(
            f"The CA file {ca_file} cannot be used: {error}. It must be a certificate in PEM."
        ) from None


class Http:
    """Requests to one address. Thread-safe; counts requests and bytes.

    `allow_private` allows loopback and private addresses (the demo, tests, a store in the same network). `is_api_error`
    tells an error of the store's API, by its status and body, from a page in front of it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float,
        allow_private: bool,
        ca_file: str | None = None,
        connections: int = 16,
        is_api_error: Callable[[int, bytes], bool] = lambda _status, _body: False,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._is_api_error = is_api_error
        self._requests = 0
        self._received = 0
        self._lock = threading.Lock()
        self._timeout = timeout
        self._clock = Clock()
        verify = _trusting(ca_file)
        transport = httpx.HTTPTransport(verify=verify, limits=httpx.Limits(max_connections=connections))
        # The address is checked when the socket is opened, after DNS: a name may resolve to another address next time.
        transport._pool._network_backend = _CheckedNetwork(allow_private, self._clock)
        self._client = httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 15.0)),
            follow_redirects=False,
            headers={"User-Agent": "sync_pipeline", "Accept": "application/json", "Accept-Encoding": "gzip, deflate"},
            trust_env=False,
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        auth: tuple[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> SourceResponse:
        """Make one request. Statuses in `accept` are returned, not raised.

        Raises:
            TransientSourceError: 408, 429, 5xx, time-out, broken connection; `status`, `body`, `retry_after` say more.
            RefusedBySource: any other status that is not 2xx, a redirect, a private address.
        """
        url = path if "://" in path else f"{self.base_url}/{path.lstrip('/')}"
        started = datetime.now(UTC)
        began = time.monotonic()
        self._clock.until = began + min(self._timeout, _ANSWER_SECONDS)
        try:
            with self._client.stream(
                method, url, params=list(params), headers=headers, content=content, auth=auth
            ) as response:
                self._clock.until = began + _ANSWER_SECONDS
                body = _whole(response, f"{method} {url}", self._clock.until)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise RefusedBySource(f"{url} is not a valid address: {error}", code="bad_address") from None
        except PrivateAddress as error:
            raise RefusedBySource(str(error), code="private_address") from None
        except httpx.TimeoutException as error:
            raise TransientSourceError(f"{method} {url}: no answer in time ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            cause = error.__cause__ or error
            raise TransientSourceError(f"{method} {url}: {_network_cause(cause)}") from None
        finally:
            with self._lock:
                self._requests += 1
        with self._lock:
            self._received += len(body)
        seconds = (datetime.now(UTC) - started).total_seconds()
        status = response.status_code
        if 200 <= status < 300 or status in accept:
            return SourceResponse(status, response.headers, body, seconds)
        if status in (408, 425, 429) or status >= 500:
            raise TransientSourceError(
                f"{method} {url} answered {status}",
                status=status,
                body=body[:_BODY_KEPT],
                retry_after=_retry_after(response.headers.get("retry-after")),
            )
        if 300 <= status < 400:
            raise RefusedBySource(
                f"{method} {url} redirects to {response.headers.get('location', 'nowhere')}. "
                "Connect with the final address.",
                status=status,
                code="redirect",
            )
        code, message = _reason(body)
        raise RefusedBySource(
            f"{method} {url} answered {status}: {message or code}",
            status=status,
            code=code,
            by_api=self._is_api_error(status, body),
        )

    @property
    def usage(self) -> Usage:
        """Requests made, and bytes received."""
        return Usage(self._requests, self._received)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


def _whole(response: httpx.Response, request: str, until: float) -> bytes:
    """The answer's body, limited in size and time while it is read and unpacked: a store could answer without end.

    Raises:
        MalformedAnswer: it is too large or takes too long, so the caller requests less next time.
    """
    body = bytearray()
    coding = response.headers.get("content-encoding", "")
    try:
        for part in unpacked(response.iter_raw(), coding, _ANSWER_BYTES):
            body += part
            if time.monotonic() > until:
                raise httpx.ReadTimeout("the whole answer took too long")
        if body.count(b",") > _ANSWER_VALUES:
            limit = f"exceeds {_ANSWER_VALUES:,} values"
        else:
            return bytes(body)
    except TooLarge:
        limit = f"exceeds {_ANSWER_BYTES:,} bytes"
    except NotUnpacked as error:
        limit = f"cannot be unpacked: {error}"
    except httpx.ReadTimeout:
        if time.monotonic() < until:
            raise
        limit = f"exceeds {_ANSWER_SECONDS:.0f} seconds"
    raise MalformedAnswer(
        f"{request}: the answer {limit}", status=response.status_code, body=bytes(body[:_BODY_KEPT])
    ) from None


class _CheckedNetwork(httpcore.SyncBackend):
    def __init__(self, allow_private: bool, clock: Clock) -> None:
        super().__init__()
        self._allow_private, self._clock = allow_private, clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        if self._allow_private:
            return TimedStream(super().connect_tcp(host, port, timeout, local_address, socket_options), self._clock)
        try:
            found = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        address = str(found[0][4][0])
        refuse_private(host, address)
        return TimedStream(super().connect_tcp(address, port, timeout, local_address, socket_options), self._clock)


def _network_cause(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    lowered = text.lower()
    if "name or service" in lowered or "getaddrinfo" in lowered or "nodename" in lowered or "no address" in lowered:
        return f"the name does not resolve (DNS): {text}"
    if "certificate" in lowered or "ssl" in lowered or "tls" in lowered:
        return f"TLS failed: {text}"
    if "refused" in lowered:
        return f"connection refused: {text}"
    return f"the connection broke: {text}"


def _retry_after(value: str | None) -> float | None:
    if not value:
        return None
    if value.strip().isdecimal() and value.isascii():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _reason(body: bytes) -> tuple[str, str]:
    """`code` and `message` of an error answer; if it is not JSON, the start of its text."""
    try:
        parsed = json.loads(body[:_REASON_BYTES])
        return str(parsed.get("code", ""))[:100], str(parsed.get("message", ""))[:300]
    except (ValueError, AttributeError, RecursionError):
        text = re.sub(rb"<[^>]+>|\s+", b" ", body[:2000]).decode("utf-8", "replace").strip()
        return "", text[:200]
