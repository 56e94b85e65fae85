"""What all entities share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

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


_Mapping = TypeVar("_Mapping", bound=Callable[..., Entity])


def reads(*fields: str) -> Callable[[_Mapping], _Mapping]:
    """Says which top-level fields of a payload a mapping function looks at: promotion decodes no others for it."""

    def declare(to_entity: _Mapping) -> _Mapping:
        to_entity.reads = fields  # type: ignore[attr-defined]
        return to_entity

    return declare
