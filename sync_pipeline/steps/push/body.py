"""The body of a push: JSON whose numbers keep all their digits, from the request to the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sync_pipeline import exact_json
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.sources.base import Unreadable

MAX_RECORDS = 5000  # of a batch: one transaction, in memory at once


class NotABatch(ConfigurationError):
    """The body is not {"products": [ … ]}."""


class _NoNumber(ValueError):
    """NaN or Infinity, which Python reads and JSON does not have."""


def records_of(kind: str, body: bytes) -> list[Any]:
    """The records of a body, unchecked.

    Raises:
        NotABatch: it is not valid JSON, or has no list of that name.
    """

    def constant(name: str) -> Any:
        raise _NoNumber(name)

    try:
        given: Any = json.loads(body, parse_float=_fraction, parse_int=_whole, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise NotABatch(f"The body is not valid JSON{_place(error)}. Send {{“{kind}”: [ … ]}}.") from None
    records = given.get(kind) if isinstance(given, dict) else None
    if not isinstance(records, list):
        raise NotABatch(f"The body has no list “{kind}”. Send {{“{kind}”: [ … ]}}.")
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


class _Beyond:
    """Stands for a number too long to read: its record is invalid, not the batch."""


def _fraction(text: str) -> Decimal | _Beyond:
    try:
        return exact_json.number(text)
    except ValueError:
        return _Beyond()


def _whole(text: str) -> int | _Beyond:
    try:
        return int(text)
    except ValueError:  # more than 4,300 digits
        return _Beyond()


def encoded(payload: Mapping[str, Any]) -> bytes:
    """JSON with all digits of every number.

    Raises:
        Unreadable: one of them could not be read.
    """
    try:
        return exact_json.encode(payload)
    except TypeError:
        raise Unreadable("a number in it is too long") from None
