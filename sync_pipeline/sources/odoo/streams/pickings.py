"""Deliveries and receipts. parent_id is the sale order, if there is one."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="pickings",
    entity_type="picking",
    title="Transfers",
    columns=("partner_id", "state", "scheduled_date"),
    path="stock.picking",
    optional=True,
    parent_field="sale_id",
    refers_to="order",
    code="name",
    sweep_fields=names("id write_date name state partner_id sale_id location_id location_dest_id date_done"),
    expects=("name", "state", "picking_type_id", "location_id", "location_dest_id"),
    personal=names("note signature carrier_tracking_ref carrier_tracking_url activity_summary"),
    dates=("create_date", "write_date", "scheduled_date", "date_done"),
)
