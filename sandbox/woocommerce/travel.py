"""Headers as nginx sends them, and what PHP and a proxy can do to an answer."""

from sandbox.wire import Answer, Headers, Receive, Send, deliver, html, overloaded, reset
from sandbox.woocommerce.encoding import php_json

__all__ = ["critical_error", "html", "overloaded", "reset", "send", "spoil"]
# A notice with brackets and braces, so that looking for the first `[` does not find the JSON.
_NOTICE = (
    b'<br />\n<b>Warning</b>:  Undefined array key "items" in <b>/var/www/html/wp-content/plugins/feed[2]/'
    b'{main}.php</b> on line <b>[128]</b><br />\n{"partial": [1, 2'
    b"<br />\n"
)
_CRITICAL = (
    "<p>There has been a critical error on this website.</p><p>"
    '<a href="https://wordpress.org/documentation/article/faq-troubleshooting/">'
    "Learn more about troubleshooting WordPress.</a></p>"
)


def critical_error() -> Answer:
    """WordPress' fatal error handler inside a REST request."""
    body = {
        "code": "internal_server_error",
        "message": _CRITICAL,
        "data": {"status": 500},
        "additional_errors": [],
    }
    return Answer(500, php_json(body))


def spoil(answer: Answer, struck: set[str]) -> Answer:
    """Apply faults to the body and the headers."""
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
    """In the recorded order. A 401 and a proxy's answers have fewer."""
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
    # No Content-Length: PHP does not know it, so nginx sends chunks (recorded).
    await deliver(out, answer, method, full_headers(answer, always), struck or set(), receive)
