"""Product categories, a tree. Renaming one does not change the date of its products, which hold only its id."""

from sync_pipeline.sources.odoo.mappers.category import to_category
from sync_pipeline.sources.odoo.stream import ShortList

STREAM = ShortList(
    name="categories",
    entity_type="category",
    title="Categories",
    columns=("parent_id",),
    path="product.category",
    entity="category",
    company=None,
    parent_field="parent_id",
    refers_to="category",
    code="complete_name",
    expects=("name", "parent_id", "complete_name"),
    to_entity=to_category,
)
