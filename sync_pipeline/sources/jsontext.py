"""JSON as bytes: pages are split into records without changing a digit.

msgspec splits a page several times faster than a parser reads it. What it refuses (a lone surrogate, deep nesting) is
split by a scanner that counts brackets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TypeVar

import msgspec

from sync_pipeline.errors import MalformedAnswer

T = TypeVar("T")
_MOST_ELEMENTS = 100_000  # of one answer; a page has a hundred or a thousand
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MISSING = msgspec.Raw(b"")
_BOM = b"\xef\xbb\xbf"
_CLOSING = {b"[": b"]", b"{": b"}"}
# Possessive (++, *+), so that no text causes backtracking.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_TOKEN = re.compile(_STRING.pattern + rb'|["\[\]{},]', re.DOTALL)


def slices(body: bytes) -> list[bytes]:
    """The elements of a JSON array, each as its own bytes.

    A byte-order mark and PHP notices before it are skipped.

    Raises:
        MalformedAnswer: there is no complete array.
    """
    text = body.removeprefix(_BOM).strip()
    for start in _candidates(text, b"["):
        candidate = text[start:]
        try:
            return [bytes(raw) for raw in _not_too_many(_LIST.decode(candidate))]
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            found = _scan_list(candidate)
            if found is not None:
                return _not_too_many(found)
    raise MalformedAnswer("The answer is not a JSON list" + _looks_like(text), body=body[: 64 * 1024])


def _not_too_many(elements: list[T]) -> list[T]:
    if len(elements) > _MOST_ELEMENTS:
        raise MalformedAnswer(f"The answer is a list of more than {_MOST_ELEMENTS:,} elements")
    return elements


def single(body: bytes) -> bytes:
    """The JSON object of an answer, as bytes.

    Raises:
        MalformedAnswer: there is no complete object.
    """
    text = body.removeprefix(_BOM).strip()
    for start in _candidates(text, b"{"):
        with suppress(ValueError):
            fields(text[start:])
            return text[start:]
    raise MalformedAnswer("The answer is not a JSON object" + _looks_like(text), body=body[: 64 * 1024])


def fields(raw: bytes) -> dict[str, bytes]:
    """The top-level fields of a JSON object, each value as its own bytes; the last wins if a key occurs twice.

    Raises:
        ValueError: it is not a JSON object.
    """
    try:
        return {key: bytes(value) for key, value in _OBJECT.decode(raw).items()}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        found = _scan_object(raw)
        if found is None:
            raise ValueError("not a JSON object") from None
        return found


@cache
def picker(*names: str) -> Callable[[bytes], tuple[bytes | None, ...]]:
    """A function that reads only these top-level fields of an object, each as its own bytes; None if one is missing.

    It raises ValueError if the bytes are not a JSON object.
    """
    slots = [f"f{number}" for number in range(len(names))]
    # Not `Raw | None`: msgspec reads a union by its other members, and refuses every value.
    shape = msgspec.defstruct(
        "Picked", [(slot, msgspec.Raw, _MISSING) for slot in slots], rename=dict(zip(slots, names, strict=True))
    )
    decode = msgspec.json.Decoder(shape).decode

    def pick(raw: bytes) -> tuple[bytes | None, ...]:
        try:
            picked = decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            found = fields(raw)
            return tuple(found.get(name) for name in names)
        values = (getattr(picked, slot) for slot in slots)
        return tuple(None if item is _MISSING else bytes(item) for item in values)

    return pick


def _candidates(text: bytes, opening: bytes) -> list[int]:
    """Where the JSON may begin: at the start, or after PHP's notices."""
    if text[:1] == opening:
        return [0]
    if text[:1] in (b"[", b"{") or (text[:1] == b"<" and b"<html" in text[:1000].lower()):
        return []
    return [match.start() for match in re.finditer(re.escape(opening), text)][:200]


def _looks_like(text: bytes) -> str:
    if not text:
        return ": it is empty."
    if text[:1] == b"<":
        return ": it is an HTML page."
    return " (cut off, or something printed into it)."


def _scan_list(text: bytes) -> list[bytes] | None:
    elements = _parts(text, b"[")
    return elements if elements is not None and all(map(_plausible, elements)) else None


def _plausible(raw: bytes) -> bool:
    """True if Python's parser accepts it, as it does lone surrogates, or if it is nested too deep for that parser."""
    try:
        json.loads(raw)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _scan_object(text: bytes) -> dict[str, bytes] | None:
    parts = _parts(text.strip(), b"{")
    if parts is None:
        return None
    found: dict[str, bytes] = {}
    for part in parts:
        key = _STRING.match(part)
        after = part[key.end() :].lstrip() if key else b""
        value = after[1:].lstrip()
        if key is None or after[:1] != b":" or not _plausible(value):
            return None
        found[json.loads(key.group())] = value
    return found


def _parts(text: bytes, opening: bytes) -> list[bytes] | None:
    """What stands between the commas of the array or object that the whole text is; None if it is not one."""
    if text[:1] != opening:
        return None
    parts: list[bytes] = []
    start, depth, end = 1, 0, 0
    for token in _TOKEN.finditer(text):
        kind = token.group()
        if kind == b'"':  # a string without an end
            return None
        if kind in (b"[", b"{"):
            depth += 1
        elif kind in (b"]", b"}"):
            depth -= 1
        if (depth == 1 and kind == b",") or depth == 0:
            parts.append(text[start : token.start()].strip())
            start = end = token.end()
        if depth == 0:
            break
    if depth != 0 or end != len(text) or text[-1:] != _CLOSING[opening]:
        return None
    return [] if parts == [b""] else parts
