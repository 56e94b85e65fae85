"""Product attributes."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="attributes",
    entity_type="attribute",
    title="Attributes",
    path="product.attribute",
    sweep=Sweep.READ,
    company=None,
    expects=("name",),
    leaves_out={"product_tmpl_ids": "the products name their attributes"},
    to_entity=to_reference("attribute"),
)
