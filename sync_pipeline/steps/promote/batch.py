"""A batch of lines on its way: payloads become entities and rows. No database here, so it runs beside one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from sync_pipeline.entities.base import Entity, Ref, Unmappable
from sync_pipeline.entities.order import Order
from sync_pipeline.errors import SyncError
from sync_pipeline.sources.base import source
from sync_pipeline.steps.promote.tables import Table, encode, table_of

# Whole numbers of any size stay whole; a fraction written as a number becomes a Decimal, never a float.
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def decode(payload: str) -> Any:
    """A payload as Python values, with all its digits."""
    return _decoder.decode(payload)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A line this worker holds."""

    line_no: int
    connection_id: int
    entity_type: str
    external_id: str
    action: str
    content_hash: bytes

    @property
    def key(self) -> tuple[int, str, str]:
        """The record: connection, entity type, external id."""
        return (self.connection_id, self.entity_type, self.external_id)


@dataclass(slots=True)
class Item:
    """A line with what becomes of it. `error` set: it fails, alone."""

    line: Claimed
    provider: str
    entity: Entity | None = None
    table: Table | None = None
    values: tuple[Any, ...] = ()  # the core row, encoded
    error: str | None = None
    warnings: list[str] = field(default_factory=list)
    # From the mapping, when the batch is written; or from identity:
    id: int = 0
    was_mapped: bool = False
    was_set_aside: bool = False  # its SKU was decided to belong to another before: no new conflict
    is_new: bool = False
    core_wins: bool = False  # the core row keeps its own values
    sku_set_aside: bool = False
    relation: int | None = None

    def is_mapped_to(
        self, table: str | None, row: int | None, *, core_wins: bool | None, set_aside: bool | None
    ) -> None:
        """Start from what the mapping says now; identity goes on from there."""
        self.was_mapped, self.was_set_aside = row is not None, bool(set_aside)
        here = self.table is None or self.table.name == table
        self.id, self.core_wins = (row or 0, bool(core_wins)) if here else (0, False)
        self.is_new = self.sku_set_aside = False
        self.relation = None

    @property
    def sku(self) -> str | None:
        """The entity's SKU, where it has one."""
        return getattr(self.entity, "sku", None)


def to_entity(provider: str, entity_type: str, payload: str) -> Entity:
    """A captured payload as an entity.

    Raises:
        Unmappable: a field's value has no meaning, or the provider does not map this entity.
    """
    return _mapping(provider, entity_type)(decode(payload))


@cache
def _mapping(provider: str, entity_type: str) -> Callable[[Mapping[str, Any]], Entity]:
    to = source(provider).stream(entity_type).to_entity
    if to is None:
        raise Unmappable("entity", entity_type, "entity that can be promoted")
    return to


def prepare(lines: Iterable[tuple[Claimed, str | None]], providers: Mapping[int, str]) -> list[Item]:
    """Map a batch of lines with their payloads; a record that cannot be mapped gets its reason and fails alone."""
    items = []
    for line, payload in lines:
        item = Item(line, providers.get(line.connection_id, ""))
        items.append(item)
        if line.action == "delete":
            continue
        if payload is None:
            item.error = "The planned version of this record is not among the captured ones."
            continue
        try:
            entity = to_entity(item.provider, line.entity_type, payload)
            if entity.warnings:
                item.warnings.extend(entity.warnings)
            if isinstance(entity, Order):
                check_totals(entity, item.warnings)
            table = table_of(entity)
            item.values = encode(table, table.row(entity))
            item.entity, item.table = entity, table
        except Exception as error:  # noqa: BLE001 - a payload of any shape fails its own line, not the batch
            item.error = (
                str(error)
                if isinstance(error, SyncError)
                else f"The payload does not have the expected form: {type(error).__name__}: {error}"
            )
    return items


def check_totals(order: Order, warnings: list[str]) -> None:
    """Where the items do not add up to the total: a warning with the amount, which `metadata` keeps."""
    if order.items is None:
        return
    difference = order.total - sum((one.total for one in order.items), Decimal(0))
    if difference:
        order.metadata["items_difference"] = difference
        warnings.append(f"The items add up to {order.total - difference}, the order says {order.total}: {difference}.")


def refs_of(item: Item) -> Ref | None:
    """What the row's relation refers to."""
    if item.table is None or item.table.link is None or item.entity is None:
        return None
    return item.table.link(item.entity)
