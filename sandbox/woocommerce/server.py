"""The HTTP server: an ASGI app that answers as WordPress 6.8 + WooCommerce 10.0.2 behind nginx.

The steps of a request: faults that replace the answer → authentication → parameters → store → faults on the answer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import format_datetime
from typing import Any, NamedTuple

from sandbox.wire import Answer
from sandbox.woocommerce import travel
from sandbox.woocommerce.admin import sandbox_call
from sandbox.woocommerce.answers import api_error, missing, page_headers
from sandbox.woocommerce.encoding import field_tree, php_json, pick
from sandbox.woocommerce.faults import Faults
from sandbox.woocommerce.listing import Query, run
from sandbox.woocommerce.oauth import Denied, Gate
from sandbox.woocommerce.params import InvalidParams, Params, php_query, read
from sandbox.woocommerce.payloads_shop import (
    current_currency,
    namespace_index,
    site_index,
    system_status,
)
from sandbox.woocommerce.rest_writes import write
from sandbox.woocommerce.routes import MISSING_PARENT, ROUTES, Route, match
from sandbox.woocommerce.store import Store

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_WRITING = ("POST", "PUT", "PATCH", "DELETE")
_SINGLE = {"data/currencies/current": current_currency, "system_status": system_status}


class ServedRequest(NamedTuple):
    method: str
    path: str
    query: dict[str, Any]
    status: int


class Request(NamedTuple):
    method: str
    path: str
    params: Params
    authorization: str
    https: bool
    body: bytes
    query: str = ""


class App:
    def __init__(self, store: Store, faults: Faults, *, latency: float = 0.0) -> None:
        self.store = store
        self.faults = faults
        self.latency = latency
        self.requests: list[ServedRequest] = []
        self.gate = Gate()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        if request.path.startswith("/_sandbox"):
            await travel.send(send, sandbox_call(self, request), request.method, self._headers())
            return
        if self.faults.is_down():
            await travel.reset(send, receive)
            return
        struck = self.faults.draw(request.path)
        if "slow" in struck:
            await asyncio.sleep(self.faults.slow_seconds)
        if self.latency:
            await asyncio.sleep(self.latency)
        answer = self._instead(request, struck) or self.answer(request)
        answer = travel.spoil(answer, struck)
        self.requests.append(ServedRequest(request.method, request.path, dict(request.params), answer.status))
        await travel.send(send, answer, request.method, self._headers(), struck=struck, receive=receive)

    # -- one request --------------------------------------------------------------------------------------
    def answer(self, request: Request) -> Answer:
        """The store's answer, before faults of the network."""
        path, keyed = self._api_path(request)
        if path is None:
            return travel.html(404, "<title>Page not found</title>")
        if path in ("", "wc/v3") or (path == "wc-analytics" and self.store.analytics):
            return self._index(path)
        known = match(path)
        single = _SINGLE.get(path.removeprefix("wc/v3/")) if path.startswith("wc/v3/") else None
        if single is None and (known is None or self._switched_off(path, request.method)):
            return missing("rest_no_route", "No route was found matching the URL and request method.", allow=None)
        try:
            owner = keyed and self._owner(request)
            query = None
            if known and not known[0].one and request.method in ("GET", "HEAD"):
                query = read(known[0].kind, request.params, self.store.tz)
        except Denied as denied:
            return api_error(401, denied.code, str(denied), unauthorized=True)
        except InvalidParams as refused:
            return Answer(400, php_json(refused.body), [("Allow", known[0].allow)] if known else [])
        refusal = self._rights(request, owner, one=bool(known and known[0].one))
        if refusal:
            return refusal
        if single or known is None:
            return self._with_fields(single(self.store) if single else {}, request)
        route, found = known
        with self.store.lock:
            if request.method in _WRITING:
                return write(self.store, route, found, request.method, request.params, request.body)
            return self._one(route, found, request) if route.one else self._many(route, found, request, query)

    def _many(self, route: Route, found: dict[str, Any], request: Request, query: Query | None) -> Answer:
        assert query is not None
        table = MISSING_PARENT.get(route.kind)
        if "parent" in found:
            query.parent = int(found["parent"])
            if table and query.parent not in self.store.tables[table[0]].rows:
                return missing(*table[1], allow=route.allow)
        if self.faults.page_cap:
            query.per_page = min(query.per_page, self.faults.page_cap)
        if self.faults.ignores_offset:
            query.offset = None
        share = self.faults.lost_share(route.kind)
        if share:
            query.filters["lost"] = share
        listed = run(self.store, query)
        view = self._view(route, request.params)
        shown: list[tuple[str, Any]] = [(route.kind, row_id) for row_id in listed.ids]
        parts = [self.store.render(route.kind, row_id, view) for row_id in listed.ids]
        if route.kind == "products" and "sku" in query.filters and query.page == 1 and not query.offset:
            self._mix_variations(query, request, shown, parts)
            listed.total = max(listed.total, len(parts))
            listed.pages = -(-listed.total // query.per_page)
        if self.faults.poisoned(shown, fields="_fields" in request.params):
            return travel.critical_error()
        body = self.store.finish(b"[" + b",".join(parts) + b"]")
        headers = page_headers(self.store, route, request, query, listed) if route.totals else []
        self._drift(route.kind)
        return Answer(200, body, [*headers, ("Allow", route.allow)])

    def _mix_variations(self, query: Query, request: Request, shown: list[tuple[str, Any]], parts: list[bytes]) -> None:
        """products?sku= finds variations too, with the fields of products (observed)."""
        fields = request.params.get("_fields")
        sku = Query("variations", per_page=query.per_page, orderby="id", filters={"sku": query.filters["sku"]})
        for row_id in run(self.store, sku).ids:
            shown.append(("variations", row_id))
            parts.append(self.store.render("variations", row_id, f"product?{fields}" if fields else "product"))

    def _one(self, route: Route, found: dict[str, Any], request: Request) -> Answer:
        kind, row_id, view = route.kind, _identity(found["id"]), self._view(route, request.params)
        if kind == "products" and row_id in self.store.tables["variations"].rows:
            kind, view = "variations", "product" + view
        row = self.store.tables[kind].rows.get(row_id)
        wrong_parent = "parent" in found and row is not None and _parent_of(row.fields) != int(found["parent"])
        if row is None or wrong_parent or self.faults.lost_one(kind, row_id):
            return missing(kind, allow=None if kind == "customers" else route.allow)
        if self.faults.poisoned([(kind, row_id)], fields="_fields" in request.params):
            return travel.critical_error()
        return Answer(200, self.store.finish(self.store.render(kind, row_id, view)), [("Allow", route.allow)])

    def _view(self, route: Route, params: Params) -> str:
        variant = route.view
        places = str(params.get("dp", ""))
        if route.kind == "orders" and places.isdigit() and places != "2":
            variant = f"dp={min(int(places), 8)}"
        fields = params.get("_fields")
        if isinstance(fields, dict):
            fields = ",".join(fields.values())
        return f"{variant}?{fields}" if fields else variant

    def _with_fields(self, payload: Any, request: Request) -> Answer:
        body = php_json(payload)
        if request.params.get("_fields"):
            body = pick(body, field_tree(str(request.params["_fields"])))
        return Answer(200, self.store.finish(body), [("Allow", "GET")])

    def _index(self, path: str) -> Answer:
        """The API's own index is public."""
        routes = [
            (route.pattern.pattern, route.allow)
            for route in ROUTES
            if route.pattern.pattern.startswith(f"{path}/") and not self._switched_off(route.pattern.pattern, "GET")
        ]
        payload = namespace_index(path, routes) if path else site_index(self.store)
        return Answer(200, self.store.finish(php_json(payload)), [("Allow", "GET")])

    # -- who may ------------------------------------------------------------------------------------------
    def _api_path(self, request: Request) -> tuple[str | None, bool]:
        """The route, and whether keys are checked: only if the path contains wp-json/ (observed)."""
        if request.path.startswith("/wp-json") and not self.faults.plain:
            return request.path.removeprefix("/wp-json").strip("/"), True
        if "rest_route" in request.params and request.path in ("/", "/index.php"):
            return str(request.params["rest_route"]).strip("/"), False
        return None, False

    def _owner(self, request: Request) -> bool:
        return self.gate.admit(
            key=self.store.key,
            secret=self.store.secret,
            method=request.method,
            url=self.store.home + request.path,
            https=request.https,
            params=request.params,
            authorization="" if self.faults.strips_auth else request.authorization,
            # The real time, not the store's: a test that moves the store's clock still signs with the real time.
            now=int(time.time()),
        )

    def _rights(self, request: Request, owner: bool, *, one: bool) -> Answer | None:
        writing = request.method in _WRITING
        if not owner:
            what = "create" if request.method == "POST" and not one else "edit" if writing else "view"
            said = {
                "create": "Sorry, you are not allowed to create resources.",
                "edit": "Sorry, you are not allowed to edit this resource.",
                "view": "Sorry, you cannot view this resource." if one else "Sorry, you cannot list resources.",
            }
            return api_error(401, f"woocommerce_rest_cannot_{what}", said[what], unauthorized=True)
        lacks = "write" if writing and self.store.permissions == "read" else ""
        lacks = "read" if not writing and self.store.permissions == "write" else lacks
        if lacks:
            said_ = f"The API key provided does not have {lacks} permissions."
            return api_error(401, "woocommerce_rest_authentication_error", said_, unauthorized=True)
        return None

    def _switched_off(self, path: str, method: str) -> bool:
        if self.faults.unknown is not None and self.faults.unknown in path:
            return True
        if path.startswith("wc-analytics/"):
            return not self.store.analytics or method in _WRITING
        return path == "wc/v3/refunds" and (not self.store.refunds_route or method in _WRITING)

    # -- faults that need the store -----------------------------------------------------------------------
    def _instead(self, request: Request, struck: set[str]) -> Answer | None:
        if self.faults.stranger is not None:
            return self.faults.stranger
        if self.faults.redirect_to:
            query = f"?{request.query}" if request.query else ""
            return Answer(301, b"", [("Location", self.faults.redirect_to.rstrip("/") + request.path + query)])
        burst = self.faults.next_status(request.path)
        if burst:
            return travel.overloaded(*burst)
        for status in (429, 503):
            if str(status) in struck:
                return travel.overloaded(status, 1 if status == 429 else None)
        return None

    def _drift(self, kind: str) -> None:
        due = self.faults.drift_due(kind)
        if due is None:
            return
        for _ in range(due.deletes):
            ids = [i for i in self.store.tables[kind].ids if (kind, i) not in self.store.kept]
            if ids:
                row_id = ids[due.rng.randrange(len(ids))]
                self.store.delete(kind, row_id)
                due.done.append(("delete", kind, row_id))
        for _ in range(due.inserts):
            made = self.store.add_any(kind, len(due.done))
            if made is not None:
                due.done.append(("insert", kind, made))

    def _headers(self) -> list[tuple[str, str]]:
        return [
            ("Server", "nginx/1.22.1"),
            ("Date", format_datetime(self.store.utcnow(), usegmt=True)),
            ("@home", self.store.home),
        ]


async def _read(scope: Scope, receive: Receive) -> Request:
    headers = dict(scope["headers"])
    body = b""
    if scope["method"] in _WRITING:
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
    return Request(
        scope["method"],
        scope["path"],
        php_query(scope["query_string"].decode("latin-1")),
        headers.get(b"authorization", b"").decode("latin-1"),
        scope["scheme"] == "https",
        body,
        scope["query_string"].decode("latin-1"),
    )


def _identity(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _parent_of(fields: dict[str, Any]) -> Any:
    return next((fields[name] for name in ("zone_id", "attribute_id", "parent_id") if name in fields), None)
