"""JSON with all digits: a number that passed through a float would be another one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID


def exact_json(value: Any) -> str:
    """`value` as JSON text; decimal numbers keep their digits, which no other encoder here can do."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {exact_json(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "[" + ", ".join(map(exact_json, value)) + "]"
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else "null"
    if isinstance(value, (datetime, date)):
        return json.dumps(value.isoformat().replace("+00:00", "Z"))  # as the other answers have it
    if isinstance(value, UUID):
        return json.dumps(str(value))
    if is_dataclass(value) and not isinstance(value, type):
        return exact_json({one.name: getattr(value, one.name) for one in fields(value)})
    return json.dumps(value, default=str)
