"""Text from stores and people, as data: in `store_text` and `quoted`, cut, with marks for what is invisible."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from sync_pipeline.exact_json import dumps, to_json
from sync_pipeline.redaction import marked, redact

SHORT = 200  # characters of a text in a list
LONG = 2000  # in one record
_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,39}")  # longer ones would be sentences
_DEPTH = 12
_ROOM = 60_000  # characters of a value, five times what an answer can hold
_MOST, _MOST_OF_ONE = 50, 200  # parts of a list or object, in a list and in one record


class _Room:
    """How much of a value is looked at: the rest does not fit in any answer."""

    def __init__(self) -> None:
        self.left = _ROOM

    def takes(self, size: int) -> bool:
        """Is there room for so many characters?"""
        self.left -= size + 1
        return self.left > 0


def shown(value: Any, longest: int = SHORT, most: int = _MOST) -> Any:
    """A value as an answer shows it: texts and field names cut and marked, lists and objects with `most` parts."""
    return _shown(value, longest, most, _DEPTH, _Room())


def _shown(value: Any, longest: int, most: int, depth: int, room: _Room) -> Any:
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    if isinstance(value, datetime | date | UUID):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        value = {one.name: getattr(value, one.name) for one in fields(value)}
    if not isinstance(value, Mapping | list | tuple | set | frozenset):
        text = _cut(str(value), longest)
        return marked(text) if room.takes(len(text)) else "…"
    if depth == 0 or not room.takes(0):
        return "…"
    if isinstance(value, Mapping):
        parts = list(islice(value.items(), most))
        cut = {marked(_cut(str(key), SHORT)): _shown(one, longest, most, depth - 1, room) for key, one in parts}
        return cut if len(value) <= most else {**cut, "…": f"{len(value) - most} more"}
    listed = [_shown(one, longest, most, depth - 1, room) for one in islice(value, most)]
    return listed if len(value) <= most else [*listed, f"… {len(value) - most} more"]


def store_text(longest: int = SHORT, **values: Any) -> dict[str, Any]:
    """`{"store_text": {…}}` of the values that are not empty; nothing where all are."""
    most = _MOST if longest == SHORT else _MOST_OF_ONE
    said = {name: shown(one, longest, most) for name, one in values.items() if one not in (None, "", [], {}, ())}
    return {"store_text": said} if said else {}


def quoted(**values: Any) -> dict[str, Any]:
    """`{"quoted": {…}}`: what people and agents wrote in their own words."""
    said = {name: shown(one, SHORT) for name, one in values.items() if one not in (None, "", [], {}, ())}
    return {"quoted": said} if said else {}


def record_id(external_id: str) -> Any:
    """An id of a store. One that is more than letters, digits and a few signs is text like any other."""
    return external_id if _PLAIN_ID.fullmatch(external_id) else store_text(id=external_id)


def written(value: Any) -> str:
    """An answer as JSON. Letters are letters, not escapes, which would take six times the room."""
    try:
        return to_json(value)
    except (OverflowError, UnicodeEncodeError):  # a whole number of more than 64 bits, a lone surrogate
        return dumps(value)


def own_words(words: str) -> str:
    """A sentence of ours that repeats what the caller sent: without secrets, on one line, not endless."""
    return _cut(marked(" ".join(redact(words).split())), 600)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
