"""States and provinces of countries. parent_id is the country."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="states",
    entity_type="state",
    title="States",
    path="res.country.state",
    sweep=Sweep.READ,
    company=None,
    parent_field="country_id",
    refers_to="country",
    code="code",
    expects=("name", "code", "country_id"),
    to_entity=to_reference("state"),
)
