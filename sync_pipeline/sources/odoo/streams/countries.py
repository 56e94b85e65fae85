"""Countries."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="countries",
    entity_type="country",
    title="Countries",
    path="res.country",
    sweep=Sweep.READ,
    company=None,
    code="code",
    expects=("name", "code"),
    to_entity=to_reference("country"),
)
