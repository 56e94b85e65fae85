"""Categories: one answer holds all."""

from sync_pipeline.sources.base import Paging, Stream
from sync_pipeline_tests.kiosk.mappers import to_category

STREAM = Stream(
    name="categories",
    entity_type="category",
    title="Categories",
    path="categories",
    entity="category",
    paging=Paging.WHOLE,
    label="title",
    to_entity=to_category,
)
