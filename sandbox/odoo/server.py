"""The HTTP server: an ASGI app that answers as Odoo 19 with its own server does: no keep-alive, no gzip.

The steps of a request: faults that replace the answer → route → login → method → faults on the answer.
"""

import asyncio
import json
import time
from collections.abc import Callable
from email.utils import format_datetime
from typing import Any, NamedTuple

import msgspec

from sandbox.faults import lost
from sandbox.odoo.admin import sandbox_call
from sandbox.odoo.calls import by_name, by_position, common
from sandbox.odoo.env import Env
from sandbox.odoo.faults import Faults
from sandbox.odoo.methods import Encoded
from sandbox.odoo.refusals import Refused, access_denied, unauthorized
from sandbox.odoo.store import Store
from sandbox.wire import Answer, Receive, Send, deliver, html, overloaded, reset

_JSON = "application/json; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_NO_DATABASE = (
    "<!DOCTYPE html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>No database is selected and the requested "
    "URL was not found in the server-wide controllers.</p>\n<p>Please verify the hostname, "
    "<a href=/web/login>login</a> and try again.</p>\n\n<!-- Alternatively, use the X-Odoo-Database header. -->\n"
)
# Lists of at most this many fields work with a record poisoned with also_fields=False.
_FEW_FIELDS = 5
_PHRASES = {404: "Not Found", 405: "Method Not Allowed", 415: "Unsupported Media Type", 400: "Bad Request"}


class ServedRequest(NamedTuple):
    """One request as answered. `model` and `method` are the ORM's, "" for other routes."""

    path: str
    model: str
    method: str
    arguments: dict[str, Any]
    status: int
    transport: str
    at: float


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class App:
    def __init__(self, store: Store, faults: Faults, *, latency: float = 0.0) -> None:
        self.faults = faults
        self.latency = latency
        self.requests: list[ServedRequest] = []
        self.serve(store)

    def serve(self, store: Store) -> None:
        """Answer from this store from now on."""
        self.store = store
        store.losing = self._losing

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        if request.path.startswith("/_sandbox"):
            await deliver(send, sandbox_call(self, request), request.method, [("Content-Type", _JSON)], set(), None)
            return
        if self.faults.is_down():
            await reset(send, receive)
            return
        struck = self.faults.draw(request.path)
        wait = self.latency + (self.faults.slow_seconds if "slow" in struck else 0.0)
        if wait:
            await asyncio.sleep(wait)
        call = Call(self, request)
        answer = self._instead(request, struck) or call.answer(struck)
        if call.cost > 0:
            await asyncio.sleep(call.cost)
        if "html200" in struck:
            answer = html(200)
        self.requests.append(call.served(answer.status))
        await deliver(send, answer, request.method, self._headers(answer), struck, receive)

    def _instead(self, request: Request, struck: set[str]) -> Answer | None:
        if self.faults.stranger is not None:
            return self.faults.stranger
        if self.faults.redirect_to:
            return Answer(301, b"", [("Location", self.faults.redirect_to.rstrip("/") + request.path)], _HTML)
        burst = self.faults.next_status(request.path)
        if burst:
            return overloaded(*burst)
        for status in (429, 500, 502, 503, 504):
            if str(status) in struck:
                return overloaded(status, 1 if status == 429 else None)
        return None

    def _losing(self, model: str, *, named: bool) -> Callable[[int], bool] | None:
        share = self.faults.lost_share(model)
        if not share:
            return None
        return (lambda row_id: self.faults.lost_one(model, row_id)) if named else (lambda row_id: lost(row_id, share))

    def drift(self, model: str) -> None:
        """Apply faults.drift() to the store after a list was answered."""
        due = self.faults.drift_due(model)
        if due is None:
            return
        for _ in range(due.deletes):
            ids = self.store.tables[model].ids
            if ids:
                row_id = ids[due.rng.randrange(len(ids))]
                self.store.unlink(model, row_id, force=True)
                due.done.append(("delete", model, row_id))
        for _ in range(due.inserts):
            due.done.append(("insert", model, self.store.add_any(model)))

    def _headers(self, answer: Answer) -> list[tuple[str, str]]:
        return [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            ("Server", "Werkzeug/3.0.1 Python/3.12.3"),
            ("Date", format_datetime(self.store.utcnow(), usegmt=True)),
            *answer.headers,
            ("Connection", "close"),
        ]


