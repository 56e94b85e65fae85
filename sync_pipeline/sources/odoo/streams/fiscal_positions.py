"""Fiscal positions: which taxes apply to whom."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="fiscal_positions",
    entity_type="fiscal_position",
    title="Fiscal positions",
    path="account.fiscal.position",
    optional=True,
    sweep=Sweep.READ,
    expects=("name",),
    to_entity=to_reference("fiscal_position"),
)
