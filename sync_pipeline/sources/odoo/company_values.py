"""Values that differ by company: the leading company's stand in a record's own fields, the others' beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

from sync_pipeline.sources import jsontext

COMPANY_VALUES = "_company_values"  # {company id: {field: value}}, where the value is not the leading company's

Values = Mapping[int, Sequence[bytes | None]]


def by_id(rows: Sequence[bytes], names: Sequence[str]) -> dict[int, Sequence[bytes | None]]:
    """By record id the JSON texts of these fields. What is no record is passed over."""
    pick = jsontext.picker("id", *names)
    found: dict[int, Sequence[bytes | None]] = {}
    for raw in rows:
        with suppress(ValueError):
            number, *values = pick(raw)
            found[int(number or b"")] = values
    return found


def differing(names: Sequence[str], own: Values, others: Mapping[int, Values]) -> dict[int, bytes]:
    """By record id the JSON text of what other companies have otherwise."""
    found: dict[int, dict[str, bytes]] = {number: {} for number in own}
    for company, theirs in others.items():
        for number, values in theirs.items():
            parts = [
                json.dumps(name).encode() + b":" + value
                for name, value, leading in zip(names, values, own.get(number, ()), strict=False)
                if value is not None and value != leading
            ]
            if parts:
                found.setdefault(number, {})[str(company)] = b"{" + b",".join(parts) + b"}"
    return {
        number: b"{" + b",".join(f'"{company}":'.encode() + text for company, text in sorted(per.items())) + b"}"
        for number, per in found.items()
    }


def beside(raw: bytes, text: bytes | None) -> bytes:
    """The record's bytes with the other companies' values after its own fields."""
    if text is None:
        return raw
    return raw.rstrip()[:-1] + b',"' + COMPANY_VALUES.encode() + b'":' + text + b"}"
