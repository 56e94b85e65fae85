"""Answers as WordPress makes them: error bodies, totals, Link."""

from typing import Any, Protocol

from sandbox.wire import Answer
from sandbox.woocommerce.encoding import php_json
from sandbox.woocommerce.listing import Listed, Query
from sandbox.woocommerce.params import Params, encode
from sandbox.woocommerce.routes import MISSING, Route


class Asked(Protocol):
    @property
    def path(self) -> str: ...
    @property
    def params(self) -> Params: ...


def api_error(
    status: int, code: str, message: str, *, unauthorized: bool = False, allow: str | None = None, **more: Any
) -> Answer:
    body = php_json({"code": code, "message": message, "data": {"status": status, **more}})
    return Answer(status, body, [("Allow", allow)] if allow else [], unauthorized=unauthorized)


def missing(code: str, message: str | None = None, *, allow: str | None) -> Answer:
    """404 by code and message, or by a kind's name."""
    if message is None:
        code, message = MISSING[code]
    return api_error(404, code, message, allow=allow)


def page_headers(store: Any, route: Route, request: Asked, query: Query, listed: Listed) -> list[tuple[str, str]]:
    """X-WP-Total, X-WP-TotalPages and Link. As in WordPress, Link repeats the query with its signature."""
    headers = [("X-WP-Total", str(listed.total)), ("X-WP-TotalPages", str(listed.pages))]
    if not query.paged:
        return headers
    links = []
    params = dict(request.params)
    if route.kind == "orders" and "status" not in params:
        params["page"] = params.pop("page", "1")
        params["status"] = {"0": "any"}
    if query.offset is not None:
        params["offset"] = str(abs(query.offset))
    base = store.home + request.path

    def link(page: int, rel: str) -> str:
        return f'<{base}?{encode({**params, "page": str(page)})}>; rel="{rel}"'

    if query.page > 1:
        links.append(link(min(query.page - 1, listed.pages), "prev"))
    if query.page < listed.pages:
        links.append(link(query.page + 1, "next"))
    return [*headers, ("Link", ", ".join(links))] if links else headers
