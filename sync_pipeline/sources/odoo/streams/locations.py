"""Stock locations, a tree. parent_id is the location above."""

from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="locations",
    entity_type="location",
    title="Locations",
    path="stock.location",
    optional=True,
    parent_field="location_id",
    refers_to="location",
    label="complete_name|name",
    code="barcode",
    sweep_fields=("id", "write_date", "name", "complete_name", "usage", "location_id", "active"),
    expects=("name", "complete_name", "usage"),
    to_entity=to_reference("location"),
)
