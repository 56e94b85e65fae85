"""Quants: how much of a variant lies at a location."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sync_pipeline.entities.base import Follow, reads
from sync_pipeline.entities.reference import Reference
from sync_pipeline.entities.stock import InventoryItem, Stock
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.mappers.values import amount, first, kept, linked, not_captured, ref, text
from sync_pipeline.sources.odoo.mappers.variant import is_counted

_KEPT = ("lot_id", "package_id", "owner_id", "company_id", "reserved_quantity")
_counterpart = to_reference("stock")


@reads(
    follows=(
        Follow("location_id", "location", ("usage", "complete_name", "name")),
        Follow("product_id", "variation", ("product_tmpl_id", "type", "is_storable")),
    ),
)
def to_stock(payload: Mapping[str, Any]) -> InventoryItem | Reference:
    """One `stock.quant`. At an internal location it is stock of the business; elsewhere (customers, vendors, losses,
    transit) it is the other side of a movement and kept as reference data.

    Raises:
        SyncError: its location is not captured, so which of the two it is remains unknown.
        Unmappable: the quantity is not a number.
    """
    location = linked(payload, "location_id")
    if not location:
        raise not_captured("location", payload.get("location_id"), "locations")
    if location.get("usage") != "internal":
        return _counterpart(payload)
    quantity: Decimal = amount(payload, "quantity")
    variant = linked(payload, "product_id")
    counted = is_counted(variant) is not False
    return InventoryItem(
        product=ref("product", variant.get("product_tmpl_id")),
        variant=ref("variation", payload.get("product_id")),
        stock=Stock(
            quantity=quantity if counted else None,
            manage_stock=counted,
            stock_status=("in_stock" if quantity > 0 else "out_of_stock") if counted else None,
            location=first(text(location, "complete_name"), text(location, "name")) or "",
        ),
        metadata={"odoo_quant_id": payload.get("id"), **kept(payload, _KEPT)},
    )
