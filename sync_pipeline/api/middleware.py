"""Middleware for every call: request id, body limits, security headers, one log line, no stack trace."""

from __future__ import annotations

import asyncio
import json
import re
import time
from itertools import accumulate
from uuid import uuid4

import anyio
import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync_pipeline.api.metrics import CALLS

DEPTH = 64  # levels of nested arrays and objects
# Arrays and objects in all. An empty one takes thirty times its size once parsed, and parsing blocks other calls.
# 8 MiB of real records have fewer.
_MOST_INSIDE = 400_000
_PART_SECONDS = 20.0  # between two parts of a body
_WHOLE_SECONDS = 120.0
_STRANGERS_BODY = 64 * 1024  # the longest body of a caller without a valid token
_STRANGERS_AT_ONCE = 16  # longer bodies in memory at a time; only webhooks may send them
_log = structlog.get_logger("sync_pipeline.api")
# A string up to its end or the end of the text. Possessive (++, *+), so that no text causes backtracking.
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
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
# These bodies are signed over their raw bytes, so they are not inspected here.
_RAW = "/api/v1/webhooks/"
# The pages take forms; a browser without a session sends one to log in.
_PAGES = "/ui/"
_LOGIN = "/ui/login"
_LOGIN_BODY = 4096


class Guard:
    """The outermost layer, in plain ASGI, so that streams pass through it part by part."""

    def __init__(self, app: ASGIApp, *, max_body: int) -> None:
        self.app, self.max_body = app, max_body
        self._strangers = asyncio.Semaphore(_STRANGERS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # answered as GET is, without the body
            scope, send = {**scope, "method": "GET"}, _head_only(send)
        call = _Call(scope, send)
        body = _Body(scope, receive, self.max_body, self._strangers)
        with structlog.contextvars.bound_contextvars(request_id=call.id):
            try:
                await self.app(scope, body, call.send)
            except Exception as error:  # noqa: BLE001 - the last handler: the log gets the error, the caller none of it
                _log.error("unexpected", exc_info=error)
                await call.refuse(500, "Unexpected error. Committed work is safe.")
            finally:
                body.close()
                call.log()


def _head_only(send: Send) -> Send:
    """Complete the response with its head, so that a stream does not go on."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b""})

    return sent


class _Body:
    """The body, read only when the application asks for it: by then the caller is authenticated.

    It is delivered whole, after the checks on JSON; later messages, such as a disconnect, pass through. A caller
    without a token may send only a short body, except for webhooks; few of those are held in memory at once.
    """

    def __init__(self, scope: Scope, receive: Receive, most: int, strangers: asyncio.Semaphore) -> None:
        self.scope, self._receive, self.most, self._strangers = scope, receive, most, strangers
        self._given = self._holds = False

    async def __call__(self) -> Message:
        if self._given:
            return await self._receive()
        self._given = True
        return {"type": "http.request", "body": await self._whole(), "more_body": False}

    def close(self) -> None:
        """The call has ended."""
        if self._holds:
            self._strangers.release()

    async def _whole(self) -> bytes:
        """Read and check the body.

        Raises:
            HTTPException: the body is refused; the message says why.
        """
        headers = dict(self.scope["headers"])
        raw = self.scope["path"].startswith(_RAW)
        known = "caller" in self.scope["state"]
        login = self.scope["path"] == _LOGIN
        form = login or (known and self.scope["path"].startswith(_PAGES))
        most = self.most if known or raw else min(self.most, _LOGIN_BODY if login else _STRANGERS_BODY)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise HTTPException(400, "Content-Length is not a number.")
        if int(length) > most:
            raise _too_large(most)
        if length == b"0" and b"transfer-encoding" not in headers:
            return b""
        try:
            with anyio.fail_after(_WHOLE_SECONDS):
                body = await self._parts(most, known)
        except TimeoutError:
            raise HTTPException(408, "The body arrived too slowly. Send it again.", {"Connection": "close"}) from None
        if body and not raw:
            kind, *parameters = [one.strip().lower() for one in headers.get(b"content-type", b"").split(b";")]
            if form and kind == b"application/x-www-form-urlencoded":
                return body
            if kind != b"application/json" and not kind.endswith(b"+json"):
                raise HTTPException(415, "Send JSON, with “Content-Type: application/json”.")
            if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
                raise HTTPException(415, "Content-Encoding is not supported. Send the body uncompressed.")
            charset = next((one[8:].strip(b'"') for one in parameters if one.startswith(b"charset=")), b"utf-8")
            # Python would read UTF-16, too, which has a null byte in its first character or its second.
            if charset not in (b"utf-8", b"utf8") or b"\0" in body[:4]:
                raise HTTPException(415, "Send JSON in UTF-8.")
            if body.count(b"[") + body.count(b"{") > _MOST_INSIDE:
                raise HTTPException(
                    413, f"The body has more than {_MOST_INSIDE:,} arrays and objects. Send it in parts."
                )
            if depth(body) > DEPTH:
                raise HTTPException(400, f"The JSON body is nested more than {DEPTH} levels deep. Send it flatter.")
        return body

    async def _parts(self, most: int, known: bool) -> bytes:
        parts, size = [], 0
        while True:
            with anyio.fail_after(_PART_SECONDS):
                message = await self._receive()
            if message["type"] == "http.disconnect":
                raise HTTPException(400, "The body is incomplete.")
            part = message.get("body", b"")
            size += len(part)
            if size > most:
                raise _too_large(most)
            if size > _STRANGERS_BODY and not known and not self._holds:
                await self._strangers.acquire()
                self._holds = True
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"The body is larger than {most:,} bytes. Send it in parts.", {"Connection": "close"})


class _Call:
    """The response of one call."""

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
            return  # the response had begun: the connection closes, so the client sees that it is incomplete
        body = json.dumps({"success": False, "error": error}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def log(self) -> None:
        """Write the log line and the metrics, with the route's pattern instead of the path and query."""
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
    """How deep the arrays and objects of a JSON text are nested. Takes linear time."""
    if body.count(b"[") + body.count(b"{") <= DEPTH:
        return 0
    brackets = _STRINGS.sub(b"", body).translate(None, _NO_BRACKET)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)
