"""Variants (product.product). parent_id is the template."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.odoo.mappers.variant import to_variant
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="variants",
    entity_type="variation",
    title="Variants",
    columns=("lst_price", "product_tmpl_id"),
    path="product.product",
    entity="variant",
    parent_field="product_tmpl_id",
    refers_to="product",
    part_of_parent=True,
    code="default_code",
    code_is="sku",
    # Fields of the template, so that a change there shows here; and the price with the attributes' extras.
    computed=names(
        "name list_price lst_price price_extra categ_id uom_id type is_storable currency_id company_id sale_ok"
    ),
    # An attribute's extra price changes lst_price, but no date.
    sweep_fields=names(
        "id write_date active name default_code barcode standard_price lst_price product_template_attribute_value_ids"
    ),
    expects=names(
        "name product_tmpl_id default_code barcode lst_price standard_price active product_template_attribute_value_ids"
    ),
    leaves_out={
        "is_in_selected_section_of_order": "state of a user interface",
        "lot_properties_definition": "defines fields of another model",
    },
    money=("lst_price", "standard_price"),
    amounts=("list_price", "price_extra", "currency_id"),
    texts=("default_code",),
    to_entity=to_variant,
)
