"""Errors as responses: `{"success": false, "error": "…"}` with the right status, and never a stack trace."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import Match

from sync_pipeline import invalid
from sync_pipeline.api.masking import Masking
from sync_pipeline.api.parameters import fields_at
from sync_pipeline.api.runtime import ApiRuntime
from sync_pipeline.errors import (
    ConfigurationError,
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    GateClosed,
    NotFound,
    RateLimited,
    SourceError,
    StalePlan,
    SyncError,
    Unauthenticated,
)
from sync_pipeline.redaction import redact

_log = structlog.get_logger("sync_pipeline.api")
RETRY_SECONDS = 5
_LONGEST_PATH = 120  # characters that are compared with the paths there are
_ALIKE = 0.8
_MOST_BESIDE = 12  # paths that are named


class Problem(BaseModel):
    """An error."""

    model_config = ConfigDict(json_schema_extra={"example": {"success": False, "error": "There is no plan 17."}})

    success: Literal[False] = False
    error: str = Field(description="What is wrong and what to do next.")


class Moved(BaseModel):
    """A record that changed since the plan was made."""

    connection: str
    entity: str
    external_id: str


class StaleProblem(Problem):
    """A conflict: the plan is stale, someone else was first, or another run is working on it."""

    stale: list[Moved] | None = Field(None, description="For a stale plan: up to 1,000 of the records that changed.")
    of: int | None = Field(None, description="For a stale plan: how many records it has.")


_WORDS: Mapping[int, tuple[str, type[BaseModel]]] = {
    400: ("A value in the call is missing, malformed or unknown.", Problem),
    401: ("The token is missing or invalid.", Problem),
    403: ("The token's role does not have the right to do this.", Problem),
    404: ("Not found in your organization.", Problem),
    409: ("The data changed in the meantime. Nothing was changed.", StaleProblem),
    408: ("The body arrived too slowly.", Problem),
    413: ("The body is larger than 8 MiB, or has more than 400,000 arrays and objects.", Problem),
    415: ("The body is not `application/json` in UTF-8, or it is compressed.", Problem),
    429: ("Too many calls. `Retry-After` is the number of seconds to wait.", Problem),
    500: ("Unexpected error. Find it in the log by the response's `X-Request-Id`.", Problem),
    424: ("The store returned an error.", Problem),
    503: ("The database does not answer or is too busy. `Retry-After` is the number of seconds to wait.", Problem),
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's descriptions of these error responses, and of those that every call can return."""
    with_body = {408} if 413 in statuses else set()
    return {
        status: {"description": _WORDS[status][0], "model": _WORDS[status][1]}
        for status in sorted({*statuses, *with_body, 400, 401, 403, 429, 500, 503})
    }


# The first class that matches is used.
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NotFound, 404),
    (ConfigurationError, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (RateLimited, 429),
    (Conflict, 409),
    (GateClosed, 409),
    (SourceError, 424),  # not 502, which a proxy would read as a failure of this service
    (DatabaseUnavailable, 503),
)


def answer(status: int, error: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> JSONResponse:
    """An error response."""
    return JSONResponse({"success": False, "error": error, **more}, status, headers=dict(headers or {}))


Explained = tuple[int, str, dict[str, str]]  # status, words, headers


def explain(request: Request, error: Exception) -> Explained | None:
    """An exception as a response's status, words and headers; None for one that nobody expected."""
    if isinstance(error, RequestValidationError):
        return 400, _in_words(request, error), {}
    if isinstance(error, HTTPException):
        words, headers = str(error.detail), dict(error.headers or {})
        if error.status_code == 404:
            words = f"Unknown path {request.url.path}. {_instead(request)}/openapi.json lists every call."
        elif error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(request))
            words = f"This path does not support {request.method}. It supports {headers['Allow']}."
            words = _closed_to_scripts(request) or words
        return error.status_code, redact(words), headers
    return explain_step(error)


def explain_step(error: Exception) -> Explained | None:
    """The same of an exception that a step raises, whichever door called it."""
    if isinstance(error, SyncError):
        return _sync_error(error)
    if isinstance(error, UnicodeEncodeError):
        return 400, "A text contains a lone surrogate, which is half a character.", {}
    if isinstance(error, PoolTimeout):
        return 503, "The service is busy. Try again.", {"Retry-After": str(RETRY_SECONDS)}
    if isinstance(error, DBAPIError):
        return _database_error(error)
    return None


