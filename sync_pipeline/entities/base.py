"""What all entities share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.errors import SyncError


class Unmappable(SyncError):
    """A field's value has no meaning here: the record cannot become an entity until it is mended in the store."""

    def __init__(self, field_name: str, value: object, wanted: str) -> None:
        shown = repr(value)
        if len(shown) > 80:
            shown = shown[:77] + "…'"
        super().__init__(f"{field_name} is {shown}, which is no {wanted}. Correct it in the store and pull again.")
        self.field_name, self.value = field_name, value


@dataclass(frozen=True, slots=True)
class Ref:
    """Another record of the same connection, by the store's own id."""

    entity_type: str
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A provider-independent record, ready for core. `warnings` are sentences for the operator."""

    metadata: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
