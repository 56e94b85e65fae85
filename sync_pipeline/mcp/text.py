"""Text from stores and people, as data: in `store_text` and `quoted`, cut, with marks for what is invisible."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sync_pipeline.exact_json import dumps, to_json
from sync_pipeline.redaction import marked, redact

SHORT = 200  # characters of a text in a list
LONG = 2000  # in one record
_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")
_DEPTH = 12


def shown(value: Any, longest: int = SHORT, most: int = 50, depth: int = _DEPTH) -> Any:
    """A value as an answer shows it: texts and field names cut and marked, lists and objects with `most` parts."""
    if isinstance(value, str):
        return _cut(marked(value), longest)
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    if isinstance(value, datetime | date | UUID):
        return str(value)
    if depth == 0:
        return "…"
    if is_dataclass(value) and not isinstance(value, type):
        value = {one.name: getattr(value, one.name) for one in fields(value)}
    if isinstance(value, Mapping):
        parts = list(value.items())
        cut = {str(shown(str(key), SHORT)): shown(one, longest, most, depth - 1) for key, one in parts[:most]}
        return cut if len(parts) <= most else {**cut, "…": f"{len(parts) - most} more"}
    if isinstance(value, Sequence | set | frozenset):
        items = list(value)
        listed = [shown(one, longest, most, depth - 1) for one in items[:most]]
        return listed if len(items) <= most else [*listed, f"… {len(items) - most} more"]
    return _cut(marked(str(value)), longest)


def store_text(longest: int = SHORT, **values: Any) -> dict[str, Any]:
    """`{"store_text": {…}}` of the values that are not empty; nothing where all are."""
    said = {name: shown(one, longest) for name, one in values.items() if one not in (None, "", [], {}, ())}
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
