"""Queues, full syncs, several entities at once; plans."""

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
    """What a stream tells each time something has moved."""

    queueId: UUID  # noqa: N815
    state: str = Field(examples=["processing"])
    totalCount: int  # noqa: N815
    processedCount: int = Field(description="QueueLines that are done.")  # noqa: N815
    failedCount: int  # noqa: N815
    cancelledCount: int  # noqa: N815
    itemsPerMin: float  # noqa: N815
    etaSeconds: float | None  # noqa: N815
    completionPercent: float  # noqa: N815


class QueueLines(Shape):
    """QueueLines of a queue, in order."""

    data: Sequence[Line]
    next: int | None = Field(description="Send it as `after` for those that follow; None: these were the last.")


class QueueAction(Shape):
    """What to do with a queue. `start` makes one, of `plan_id`, of `ids`, or of what is included already."""

    model_config = ConfigDict(json_schema_extra={"example": {"action": "start", "ids": ["101", "102"]}})

    action: Literal["start", "status", "retry", "cancel", "force-done"]
    queue_id: UUID | None = Field(None, description="Of every action but start.")
    plan_id: UUID | None = Field(None, description="start: this plan.")
    ids: Ids | None = Field(None, description="start: include these records, and promote them.")
    connection: ConnectionOf = None
    batch_size: BatchSize = None
    batch_delay_ms: BatchDelay = None
    why: Why = None


class QueueAnswer(Shape):
    """What came of it. Without a queue there was nothing to do."""

    queue: QueueStatus | None
    plan_id: UUID | None = None
    request_id: int | None = Field(None, description="The request whose run works on the queue.")
    message: str | None = None


class EntityIds(Shape):
    """Records of one entity."""

    entity: str = Field(max_length=60, examples=["products"])
    ids: Ids


class Orchestration(Shape):
    """Records of several entities, promoted in the order of their dependencies."""

    connection: ConnectionOf = None
    entities: list[EntityIds] = Field(min_length=1, max_length=50)
    batch_size: BatchSize = None
    batch_delay_ms: BatchDelay = None
    why: Why = None


class Materialization(Shape):
    """Entities whose selected records are promoted, in the order of their dependencies. None named: all."""

    connection: ConnectionOf = None
    entities: list[str] = Field(
        default_factory=list, max_length=50, description="None named: all.", examples=[["categories", "products"]]
    )
    batch_size: BatchSize = None
    batch_delay_ms: BatchDelay = None


class FullSync(Shape):
    """The request of a full sync; `run_id` is Dagster's as soon as there is a run."""

    request: RequestInfo
    run_id: str | None


class NewPlan(Shape):
    """Plan everything that is included and not yet in core; or only of some entities of a connection.

    With `remap`, plan the records in core that an older mapper has mapped, whatever is selected.
    """

    connection: ConnectionOf = None
    entities: list[str] = Field(
        default_factory=list, max_length=50, description="None named: all.", examples=[["products"]]
    )
    remap: bool = Field(
        False, description="Renew the records that an older mapper has mapped; ignored ones are left out."
    )


class MadePlan(Shape):
    """The plan; or None, and why."""

    plan: Plan | None
    message: str | None = None


class Approval(Shape):
    """A yes to exactly the plan with this hash."""

    hash: str = Field(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$", description="As the plan has it.")


class Refusal(Shape):
    """A no."""

    why: Why = None


class Application(Shape):
    """How to apply a plan. With `hash`, only if the plan has it."""

    hash: str | None = Field(
        None, min_length=64, max_length=64, pattern="^[0-9a-f]{64}$", description="Only if the plan has it."
    )
    batch_size: BatchSize = None
    batch_delay_ms: BatchDelay = None
