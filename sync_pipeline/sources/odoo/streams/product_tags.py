"""Tags of products."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream

STREAM = OdooStream(
    name="product_tags",
    entity_type="product_tag",
    title="Product tags",
    path="product.tag",
    optional=True,
    absent=LEFT_OUT,
    sweep=Sweep.READ,
    company=None,
    expects=("name",),
    leaves_out={
        "product_template_ids": "the products that have it: they say so themselves",
        "product_product_ids": "the variants that have it: they say so themselves",
    },
    to_entity=to_reference("product_tag"),
)
