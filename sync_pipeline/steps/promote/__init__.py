"""promote: plans become core rows, and can be undone.

A record passes, in this order:

    queue/   start or apply: a plan becomes a queue → worker: claims a batch of lines
    map/     batch: payloads become entities and rows → related: the records that they name
    place/   identity, sku: which core row a record is
    write/   rows: a batch in one transaction → child_rows, links, merge (several records, one row), figures
    effects  what a plan will do to core, record by record → shared_rows: tried where several records share a row;
             order_sums: what it makes of the sums of orders
    undo     every row returns to what it was before; undo_preview: what that would be
    core_check   everything is written once more and must change nothing
    written      how many rows of each core table promotions wrote

`core/` has the statements, written once for all core tables; entities/ describes the tables.
"""

from sync_pipeline.steps.promote.core_check import CoreCheck, Difference, check_core, make_repair_plan
from sync_pipeline.steps.promote.effects import effects
from sync_pipeline.steps.promote.queue.apply import ApplyReport, apply
from sync_pipeline.steps.promote.queue.queue import (
    Line,
    LineState,
    QueueState,
    QueueStatus,
    Staleness,
    cancel,
    force_done,
    lines,
    queues,
    retry,
    stale,
    start,
    status,
    statuses,
)
from sync_pipeline.steps.promote.queue.start import (
    Once,
    Pick,
    Requested,
    create_request,
    plan_of,
    queue_with,
    request_once,
    retry_request,
)
from sync_pipeline.steps.promote.queue.worker import work
from sync_pipeline.steps.promote.resume import resume
from sync_pipeline.steps.promote.undo import UndoReport, undo
from sync_pipeline.steps.promote.undo_preview import UndoneTable, UndoPreview, preview_undo
from sync_pipeline.steps.promote.written import WrittenRows, database_time, rows_written
