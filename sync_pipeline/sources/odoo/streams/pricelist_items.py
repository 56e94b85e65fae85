"""The rules of pricelists. parent_id is the pricelist; changing them does not change its date."""

from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="pricelist_items",
    entity_type="pricelist_item",
    title="Pricelist items",
    columns=("fixed_price", "compute_price"),
    path="product.pricelist.item",
    parent_field="pricelist_id",
    refers_to="pricelist",
    label=None,
    sweep_fields=("id", "write_date", "fixed_price", "percent_price", "price_discount", "min_quantity"),
    expects=("pricelist_id", "compute_price", "fixed_price", "min_quantity"),
    money=("fixed_price",),
    dates=("create_date", "write_date", "date_start", "date_end"),
    to_entity=to_reference("pricelist_item"),
)