def _instead(request: Request) -> str:
    """The known path that is most like an unknown one; or what there is beside it."""
    given = request.url.path[:_LONGEST_PATH].rstrip("/").split("/")
    known = {tuple(_filled(one.split("/"), given)): one for one in sorted(getattr(request.app.state, "paths", ()))}
    beside = {path[-1]: one for path, one in known.items() if path[:-1] == tuple(given[:-1]) and one[-1] != "}"}
    for one in get_close_matches(given[-1], beside, n=1):
        return f"Did you mean {beside[one]}? "
    if 0 < len(beside) <= _MOST_BESIDE:
        return f"There are: {', '.join(sorted(beside.values()))}. "
    alike = {"/".join(path): one for path, one in known.items()}
    for one in get_close_matches("/".join(given), alike, n=1, cutoff=_ALIKE):
        return f"Did you mean {alike[one]}? "
    return ""


def _filled(path: Sequence[str], given: Sequence[str]) -> Sequence[str]:
    """A path with what was given in the place of its parameters."""
    if len(path) != len(given):
        return path
    return [there if one.startswith("{") and there else one for one, there in zip(path, given, strict=True)]


def _methods(request: Request) -> list[str]:
    """Those of the path, in all its routes: Starlette names those of the first route alone."""
    app: FastAPI = request.app
    asked = [{**request.scope, "method": one} for one in ("DELETE", "GET", "PATCH", "POST", "PUT")]
    return [one["method"] for one in asked if any(route.matches(one)[0] is Match.FULL for route in app.routes)]


def _closed_to_scripts(request: Request) -> str | None:
    """What a browser's preflight is told where no origin is allowed."""
    if request.method != "OPTIONS" or "access-control-request-method" not in request.headers:
        return None
    return (
        "Scripts of other sites may not call: no origin is allowed. Set SYNC_CORS_ORIGINS to theirs, separated by "
        "commas, such as https://shop.example, and restart the service."
    )


def _sync_error(error: SyncError) -> Explained:
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if status == 503:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return status, str(error), headers


def _database_error(error: DBAPIError) -> Explained:
    state = str(getattr(error.orig, "sqlstate", "") or "")
    if isinstance(error, DataError):
        return 400, "A value is invalid: the number is too large, or the text contains a null byte.", {}
    if isinstance(error, IntegrityError):
        return 409, "The object was removed in the meantime or already exists.", {}
    if state.startswith(("57014", "40", "55P03", "53")):
        words = "The database took too long or was too busy. Try again."
        return 503, words, {"Retry-After": str(RETRY_SECONDS)}
    _log.error("database_error", sqlstate=state, kind=type(error.orig).__name__)
    return 500, "Unexpected error. Committed work is safe.", {}


def install(app: FastAPI) -> None:
    """Register the handler that translates exceptions into responses."""

    async def translated(request: Request, error: Exception) -> JSONResponse:
        explained = explain(request, error)
        if explained is None:
            raise error
        status, words, headers = explained
        more = {"stale": error.stale, "of": error.of} if isinstance(error, StalePlan) else {}
        caller = getattr(request.state, "caller", None)
        if caller is not None:
            runtime: ApiRuntime = request.app.state.runtime
            reads = Masking.of(runtime.settings, caller)
            words, more = reads.anything(words), reads.anything(more)
        return answer(status, words, headers=headers, **more)

    for kind in (SyncError, RequestValidationError, HTTPException, UnicodeEncodeError, PoolTimeout, DBAPIError):
        app.add_exception_handler(kind, translated)


def _in_words(request: Request, error: RequestValidationError) -> str:
    """What is wrong, without the values that were sent: they may be secrets."""
    body = getattr(request.scope.get("route"), "body_field", None)
    said = []
    for one in error.errors()[:10]:
        if one["type"] == "json_invalid":
            said.append(f"the body is not valid JSON at character {one['loc'][-1]}")
            continue
        where, *loc = one["loc"]
        known = fields_at(body.field_info.annotation, loc[:-1]) if body is not None and where == "body" else ()
        said.append(invalid.sentence({**one, "loc": loc}, f"the {where}", known))
    return redact("; ".join(said)) or "The call is malformed."
