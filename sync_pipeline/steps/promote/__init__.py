"""promote: plans become core rows, and can be taken back.

A plan's records are the lines of a queue. A worker claims a batch of lines, maps their payloads to entities while the
database merges the batch before, and writes each batch set-based in one transaction: core rows, mapping, links, the
lines themselves. What every row was before is kept, so `undo` returns to it.
"""

from sync_pipeline.steps.promote.ask import Asked, Once, Pick, ask, ask_again, ask_once, plan_of
from sync_pipeline.steps.promote.gates import resume
from sync_pipeline.steps.promote.queue import (
    Line,
    QueueStatus,
    cancel,
    force_done,
    lines,
    retry,
    start,
    status,
    statuses,
)
from sync_pipeline.steps.promote.service import ApplyReport, apply
from sync_pipeline.steps.promote.undo import UndoReport, undo
from sync_pipeline.steps.promote.worker import work

__all__ = [
    "ApplyReport",
    "Asked",
    "Line",
    "Once",
    "Pick",
    "QueueStatus",
    "UndoReport",
    "apply",
    "ask",
    "ask_again",
    "ask_once",
    "cancel",
    "force_done",
    "lines",
    "plan_of",
    "resume",
    "retry",
    "start",
    "status",
    "statuses",
    "undo",
    "work",
]
