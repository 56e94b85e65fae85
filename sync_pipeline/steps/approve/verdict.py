"""What policies say to a plan that no person has approved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import Row


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which policy lets a plan through, or (None) the limits that stop it, in words."""

    policy_id: int | None
    words: str


def let_through(conn: Transaction, plan: Row[Any]) -> Verdict:
    """Judge a plan."""
    return Verdict(None, "")
