"""preview: what would change, before anything changes."""

from sync_pipeline.steps.preview.compare import compare_some, recompute
from sync_pipeline.steps.preview.mappers import mapped_by_older
from sync_pipeline.steps.preview.record import record
from sync_pipeline.steps.preview.summary import PreviewReport, summaries
from sync_pipeline.steps.preview.table import DECISIONS, table

__all__ = ["DECISIONS", "PreviewReport", "compare_some", "mapped_by_older", "recompute", "record", "summaries", "table"]
