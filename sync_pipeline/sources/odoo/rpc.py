"""Odoo's two transports behind one `call`, and the errors their answers become.

JSON-2 takes an API key and uses HTTP statuses. JSON-RPC takes a password or a key and always answers 200. Both return
the same values. The `db` service is never called.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sync_pipeline.errors import MalformedAnswer, RefusedBySource, SourceError, TransientSourceError
from sync_pipeline.sources import jsontext
from sync_pipeline.sources.http import Http, SourceResponse
from sync_pipeline.sources.odoo.settings import OdooConfig

FIRST_JSON2 = 19  # the first server version with JSON-2
_ALL_ERRORS = frozenset(range(400, 600))
_BUSY = (408, 425, 429, 502, 503, 504)
_KEPT = 64 * 1024  # bytes of an answer that quarantine keeps
_NO_DATABASE = re.compile(r"database \S+ does not exist|no database is selected", re.IGNORECASE)


class ServerError(TransientSourceError):
    """The server failed while answering. `name` is the exception's name as Odoo reports it."""

    def __init__(self, message: str, *, name: str, status: int, body: bytes, retry_after: float | None = None) -> None:
        super().__init__(message, status=status, body=body, retry_after=retry_after)
        self.name = name


@dataclass(frozen=True, slots=True)
class Reply:
    """The raw bytes of a call's result, and the server's clock at the request."""

    result: bytes
    clock: datetime
    request: str

    def value(self) -> Any:
        """The result, parsed.

        Raises:
            MalformedAnswer: the result is not valid JSON.
        """
        try:
            return json.loads(self.result)
        except (ValueError, RecursionError):
            raise MalformedAnswer(f"{self.request}: the answer is not valid JSON", body=self.result[:_KEPT]) from None


class Rpc:
    """The calls of one connection. Thread-safe; the first call chooses the transport."""

    def __init__(self, http: Http, config: OdooConfig) -> None:
        self.http, self.config = http, config
        self.secret = config.password.get_secret_value()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._version: tuple[int, str] | None = None
        self._transport: str | None = None
        self._uid: int | None = None

    # -- what the server is ----------------------------------------------------------------------------------------

    @property
    def version(self) -> tuple[int, str]:
        """The server's major version, and its full version name.

        Raises:
            MalformedAnswer: the server at this address is not Odoo.
        """
        with self._lock:
            return self._ask_version()

    @property
    def transport(self) -> str:
        """json2 or jsonrpc.

        Raises:
            RefusedBySource: both refuse the secret; `code` says why.
        """
        with self._lock:
            return self._open()[0]

    @property
    def uid(self) -> int:
        """The id of the user whose permissions apply."""
        with self._lock:
            return self._open()[1]

    def _ask_version(self) -> tuple[int, str]:
        if self._version is None:
            answer = self.http.request("GET", "web/version", accept=_ALL_ERRORS)
            reported = _parsed(answer.body) if answer.status == 200 else None
            if not isinstance(reported, dict) or "version_info" not in reported:
                # Before Odoo 18 this address does not exist; the RPC service reports the version in every release.
                reported = self._jsonrpc("common", "version", []).value()
                reported = {"version_info": reported["server_version_info"], "version": reported["server_version"]}
            found = re.search(r"\d+", str(reported["version_info"][0]))
            self._version = (int(found.group()) if found else 0, str(reported["version"]))
        return self._version

    def _open(self) -> tuple[str, int]:
        if self._transport is None or self._uid is None:
            wanted = self.config.transport
            if wanted == "json2" or (wanted == "auto" and self._ask_version()[0] >= FIRST_JSON2):
                try:
                    self._uid = int(self._json2("res.users", "context_get", {}).value()["uid"])
                    self._transport = "json2"
                except RefusedBySource as error:
                    if wanted == "json2" or error.status != 401:
                        raise
            if self._transport is None:
                self._uid = self._login()
                self._transport = "jsonrpc"
        assert self._uid is not None
        return self._transport, self._uid

    def _login(self) -> int:
        given = [self.config.db, self.config.username, self.secret, {}]
        uid = self._jsonrpc("common", "authenticate", given).value()
        if not isinstance(uid, int) or isinstance(uid, bool):
            raise RefusedBySource(
                f"Odoo does not accept the login of {self.config.username}: the user, the password or the key is "
                "wrong, or the key has expired.",
                status=401,
                code="wrong_login",
            )
        return uid

    # -- calls -----------------------------------------------------------------------------------------------------

    def call(self, model: str, method: str, *, ids: Sequence[int] | None = None, **arguments: Any) -> Reply:
        """Call a model's method with named arguments, on the records `ids` if given.

        Raises:
            ServerError: the server failed; the same call may succeed later.
            RefusedBySource: login, rights, or a call the server does not understand; `code` says which.
        """
        with self._lock:
            transport, uid = self._open()
        if transport == "json2":
            return self._json2(model, method, arguments if ids is None else {"ids": list(ids), **arguments})
        positional = [] if ids is None else [list(ids)]
        given = [self.config.db, uid, self.secret, model, method, positional, arguments]
        return self._jsonrpc("object", "execute_kw", given, shown=f"{model}.{method}")

    def _json2(self, model: str, method: str, arguments: dict[str, Any]) -> Reply:
        answer = self.http.request(
            "POST",
            f"json/2/{model}/{method}",
            headers={
                "Authorization": f"bearer {self.secret}",
                "X-Odoo-Database": self.config.db,
                "Content-Type": "application/json",
            },
            content=json.dumps(arguments).encode(),
            accept=_ALL_ERRORS,
        )
        if answer.status >= 400:
            raise _failure(f"{model}.{method}", answer, _parsed(answer.body))
        if answer.body.lstrip()[:1] == b"<":
            raise MalformedAnswer(f"{model}.{method}: the answer is an HTML page, not Odoo's", body=answer.body[:_KEPT])
        return _reply(answer, answer.body, f"POST /json/2/{model}/{method} {_shown(arguments)}")

    def _jsonrpc(self, service: str, method: str, given: Sequence[Any], *, shown: str = "") -> Reply:
        shown = shown or f"{service}.{method}"
        body = {
            "jsonrpc": "2.0",
            "method": "call",
            "id": next(self._numbers),
            "params": {"service": service, "method": method, "args": list(given)},
        }
        answer = self.http.request(
            "POST",
            "jsonrpc",
            headers={"Content-Type": "application/json"},
            content=json.dumps(body).encode(),
            accept=_ALL_ERRORS,
        )
        if answer.status >= 400:
            raise _failure(shown, answer, _parsed(answer.body))
        try:
            envelope = jsontext.fields(answer.body)
        except ValueError:
            kind = "an HTML page" if answer.body.lstrip()[:1] == b"<" else "not JSON-RPC"
            raise MalformedAnswer(f"{shown}: the answer is {kind}", body=answer.body[:_KEPT]) from None
        if "error" in envelope:
            error = _parsed(envelope["error"])
            raise _failure(shown, answer, error.get("data") if isinstance(error, dict) else None)
        if "result" not in envelope:
            raise MalformedAnswer(f"{shown}: the answer has no result", body=answer.body[:_KEPT])
        arguments = given[-1] if given and isinstance(given[-1], dict) else {}
        return _reply(answer, envelope["result"], f"POST /jsonrpc {shown} {_shown(arguments)}")


