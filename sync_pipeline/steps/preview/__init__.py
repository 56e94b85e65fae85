"""preview: what would change, before anything changes."""

from sync_pipeline.steps.preview.compare import compare_some, recompute
from sync_pipeline.steps.preview.mappers import mapped_by_older
from sync_pipeline.steps.preview.record import RecordDetail, record
from sync_pipeline.steps.preview.summary import PreviewReport, Summary, summaries
from sync_pipeline.steps.preview.table import DECISIONS, STATUSES, RecordPage, table

__all__ = [
    "DECISIONS",
    "STATUSES",
    "PreviewReport",
    "RecordDetail",
    "RecordPage",
    "Summary",
    "compare_some",
    "mapped_by_older",
    "recompute",
    "record",
    "summaries",
    "table",
]
