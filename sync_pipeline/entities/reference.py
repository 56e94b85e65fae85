"""Records without a table of their own: tags, taxes, coupons, settings …"""

from typing import Any

import msgspec

from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.core import CoreTable


class Reference(Entity, frozen=True, kw_only=True):
    """A record that core keeps unchanged in `data`, with its code and name as columns."""

    kind: str
    code: str | None = None
    name: str | None = None
    active: bool = True
    data: dict[str, Any] = msgspec.field(default_factory=dict)


TABLE = CoreTable(
    "core.reference_data",
    Reference,
    holds="what has no table of its own: tags, attributes, coupons, taxes, settings",
    keys=("code",),
    last=True,
)
