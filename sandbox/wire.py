"""Sending an answer of any provider, and breaking the connection on the way."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[str, str]]
_PHRASES = {200: "OK", 201: "Created", 404: "Not Found", 500: "Internal Server Error"}
_HTML = (
    '<!DOCTYPE html>\n<html lang="en-US"><head><meta charset="UTF-8">{0}</head>'
    "<body><h1>Just a moment...</h1><p>[verify] you are {{human}}</p></body></html>\n"
)


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes
    headers: Headers = field(default_factory=list)
    content_type: str = "application/json; charset=UTF-8"
    # An answer from before the API itself; it has fewer headers.
    unauthorized: bool = False


def html(status: int, head: str = "<title>Just a moment...</title>") -> Answer:
    return Answer(status, _HTML.format(head).encode(), content_type="text/html; charset=UTF-8")


def overloaded(status: int, retry_after: float | str | None) -> Answer:
    """The answer of a proxy: an HTML page, and Retry-After if given."""
    words = {429: "Too Many Requests", 503: "Service Unavailable"}.get(status, "Error")
    text = f"<html><head><title>{status} {words}</title></head><body><h1>{status} {words}</h1></body></html>\r\n"
    headers = [("Retry-After", str(retry_after))] if retry_after is not None else []
    return Answer(status, text.encode(), headers, content_type="text/html")


async def deliver(
    out: Send, answer: Answer, method: str, headers: Headers, struck: set[str], receive: Receive | None
) -> None:
    """Send the answer, or part of it if `struck` names a fault that breaks the connection."""
    if receive and struck & {"reset", "half_body", "half_body_chunked"}:
        if "reset" in struck:
            await reset(out, receive)
        else:
            await _half(out, receive, answer, headers, chunked="half_body_chunked" in struck)
        return
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    await out({"type": "http.response.start", "status": answer.status, "headers": raw})
    await out({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})


async def reset(out: Send, receive: Receive) -> None:
    """Send a TCP RST instead of an answer (close with linger 0)."""
    transport = _transport(out)
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _gone(receive)


async def _half(out: Send, receive: Receive, answer: Answer, headers: Headers, *, chunked: bool) -> None:
    """Announce the whole body and close the connection after half of it."""
    transport = _transport(out)
    half = answer.body[: len(answer.body) // 2]
    length = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(answer.body)))
    lines = [f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in [*headers, length]]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    transport.write(head + (f"{len(half):x}\r\n".encode() + half + b"\r\n" if chunked else half))
    transport.close()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    """Wait until uvicorn knows that the connection is closed; otherwise it answers 500 itself."""
    while (await receive())["type"] != "http.disconnect":
        await asyncio.sleep(0)


def _transport(out: Send) -> Any:
    """uvicorn's request cycle owns `send`; ASGI itself has no way to break a connection."""
    return out.__self__.transport  # type: ignore[attr-defined]
