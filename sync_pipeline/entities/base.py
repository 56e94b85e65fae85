"""What all entities share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from sync_pipeline.errors import SyncError


class Unmappable(SyncError):
    """A field's value is not valid. The record cannot become an entity until it is corrected where it comes from."""

    def __init__(self, field_name: str, value: object, wanted: str) -> None:
        shown = repr(value)
        if len(shown) > 80:
            shown = shown[:77] + "…'"
        super().__init__(
            f"{field_name} is {shown}, not a valid {wanted}. "
            "Correct it where it comes from, then pull or push it again."
        )
        self.field_name, self.value, self.wanted = field_name, value, wanted


class MapperWarning(str):
    """A sentence for the operator about a value that is read in part or not at all. `code` is for programs."""

    __slots__ = ("code", "field")
    code: str
    field: str

    def __new__(cls, sentence: str, code: str, field: str) -> MapperWarning:
        made = super().__new__(cls, sentence)
        made.code, made.field = code, field
        return made


class Ref(msgspec.Struct, frozen=True):
    """Another record of the same connection, by the store's own id."""

    entity_type: str
    external_id: str


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """A provider-independent record, ready for core. `warnings` are sentences for the operator."""

    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class LookedUp(dict[str, Any]):
    """A record that replaces its id (see Follow): the `id` of the reference, and some of the record's fields."""


class Follow(msgspec.Struct, frozen=True):
    """A field that names other records of the same connection, which the mapper reads too.

    `field` holds an id, [id, name] or a list of ids of captured `entity_type` records. The mapper gets a `LookedUp`
    instead of each id, with the fields `reads`; `follows` does the same for fields of that record. Ids of records that
    are not captured stay. When the other record changes, the preview shows those that follow it as updated; not where
    `watched` is false, because the row keeps what it was promoted with (see `reads`).
    """

    field: str
    entity_type: str
    reads: tuple[str, ...]
    follows: tuple[Follow, ...] = ()
    watched: bool = True


def names(text: str) -> tuple[str, ...]:
    """The names in a text: how long lists of fields are written."""
    return tuple(text.split())


_Mapping = TypeVar("_Mapping", bound=Callable[..., Entity])


def reads(
    *fields: str, follows: Sequence[Follow] = (), as_promoted: Sequence[str] = ()
) -> Callable[[_Mapping], _Mapping]:
    """Declare the top-level fields of a payload that a mapper reads: promotion decodes only these for it.

    `follows`: the fields whose records it reads too. `as_promoted`: fields of the entity that keep what the other
    records said when it was promoted, as an order keeps its addresses.
    """

    def declare(to_entity: _Mapping) -> _Mapping:
        to_entity.reads = fields  # type: ignore[attr-defined]
        to_entity.follows = tuple(follows)  # type: ignore[attr-defined]
        to_entity.as_promoted = tuple(as_promoted)  # type: ignore[attr-defined]
        return to_entity

    return declare
