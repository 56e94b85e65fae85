"""What all entities share."""

from __future__ import annotations

from typing import Any

import msgspec

from sync_pipeline.errors import SyncError


class Unmappable(SyncError):
    """A field's value has no meaning here: the record cannot become an entity until it is mended in the store."""

    def __init__(self, field_name: str, value: object, wanted: str) -> None:
        shown = repr(value)
        if len(shown) > 80:
            shown = shown[:77] + "…'"
        super().__init__(f"{field_name} is {shown}, which is no {wanted}. Correct it in the store and pull again.")
        self.field_name, self.value = field_name, value


class Ref(msgspec.Struct, frozen=True):
    """Another record of the same connection, by the store's own id."""

    entity_type: str
    external_id: str


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """A provider-independent record, ready for core. `warnings` are sentences for the operator."""

    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    warnings: tuple[str, ...] = ()