def _reply(answer: SourceResponse, result: bytes, request: str) -> Reply:
    # The Date header is the time of the answer, but rows committed while the server prepared it are missing from it.
    clock = (answer.clock or datetime.now(UTC)) - timedelta(seconds=answer.seconds)
    return Reply(result, clock, request)


def _failure(shown: str, answer: SourceResponse, reported: Any) -> SourceError:
    """The error for a failed answer. `debug`, the server's traceback, is neither stored nor shown."""
    if not isinstance(reported, dict) or not reported.get("name"):
        return _unspoken(shown, answer)
    name, message = str(reported["name"]), " ".join(str(reported.get("message", "")).split())[:400]
    body = json.dumps({key: reported[key] for key in ("name", "message", "arguments") if key in reported}).encode()[
        :_KEPT
    ]
    said = f"{shown}: {message or name}"
    module, _, kind = name.rpartition(".")
    own = bool(module)  # Odoo names its exceptions with their modules; a gateway's error has a bare name
    if _NO_DATABASE.search(message):
        return RefusedBySource(said, status=404, code="wrong_database")
    if kind in ("AccessDenied", "Unauthorized"):
        return RefusedBySource(said, status=401, code="wrong_login")
    if kind in ("AccessError", "Forbidden", "SessionExpiredException"):
        return RefusedBySource(said, status=403, code="no_right", by_api=own)
    unknown = not name.startswith("psycopg2.") and ("doesn't exist" in message or "does not exist" in message)
    if unknown or kind in ("NotFound", "MissingError"):
        return RefusedBySource(said, status=404, code="not_there", by_api=own)
    if name.startswith("odoo.exceptions.") or (name.startswith("werkzeug.") and 400 <= answer.status < 500):
        return RefusedBySource(said, status=422, code=kind, by_api=own)
    status = answer.status if answer.status >= 400 else 500  # JSON-RPC answers errors with 200
    return ServerError(said, name=name, status=status, body=body, retry_after=answer.retry_after)


def _unspoken(shown: str, answer: SourceResponse) -> SourceError:
    """The error for an error page: from a proxy, or from an Odoo without this database."""
    text = re.sub(rb"<[^>]+>|\s+", b" ", answer.body[:4000]).decode("utf-8", "replace").strip()[:200]
    said = f"{shown} answered {answer.status}: {text}"
    if answer.status >= 500 or answer.status in _BUSY:
        return TransientSourceError(
            said, status=answer.status, body=answer.body[:_KEPT], retry_after=answer.retry_after
        )
    code = "wrong_database" if _NO_DATABASE.search(text) else ("not_there" if answer.status == 404 else "refused")
    return RefusedBySource(said, status=answer.status, code=code)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _shown(arguments: dict[str, Any]) -> str:
    """The arguments, short enough to store, without the secret and the context."""
    kept = {key: value for key, value in arguments.items() if key in ("domain", "limit", "order", "ids")}
    return json.dumps(kept)[:300]
