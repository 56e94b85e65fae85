"""Products (templates), archived ones too; their variants are a stream of their own."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.odoo.mappers.product import to_product
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="products",
    entity_type="product",
    title="Products",
    columns=("list_price", "type", "categ_id"),
    path="product.template",
    entity="product",
    code="default_code",
    code_is="sku",
    # The barcode of a template with a single variant is the variant's.
    computed=("barcode", "currency_id"),
    # Variants write their SKU and barcode here without changing the date.
    sweep_fields=names("id write_date active sale_ok type name default_code barcode list_price categ_id uom_id"),
    expects=names("name list_price default_code categ_id type active description_sale uom_id taxes_id"),
    money=("list_price",),
    amounts=("standard_price", "currency_id"),
    texts=("default_code",),
    to_entity=to_product,
)
