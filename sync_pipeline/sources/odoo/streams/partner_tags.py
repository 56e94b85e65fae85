"""Tags of customers, a tree. parent_id is the tag above. Renaming one does not change the date of its partners."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="partner_tags",
    entity_type="partner_tag",
    title="Customer tags",
    path="res.partner.category",
    sweep=Sweep.READ,
    company=None,
    parent_field="parent_id",
    refers_to="partner_tag",
    expects=("name",),
    leaves_out={"partner_ids": "the partners name their tags"},
    to_entity=to_reference("partner_tag"),
)
