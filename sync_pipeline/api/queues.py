"""Queues as responses and as events."""

from __future__ import annotations

from sync_pipeline.api.contracts.sync import QueueAnswer, QueueEvent
from sync_pipeline.steps.promote import QueueStatus, Requested


def requested_answer(asked: Requested) -> QueueAnswer:
    """The response for a queue and the request whose run works on it."""
    return QueueAnswer(queue=asked.queue, plan_id=asked.queue.plan_id, request_id=asked.request_id)


def event(status: QueueStatus) -> QueueEvent:
    """A queue's progress as a stream sends it."""
    return QueueEvent(
        queueId=status.queue_id,
        state=status.state,
        totalCount=status.total,
        processedCount=status.done,
        failedCount=status.failed,
        cancelledCount=status.cancelled,
        itemsPerMin=status.items_per_minute,
        etaSeconds=status.eta_seconds,
        completionPercent=status.percent,
    )
