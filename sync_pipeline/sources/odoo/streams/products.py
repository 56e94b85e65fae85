"""Products (templates), archived ones too; their variants are a stream of their own."""

from sync_pipeline.sources.odoo.mappers.product import to_product
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="products",
    entity_type="product",
    title="Products",
    path="product.template",
    entity="product",
    label="name",
    code="default_code",
    code_is="sku",
    # A single variant's barcode is the template's too.
    computed=("barcode", "currency_id"),
    # Variants write SKU and barcode of theirs here without its date.
    sweep_fields=(
        "id",
        "write_date",
        "active",
        "sale_ok",
        "type",
        "name",
        "default_code",
        "barcode",
        "list_price",
        "categ_id",
        "uom_id",
    ),
    expects=(
        "name",
        "list_price",
        "default_code",
        "categ_id",
        "type",
        "active",
        "description_sale",
        "uom_id",
        "taxes_id",
    ),
    money=("list_price",),
    dates=("create_date", "write_date"),
    to_entity=to_product,
)
