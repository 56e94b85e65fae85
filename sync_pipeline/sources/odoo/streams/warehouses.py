"""Warehouses."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="warehouses",
    entity_type="warehouse",
    title="Warehouses",
    path="stock.warehouse",
    optional=True,
    sweep=Sweep.READ,
    code="code",
    expects=("name", "code", "lot_stock_id"),
    to_entity=to_reference("warehouse"),
)
