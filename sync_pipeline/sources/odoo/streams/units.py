"""Units of measure."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="units",
    entity_type="unit",
    title="Units of measure",
    path="uom.uom",
    sweep=Sweep.READ,
    company=None,
    expects=("name", "factor"),
    to_entity=to_reference("unit"),
)
