"""Queues as answers and as events."""

from __future__ import annotations

from sync_pipeline.api.contracts.sync import QueueAnswer, QueueEvent, QueueInfo
from sync_pipeline.steps.promote import Asked, QueueStatus


def info(status: QueueStatus) -> QueueInfo:
    """A queue as it is answered."""
    return QueueInfo.model_validate(
        {
            "queue_id": status.queue,
            "plan_id": status.plan,
            **{name: getattr(status, name) for name in QueueInfo.model_fields if name not in ("queue_id", "plan_id")},
        }
    )


def asked_answer(asked: Asked) -> QueueAnswer:
    """A queue and the request whose run works on it."""
    queue = info(asked.queue)
    return QueueAnswer(queue=queue, plan_id=queue.plan_id, request_id=asked.request_id)


def event(status: QueueStatus) -> QueueEvent:
    """A queue as a stream tells it."""
    return QueueEvent.model_validate(
        {
            "queueId": status.queue,
            "state": status.state,
            "totalCount": status.total,
            "processedCount": status.done,
            "failedCount": status.failed,
            "cancelledCount": status.cancelled,
            "itemsPerMin": status.items_per_minute,
            "etaSeconds": status.eta_seconds,
            "completionPercent": status.percent,
        }
    )
