"""A record as it will be stored: hashes, and the few columns other steps look things up by."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import cache, lru_cache
from typing import Any, NamedTuple

import msgspec

from sync_pipeline import exact_json
from sync_pipeline.db.arrays import Blobs, Texts
from sync_pipeline.entities.values import email_address, fitted, fold, moment
from sync_pipeline.sources import jsontext
from sync_pipeline.sources.base import RawRecord, Stream

# Every digit counts: a float would lose some, so numbers with a fraction or an exponent are Decimal, by their value.
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")


class _Reader(threading.local):
    """A thread's decoder; `odd` is set if a number is written as jsonb would not write it."""

    def __init__(self) -> None:
        self.odd = False
        self.decode = exact_json.decoder(fraction=self.number).decode

    def number(self, text: str) -> Decimal:
        value, odd = _short(text) if len(text) < _FEW else _number(text)
        if odd:
            self.odd = True
        return value


def _number(text: str) -> tuple[Decimal, bool]:
    """By its value, and whether it has an exponent or is a negative zero."""
    value = exact_json.number(text)
    return value.normalize(_EXACT), "e" in text or "E" in text or (not value and text[0] == "-")


_READER = _Reader()
_FEW = 24  # characters; what is kept of longer ones could fill the memory
_short = lru_cache(4096)(_number)  # most numbers are prices and zeros, of which there are few


class Prepared(NamedTuple):
    """One row for `capture.sync_record`."""

    external_id: str
    sync_data: str
    exact_text: str | None
    content_hash: bytes
    raw_hash: bytes
    sweep_hash: bytes | None
    parent_id: str | None
    name: str | None
    code: str | None
    email: str | None
    remote_created_at: datetime | None
    remote_modified_at: datetime | None


def columns_of(rows: Sequence[Prepared]) -> dict[str, list[Any]]:
    """The rows as the parameters of one statement, a list a column."""
    return {
        name: _LISTS.get(name, Texts)(column)
        for name, column in zip(Prepared._fields, zip(*rows, strict=True), strict=True)
    }


_LISTS: Mapping[str, Callable[[Iterable[Any]], list[Any]]] = {
    **dict.fromkeys(("content_hash", "raw_hash", "sweep_hash"), Blobs),
    **dict.fromkeys(("remote_created_at", "remote_modified_at"), list),
}


def raw_hash(raw: bytes) -> bytes:
    """SHA-256 of the record's bytes."""
    return hashlib.sha256(raw).digest()


@dataclass(frozen=True, slots=True)
class Read:
    """A parsed payload and its content hash: enough to tell whether the record changed."""

    item: RawRecord
    payload: dict[str, Any]
    odd: bool  # some number is spelt as jsonb would not spell it
    content_hash: bytes


def read(item: RawRecord, noise: frozenset[str]) -> Read:
    """Parse a record and hash its content without the noise.

    Raises:
        ValueError: it is not a JSON object.
    """
    payload, odd = _read(item.raw)
    kept = payload.copy()
    for name in noise:
        kept.pop(name, None)
    return Read(item, payload, odd, hashlib.sha256(_canonical(kept, item.raw)).digest())


def prepare(stream: Stream, parsed: Read, *, minimal: bool = False) -> Prepared:
    """Everything that is stored of a record.

    `minimal` keeps only short scalar top-level fields in `sync_data`, beside the exact text: for payloads that jsonb
    refuses even without the characters it is known to refuse.
    """
    item, payload = parsed.item, parsed.payload
    sync_data, exact_text = _for_jsonb(item.raw, payload, parsed.odd)
    if minimal:
        exact_text = item.raw.decode()
        scalars = {k: v for k, v in payload.items() if isinstance(v, str | int | bool) and len(str(v)) < 1000}
        sync_data = json.dumps(_sanitized({**scalars, "_incomplete": "see exact_text"}))
    return Prepared(
        external_id=item.external_id,
        sync_data=sync_data,
        exact_text=exact_text,
        content_hash=parsed.content_hash,
        raw_hash=raw_hash(item.raw),
        sweep_hash=_hash_fields(item.raw, payload, stream.sweep_fields) if stream.sweep_fields else None,
        parent_id=item.parent_id,
        name=_text(finder(stream.label)(payload), 500, stream.read_text),
        code=fitted(_text(finder(stream.code)(payload), None, stream.read_text) or "") or None,
        email=_email(stream, payload),
        remote_created_at=moment(finder(stream.created)(payload)),
        remote_modified_at=moment(finder(stream.modified)(payload)),
    )


