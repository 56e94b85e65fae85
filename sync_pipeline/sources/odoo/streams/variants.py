"""Variants (product.product). parent_id is the template."""

from sync_pipeline.sources.odoo.mappers.variant import to_variant
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="variants",
    entity_type="variation",
    title="Variants",
    path="product.product",
    entity="variant",
    parent_field="product_tmpl_id",
    refers_to="product",
    label="name",
    code="default_code",
    code_is="sku",
    # The template's own, which a change of the template shows here too; and the price with the attributes' extras.
    computed=(
        "name",
        "list_price",
        "lst_price",
        "price_extra",
        "categ_id",
        "uom_id",
        "type",
        "is_storable",
        "currency_id",
        "company_id",
        "sale_ok",
    ),
    # An attribute's extra price changes lst_price and no date.
    sweep_fields=(
        "id",
        "write_date",
        "active",
        "name",
        "default_code",
        "barcode",
        "standard_price",
        "lst_price",
        "product_template_attribute_value_ids",
    ),
    expects=(
        "name",
        "product_tmpl_id",
        "default_code",
        "barcode",
        "lst_price",
        "standard_price",
        "active",
        "product_template_attribute_value_ids",
    ),
    leaves_out={
        "is_in_selected_section_of_order": "a state of someone's screen",
        "lot_properties_definition": "the form of another model's records",
    },
    money=("lst_price", "list_price", "standard_price"),
    dates=("create_date", "write_date"),
    to_entity=to_variant,
)
