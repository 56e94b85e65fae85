"""JSON as bytes: pages are split into records without changing a digit.

msgspec splits a page several times faster than a parser reads it. What it refuses (a lone surrogate, deep nesting) is
split by a scanner that counts brackets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache

import msgspec

from sync_pipeline.errors import MalformedAnswer

_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BOM = b"\xef\xbb\xbf"
_TOKEN = re.compile(rb'["\[\]{},:]|[^"\[\]{},:\s]+')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


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
            return [bytes(raw) for raw in _LIST.decode(candidate)]
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            found = _scan_list(candidate)
            if found is not None:
                return found
    raise MalformedAnswer("The answer is not a JSON list" + _looks_like(text), body=body[: 64 * 1024])


def single(body: bytes) -> bytes:
    """The JSON object of an answer, as bytes.

    Raises:
        MalformedAnswer: there is no complete object.
    """
    text = body.removeprefix(_BOM).strip()
    for start in _candidates(text, b"{"):
        candidate = text[start:]
        if _is_whole(candidate, b"{"):
            return candidate
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
    shape = msgspec.defstruct(
        "Picked", [(slot, msgspec.Raw | None, None) for slot in slots], rename=dict(zip(slots, names, strict=True))
    )
    decode = msgspec.json.Decoder(shape).decode

    def pick(raw: bytes) -> tuple[bytes | None, ...]:
        try:
            picked = decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            found = fields(raw)
            return tuple(found.get(name) for name in names)
        values = (getattr(picked, slot) for slot in slots)
        return tuple(None if item is None else bytes(item) for item in values)

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


def _is_whole(text: bytes, opening: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _span(text, 0) == len(text)
    return text[:1] == opening


def _span(text: bytes, position: int) -> int | None:
    """End of the JSON value that begins at `position`; None if it does not end."""
    depth = 0
    while True:
        match = _TOKEN.search(text, position)
        if match is None:
            return None
        token = match.group()
        if token == b'"':
            string = _STRING.match(text, match.start())
            if string is None:
                return None
            position = string.end()
        else:
            position = match.end()
            if token in (b"[", b"{"):
                depth += 1
            elif token in (b"]", b"}"):
                depth -= 1
        if depth == 0:
            return position
        if depth < 0:
            return None


def _skip(text: bytes, position: int) -> int:
    while position < len(text) and text[position] in b" \t\r\n":
        position += 1
    return position


def _scan_list(text: bytes) -> list[bytes] | None:
    if _span(text, 0) != len(text) or text[:1] != b"[":
        return None
    elements: list[bytes] = []
    position = _skip(text, 1)
    if text[position : position + 1] == b"]":
        return elements
    while True:
        end = _span(text, position)
        if end is None:
            return None
        if not _plausible(text[position:end]):
            return None
        elements.append(text[position:end])
        position = _skip(text, end)
        if text[position : position + 1] == b"]":
            return elements
        if text[position : position + 1] != b",":
            return None
        position = _skip(text, position + 1)


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
    text = text.strip()
    if text[:1] != b"{" or _span(text, 0) != len(text):
        return None
    found: dict[str, bytes] = {}
    position = _skip(text, 1)
    while text[position : position + 1] != b"}":
        key = _STRING.match(text, position)
        if key is None:
            return None
        colon = _skip(text, key.end())
        if text[colon : colon + 1] != b":":
            return None
        start = _skip(text, colon + 1)
        end = _span(text, start)
        if end is None:
            return None
        found[json.loads(key.group())] = text[start:end]
        position = _skip(text, end)
        if text[position : position + 1] == b",":
            position = _skip(text, position + 1)
    return found
