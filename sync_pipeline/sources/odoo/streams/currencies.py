"""Currencies, including those not in use."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="currencies",
    entity_type="currency",
    title="Currencies",
    path="res.currency",
    sweep=Sweep.READ,
    company=None,
    label="full_name|name",
    code="name",
    expects=("name", "symbol", "rounding", "decimal_places"),
    to_entity=to_reference("currency"),
)