def _email(stream: Stream, payload: Mapping[str, Any]) -> str | None:
    """The first of the stream's fields that has an e-mail address, folded; a word in its place is passed over."""
    texts = (_text(finder(one)(payload), None, stream.read_text) for one in (stream.email or "").split("|") if one)
    return next((fold(fitted(text)) for text in texts if text and email_address(fold(text))), None)


Shape = tuple[tuple[str, ...], tuple[type, ...]]


def shape(parsed: Read) -> Shape:
    """The payload's field names and the types of their values, quick to compare."""
    return tuple(parsed.payload), tuple(map(type, parsed.payload.values()))


def fields_of(shapes: Iterable[Shape]) -> list[tuple[str, str]]:
    """Field names with their JSON types, each pair once, without names that PostgreSQL's text cannot hold."""
    pairs = {
        (name, _TYPES.get(kind, "number")) for names, kinds in shapes for name, kind in zip(names, kinds, strict=True)
    }
    return sorted(pair for pair in pairs if pair[0].isprintable())


def sweep_hash(raw: bytes, sweep_fields: tuple[str, ...]) -> bytes:
    """Hash of a record's sweep fields. A sweep's short answer and the whole record give the same hash.

    Raises:
        ValueError: it is not a JSON object.
    """
    payload, _ = _read(raw)
    return _hash_fields(raw, payload, sweep_fields)


_TYPES: dict[type, str] = {str: "string", dict: "object", list: "array", bool: "boolean", type(None): "null"}


def _hash_fields(raw: bytes, payload: dict[str, Any], names: tuple[str, ...]) -> bytes:
    compared = {name: payload[name] for name in names if name in payload}
    return hashlib.sha256(_canonical(compared, raw)).digest()[:16]


def _read(raw: bytes) -> tuple[dict[str, Any], bool]:
    """The payload, and whether a number in it is spelt as jsonb would not spell it."""
    _READER.odd = False
    payload: Any
    try:
        payload = _READER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        payload = _read_slowly(raw)
    if not isinstance(payload, dict):
        raise ValueError("not a JSON object")
    return payload, _READER.odd


def _read_slowly(raw: bytes) -> Any:
    """Read lone surrogates and deep nesting. A field nested too deep for any parser reads as None; its text is kept."""
    try:
        return exact_json.loads(raw, fraction=_READER.number)
    except RecursionError:
        return {key: _read_field(value) for key, value in jsontext.fields(raw).items()}


def _read_field(raw: bytes) -> Any:
    try:
        return exact_json.loads(raw, fraction=_READER.number)
    except RecursionError:
        return None


def _canonical(payload: dict[str, Any], raw: bytes) -> bytes:
    """The bytes to hash; the record's own bytes if it is nested too deep."""
    try:
        return exact_json.canonical(payload)
    except RecursionError:
        return raw


def _for_jsonb(raw: bytes, payload: dict[str, Any], odd: bool) -> tuple[str, str | None]:
    """The text for jsonb; and the exact text, if jsonb would lose something of it."""
    text = raw.decode()
    escaped = b"\\u" in raw and _escapes(raw)
    if not escaped and not odd:
        return text, None
    if not escaped and not _huge_exponent(raw):
        return text, text
    try:
        return json.dumps(_sanitized(payload), ensure_ascii=False), text
    except RecursionError:
        return "{}", text


def _escapes(raw: bytes) -> bool:
    """Does it escape a character that jsonb refuses: the null, or half of a pair?"""
    pairs = b"\\ud" in raw or b"\\uD" in raw
    return b"\\u0000" in raw or (pairs and _LONE_SURROGATE.search(raw) is not None)


def _huge_exponent(raw: bytes) -> bool:
    return any(abs(int(match)) > 1000 for match in re.findall(rb"\d[eE]([+-]?\d+)", raw))


def _sanitized(value: Any) -> Any:
    """The payload as jsonb accepts it: U+FFFD for characters it refuses, text for numbers out of its range."""
    if isinstance(value, str):
        if value.isascii() and "\x00" not in value:
            return value
        return _SURROGATES.sub("\ufffd", value.replace("\x00", "\ufffd"))
    if isinstance(value, dict):
        return {_sanitized(key): _sanitized(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_sanitized(item) for item in value]
    if isinstance(value, Decimal):
        return float(value) if abs(value.adjusted()) < 300 else str(value)
    return value


@cache
def finder(path: str | None) -> Callable[[Mapping[str, Any]], Any]:
    """A function that reads `path` from a payload: `a.b|c d` is a.b if not empty, else c and d joined."""
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


def _text(value: Any, longest: int | None, read: Callable[[str], str] | None) -> str | None:
    if value is None or isinstance(value, dict | list | bool):
        return None
    text = str(value) if read is None else read(str(value))
    return str(_sanitized(text))[:longest].strip() or None
