"""Product categories, a tree. Renaming one moves no date of its products: they hold its id only."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.category import to_category
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="categories",
    entity_type="category",
    title="Categories",
    path="product.category",
    entity="category",
    sweep=Sweep.READ,
    company=None,
    parent_field="parent_id",
    refers_to="category",
    label="name",
    code="complete_name",
    expects=("name", "parent_id", "complete_name"),
    to_entity=to_category,
)
