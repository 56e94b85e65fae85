"""preview: what would change, before anything changes."""

from sync_pipeline.steps.preview.compare import PreviewReport, Summary, compare_some, recompute, summaries
from sync_pipeline.steps.preview.mappers import mapped_by_older
from sync_pipeline.steps.preview.record import RecordDetail, record
from sync_pipeline.steps.preview.table import DECISIONS, STATUSES, TablePage, table

__all__ = [
    "DECISIONS",
    "STATUSES",
    "PreviewReport",
    "RecordDetail",
    "Summary",
    "TablePage",
    "compare_some",
    "mapped_by_older",
    "recompute",
    "record",
    "summaries",
    "table",
]
