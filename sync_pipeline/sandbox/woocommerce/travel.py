"""How an answer travels: headers as nginx sends them, and everything that can spoil it on the way."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sync_pipeline.sandbox.woocommerce.answers import Answer
from sync_pipeline.sandbox.woocommerce.encoding import php_json

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[str, str]]
_PHRASES = {200: "OK", 201: "Created", 404: "Not Found", 500: "Internal Server Error"}
# A notice with brackets and braces, so that looking for the first `[` does not find the JSON.
_NOTICE = (
    b'<br />\n<b>Warning</b>:  Undefined array key "items" in <b>/var/www/html/wp-content/plugins/feed[2]/'
    b'{main}.php</b> on line <b>[128]</b><br />\n{"partial": [1, 2'
    b"<br />\n"
)
_HTML = (
    '<!DOCTYPE html>\n<html lang="en-US"><head><meta charset="UTF-8">{0}</head>'
    "<body><h1>Just a moment...</h1><p>[verify] you are {{human}}</p></body></html>\n"
)
_CRITICAL = (
    "<p>There has been a critical error on this website.</p><p>"
    '<a href="https://wordpress.org/documentation/article/faq-troubleshooting/">'
    "Learn more about troubleshooting WordPress.</a></p>"
)


def html(status: int, head: str = "<title>Just a moment...</title>") -> Answer:
    return Answer(status, _HTML.format(head).encode(), content_type="text/html; charset=UTF-8")


def critical_error() -> Answer:
    """WordPress' fatal error handler inside a REST request."""
    body = {
        "code": "internal_server_error",
        "message": _CRITICAL,
        "data": {"status": 500},
        "additional_errors": [],
    }
    return Answer(500, php_json(body))


def overloaded(status: int, retry_after: float | str | None) -> Answer:
    """What a host in front says: a page of HTML, and perhaps when to come back."""
    words = {429: "Too Many Requests", 503: "Service Unavailable"}.get(status, "Error")
    text = f"<html><head><title>{status} {words}</title></head><body><h1>{status} {words}</h1></body></html>\r\n"
    headers = [("Retry-After", str(retry_after))] if retry_after is not None else []
    return Answer(status, text.encode(), headers, content_type="text/html")


def spoil(answer: Answer, struck: set[str]) -> Answer:
    """Faults in the body and the headers."""
    if not struck:
        return answer
    if "html200" in struck:
        return html(200)
    body = answer.body
    if "php_notice" in struck:
        body = _NOTICE + body
    if "bom" in struck:
        body = b"\xef\xbb\xbf" + body
    headers = answer.headers
    if "no_totals" in struck:
        headers = [(name, value) for name, value in headers if not name.startswith("X-WP-")]
    if "no_keepalive" in struck:
        headers = [*headers, ("Connection", "close")]
    return Answer(answer.status, body, headers, answer.content_type, answer.unauthorized)


def full_headers(answer: Answer, always: Headers) -> Headers:
    """In the recorded order. 401s and what a host answers carry less."""
    given = dict(always)
    home = given.pop("@home")
    own = dict(answer.headers)
    base: Headers = [
        ("Server", given["Server"]),
        ("Date", given["Date"]),
        ("Content-Type", answer.content_type),
    ]
    base.append(("Connection", own.pop("Connection", "keep-alive")))
    if not answer.content_type.startswith("application/json"):
        return [*base, *own.items()]
    base += [
        ("X-Robots-Tag", "noindex"),
        ("Link", own.pop("Link", f'<{home}/wp-json/>; rel="https://api.w.org/"')),
        ("X-Content-Type-Options", "nosniff"),
        ("Access-Control-Expose-Headers", "X-WP-Total, X-WP-TotalPages, Link"),
        (
            "Access-Control-Allow-Headers",
            "Authorization, X-WP-Nonce, Content-Disposition, Content-MD5, Content-Type",
        ),
        *own.items(),
    ]
    if answer.unauthorized:
        return [*base, ("Vary", "Origin")]
    expired = "no-cache, must-revalidate, max-age=0, no-store, private"
    return [*base, ("Expires", "Wed, 11 Jan 1984 05:00:00 GMT"), ("Cache-Control", expired)]


async def send(
    out: Send,
    answer: Answer,
    method: str,
    always: Headers,
    *,
    struck: set[str] | None = None,
    receive: Receive | None = None,
) -> None:
    headers = full_headers(answer, always)
    if struck and receive and struck & {"reset", "half_body", "half_body_chunked"}:
        if "reset" in struck:
            await reset(out, receive)
        else:
            await _half(out, receive, answer, headers, chunked="half_body_chunked" in struck)
        return
    # No Content-Length: PHP does not know it, so nginx sends chunks (recorded).
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    await out({"type": "http.response.start", "status": answer.status, "headers": raw})
    await out({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})


async def reset(out: Send, receive: Receive) -> None:
    """A TCP RST instead of an answer: close with linger 0."""
    transport = _transport(out)
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _gone(receive)


async def _half(out: Send, receive: Receive, answer: Answer, headers: Headers, *, chunked: bool) -> None:
    """The headers promise the whole body, the connection ends in the middle of it."""
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
    """Until uvicorn knows that the client is away; else it would answer 500 by itself."""
    while (await receive())["type"] != "http.disconnect":
        await asyncio.sleep(0)


def _transport(out: Send) -> Any:
    """uvicorn's request cycle owns `send`; ASGI itself has no way to break a connection."""
    return out.__self__.transport  # type: ignore[attr-defined]
