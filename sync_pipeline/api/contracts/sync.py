"""Queues, full syncs, several entities at once, and plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from sync_pipeline.api.contracts.base import BatchDelay, BatchSize, ConnectionOf, Shape, Why
from sync_pipeline.api.contracts.observe import RequestInfo
from sync_pipeline.api.contracts.table import Ids
from sync_pipeline.steps.promote import Line, QueueStatus
from sync_pipeline.steps.select import Plan


class QueueEvent(Shape):
    """The progress of a queue, sent whenever it changes."""

    queueId: UUID  # noqa: N815
    state: str = Field(examples=["processing"])
    totalCount: int  # noqa: N815
    processedCount: int = Field(description="Lines that are done.")  # noqa: N815
    failedCount: int  # noqa: N815
    cancelledCount: int  # noqa: N815
    itemsPerMin: float  # noqa: N815
    etaSeconds: float | None  # noqa: N815
    completionPercent: float  # noqa: N815


class QueueLines(Shape):
    """Lines of a queue, in order."""

    data: Sequence[Line]
    next: int | None = Field(description="Send it as `after` to get the next lines; None: there are no more.")


class QueueAction(Shape):
    """An action on a queue. `start` creates one: of `plan_id`, of `ids`, or of what is already included."""

    model_config = ConfigDict(json_schema_extra={"example": {"action": "start", "ids": ["101", "102"]}})

    action: Literal["start", "status", "retry", "cancel", "force-done"]
    queue_id: UUID | None = Field(None, description="Required for every action except start.")
    plan_id: UUID | None = Field(None, description="start: promote this plan.")
    ids: Ids | None = Field(None, description="start: include and promote these records.")
    connection: ConnectionOf = None
    batch_size: BatchSize = None
    batch_delay_ms: BatchDelay = None
    why: Why = None


class QueueAnswer(Shape):
    """The queue. If it is None, there was nothing to do."""

    queue: QueueStatus | None
    plan_id: UUID | None = None
    request_id: int | None = Field(None, description="The request whose run processes the queue.")
    message: str | None = None


class EntityIds(Shape):
    """Records of one entity."""

    entity: str = Field(max_length=60, examples=["products"])
    ids: Ids


class Orchestration(Shape):
    """Records of several entities, to promote in the order of their dependencies."""

    connection: ConnectionOf = None
    entities: list[EntityIds] = Field(min_length=1, max_length=50)
    batch_size: BatchSize = None
    batch_delay_ms: BatchDelay = None
    why: Why = None


class Materialization(Shape):
    """Entities whose selected records to promote, in the order of their dependencies."""

    connection: ConnectionOf = None
    entities: list[str] = Field(
        default_factory=list, max_length=50, description="All entities if empty.", examples=[["categories", "products"]]
    )
    batch_size: BatchSize = None
    batch_delay_ms: BatchDelay = None


class FullSync(Shape):
    """The request for a full sync. `run_id` is the Dagster run, once there is one."""

    request: RequestInfo
    run_id: str | None


class NewPlan(Shape):
    """What to plan: by default everything that is included and not yet in core."""

    connection: ConnectionOf = None
    entities: list[str] = Field(
        default_factory=list, max_length=50, description="All entities if empty.", examples=[["products"]]
    )
    remap: bool = Field(False, description="Plan the records that an older mapper mapped instead, except ignored ones.")


class MadePlan(Shape):
    """The plan, or None and the reason."""

    plan: Plan | None
    message: str | None = None


class Approval(Shape):
    """Approval of the plan with exactly this hash."""

    hash: str = Field(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$", description="The plan's hash.")


class Application(Shape):
    """How to apply a plan."""

    hash: str | None = Field(
        None,
        min_length=64,
        max_length=64,
        pattern="^[0-9a-f]{64}$",
        description="Apply the plan only if it has this hash.",
    )
    batch_size: BatchSize = None
    batch_delay_ms: BatchDelay = None


class Reason(Shape):
    """The reason for a refusal or an undo."""

    why: Why = None
