"""Pricelists."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="pricelists",
    entity_type="pricelist",
    title="Pricelists",
    path="product.pricelist",
    sweep=Sweep.READ,
    expects=("name", "currency_id"),
    to_entity=to_reference("pricelist"),
)
