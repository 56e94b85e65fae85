"""Stock moves: what a transfer moves. parent_id is the transfer."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="moves",
    entity_type="move",
    title="Stock moves",
    columns=("product_id", "product_uom_qty", "state"),
    path="stock.move",
    optional=True,
    parent_field="picking_id",
    refers_to="picking",
    label="reference",
    sweep_fields=names(
        "id write_date state partner_id product_id location_id location_dest_id product_uom_qty quantity"
    ),
    expects=("product_id", "product_uom_qty", "quantity", "state", "location_id", "location_dest_id"),
    leaves_out={
        "move_orig_ids": "the earlier moves write it",
        "move_dest_ids": "the later moves write it",
        "analytic_account_line_ids": "the analytic lines hold it",
    },
    dates=("create_date", "write_date", "date"),
)
