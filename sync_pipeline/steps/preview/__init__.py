"""preview: what would change, before anything changes."""

from sync_pipeline.steps.preview.as_compared import sum_up
from sync_pipeline.steps.preview.browse import Browsed, RecordRow, RecordView, browse, browse_some
from sync_pipeline.steps.preview.compare import catch_up, compare_some, hold_core, recompute
from sync_pipeline.steps.preview.counts import RecordCounts, count_records
from sync_pipeline.steps.preview.followed import check as check_followed
from sync_pipeline.steps.preview.mappers import MappedByOlder, mapped_by_older
from sync_pipeline.steps.preview.matching import DECISIONS, STATUSES
from sync_pipeline.steps.preview.record import RecordDetail, record, version_changes, version_text
from sync_pipeline.steps.preview.relatives import Relatives, relatives
from sync_pipeline.steps.preview.saved_views import (
    LONGEST_NAME,
    MOST_VIEWS,
    SavedView,
    delete_view,
    save_view,
    saved_views,
)
from sync_pipeline.steps.preview.summary import EntityPreview, PreviewReport, summaries
from sync_pipeline.steps.preview.table import RecordPage, table
from sync_pipeline.steps.preview.totals import EntityTotals, entity_totals
from sync_pipeline.steps.preview.warn import warn_again
