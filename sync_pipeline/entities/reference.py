"""What has no table of its own: tags, taxes, coupons, settings …"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.entities.base import Entity


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(Entity):
    """A record that core keeps as it is, with what people look for taken out."""

    kind: str
    code: str | None = None
    name: str | None = None
    active: bool = True
    data: dict[str, Any] = field(default_factory=dict)
