"""Vendors' prices of products. parent_id is the template."""

from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream

STREAM = OdooStream(
    name="supplier_prices",
    entity_type="supplier_price",
    title="Supplier prices",
    path="product.supplierinfo",
    optional=True,
    absent=LEFT_OUT,
    parent_field="product_tmpl_id",
    refers_to="product",
    label="product_name",
    code="product_code",
    sweep_fields=("id", "write_date", "partner_id", "product_tmpl_id", "product_id", "price", "min_qty"),
    expects=("partner_id", "product_tmpl_id", "price", "min_qty", "currency_id"),
    money=("price",),
    to_entity=to_reference("supplier_price"),
)
