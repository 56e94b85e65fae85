"""Comparing values as the operators of a domain do.

An unset value compares as NULL does: neither more nor less. Times compare by whole seconds.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sandbox.odoo.models import Field
from sandbox.odoo.refusals import value_error
from sandbox.odoo.rows import Row

Predicate = Callable[[Row], bool]
LIKE = ("like", "ilike", "not like", "not ilike", "=like", "=ilike", "not =like", "not =ilike")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d+)?)?$")


def compare(get: Callable[[Row], Any], operator: str, value: Any) -> Predicate:
    if operator in ("in", "not in") or (operator in ("=", "!=") and isinstance(value, list)):
        wanted = set(value) if isinstance(value, (list, tuple)) else {value}
        blank = bool(wanted & {False, None})
        wanted -= {False, None}
        if operator in ("in", "="):
            return lambda row: (v in wanted) if (v := get(row)) else blank or (v == 0 and 0 in wanted)
        return lambda row: (v not in wanted) if (v := get(row)) else not blank
    if operator == "=":
        return (lambda row: get(row) == value) if value not in (False, None) else (lambda row: not get(row))
    if operator == "!=":
        return (lambda row: get(row) != value) if value not in (False, None) else (lambda row: bool(get(row)))
    ordered: dict[str, Callable[[Any], bool]] = {
        ">": lambda v: v > value,
        ">=": lambda v: v >= value,
        "<": lambda v: v < value,
        "<=": lambda v: v <= value,
    }
    if value in (False, None) and not isinstance(value, (int, float)):
        return lambda _row: False
    holds = ordered[operator]
    same = str if isinstance(value, str) else (int, float)
    return lambda row: (v := get(row)) is not False and isinstance(v, same) and holds(v)


def like(get: Callable[[Row], Any], operator: str, value: Any) -> Predicate:
    negative = operator.startswith("not ")
    plain = operator.removeprefix("not ")
    shape = str(value) if plain.startswith("=") else f"%{value}%"
    flags = re.DOTALL | (re.IGNORECASE if "ilike" in plain else 0)
    pattern = re.compile("".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in shape), flags)

    def passes(row: Row) -> bool:
        found = get(row)
        hit = isinstance(found, str) and pattern.fullmatch(found) is not None
        return hit != negative

    return passes


def moments(known: Field, operator: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [moments(known, operator, v) for v in value]
    if value in (False, None):
        return value
    if not isinstance(value, str) or not _DATETIME.match(value):
        if isinstance(value, str) and re.search(r"(Z|[+-]\d\d:?\d\d)$", value):
            raise value_error(f"expecting only datetimes with no timezone: {value!r}")
        raise value_error(f"Invalid isoformat string: {value!r}")
    datetime.fromisoformat(value)
    if known.type == "date":
        return value[:10]
    if len(value) == 10:
        return f"{value} {'23:59:59' if operator in ('>', '<=') else '00:00:00'}"
    return value[:19].replace("T", " ")
