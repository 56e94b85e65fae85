"""How a call is sent, and how its answer or error is read. `calls.py` has the calls."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx
from pydantic import BaseModel, TypeAdapter

T = TypeVar("T")
_MOST_WAITING_SECONDS = 60.0


class Page(BaseModel, Generic[T]):
    """A page of a list."""

    data: list[T]
    rowCount: int  # noqa: N815 - as on the wire; how many there are in all pages
    page: int
    pageSize: int  # noqa: N815


class ApiError(Exception):
    """The service refused a call or failed.

    `status` is the HTTP status, `error` says what is wrong and what to do, `request_id` finds the call in the service's
    log. `stale` names the records of a stale plan that changed.
    """

    def __init__(self, status: int, error: str, request_id: str, stale: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(f"{status}: {error}")
        self.status, self.error, self.request_id, self.stale = status, error, request_id, stale


class Transport:
    """Sends calls with a token. A call that came too often is sent again when the service says so, `patience` times."""

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 60, patience: int = 3) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=timeout)
        self.patience = patience

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def _answer(
        self,
        kind: type[T],
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: BaseModel | Mapping[str, Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> T:
        """The whole body of the answer."""
        return _adapter(kind).validate_python(self._sent(method, path, query, body, headers))

    def _data(
        self,
        kind: type[T],
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: BaseModel | Mapping[str, Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> T:
        """`data` of the answer."""
        return _adapter(kind).validate_python(self._sent(method, path, query, body, headers)["data"])

    def _sent(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: BaseModel | Mapping[str, Any] | None,
        headers: Mapping[str, str | None] | None,
    ) -> Any:
        sent = {name: value for name, value in (headers or {}).items() if value is not None}
        content = None
        if body is not None:
            given = body.model_dump(by_alias=True, exclude_unset=True) if isinstance(body, BaseModel) else body
            content = _json(given, "")
            sent["Content-Type"] = "application/json"
        asked = {name: _text(value, name) for name, value in (query or {}).items() if value is not None}
        for attempt in range(self.patience + 1):
            answer = self.http.request(method, path, params=asked, content=content, headers=sent)
            if answer.status_code != 429 or attempt == self.patience:
                break
            time.sleep(min(float(answer.headers.get("Retry-After", "1")), _MOST_WAITING_SECONDS))
        raise_for(answer)
        # A float would cut long numbers.
        return json.loads(answer.text, parse_float=Decimal)


def raise_for(answer: httpx.Response) -> None:
    """Raise what an answer says.

    Raises:
        ApiError: it is an error.
    """
    if answer.is_success:
        return
    try:
        said = json.loads(answer.text)
        error, stale = str(said["error"]), said.get("stale") or ()
    except (ValueError, KeyError, TypeError):  # not of the service: a proxy in between
        error, stale = answer.text[:500], ()
    raise ApiError(answer.status_code, error, answer.headers.get("X-Request-Id", ""), stale)


def part(value: object) -> str:
    """A value as a part of a path.

    Raises:
        TypeError: it is neither text, a number nor a UUID.
        ValueError: it is empty or dots alone, which would be another path.
    """
    text = _text(value, "a part of the path")
    if not text.strip("."):
        raise ValueError(f"{text!r} cannot be a part of the path.")
    return quote(text, safe="")


def _text(value: Any, place: str) -> str:
    """A value as a query's text.

    Raises:
        TypeError: the service would read something else in it.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return _spelt(value, place)


def _spelt(value: Any, place: str) -> str:
    """A text, a time or a UUID. A time without a zone is UTC, as the service reads it, wherever this machine stands."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    if isinstance(value, (date, UUID)):
        return value.isoformat() if isinstance(value, date) else str(value)
    kind = value.__name__ if isinstance(value, type) else type(value).__name__
    raise TypeError(f"{place or 'the body'}: {kind} cannot be sent. Make it a text, a number, a list or a dict.")


def _json(value: Any, place: str) -> str:
    """A value as JSON: all digits of a Decimal, and nothing that the service would read as another value.

    Raises:
        TypeError: JSON does not have it; `place` says where it is.
        ValueError: it is no number (NaN, infinity).
    """
    if isinstance(value, Mapping):
        if odd := [name for name in value if not isinstance(name, str)]:
            raise TypeError(f"{place or 'the body'}: the name {odd[0]!r} is {type(odd[0]).__name__}. Make it a text.")
        pairs = (f"{json.dumps(name)}: {_json(one, f'{place}.{name}'.lstrip('.'))}" for name, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_json(one, f'{place}[{n}]') for n, one in enumerate(value))}]"
    if isinstance(value, (float, Decimal)) and not Decimal(value).is_finite():
        raise ValueError(f"{place or 'the body'}: {value} cannot be sent. JSON has no such number; send None.")
    if isinstance(value, Decimal):
        return str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return json.dumps(_spelt(value, place))


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    """Making one takes longer than using it."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
