"""Loyalty programs, coupons and gift cards; the module may be absent."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="loyalty_programs",
    entity_type="loyalty_program",
    title="Loyalty programs",
    path="loyalty.program",
    sweep=Sweep.READ,
    optional=True,
    expects=("name", "program_type"),
    to_entity=to_reference("loyalty_program"),
)
