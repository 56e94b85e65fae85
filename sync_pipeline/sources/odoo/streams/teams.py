"""Sales teams."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream

STREAM = OdooStream(
    name="teams",
    entity_type="team",
    title="Sales teams",
    path="crm.team",
    optional=True,
    absent=LEFT_OUT,
    sweep=Sweep.READ,
    expects=("name",),
    to_entity=to_reference("team"),
)
