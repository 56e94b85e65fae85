"""Standing rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from sync_pipeline.api.contracts.base import Plain, Shape, Why

RuleKind = Literal["follow_updates", "include_new", "ignore_where"]


class NewRule(Shape):
    """A rule to add. `field` and `value` belong to ignore_where."""

    entity: str = Field(max_length=60, examples=["products"])
    kind: RuleKind = Field(
        description="follow_updates: include changes and deletions of what is in core; include_new: include new "
        "records; ignore_where: ignore records whose `field` has this `value`."
    )
    field: str | None = Field(None, min_length=1, max_length=200, examples=["status"])
    value: Any = Field(None, examples=["draft"])
    why: Why = None


class RuleInfo(Shape):
    """A standing rule."""

    rule_id: int
    entity: str = Field(examples=["products"])
    kind: str = Field(examples=["ignore_where"])
    field: str | None
    value: Plain
    created_by: str
    created_at: datetime
    why: str | None


class DroppedRule(Shape):
    """A rule that has ended. Its decisions stay."""

    rule_id: int
    dropped: Literal[True] = True
