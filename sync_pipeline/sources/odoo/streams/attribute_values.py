"""The values of attributes. parent_id is the attribute."""

from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="attribute_values",
    entity_type="attribute_value",
    title="Attribute values",
    path="product.attribute.value",
    company=None,
    parent_field="attribute_id",
    refers_to="attribute",
    sweep_fields=("id", "write_date", "name", "attribute_id", "active"),
    expects=("name", "attribute_id"),
    leaves_out={"pav_attribute_line_ids": "the products name their attributes"},
    to_entity=to_reference("attribute_value"),
)
