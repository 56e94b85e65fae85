"""What holds for every call: a request id, a limited body, security headers, one line of log, no stack trace."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable
from itertools import accumulate
from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync_pipeline.api.metrics import CALLS

DEPTH = 64  # of arrays and objects in one another
_log = structlog.get_logger("sync_pipeline.api")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
# Signed over their raw bytes, whatever these are.
_RAW = "/api/v1/webhooks/"


class Guard:
    """The outermost layer, in plain ASGI: streams pass through it piece by piece."""

    def __init__(self, app: ASGIApp, *, max_body: int) -> None:
        self.app, self.max_body = app, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = _Call(scope, send)
        with structlog.contextvars.bound_contextvars(request_id=call.id):
            try:
                body, refused = await self._body(scope, receive)
                if refused is None:
                    await self.app(scope, _again(body, receive), call.send)
                else:
                    await call.refuse(*refused)
            except Exception as error:  # noqa: BLE001 - the last stop: said in the log, and nothing of it to the caller
                _log.error("unexpected", exc_info=error)
                await call.refuse(500, "Something unexpected went wrong. What was committed is safe.")
            finally:
                call.tell()

    async def _body(self, scope: Scope, receive: Receive) -> tuple[bytes, tuple[int, str] | None]:
        """The whole body, or why it is refused."""
        headers = dict(scope["headers"])
        too_large = (413, f"The body is larger than {self.max_body:,} bytes. Send it in parts.")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            return b"", (400, "Content-Length is no number.")
        if int(length) > self.max_body:
            return b"", too_large
        if length == b"0" and b"transfer-encoding" not in headers:
            return b"", None
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            part = message.get("body", b"")
            size += len(part)
            if size > self.max_body:
                return b"", too_large
            parts.append(part)
            if not message.get("more_body", False):
                break
        body = b"".join(parts)
        if body and not scope["path"].startswith(_RAW):
            kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
            if kind != b"application/json" and not kind.endswith(b"+json"):
                return b"", (415, "Send JSON, with “Content-Type: application/json”.")
            if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
                return b"", (415, "Send the body as it is, without Content-Encoding: none is taken here.")
            if depth(body) > DEPTH:
                return b"", (400, f"The body's JSON is deeper than {DEPTH} levels.")
        return body, None


class _Call:
    """One call on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope, self._send = scope, send
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        self.id = given if _ID.fullmatch(given) else uuid4().hex
        self.began = time.perf_counter()
        self.status = 0
        scope.setdefault("state", {})["request_id"] = self.id

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            there = {name for name, _ in message["headers"]}
            more = [pair for pair in _HEADERS if pair[0] not in there]
            message["headers"] = [*message["headers"], *more, (b"x-request-id", self.id.encode())]
        await self._send(message)

    async def refuse(self, status: int, error: str) -> None:
        if self.status:
            return  # the answer had begun: the connection ends, and the client sees that it is not whole
        body = json.dumps({"success": False, "error": error}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if status == 413:
            headers.append((b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def tell(self) -> None:
        """One line of log, and the metrics; with the address as it is declared, not what was searched for."""
        seconds = time.perf_counter() - self.began
        route = getattr(self.scope.get("route"), "path", "unknown")
        CALLS.labels(self.scope["method"] if route != "unknown" else "any", route, str(self.status)).observe(seconds)
        caller = self.scope["state"].get("caller")
        _log.info(
            "call",
            method=self.scope["method"],
            route=route,
            status=self.status,
            milliseconds=round(seconds * 1000, 1),
            org=caller.org.slug if caller else None,
            token=caller.token_id if caller else None,
        )


def depth(body: bytes) -> int:
    """How deep arrays and objects of a JSON text are in one another."""
    if body.count(b"[") + body.count(b"{") <= DEPTH:
        return 0
    brackets = _STRINGS.sub(b"", body).translate(None, _NO_BRACKET)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def _again(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """The body once more; after it, what the client does (it may leave)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
