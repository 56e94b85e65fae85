"""JSON that keeps every digit, read and written here.

The rule: a number with a fraction or an exponent is a Decimal, a whole number is an int of any size, and no number
becomes a float, which would round it. A Decimal is written as a JSON number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import msgspec

_strict = msgspec.json.Encoder(decimal_format="number")
_lenient = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
_ordered = msgspec.json.Encoder(decimal_format="number", order="deterministic")


def number(text: str) -> Decimal:
    """A number with a fraction or an exponent.

    Raises:
        ValueError: its exponent has some twenty digits, more than a Decimal can hold.
    """
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("a number's exponent is too large") from None


def loads(text: str | bytes, *, fraction: Callable[[str], Any] = number) -> Any:
    """A JSON value. `fraction` makes the numbers with a fraction or an exponent.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested deeper than Python goes.
    """
    return json.loads(text, parse_float=fraction)


def decoder(shape: Any = Any, *, fraction: Callable[[str], Any] = Decimal) -> msgspec.json.Decoder[Any]:
    """A decoder several times faster than `loads`. It refuses lone surrogates, and reads only what `shape` names."""
    return msgspec.json.Decoder(shape, float_hook=fraction)


def to_json(value: Any) -> str:
    """`value` as the text of a jsonb parameter. Types that JSON does not have, such as dates, become text."""
    return _lenient.encode(value).decode()


def encode(value: Any) -> bytes:
    """`value` as JSON; a lone surrogate is escaped.

    Raises:
        TypeError: it holds a type that JSON does not have.
    """
    try:
        return _strict.encode(value)
    except UnicodeEncodeError:
        return dumps(value, other=_refuse).encode()


def canonical(value: Any) -> bytes:
    """Sorted keys, and one spelling of every letter and number. Stored content hashes are made of these bytes.

    Raises:
        RecursionError: it is nested deeper than Python goes.
    """
    try:
        return _ordered.encode(value)
    except UnicodeEncodeError:  # a lone surrogate, which only the standard library writes; it writes no Decimal
        return json.dumps(_tagged(value), sort_keys=True, separators=(",", ":")).encode()


def dumps(value: Any, *, other: Callable[[Any], Any] = str) -> str:
    """`value` as JSON for people and clients: dataclasses are objects, UTC times end in Z, lone surrogates are escaped.

    `other` replaces what JSON cannot express.
    """
    if isinstance(value, Mapping):
        items = (f"{json.dumps(str(key))}: {dumps(one, other=other)}" for key, one in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "[" + ", ".join([dumps(one, other=other) for one in value]) + "]"
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else "null"
    if isinstance(value, (datetime, date)):
        return json.dumps(value.isoformat().replace("+00:00", "Z"))
    if isinstance(value, UUID):
        return json.dumps(str(value))
    if is_dataclass(value) and not isinstance(value, type):
        return dumps({one.name: getattr(value, one.name) for one in fields(value)}, other=other)
    return json.dumps(value, default=other)


def _refuse(value: Any) -> Any:
    raise TypeError(f"JSON has no {type(value).__name__}")


def _tagged(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tagged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    return {"\x00number": str(value)} if isinstance(value, Decimal) else value
