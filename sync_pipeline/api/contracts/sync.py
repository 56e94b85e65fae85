"""Queues, full syncs, several entities at once, and plans."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from sync_pipeline.api.contracts.base import BatchDelay, BatchSize, ConnectionOf, ConnectionOrAll, Shape, Why
from sync_pipeline.api.contracts.observe import RequestInfo
from sync_pipeline.api.contracts.table import Ids
from sync_pipeline.steps.promote import Line, QueueStatus, Requested
from sync_pipeline.steps.select import Plan

PlanHash = Annotated[str, Field(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$")]


class QueueEvent(Shape):
    """The progress of a queue, sent whenever it changes."""

    queueId: UUID = Field(validation_alias="queue_id")  # noqa: N815
    state: str = Field(examples=["processing"])
    totalCount: int = Field(validation_alias="total")  # noqa: N815
    processedCount: int = Field(validation_alias="done", description="Lines that are done.")  # noqa: N815
    failedCount: int = Field(validation_alias="failed")  # noqa: N815
    cancelledCount: int = Field(validation_alias="cancelled")  # noqa: N815
    itemsPerMin: float = Field(validation_alias="items_per_minute")  # noqa: N815
    etaSeconds: float | None = Field(validation_alias="eta_seconds")  # noqa: N815
    completionPercent: float = Field(validation_alias="percent")  # noqa: N815

    @classmethod
    def of(cls, status: QueueStatus) -> Self:
        """A queue's progress as a stream sends it."""
        return cls.model_validate(status, from_attributes=True)


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
    """The queue: a new one, or the open one that has the records already. If it is None, `message` says why."""

    queue: QueueStatus | None
    plan_id: UUID | None = None
    request_id: int | None = Field(None, description="The request whose run processes the queue.")
    message: str | None = None
    left_out: str | None = Field(None, description="What agents proposed and the queue leaves out.")

    @classmethod
    def of(cls, asked: Requested, left_out: str | None = None) -> Self:
        """The response for a queue and the request whose run works on it."""
        return cls(queue=asked.queue, plan_id=asked.queue.plan_id, request_id=asked.request_id, left_out=left_out)


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

    connection: ConnectionOrAll = None
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

    connection: ConnectionOrAll = None
    entities: list[str] = Field(
        default_factory=list, max_length=50, description="All entities if empty.", examples=[["products"]]
    )
    remap: bool = Field(False, description="Plan the records that an older mapper mapped instead, except ignored ones.")
    batches: list[int] | None = Field(
        None, min_length=1, max_length=100, description="What these selections included, and nothing else."
    )
    why: Why = None


class MadePlan(Shape):
    """The plan. If it is None, `message` says why."""

    plan: Plan | None
    message: str | None = None
    left_out: str | None = Field(None, description="What agents proposed and the plan leaves out.")


class ApprovedHash(Shape):
    """The plan is approved that has exactly this hash."""

    hash: PlanHash = Field(description="The plan's hash.")


class Application(Shape):
    """How to apply a plan."""

    hash: PlanHash | None = Field(None, description="Apply the plan only if it has this hash.")
    batch_size: BatchSize = None
    batch_delay_ms: BatchDelay = None


class Reason(Shape):
    """The reason for a refusal or an undo."""

    why: Why = None