class Call:
    """One request being answered."""

    def __init__(self, app: App, request: Request) -> None:
        self.app = app
        self.request = request
        self.model = self.method = ""
        self.arguments: dict[str, Any] = {}
        self.transport = ""
        # Seconds that the computed fields would have taken.
        self.cost = 0.0

    def served(self, status: int) -> ServedRequest:
        path = self.request.path
        return ServedRequest(path, self.model, self.method, self.arguments, status, self.transport, time.monotonic())

    def answer(self, struck: set[str]) -> Answer:
        request, store = self.request, self.app.store
        serie = f"{store.server_version[0]}.{store.server_version[1]}"
        if request.path in ("/web/version", "/json/version"):
            return _json({"version_info": [*store.server_version, 0, "final", 0, ""], "version": serie})
        if request.path == "/web/health":
            return _json({"status": "pass"})
        if request.path == "/jsonrpc":
            return self._jsonrpc(struck)
        if request.path.startswith("/json/2/") and store.server_version >= (19, 0):
            return self._json2(struck)
        return _page(404)

    # -- /json/2/<model>/<method> -------------------------------------------------------------------------
    def _json2(self, struck: set[str]) -> Answer:
        request, store = self.request, self.app.store
        self.transport = "json2"
        parts = request.path.removeprefix("/json/2/").split("/")
        if len(parts) != 2:
            return _page(404)
        if request.method != "POST":
            return _page(405)
        if request.headers.get("x-odoo-database", store.db) != store.db:
            return Answer(404, _NO_DATABASE.encode(), [], _HTML)
        if not request.headers.get("content-type", "").startswith("application/json"):
            return _page(415)
        self.model, self.method = parts
        try:
            user = self._bearer()
            try:
                self.arguments = json.loads(request.body or b"{}")
            except ValueError:
                raise Refused("werkzeug.exceptions.BadRequest", "Invalid JSON data", 400) from None
            self._struck(struck)
            with store.lock:
                store.settle()
                result, env = _called(by_name, store, user, self.model, self.method, self.arguments)
            self.cost = env.cost
            return Answer(200, self._result(result), [], _JSON)
        except Refused as refused:
            return Answer(refused.status, msgspec.json.encode(refused.body()), [], _JSON)

    def _bearer(self) -> Any:
        kind, _, key = self.request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or self.app.faults.strips_auth:
            raise unauthorized("User not authenticated, use an API Key with a Bearer Authorization header.")
        user = self.app.store.by_key(key.strip())
        if user is None:
            raise unauthorized("Invalid apikey")
        return user

    # -- /jsonrpc -----------------------------------------------------------------------------------------
    def _jsonrpc(self, struck: set[str]) -> Answer:
        """Always HTTP 200, unless the request is not valid JSON."""
        if self.request.method != "POST":
            return _page(405)
        if not self.request.headers.get("content-type", "").startswith("application/json"):
            return _page(415)
        try:
            asked = json.loads(self.request.body)
            params = asked["params"]
            service, method, args = params["service"], params["method"], list(params.get("args") or [])
        except (ValueError, KeyError, TypeError):
            return Answer(400, b"Invalid JSON data", [], "text/plain; charset=utf-8")
        self.transport = "jsonrpc"
        head = b'{"jsonrpc": "2.0", "id": ' + msgspec.json.encode(asked.get("id"))
        try:
            result = self._result(self._service(service, method, args, struck))
            return Answer(200, head + b', "result": ' + result + b"}", [], _JSON)
        except Refused as refused:
            error = {"code": 0, "message": "Odoo Server Error", "data": refused.body()}
            return Answer(200, head + b', "error": ' + msgspec.json.encode(error) + b"}", [], _JSON)

    def _service(self, service: str, method: str, args: list[Any], struck: set[str]) -> Any:
        store = self.app.store
        if service == "common":
            self.method = method
            return common(store, method, args)
        if service == "object" and method in ("execute_kw", "execute"):
            if method == "execute":
                args = [*args[:5], args[5:], {}]
            self.model, self.method = str(args[3]), str(args[4])
            self.arguments = {"args": args[5] if len(args) > 5 else [], **(args[6] if len(args) > 6 else {})}
            self._struck(struck)
            with store.lock:
                store.settle()
                result, env = _called(by_position, store, args)
            self.cost = env.cost
            return result
        # The database manager is closed, as on any server that faces the internet.
        raise access_denied() if service == "db" else Refused("builtins.KeyError", f"'{service}'", 500)

    # -- both ---------------------------------------------------------------------------------------------
    def _struck(self, struck: set[str]) -> None:
        if "serialization" in struck:
            said = "could not serialize access due to concurrent update\n"
            raise Refused("psycopg2.errors.SerializationFailure", said, 500)

    def _result(self, result: Any) -> bytes:
        if not isinstance(result, Encoded):
            return msgspec.json.encode(result)
        few = 0 < len(self.arguments.get("fields") or ()) <= _FEW_FIELDS
        if self.app.faults.poisoned(result.shown, fields=few):
            raise Refused("builtins.ZeroDivisionError", "float division by zero", 500)
        self.app.drift(self.model)
        return result.body


def _called(call: Callable[..., tuple[Any, Env]], *args: Any) -> tuple[Any, Env]:
    """An exception in the ORM is a 500 that names Python's exception."""
    try:
        return call(*args)
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise Refused(f"builtins.{type(wrong).__name__}", str(wrong), 500) from wrong


def _json(payload: Any) -> Answer:
    return Answer(200, msgspec.json.encode(payload), [], _JSON)


def _page(status: int) -> Answer:
    """An error page as werkzeug writes it."""
    said = _PHRASES[status]
    body = f"<!doctype html>\n<html lang=en>\n<title>{status} {said}</title>\n<h1>{said}</h1>\n"
    return Answer(status, body.encode(), [], _HTML)


async def _read(scope: Any, receive: Receive) -> Request:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
    return Request(scope["method"], scope["path"], headers, body)
