"""Queues, full syncs, several entities at once; plans."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from sync_pipeline.api.contracts.base import BatchDelay, BatchSize, ConnectionOf, Plain, Shape, Why
from sync_pipeline.api.contracts.observe import RequestInfo
from sync_pipeline.api.contracts.table import Ids


class QueueInfo(Shape):
    """How far a queue is. Its counts are kept by the database, whoever works on it."""

    queue_id: UUID
    plan_id: UUID
    state: Literal["draft", "processing", "partial", "done", "failed", "cancelled"]
    total: int
    done: int
    failed: int
    cancelled: int
    open: int = Field(description="QueueLines that are neither done nor failed nor cancelled.")
    action_required: int = Field(description="Failed lines that a person must look at.")
    percent: float
    items_per_minute: float
    eta_seconds: float | None = Field(description="None while nothing can be said.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    undone_at: datetime | None


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


class LineInfo(Shape):
    """One record of a queue."""

    line_no: int
    connection: str | None
    entity_type: str
    external_id: str
    action: Literal["create", "update", "delete"]
    state: Literal["draft", "processing", "done", "failed", "cancelled"]
    attempts: int
    is_action_required: bool
    reason: str | None
    warnings: list[str]
    finished_at: datetime | None


class QueueLines(Shape):
    """QueueLines of a queue, in order."""

    data: list[LineInfo]
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

    queue: QueueInfo | None
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


class PlanInfo(Shape):
    """A plan: its counts, and the hash that an approval is bound to."""

    plan_id: UUID
    hash: str
    state: Literal["proposed", "approved", "applied", "refused", "undone"]
    creates: int
    updates: int
    deletes: int
    origin: str
    created_by: str
    created_at: datetime | None
    approved_by: str | None
    approved_at: datetime | None
    applied_at: datetime | None
    queue: UUID | None


class MadePlan(Shape):
    """The plan; or None, and why."""

    plan: PlanInfo | None
    message: str | None = None


class PlanItemInfo(Shape):
    """What a plan does to one record."""

    connection: str
    entity: str
    external_id: str
    action: Literal["create", "update", "delete"]
    name: str | None
    code: str | None = Field(description="SKU, order number … as the store has it.")
    version: str = Field(description="The version that is promoted.")
    changes: list[dict[str, Any]] = Field(
        description="{field, before, after} of an update; a side without the field has no key.",
        examples=[[{"field": "price", "before": "10.00", "after": "12.00"}]],
    )
    warnings: list[Plain]


class Approval(Shape):
    """A yes to exactly the plan with this hash."""

    hash: str = Field(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$", description="As the plan has it.")


class Application(Shape):
    """How to apply a plan. With `hash`, only if the plan has it."""

    hash: str | None = Field(
        None, min_length=64, max_length=64, pattern="^[0-9a-f]{64}$", description="Only if the plan has it."
    )
    batch_size: BatchSize = None
    batch_delay_ms: BatchDelay = None


class Reason(Shape):
    """Why."""

    why: Why = None


class Undone(Shape):
    """What undoing did."""

    plan_id: UUID
    queue_id: UUID
    rows: int = Field(description="Rows of core that are as they were before.")
    merged: int = Field(description="Rows that were merged again, because another record still maps to them.")
    seconds: float
