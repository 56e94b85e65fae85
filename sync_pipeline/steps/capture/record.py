"""A record as it will be stored: hashes, and the few columns other steps look things up by."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from sync_pipeline.sources import jsontext
from sync_pipeline.sources.base import Item, Stream

_DECODE = msgspec.json.Decoder().decode
_ENCODE = msgspec.json.Encoder(order="deterministic").encode
# Numbers whose digits a float would lose, and those that jsonb would write differently. The first expression is a
# cheap look that most payloads pass; strings can make it cry wolf, so the exact ones decide.
_SUSPICIOUS = re.compile(rb"\d[\d.]{15}|\d[eE][+-]?\d|[:,\[ ]-0")
_LONG_NUMBER = re.compile(rb"[:,\[]\s*-?\d[\d.]{15}")
_EXPONENT = re.compile(rb"[:,\[]\s*-?\d+(?:\.\d+)?[eE]|[:,\[]\s*-0")
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Prepared:
    """One row for `capture.sync_record`."""

    external_id: str
    sync_data: str
    exact_text: str | None
    content_hash: bytes
    raw_hash: bytes
    tell_hash: bytes | None
    parent_id: str | None
    name: str | None
    code: str | None
    email: str | None
    remote_created_at: datetime | None
    remote_modified_at: datetime | None


def raw_hash(raw: bytes) -> bytes:
    """SHA-256 of the record's bytes."""
    return hashlib.sha256(raw).digest()


@dataclass(frozen=True, slots=True)
class Read:
    """A payload that was parsed, and its content hash: enough to say whether it changed."""

    item: Item
    payload: dict[str, Any]
    exact: bool  # read with all digits, the slower way
    content_hash: bytes


def read(item: Item, noise: frozenset[str]) -> Read:
    """Parse a record and hash its content without the noise.

    Raises:
        ValueError: it is not a JSON object.
    """
    payload, exact = _read(item.raw)
    return Read(item, payload, exact, _content_hash(payload, noise, exact, item.raw))


def prepare(stream: Stream, parsed: Read, *, minimal: bool = False) -> Prepared:
    """Everything that is stored of a record.

    `minimal` keeps only the scalar top-level fields in `sync_data`, beside the exact text: for payloads that
    PostgreSQL's jsonb refuses even without the characters it is known to refuse.
    """
    item, payload = parsed.item, parsed.payload
    sync_data, exact_text = _for_jsonb(item.raw, payload, parsed.exact)
    if minimal:
        exact_text = item.raw.decode()
        scalars = {k: v for k, v in payload.items() if isinstance(v, str | int | bool) and len(str(v)) < 1000}
        sync_data = json.dumps(_sanitized({**scalars, "_incomplete": "see exact_text"}))
    columns = _columns(stream)
    return Prepared(
        external_id=item.external_id,
        sync_data=sync_data,
        exact_text=exact_text,
        content_hash=parsed.content_hash,
        raw_hash=raw_hash(item.raw),
        tell_hash=_tell(item.raw, payload, parsed.exact, stream.telling) if stream.telling else None,
        parent_id=item.parent_id,
        name=_text(columns.name(payload), 500),
        code=_text(columns.code(payload), 200),
        email=(_text(columns.email(payload), 320) or "").strip().lower() or None,
        remote_created_at=moment(columns.created(payload)),
        remote_modified_at=moment(columns.modified(payload)),
    )


Shape = tuple[tuple[str, ...], tuple[type, ...]]


def shape(parsed: Read) -> Shape:
    """The payload's field names and the types of their values, quick to compare."""
    return tuple(parsed.payload), tuple(map(type, parsed.payload.values()))


def fields_of(shapes: Iterable[Shape]) -> list[tuple[str, str]]:
    """Field names with their JSON types, each pair once; names PostgreSQL's text cannot hold are left out."""
    pairs = {
        (name, _TYPES.get(kind, "number")) for names, kinds in shapes for name, kind in zip(names, kinds, strict=True)
    }
    return sorted(pair for pair in pairs if pair[0].isprintable())


def tell_hash(raw: bytes, telling: tuple[str, ...]) -> bytes:
    """Hash of the telling fields of a record, the same from a sweep's short answer and from the whole record.

    Raises:
        ValueError: it is not a JSON object.
    """
    payload, exact = _read(raw)
    return _tell(raw, payload, exact, telling)


_TYPES: dict[type, str] = {
    str: "string",
    dict: "object",
    list: "array",
    bool: "boolean",
    type(None): "null",
}


def _tell(raw: bytes, payload: dict[str, Any], exact: bool, telling: tuple[str, ...]) -> bytes:
    if not exact:
        told = _ENCODE({name: payload[name] for name in telling if name in payload})
    else:
        # Only what is told decides how it is read: a long number elsewhere must not change this hash.
        parts = jsontext.fields(raw)
        joined = b",".join(json.dumps(name).encode() + b":" + parts[name] for name in telling if name in parts)
        subset, still_exact = _read(b"{" + joined + b"}")
        told = _exact_dump(subset) if still_exact else _ENCODE(subset)
    return hashlib.sha256(told).digest()[:16]


