"""Map a batch of lines: payloads become entities and rows. Without a database, so it runs during a database write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.core import CoreTable, core_tables, table_of
from sync_pipeline.entities.product import Product
from sync_pipeline.entities.stock import Stock
from sync_pipeline.entities.variant import Variant
from sync_pipeline.steps.capture.mapped import Captured, entity_hash, reason, to_entities
from sync_pipeline.steps.capture.record_key import RecordKey
from sync_pipeline.steps.capture.related import Lookup
from sync_pipeline.steps.promote.core.encode import encode, with_currency
from sync_pipeline.steps.promote.core.stage import line as copied

_Entity = TypeVar("_Entity", bound=Entity)
_STOCK = core_tables()["core.inventory_items"]


class Claimed(msgspec.Struct, frozen=True):
    """A line this worker holds."""

    line_no: int
    connection_id: int
    entity_type: str
    external_id: str
    action: str
    content_hash: bytes

    @property
    def key(self) -> RecordKey:
        """The record."""
        return (self.connection_id, self.entity_type, self.external_id)


class WorkItem(msgspec.Struct, eq=False):
    """A line and what it becomes. With an `error` it fails alone."""

    line: Claimed
    provider: str
    entity: Entity | None = None
    table: CoreTable | None = None
    text: str = ""  # the core row's columns, ready for COPY
    stock: str | None = None  # the same for its stock, if the record holds it
    entity_hash: int | None = None  # of the entity, if its mapper follows other records
    error: str | None = None
    warnings: list[str] = msgspec.field(default_factory=list)
    # Set from the mapping when the batch is written, or by identity:
    id: int = 0
    was_mapped: bool = False
    former: str | None = None  # what its promoted version claims
    claim: str | None = None  # its folded SKU or e-mail
    was_set_aside: bool = False  # it lost its SKU to another record before: no new conflict
    is_new: bool = False
    left: tuple[str, int] | None = None  # the table and row it was mapped to, where it belongs to another table now
    core_wins: bool = False  # the core row keeps its own values
    sku_set_aside: bool = False
    targets: list[int | None] = msgspec.field(default_factory=list)  # of the table's relations, in their order

    def is_mapped_to(self, row: Any | None) -> None:
        """Set the fields from the current mapping (`row`, if there is one); identity sets the rest."""
        self.was_mapped, self.was_set_aside = row is not None, row is not None and row.sku_set_aside
        self.claim, self.former = None, row.claim if row is not None and not row.promoted_deleted else None
        here = row is not None and (self.table is None or self.table.name == row.core_table)
        self.id = row.internal_id if row is not None and here else 0
        self.core_wins = row is not None and here and row.core_wins and not row.promoted_deleted
        self.left = None if row is None or here else (row.core_table, row.internal_id)
        self.is_new = self.sku_set_aside = False
        self.targets = []

    @property
    def sku(self) -> str | None:
        """The entity's SKU, where it has one."""
        return getattr(self.entity, "sku", None)

    @property
    def email(self) -> str | None:
        """The entity's e-mail, where it has one."""
        return getattr(self.entity, "email", None)


def prepare(
    lines: Iterable[tuple[Claimed, str | None, str | None]],
    providers: Mapping[int, str],
    currency: str | None,
    look: Lookup,
    currencies: Mapping[int, str] | None = None,
) -> list[WorkItem]:
    """Map a batch of lines, each with its payload and what it was listed under; a record that cannot be mapped gets its
    reason and fails alone.

    `currency` is that of prices without one, `currencies` that of the connections where it is another.
    """
    items = []
    mapped = []
    payloads = []
    for line, payload, parent_id in lines:
        item = WorkItem(line, providers.get(line.connection_id, ""))
        items.append(item)
        if line.action == "delete":
            continue
        if payload is None:
            item.error = "The planned version of this record is not among the captured ones."
            continue
        mapped.append(item)
        payloads.append(Captured(line.connection_id, item.provider, line.entity_type, payload, parent_id))
    for item, entity in zip(mapped, to_entities(payloads, look), strict=True):
        try:
            if isinstance(entity, Exception):
                raise entity
            item.entity_hash = entity_hash(item.provider, item.line.entity_type, entity)
            _fill(item, priced(entity, (currencies or {}).get(item.line.connection_id)), currency)
        except Exception as error:  # noqa: BLE001 - a payload of any shape fails its own line, not the batch
            item.error = reason(error)
    return items


def priced(entity: _Entity, currency: str | None) -> _Entity:
    """The entity with its connection's currency, where its amounts name none."""
    if currency is None or getattr(entity, "currency", "") is not None:
        return entity
    return msgspec.structs.replace(entity, currency=currency)


def _fill(item: WorkItem, entity: Entity, currency: str | None) -> None:
    if entity.warnings:
        item.warnings.extend(entity.warnings)
    table = table_of(type(entity))
    if table.row is None:
        item.text = copied(encode(table, with_currency(table, table.values(entity), currency)))
    if isinstance(entity, Product | Variant) and entity.stock is not None:
        item.stock = copied(stock_fields(item.line, entity.stock))
    item.entity, item.table = entity, table


def stock_fields(line: Claimed, stock: Stock, metadata: str = "{}") -> tuple[Any, ...]:
    """A record's stock, as the columns of stage_inventory after the article's ids."""
    if stock.quantity is not None and not stock.manage_stock:
        stock = msgspec.structs.replace(stock, quantity=None)
    return (line.connection_id, line.entity_type, line.external_id, *_STOCK.values(stock), metadata)
