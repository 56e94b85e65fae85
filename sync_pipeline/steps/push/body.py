"""The body of a push: JSON whose numbers keep all their digits, from the request to the database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sync_pipeline import exact_json
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.redaction import marked
from sync_pipeline.sources.base import Unreadable

MAX_RECORDS = 5000  # of a batch: one transaction, in memory at once
_LONGEST = 60  # characters of a name that an error repeats


class NotABatch(ConfigurationError):
    """The body is not {"products": [ … ]}."""


class _NoNumber(ValueError):
    """NaN or Infinity, which Python reads and JSON does not have."""


def records_of(kind: str, body: bytes) -> list[Any]:
    """The records of a body, unchecked.

    Raises:
        NotABatch: it is not valid JSON, has no list of that name, or has anything else.
    """

    def constant(name: str) -> Any:
        raise _NoNumber(name)

    send = f"Send {{“{kind}”: [ … ]}}."
    if not body.strip():
        raise NotABatch(f"The body is empty. {send}")
    try:
        given: Any = json.loads(
            body.decode("utf-8-sig"),  # of bytes alone Python would read UTF-16, too
            parse_float=_fraction,
            parse_int=_whole,
            parse_constant=constant,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as error:
        raise NotABatch(f"The body is not valid JSON{_place(error)}. {send}") from None
    if isinstance(given, _Unread):
        raise NotABatch(f"The body cannot be read: {given.reason}. {send}")
    records = given.get(kind) if isinstance(given, dict) else None
    if isinstance(records, dict | _Unread):
        raise NotABatch(
            f"“{kind}” is a JSON object and must be a JSON array. {send} In PHP an array whose keys are not 0, 1, 2 … "
            "becomes an object: send array_values($records)."
        )
    if not isinstance(records, list):
        raise NotABatch(f"The body has no list “{kind}”. {send}")
    if len(given) > 1:
        other = next(name for name in given if name != kind)
        # A name with an address in it is personal data, which no answer repeats.
        named = f" “{marked(other[:_LONGEST])}”" if "@" not in other else " another field"
        raise NotABatch(f"This call does not know{named}. {send}")
    if len(records) > MAX_RECORDS:
        raise NotABatch(f"A batch holds at most {MAX_RECORDS} records; this one has {len(records)}. Split it.")
    return records


def _place(error: Exception) -> str:
    """Where it is wrong, without what stands there: that may be personal data."""
    if isinstance(error, json.JSONDecodeError):
        return f" at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return ", which is UTF-8"
    return f": it has no {error}" if isinstance(error, _NoNumber) else ""


class _Unread:
    """Stands for a value that cannot be read exactly: its record is invalid, not the batch. JSON has no such thing."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


_BEYOND = _Unread("a number in it is too long")
_TWICE = _Unread("a name in it is given twice")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any] | _Unread:
    """An object; of a name that is given twice, Python would keep the last value in silence."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else _TWICE


def _fraction(text: str) -> Decimal | _Unread:
    try:
        return exact_json.number(text)
    except ValueError:
        return _BEYOND


def _whole(text: str) -> int | _Unread:
    try:
        return int(text)
    except ValueError:  # more than 4,300 digits
        return _BEYOND


def object_of(record: Any) -> dict[str, Any]:
    """A record of a batch as an object.

    Raises:
        Unreadable: it is none.
    """
    if isinstance(record, _Unread):
        raise Unreadable(record.reason)
    if not isinstance(record, dict):
        raise Unreadable("it is not an object")
    return record


def encoded(payload: Mapping[str, Any]) -> bytes:
    """JSON with all digits of every number.

    Raises:
        Unreadable: a part of it could not be read.
    """
    try:
        return exact_json.encode(payload)
    except TypeError:
        raise Unreadable(_reason(payload) or _BEYOND.reason) from None


def _reason(value: Any) -> str | None:
    if isinstance(value, _Unread):
        return value.reason
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((reason for one in parts if (reason := _reason(one))), None)