def _needs_care(raw: bytes) -> bool:
    return bool(_SUSPICIOUS.search(raw) and (_LONG_NUMBER.search(raw) or _EXPONENT.search(raw)))


def _read(raw: bytes) -> tuple[dict[str, Any], bool]:
    """The payload, and whether it was read with all digits (slower)."""
    if not _needs_care(raw):
        try:
            payload = _DECODE(raw)
            if isinstance(payload, dict):
                return payload, False
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    try:
        payload = jsontext.value(raw)
    except RecursionError:
        payload = {key: _shallow(value) for key, value in jsontext.fields(raw).items()}
    if not isinstance(payload, dict):
        raise ValueError("not a JSON object")
    return payload, True


def _shallow(raw: bytes) -> Any:
    try:
        return jsontext.value(raw)
    except RecursionError:
        return None


def _content_hash(payload: dict[str, Any], noise: frozenset[str], exact: bool, raw: bytes) -> bytes:
    kept = {key: value for key, value in payload.items() if key not in noise}
    try:
        text = _exact_dump(kept) if exact else _ENCODE(kept)
    except RecursionError:
        text = raw
    return hashlib.sha256(text).digest()


def _exact_dump(value: Any) -> bytes:
    return json.dumps(_tagged(value), sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()


def _tagged(value: Any) -> Any:
    """Numbers by value, not by spelling: 1.10 and 1.1 are one content."""
    if isinstance(value, dict):
        return {key: _tagged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, Decimal):
        return {"\x00number": str(value.normalize())} if value.is_finite() else str(value)
    return value


def _for_jsonb(raw: bytes, payload: dict[str, Any], exact: bool) -> tuple[str, str | None]:
    """The text for jsonb, and the exact text where jsonb would lose something of it."""
    text = raw.decode()
    escaped = b"\\u" in raw and (b"\\u0000" in raw or _LONE_SURROGATE.search(raw) is not None)
    if not escaped and not (exact and _EXPONENT.search(raw)):
        return text, None
    if not escaped and not _huge_exponent(raw):
        return text, text
    try:
        return json.dumps(_sanitized(payload), ensure_ascii=False), text
    except RecursionError:
        return "{}", text


def _huge_exponent(raw: bytes) -> bool:
    return any(abs(int(match)) > 1000 for match in re.findall(rb"\d[eE]([+-]?\d+)", raw))


def _sanitized(value: Any) -> Any:
    """A payload that jsonb takes: U+FFFD for what it refuses, numbers beyond its range as text."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value.replace("\x00", "\ufffd"))
    if isinstance(value, dict):
        return {_sanitized(key): _sanitized(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_sanitized(item) for item in value]
    if isinstance(value, Decimal):
        return float(value) if abs(value.adjusted()) < 300 else str(value)
    return value


@dataclass(frozen=True, slots=True)
class _Columns:
    name: Callable[[Mapping[str, Any]], Any]
    code: Callable[[Mapping[str, Any]], Any]
    email: Callable[[Mapping[str, Any]], Any]
    created: Callable[[Mapping[str, Any]], Any]
    modified: Callable[[Mapping[str, Any]], Any]


@cache
def _columns_of(
    name: str | None, code: str | None, email: str | None, created: str | None, modified: str | None
) -> _Columns:
    return _Columns(finder(name), finder(code), finder(email), finder(created), finder(modified))


def _columns(stream: Stream) -> _Columns:
    return _columns_of(stream.label, stream.code, stream.email, stream.created, stream.modified)


def finder(path: str | None) -> Callable[[Mapping[str, Any]], Any]:
    """A function that reads `path` from a payload: `a.b|c d` is a.b, or c and d joined, whichever is not empty."""
    if path is None:
        return lambda _payload: None
    alternatives = [[part.split(".") for part in option.split(" ")] for option in path.split("|")]
    if len(alternatives) == 1 and len(alternatives[0]) == 1 and len(alternatives[0][0]) == 1:
        key = alternatives[0][0][0]
        return lambda payload: payload.get(key)

    def find(payload: Mapping[str, Any]) -> Any:
        for option in alternatives:
            found = [value for steps in option if (value := _follow(payload, steps)) not in (None, "", False)]
            if found:
                return found[0] if len(found) == 1 else " ".join(map(str, found))
        return None

    return find


def _follow(value: Any, steps: list[str]) -> Any:
    for step in steps:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def _text(value: Any, longest: int) -> str | None:
    if value is None or isinstance(value, dict | list | bool):
        return None
    text = str(_sanitized(str(value)))[:longest].strip()
    return text or None


def moment(value: Any) -> datetime | None:
    """A source's UTC time, naive as WooCommerce and Odoo write it; None where it is no time."""
    if not isinstance(value, str) or not value:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
