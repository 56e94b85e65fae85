"""Attribute values as a product has them, with their extra price. parent_id is the template."""

from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="template_attribute_values",
    entity_type="template_attribute_value",
    title="Product attribute values",
    path="product.template.attribute.value",
    # The model has no company; its product does.
    company="product_tmpl_id.company_id",
    parent_field="product_tmpl_id",
    refers_to="product",
    computed=("name",),
    sweep_fields=("id", "write_date", "price_extra", "ptav_active", "product_attribute_value_id", "name"),
    expects=("product_attribute_value_id", "attribute_id", "product_tmpl_id", "price_extra"),
    leaves_out={"ptav_product_variant_ids": "the variants name their values"},
    money=("price_extra",),
    to_entity=to_reference("template_attribute_value"),
)
