"""Delivery methods; the module may be absent."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="carriers",
    entity_type="carrier",
    title="Delivery methods",
    path="delivery.carrier",
    sweep=Sweep.READ,
    optional=True,
    code="delivery_type",
    expects=("name", "delivery_type", "product_id"),
    money=("fixed_price",),
    to_entity=to_reference("carrier"),
)
