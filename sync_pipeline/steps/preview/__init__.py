"""preview: what would change, before anything changes."""

from sync_pipeline.steps.preview.compare import PreviewReport, recompute
from sync_pipeline.steps.preview.table import RecordDetail, TablePage, record, table

__all__ = ["PreviewReport", "RecordDetail", "TablePage", "recompute", "record", "table"]
