"""Lots and serial numbers. parent_id is the variant."""

from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream

STREAM = OdooStream(
    name="lots",
    entity_type="lot",
    title="Lots and serial numbers",
    path="stock.lot",
    optional=True,
    absent=LEFT_OUT,
    parent_field="product_id",
    refers_to="variation",
    code="name",
    sweep_fields=("id", "write_date", "name", "ref", "product_id"),
    expects=("name", "product_id"),
    to_entity=to_reference("lot"),
)
