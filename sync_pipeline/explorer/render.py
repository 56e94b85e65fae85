"""HTML from templates: a whole page, or the part that a script asks for; with the headers of a page."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from sync_pipeline.explorer import static_files, text
from sync_pipeline.explorer.icons import icon
from sync_pipeline.explorer.nav import CONNECTION_PAGES, ORG_PAGES, by_weight
from sync_pipeline.explorer.remedies import remedy

# Nothing but our own files; no inline script or style; HTML enters the page through one function of swap.js.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types explorer"
)
_HEADERS = {
    "Content-Security-Policy": CSP,
    "Referrer-Policy": "same-origin",  # without a referrer a form would not say where it comes from
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Vary": "Cookie, X-Fragment, Accept-Encoding",
}
# Of a page that is shown in place of the one whose form was refused, not as words above the form.
INSTEAD = {"X-Instead": "page"}
_WORTH_GZIP = 1_400  # bytes: a smaller answer fits one packet anyway
_TITLES = {403: "Not allowed", 404: "Not found", 409: "It changed meanwhile", 429: "Too many tries", 503: "Busy"}


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("sync_pipeline.explorer"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=text.visible,  # of every value, so that no template can forget it
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "number": text.number,
        "ago": text.ago,
        "moment": text.moment,
        "span": text.span,
        "rate": text.rate,
        "short": text.short,
        "ended": text.ended,
        "closing": text.closing,
        "plain": text.plain,
        "label": text.label,
        "told": text.differing,
        "prose": text.prose,
        "breaks": text.breaks,
        "json": text.compact,
        "remedy": remedy,
    }
    made.globals |= {
        "static": static_files.address,
        "icon": icon,
        "org_pages": ORG_PAGES,
        "connection_pages": CONNECTION_PAGES,
        "by_weight": by_weight,
    }
    return made


def is_fragment(request: Request) -> bool:
    """Does a script ask for a part of the page?"""
    return "x-fragment" in request.headers


def theme_of(request: Request) -> str | None:
    """The theme that somebody chose in this browser; None: the system's."""
    chosen = request.cookies.get("theme")
    return chosen if chosen in ("light", "dark") else None


def part(template: str, **context: Any) -> str:
    """A part of a page, for a stream."""
    return _environment().get_template(template).render(**context)


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> Response:
    """The page, or for a script its main part alone."""
    made = _environment().get_template(template)
    layout = "fragment.html" if is_fragment(request) else "base.html"
    html = made.render(
        layout=layout,
        theme=theme_of(request),
        visitor=getattr(request.state, "visitor", None),
        request_id=request.state.request_id,
        **context,
    )
    return answer(request, html.encode("utf-8"), "text/html; charset=utf-8", status, headers)


def answer(
    request: Request,
    body: bytes,
    media_type: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    packed: bytes | None = None,
) -> Response:
    """A body with a page's headers, compressed if that is worth it. `packed`: the body, if it is compressed already."""
    said = {**_HEADERS, **(headers or {})}
    if len(body) > _WORTH_GZIP and "gzip" in request.headers.get("accept-encoding", ""):
        body, said["Content-Encoding"] = packed or gzip.compress(body, 4, mtime=0), "gzip"
    return Response(body, status, said, media_type)


def problem(request: Request, status: int, words: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as a page: what happened and what to do."""
    title = _TITLES.get(status, "That did not work")
    return page(request, "problem.html", status=status, headers=headers, title=title, words=words)
